#!/usr/bin/perl
#
# admin_prices.t - price lists and prices by API key: each route, each
# documented status, and what customers are shown afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy qw(ask answer_to all_waiting);

my $admin = '/api/admin/v1';
my $lists = "$admin/price-lists";
my $prices = "$admin/prices";

start_shop();

is_problem(get($prices), 401, 'unauthenticated');
as_key('prices.read');
is_problem(post($lists, { code => 'a', name => 'A', kind => 'sale' }), 403,
           'forbidden');
is_problem(post($prices, {}), 403, 'forbidden');
as_key(qw(products.read products.write prices.read prices.write));

my $cup = ok_json(post("$admin/products",
                       { title => 'Cup', status => 'active' }), 201);
my $variant = $cup->{variants}[0]{id};

sub euro { return { amount => $_[0], currency => 'EUR' } }

sub shown {
    my $v = ok_json(get('/api/v1/products/cup?currency=EUR'), 200)
        ->{variants}[0];
    return $v->{price} ? [$v->{price}{amount}, $v->{price_source}] : undef;
}

# --- price lists -------------------------------------------------------------

my $base = ok_json(get($lists), 200)->{data};
is_deeply([map { $_->{code} } @$base], ['default'], 'one from the start');

my $res = post($lists, { code => 'summer', name => 'Summer', kind => 'sale',
                         currency => 'EUR',
                         starts_at => '2020-01-01T00:00:00Z' });
my $sale = ok_json($res, 201);
is($res->{headers}{location}, "$lists/$sale->{id}", 'Location');
is($res->{headers}{etag}, '"v1"', 'ETag');
is($sale->{status}, 'active', 'active');
is_deeply(ok_json(get("$lists/$sale->{id}"), 200), $sale,
          'as it was answered');
my $page = ok_json(get("$lists?limit=1"), 200);
is(ok_json(get("$lists?limit=1&cursor=$page->{next_cursor}"), 200)
   ->{data}[0]{code}, 'summer', 'the next page');

is_problem(get("$lists/plist_00000000010000000000000001"), 404, 'not_found');
is_problem(post($lists, { code => 'summer', name => 'S', kind => 'sale' }),
           409, 'code_taken', '/code');
is_problem(post($lists, { code => 'A B', kind => 'free', currency => 'eur',
                          priority => 'high', version => 2 }), 422,
           'wrong_body', '/code', '/name', '/kind', '/currency', '/priority',
           '/version');
is_problem(post($lists, { code => 'b', name => 'B', kind => 'base',
                          currency => 'GBP' }), 422, 'unknown_currency',
           '/currency');
is_problem(post($lists, { code => 'b', name => 'B', kind => 'base',
                          channel_id => 'chan_00000000010000000000000001' }),
           422, 'unknown_channel', '/channel_id');
is_problem(post($lists, { code => 'b', name => 'B', kind => 'base',
                          market_id => 'mkt_00000000010000000000000001' }),
           422, 'unknown_market', '/market_id');
is_problem(post($lists, { code => 'b', name => 'B', kind => 'base',
                          starts_at => '2026-01-02T00:00:00Z',
                          ends_at => '2026-01-01T00:00:00Z' }), 422,
           'wrong_body', '/ends_at');
is_problem(post($lists, '{'), 400, 'bad_body');
is_problem(post($lists, 'x', 'Content-Type' => 'text/csv'), 415,
           'unsupported_media_type');

# --- prices ------------------------------------------------------------------

$res = post($prices, { variant_id => $variant, prices => [
    { price => euro(1000), compare_at => 1200 },
    { price => euro(900), min_quantity => 10 },
    { price => euro(700), price_list_id => $sale->{id},
      valid_from => '2020-01-01T00:00:00Z',
      valid_until => '2020-02-01T00:00:00Z' },
] });
my $made = ok_json($res, 201)->{prices};
is($res->{headers}{location}, "$prices?variant_id=$variant", 'Location');
is($made->[0]{price_list_id}, $base->[0]{id}, 'on the default list');
is_deeply([map { $_->{min_quantity} } @$made], [1, 10, 1], 'quantities');
ok($made->[0]{current} && !$made->[2]{current}, 'which hold now');
is_deeply(shown(), [1000, 'default'], 'the storefront has it at once');

is_deeply(ok_json(get("$prices?variant_id=$variant"), 200)->{data}, $made,
          'by variant');
is_deeply(ok_json(get("$prices?price_list_id=$sale->{id}"), 200)->{data},
          [$made->[2]], 'by list');
$page = ok_json(get("$prices?limit=2"), 200);
is_deeply(ok_json(get("$prices?limit=2&cursor=$page->{next_cursor}"), 200)
          ->{data}, [$made->[2]], 'the next page');
my $at = "$prices/$made->[0]{id}";
is_deeply(ok_json(get($at), 200), $made->[0], 'one of them');
is_problem(get("$prices/price_00000000010000000000000001"), 404,
           'not_found');
is_problem(get("$prices?variant_id=prod_00000000010000000000000001"), 400,
           'bad_query', 'variant_id');

sub refused {
    my ($price, @problem) = @_;
    is_problem(post($prices, { variant_id => $variant,
                               prices => [{ price => euro(1),
                                            min_quantity => 2 }, $price] }),
               @problem);
}

refused({ price => euro(950) }, 409, 'price_overlap', '/prices/1');
refused({ price => { amount => 1, currency => 'USD' },
          price_list_id => $sale->{id} }, 422, 'price_currency', '/prices/1');
refused({ price => { amount => 1, currency => 'GBP' } }, 422,
        'unknown_currency', '/prices/1/price/currency');
refused({ price => euro(1), min_quantity => 3,
          price_list_id => 'plist_00000000010000000000000001' }, 422,
        'unknown_price_list', '/prices/1/price_list_id');
refused({ price => euro(100), compare_at => 100,
          valid_from => '2026-01-02T00:00:00Z',
          valid_until => '2026-01-01T00:00:00Z' }, 422, 'wrong_body',
        '/prices/1/compare_at', '/prices/1/valid_until');
refused({ price => { amount => -1, currency => 'eur' }, min_quantity => 0,
          variant_id => $variant }, 422, 'wrong_body',
        '/prices/1/price/amount', '/prices/1/price/currency',
        '/prices/1/min_quantity', '/prices/1/variant_id');
is_problem(post($prices, { variant_id => 'var_00000000010000000000000001',
                           prices => [{ price => euro(1) }] }), 422,
           'unknown_variant', '/variant_id');
is_problem(post($prices, { variant_id => $variant, prices => [] }), 422,
           'wrong_body', '/prices');
is_problem(post($prices, {}), 422, 'wrong_body', '/variant_id', '/prices');
is(sql_value('SELECT count(*) FROM prices'), 3, 'nothing came of those');

# --- change ------------------------------------------------------------------

is_problem(patch($at, { price => euro(1100) }), 428, 'if_match_required');
is_problem(patch($at, { price => euro(1100) }, 'If-Match' => '"v9"'), 412,
           'version_mismatch');
is_problem(patch("$prices/price_00000000010000000000000001",
                 { price => euro(1) }, 'If-Match' => '*'), 404, 'not_found');
is_problem(patch($at, { price => euro(1200) }, 'If-Match' => '*'), 422,
           'wrong_body', '/compare_at');
is_problem(patch($at, { min_quantity => 10 }, 'If-Match' => '*'), 409,
           'price_overlap');
$res = patch($at, { price => euro(1100), compare_at => undef },
             'If-Match' => '"v1"');
my $two = ok_json($res, 200);
is($res->{headers}{etag}, '"v2"', 'the next version');
is($two->{compare_at}, undef, 'no former price');
is_deeply(shown(), [1100, 'default'], 'the storefront has it at once');

my $list_at = "$lists/$sale->{id}";
is_problem(patch($list_at, { name => 'B' }), 428, 'if_match_required');
is_problem(patch($list_at, { name => 'B' }, 'If-Match' => '"v9"'), 412,
           'version_mismatch');
is_problem(patch($list_at, { kind => 'base', name => '' },
                 'If-Match' => '*'), 422, 'wrong_body', '/kind', '/name');
is_problem(patch($list_at, { code => 'default' }, 'If-Match' => '*'), 409,
           'code_taken', '/code');
is_problem(patch($list_at, { currency => 'USD' }, 'If-Match' => '*'), 422,
           'price_currency');
is(ok_json(patch($list_at, { priority => 5 }, 'If-Match' => '"v1"'), 200)
   ->{priority}, 5, 'a list is changed');

# A sale wins while its list is active.
my $off = ok_json(post($prices, { variant_id => $variant, prices => [
    { price => euro(800), price_list_id => $sale->{id},
      valid_from => '2020-03-01T00:00:00Z' }] }), 201)->{prices}[0];
is_deeply(shown(), [800, 'summer'], 'the sale is shown');
ok_json(patch($list_at, { status => 'archived' }, 'If-Match' => '*'), 200);
is_deeply(shown(), [1100, 'default'], 'without its list it is not');
ok_json(patch($list_at, { status => 'active' }, 'If-Match' => '*'), 200);

# --- the end of a price ------------------------------------------------------

is_problem(post("$prices/$off->{id}/end", undef, 'If-Match' => '"v7"'), 412,
           'version_mismatch');
my $ended = ok_json(post("$prices/$off->{id}/end", undef), 200);
ok($ended->{valid_until} && !$ended->{current}, 'it holds no more');
is_deeply(shown(), [1100, 'default'], 'and is not shown');
is_problem(post("$prices/$off->{id}/end", undef), 409, 'price_not_current');
is_problem(post("$prices/price_00000000010000000000000001/end", undef), 404,
           'not_found');

# Its version says nothing of the time: what was to come is there.
my $soon = ok_json(post($prices, { variant_id => $variant, prices => [
    { price => euro(7), min_quantity => 55,
      valid_from => '2100-01-01T00:00:00Z' }] }), 201)->{prices}[0];
my $seen = get("$prices/$soon->{id}");
ok(!$seen->{json}{current}, 'a price of the future');
like($seen->{headers}{etag}, qr/^"v1-[0-9a-f]{24}"$/, 'its version, and more');
my @known = ('If-None-Match' => $seen->{headers}{etag});
is(get("$prices/$soon->{id}", @known)->{status}, 304, 'not modified');
sql("UPDATE prices SET valid = tstzrange(now(), NULL) WHERE min_quantity = 55");
$seen = get("$prices/$soon->{id}", @known);
is("$seen->{status} $seen->{json}{current}", '200 1', 'it is current now');
is(patch("$prices/$soon->{id}", { price => euro(6) },
         'If-Match' => "\"v7-0\", $seen->{headers}{etag}")->{status}, 200,
   'what a GET says is good for If-Match');
is_problem(patch("$prices/$soon->{id}", { price => euro(5) },
                 'If-Match' => $seen->{headers}{etag}), 412,
           'version_mismatch');

# One that was never meant is deleted while somebody changes it.
my $token = as_key(qw(products.read products.write prices.read prices.write));
for my $change ([ 'PATCH', '', { price => euro(1) } ], [ 'POST', '/end' ]) {
    my ($method, $end, $body) = @$change;
    my $wrong = ok_json(post($prices, { variant_id => $variant, prices => [
        { price => euro(9), min_quantity => 77 }] }), 201)->{prices}[0];
    my ($worker) = workers();

    sql('BEGIN');
    sql('DELETE FROM prices WHERE min_quantity = 77');
    my $conn = ask($method, "$prices/$wrong->{id}$end", $body,
                   'if-match' => '*', authorization => "Bearer $token");
    all_waiting(1);
    sql('COMMIT');
    is_problem(answer_to($conn), 404, 'not_found');
    is((workers())[0], $worker, "the worker that was asked to $method lives");
}

# What has ended is history; the next price follows it.
ok_json(post("$at/end", undef), 200);
is(shown(), undef, 'no price is shown');
my %key = ('Idempotency-Key' => 'next-price');
my $next = { variant_id => $variant, prices => [
    { price => euro(1300),
      valid_from => ok_json(get($at), 200)->{valid_until} }] };
my $first = post($prices, $next, %key);
ok_json($first, 201);
is(post($prices, $next, %key)->{body}, $first->{body}, 'the same again');
is_deeply(shown(), [1300, 'default'], 'the next price is shown');

done();
