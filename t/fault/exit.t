#!/usr/bin/perl
#
# exit.t - workers that end with everything in flight: reads and writes that
# wait for a lock, a COMMIT that waits, work on a thread, half a body.  A
# reload waits for all of it, worker_shutdown_timeout for some of it, SIGTERM
# and SIGKILL for nothing; nothing is left behind, and nothing that was
# acknowledged is lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

my ($shop, $locked, $toy, $gate);
my $tries = 0;          # each is another address, so that none is kept

sub start {
    my (%options) = @_;

    $shop = start_toys(workers => 1, %options);
    $locked = make_toy(name => 'locked');
    $toy = make_toy(name => 'train');
    $gate = "$shop->{dir}/gate";
    get("/api/v1/toys/$toy");
    patch("/api/v1/toys/$toy", { note => 'warm' }, 'if-match' => '*');
}

# What runs: a slow read, a write before its COMMIT, one on a thread, and half
# a body; all clients wait.
sub begin_all {
    for (1 .. 10) {
        my $conn = try_all();
        return $conn if eval {
            wait_for(sub { counter('coroutines') == 3 }, 'three', 3);
            all_waiting(2);
        };
        sql('ROLLBACK');
        $_->close for values %$conn;
        wait_for(sub { counter('coroutines') <= 1 }, 'they end');
    }
    die "it takes too long\n";
}

# A lock is waited for for two seconds, which is little where much else runs.
sub try_all {
    sql('BEGIN');
    sql('LOCK TABLE media IN ACCESS EXCLUSIVE MODE');
    sql('UPDATE toys SET quantity = quantity + 1 WHERE id = ?',
        toy_id($locked));
    my %conn = (
        read   => ask('GET', '/api/v1/products'),
        write  => ask('PATCH', "/api/v1/toys/$locked", { note => 'late' },
                      'if-match' => '*'),
        thread => ask('GET', "/api/v1/toys/$toy/shout?gate=$gate&text="
                             . ++$tries),
    );
    $conn{body} = new_connection();
    $conn{body}->write("PATCH /api/v1/toys/$toy HTTP/1.1\r\nHost: x\r\n"
        . "If-Match: *\r\nContent-Type: application/json\r\n"
        . "Content-Length: 15\r\n\r\n{\"note\":");
    return \%conn;
}

sub finish {
    sql('COMMIT');
    open my $out, '>', $gate or die "$gate: $!";
    close $out;
}

sub ended {
    my ($pid, $name) = @_;

    ok(wait_for(sub { !kill 0, $pid }, "$name: the worker ends"), $name);
}

sub note_of { sql_value('SELECT note FROM toys WHERE id = ?', toy_id($_[0])) }

# --- a reload waits ---------------------------------------------------------

start(http => 'shop_drain_time 0; shop_deadline 30s;');
my ($old) = workers();
my $conn = begin_all();
reload();
ok(kill(0, $old), 'the old worker stays');
is(get("/api/v1/toys/$toy")->{status}, 200, 'the new one serves');
finish();
$conn->{body}->write('"body"}');
is(answer_to($conn->{read}, 'GET')->{status}, 200, 'a read is answered');
is(answer_to($conn->{write})->{status}, 200, 'a write too');
is(answer_to($conn->{thread}, 'GET')->{body}, 'TRAIN', 'and a thread');
is(answer_to($conn->{body})->{status}, 200, 'and who was still writing');
ended($old, 'then the old worker goes');
unlike(log_text(), qr/open socket/, 'with no socket open');
is(note_of($locked), 'late', 'what was acknowledged is there');
stop_shop();

# --- worker_shutdown_timeout ------------------------------------------------

# It ends clients; a write goes on, to its deadline at most.
start(main => 'worker_shutdown_timeout 300ms;',
      http => 'shop_drain_time 0; shop_deadline 3s;');
($old) = workers();
$conn = begin_all();
reload();
for my $what ('read', 'thread', 'body') {
    ok(!eval { answer_to($conn->{$what}, 'GET') },
       "$what: ended without an answer");
}
finish();
ended($old, 'the worker ends');
is(note_of($locked), 'late', 'a write that could be done was done');
unlike(log_text(), qr/open socket/, 'no socket was open');
is(get("/api/v1/toys/$toy")->{status}, 200, 'the new worker serves');
unlink $gate;

# A write that cannot be done is given up by its deadline.
($old) = workers();
$conn = begin_all();
reload();
open my $out, '>', $gate or die "$gate: $!";
close $out;
ended($old, 'a write that waits for ever does not keep the worker');
finish();
isnt(note_of($toy), 'body', 'half a body changes nothing');
unlink $gate;
$_->close for values %$conn;

# --- SIGTERM, SIGKILL -------------------------------------------------------

# nginx waits for its threads, and they for the gate.
$conn = begin_all();
my ($worker) = workers();
kill TERM => $worker;
open $out, '>', $gate or die "$gate: $!";
close $out;
ended($worker, 'SIGTERM ends a worker with all in flight');
wait_for(sub { workers() == 1 }, 'another worker');
unlike(log_text(), qr/open socket/, 'no socket was open');
finish();
unlink $gate;
ok(wait_for(sub { get("/api/v1/toys/$toy")->{status} == 200 }),
   'the next one serves');
is(counter('coroutines'), 0, 'and counts no coroutine of the other');
$_->close for values %$conn;

# The first worker polls for all of them; another takes over, and makes
# nothing stale that need not be.
allow_log(qr/exited on signal 9/);
start(workers => 2, http => 'shop_drain_time 0;');
my $path = "/api/v1/toys/$toy";
for my $round (1 .. (torture() ? 20 : 1)) {
    my @old = wait_for(sub { my @w = workers(); @w == 2 && \@w })->@*;
    wait_for(sub { get($path)->{headers}{'cache-status'} =~ /hit/ }, 'kept');
    my $polls = counter('polls_total');

    kill KILL => @old;
    wait_for(sub { my @w = workers(); @w == 2 && !grep {
        my $pid = $_; grep { $_ == $pid } @old } @w }, 'others come');
    ok(wait_for(sub { counter('polls_total') > $polls + 2 }),
       "$round: another worker polls");
    sql('UPDATE toys SET note = ? WHERE id = ?', "round $round",
        toy_id($toy));
    ok(wait_for(sub { get($path)->{json}{note} eq "round $round" }),
       "$round: a change in psql is seen");
}

done();
