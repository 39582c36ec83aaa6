#!/usr/bin/perl
#
# threads.t - a pool of threads that is full, work that takes longer than it
# may, and a worker that ends while one runs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

my $shop = start_toys(workers => 1,
    main => 'thread_pool two threads=2 max_queue=3;',
    http => 'shop_thread_pool two; shop_deadline 400ms; shop_drain_time 0;');
my $toy = make_toy(name => 'train');
my $gates = 0;

sub gate { "$shop->{dir}/gate" . ++$gates }
sub open_gate { open my $out, '>', $_[0] or die "$_[0]: $!" }
sub shout {
    my ($gate, $n) = @_;

    return ask('GET', "/api/v1/toys/$toy/shout?gate=$gate&text=$n");
}

# Two run, three wait for a thread, and the others hear so at once.
for my $round (1 .. (torture() ? 3 : 1)) {
    my $gate = gate();
    my @conns = map { shout($gate, "$round-$_") } 1 .. 12;
    my %count;

    $count{ answer_to($_, 'GET')->{status} }++ for @conns;
    is_deeply(\%count, { 503 => 7, 504 => 5 },
              "$round: who finds the queue full is refused, who waits too "
              . 'long is told');
    is(get('/healthz')->{status}, 200, "$round: the worker goes on");
    is_problem(get("/api/v1/toys/$toy/shout?text=$round"), 503, 'overloaded');
    open_gate($gate);
    ok(wait_for(sub {
        get("/api/v1/toys/$toy/shout?text=$round")->{body} eq 'TRAIN'
    }), "$round: then there are threads again");
    ok(wait_for(sub { counter('coroutines') == 0 }),
       "$round: and no coroutine is left");
}
like(log_text(), qr/thread pool "two" queue overflow/, 'nginx says so');

# A write whose thread cannot be had changes nothing and keeps no key.
my $gate = gate();
my @conns = map { shout($gate, "w$_") } 1 .. 4;
my $tries = 0;
wait_for(sub {
    # Another text each time: one that found a thread is answered from the
    # cache from then on.
    push @conns, shout($gate, 'more');
    my $path = "/api/v1/toys/$toy/shout?text=full" . ++$tries;
    return get($path)->{status} == 503;
}, 'all are taken');
is_problem(post("/api/v1/toys/$toy/shouts", { text => 'abc' },
                'Idempotency-Key' => 'once'), 503, 'overloaded');
$_->close for @conns;
open_gate($gate);
ok(wait_for(sub {
    post("/api/v1/toys/$toy/shouts", { text => 'abc' },
         'Idempotency-Key' => 'once')->{status} == 200
}), 'with the same key it is done later');
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toy)), 'ABC',
   'once');

# Its request is over by its deadline; the worker ends when the thread does.
$gate = gate();
my $conn = shout($gate, 'last');
my ($old) = workers();
wait_for(sub { counter('coroutines') == 1 }, 'it runs');
reload();
is(answer_to($conn, 'GET')->{status}, 504, 'the deadline answers');
ok(kill(0, $old), 'the old worker waits for its thread');
open_gate($gate);
ok(wait_for(sub { !kill 0, $old }), 'and ends with it');
unlike(log_text(), qr/open socket/, 'with no socket open');

done();
