#!/usr/bin/perl
#
# product.t - one product, its variants and their availability: what is shown,
# in which language and at which price, and what is refused.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop();

# A lamp with two options and 120 variants of it, a plain mug, a draft.
sql(<<'SQL');
INSERT INTO categories (id, parent_id, path, handle, status)
VALUES ('00000000-0000-7000-8000-0000000000c1', NULL, '{}', 'house',
        'active');
INSERT INTO categories (id, parent_id, path, handle, status)
VALUES ('00000000-0000-7000-8000-0000000000c2',
        '00000000-0000-7000-8000-0000000000c1', '{}', 'season', 'hidden');
INSERT INTO categories (id, parent_id, path, handle, status)
VALUES ('00000000-0000-7000-8000-0000000000c3',
        '00000000-0000-7000-8000-0000000000c2', '{}', 'lamps', 'active');
INSERT INTO category_i18n (category_id, locale, name)
VALUES ('00000000-0000-7000-8000-0000000000c3', 'tr', 'Lambalar');
INSERT INTO products (id, handle, status, vendor, type, tags, published_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'lamp', 'active', 'Işık',
        'Lamp', '{glass,"two words"}', '2026-02-03 04:05:06.789012+00'),
       ('00000000-0000-7000-8000-000000000002', 'mug', 'active', '', '',
        '{}', '2026-02-03'),
       ('00000000-0000-7000-8000-000000000003', 'draft', 'draft', '', '',
        '{}', NULL);
INSERT INTO product_i18n (product_id, locale, title, description, seo_title)
VALUES ('00000000-0000-7000-8000-000000000001', 'en', 'Lamp', '<p>Glass</p>',
        'Lamp of glass'),
       ('00000000-0000-7000-8000-000000000001', 'tr', 'Lamba', '<p>Cam</p>',
        ''),
       ('00000000-0000-7000-8000-000000000002', 'en', 'Mug', '', '');
INSERT INTO slugs (kind, owner_id, locale, slug)
VALUES ('product', '00000000-0000-7000-8000-000000000001', 'en', 'lamp'),
       ('product', '00000000-0000-7000-8000-000000000001', 'tr', 'lamba-ş'),
       ('product', '00000000-0000-7000-8000-000000000002', 'en', 'mug'),
       ('product', '00000000-0000-7000-8000-000000000003', 'en', 'draft'),
       ('category', '00000000-0000-7000-8000-0000000000c3', 'tr', 'lambalar');
INSERT INTO product_categories (product_id, category_id)
VALUES ('00000000-0000-7000-8000-000000000001',
        '00000000-0000-7000-8000-0000000000c3');
INSERT INTO product_options (id, product_id, position, name)
VALUES ('00000000-0000-7000-8000-0000000000a1',
        '00000000-0000-7000-8000-000000000001', 1, 'Colour'),
       ('00000000-0000-7000-8000-0000000000a2',
        '00000000-0000-7000-8000-000000000001', 2, 'Number');
INSERT INTO product_option_i18n (option_id, locale, name)
VALUES ('00000000-0000-7000-8000-0000000000a1', 'tr', 'Renk');
INSERT INTO option_values (id, option_id, product_id, position, value)
SELECT ('00000000-0000-7000-8000-0000000000b' || n)::uuid,
       '00000000-0000-7000-8000-0000000000a1'::uuid,
       '00000000-0000-7000-8000-000000000001'::uuid, n,
       CASE n WHEN 1 THEN 'Red' ELSE 'Blue' END
  FROM generate_series(1, 2) n
 UNION ALL
SELECT ('00000000-0000-7000-8000-000000001' || lpad(n::text, 3, '0'))::uuid,
       '00000000-0000-7000-8000-0000000000a2',
       '00000000-0000-7000-8000-000000000001', n, 'No ' || n
  FROM generate_series(1, 60) n;
INSERT INTO option_value_i18n (value_id, locale, value)
VALUES ('00000000-0000-7000-8000-0000000000b1', 'tr', 'Kırmızı');
INSERT INTO media (id, product_id, url, alt, position)
VALUES ('00000000-0000-7000-8000-0000000000e1',
        '00000000-0000-7000-8000-000000000001', '/media/b.svg', 'Back', 2),
       ('00000000-0000-7000-8000-0000000000e2',
        '00000000-0000-7000-8000-000000000001', '/media/a.svg', 'Front', 1);
INSERT INTO variants (id, product_id, sku, position, in_stock, media_id,
                      option_value_ids)
SELECT ('00000000-0000-7000-8000-000000002' || lpad(n::text, 3, '0'))::uuid,
       '00000000-0000-7000-8000-000000000001', 'LAMP-' || n, (n + 1) / 2,
       n > 3, CASE n WHEN 1
              THEN '00000000-0000-7000-8000-0000000000e1'::uuid END,
       ARRAY[('00000000-0000-7000-8000-0000000000b' || n % 2 + 1)::uuid,
             ('00000000-0000-7000-8000-000000001'
              || lpad(((n + 1) / 2)::text, 3, '0'))::uuid]
  FROM generate_series(1, 120) n;
INSERT INTO variants (product_id, sku)
VALUES ('00000000-0000-7000-8000-000000000002', 'MUG'),
       ('00000000-0000-7000-8000-000000000003', 'DRAFT');
INSERT INTO prices (variant_id, currency, amount, compare_at)
SELECT id, 'TRY', 5000, 6000 FROM variants;
SQL
polled();

# --- the product -------------------------------------------------------------

my $lamp = ok_json(get('/api/v1/products/lamp'), 200, 'by slug');
is_deeply(ok_json(get("/api/v1/products/$lamp->{id}"), 200), $lamp, 'by id');
is_deeply({ map { $_ => $lamp->{$_} }
            qw(slug locale title description seo_title vendor type tags
               published_at more_variants) },
          { slug => 'lamp', locale => 'en', title => 'Lamp',
            description => '<p>Glass</p>', seo_title => 'Lamp of glass',
            vendor => 'Işık', type => 'Lamp', tags => ['glass', 'two words'],
            published_at => '2026-02-03T04:05:06.789012Z',
            more_variants => JSON::PP::true }, 'its own members');
is_deeply([map { $_->{url} } @{ $lamp->{media} }],
          ['/media/a.svg', '/media/b.svg'], 'pictures in their order');
is_deeply([map { $_->{name} } @{ $lamp->{options} }], ['Colour', 'Number'],
          'options in theirs');
is_deeply($lamp->{options}[0]{values}, ['Red', 'Blue'], 'and their values');
is_deeply([map { $_->{name} } @{ $lamp->{breadcrumb} }], ['house', 'lamps'],
          'no step of the breadcrumb leads to a hidden page');
is(scalar @{ $lamp->{variants} }, 100, 'a hundred variants with it');
is_deeply($lamp->{variants}[0]{options}, ['Colour: Blue', 'Number: No 1'],
          'what a variant is');
is($lamp->{variants}[0]{media_id}, $lamp->{media}[1]{id}, 'its own picture');
ok(!exists $lamp->{status} && !exists $lamp->{variants}[0]{page_key},
   'nothing hidden is shown');

my $lamba = get('/api/v1/products/lamba-%C5%9F?locale=tr')->{json};
is_deeply([@$lamba{qw(id slug locale title description)}],
          [$lamp->{id}, 'lamba-ş', 'tr', 'Lamba', '<p>Cam</p>'], 'in Turkish');
is_deeply($lamba->{alternates}, [{ locale => 'en', slug => 'lamp' },
                                 { locale => 'tr', slug => 'lamba-ş' }],
          'where it is in each language, whichever was asked for');
is_deeply($lamp->{alternates}, $lamba->{alternates}, '  the same in English');
is_deeply([map { @$_{qw(name slug)} } @{ $lamba->{breadcrumb} }],
          ['house', undef, 'Lambalar', 'lambalar'],
          'each step in Turkish, or without');
is_deeply([map { $_->{name} } @{ $lamba->{options} }], ['Renk', 'Number'],
          'options that have a translation');
is_deeply($lamba->{options}[0]{values}, ['Kırmızı', 'Blue'], 'and values');
is($lamba->{variants}[1]{options}[0], 'Renk: Kırmızı', 'a variant\'s too');
is(get('/api/v1/products/mug?locale=tr')->{json}{locale}, 'en', 'falls back');
is(get('/api/v1/products/lamp', 'Accept-Language' => 'tr-TR,en;q=0.5')
   ->{json}{title}, 'Lamba', 'the language of the browser');

my $mug = get('/api/v1/products/mug')->{json};
is_deeply([@$mug{qw(options media breadcrumb vendor description)}],
          [[], [], [], '', ''], 'a product with nothing to it');
ok(!$mug->{more_variants}, 'that are all its variants');

# --- prices ------------------------------------------------------------------

# Who wins: the rank of the list, its priority, the newest, the highest id.
sub price_of_mug {
    my ($query) = @_;
    my $v = get('/api/v1/products/mug' . ($query // ''))->{json}{variants}[0];

    return join ' ', map { $_ // '-' } $v->{price}{amount},
        $v->{price}{currency}, @$v{qw(compare_at price_source)};
}

sub price_list {
    my ($code, $amount, %with) = @_;
    my %row = (code => $code, name => $code, kind => 'sale', %with);
    my $id = sql_value('INSERT INTO price_lists (' . join(', ', keys %row)
        . ') VALUES (' . join(', ', ('?') x keys %row) . ') RETURNING id',
        values %row);

    sql("INSERT INTO prices (price_list_id, variant_id, currency, amount)
         SELECT ?, id, 'TRY', ? FROM variants WHERE sku = 'MUG'", $id,
        $amount);
    polled();
}

is(price_of_mug(), '5000 TRY 6000 default', 'the base price');
is(price_of_mug('?currency=EUR'), '- - - -', 'none in euro');
price_list('sale', 4000);
is(price_of_mug(), '4000 TRY - sale', 'a sale before the base');
price_list('better', 4500, priority => 5);
is(price_of_mug(), '4500 TRY - better', 'the higher priority');
price_list('market', 4700, kind => 'market',
           market_id => '01900000-0000-7000-8000-000000000001');
is(price_of_mug(), '4700 TRY - market', 'the market before the sale');
sql("INSERT INTO markets (id, code, name, countries, currency, currencies,
                          locale, locales)
     VALUES ('00000000-0000-7000-8000-0000000000d1', 'far', 'Far', '{}',
             'TRY', '{TRY}', 'en', '{en}')");
price_list('far', 1, kind => 'market', priority => 9,
           market_id => '00000000-0000-7000-8000-0000000000d1');
price_list('club', 2, kind => 'group');
price_list('friend', 3, kind => 'customer');
price_list('later', 4, kind => 'market', starts_at => '2100-01-01');
price_list('over', 5, kind => 'market', ends_at => '2001-01-01');
price_list('off', 6, kind => 'market', status => 'archived');
is(price_of_mug(), '4700 TRY - market',
   'not another market\'s, a group\'s, a customer\'s, or one out of its time');
is(get('/api/v1/products?sort=price&limit=1')->{json}{data}[0]{price}{amount},
   4700, 'lists agree');
sql("INSERT INTO prices (price_list_id, variant_id, currency, amount,
                         min_quantity)
     SELECT l.id, v.id, 'TRY', 1000, 10 FROM price_lists l, variants v
      WHERE l.code = 'market' AND v.sku = 'MUG'");
polled();
is(price_of_mug(), '4700 TRY - market', 'nor the price of ten');

# --- variants ----------------------------------------------------------------

my (@skus, $cursor);
do {
    my $page = ok_json(get('/api/v1/products/lamp/variants?limit=50'
                           . ($cursor ? "&cursor=$cursor" : '')), 200);
    push @skus, map { $_->{sku} } @{ $page->{data} };
    $cursor = $page->{next_cursor};
} while ($cursor && @skus < 500);
is_deeply(\@skus, [map { "LAMP-$_" } 1 .. 120], 'all variants, in pages');
is_deeply(get('/api/v1/products/lamp/variants?limit=100')->{json}{data},
          $lamp->{variants}, 'the same as with the product');
is(get("/api/v1/products/$lamp->{id}/variants?locale=tr&limit=1")
   ->{json}{data}[0]{options}[0], 'Renk: Blue', 'in a language');
is(get('/api/v1/products/mug/variants?currency=EUR')
   ->{json}{data}[0]{price}, undef, 'in a currency');

# --- availability ------------------------------------------------------------

my $all = ok_json(get("/api/v1/products/$lamp->{id}/availability"), 200);
is(scalar @{ $all->{data} }, 120, 'the availability of each variant');
is_deeply([map { $_->{availability} } @{ $all->{data} }[2, 3]],
          ['out_of_stock', 'in_stock'], 'out of stock, and in');
my $id = $all->{data}[0]{variant_id};
is($id, $lamp->{variants}[0]{id}, 'by the variant\'s id');
is_deeply(get("/api/v1/products/$lamp->{id}/availability?variant=$id")
          ->{json}{data},
          [{ variant_id => $id, availability => 'out_of_stock' }],
          'of one variant');
sql("UPDATE variants SET in_stock = true WHERE sku = 'LAMP-1'");
is(get("/api/v1/products/$lamp->{id}/availability?variant=$id")
   ->{json}{data}[0]{availability}, 'in_stock', 'a change shows');
is_problem(get("/api/v1/products/$mug->{id}/availability?variant=$id"), 404,
           'not_found');
is_problem(get("/api/v1/products/$mug->{id}/availability?variant=prod_1"),
           400, 'bad_query', 'variant');

# --- moved, gone, never there ------------------------------------------------

for my $below ('', '/variants') {
    for my $name ('nothing', 'draft', "prod_\x30" . '0' x 25, 'prod_1',
                  $id)
    {
        is_problem(get("/api/v1/products/$name$below"), 404, 'not_found');
    }
    is_problem(get("/api/v1/products/%FF$below"), 400, 'bad_path');
    is_problem(get("/api/v1/products/lamp$below?colour=red"), 422,
               'wrong_query', 'colour');
    is_problem(get("/api/v1/products/lamp$below?currency=GBP"), 422,
               'unknown_currency', 'currency');
    is_problem(get("/api/v1/products/lamp$below?locale=xx"), 422,
               'unknown_locale', 'locale');
    my $etag = get("/api/v1/products/lamp$below")->{headers}{etag};
    is(get("/api/v1/products/lamp$below", 'If-None-Match' => $etag)->{status},
       304, 'not modified');
}

# Who guesses the id of a draft learns nothing either.
my $draft = $lamp->{id} =~ s/1$/3/r;
is_problem(get("/api/v1/products/$draft$_"), 404, 'not_found')
    for '', '/variants', '/availability';
is_problem(get('/api/v1/products/lamp/variants?cursor=x'), 400, 'bad_cursor');
is_problem(get('/api/v1/products/lamp/availability'), 404, 'not_found');

# A chain of moves is one step; letters beyond ASCII are percent-encoded.
sql("UPDATE slugs SET slug = ? WHERE slug = ?", @$_)
    for ['lamp-two', 'lamp'], ['lämp-three', 'lamp-two'];
polled();
for my $old ('lamp', 'lamp-two') {
    for my $below ('', '/variants') {
        my $res = get("/api/v1/products/$old$below");
        is($res->{status}, 301, "$old$below moved");
        is($res->{headers}{location},
           "/api/v1/products/l%C3%A4mp-three$below", 'to its new slug');
        is(get($res->{headers}{location})->{status}, 200, 'which is there');
    }
}

sql("UPDATE products SET status = 'archived', archived_at = shop_now()
      WHERE handle = 'mug'");
polled();
for ('mug', $mug->{id}, 'mug/variants', "$mug->{id}/availability") {
    is_problem(get("/api/v1/products/$_"), 410, 'gone');
}

done();
