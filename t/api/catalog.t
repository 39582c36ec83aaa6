#!/usr/bin/perl
#
# catalog.t - the catalogue over a real nginx: lists, details, languages,
# currencies, pages, and what is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 2);

is(get('/healthz')->{status}, 200, 'alive');
is(get('/readyz')->{status}, 200, 'ready');

my $store = ok_json(get('/api/v1/store'), 200);
is_deeply($store->{currencies}, [qw(TRY EUR USD)], 'currencies');

# Thirty products with two variants each, half of them in a category.
sql(<<'SQL');
INSERT INTO categories (id, path, handle)
VALUES ('00000000-0000-7000-8000-0000000000c1', '{}', 'pots');
INSERT INTO products (id, handle, status, vendor, tags, position,
                      published_at)
SELECT ('00000000-0000-7000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid,
       'pot-' || n, 'active', 'Kiln', ARRAY['clay'], lpad(n::text, 4, '0'),
       '2026-01-01'::timestamptz + n * interval '1 day'
  FROM generate_series(1, 30) n;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', 'Pot ' || handle FROM products;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'tr', 'Çömlek ' || handle FROM products WHERE handle = 'pot-1';
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, p.handle
  FROM products p, channels c WHERE c.is_default;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'tr', c.id, 'comlek-1'
  FROM products p, channels c WHERE c.is_default AND p.handle = 'pot-1';
INSERT INTO variants (id, product_id, sku)
SELECT p.id, p.id, upper(p.handle) FROM products p;
INSERT INTO prices (variant_id, currency, amount)
SELECT id, 'TRY', 1000 FROM variants;
INSERT INTO prices (variant_id, currency, amount, compare_at)
SELECT id, 'EUR', 250, 300 FROM variants;
INSERT INTO product_categories (product_id, category_id)
SELECT id, '00000000-0000-7000-8000-0000000000c1' FROM products
 WHERE handle IN ('pot-1', 'pot-2');
SQL

# Every product once, in order, over pages of seven.
my (@seen, $cursor);
do {
    my $page = ok_json(get('/api/v1/products?limit=7'
                           . ($cursor ? "&cursor=$cursor" : '')), 200);
    push @seen, map { $_->{slug} } @{ $page->{data} };
    $cursor = $page->{next_cursor};
} while ($cursor && @seen < 100);
is_deeply(\@seen, [map { "pot-$_" } 1 .. 30], 'pages by position');

my $newest = ok_json(get('/api/v1/products?sort=newest&limit=2'), 200);
is_deeply([map { $_->{slug} } @{ $newest->{data} }], ['pot-30', 'pot-29'],
          'newest first');
ok($newest->{has_more}, 'and more');

my $cats = ok_json(get('/api/v1/categories'), 200);
is(scalar @{ $cats->{data} }, 1, 'one category');
my $in = ok_json(get("/api/v1/products?category=$cats->{data}[0]{id}"), 200);
is(scalar @{ $in->{data} }, 2, 'filtered by category');

my $pot = ok_json(get('/api/v1/products/pot-1?currency=EUR&locale=tr'), 200);
is($pot->{title}, 'Çömlek pot-1', 'Turkish title');
is_deeply($pot->{variants}[0]{price}, { amount => 250, currency => 'EUR' },
          'price in euro');
is($pot->{variants}[0]{compare_at}, 300, 'compare-at');
is($pot->{variants}[0]{sku}, 'POT-1', 'SKU');
is($pot->{breadcrumb}[0]{id}, $cats->{data}[0]{id}, 'breadcrumb');

my $two = ok_json(get("/api/v1/products/$pot->{id}"), 200);
is($two->{variants}[0]{price}{currency}, 'TRY', 'the market\'s currency');
is(ok_json(get('/api/v1/products/pot-2?locale=tr'), 200)->{locale}, 'en',
   'falls back');

my $res = get('/api/v1/products/pot-1');
my $again = get('/api/v1/products/pot-1',
                'If-None-Match' => $res->{headers}{etag});
is($again->{status}, 304, 'not modified');

# An old slug leads to the new one.
sql("UPDATE slugs SET slug = 'jar-1' WHERE slug = 'pot-1'");
polled();
$res = get('/api/v1/products/pot-1');
is($res->{status}, 301, 'moved');
is($res->{headers}{location}, '/api/v1/products/jar-1', 'to its new slug');
is(get('/api/v1/products/pot-1?currency=EUR')->{headers}{location},
   '/api/v1/products/jar-1?currency=EUR', 'with what was asked of the old');

# A change is seen with the next poll, and what was archived is gone.
sql("UPDATE products SET status = 'archived', archived_at = shop_now()
      WHERE handle = 'pot-3'");
polled();
my $id = ok_json(get('/api/v1/products/pot-4'), 200)->{id} =~ s/4$/3/r;
is_problem(get("/api/v1/products/$id"), 410, 'gone');
is_problem(get('/api/v1/products/pot-3'), 410, 'gone');

is_problem(get('/api/v1/nothing'), 404, 'not_found');
is_problem(get('/api/v1/products/no-such-slug'), 404, 'not_found');
is_problem(get('/api/v1/products/prod_nonsense'), 404, 'not_found');
is_problem(get('/api/v1/products/%zz'), 400, 'bad_request');
is_problem(get('/api/v1/products/%ff'), 400, 'bad_path');
is_problem(get('/api/v1/products?limit=1000000'), 422, 'wrong_query');
is_problem(get('/api/v1/products?limit=2&limit=3'), 422, 'wrong_query');
is_problem(get('/api/v1/products?colour=red&limit=0'), 422, 'wrong_query');
is_problem(get('/api/v1/products?tag=%ff'), 400, 'bad_query');
is_problem(get('/api/v1/products?cursor=AAAA'), 400, 'bad_cursor');
is_problem(get('/api/v1/products?currency=GBP'), 422, 'unknown_currency');
is_problem(get('/api/v1/products?locale=xx'), 422, 'unknown_locale');
my $first = ok_json(get('/api/v1/products?limit=2'), 200);
is_problem(get("/api/v1/products?sort=newest&cursor=$first->{next_cursor}"),
           400, 'bad_cursor');
$res = request('DELETE', '/api/v1/products');
is_problem($res, 405, 'method_not_allowed');
is($res->{headers}{allow}, 'OPTIONS, GET, HEAD', 'Allow');

# PostgreSQL goes and comes back: 503 meanwhile, and no restart of ours.
pg_stop();
$res = wait_for(sub {
    my $r = get('/api/v1/products');
    return $r->{status} == 503 ? $r : undef;
});
is($res->{json}{code}, 'database_unavailable', 'without the database');
is($res->{headers}{'retry-after'}, 1, 'Retry-After');
pg_start();
ok(wait_for(sub { get('/api/v1/products')->{status} == 200 }),
   'back without a restart');

done();
