#!/usr/bin/perl
#
# shopd.t - the background work of a shop whose nginx does none: several of them
# do everything once, one that is killed loses nothing, and each ends in good
# order.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX qw(WNOHANG);
use Shop::Test;
use Shop::Toy;

use constant { OK => 0, FAILED => 1, USAGE => 2, UNREACHABLE => 3 };

my %running;            # pid -> where its lines go
my $started = 0;

start_toys(workers => 1);
my $program = "$ENV{SHOP_TEST_DIR}/toys/" . Shop::Copy::build_folder()
    . '/shopd';
my $folder = "$ENV{SHOP_TEST_DIR}/shopd$$";
mkdir $folder or die "$folder: $!";
END { kill KILL => keys %running }


# --- helpers -----------------------------------------------------------------

sub start {
    my (@options) = @_;
    my $log = "$folder/log" . ++$started;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDERR, '>', $log or die;
        open STDOUT, '>', "$log.out" or die;
        $ENV{SHOP_DATABASE} = database_url();
        exec $program, @options or POSIX::_exit(127);
    }
    $running{$pid} = $log;
    return $pid;
}

# Exit status, and all its lines.
sub ended {
    my ($pid) = @_;
    my $log = $running{$pid};

    wait_for(sub { waitpid($pid, WNOHANG) == $pid }, 'shopd ends');
    my $status = $? & 127 ? 'killed' : $? >> 8;
    delete $running{$pid};
    return ($status, read_file($log), read_file("$log.out"));
}

sub stop {
    my ($pid) = @_;

    kill TERM => $pid;
    my ($status, $lines) = ended($pid);
    is($status, OK, 'shopd ends well') or diag($lines);
    return $lines;
}

sub refused {
    my ($want, $says, @options) = @_;
    my ($status, $lines, $out) = ended(start(@options));

    is($status, $want, "exit $want: shopd @options");
    like($lines, qr/\Ashopd: error: $says.*\n\z/, '  and says why, in a line');
    is($out, '', '  and nothing else');
}

sub count { sql_value("SELECT count(*) FROM $_[0]", @_[1 .. $#_]) }

# What was done for a subject, and how often.
sub effects {
    my ($what, $subject) = @_;

    return count('toy_effects WHERE what = ? AND subject = ?', $what, $subject);
}

# Not in the session that may be within a transaction.
sub job {
    my ($subject, $lease) = @_;

    sql_as('postgres', q{INSERT INTO jobs (kind, payload, lease)
                         VALUES ('toy.count', ?, ?)},
           qq({"subject":"$subject","n":1}), $lease // '1 minute');
}

# Until COMMIT jobs wait for us, for their effect is a row in here.
sub lock_effects {
    sql('BEGIN');
    sql('LOCK TABLE toy_effects IN SHARE MODE');
}


# --- the command line --------------------------------------------------------

refused(USAGE, qr/there is no option "--jobs=2"/, '--jobs=2');
refused(USAGE, qr/there is nothing to be done with "fast"/, 'fast');
refused(USAGE, qr/option "--check=1" takes no value/, '--check=1');
refused(USAGE, qr/option "--metrics" needs a value/, '--metrics');
refused(USAGE, qr/--deadline takes a number from 1 to 3600, not "0"/,
        '--deadline', 0);
refused(USAGE, qr/--drain takes a number from 0 to 3600, not "soon"/,
        '--drain=soon');
refused(USAGE, qr/the database is not a libpq connection string/,
        '--database', 'here');

my ($status, $lines, $out) = ended(start('--help'));
is("$status$lines", OK, '--help');
like($out, qr/^usage: shopd /, 'says what there is');
my $manual = read_file(top_folder() . '/shopd/shopd.8');
like($manual, qr/^\.It Fl -$_\b/m, "--$_ is in the manual")
    for $out =~ /^  --([a-z]+)/mg;
($status, $lines, $out) = ended(start('--version'));
like($out, qr/^shopd \d+\.\d+\.\d+$/, '--version');

($status, $lines) = ended(start('--check'));
is($status, OK, '--check');
is($lines, "shopd: info: ready; the database's last migration is toy\n",
   'tells the last migration');
($status, $lines) = ended(start(qw(--check --quiet)));
is("$status$lines", OK, '--quiet');
($status, $lines) = ended(start('--check', '--database',
                                "host=$ENV{SHOP_TEST_DIR}/nowhere"));
is($status, UNREACHABLE, 'no database');
like($lines, qr/^shopd: warning: no connection for lane shop-read: .*nowhere/m,
     'and why');

# A label of 70 letters is no name, which nobody needs to be asked.
my $nobody = 'a' x 70;
($status, $lines) = ended(start('--check', '--database', "host=$nobody"));
is($status, UNREACHABLE, 'a host that nobody knows');
like($lines, qr/^shopd: warning: no connection for lane shop-read: $nobody: /m,
     'and why');
sql("UPDATE sqitch.changes SET change = 'plaything' WHERE change = 'toy'");
refused(FAILED, qr/the database lacks this version's tables/, '--check');
sql("UPDATE sqitch.changes SET change = 'toy' WHERE change = 'plaything'");


# --- all that nginx leaves to it ---------------------------------------------

as_nobody();
my $toy = make_toy(quantity => 5);
is(post("/api/v1/toys/$toy/plays", { subject => 'x', n => $_ })->{status}, 204,
   'an event and a job') for 1 .. 3;
is(count('outbox'), 3, 'nginx does not number');
is(count('jobs'), 3, 'nor run anything');

my @shopds = map { start('--metrics', "$folder/metrics$_") } 1, 2;
wait_for(sub { effects('job', $toy) == 3 }, 'the jobs are run');
is(count('jobs'), 0, 'and gone');
wait_for(sub { count('outbox') == 0 }, 'the events are numbered');
wait_for(sub { count("event_cursors WHERE subscriber = 'toy'") }, 'a cursor');
is(post("/api/v1/toys/$toy/plays", { subject => 'x', n => 4 })->{status}, 204,
   'one more, that the subscriber hears');
wait_for(sub { effects('event', $toy) }, 'and it does');

sql(q{INSERT INTO schedules (name, kind, payload, first_local, every, zone)
      VALUES ('daily', 'toy.count', '{"subject": "daily", "n": 7}',
              '2025-01-01 03:00', '1 day', 'UTC')});
sql("UPDATE schedules SET next_at = shop_now() WHERE name = 'daily'");
wait_for(sub { effects('job', 'daily') == 1 }, 'schedules, too');


# --- two at once -------------------------------------------------------------

sql(q{INSERT INTO outbox (type, subject, payload)
      SELECT 'toy.many', 'many', jsonb_build_object('n', i)
        FROM generate_series(1, 500) i});
sql(q{INSERT INTO jobs (kind, payload)
      SELECT 'toy.count', jsonb_build_object('subject', 'many', 'n', i)
        FROM generate_series(1, 500) i});
wait_for(sub { effects('job', 'many') >= 500 && effects('event', 'many') >= 500
               && count('jobs') == 0 }, 'all is done');
is(effects('job', 'many'), 500, 'each job once');
is(effects('event', 'many'), 500, 'each event once');


# --- one is killed in the middle of a job ------------------------------------

lock_effects();
job('stuck', '1 s');
all_waiting(1);
kill KILL => $_ for @shopds;
is((ended($_))[0], 'killed', 'both are killed') for @shopds;
cmp_ok(sql_value('SELECT attempts FROM jobs'), '>=', 1, 'in the middle of it');
sql('COMMIT');
my $heir = start();
wait_for(sub { effects('job', 'stuck') }, 'another does it');
wait_for(sub { count('jobs') == 0 }, 'and it is gone');
is(effects('job', 'stuck'), 1, 'done once');
stop($heir);


# --- one is asked to end -----------------------------------------------------

# It has taken all of them, and runs the first; when that has waited too long
# for us, it was not the end that it was asked to, and we try again.
my $done;
for my $try (1 .. 5) {
    sql("DELETE FROM toy_effects WHERE subject = 'last'");
    lock_effects();
    sql_as('postgres', q{INSERT INTO jobs (kind, payload, lease)
        SELECT 'toy.count', '{"subject": "last", "n": 1}', '1 hour'
          FROM generate_series(1, 5)});
    my $pid = start();
    all_waiting(1);
    kill TERM => $pid;
    my $log = $running{$pid};
    wait_for(sub { read_file($log) =~ /SIGTERM: begins nothing/ }, 'heard');
    sql('COMMIT');
    ($status, $lines) = ended($pid);
    $done = effects('job', 'last');
    last if $lines !~ /job toy\.count failed/;
    sql('DELETE FROM jobs');
}
is($status, OK, 'it ends in good order');
like($lines, qr/^shopd: info: ended$/m, 'and says so');
is($done, 1, 'what ran was finished, and nothing was begun');
is_deeply([sql('SELECT count(*), min(attempts), max(attempts),
                       count(leased_until) FROM jobs')], [[4, 0, 0, 0]],
          'the rest was given back, as it was');
my $other = start('--quiet');
wait_for(sub { effects('job', 'last') == 5 }, 'another does it at once');
is(stop($other), '', 'which has nothing to say');


# --- an end that takes too long ----------------------------------------------

lock_effects();
job('slow', '1 s');
my $slow = start('--drain', 0);
all_waiting(1);
kill INT => $slow;
($status, $lines) = ended($slow);
is($status, FAILED, 'past the limit it ends all the same');
like($lines, qr/^shopd: warning: what runs took longer than 0 s/m, 'and says');
sql('COMMIT');

lock_effects();
my $hasty = start();
all_waiting(1);
kill TERM => $hasty;
my $log = $running{$hasty};
wait_for(sub { read_file($log) =~ /SIGTERM: begins/ }, 'the first is heard');
kill INT => $hasty;
($status, $lines) = ended($hasty);
is($status, FAILED, 'a second signal ends it at once');
like($lines, qr/^shopd: warning: SIGINT again: ends at once$/m, 'and says so');
sql('COMMIT');
is(effects('job', 'slow'), 0, 'nothing is half done');


# --- without PostgreSQL ------------------------------------------------------

my $patient = start('--metrics', "$folder/metrics");
wait_for(sub { effects('job', 'slow') == 1 }, 'it works');
pg_stop();
$log = $running{$patient};
wait_for(sub { read_file($log) =~ /no connection for lane shop-read/ }, 'told');
pg_start();
job('later');
wait_for(sub { effects('job', 'later') == 1 }, 'it goes on by itself');
$lines = stop($patient);
is(() = $lines =~ /no connection for lane shop-read/g, 1, 'told once');
like($lines, qr/warning: lane shop-read is connected again/, 'and its end');
unlike($lines, qr/^(?!shopd: (?:info|warning|error): \S)/m, 'a line each');

my $metrics = read_file("$folder/metrics");
like($metrics, qr/^shop_jobs_done_total [1-9]/m, 'counters are in the file');
is(-e "$folder/metrics.new" ? 'half' : '', '', 'which is whole');

$patient = start('--metrics', "$folder/none/metrics");
wait_for(sub { read_file($running{$patient}) =~ /cannot be written/ }, 'told');
like(stop($patient), qr/metrics cannot be written: No such file/, 'why');

done();
