#!/usr/bin/perl
#
# clients.t - clients that leave at every moment of a request, that close
# half, that read or write slowly, and that send the next request early:
# nothing of them is left, and their neighbours do not notice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Shop::Test;
use Socket qw(SOL_SOCKET SO_RCVBUF);

my $narrow = free_port();
my $shop = start_shop(
    workers => 1,
    http    => 'shop_deadline 10s; send_timeout 1s; client_header_timeout 1s;'
             . 'gzip on; gzip_types application/json; gzip_min_length 1;'
             . 'gzip_vary on;',
    server  => "listen 127.0.0.1:$narrow sndbuf=8k;\n"
             . 'access_log access.log;');
my ($worker) = workers();

sql(<<'SQL');
INSERT INTO products (id, handle, status, position, published_at)
SELECT ('00000000-0000-7000-8000-000000000' || lpad(n::text, 3, '0'))::uuid,
       'p' || n, 'active', lpad(n::text, 4, '0'), '2026-01-01'
  FROM generate_series(1, 100) n;
INSERT INTO variants (id, product_id, sku) SELECT id, id, handle FROM products;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', repeat('Title ', 40) FROM products;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, 'slug-' || p.handle
  FROM products p, channels c WHERE c.is_default;
SQL

my $get = "GET /api/v1/store HTTP/1.1\r\nHost: x\r\n\r\n";

# How often the access log has it that nobody waited for the answer.
sub unanswered {
    my ($method) = @_;

    return scalar(() = read_file("$shop->{dir}/access.log")
                  =~ /"$method \S+ HTTP\S+" 499 /g);
}

sub counter {
    return status()->{counters}{ $_[0] };
}

sub live {
    return status()->{coroutines}{live};
}

sub nothing_left {
    my ($name) = @_;

    ok(wait_for(sub { live() == 0 }), "$name: no coroutine is left");
    ok(wait_for(sub { counter('read_in_flight') == 0 }),
       "$name: nothing in flight");
    is_deeply([workers()], [$worker], "$name: the worker lives");
}

# --- they reset ---

# While queries are in flight (the first 256) and while they queue behind
# those.  Every other client stays.
my $left = counter('detached_total');
my $late = counter('deadlines_total');
get('/api/v1/store');
pg_freeze();
my @client = map { my $c = new_connection(); $c->write($get); $c } 1 .. 400;
wait_for(sub { live() == @client }, 'all are in flight or queue');
$client[2 * $_]->reset for 0 .. 199;
ok(wait_for(sub { counter('detached_total') - $left == 200 }),
   'two hundred that left were noticed');
is(live(), 200, 'nothing of them waits any more');
pg_thaw();
my @status = map { $client[2 * $_ + 1]->read_response('GET')->{status} }
             0 .. 199;
is(scalar(grep { $_ == 200 } @status), 200, 'their neighbours were served');
$_->close for map { $client[2 * $_ + 1] } 0 .. 199;
nothing_left('reset in flight');

# When the answer is there and has not been sent: the worker finds both.
for (1 .. 20) {
    @client = map { new_connection() } 1 .. 10;
    $_->request('GET', '/healthz', {}) for @client;
    get('/api/v1/store');
    pg_freeze();
    $_->write($get) for @client;
    wait_for(sub { live() == @client });
    kill STOP => $worker;
    pg_thaw();
    $client[2 * $_]->reset for 0 .. 4;
    kill CONT => $worker;
    $client[2 * $_ + 1]->read_response('GET')->{status} == 200
        or die "a neighbour was not served\n" for 0 .. 4;
    $_->close for @client;
}
nothing_left('reset before the answer');
is(counter('deadlines_total'), $late, 'no timer fired for one that left');

# --- they close their half ---

get('/api/v1/store');
$left = counter('detached_total');
pg_freeze();
my $half = new_connection();
my $unanswered = unanswered('GET');
$half->write($get);
wait_for(sub { live() == 1 });
$half->half_close;
ok(!eval { $half->read_response('GET') },
   'a reader that closes its half is taken to have left');
like($@, qr/closed without an answer/, 'and gets no answer');
is(counter('detached_total') - $left, 1, 'it was noticed');
pg_thaw();
nothing_left('half closed');
is(unanswered('GET'), $unanswered + 1, 'the log has it as 499');

# What a writer has asked for is done.
my $key = as_key('products.write');
sql('BEGIN');
sql('LOCK TABLE products IN EXCLUSIVE MODE');
($left, $unanswered) = (counter('detached_total'), unanswered('POST'));
$half = new_connection();
$half->send('POST', '/api/admin/v1/products',
            { 'content-type' => 'application/json',
              authorization => "Bearer $key" },
            '{"title":"Half"}');
wait_for(sub { live() == 1 });
$half->half_close;
wait_for(sub { counter('detached_total') > $left }, 'it was noticed');
sql('ROLLBACK');
nothing_left('a writer, half closed');
is(sql_value("SELECT count(*) FROM product_i18n WHERE title = 'Half'"), 1,
   'a write is done, once, though nobody waits for its answer');
ok(!eval { $half->read_response('POST') }, 'which is not sent');
is(unanswered('POST'), $unanswered + 1, 'the log has that as 499, too');
as_nobody();

# --- they read slowly, or not at all ---

# A page of seventy kilobytes into a window of four.
my @slow = map {
    my $socket = IO::Socket::INET->new(Proto => 'tcp') // die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack('i', 2048);
    connect $socket, Socket::pack_sockaddr_in($narrow,
        Socket::inet_aton('127.0.0.1')) or die "connect: $!";
    syswrite $socket, "GET /api/v1/products?limit=100 HTTP/1.1\r\n"
        . "Host: x\r\n\r\n";
    $socket;
} 1 .. 50;
ok(wait_for(sub { counter('requests_total') >= @slow && live() == 0 }),
   'no coroutine waits for a slow reader');
is(get('/api/v1/store')->{status}, 200, 'others are served');
ok(wait_for(sub { open_sockets(port => $narrow) == 0 }),
   'send_timeout ends them');
my $cut = 0;
for my $socket (@slow) {
    my $got = 0;
    while (my $n = sysread $socket, my $bytes, 65536) {
        $got += $n;
    }
    $cut++ if $got < 60000;
}
is($cut, @slow, 'who never reads is cut off');

# --- they write slowly ---

my $dribble = new_connection();
$dribble->dribble($get, 0.001);
is($dribble->read_response('GET')->{status}, 200, 'byte by byte');
$dribble->close;
my $stuck = new_connection();
$stuck->write("GET /api/v1/store HTTP/1.1\r\nHo");
ok(!eval { $stuck->read_response('GET') }, 'who stops in a header is cut off');

# --- they send the next request early ---

my $etag = get('/api/v1/store')->{headers}{etag};
my @asked = (
    [ GET  => '/api/v1/store', 200 ],
    [ GET  => '/api/v1/nothing', 404 ],
    [ HEAD => '/api/v1/products', 200 ],
    [ GET  => '/api/v1/store', 304, "If-None-Match: $etag" ],
    [ GET  => '/api/v1/products?limit=0', 422 ],
    [ POST => '/api/v1/store', 405, 'Content-Length: 5' ],
    [ GET  => '/api/v1/store', 200, 'Content-Length: 5' ],
    [ OPTIONS => '/api/v1/store', 204 ],
    [ GET  => '/api/v1/products/p1', 404 ],
    [ GET  => '/healthz', 200 ],
);
my $early = new_connection();
$early->write(join '', map {
    my ($method, $path, undef, @headers) = @$_;
    join "\r\n", "$method $path HTTP/1.1", 'Host: x', @headers, '',
        "@headers" =~ /Length/ ? 'hello' : '';
} @asked);
for (@asked) {
    my ($method, $path, $status) = @$_;

    is($early->read_response($method)->{status}, $status,
       "early: $method $path");
}
ok($early->usable, 'and nothing else came');
$early->close;

# --- gzip ---

my $plain = get('/api/v1/store');
my $zipped = get('/api/v1/store', 'Accept-Encoding' => 'gzip');
is($zipped->{headers}{'content-encoding'}, 'gzip', 'gzipped by nginx');
is($zipped->{headers}{etag}, "W/$plain->{headers}{etag}", 'a weak ETag');
like($zipped->{headers}{vary}, qr/Accept-Encoding/, 'Vary');
for my $tag ($plain->{headers}{etag}, $zipped->{headers}{etag}) {
    for my $encoding ('gzip', 'identity') {
        my $res = get('/api/v1/store', 'If-None-Match' => $tag,
                      'Accept-Encoding' => $encoding);

        is($res->{status}, 304, "$tag is known to who takes $encoding");
    }
}
nothing_left('at the end');

# --- they stay, or not, until it is too late ---

# Late ones are told, and the timers of those that left fire for nobody.
start_shop(workers => 1, http => 'shop_deadline 1s;');
($worker) = workers();
get('/api/v1/store');
pg_freeze();
@client = map { new_connection() } 1 .. 20;
$_->write($get) for @client;
wait_for(sub { live() == @client && counter('deadlines_total') == 0 });
$client[2 * $_]->reset for 0 .. 9;
my %count;
$count{ $_->read_response('GET')->{status} }++
    for map { $client[2 * $_ + 1] } 0 .. 9;
is_deeply(\%count, { 504 => 10 }, 'who stays is told that it takes too long');
is(counter('deadlines_total'), 10, 'as many timers fired');
pg_thaw();
$_->close for map { $client[2 * $_ + 1] } 0 .. 9;
nothing_left('reset with a timer');

done();
