# nginx and the shop on libuv give the same answers to the same requests:
# status, headers and body byte for byte, but for the time and the request's id.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 1);
shopctl(qw(demo --products 60));
my $key = as_key('products.write', 'products.read');
as_nobody();

my $uv = shop_on_uv();
polled();
wait_for(sub { poll_count() >= 2 }, 'libuv polls too');

sub poll_count {
    my $res = $uv->request('GET', '/shop-status');

    return $res->{body} =~ /"polls_total":(\d+)/ ? $1 : 0;
}


# What nginx adds for itself is not the shop's.
sub comparable {
    my ($res) = @_;
    my %headers = %{ $res->{headers} };

    delete @headers{qw(date server connection)};
    my $id = delete $headers{'x-request-id'};
    like($id, qr/^[0-9a-f]{32}$/, 'has an id');
    my $body = $res->{body} =~ s/$id/ID/gr;

    # What a dry run would have made has ids and times of its own.
    $headers{etag} = 'dry' if ($headers{'preference-applied'} // '') =~ /dry/;
    return join "\n", $res->{status},
        (map { "$_: $headers{$_}" } sort keys %headers), '', $body;
}


sub same {
    my ($method, $path, $headers, $body) = @_;
    my %headers = %{ $headers // {} };

    $headers{'content-type'} //= 'application/json' if defined $body;
    my $over_nginx = new_connection()->request($method, $path, \%headers,
                                               $body);
    my $over_uv = $uv->request($method, $path, \%headers, $body);
    my $name = join ' ', $method, $path, $over_nginx->{status};

    is(comparable($over_uv), comparable($over_nginx), $name);
    return $over_nginx;
}


# --- reads -------------------------------------------------------------------

my $slug = get('/api/v1/products?limit=1')->{json}{data}[0]{slug};
ok($slug, 'the demo shop has a product');

my @paths = ('/healthz', '/readyz', '/api/openapi.json', '/api/v1/store',
    '/api/v1/categories', '/api/v1/categories?locale=tr',
    "/api/v1/products/$slug", "/api/v1/products/$slug?locale=tr",
    '/api/v1/products?limit=5', '/api/v1/products?sort=price&limit=3',
    '/api/v1/products?available=true&limit=7', '/api/v1/products/no-such',
    '/api/v1/nothing', '/api/v1/products?limit=0',
    '/api/v1/products?limit=x&sort=y&colour=z', '/api/v1/products?after=xyz',
    '/api/v1/products/prod_0', '/api/admin/v1/products');

for my $path (@paths) {
    # Kept by the first, served from what is kept by the second.
    my $first = same('GET', $path);
    my $second = same('GET', $path, { 'accept-encoding' => 'identity' });
    is($second->{status}, $first->{status}, 'and again');
    same('HEAD', $path);
    same('GET', $path, { 'if-none-match' => $first->{headers}{etag} })
        if $first->{headers}{etag};
    same('OPTIONS', $path);
    same('DELETE', $path);
}

same('GET', "/api/v1/products/$slug", { 'accept-language' => $_ })
    for 'tr', 'de, tr;q=0.5', '*', 'en-GB;q=x';


# --- keys and writes that are refused, or only tried -------------------------

my %as = (authorization => "Bearer $key");
my $posts = '/api/admin/v1/products';

same('GET', $posts, { authorization => $_ })
    for 'Bearer nobody', 'Basic abc', 'Bearer';
same('GET', "$posts?limit=3", \%as);
same('POST', $posts, \%as, $_)
    for '', '{', '[]', '{"title":7}', '{"a":1,"a":2}', '{"handle":"A B"}',
        '{}' . ' ' x 1000, "{\"title\":\"\xff\"}";
same('POST', $posts, {}, '{}');
same('POST', $posts, { %as, 'content-type' => 'text/plain' }, '{}');
same('PATCH', "$posts/prod_00000000000000000000000000", \%as, '{}');
same('PATCH', "$posts/prod_00000000000000000000000000",
     { %as, 'if-match' => '"1"' }, '{"vendor":"x"}');
same('POST', $posts, { %as, 'idempotency-key' => 'x' x 300 }, '{}');

ok($uv->close, 'libuv ends well');
done();
