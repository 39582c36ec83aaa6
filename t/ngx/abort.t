#!/usr/bin/perl
#
# abort.t - clients that leave, batches with a failure in them, connections
# that are killed: neighbours do not notice, and nothing is left behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 1);
is(get('/api/v1/store')->{status}, 200, 'it answers');

# Fifty clients that send and reset at once, beside one that stays.
my $left = status()->{counters}{detached_total};
sql('BEGIN');
sql('LOCK TABLE categories IN ACCESS EXCLUSIVE MODE');
for (1 .. 50) {
    my $client = new_connection();
    $client->write("GET /api/v1/categories HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(sub { status()->{coroutines}{live} > 0 });
    $client->reset;
}
ok(wait_for(sub { status()->{counters}{detached_total} - $left >= 1 }),
   'clients that left were noticed');
sql('COMMIT');
ok(wait_for(sub { status()->{coroutines}{live} == 0 }),
   'no coroutine is left');
is(get('/api/v1/categories')->{status}, 200, 'neighbours go on');

# The read connection is killed: the next request has another.
for my $n (1 .. 5) {
    sql_as('postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND usename = 'shop_app'");
    ok(wait_for(sub { get('/api/v1/store')->{status} == 200 }),
       "reconnected, $n");
}
is(status()->{counters}{read_in_flight}, 0, 'nothing in flight');

# A statement that takes too long is refused, and others are not.
sql('BEGIN');
sql('LOCK TABLE media IN ACCESS EXCLUSIVE MODE');
my $slow = get('/api/v1/products');
sql('COMMIT');
is($slow->{status}, 504, 'a lock ends in 504') or diag $slow->{body};
is(get('/api/v1/products')->{status}, 200, 'and the lane goes on');

done();
