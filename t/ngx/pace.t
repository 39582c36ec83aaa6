#!/usr/bin/perl
#
# pace.t - limits: exact across workers, kept over a reload, told in headers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

# One a minute: during the test nothing is gained.
use constant BURST => 100;

my $products = '/api/v1/products';

start_shop();
my @operations = operations();

start_shop(workers => 2, http => "
    shop_limit address rate=1r/m burst=@{[ BURST ]};
    shop_limit key     rate=1r/m burst=3;
    shop_limit guess   rate=1r/m burst=2;");

# Until the bucket is empty; both workers are asked, and most answers come from
# the cache.
sub drain {
    my %seen;
    my @conns = map { new_connection() } 1 .. 8;

    for my $n (1 .. 3 * BURST) {
        my $conn = $conns[$n % @conns];
        $conn->send('GET', $products, {});
        my $res = $conn->read_response('GET');
        $seen{ $res->{status} }++;
    }
    return \%seen;
}


my $res = get($products);
is($res->{status}, 200, 'served');
is($res->{headers}{'ratelimit-policy'}, '"address";q=100;w=6000', 'the limit');
is($res->{headers}{ratelimit}, '"address";r=99;t=60', 'what is left of it');
ok(!$res->{headers}{'retry-after'}, 'nothing to wait for');

my $seen = drain();
is($seen->{200}, BURST - 1, 'exactly what was left passes');
is($seen->{429}, 2 * BURST + 1, 'and no more');
ok(status()->{counters}{cache_hits_total} > BURST / 2, 'hits are counted too');

$res = get($products);
is_problem($res, 429, 'too_many_requests');
like($res->{headers}{'retry-after'}, qr/^[1-9]\d?$/, 'when to come again');
like($res->{headers}{ratelimit}, qr/^"address";r=0;t=\d+$/, 'none is left');
is_problem(get('/api/v1/nothing'), 429, 'too_many_requests');
is_problem(request('BREW', $products), 429, 'too_many_requests');
is(get($_)->{status}, 200, "$_ is of no limit") for '/healthz', '/readyz';
is(status()->{counters}{limited_total}, 2 * BURST + 4, 'refusals are counted');

# Every route is limited, but for those that watch.
my ($limited, $free) = (0, 0);
for my $op (@operations) {
    my $status = ask($op)->{status};

    $limited++ if $status == 429 && $op->{statuses}{429};
    $free++ if $status != 429 && $op->{path} =~ m{^/(?:health|ready)z$};
}
cmp_ok($limited, '>', 30, "$limited routes are limited");
is($free, 2, 'those that watch are not');

reload();
is_problem(get($products), 429, 'too_many_requests');

# A key is a caller of its own, and so is each other.
as_key('products.read');
for my $left (reverse 0 .. 2) {
    $res = get('/api/admin/v1/products');
    is($res->{status}, 200, 'a key has its own bucket');
    like($res->{headers}{ratelimit}, qr/^"key";r=$left;/, "$left left");
}
is_problem(get('/api/admin/v1/products'), 429, 'too_many_requests');
as_key('products.read');
is(get('/api/admin/v1/products')->{status}, 200, 'another key');
is_problem(get("/api/admin/v1/products/export.$_"), 429, 'too_many_requests')
    for qw(csv ndjson);
is(get('/api/admin/v1/products')->{status}, 200,
   'an export costs more than what is left for reads');

# Keys that nobody has: after two the database is not asked any more.
as_nobody();
for my $n (1, 2) {
    is_problem(get('/api/admin/v1/products',
                   Authorization => "Bearer guess$n"), 401, 'invalid_token');
}
my $asked = status()->{counters}{read_statements_total};
is_problem(get('/api/admin/v1/products', Authorization => "Bearer guess$_"),
           429, 'too_many_requests') for 3 .. 10;
is(status()->{counters}{read_statements_total}, $asked, 'nobody was asked');

# What is not limited says nothing.
start_shop();
$res = get($products);
ok(!exists $res->{headers}{ratelimit}, 'no limit, no header');

done();
