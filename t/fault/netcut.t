#!/usr/bin/perl
#
# netcut.t - the network to PostgreSQL is cut without a word: no RST, no FIN,
# packets just do not arrive.  Each connection is lost within three seconds,
# busy or not, each client is told, and nothing that was acknowledged is lost;
# when the network is back so is the shop.  Needs a network namespace, so root.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Fault;
use Shop::Test;
use Shop::Writers;
use Time::HiRes qw(sleep time);

plan(skip_all => 'it waits for minutes: make torture') if !torture();

my $name = "shop$$";
my $veth = 'sv' . $$ % 100_000;
my $net = 10 + $$ % 200;
my ($here, $there) = map { "10.77.$net.$_" } 1, 2;
my ($proxy, $made);

sub ip { return system("ip @_ 2>/dev/null") == 0 }

sub begin {
    return $> == 0 && ip("netns add $name") && ($made = 1)
        && ip("link add $veth type veth peer name eth0 netns $name")
        && ip("addr add $here/24 dev $veth") && ip("link set $veth up")
        && ip("-n $name addr add $there/24 dev eth0")
        && ip("-n $name link set eth0 up");
}

END {
    my $status = $?;
    if ($proxy) {
        kill TERM => $proxy;
        waitpid $proxy, 0;
    }
    ip("netns del $name") if $made;
    $? = $status;
}

plan(skip_all => 'no network namespace can be made here') if !begin();

$proxy = fork // die "fork: $!";
if (!$proxy) {
    exec 'ip', 'netns', 'exec', $name, "$ENV{SHOP_BUILD}/faultproxy", '-p',
         'none', "$there:5432", "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432"
        or POSIX::_exit(127);
}
wait_for(sub { IO::Socket::INET->new(PeerAddr => $there, PeerPort => 5432) },
         'PostgreSQL over there');

start_shop(workers => 2, database_host => $there,
           http => 'shop_deadline 3s; shop_cache_stale 1h;');
my @workers = sort { $a <=> $b } workers();
as_key('products.write');

sub counter { return status()->{counters}{ $_[0] } }

# All connections that there were: those of writers, of the poller, and those
# on which nothing is asked.
sub noticed {
    my ($lost, $open, $since) = @_;

    cmp_ok($open, '>', 4, "$open connections");
    wait_for(sub { counter('db_lost_total') > $lost }, 'one is lost');
    my $first = time - $since;
    wait_for(sub { counter('db_lost_total') >= $lost + $open }, 'all are');
    my $all = time - $since;
    diag(sprintf 'the first of %d connections is lost after %.1f s, the last '
         . 'after %.1f s', $open, $first, $all);
    cmp_ok($all, '<=', 3, 'all are noticed in time');
}

writers_start(8);
my @cuts = (1, 5, 30);
for my $seconds (@cuts) {
    committed_more(20);
    writers_halt();
    wait_for(sub { get('/api/v1/categories')->{headers}{'cache-status'}
                   =~ /hit/ }, 'kept');
    my ($lost, $open) = map { counter($_) } 'db_lost_total', 'db_connections';
    ip("link set $veth down") or die "ip link: $?";
    my $since = time;
    writers_go_on();
    noticed($lost, $open, $since) if $seconds > 3;
    my $res = get("/api/v1/products?limit=$seconds");
    my $took = time - $since;
    cmp_ok($took, '<', 10, sprintf '%d s: a read is answered in %.1f s',
           $seconds, $took);
    like($res->{status}, qr/^(?:200|503|504)$/, "$seconds s: one way or other");
    $res = get('/api/v1/categories');
    is($res->{status}, 200, "$seconds s: what is kept is shown")
        or diag $res->{body};
    is(get('/healthz')->{status}, 200, "$seconds s: the worker answers");
    sleep $seconds - (time - $since) if time - $since < $seconds;
    ip("link set $veth up") or die "ip link: $?";
    $since = time;
    committed_more(20);
    ok(wait_for(sub { get('/readyz')->{status} == 200 }),
       "$seconds s: and it goes on");
    diag(sprintf '%d s without a network: %.1f s to a commit', $seconds,
         time - $since);
}
my %count = writers_stop();
cmp_ok($count{acked}, '>', 40, 'many were acknowledged');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');
diag("netcut: $count{acked} acked, $count{maybe} maybe, ",
     counter('db_lost_total'), ' connections lost');

# Sessions that PostgreSQL believes in still end with the proxy.
kill TERM => $proxy;
waitpid $proxy, 0;
undef $proxy;
done();
