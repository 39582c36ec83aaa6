#!/usr/bin/perl
#
# memcached.t - memcached killed, hung, and full of what others wrote: nothing
# changes but speed.  With TORTURE=1 twenty times each under load, where 99 of
# 100 readers wait three times as long as before at most.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Memcached;
use Shop::Test;
use Shop::Witness;

use Time::HiRes qw(sleep time);

use constant PRODUCTS => 4;

my @machine = (start_shop(memcached => 1));
push @machine, start_beside();
numbered_products(PRODUCTS);
on($machine[1], sub { polled() });

# Addresses of lists of all products, each kept by itself.
my @fresh = map { my $limit = $_; map { "/api/v1/products?limit=$limit&$_" }
                  qw(currency=TRY currency=EUR currency=USD locale=tr) }
    PRODUCTS .. 90;

sub counter { return status()->{counters}{$_[0]} }
sub counter_at { my ($m, $name) = @_; return on($m, sub { counter($name) }) }

sub ask_right {
    my ($machine, $path) = @_;
    my $res = on($machine, sub { get($path) });
    my $slugs = join ' ', sort map { $_->{slug} } @{ $res->{json}{data} };

    return '' if $res->{status} == 200
        && $slugs eq join ' ', map { "p-$_" } 1 .. PRODUCTS;
    return "$path: $res->{status} $res->{body}\n";
}

# New addresses, each asked of both machines; all answers are right.
sub ask_both {
    my ($n, $what) = @_;
    my @paths = splice @fresh, 0, $n;

    is(join('', map { my $path = $_; map { ask_right($_, $path) } @machine }
                @paths), '', "$what: every answer is right");
}

# What the first machine made, the second has from memcached.
sub shared {
    my ($what) = @_;

    wait_for(sub {
        my $path = shift @fresh // die "no address is left\n";
        my $stored = counter_at($machine[0], 'far_stored_total');
        my $hits = counter_at($machine[1], 'far_hits_total');

        ask_right($machine[0], $path);
        eval { wait_for(sub {
            counter_at($machine[0], 'far_stored_total') > $stored
        }, 'stored', 1) };
        ask_right($machine[1], $path);
        counter_at($machine[1], 'far_hits_total') > $hits;
    }, $what);
    pass($what);
}

shared('the second machine has it from memcached');

stop_memcached();
ask_both(20, 'memcached is gone');
cmp_ok(counter('far_failures_total'), '>', 0, 'which was noticed');
like(log_text(), qr/memcached at \S+ does not answer/, 'and logged');
start_memcached();
shared('memcached is back');

kill STOP => memcached_pid();
my $failures = counter('far_failures_total');
ask_both(20, 'memcached hangs');
$failures = counter('far_failures_total') - $failures;
cmp_ok($failures, '>', 0, 'which was noticed');
cmp_ok($failures, '<', 20, "and not waited for each time, but $failures");
kill CONT => memcached_pid();
shared('memcached goes on');

# --- how long readers wait ---------------------------------------------------

# Of so many who ask for what nobody has asked for yet, in ms.
my $price = 0;
sub waits {
    my ($n) = @_;

    return map {
        my $since = time;
        my $res = get('/api/v1/products?price_min=' . $price++);

        die "got $res->{body}\n" if $res->{status} != 200;
        (time - $since) * 1000;
    } 1 .. $n;
}

sub p99 { return (sort { $a <=> $b } @_)[@_ * 0.99] }

# Each time it happens while they ask; memcached is back before the next.
sub outlasted {
    my ($what, $happens, $ends) = @_;
    my @before = waits(5000);
    my @with;

    for (1 .. 20) {
        push @with, waits(50);
        $happens->();
        push @with, waits(500);
        $ends->();
        my $stored = counter('far_stored_total');
        wait_for(sub { waits(1); counter('far_stored_total') > $stored },
                 'it is used again');
    }
    my ($before, $with) = (p99(@before), p99(@with));
    diag(sprintf '%s: 99 of 100 wait for %.2f ms, without it %.2f; one for '
         . '%.1f', $what, $with, $before, (sort { $b <=> $a } @with)[0]);
    cmp_ok($with, '<=', 3 * $before, "$what: readers wait little longer");
}

if (torture()) {
    outlasted('hung 20 times', sub { kill STOP => memcached_pid() },
              sub { kill CONT => memcached_pid() });
    outlasted('killed 20 times', \&stop_memcached, \&start_memcached);
}

# --- junk -------------------------------------------------------------------

my $memcached = Shop::Memcached->new("$machine[0]{dir}/memcached");

# New addresses asked of the first machine, and their keys.
my @paths;
my %before = map { $_ => 1 } $memcached->keys;
wait_for(sub {
    push @paths, splice @fresh, 0, 12;
    ask_right($machine[0], $_) for @paths[-12 .. -1];
    10 <= grep { !$before{$_} } $memcached->keys;
}, 'ten are stored');
my $stored = -1;                        # threads may be at it still
wait_for(sub {
    my $was = $stored;
    sleep 0.2;
    ($stored = counter('far_stored_total')) == $was;
}, 'no more is stored');
srand 1;
$memcached->junk(grep { !$before{$_} } $memcached->keys);
my $hits = counter_at($machine[1], 'far_hits_total');
is(join('', map { ask_right($machine[1], $_) } @paths), '',
   'memcached is full of junk: every answer is right');
is(counter_at($machine[1], 'far_hits_total'), $hits, 'and none is made of it');

done();
