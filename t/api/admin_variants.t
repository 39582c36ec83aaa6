#!/usr/bin/perl
#
# admin_variants.t - variants by API key: each route, each documented status,
# and what the storefront says afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $admin = '/api/admin/v1';
my $none = 'var_00000000010000000000000001';

start_shop();

as_key('products.read');
is_problem(post("$admin/products/prod_00000000010000000000000001/variants",
                {}), 403, 'forbidden');
as_key(qw(products.read products.write));

my $shirt = ok_json(post("$admin/products", {
    title => 'Shirt', status => 'active',
    options => [{ name => 'Size', values => ['S', 'M'] },
                { name => 'Colour' }],
    variants => [{ sku => 'SHIRT-S', options => ['S', 'Red'] }],
    media => [{ url => '/media/shirt.svg' }],
}), 201);
my $plain = ok_json(post("$admin/products", { title => 'Plain' }), 201);
my $of = "$admin/products/$shirt->{id}/variants";

# --- create ----------------------------------------------------------------

my $res = post($of, { sku => 'SHIRT-L', options => ['L', 'Red'],
                      barcode => '4006381333931', weight_grams => 150,
                      media_id => $shirt->{media}[0]{id} });
my $large = ok_json($res, 201);
is($res->{headers}{location}, "$admin/variants/$large->{id}", 'Location');
is($res->{headers}{etag}, '"v1"', 'ETag');
is($large->{product_id}, $shirt->{id}, 'of its product');
is($large->{position}, 2, 'behind the others');
is_deeply($large->{options}, ['L', 'Red'], 'a new value is made');
is($large->{media_id}, $shirt->{media}[0]{id}, 'with its picture');

my $product = ok_json(get("$admin/products/$shirt->{id}"), 200);
is_deeply($product->{options}[0]{values}, ['S', 'M', 'L'],
          'the option has it too');
is($product->{version}, $shirt->{version} + 1,
   'and the product has a new version');
is_deeply([map { $_->{sku} } @{
    ok_json(get('/api/v1/products/shirt'), 200)->{variants} }],
    ['SHIRT-S', 'SHIRT-L'], 'the storefront has it at once');

is_problem(post($of, { sku => 'SHIRT-L', options => ['M', 'Red'] }), 409,
           'sku_taken', '/sku');
is_problem(post($of, { options => ['L', 'Red'] }), 409, 'combination_taken',
           '/options');
is_problem(post($of, { options => ['L'] }), 422, 'wrong_body', '/options');
is_problem(post($of, { options => ['L', ''] }), 422, 'wrong_body',
           '/options/1');
is_problem(post($of, { options => ['M', 'Red'],
                       media_id => 'med_00000000010000000000000001' }), 422,
           'unknown_media', '/media_id');
is_problem(post($of, { options => 'L', sku => '', barcode => 1,
                       weight_grams => 1.5, position => 0, id => $none,
                       taxable => 'yes', media_id => 'var_1' }), 422,
           'wrong_body', '/options', '/sku', '/barcode', '/weight_grams',
           '/position', '/id', '/taxable', '/media_id');
is_problem(post("$admin/products/$plain->{id}/variants", {}), 409,
           'combination_taken', '/options');
is_problem(post("$admin/products/prod_00000000010000000000000001/variants",
                { options => [] }), 404, 'not_found');
is_problem(post($of, '[]'), 422, 'wrong_body');
is_problem(post($of, '{"sku" "A"}'), 400, 'bad_body');
is_problem(post($of, 'a', 'Content-Type' => 'text/plain'), 415,
           'unsupported_media_type');

my %key = ('Idempotency-Key' => 'medium');
my $first = post($of, { options => ['M', 'Red'] }, %key);
ok_json($first, 201);
is(post($of, { options => ['M', 'Red'] }, %key)->{body}, $first->{body},
   'the same again');
is_problem(post($of, { options => ['M', 'Blue'] }, %key), 422,
           'idempotency_key_reused');

# --- read ------------------------------------------------------------------

is_deeply(ok_json(get("$admin/variants/$large->{id}"), 200), $large,
          'as it was answered');
is_problem(get("$admin/variants/$none"), 404, 'not_found');
my $page = ok_json(get("$of?limit=2"), 200);
is_deeply([map { $_->{sku} } @{ $page->{data} }], ['SHIRT-S', 'SHIRT-L'],
          'in their order');
$page = ok_json(get("$of?limit=2&cursor=$page->{next_cursor}"), 200);
is_deeply([map { $_->{options} } @{ $page->{data} }], [['M', 'Red']],
          'the next page');
is_problem(get("$admin/products/prod_00000000010000000000000001/variants"),
           404, 'not_found');
is_problem(get("$of?limit=0"), 422, 'wrong_query', 'limit');

# --- change ------------------------------------------------------------------

my $at = "$admin/variants/$large->{id}";
is_problem(patch($at, { sku => 'X' }), 428, 'if_match_required');
is_problem(patch($at, { sku => 'X' }, 'If-Match' => '"v7"'), 412,
           'version_mismatch');
is_problem(patch("$admin/variants/$none", { sku => 'X' }, 'If-Match' => '*'),
           404, 'not_found');
is_problem(patch($at, { position => undef, sku => 1 }, 'If-Match' => '*'),
           422, 'wrong_body', '/position', '/sku');
is_problem(patch($at, { sku => 'SHIRT-S' }, 'If-Match' => '*'), 409,
           'sku_taken', '/sku');
is_problem(patch($at, { options => ['S', 'Red'] }, 'If-Match' => '*'), 409,
           'combination_taken', '/options');
is_problem(patch($at, { options => [] }, 'If-Match' => '*'), 422,
           'wrong_body', '/options');

$res = patch($at, { sku => undef, options => ['L', 'Blue'],
                    media_id => undef, in_stock => JSON::PP::false,
                    position => 1 }, 'If-Match' => '"v1"');
my $two = ok_json($res, 200);
is($res->{headers}{etag}, '"v2"', 'the next version');
is($two->{sku}, undef, 'without a SKU');
is($two->{media_id}, undef, 'and a picture');
is($two->{barcode}, '4006381333931', 'what was not named stays');
is_deeply($two->{options}, ['L', 'Blue'], 'of another colour');
my ($seen) = grep { $_->{id} eq $large->{id} }
    @{ ok_json(get('/api/v1/products/shirt'), 200)->{variants} };
ok($seen && !$seen->{in_stock}, 'the storefront has it at once');

# --- archive, restore --------------------------------------------------------

is_problem(post("$at/archive", undef, 'If-Match' => '"v1"'), 412,
           'version_mismatch');
is_problem(post("$at/restore", undef), 409, 'variant_not_archived');
is(ok_json(post("$at/archive", undef, 'If-Match' => '"v2"'), 200)->{status},
   'archived', 'archived');
is_deeply([grep { $_->{id} eq $large->{id} }
           @{ ok_json(get('/api/v1/products/shirt'), 200)->{variants} }], [],
          'not for sale');
is_problem(post("$at/archive", undef), 409, 'variant_archived');
is_problem(patch($at, { sku => 'X' }, 'If-Match' => '*'), 409,
           'variant_archived');
is(ok_json(post("$at/restore", undef), 200)->{status}, 'active', 'back');
is_problem(post("$admin/variants/$plain->{variants}[0]{id}/archive", undef),
           409, 'variant_is_only');
is_problem(post("$admin/variants/$none/archive", undef), 404, 'not_found');

ok_json(post("$admin/products/$shirt->{id}/archive", undef), 200);
is_problem(patch($at, { sku => 'X' }, 'If-Match' => '*'), 409,
           'product_archived');
is_problem(post($of, { options => ['XL', 'Red'] }), 409,
           'product_archived');

done();
