#!/usr/bin/perl
#
# restarts.t - nginx is reloaded, and its workers are killed, while clients
# write: nothing that was acknowledged is lost, nothing is there twice, and a
# reload costs nobody an answer.  Three times each; twenty with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Writers;

use constant WRITES => 20;      # between two of them, at least

my $times = torture() ? 20 : 3;

sub start {
    my $shop = start_shop(workers => 2, http => 'shop_drain_time 1s;');

    as_key('products.write');
    return $shop;
}

start();
writers_start(8);
for (1 .. $times) {
    committed_more(WRITES);
    reload();
}
committed_more(WRITES);
my %count = writers_stop();
cmp_ok($count{acked}, '>=', $times * WRITES, 'many were acknowledged');
is($count{maybe}, 0, 'and of none nobody knows');
diag("$times reloads: $count{acked} acked");

# The one that polls as well as the other; what it held of the cache's tags is
# let go, as another write of the same shows.
allow_log(qr/exited on signal 9/);
start();
commits_take_time();
writers_start(8, torn => 1);
for (1 .. $times) {
    committed_more(WRITES);
    my ($worker) = workers();
    kill KILL => $worker;
    wait_for(sub { 2 == grep { $_ != $worker } workers() }, 'another worker');
}
committed_more(WRITES);
polled();
%count = writers_stop();
cmp_ok($count{acked}, '>=', $times * WRITES, 'many were acknowledged');
is(get('/api/v1/products')->{status}, 200, 'and the shop is open');
diag("$times workers killed: $count{acked} acked, $count{maybe} maybe");

done();
