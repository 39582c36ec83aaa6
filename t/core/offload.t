#!/usr/bin/perl
#
# offload.t - work on pool threads: where it is allowed, and what becomes of
# it when the request is over before it is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

my $shop = start_toys(workers => 1, http => <<'END');
shop_deadline 30s;
shop_drain_time 100ms;
shop_max_coroutines 16;
END
my $toy = make_toy(name => 'train');
my $gates = 0;

# A file that the thread waits for.
sub gate { "$shop->{dir}/gate" . ++$gates }
sub open_gate { open my $out, '>', $_[0] or die "$_[0]: $!" }
sub threads_idle {
    wait_for(sub { get("/api/v1/toys/$toy/shout")->{body} eq 'TRAIN' },
             'a thread is free again');
}

my $res = get("/api/v1/toys/$toy/shout");
is($res->{status}, 200, 'a read with work for a thread');
is($res->{body}, 'TRAIN', 'which was done');
$res = post("/api/v1/toys/$toy/shouts", { text => 'abc' });
is($res->{body}, 'ABC', 'a write with work before its first statement');
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toy)), 'ABC',
   'stored');

# In a transaction it would hold locks for as long as a thread takes.
is_problem(post("/api/v1/toys/$toy/late", { text => 'late' }), 500,
           'internal');
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toy)), 'ABC',
   'nothing is left of it');
like(Shop::Test::log_text(),
     qr{\[error\].*/api/v1/toys/:toy/late offloads within its transaction},
     'and it is logged');

# Nobody waits for a thread on behalf of a client that left, and another may
# make the same answer.
my $gate = gate();
my $left = counter('detached_total');
my $conn = ask('GET', "/api/v1/toys/$toy/shout?gate=$gate");
wait_for(sub { counter('coroutines') == 1 }, 'it runs');
$conn->reset;
wait_for(sub { counter('detached_total') > $left }, 'it has left');
is(counter('coroutines'), 0, 'no coroutine is left');
my $misses = counter('cache_misses_total');
$conn = ask('GET', "/api/v1/toys/$toy/shout?gate=$gate");
wait_for(sub { counter('cache_misses_total') > $misses }, 'another comes');
open_gate($gate);
is(answer_to($conn, 'GET')->{body}, 'TRAIN', 'and is answered');

# A write whose client has left goes on.
$left = counter('detached_total');
$gate = gate();
$conn = ask('POST', "/api/v1/toys/$toy/shouts",
            { text => 'gone', gate => $gate });
wait_for(sub { counter('coroutines') == 1 }, 'it runs');
$conn->reset;
wait_for(sub { counter('detached_total') > $left }, 'it has left');
open_gate($gate);
ok(wait_for(sub {
    sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toy)) eq 'GONE'
}), 'it is done all the same');

# When all coroutines wait, the next are told so, whatever they ask.
$gate = gate();
my @conns = map { ask('GET', "/api/v1/toys/$toy/shout?gate=$gate&text=$_") }
    1 .. 16;
wait_for(sub { counter('coroutines') == 16 }, 'all run');
is_problem(get("/api/v1/toys/$toy/private"), 503, 'overloaded');
is_problem(post("/api/v1/toys/$toy/shouts", { text => 'x' }), 503,
           'overloaded');
open_gate($gate);
is(answer_to($_, 'GET')->{body}, 'TRAIN', 'one is answered') for @conns;

# A reload waits for it.
$gate = gate();
$conn = ask('GET', "/api/v1/toys/$toy/shout?gate=$gate");
wait_for(sub { counter('coroutines') == 1 }, 'it runs');
reload();
open_gate($gate);
is(answer_to($conn, 'GET')->{body}, 'TRAIN', 'a reload waits for it');

stop_shop();

$shop = start_toys(workers => 1, http => 'shop_deadline 300ms;');
$toy = make_toy(name => 'train', note => 'ABC');

# The deadline does not wait for the thread.
my @gates = map { gate() } 1, 2;
is_problem(get("/api/v1/toys/$toy/shout?gate=$gates[0]"), 504,
           'deadline_exceeded');
is_problem(post("/api/v1/toys/$toy/shouts",
                { text => 'never', gate => $gates[1] }),
           504, 'deadline_exceeded');

# The threads end in memory that is still theirs.
open_gate($_) for @gates;
threads_idle();
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toy)), 'ABC',
   'what was given up changes nothing');

done();
