#!/usr/bin/perl
#
# soak.t - clients that read, write, export, watch, and go away in the middle,
# then many reads, then many writes.  When they have gone the workers have as
# many descriptors, coroutines, open transactions, marks in shared memory and
# temporary files as before, PostgreSQL as many sessions, and the processes of
# both as much memory.
#
# 2,400 requests of all kinds, 10,000 reads and 300 writes; with TORTURE=1
# 60,000, 3,000,000 and 300,000, and SOAK=10 takes a tenth of that.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Witness;
use Shop::Writers;

use Time::HiRes qw(time);

use constant { CLIENTS => 4, WORKERS => 2, MEMCACHED => 16 };

# Each worker's sessions once all are open: for reads 1, for slow ones 2, for
# writes 4; one of the workers polls.
use constant SESSIONS => WORKERS * (1 + 2 + 4) + 1;

# What a process may come to need, in kB a million requests, beside what it may
# have in the end, however little is asked: a backend some 13 MB of plans and
# catalogues.
use constant {
    A_READ  => { worker => 64,  backend => 1024 },
    A_WRITE => { worker => 256, backend => 1024 },
    NOISE   => torture() ? { worker => 512, backend => 1024 }
                         : { worker => 2048, backend => 16_384 },
};

my ($each, $reads, $writes) = torture() ? (15_000, 3_000_000, 300_000)
                                        : (600, 10_000, 300);
$_ /= $ENV{SOAK} // 1 for $each, $reads, $writes;
my $shop = start_shop(workers => WORKERS, memcached => 1, background => 1,
                      http => 'keepalive_requests 100000000;
                               shop_deadline 30s;');

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

# --- many ---------------------------------------------------------------------

my $folder = "$ENV{SHOP_TEST_DIR}/soak$$";
mkdir $folder or die "$folder: $!";
write_file("$folder/reads", join '', map { "$_\n" }
    (map { ("/api/v1/products/p-$_") x 40 } 1 .. 9),
    (map { "/api/v1/products?limit=$_" } 1 .. 99),
    (map { "/api/admin/v1/products/$_" } @ids));
write_file("$folder/writes",
           join '', map { "/api/admin/v1/products/$_\n" } @ids);
my ($asked, $spent) = (0, 0);

sub wrk {
    my ($seconds, $clients) = @_;

    open my $in, '-|', qw(wrk -t1 --timeout 60s -c), $clients // 32,
        '-d', "${seconds}s", '-s',
        "$FindBin::Bin/../lib/soak.lua", "http://127.0.0.1:$shop->{port}/"
        or die "wrk: $!";
    local $/;
    return readline $in;
}

# So many at least; what was not served is counted.
sub many {
    my ($kind, $n, $clients) = @_;
    my ($done, $wrong, $since) = (0, 0, time);

    while ($done < $n) {
        my $left = $done ? ($n - $done) * (time - $since) / $done : 1;
        my $seconds = $left < 1 ? 1 : $left > 60 ? 60 : int $left + 1;
        local @ENV{KEY => uc $kind, 'NAME'}
            = ($key, "$folder/$kind", 'soak' . ++$asked);
        my $said = wrk($seconds, $clients);

        $said =~ /^RESULT (\d+) (\d+) (\d+)$/m or die "wrk: $said\n";
        $done += $1;
        $wrong += $2 + $3;
        diag("$kind: $2 broken, $3 refused") if $2 + $3;
    }
    $spent = time - $since;
    is($wrong, 0, "$kind: all were served");
    return $done;
}

# --- what they leave ---------------------------------------------------------

# Of all, or those with such a name.
sub named {
    my ($name) = @_;

    return (sql_as('postgres', <<'SQL', $name))[0][0];
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app'
AND application_name LIKE $1 || '%'
SQL
}

sub sessions { return named('') }

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

# By process; those of PostgreSQL that serve the shop, not its clients.
sub memory {
    my %kb = map { ("worker $_" => own_kb($_, 'Anonymous')) } workers();

    $kb{"backend $_->[0]"} = own_kb($_->[0], 'Anonymous') for sql(<<'SQL');
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app'
SQL
    return \%kb;
}

# Nobody is there any more, and what is left.
sub at_rest {
    my ($want) = @_;

    Shop::Test::close_connection();
    wait_for(sub { open_sockets() == 0 }, 'nobody is left');
    return eval { wait_for(sub {
        my $left = left();
        return $left =~ $want && $left;
    }, 'all is at rest') } // left();
}

# The most that a process of each kind has come to need, and what it is for.
sub growth {
    my ($before) = @_;
    my $now = memory();
    my %most = map { $_ => [ 0, 'none' ] } qw(worker backend);

    for my $name (keys %$before) {
        my ($kind) = split ' ', $name;
        my $grown = ($now->{$name} // 0) - $before->{$name};
        $most{$kind} = [ $grown, $name ] if $grown > $most{$kind}[0];
    }
    my ($backend) = sql_as('postgres', <<'SQL', $most{backend}[1]);
SELECT application_name FROM pg_stat_activity
WHERE 'backend ' || pid = $1
SQL
    $most{backend}[1] .= " of $backend->[0]" if $backend;
    return \%most;
}

sub as_before {
    my ($name, $n, $before, $kb, $a_million) = @_;

    is(at_rest(qr/^\Q$before\E$/), $before, "$name: what is left is as before");
    is(sessions(), SESSIONS, "$name: as many sessions");
    cmp_ok(memcached_sessions(), '<=', WORKERS * MEMCACHED,
           "$name: and of memcached no more than its pools hold");
    my $grown = growth($kb);
    for my $kind (sort keys %$grown) {
        cmp_ok($grown->{$kind}[0], '<=',
               $a_million->{$kind} * $n / 1e6 + NOISE->{$kind},
               "$name: the memory of a $kind is flat");
    }
    diag(sprintf '%s: %d in %.0f s; grown by %s', $name, $n, $spent,
         join ', ', map { "$_->[0] kB: $_->[1]" } values %$grown);
}


# All that is opened when it is needed: enough clients for all that write, and
# reads that take too long for the quick ones.
sub open_all {
    my @asked;

    many(writes => 1);
    sql('BEGIN');
    sql('LOCK TABLE products');
    wait_for(sub {
        push @asked, map { new_connection() } 1 .. 8;
        $_->send('GET', "/api/admin/v1/products/$ids[0]",
                 { authorization => "Bearer $key" }) for @asked[-8 .. -1];
        eval { wait_for(sub { named('shop-slow') == WORKERS * 2 }, 'slow', 1) };
    }, 'slow reads');
    sql('COMMIT');
    $_->read_response('GET') for @asked;
    $_->close for @asked;
    wait_for(sub { named('shop-tx') == WORKERS * 4 || many(writes => 1) && 0 },
             'all sessions are open');
}

# The first session that is free has the next transaction, so the last one would
# see its first plans long after the others: while commits take time each of
# them has many.  And each worker has as many clients at once as both will ever
# have, however the kernel shares them out.
sub use_all {
    commits_take_time();
    many(writes => WORKERS * 4 * 50, 80);
    sql('DROP TRIGGER late ON products');
}

clients('at first', $each / 4);
open_all();
use_all();
many(reads => $reads / 10);
many(writes => $writes / 10);

# Statistics that autovacuum made later would have all plans made anew, with
# more of the catalogues than before.
sql_as('postgres', 'ANALYZE');
clients('and with statistics', $each / 4);
my $before = at_rest(qr/coroutines 0, transactions 0/);

my $kb = memory();
clients('then', $each);
as_before('all kinds', CLIENTS * $each, $before, $kb, A_WRITE);
$kb = memory();
as_before('reads', many(reads => $reads), $before, $kb, A_READ);
$kb = memory();
as_before('writes', many(writes => $writes), $before, $kb, A_WRITE);

done();
