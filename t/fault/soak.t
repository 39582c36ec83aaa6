#!/usr/bin/perl
#
# soak.t - clients that read, write, export, watch, and go away in the middle:
# when they have gone the workers have as many descriptors, coroutines, open
# transactions, marks in shared memory and temporary files as before, and
# PostgreSQL and memcached as many sessions at most.  2,400 requests; 1,200,000
# with TORTURE=1, which looks at memory too.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Witness;

use constant CLIENTS => 4;

my $each = torture() ? 300_000 : 600;
my $shop = start_shop(workers => 2, memcached => 1, background => 1,
                      http => 'keepalive_requests 100000;');

numbered_products(9);
my $key = as_key('products.read', 'products.write');
my @ids = map { $_->{id} } @{ get('/api/admin/v1/products')->{json}{data} };
is(scalar @ids, 9, 'nine products');

# --- clients -----------------------------------------------------------------

my @deeds = (
    [ 60, 'a product'     => sub { got('/api/v1/products/p-' . one_of(9)) } ],
    [ 10, 'a list'        => sub { got('/api/v1/products?limit='
                                       . one_of(99)) } ],
    [ 5,  'nothing'       => sub { got('/api/v1/products/none', 404) } ],
    [ 8,  'a change'      => \&change ],
    [ 1,  'an export'     => sub {
        got('/api/admin/v1/products/export.csv', qr/^(?:200|503)$/) } ],
    [ 3,  'gone in a read'  => sub { gone('GET', '/api/v1/products?limit='
                                          . one_of(99)) } ],
    [ 2,  'gone in a write' => sub { gone('POST', '/api/admin/v1/products',
                                          '{"title":"Gone"}') } ],
    [ 1,  'gone in an export' => sub {
        gone('GET', '/api/admin/v1/products/export.ndjson') } ],
    [ 1,  'gone in a stream'  => sub { gone('GET', '/api/admin/v1/stream') } ],
);
my @drawn = map { my $deed = $_; ($deed) x $deed->[0] } @deeds;

sub one_of { return 1 + int rand $_[0] }

# Who exports while two others do is told to come again.
sub got {
    my ($path, $status) = @_;
    my $res = get($path);

    $res->{status} =~ ($status // 200) or die "$path: $res->{status}\n";
}

# Others change it too; the first one wins.
sub change {
    my $path = sprintf '/api/admin/v1/products/%s', $ids[rand 9];
    my $old = get($path);
    my $res = patch($path, { vendor => 'Potter ' . one_of(1000) },
                    'if-match' => $old->{headers}{etag});

    $res->{status} =~ /^(?:200|412)$/ or die "$path: $res->{status}\n";
}

sub gone {
    my ($method, $path, $body) = @_;
    my $conn = new_connection();

    $conn->send($method, $path, { authorization => "Bearer $key",
        defined $body ? ('content-type' => 'application/json') : () }, $body);
    $conn->reset if rand() < 0.5;
    $conn->close;
}

sub ask_on {
    my ($out, $n) = @_;

    srand $$;
    for (1 .. $n) {
        my $deed = $drawn[rand @drawn];
        eval { $deed->[2]->(); 1 } or print $out "$deed->[1]: $@";
    }
}

sub clients {
    my ($name, $n) = @_;
    my @all = map { child(sub { ask_on($_[0], $n) }) } 1 .. CLIENTS;

    is(join('', map { last_words($_) } @all), '', "$name: all were served");
}

# --- what they leave ---------------------------------------------------------

sub sessions {
    return sql_value(<<'SQL');
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app'
SQL
}

sub memcached_sessions {
    my $socket = IO::Socket::UNIX->new("$shop->{dir}/memcached")
        or die "memcached: $!";

    print $socket "stats\r\n";
    while (my $line = <$socket>) {
        return $1 - 1 if $line =~ /^STAT curr_connections (\d+)/;
    }
    die "memcached ended\n";
}

# But for those of PostgreSQL and memcached, which may be more or fewer.
sub descriptors {
    my $n = () = map { glob "/proc/$_/fd/*" } workers();

    return $n - sessions() - memcached_sessions();
}

sub temporary_files {
    return scalar grep { -f } map { glob "$shop->{dir}/$_/*" }
        qw(body proxy fastcgi uwsgi scgi);
}

sub left {
    my $status = status();
    my ($worker) = workers();
    my $zone = qx($ENV{SHOP_BUILD}/zonecheck $worker 2>&1);

    return join ', ', 'descriptors ' . descriptors(),
        "coroutines $status->{coroutines}{live}",
        "transactions $status->{counters}{tx_open}",
        'files ' . temporary_files(),
        'zone ' . ($zone =~ /^(ok)/ ? $1 : $zone);
}

sub memory {
    my $kb = 0;

    $kb += own_kb($_) for workers();
    return $kb;
}


clients('at first', $each / 4);
Shop::Test::close_connection();
wait_for(sub { open_sockets() == 0 }, 'nobody is left');
my $before = wait_for(sub {
    my $left = left();
    return $left =~ /coroutines 0, transactions 0/ && $left;
}, 'all is at rest');
my $most = sessions();
my $kb = memory();

clients('then', $each);
Shop::Test::close_connection();
wait_for(sub { open_sockets() == 0 }, 'nobody is left again');
my $after = eval { wait_for(sub { my $left = left();
                                  return $left eq $before && $left },
                            'it becomes as before') } // left();
is($after, $before, 'what is left is as before');
cmp_ok(sessions(), '<=', $most + 8, 'as many sessions at most');
cmp_ok(memcached_sessions(), '<=', 2 * 32, 'and of memcached');
my $grown = memory() - $kb;
diag("left: $after; memory grew by $grown kB in " . CLIENTS * $each);
cmp_ok($grown, '<=', 256 * CLIENTS * $each / 1e6 + 512, 'memory is flat')
    if torture();

done();
