#!/usr/bin/perl
#
# bad_request.t - requests that are wrong before any body: each is answered
# with a problem document, all its faults at once, at a bounded cost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 1);

# What a raw request is answered with, on a connection of its own.
sub raw {
    my ($bytes) = @_;
    my $conn = new_connection();

    $conn->write($bytes);
    my $res = $conn->read_response('GET');
    $conn->close;
    $res->{json} = eval { Shop::Test::json()->decode($res->{body}) };
    return $res;
}

sub line {
    my ($line, @headers) = @_;

    return raw(join "\r\n", $line, 'Host: x', @headers, '', '');
}

my $id = 'prod_' . '0' x 26;

# --- addresses and methods ---

is_problem(get($_), 404, 'not_found') for
    '/api/v1/nothing', '/api/v1/', '/api/v1', '/api/', '/api/v2/products',
    '/api/v1/products/', '/api/v1//products', '/api/v1/Products',
    '/api/v1/products/a/b/c/d/e/f/g/h/i/j/k', '/api/v1/products/no-such-slug',
    "/api/v1/products/$id", "/api/v1/products/\U$id", '/api/v1/products/prod_',
    '/api/v1/products/cat_' . '0' x 26, '/api/v1/products/prod_' . 'z' x 26,
    '/api/v1/products/' . 'x' x 300, '/api/v1/products/..%2f..%2fetc',
    '/elsewhere';

for my $method (qw(POST PUT PATCH DELETE PROPFIND QQQ)) {
    my $res = request($method, '/api/v1/store');

    is_problem($res, 405, 'method_not_allowed');
    is($res->{headers}{allow}, 'OPTIONS, GET, HEAD', "$method: Allow");
    is_problem(request($method, '/api/v1/nothing'), 404, 'not_found');
}
is_problem(request('POST', '/shop-status'), 405, 'method_not_allowed');
is_problem(line('TRACE /api/v1/store HTTP/1.1'), 405, 'method_not_allowed');
is_problem(line('CONNECT x:1 HTTP/1.1'), 400, 'bad_request');

my $options = request('OPTIONS', '/api/v1/products');
is($options->{status}, 204, 'OPTIONS');
is($options->{headers}{allow}, 'OPTIONS, GET, HEAD', 'and its Allow');
is($options->{raw} =~ /^Content-(?:Length|Type):/mi, '', 'of no body');
is(request('OPTIONS', '/api/v1/products')->{status}, 204, 'on and on');
is_problem(request('OPTIONS', '/api/v1/nothing'), 404, 'not_found');

# HEAD is GET without the body, for what is there and for what is not.
for my $path ('/api/v1/store', '/api/v1/products', '/healthz', '/readyz',
              '/shop-status', '/api/v1/nothing', '/elsewhere',
              '/api/v1/products?limit=0')
{
    my $get = get($path);
    my $head = request('HEAD', $path);
    my ($length) = delete $head->{headers}{'content-length'};

    is($head->{status}, $get->{status}, "HEAD $path");
    is($length, length $get->{body}, 'with the length of the body')
        if $path ne '/shop-status';
    for ($get, $head) {
        delete @{ $_->{headers} }{qw(date x-request-id cache-status
                                     content-length)};
    }
    is_deeply($head->{headers}, $get->{headers}, 'and the same headers');
}

# --- queries ---

is_problem(get("/api/v1/products?$_->[0]"), $_->[1], $_->[2], @$_[3 .. $#$_])
    for
    [ 'limit=1000000', 422, 'wrong_query', 'limit' ],
    [ 'limit=two', 400, 'bad_query', 'limit' ],
    [ 'category=zzz', 400, 'bad_query', 'category' ],
    [ 'limit=0', 422, 'wrong_query', 'limit' ],
    [ 'limit=-1', 422, 'wrong_query', 'limit' ],
    [ 'limit=101', 422, 'wrong_query', 'limit' ],
    [ 'limit=99999999999999999999', 422, 'wrong_query', 'limit' ],
    [ 'limit=1&limit=1', 422, 'wrong_query', 'limit' ],
    [ 'limit=1&%6cimit=1', 422, 'wrong_query', 'limit' ],
    [ 'colour=red', 422, 'wrong_query', 'colour' ],
    [ 'colour', 422, 'wrong_query', 'colour' ],
    [ 'Limit=2', 422, 'wrong_query', 'Limit' ],
    [ 'sort=colour', 422, 'wrong_query', 'sort' ],
    [ 'sort=', 422, 'wrong_query', 'sort' ],
    [ 'a=1&b=2&limit=0&sort=x&tag=' . 'x' x 300, 422, 'wrong_query',
      qw(a b limit sort tag) ],
    [ 'currency=GBP', 422, 'unknown_currency', 'currency' ],
    [ 'currency=', 422, 'unknown_currency', 'currency' ],
    [ 'locale=xx', 422, 'unknown_locale', 'locale' ],
    [ 'locale=' . 'x' x 4000, 422, 'unknown_locale', 'locale' ],
    [ 'tag=%', 400, 'bad_query' ],
    [ 'tag=%4', 400, 'bad_query' ],
    [ 'tag=%zz', 400, 'bad_query' ],
    [ 'tag=%ff', 400, 'bad_query' ],
    [ 'tag=%c0%80', 400, 'bad_query' ],
    [ 'tag=%ed%a0%80', 400, 'bad_query' ],
    [ 'tag=%00', 400, 'bad_query' ],
    [ '%ff=1', 400, 'bad_query' ],
    [ join('&', map { "p$_=1" } 1 .. 40), 400, 'bad_query' ];
is(get('/api/v1/products?&&limit=2&&')->{status}, 200, 'empty parts are none');

# --- cursors ---

sql(<<'SQL');
INSERT INTO products (id, handle, status, position, published_at)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'p' || n,
       'active', '000' || n, '2026-01-01' FROM generate_series(1, 5) n;
INSERT INTO variants (id, product_id, sku) SELECT id, id, handle FROM products;
SQL
my $page = ok_json(get('/api/v1/products?limit=2'), 200);
my $cursor = $page->{next_cursor};
is(get("/api/v1/products?limit=2&cursor=$cursor")->{status}, 200,
   'a cursor is good');
for my $n (0 .. length($cursor) - 1) {
    my $bad = $cursor;
    my $c = substr $bad, $n, 1;
    substr($bad, $n, 1) = $c eq 'A' ? 'Q' : 'A';
    my $res = get("/api/v1/products?limit=2&cursor=$bad");
    is($res->{status}, 400, "a cursor with another byte $n")
        or diag $res->{body};
}
is_problem(get("/api/v1/products?cursor=$_"), 400, 'bad_cursor') for
    substr($cursor, 0, -2), "${cursor}AA", 'AAAA', '', 'A' x 2000, '!!',
    $cursor . '%20', "$cursor=";
is_problem(get("/api/v1/products?sort=newest&cursor=$cursor"), 400,
           'bad_cursor');
is(get("/api/v1/products?cursor=$cursor&sort=position")->{status}, 200,
   'wherever it stands');

# --- what nginx refuses by itself ---

my %nginx = (
    'an overlong path' =>
        [ '/api/v1/products/' . 'x' x 40000, 414, 'uri_too_long' ],
    'a bad escape'     => [ '/api/v1/products/%zz', 400, 'bad_request' ],
    'half an escape'   => [ '/api/v1/products/%4', 400, 'bad_request' ],
    'NUL in an escape' => [ '/api/v1/products/%00', 400, 'bad_request' ],
    'beyond the root'  => [ '/../api/v1/products', 400, 'bad_request' ],
    'not UTF-8'        => [ '/api/v1/products/%ff', 400, 'bad_path' ],
    'a surrogate'      => [ '/api/v1/products/%ed%a0%80', 400, 'bad_path' ],
    'bytes, not UTF-8' => [ "/api/v1/products/\xff", 400, 'bad_path' ],
    'a blank'          => [ '/api/v1/products/a b', 400, 'bad_request' ],
);
for my $name (sort keys %nginx) {
    my ($path, $status, $code) = @{ $nginx{$name} };
    is_problem(line("GET $path HTTP/1.1"), $status, $code)
        or diag $name;
}
is_problem(raw("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"), 400, 'bad_request');
is_problem(raw("GET / HTTP/1.1\r\n\r\n"), 400, 'bad_request');
is_problem(line('GET / HTTP/9.9'), 505, 'http_version');
is_problem(line('get /api/v1/store HTTP/1.1'), 400, 'bad_request');
is_problem(line('nonsense'), 400, 'bad_request');
is_problem(raw("\x16\x03\x01\x02\r\n\r\n"), 400, 'bad_request');
is_problem(line('GET /api/v1/store HTTP/1.1', 'X-Long: ' . 'x' x 40000),
           431, 'headers_too_large');
is_problem(line('GET /api/v1/store HTTP/1.1',
                map { "X-$_: " . 'x' x 4000 } 1 .. 20),
           431, 'headers_too_large');
is_problem(line('GET /api/v1/store HTTP/1.1', 'Host: y'), 400,
           'bad_request');
is_problem(line('GET /api/v1/store HTTP/1.1', 'Authorization: a',
                'Authorization: b'), 400, 'bad_request');
is_problem(line('GET /api/v1/store HTTP/1.1', 'Content-Length: x'), 400,
           'bad_request');
is_problem(line('GET /api/v1/store HTTP/1.1', 'Transfer-Encoding: gzip'),
           501, 'not_implemented');

# Small headers that nobody asks for are only read.
is(line('GET /api/v1/store HTTP/1.1', map { "X-$_: 1" } 1 .. 900)->{status},
   200, 'many headers');

# --- ETags ---

my $etag = get('/api/v1/store')->{headers}{etag};
for ($etag, "W/$etag", "\"x\", $etag", "W/\"x\",W/$etag", '*') {
    is(get('/api/v1/store', 'If-None-Match' => $_)->{status}, 304,
       "If-None-Match: $_");
}
for ('"x"', 'x', substr($etag, 1, -1), '', 'W/') {
    is(get('/api/v1/store', 'If-None-Match' => $_)->{status}, 200,
       "If-None-Match: $_ is another");
}

# --- the connection goes on ---

my $conn = new_connection();
for (1 .. 3) {
    is($conn->request('GET', '/api/v1/nothing', {})->{status}, 404,
       'after an error');
    is($conn->request('GET', '/api/v1/store', {})->{status}, 200,
       'the same connection serves');
}
$conn->close;

# --- request ids ---

is(get('/api/v1/nothing', 'X-Request-Id' => 'abcd-1234')->{json}{request_id},
   'abcd-1234', 'a request id is taken');
for ('short', 'x' x 65, 'quote"quote"quote', "\xff" x 9) {
    my $res = get('/api/v1/nothing', 'X-Request-Id' => $_);
    like($res->{json}{request_id}, qr/^[0-9a-f]{32}$/, 'one made, for a bad');
    is($res->{headers}{'x-request-id'}, $res->{json}{request_id},
       'the same in the header');
}
is(get('/api/v1/store', 'X-Request-Id' => 'abcd-1234')
       ->{headers}{'x-request-id'}, 'abcd-1234', 'and in a good answer');

# --- the cost ---

# Nanoseconds of the worker's processor.
sub cpu {
    my ($worker) = workers();
    my ($ns) = split ' ', read_file("/proc/$worker/schedstat");

    return $ns;
}

# Per request, over a batch in one connection as long as it lives.
sub cost {
    my ($bytes, $times) = @_;
    my $conn = new_connection();
    my $before = cpu();

    for (1 .. $times) {
        $conn = new_connection() unless $conn->usable;
        $conn->write($bytes);
        $conn->read_response('GET');
    }
    $conn->close;
    return (cpu() - $before) / $times;
}

sub message {
    my ($target, @headers) = @_;

    return join "\r\n", "GET $target HTTP/1.1", 'Host: x', @headers, '', '';
}

cost(message('/api/v1/products?limit=20'), 200);
my $ordinary = cost(message('/api/v1/products?limit=20'), 400);
my %bad = (
    '404'            => message('/api/v1/nothing'),
    'long path'      => message('/api/v1/products/' . 'x' x 7000),
    'long uri'       => message('/api/v1/products/' . 'x' x 9000),
    'many slashes'   => message('/api' . '/' x 7000),
    'escapes'        => message('/api/v1/products/' . '%41' x 2300),
    'parameters'     => message('/api/v1/products?'
                                . join '&', map { "p$_=1" } 1 .. 1000),
    'empty parts'    => message('/api/v1/products?' . '&' x 7000),
    'commas'         => message('/api/v1/products?category='
                                . ',' x 7000),
    'faults'         => message('/api/v1/products?'
                                . join '&', map { "p$_=1" } 1 .. 31),
    'cursor'         => message('/api/v1/products?cursor=' . 'A' x 1600),
    'languages'      => message('/api/v1/products',
                                'Accept-Language: ' . 'x,' x 3500),
    'etags'          => message('/api/v1/store',
                                'If-None-Match: ' . '"x",' x 1700),
    'headers'        => message('/api/v1/nothing',
                                map { "X-$_: 1" } 1 .. 700),
    'many lists'     => message('/api/v1/nothing',
                                map { "Prefer: $_" } 1 .. 900),
);
my $kb = own_kb((workers())[0]);
for my $name (sort keys %bad) {
    my ($cost, $ratio);

    # The least of a shared machine is known only after a while.
    for (1 .. 5) {
        my $now = cost($bad{$name}, 100);
        $cost = $now if !defined $cost || $now < $cost;
        $ratio = $cost / $ordinary;
        last if $ratio < 20;
        $now = cost(message('/api/v1/products?limit=20'), 400);
        $ordinary = $now if $now < $ordinary;
    }
    cmp_ok($ratio, '<', 20, sprintf '%s costs %.1f ordinary ones', $name,
           $ratio);
}
cmp_ok(own_kb((workers())[0]) - $kb, '<', 2048, 'the worker has not grown');

done();
