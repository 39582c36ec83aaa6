#!/usr/bin/perl
#
# stream.t - events as they happen: to every worker, each once and in order,
# also over a reload and for who was away; heartbeats, revoked keys, and
# clients that do not read.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Listener;
use Shop::Test;

my $stream = '/api/admin/v1/stream';

start_shop(workers => 2, background => 1,
           http => 'shop_stream_heartbeat 300ms; shop_drain_time 300ms;');
my $key = as_key('events.read');

sub counter { status()->{counters}{ $_[0] } }

sub listen_to { return listen_as($key, @_) }

sub seqs { join ' ', map { next_event($_[0])->{id} } 1 .. $_[1] }

my $said = 0;
sub say {
    my ($n, $type) = @_;

    sql(q{INSERT INTO outbox (type, subject, payload)
          SELECT ?, 'thing_' || n, jsonb_build_object('n', n)
            FROM generate_series(?::int, ?::int) n},
        $type // 'test.said', $said + 1, $said + $n);
    $said += $n;
    wait_for(sub { sql_value('SELECT last_seq FROM event_relay') == $said },
             'numbered');
}

say(3);
my @who = map { listen_to('') } 1 .. 8;
my %at = map { worker_of($_) => 1 } @who;
while (keys %at < 2 && @who < 300) {
    push @who, listen_to('');
    $at{ worker_of($who[-1]) } = 1;
}
is_deeply([sort keys %at], [sort(workers())], 'some listen to each worker');
my $head = $who[0]{head};
is($head->{status}, 200, 'somebody listens');
is($head->{headers}{'content-type'}, 'text/event-stream', 'to events');
is($head->{headers}{'cache-control'}, 'no-cache', 'that nobody keeps');
like(block($who[0]), qr/^retry: [12]\d\d\d$/, 'and is told when to come back');
say(2);
is(join(',', map { seqs($_, 2) } @who), join(',', ('4 5') x @who),
   'everybody hears what is said from now on, at either worker');
my $feed = get('/api/admin/v1/events?after=5');
say(1, 'test.other');
my $event = next_event($who[0]);
is($event->{event}, 'test.other', 'by its type');
is_deeply($event->{data},
          get('/api/admin/v1/events?after=5')->{json}{data}[0],
          'as it stands in the feed');

my $late = listen_to('?after=0');
is(seqs($late, 6), '1 2 3 4 5 6', 'who asks for all has all');
$late = listen_to('?after=1', 'last-event-id' => 4);
is(seqs($late, 2), '5 6', 'Last-Event-ID comes before the address');
my $some = listen_to('?after=0&types=nothing.*,test.other');
is(next_event($some)->{id}, 6, 'who asks for some has those');
$some = listen_to('?after=0&types=test.*');
is(seqs($some, 6), '1 2 3 4 5 6', 'or all that begin so');

for (['', 'x'], ['', '-1'], ['', '5 ']) {
    my ($query, $id) = @$_;
    my $res = get("$stream$query", 'last-event-id' => $id);
    is_problem($res, 400, 'bad_last_event_id') if $id ne '5 ';
}
is_problem(get("$stream?after=-1"), 422, 'wrong_query', 'after');
is(request('HEAD', $stream)->{status}, 200, 'HEAD does not listen');

# --- many, and signs of life -------------------------------------------------

# More than the ring holds, while he does not read; and page by page.
say(2000);
is(seqs($who[1], 2001), join(' ', 6 .. 2006), 'two thousand, none left out');
$late = listen_to('?after=6');
is(seqs($late, 2000), join(' ', 7 .. 2006), 'nor for who was away');

my $quiet = listen_to('?types=nothing.*');
block($quiet);
like(block($quiet), qr/^:\nid: 2006$/, 'a sign of life, with where he is');
say(1);
wait_for(sub { block($quiet) =~ /id: 2007/ }, 'which goes on');
pass('also past what he did not ask for');

# --- a key that is revoked ---------------------------------------------------

my $open = counter('streams_open');
my $first = $key;
$key = as_key('events.read');
my $stays = listen_to('');
sql("UPDATE api_keys SET revoked_at = shop_now() WHERE hash =
     decode(?, 'hex')", sha256_hex($first));
ok(wait_for(sub { counter('streams_open') == 1 }),
   'streams of a revoked key end');
is(next_event($who[2])->{id}, 6, 'what was sent is there');
my $rest = 0;
$rest++ while defined next_event($who[2]);
is($rest, 2001, 'and they come to a proper end');
$key = $first;
is(listen_to('')->{head}{status}, 401, 'and cannot be had again');
$key = as_key('events.read');

# --- a reload ----------------------------------------------------------------

# Somebody who goes on where he was each time that he is cut off.
my $fan = listen_to('?after=2000');
my ($ends, @heard) = 0;
for my $round (1 .. 3) {
    say(50);
    my @old = workers();
    signal_nginx('HUP');
    say(50);
    while (@heard < 7 + 100 * $round || $ends < $round) {
        my $e = next_event($fan);
        if (defined $e) {
            push @heard, $e->{id};
        } else {
            $ends++;
            $fan = listen_to('', 'last-event-id' => $heard[-1]);
        }
    }
    wait_for(sub { !grep { -e "/proc/$_" } @old }, 'the old workers go');
}
is("@heard", join(' ', 2001 .. 2307), 'over three reloads, none left out');
is($ends, 3, 'though he was cut off each time');
unlike(log_text(), qr/open socket/, 'and nothing was left open');

# --- trimmed -----------------------------------------------------------------

sql('DELETE FROM events WHERE seq <= 2000');
is_problem(get("$stream?after=1999"), 410, 'events_trimmed');
is_problem(get($stream, 'last-event-id' => 17), 410, 'events_trimmed');
is(next_event(listen_to('?after=2000'))->{id}, 2001, 'what is kept is had');
is(next_event(listen_to('?after=0'))->{id}, 2001, 'all there is');

# --- the database goes -------------------------------------------------------

$fan = listen_to('');
pg_kill();
say(3);
my $e = next_event($fan);
$e = next_event($fan = listen_to('', 'last-event-id' => 2307)) if !defined $e;
is($e->{id}, 2308, 'connections that are lost cost nobody an event');

$_->{conn}->close for @who, $late, $some, $quiet, $stays, $fan;
ok(wait_for(sub { counter('streams_open') == 0 }), 'all have left');
done();
