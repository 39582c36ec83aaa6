#!/usr/bin/perl
#
# backlog.t - what waits in the database is in the metrics, whoever should do
# it and whether anybody does.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

sub level { status()->{counters}{ $_[0] } }
sub levels_are {
    my ($name, %want) = @_;

    wait_for(sub {
        my $got = status()->{counters};
        return !grep { $got->{$_} != $want{$_} } keys %want;
    }, $name);
    pass($name);
}

# --- nobody does anything: it is seen all the same --------------------------

my $shop = start_toys(workers => 1, http => 'shop_drain_time 0;');
allow_log(qr/(?:subscriber|job|jobs) .*(?:failed|dead)/);
my $seen = wait_for(sub { level('backlog_seen_timestamp_seconds') },
                    'somebody looks');
cmp_ok(abs($seen - time), '<', 60, 'just now');
levels_are('nothing waits', outbox_events => 0, jobs_due => 0, jobs_dead => 0);

sql(q{INSERT INTO outbox (type, subject, payload, occurred_at)
      SELECT 'toy.seen', 'x', '{}', now() - n * interval '100 s'
        FROM generate_series(1, 3) n});
sql(q{INSERT INTO jobs (kind, run_at, leased_until, dead_at) VALUES
      ('toy.count', now() - interval '50 s', NULL, NULL),
      ('toy.count', now() + interval '1 h', NULL, NULL),
      ('toy.count', now() - interval '2 h', now() + interval '1 h', NULL),
      ('nobody''s', now() - interval '20 s', NULL, NULL),
      ('toy.poison', now() - interval '3 h', NULL, now())});
levels_are('what waits is counted; what is had or comes later does not',
           outbox_events => 3, jobs_due => 2, jobs_dead => 1);
cmp_ok(level('outbox_oldest_seconds'), '>=', 100, 'by the oldest event');
cmp_ok(level('outbox_oldest_seconds'), '<', 3600, 'in seconds');
cmp_ok(level('jobs_oldest_due_seconds'), '>=', 50, 'and the oldest job');
cmp_ok(level('jobs_oldest_due_seconds'), '<', 3600, 'in seconds');
like(get('/metrics')->{body}, qr/^shop_outbox_oldest_seconds \d+\.\d{3}$/m,
     'in the metrics, too');
cmp_ok(level('backlog_seen_timestamp_seconds'), '>', $seen, 'looked at anew');

sql('DELETE FROM jobs');
sql(q{UPDATE schedules SET next_at = now() - interval '5 h'});
sql(q{INSERT INTO outbox (type, subject, payload)
      SELECT 'toy.seen', 'x', '{}' FROM generate_series(1, 12000)});
levels_are('what is too much is not counted', outbox_events => 10000,
           jobs_due => 0, jobs_dead => 0);
cmp_ok(level('jobs_oldest_due_seconds'), '>=', 18000,
       'a schedule that nobody sees to waits like a job');

# --- somebody does ----------------------------------------------------------

# What a worker that drains has seen counts no more, however long it lives.
my ($old) = workers();
my $slow = new_connection();
$slow->write("GET /api/v1/store HTTP/1.1\r\n");
sql('DELETE FROM outbox');
$shop->{background} = 1;
reload();
levels_are('after a reload the new one tells', outbox_events => 0,
           jobs_oldest_due_seconds => 0);
ok(open_sockets(workers => [$old]), 'while the old one lives');
$slow->close;

wait_for(sub { sql_value('SELECT count(*) FROM event_cursors') }, 'a cursor');
make_toy(name => 'wall');
sql(q{INSERT INTO jobs (kind, max_attempts) VALUES ('toy.poison', 1)});
sql(q{INSERT INTO outbox (type, subject, payload)
      SELECT CASE n WHEN 1 THEN 'toy.broken' ELSE 'toy.seen' END, 'wall', '{}'
        FROM generate_series(1, 7) n});
levels_are('a subscriber is behind, and there is a dead letter',
           events_behind => 7, outbox_events => 0, jobs_dead => 1,
           jobs_dead_total => 1);
cmp_ok(level('event_failures_total'), '>', 0, 'and that is why');

# One that is in no table any more is not waited for.
sql(q{DELETE FROM toys});
sql(q{UPDATE event_cursors SET retry_at = now()});
sql(q{INSERT INTO event_cursors (subscriber, seq) VALUES ('gone', 0)});
levels_are('then it is not', events_behind => 0);

# Whoever waits for a lock under the shop's role, for however long.
sql('SELECT pg_advisory_lock(4711)');
open my $waiting, '-|', "$ENV{SHOP_TEST_PG_BIN}/psql", '-XqAt', '-h',
    $ENV{SHOP_TEST_DIR}, '-U', 'shop_app', '-d', $shop->{db}, '-c',
    'SELECT pg_advisory_lock(4711)' or die "psql: $!";
levels_are('a session waits for a lock', lock_waits => 1);
sql('SELECT pg_advisory_unlock(4711)');
is(scalar(() = <$waiting>), 1, 'it has it');
close $waiting;
levels_are('and waits no more', lock_waits => 0);

done();
