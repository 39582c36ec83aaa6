#!/usr/bin/perl
#
# pg_kill.t - PostgreSQL is killed again and again while clients write: what
# was acknowledged is there, once; what was refused is done when it is asked
# for again, once; the workers stay.  Five times; twenty with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Fault;
use Shop::Test;
use Time::HiRes qw(sleep time);

# Sessions of our own go with the others.
$SIG{__WARN__} = sub { print STDERR @_ if $_[0] !~ /crash of another/ };

use constant CLIENTS => 8;
use constant WRITES  => 20;     # between two kills, at least

my $kills = torture() ? 20 : 5;
my $products = '/api/admin/v1/products';

my $shop = start_shop(workers => 2);
my @workers = sort { $a <=> $b } workers();
my $key = as_key('products.write', 'products.read');
my $journal = "$shop->{dir}/journal";

# The tests' PostgreSQL acknowledges what it has not written yet; here that
# would be its loss and not ours.
sql_as('postgres', "ALTER ROLE shop_app IN DATABASE $shop->{db}
                    SET synchronous_commit = on");
sql_as('postgres', 'CHECKPOINT');
my $lost = status()->{counters}{db_lost_total};
my $n = pg_kill();
wait_for(sub { status()->{counters}{db_lost_total} >= $lost + $n },
         'new sessions');

# --- clients ----------------------------------------------------------------

# Half of them send keys.  Who does not, and is told that nobody knows, leaves
# it at that.
sub write_one {
    my ($name, $with_key) = @_;
    my %headers = $with_key ? ('idempotency-key' => $name) : ();

    while (1) {
        my $res = eval { post($products, { title => $name }, %headers) }
            or return "wrong no answer: $@";
        my $code = $res->{json}{code} // '';
        return 'acked' if $res->{status} == 201;
        return 'maybe' if $code eq 'outcome_unknown' && !$with_key;
        return "wrong $res->{status} $res->{body}"
            if $code ne 'request_in_progress' && $res->{status} != 504
               && !($res->{status} == 503 && $res->{headers}{'retry-after'});
        sleep 0.02;
    }
}

sub client {
    my ($i) = @_;
    my $go = 1;

    forget_connections();
    local $SIG{TERM} = sub { $go = 0 };
    open my $out, '>', "$journal.$i" or POSIX::_exit(1);
    $out->autoflush(1);
    for (my $k = 1; $go; $k++) {
        my $name = "write-$i-$k";
        print $out "$name ", write_one($name, $i % 2) =~ tr/\n/ /r, "\n";
    }
    POSIX::_exit(0);
}

my @clients = map {
    my $pid = fork // die "fork: $!";
    client($_) if !$pid;
    $pid;
} 1 .. CLIENTS;

# --- kills ------------------------------------------------------------------

# COMMIT takes its time, so that kills meet it.
sql(<<'SQL');
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.01);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON products
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
SQL

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

# The longest that anybody waited once PostgreSQL took connections again.
my $longest = 0;

for my $i (1 .. $kills) {
    my $now = counter('tx_committed_total');
    wait_for(sub { counter('tx_committed_total') >= $now + WRITES },
             'they write');

    $i % 2 ? kill_postmaster() : kill_session();
    my $since = time;
    $now = counter('tx_committed_total');
    wait_for(sub { counter('tx_committed_total') > $now },
             'somebody writes again');
    $longest = time - $since if time - $since > $longest;
}

kill TERM => @clients;
waitpid $_, 0 for @clients;

# --- what is there ----------------------------------------------------------

my %there = map { $_->[0] => $_->[1] } sql(
    "SELECT title, count(*) FROM product_i18n
      WHERE title LIKE 'write-%' GROUP BY title");
my (%count, @wrong);
for my $line (map { split /\n/, read_file("$journal.$_") } 1 .. CLIENTS) {
    my ($name, $how, $why) = split ' ', $line, 3;
    my $times = delete $there{$name} // 0;

    $count{$how}++;
    push @wrong, $line if $how eq 'wrong';
    push @wrong, "$name $how, and is there $times times"
        if $how eq 'acked' && $times != 1 || $times > 1;
}
is(join("\n", @wrong), '', 'each that was acknowledged is there, once');
is(join(' ', sort keys %there), '', 'and nothing that nobody asked for');
cmp_ok($count{acked}, '>=', $kills * WRITES, 'many were');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');
diag("$kills kills: ", join(', ', map { "$count{$_} $_" } sort keys %count),
     ', ', status()->{counters}{tx_lost_commits_total},
     sprintf ' lost COMMITs, the longest wait %.1f s', $longest);
done();
