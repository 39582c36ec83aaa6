#!/usr/bin/perl
#
# jobs.t - workers that relay events and run jobs are killed again and again,
# with thousands of both under way: every event and every job has its effect,
# once; no number is missing; each subject's events come in the order of its
# changes; what cannot work is a dead letter.
#
# 2,000 changes and 15 kills; with TORTURE=1 11,200, of which 10,080 are not
# rolled back, and 200.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

my ($all, $kills) = $ENV{TORTURE} ? (11_200, 200) : (2_000, 15);
my $subjects = 20;

start_toys(workers => 2, background => 1);
allow_log(qr/exited on signal 9/,
          qr/(?:subscriber|job|jobs) .*(?:failed|dead)/);
wait_for(sub { sql_value("SELECT count(*) FROM event_cursors") }, 'a cursor');
sql('CREATE TABLE toy_counts (subject text PRIMARY KEY, n bigint NOT NULL)');
sql("INSERT INTO toy_counts SELECT 's' || i, 0
       FROM generate_series(1, $subjects) i");

# One change of a subject in a transaction of its own, under its lock; every
# tenth is rolled back.
sql(<<'END');
CREATE PROCEDURE changes(writer int, writers int, total int, subjects int)
LANGUAGE plpgsql AS $$
DECLARE v bigint; s text;
BEGIN
    FOR i IN 1 .. total LOOP
        CONTINUE WHEN i % writers <> writer;
        s := 's' || 1 + (i / writers * 7 + i) % subjects;
        UPDATE toy_counts SET n = n + 1 WHERE subject = s RETURNING n INTO v;
        INSERT INTO outbox (type, subject, payload)
        VALUES ('toy.changed', s, jsonb_build_object('n', v));
        INSERT INTO jobs (kind, payload, max_attempts, lease)
        VALUES ('toy.count', jsonb_build_object('subject', s, 'n', v), 100,
                '500 ms');
        IF i % 10 = 3 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END $$
END
sql(q{INSERT INTO jobs (kind, max_attempts, lease)
      VALUES ('toy.poison', 2, '500 ms')});

# Two who write at once, while the others are killed.
my @writers;
for my $writer (0, 1) {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        forget_connections();
        sql("CALL changes($writer, 2, $all, $subjects)");
        POSIX::_exit(0);
    }
    push @writers, $pid;
}

sub effects { sql_value('SELECT count(*) FROM toy_effects') }

# Whoever works now goes; the next is killed when something was done since.
my $killed = 0;
while ($killed < $kills) {
    my @pids = workers();
    my $pid = $pids[rand @pids];
    my $before = effects();

    kill KILL => $pid or next;
    $killed++;
    wait_for(sub {
        my @now = workers();
        @now == 2 && !grep { $_ == $pid } @now;
    }, 'another worker');
    my $left = sql_value('SELECT (SELECT count(*) FROM outbox)
                                 + (SELECT count(*) FROM jobs)');
    wait_for(sub { effects() > $before }, 'work goes on') if $left > 20;
}
waitpid $_, 0 for @writers;

my $changes = sql_value('SELECT sum(n) FROM toy_counts');
cmp_ok($changes, '>', $all * 0.8, 'there were changes');
wait_for(sub {
    sql_value(q{SELECT NOT EXISTS (SELECT FROM outbox)
                   AND NOT EXISTS (SELECT FROM jobs WHERE dead_at IS NULL)
                   AND NOT EXISTS (SELECT FROM event_cursors, event_relay
                                    WHERE seq < last_seq)})
}, 'all is done');

is(sql_value('SELECT count(*) FROM events'), $changes, 'an event a change');
is(sql_value('SELECT max(seq) - min(seq) + 1 FROM events'), $changes,
   'numbered without a gap');
is(sql_value(q{SELECT count(*) FROM (
       SELECT (payload->>'n')::bigint
              - row_number() OVER (PARTITION BY subject ORDER BY seq) AS off
         FROM events) o WHERE off <> 0}), 0,
   "in the order of each subject's changes");
for my $what ('event', 'job') {
    is(sql_value('SELECT count(*) FROM toy_effects WHERE what = ?', $what),
       $changes, "$what: an effect each");
    is(sql_value('SELECT count(*) FROM (SELECT DISTINCT subject, n
                    FROM toy_effects WHERE what = ?) d', $what), $changes,
       "$what: none twice");
}
is(sql_value(q{SELECT count(*) FROM (
       SELECT n - lag(n) OVER (ORDER BY id) AS step FROM toy_effects
        WHERE what = 'event') s WHERE step < 1}), 0,
   'delivered in the order of numbers');
is_deeply([sql('SELECT kind, error IS NOT NULL FROM jobs
                 WHERE dead_at IS NOT NULL')], [['toy.poison', 1]],
          'what cannot work is a dead letter');

# Whoever buried that one may have been killed before he had counted it.
my $dead = counter('jobs_dead_total');
sql(q{INSERT INTO jobs (kind, max_attempts) VALUES ('toy.poison', 1)});
wait_for(sub { counter('jobs_dead_total') > $dead }, 'a metric moves');
is(counter('jobs_dead_total'), $dead + 1, 'by one, and somebody is told');
diag("$killed workers killed over $changes events and $changes jobs");

done();
