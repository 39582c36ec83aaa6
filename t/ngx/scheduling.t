#!/usr/bin/perl
#
# scheduling.t - workers do not take a processor away from PostgreSQL, unless
# they are told to; threads, the master and a system that forbids it are as
# they were.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Strace;
use Shop::Test;

use constant { NORMAL => 0, BATCH => 3 };       # sched(7)

my $shop = start_shop(workers => 2);

# Field 41 of /proc/PID/stat, by proc(5); the name in field 2 may hold spaces.
sub policy {
    my ($file) = @_;
    my ($after) = read_file("/proc/$file/stat") =~ /.*\) (.*)/s;

    return (split ' ', $after)[38];
}

sub policies {
    return join ' ', map { policy($_) } @_;
}

# Both, once they are there; old ones may not have heard of their end yet.
sub both_but {
    my %old = map { $_ => 1 } @_;

    return @{ wait_for(sub { my @new = grep { !$old{$_} } workers();
                             @new == 2 && \@new }, 'two workers') };
}

sub new_workers {
    my ($http) = @_;
    my @old = workers();

    $shop->{http} = $http;
    reload();
    return both_but(@old);
}

is(policies(both_but()), BATCH . ' ' . BATCH, 'workers wait for their turn');
is(policy($shop->{pid}), NORMAL, 'the master is as it was');
my ($worker) = both_but();
my @threads = grep { $_ ne "$worker/task/$worker" }
    map { m{/proc/(.*)} } glob "/proc/$worker/task/*";
cmp_ok(scalar @threads, '>', 0, 'a worker has threads');
is((grep { policy($_) != NORMAL } @threads), 0, 'which are as they were');

is(policies(new_workers('shop_scheduling normal;')), NORMAL . ' ' . NORMAL,
   'normal is normal');

SKIP: {
    skip strace_missing(), 4 if strace_missing();
    my $trace = strace_begin($shop->{pid}, 'sched_setscheduler',
                             'sched_setscheduler:error=EPERM');
    is(policies(new_workers('')), NORMAL . ' ' . NORMAL,
       'where it is forbidden workers are normal');
    is(get('/api/v1/products')->{status}, 200, 'and answer');
    like(log_text(), qr/\[notice\].* shop_scheduling has no effect/,
         'which the log tells');
    $trace->end;
    cmp_ok($trace->injected, '>=', 2, 'as it was refused');
}

done();
