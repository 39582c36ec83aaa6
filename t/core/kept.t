#!/usr/bin/perl
#
# kept.t - kept answers are never older than what somebody has seen: writes of
# this machine, writes of others, and a poller that fails.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

start_toys(workers => 2);

sub state_of { ($_[0]{headers}{'cache-status'} // 'none') =~ s/^shop; //r }
sub note_of { $_[0]{json}{note} // 'none' }
sub fresh { Shop::HTTP::request(new_connection(), 'GET', $_[0]) }
sub kept {
    my ($path) = @_;
    return wait_for(sub { my $res = get($path);
                          state_of($res) eq 'hit' && $res }, "$path is kept");
}
sub write_note {
    my ($toy, $note) = @_;
    return patch("/api/v1/toys/$toy", { note => $note }, 'If-Match' => '*');
}

my $toy = make_toy(note => '0');
my $path = "/api/v1/toys/$toy";
polled();

# Who wrote sees it at once, whichever worker is asked.
my $old = 0;
for my $n (1 .. 40) {
    kept($path);
    is(write_note($toy, "$n")->{status}, 200, "written, $n");
    $old++ if fresh($path)->{body} !~ /"note":"$n"/;
}
is($old, 0, 'own writes are seen at once, by all workers');

# While COMMIT is under way what it touches is neither served nor kept.
my $other = make_toy();
polled();
kept($path);
kept("/api/v1/toys/$other");
commits_wait();
my $conn = ask('PATCH', $path, { note => 'held' }, 'if-match' => '*');
all_waiting(1, 'SyncRep');
for my $n (1 .. 10) {
    my $res = get($path);
    is(state_of($res), 'fwd=miss', "held, $n");
}
is(state_of(get("/api/v1/toys/$other")), 'hit', 'what it leaves alone is not');
commits_go();
is(answer_to($conn)->{status}, 200, 'it is done');
is(note_of(get($path)), 'held', 'and seen');

# A client that leaves in COMMIT leaves no hold behind.
commits_wait();
$conn = ask('PATCH', $path, { note => 'left' }, 'if-match' => '*');
all_waiting(1, 'SyncRep');
my $left = counter('detached_total');
$conn->reset;
wait_for(sub { counter('detached_total') > $left }, 'it has left');
commits_go();
wait_for(sub { note_of(get($path)) eq 'left' }, 'it is done');
kept($path);

# Many who ask for one address at once cost one answer.
my ($stored, $asked) = (counter('cache_stored_total'), 0);
for (1 .. 10) {
    my $cold = make_toy();
    my @conns = map { new_connection() } 1 .. 50;
    $_->send('GET', "/api/v1/toys/$cold", {}) for @conns;
    $asked += grep { $_->read_response('GET')->{status} == 200 } @conns;
    $_->close for @conns;
}
is($asked, 500, 'all are answered');
cmp_ok(counter('cache_stored_total') - $stored, '<=', 15,
       'of fifty that ask one makes the answer');
cmp_ok(counter('cache_stored_total') - $stored, '>=', 10, 'and keeps it');

# As long as it is said to be good, and no longer.
my $always = make_toy(fresh_for => 3600);
my $never = make_toy(fresh_for => 0);
my $briefly = make_toy(fresh_for => 1);
polled();
kept("/api/v1/toys/$always");
is(state_of(get("/api/v1/toys/$never")), 'fwd=miss', "never, $_") for 1 .. 3;
get("/api/v1/toys/$briefly");
ok(wait_for(sub { state_of(get("/api/v1/toys/$briefly")) eq 'hit' }),
   'for a second it is kept');
ok(wait_for(sub { state_of(get("/api/v1/toys/$briefly")) ne 'hit' }),
   'and then no more');

# What is not kept: too many tags, none, and what is no success.
sql('DELETE FROM toys');
make_toy() for 1 .. 20;
polled();
kept('/api/v1/toys');
make_toy() for 1 .. 20;
polled();
is(state_of(get('/api/v1/toys')), 'fwd=miss', "too many tags, $_") for 1 .. 3;
$toy = make_toy();
$path = "/api/v1/toys/$toy";
polled();
is(state_of(get("$path/untagged")), 'fwd=miss', "no tag, $_") for 1 .. 3;
my $gone = '/api/v1/toys/' . toy_name('00000000-0000-7000-8000-000000000000');
is_problem(get($gone), 404, 'not_found');
sql("INSERT INTO toys (id, name) VALUES (?, 'born')",
    '00000000-0000-7000-8000-000000000000');
is(get($gone)->{status}, 200, 'an answer that is no success is not kept');

# HEAD is GET without the body.
my $hit = kept($path);
my $head = request('HEAD', $path);
is(state_of($head), 'hit', 'HEAD is answered from what is kept');
is($head->{headers}{'content-length'}, length $hit->{body}, 'with its length');
is($head->{body}, '', 'and no more');

# A long transaction makes nothing stale twice, and is seen when it ends.
my $late = make_toy();
polled();
sql('BEGIN');
sql("UPDATE toys SET note = 'late' WHERE id = ?", toy_id($late));
sql_as('postgres', "UPDATE toys SET note = 'early' WHERE id = ?",
       toy_id($toy));
polled();
is(note_of(get($path)), 'early', 'the younger one is seen first');
kept($path);
my $made = counter('cache_stored_total');
for (1 .. 3) {
    polled();
    is(state_of(get($path)), 'hit', "and stays kept, $_");
}
is(note_of(kept("/api/v1/toys/$late")), 'none', 'the older is not seen yet');
sql('COMMIT');
polled();
is(note_of(get("/api/v1/toys/$late")), 'late', 'but when it ends');

# The poll's connection is killed time and again: nothing is missed.
my $wrong = 0;
for my $n (1 .. 10) {
    kept($path);
    pg_kill("application_name = 'shop-poll'") if $n % 3;
    sql("UPDATE toys SET note = ? WHERE id = ?", "k$n", toy_id($toy));
    pg_kill("application_name = 'shop-poll'") if $n % 2;
    polled();
    $wrong++ if note_of(get($path)) ne "k$n";
}
is($wrong, 0, 'no change is missed');

# A session that answers no more: past the lease nothing is served as fresh,
# until another session polls; then nothing is believed that was kept before.
my $poll = q{SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'shop-poll'};
my $pid = wait_for(sub { (sql_value($poll)) }, 'a poll session');
kept($path);
my $lapses = counter('cache_lapses_total');
kill STOP => $pid or die "kill: $!";
sql("UPDATE toys SET note = 'unseen' WHERE id = ?", toy_id($toy));
my $unsure = wait_for(sub {
    my $res = get($path);
    state_of($res) ne 'hit' && $res;
}, 'the lease ends');
is(note_of($unsure), 'unseen', 'the answer is the truth');
ok(wait_for(sub { counter('cache_lapses_total') > $lapses }),
   'another session polls');
kill CONT => $pid;
is(note_of(kept($path)), 'unseen', 'and it is kept again');

# A change of the shop's own language is not kept under the old one.
my $list = '/api/v1/categories';
sql("UPDATE markets SET locale = 'en'");
polled();
get($list);
is(kept($list)->{headers}{'content-language'}, 'en', 'the first language');
sql("UPDATE markets SET locale = 'tr'");
polled();
for (1 .. 20) {
    fresh($list);
    my $res = get($list, 'Accept-Language' => 'en');
    $wrong++ if $res->{headers}{'content-language'} ne 'en';
}
is($wrong, 0, 'the other is not taken for it');
is(kept($list)->{headers}{'content-language'}, 'tr', 'and is kept');

done();
