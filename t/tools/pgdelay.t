#!/usr/bin/perl
#
# pgdelay.t - the delaying proxy: hands on every byte, late, and lets go of
# both ends when one closes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use DBI;
use Time::HiRes qw(sleep time);

my $folder = "$ENV{SHOP_TEST_DIR}/delay$$";
mkdir $folder or die "$folder: $!";
my $pid;


sub start_delay {
    $pid = fork // die "fork: $!";
    if (!$pid) {
        exec "$ENV{SHOP_BUILD}/pgdelay", "$folder/.s.PGSQL.5432",
             "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432", @_ or POSIX::_exit(127);
    }
    wait_for(sub { -S "$folder/.s.PGSQL.5432" }, 'it listens');
}


sub dbh_as {
    return DBI->connect("dbi:Pg:host=$folder;dbname=postgres;"
        . "application_name=$_[0]", 'postgres', '', { RaiseError => 1 });
}


start_delay(50);
my $dbh = dbh_as('anybody');
my $since = time;
my ($long) = $dbh->selectrow_array(q(SELECT repeat('x', 1000000)));
ok(time - $since >= 0.1, 'a round trip takes twice the delay');
is($long, 'x' x 1_000_000, 'what is long comes through whole');

my ($backend) = $dbh->selectrow_array('SELECT pg_backend_pid()');
$dbh->disconnect;
my $direct = DBI->connect("dbi:Pg:host=$ENV{SHOP_TEST_DIR};dbname=postgres",
                          'postgres', '', { RaiseError => 1 });
ok(wait_for(sub { !$direct->selectrow_array(
    'SELECT 1 FROM pg_stat_activity WHERE pid = ?', {}, $backend) }),
   'the far end is closed after the near one');

kill TERM => $pid;
waitpid $pid, 0;
ok(!-e "$folder/.s.PGSQL.5432", 'its socket goes with it');

# Only who is named is late.
start_delay(300, 'late-one');
$since = time;
dbh_as('late-one')->disconnect;
my $late = time - $since;
$since = time;
dbh_as('other')->disconnect;
ok($late >= 0.6, 'who is named waits');
ok(time - $since < $late, 'another does not');
kill TERM => $pid;
waitpid $pid, 0;
done_testing();
