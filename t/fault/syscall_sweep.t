#!/usr/bin/perl
#
# syscall_sweep.t - a system call of a worker fails, for each kind of call that
# it makes in a script of requests, each of its turns, and each reason that
# there may be.  The script is a read that is kept, one that is not, and a
# write with a key, over new connections to both sides.
#
# No answer says what is not so, and the write, repeated, is done once; the
# worker lives on, and serves the next who asks.
#
# strace injects the errors; what fails is not done.  So close() is not among
# them: Linux has closed the descriptor whatever it says.  make test takes some
# of the calls, others each time (SEED= for the same), TORTURE=1 all.  CALL= and
# ERROR= pick some.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Deed;
use Shop::Strace;
use Shop::Test;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => strace_missing() if strace_missing();

my $whole = $ENV{TORTURE};
my $seed = $ENV{SEED} // ($ENV{TORTURE} ? time : 1);
my $patience = 10;              # seconds of a client
my @calls = qw(accept4 connect epoll_ctl epoll_wait fcntl getsockopt ioctl mmap
               openat read recvfrom sendto setsockopt socket write writev);
my @errors = split ' ', $ENV{ERROR}
    // 'EIO ENOSPC EINTR EAGAIN EMFILE ECONNRESET';
@calls = split ' ', $ENV{CALL} if $ENV{CALL};
my (%total, %answers, @right);

srand $seed;
start_shop(workers => 1);
allow_log(qr/ failed \(\d+: /);
deeds_begin();
my ($worker) = workers();
my $product = ok_json(post('/api/admin/v1/products',
                           { title => 'Looked at', status => 'active' }), 201);
my @reads = ("/api/v1/products/$product->{id}",
             "/api/admin/v1/products/$product->{id}");
polled();
@right = map { get($_)->{body} } @reads;
like($right[0], qr/Looked at/, 'there is something to look at');


# --- the script --------------------------------------------------------------

# The answer, or undef: a connection may be lost on the way.
sub impatiently {
    my ($ask) = @_;
    my $res = eval {
        local $SIG{ALRM} = sub { die "no answer\n" };
        alarm $patience;
        my $got = $ask->();
        alarm 0;
        $got;
    };

    alarm 0;
    new_client() if !$res;
    my $code = $res ? $res->{json}{code} // '' : '';
    $answers{$res ? "$res->{status} $code" =~ s/ $//r : 'none'}++;
    return $res;
}

# The connection that get() and its like keep is closed, and they make another.
sub new_client { connection()->close }

sub is_refusal {
    my ($res) = @_;

    return $res->{status} =~ /^50[034]$/ && ($res->{json}{code} // '') ne '';
}

# What was wrong in one run of the script.
sub script {
    my ($deed) = @_;
    my @wrong;

    pg_kill('true');
    new_client();
    for my $i (0 .. $#reads) {
        my $res = impatiently(sub { get($reads[$i]) }) or next;
        push @wrong, "$reads[$i]: $res->{status} $res->{body}"
            unless is_refusal($res)
                || $res->{status} == 200 && $res->{body} eq $right[$i];
    }

    my $res = impatiently(sub { $deed->ask_only });
    if ($res && !$deed->agrees($res)) {
        push @wrong, "the write: $res->{status} $res->{body}, and it is done "
            . $deed->times_done . ' times';
    }
    return @wrong;
}

# --- a call that fails -------------------------------------------------------

# How often each is made when nothing fails.
sub count_calls {
    my $trace = strace_begin($worker, join ',', @calls);
    my @wrong = script(new_deed('create', key => 1));
    my %n = $trace->end;

    is("@wrong", '', 'the script is right when nothing fails');
    return %n;
}

sub fails {
    my ($call, $error, $k) = @_;
    my $deed = new_deed('create', key => 1);
    my $trace = strace_begin($worker, $call, "$call:error=$error:when=$k");
    my @wrong = script($deed);

    $trace->end;
    $total{tries}++;
    $total{injected} += $trace->injected;
    push @wrong, 'it made ' . $trace->lines . ' calls'
        if $trace->lines > 20_000;
    $deed->insist;
    push @wrong, $deed->wrong if $deed->wrong;
    push @wrong, 'the worker is another' if (workers())[0] != $worker;
    wait_for(sub { status()->{coroutines}{live} == 0 }, 'all has ended');
    return map { "  $call $error, the ${k}th: " . substr $_, 0, 300 } @wrong;
}

sub turns {
    my ($n) = @_;

    return 1 .. $n if $whole;
    return 1 + int rand $n;
}

my %n = count_calls();
my $turn = 0;
for my $call (@calls) {
    my @wrong;

    next if !$n{$call};
    for my $error (@errors) {
        next if !$whole && ($turn++ + $seed) % 9;
        push @wrong, map { fails($call, $error, $_) } turns($n{$call});
    }
    is(join("\n", @wrong), '', "$call, made $n{$call} times");
}

# A descriptor that nobody looks after would keep it awake.
my $idle = strace_begin($worker, 'epoll_wait');
polled();
my %idle = $idle->end;
cmp_ok($idle{epoll_wait}, '<', 1000, 'it rests when nobody asks');

cmp_ok($total{injected}, '>', 0, 'calls were made to fail');
diag(sprintf '%d kinds of calls, %d in all; %d tries, %d injected; %s; seed %s',
     scalar(grep { $n{$_} } @calls), eval { my $sum = 0; $sum += $_
     for values %n; $sum }, @total{qw(tries injected)},
     join(', ', map { "$_: $answers{$_}" } sort keys %answers), $seed);
done();
