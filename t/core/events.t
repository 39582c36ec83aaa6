#!/usr/bin/perl
#
# events.t - events and jobs, as they are promised to a domain: written with
# the transaction or not at all, numbered behind it, delivered once and in
# order; run once, again when they fail, and not for ever.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

start_toys(workers => 2, background => 1);
allow_log(qr/(?:subscriber|job|jobs) .*(?:failed|dead)/);
as_nobody();

sub cursor {
    sql_value("SELECT seq FROM event_cursors WHERE subscriber = 'toy'") // -1;
}
sub last_seq { sql_value('SELECT last_seq FROM event_relay') }
sub rows     { sql_value("SELECT count(*) FROM $_[0]", @_[1 .. $#_]) }
sub effects  {
    my ($what, $subject) = @_;
    join ' ', map { $_->[0] } sql('SELECT n FROM toy_effects
        WHERE what = ? AND subject = ? ORDER BY id', $what, $subject);
}
sub emitted {
    my ($type, $subject, $n) = @_;
    sql('INSERT INTO outbox (type, subject, payload) VALUES (?, ?, ?)',
        $type, $subject, qq({"n":$n}));
}
sub seqs_of {
    join ' ', map { $_->[0] } sql('SELECT seq FROM events WHERE subject = ?
                                   ORDER BY seq', $_[0]);
}

wait_for(sub { cursor() >= 0 }, 'the subscriber has a cursor');

# --- with the transaction ---------------------------------------------------

my $toy = make_toy(quantity => 5);
is(post("/api/v1/toys/$toy/plays", { subject => 'x', n => 3 })->{status}, 204,
   'a transaction with an event and a job');
wait_for(sub { effects('job', $toy) ne '' && effects('event', $toy) ne '' },
         'both have their effect');
is(effects('job', $toy), '3', 'the job has read its payload');
is(effects('event', $toy), last_seq(), 'the event has its number');
is(cursor(), last_seq(), 'and the subscriber is there');
is(rows('jobs'), 0, 'the job is gone');

my $before = last_seq();
is_problem(post("/api/v1/toys/$toy/plays", { subject => 'x', n => -99 }),
           409, 'too_few');
is(rows('outbox') + rows('jobs'), 0, 'what failed said and asked for nothing');
my @once = ("/api/v1/toys/$toy/plays", { subject => 'x', n => 1 },
            'idempotency-key' => 'twice');
post(@once) for 1 .. 3;
wait_for(sub { effects('job', $toy) eq '3 1' }, 'asked three times, done once');
wait_for(sub { rows('outbox') == 0 && cursor() == last_seq() }, 'numbered');
is(last_seq(), $before + 1, 'and one event');

# --- numbers come after the commit ------------------------------------------

# The first of two transactions writes first and commits last: numbers in the
# order of writing would leave a hole that a reader has passed by then.
sql('BEGIN');
emitted('toy.late', 'early bird', 1);
my $id = sql_value("SELECT id FROM outbox WHERE subject = 'early bird'");
sql_as('postgres', q{INSERT INTO outbox (type, subject, payload)
                     VALUES ('toy.soon', 'late bird', '{}')});
my $passed = wait_for(sub { (sql_as('postgres', q{SELECT seq FROM events
    WHERE subject = 'late bird'}))[0][0] }, 'the second is numbered');
sql('COMMIT');
my $later = wait_for(sub { seqs_of('early bird') }, 'then the first');
cmp_ok($later, '>', $passed, 'who read the one has the other before him');
is($later, $passed + 1, 'and there is no gap');
wait_for(sub { cursor() == $later }, 'both are delivered');
is(effects('event', 'early bird'), $later, 'the late one, too');

# --- a subscriber that fails ------------------------------------------------

make_toy(name => 'stuck');
emitted('toy.fine', 'before', 1);
emitted('toy.broken', 'stuck', 1);
emitted('toy.fine', 'behind', 1);
my $failures = counter('event_failures_total');
wait_for(sub { counter('event_failures_total') >= $failures + 2 },
         'it is tried again');
wait_for(sub { effects('event', 'before') }, 'one at a time');
is(effects('event', 'before'), seqs_of('before'),
   'what came before is not held up');
is(effects('event', 'behind'), '', 'what comes behind waits');
is(effects('event', 'stuck'), '', 'a failure leaves nothing');
is(wait_for(sub { sql_value("SELECT error FROM event_cursors") }, 'a note'),
   'conflict', 'and says why');
sql('UPDATE event_cursors SET failures = 20, retry_at = shop_now()');
wait_for(sub { sql_value('SELECT failures FROM event_cursors') == 21 },
         'once more');
cmp_ok(sql_value('SELECT extract(epoch FROM retry_at - shop_now())
                    FROM event_cursors'), '>', 60,
       'who failed often is asked again in minutes');
sql("DELETE FROM toys WHERE name = 'stuck'");
sql('UPDATE event_cursors SET retry_at = shop_now()');
wait_for(sub { cursor() == last_seq() }, 'it works in the end');
is(effects('event', $_), seqs_of($_), "$_: once")
    for 'before', 'stuck', 'behind';

# The cursor cannot be moved, once: then what was to be done with it is not
# done either, and is done once in the end.
sql('CREATE SEQUENCE moves');
sql('GRANT USAGE ON SEQUENCE moves TO shop_app');
sql(q{CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.seq > OLD.seq AND nextval('moves') = 1 THEN
              RAISE 'no' USING ERRCODE = '23514';
          END IF;
          RETURN NEW;
      END $$});
sql('CREATE TRIGGER stay BEFORE UPDATE ON event_cursors
         FOR EACH ROW EXECUTE FUNCTION stay()');
allow_log(qr/cursor_move failed/);
emitted('toy.fine', 'together', 1);
wait_for(sub { seqs_of('together') && cursor() == last_seq() }, 'it moves');
is(effects('event', 'together'), seqs_of('together'),
   'the effect and the cursor go together');
sql('DROP TRIGGER stay ON event_cursors');

# --- jobs that fail ---------------------------------------------------------

my $dead = counter('jobs_dead_total');
is(post("/api/v1/toys/$toy/plays", { subject => 'poison', n => 0 })->{status},
   204, 'a job that cannot work');
wait_for(sub { rows('jobs WHERE dead_at IS NOT NULL') == 1 }, 'dies');
is(counter('jobs_dead_total'), $dead + 1, 'which is counted');
is_deeply([sql('SELECT kind, attempts, error FROM jobs')],
          [['toy.poison', 2, 'conflict']], 'after so many attempts, with why');
is(effects('poison', 'x'), '', 'no attempt left anything');
sql(q{INSERT INTO jobs (kind, attempts, max_attempts)
      VALUES ('toy.poison', 20, 99)});
wait_for(sub { rows('jobs WHERE attempts = 21 AND leased_until IS NULL') },
         'one that has failed often fails');
cmp_ok(sql_value(q{SELECT extract(epoch FROM run_at - shop_now())
                     FROM jobs WHERE attempts = 21}), '>', 60,
       'and is tried again in minutes');
sql('DELETE FROM jobs WHERE attempts = 21');

# A payload that is not of the kind fails before anything is done.
sql(q{INSERT INTO jobs (kind, payload, max_attempts)
      VALUES ('toy.count', '{"subject": 1}', 1)});
wait_for(sub { rows("jobs WHERE error = 'wrong_body'") == 1 }, 'so does it');

# --- leases ------------------------------------------------------------------

# Somebody has it; when his time is over he has gone.
sql(q{INSERT INTO jobs (kind, payload, attempts, leased_until)
      VALUES ('toy.count', '{"subject": "leased", "n": 1}', 1,
              shop_now() + interval '1 hour')});
my $done = counter('jobs_done_total');
sql(q{INSERT INTO jobs (kind, payload, run_at) VALUES
      ('toy.count', '{"subject": "free", "n": 1}', shop_now()),
      ('toy.count', '{"subject": "tomorrow", "n": 1}',
       shop_now() + interval '1 day')});
wait_for(sub { effects('job', 'free') eq '1' }, 'one that is free runs');
is(effects('job', 'leased'), '', 'one that somebody has does not');
is(effects('job', 'tomorrow'), '', 'nor one whose time has not come');
sql('UPDATE jobs SET leased_until = shop_now() WHERE leased_until IS NOT NULL');
wait_for(sub { effects('job', 'leased') eq '1' }, 'until the lease is over');
sql(q{DELETE FROM jobs WHERE payload->>'subject' = 'tomorrow'});

# One whose last attempt ended without a word may be the one that kills.
sql(q{INSERT INTO jobs (kind, payload, attempts, max_attempts, leased_until)
      VALUES ('toy.count', '{"subject": "killer", "n": 1}', 3, 3,
              shop_now() - interval '1 s')});
wait_for(sub { rows("jobs WHERE error = 'lost'") == 1 }, 'it is not run again');
is(effects('job', 'killer'), '', 'nor done');

# A kind that nobody knows is left to those who do.
sql("INSERT INTO jobs (kind) VALUES ('of.tomorrow')");
sql(q{INSERT INTO jobs (kind, payload)
      VALUES ('toy.count', '{"subject": "behind", "n": 1}')});
wait_for(sub { effects('job', 'behind') eq '1' }, 'others run');
is(sql_value("SELECT attempts FROM jobs WHERE kind = 'of.tomorrow'"), 0,
   'it waits');
sql('DELETE FROM jobs');

# --- keys and turns ----------------------------------------------------------

# What is asked for again and again is done once, as it was asked for last.
is(post("/api/v1/toys/$toy/plays", { subject => 'tidy', n => $_ })->{status},
   204, "asked for: $_") for 1, 9, 3;
is_deeply([sql(q{SELECT kind, payload->>'n', yields,
                        round(extract(epoch FROM run_at - created_at))
                   FROM jobs WHERE key IS NOT NULL})],
          [['toy.tidy', 3, '01:00:00', 3591]],
          'one waits, for the earliest of three, and is told what came last');
sql(q{UPDATE jobs SET run_at = shop_now() WHERE key IS NOT NULL});
wait_for(sub { effects('job', 'tidy') ne '' }, 'it is run');
is(effects('job', 'tidy'), 3, 'once');
post("/api/v1/toys/$toy/plays", { subject => 'tidy', n => 1 });
sql(q{UPDATE jobs SET leased_until = shop_now() + interval '1 hour',
                      key = NULL, attempts = 1 WHERE key IS NOT NULL});
post("/api/v1/toys/$toy/plays", { subject => 'tidy', n => 2 }) for 1, 2;
is_deeply([map { $_->[0] } sql(q{SELECT payload->>'n' FROM jobs
                                  WHERE kind = 'toy.tidy' ORDER BY 1})],
          [1, 2], 'beside one that somebody has begun another waits');
sql('DELETE FROM jobs');

sql(q{INSERT INTO jobs (kind, key, max_attempts)
      VALUES ('toy.poison', 'k', 1)});
wait_for(sub { rows('jobs WHERE dead_at IS NOT NULL') == 1 }, 'one fails');
is(rows('jobs WHERE key IS NULL'), 1, 'who is begun has no key any more');
sql('DELETE FROM jobs');

# Forty give way to one that comes after them, and not to it for ever.
sub asked {
    my ($name, $yields, $ago, $n) = @_;

    return qq{INSERT INTO jobs (kind, payload, yields, run_at)
              SELECT 'toy.count', '{"subject": "turn", "n": $name}', '$yields',
                     shop_now() - interval '$ago' FROM generate_series(1, $n)};
}
sql('BEGIN');
sql(asked(1, '1 h', '10 min', 40));
sql(asked(2, '0', '0', 1));
sql(asked(3, '1 h', '2 h', 1));
sql('COMMIT');
wait_for(sub { rows('jobs') == 0 }, 'all are run');
my @turns = split ' ', effects('job', 'turn');
is(scalar @turns, 42, 'all of them');
is(join(' ', sort grep { $_ > 1 } @turns[0 .. 15]), '2 3',
   'who yields nothing, and who has waited longer than he yields, come first');

# --- schedules --------------------------------------------------------------

sql(q{INSERT INTO schedules (name, kind, payload, first_local, every, zone)
      VALUES ('daily', 'toy.count', '{"subject": "daily", "n": 7}',
              '2025-01-01 03:00', '1 day', 'Europe/Istanbul')});
is(sql_value(q{SELECT to_char(next_at AT TIME ZONE 'Europe/Istanbul', 'HH24:MI')
                 FROM schedules WHERE name = 'daily'}), '03:00',
   'a schedule is planned when it is written');
sql(q{UPDATE schedules SET next_at = shop_now() - interval '3 days'
       WHERE name = 'daily'});
wait_for(sub { effects('job', 'daily') ne '' }, 'it comes');
is(effects('job', 'daily'), '7', 'once for all that was missed');
is(sql_value(q{SELECT next_at > shop_now() AND next_at - shop_now()
                      <= interval '1 day' FROM schedules
                WHERE name = 'daily'}), 1, 'and tomorrow again');
sql("DELETE FROM schedules WHERE name = 'daily'");

# Two workers look while the first has it in hand: each five times a second.
sql(q{INSERT INTO schedules (name, kind, payload, first_local, every, zone)
      VALUES ('both', 'toy.count', '{"subject": "both", "n": 1}',
              '2025-01-01 03:00', '1 day', 'UTC')});
sql(q{CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_sleep(1);
          RETURN NEW;
      END $$});
sql(q{CREATE TRIGGER slowly BEFORE UPDATE ON schedules FOR EACH ROW
      WHEN (NEW.last_at IS DISTINCT FROM OLD.last_at)
      EXECUTE FUNCTION slowly()});
sql(q{UPDATE schedules SET next_at = shop_now() WHERE name = 'both'});
wait_for(sub { effects('job', 'both') ne '' }, 'it comes');
wait_for(sub { !(sql_as('postgres', q{SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'}))[0][0]
    && !rows("jobs WHERE kind = 'toy.count'") }, 'nobody has it');
is(effects('job', 'both'), '1', 'one of them makes the job');
sql("DELETE FROM schedules WHERE name = 'both'");
sql('DROP TRIGGER slowly ON schedules');

for (['the hour that is skipped', '2025-03-30 00:00Z', '02:30',
      '2025-03-30 01:30:00'],
     ['the day behind it', '2025-03-30 02:00Z', '02:30', '2025-03-31 00:30:00'],
     ['the hour that comes twice', '2025-10-25 12:00Z', '02:30',
      '2025-10-26 01:30:00'],
     ['and only once', '2025-10-26 01:30Z', '02:30', '2025-10-27 01:30:00']) {
    my ($name, $after, $at, $want) = @$_;
    is(sql_value(q{SELECT shop_next_time(?::timestamp, '1 day',
                   'Europe/Berlin', ?) AT TIME ZONE 'UTC'},
                 "2025-01-01 $at", $after), $want, $name);
}
is(sql_value(q{SELECT shop_next_time('2025-01-31 10:00', '1 month', 'UTC',
               '2025-03-01Z') AT TIME ZONE 'UTC'}), '2025-03-31 10:00:00',
   'the last of a month stays the last');
is(sql_value(q{SELECT shop_next_time('2015-01-01', '1 minute', 'UTC',
               '2025-03-01 00:00:30Z') AT TIME ZONE 'UTC'}),
   '2025-03-01 00:01:00', 'minutes of ten years');

done();
