#!/usr/bin/perl
#
# pg_kill.t - PostgreSQL is killed again and again while clients write: what
# was acknowledged is there, once; what was refused is done when it is asked
# for again, once; the workers stay.  The postmaster twice and a session once;
# twenty times each with TORTURE=1, which also looks at how soon the first
# answer comes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Writers;
use Time::HiRes qw(time);

# Sessions of our own go with the others.
$SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /crash of another/ };

use constant WRITES  => 20;     # between two kills, at least

use constant SOON    => 2;      # seconds from when PostgreSQL takes connections

my $kills = torture() ? 40 : 3;

my $shop = start_shop(workers => 2);
my @workers = sort { $a <=> $b } workers();
as_key('products.read', 'products.write');

# The tests' PostgreSQL acknowledges what it has not written yet; here that
# would be its loss and not ours.
sql_as('postgres', "ALTER ROLE shop_app IN DATABASE $shop->{db}
                    SET synchronous_commit = on");
sql_as('postgres', 'CHECKPOINT');
my $lost = status()->{counters}{db_lost_total};
my $n = pg_kill();
wait_for(sub { status()->{counters}{db_lost_total} >= $lost + $n },
         'new sessions');

writers_start(8);

# --- kills ------------------------------------------------------------------

commits_take_time();

sub counter { return status()->{counters}{ $_[0] } }

# All of it: sessions see that their postmaster is gone when they next look.
# nginx has been refused by the time that it starts again.
sub kill_postmaster {
    my $pid = postmaster();
    my @sessions = split ' ', read_file("/proc/$pid/task/$pid/children");
    my $failed = counter('db_connect_failures_total');

    kill KILL => $pid;
    wait_for(sub { counter('db_connect_failures_total') > $failed },
             'nginx finds nobody');
    wait_for(sub { !kill 0, @sessions }, 'the sessions end');
    pg_start();
}

# One session: the postmaster then ends all others, and recovers.
sub kill_session {
    my $lost = counter('db_lost_total');
    my ($pid) = map { $_->[0] } sql_as('postgres', <<'SQL');
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND application_name LIKE 'shop-tx%'
 ORDER BY query <> 'COMMIT' LIMIT 1
SQL

    kill KILL => $pid;
    wait_for(sub { counter('db_lost_total') > $lost }, 'nginx has noticed');
    wait_for(sub { sql_value('SELECT 1') }, 'PostgreSQL is back');
}

# How long the first of those who write and of those who read waited once
# PostgreSQL took connections again.
my (@wrote, @read);

for my $i (1 .. $kills) {
    committed_more(WRITES);
    $i % 2 ? kill_postmaster() : kill_session();
    my $since = time;
    committed_more(1);
    push @wrote, time - $since;
    wait_for(sub { get('/api/admin/v1/products?limit=1')->{status} == 200 },
             'a read');
    push @read, time - $since;
}

# The longest, and the one in the middle.
sub longest { return (sort { $a <=> $b } @_)[-1] }
sub middle  { return (sort { $a <=> $b } @_)[@_ / 2] }

my %count = writers_stop();
cmp_ok($count{acked}, '>=', $kills * WRITES, 'many were');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');
diag("$kills kills: ", join(', ', map { "$count{$_} $_" } sort keys %count),
     ', ', status()->{counters}{tx_lost_commits_total},
     sprintf ' lost COMMITs; the first write after %.2f s, at most %.2f; '
         . 'the first read after %.2f, at most %.2f',
     map { (middle(@$_), longest(@$_)) } \@wrote, \@read);
if (torture()) {
    cmp_ok(longest(@wrote), '<=', SOON, 'the first write was soon done');
    cmp_ok(longest(@read), '<=', SOON, 'and the first read answered');
}
done();
