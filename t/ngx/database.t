#!/usr/bin/perl
#
# database.t - PostgreSQL is not migrated, stops, restarts, is killed or falls
# silent with two hundred requests in flight: each is answered, and the shop
# goes on by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DBI;
use POSIX ();
use Shop::Test;

use constant CLIENTS => 200;

# --- a database without this version's tables ---

start_shop(template => 'template0', ready => 0);
is(get('/healthz')->{status}, 200, 'the process answers');
for my $path ('/readyz', '/api/v1/store', '/api/v1/products') {
    my $res = get($path);

    is_problem($res, 503, 'not_migrated');
    is($res->{headers}{'retry-after'}, 1, "$path: Retry-After");
}
my ($worker) = workers();
my $db = sql_value('SELECT current_database()');
is(system('/bin/sh', '-c', 'top=$1; . tools/shopenv; '
       . 'migrate "$SHOP_TEST_DIR" "$2" >/dev/null', 'sh', top_folder(), $db),
   0, 'migrated');
ok(wait_for(sub { get('/readyz')->{status} == 200 }),
   'ready once it is migrated');
is(get('/api/v1/store')->{status}, 200, 'and served');

# The last migration is missing.
my ($last) = sql("SELECT * FROM sqitch.changes
                   WHERE committed_at = (SELECT max(committed_at)
                                           FROM sqitch.changes)");
sql_as('postgres', "UPDATE sqitch.changes SET change = 'other'
                     WHERE change_id = ?", $last->[0]);
is_problem(get('/readyz'), 503, 'not_migrated');
sql_as('postgres', "UPDATE sqitch.changes SET change = ?
                     WHERE change_id = ?", $last->[2], $last->[0]);
is(get('/readyz')->{status}, 200, 'ready again');

# A newer version has migrated it already.
sql_as('postgres', "INSERT INTO sqitch.changes
    (change_id, script_hash, change, project, committed_at, committer_name,
     committer_email, planned_at, planner_name, planner_email)
    SELECT 'later', 'later', 'later', project, clock_timestamp(),
           committer_name, committer_email, planned_at, planner_name,
           planner_email
      FROM sqitch.changes WHERE change_id = ?", $last->[0]);
is(get('/readyz')->{status}, 200, 'ready on a database that is ahead');
is(get('/readyz')->{json}{change}, 'later', 'and says how far');
is_deeply([workers()], [$worker], 'by the same worker');

# --- it goes with requests in flight ---

# Answers that were kept would hide it all.
start_shop(workers => 1, http => 'shop_cache_stale 0;');
($worker) = workers();

# Requests that wait for a backend which does not run.
sub in_flight {
    my ($n) = @_;

    get('/api/v1/store');
    my @backend = pg_freeze();
    my @client = map { new_connection() } 1 .. $n;
    $_->write("GET /api/v1/store HTTP/1.1\r\nHost: x\r\n\r\n")
        for @client;
    wait_for(sub { status()->{coroutines}{live} >= $n }, 'all are in flight');
    pg_thaw(postmaster());
    return (\@client, \@backend);
}

# How often each status was answered; dies when one is not answered.
sub answers {
    my ($clients) = @_;
    my %count;

    for my $client (@$clients) {
        my $res = $client->read_response('GET');
        my $how = $res->{status};
        $how .= ' without Retry-After'
            if $how == 503 && !$res->{headers}{'retry-after'};
        $count{$how}++;
        $client->close;
    }
    note(join ', ', map { "$count{$_} x $_" } sort keys %count);
    return \%count;
}

# All were answered, with these statuses at most; then the shop is itself
# again, with statements prepared anew and the same worker.
sub survived {
    my ($name, $count, @allowed) = @_;
    my %other = %$count;
    my $sum = 0;

    $sum += $_ for values %$count;
    is($sum, CLIENTS, "$name: all were answered");
    delete @other{@allowed};
    is(join(' ', sort keys %other), '', "$name: as they should be");
    ok(wait_for(sub { get('/api/v1/store')->{status} == 200 }),
       "$name: and it serves again");
    is(get($_)->{status}, 200, "$name: $_")
        for '/api/v1/categories', '/api/v1/products', '/readyz';
    is_deeply([workers()], [$worker], "$name: without a restart");
    is(status()->{coroutines}{live}, 0, "$name: no coroutine is left");
    # But for a poll, perhaps, just now.
    ok(wait_for(sub { status()->{counters}{read_in_flight} == 0 }),
       "$name: nothing in flight");
}

# pg_ctl waits for backends that do not run: once nobody can connect any more
# they have their signal, and are woken to find it.
sub stop_with {
    my ($mode) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        eval { pg_stop($mode) };
        POSIX::_exit($@ ? 1 : 0);
    }
    wait_for(sub {
        return !DBI->connect(
            "dbi:Pg:host=$ENV{SHOP_TEST_DIR};dbname=postgres", 'postgres', '',
            { PrintError => 0 });
    }, 'PostgreSQL lets nobody in');
    wait_for(sub {
        pg_thaw();
        return waitpid($pid, POSIX::WNOHANG()) == $pid;
    }, 'PostgreSQL stopped');
}

for my $mode ('fast', 'immediate') {
    my ($clients, $backends) = in_flight(CLIENTS);

    stop_with($mode);
    my $count = answers($clients);

    # Down: every answer says so at once, and nobody spins over it.
    my $before = status()->{counters}{db_connect_failures_total};
    my $cpu = cpu();
    wait_for(sub {
        my $res = get('/api/v1/store');
        return $res->{status} == 503
            && status()->{counters}{db_connect_failures_total} >= $before + 3;
    }, 'it tries again');
    cmp_ok(cpu() - $cpu, '<', 1e9, "$mode: trying costs little");
    my $res = get('/readyz');
    is_problem($res, 503, 'database_unavailable');
    is($res->{headers}{'retry-after'}, 1, "$mode: Retry-After");
    is(get('/healthz')->{status}, 200, "$mode: the process answers");

    pg_start();
    survived("stopped, $mode", $count, 200, 503);
}

# The backend dies: PostgreSQL ends all others as well, and recovers.
my ($clients, $backends) = in_flight(CLIENTS);
kill KILL => @$backends;
my $count = answers($clients);
survived('killed', $count, 200, 503);

# An administrator ends the sessions in the middle of a batch.
for my $n (1 .. 3) {
    ($clients, $backends) = in_flight(CLIENTS);
    my $lost = status()->{counters}{db_lost_total};
    pg_kill();
    pg_thaw();
    survived("terminated, $n", answers($clients), 200);
    cmp_ok(status()->{counters}{db_lost_total}, '>', $lost,
           'a connection was lost in it');
}

# It falls silent, and nothing wakes it: another connection is made.
($clients, $backends) = in_flight(CLIENTS);
my $cpu = cpu();
$count = answers($clients);
cmp_ok(cpu() - $cpu, '<', 1e9, 'waiting costs little');
survived('silent', $count, 200, 503);
pg_thaw();

# So does every connection that is made: the deadline answers.
($clients, $backends) = in_flight(CLIENTS);
pg_freeze();
$count = answers($clients);
pg_thaw();
survived('dead silent', $count, 503, 504);

sub cpu {
    return (split ' ', read_file("/proc/$worker/schedstat"))[0];
}

done();
