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
my $pid = fork // die "fork: $!";
if (!$pid) {
    exec "$ENV{SHOP_BUILD}/pgdelay", "$folder/.s.PGSQL.5432",
         "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432", 50 or POSIX::_exit(127);
}
wait_for(sub { -S "$folder/.s.PGSQL.5432" }, 'it listens');

my $dbh = DBI->connect("dbi:Pg:host=$folder;dbname=postgres", 'postgres', '',
                       { RaiseError => 1 });
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
done_testing();
