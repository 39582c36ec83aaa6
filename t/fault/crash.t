#!/usr/bin/perl
#
# crash.t - after a crash PostgreSQL gives the id of a transaction that left no
# trace to the next one.  Who asks what became of a COMMIT must not take the
# one for the other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Deed;
use Shop::Fault;
use Shop::Test;

# Sessions of our own go with the others.
$SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /crash of another/ };

my $net = bad_network();
start_shop(workers => 1, database_host => $net->folder,
           http => 'shop_deadline 60s;');
my @workers = workers();
my $key = deeds_begin();

# COMMIT waits for this lock.
sql(<<'SQL');
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(42);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON products
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
SQL

sub session {
    my ($what, $where) = @_;

    return (sql_as('postgres', "SELECT $what FROM pg_stat_activity
                                 WHERE $where LIMIT 1"))[0][0];
}

# So that nothing of the transaction is written before its COMMIT.
my $writer = session('pid', "backend_type = 'walwriter'");
sql_as('postgres', 'CHECKPOINT');
kill STOP => $writer;
sql('SELECT pg_advisory_lock(42)');

my $lost = status()->{counters}{tx_lost_commits_total};
my $deed = new_deed('create', key => 1);
my $told = "$ENV{SHOP_TEST_DIR}/told$$";
my $pid = fork // die "fork: $!";
if (!$pid) {
    forget_connections();
    my $res = $deed->ask_only;
    write_file($told, "$res->{status} " . ($res->{json}{code} // ''));
    POSIX::_exit(0);
}
my $in_commit = "datname = current_database() AND query = 'COMMIT'
                 AND wait_event_type = 'Lock'";
wait_for(sub { session('count(*)', $in_commit) }, 'it is in COMMIT');
my $xid = session('backend_xid', $in_commit);

# PostgreSQL falls and rises, and nginx cannot ask yet.
$net->tell('refuse');
kill KILL => $writer;
wait_for(sub { status()->{counters}{tx_lost_commits_total} > $lost },
         'the answer to COMMIT is lost');
wait_for(sub { sql_value('SELECT 1') }, 'PostgreSQL is back');

my $other = 0;
while ($other < $xid) {
    $other = sql_value('SELECT pg_current_xact_id()::text::bigint');
}
is(sql_value('SELECT pg_xact_status(?::text::xid8)', $xid), 'committed',
   "$xid has been given away again");
is($deed->times_done, 0, 'and it is not what was asked for');
$net->tell('accept');

waitpid $pid, 0;
is(read_file($told), '503 outcome_unknown', 'the client is not told it is');
is($deed->insist->wrong, '', 'it asks again, and it is done once');
is_deeply([workers()], \@workers, 'the worker lives');
done();
