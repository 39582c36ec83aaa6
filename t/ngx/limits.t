#!/usr/bin/perl
#
# limits.t - more requests than a worker has coroutines are refused at once,
# and a worker that is killed takes only its own requests along.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $get = "GET /api/v1/store HTTP/1.1\r\nHost: x\r\n\r\n";

# --- all coroutines are taken ---

start_shop(workers => 1, http => 'shop_max_coroutines 16;');
my $kept = '/api/v1/products';
for my $round (1 .. 3) {
    wait_for(sub { get($kept)->{headers}{'cache-status'} eq 'shop; hit' },
             'a list is kept');
    get('/api/v1/store');
    pg_freeze();
    my $refused = status()->{counters}{coroutines_refused_total};
    my @taken = map { new_connection() } 1 .. 16;

    $_->write($get) for @taken;
    wait_for(sub { status()->{coroutines}{live} == 16 }, 'all are taken');
    for (1 .. 50) {
        my $res = get('/api/v1/store');
        die "$res->{status}: $res->{body}"
            if $res->{status} != 503 || $res->{json}{code} ne 'overloaded'
               || $res->{headers}{'retry-after'} != 1;
    }
    is(status()->{counters}{coroutines_refused_total} - $refused, 50,
       "$round: fifty were refused, and told when to come again");
    is_problem(get($_), 503, 'overloaded') for '/healthz', '/api/openapi.json';
    is_problem(get('/api/v1/nothing'), 404, 'not_found');
    is(get('/shop-status')->{status}, 200, 'the counters need no coroutine');
    is(get($kept)->{status}, 200, 'nor does what is kept');
    like(get('/metrics')->{body}, qr/^shop_coroutines 16$/m,
         'and tell of it');

    pg_thaw();
    is(join(' ', map { $_->read_response('GET')->{status} } @taken),
       join(' ', (200) x 16), 'who was in is served');
    $_->close for @taken;
    wait_for(sub { status()->{coroutines}{live} == 0 });
    is(get('/api/v1/store')->{status}, 200, 'and then the others');
}

# --- a worker is killed ---

start_shop(workers => 2);
allow_log(qr/exited on signal 9/);
for my $round (1 .. 3) {
    my @old = wait_for(sub { my @w = workers(); @w == 2 && \@w })->@*;
    my @client;

    # Some on each worker, in flight.
    wait_for(sub {
        for (1 .. 40) {
            my $client = new_connection();
            $client->request('GET', '/api/v1/store', {});
            push @client, $client;
        }
        return !grep { !open_sockets(workers => [$_]) } @old;
    }, 'each worker has clients');
    pg_freeze();
    $_->write($get) for @client;
    wait_for(sub { status()->{coroutines}{live} == @client },
             'all are in flight');

    kill KILL => $old[0];
    ok(wait_for(sub { !grep { $_ == $old[0] } workers() } ) &&
       wait_for(sub { workers() == 2 }), "$round: there is another worker");
    pg_thaw();
    my ($served, $lost) = (0, 0);
    for (@client) {
        my $res = eval { $_->read_response('GET') };
        $res && $res->{status} == 200 ? $served++ : $lost++;
        $_->close;
    }
    cmp_ok($served, '>', 0, 'those of the other one were served');
    cmp_ok($lost, '>', 0, 'those of the dead one were lost');
    ok((grep { $_ == $old[1] } workers()), 'the other one goes on');
    for (1 .. 20) {
        my $res = new_connection()->request('GET', '/api/v1/store', {});
        die "served $res->{status} afterwards" if $res->{status} != 200;
    }
    ok(wait_for(sub { status()->{coroutines}{live} == 0 }),
       'the coroutines of the dead are not counted');
    is(status()->{counters}{read_in_flight}, 0, 'nor its statements');
}

done();
