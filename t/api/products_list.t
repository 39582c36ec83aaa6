#!/usr/bin/perl
#
# products_list.t - GET /api/v1/products: every sort with every set of filters
# gives what a plain search through the same products gives, page by page.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 2);

my @filters = qw(category tag vendor price_min price_max available);

# A tree of three, and 48 products whose features all have other periods, so
# that every set of filters has some of them and misses some.  Prices and
# positions repeat: the id decides then.  Every seventh has no price in euro.
sql(<<'SQL');
INSERT INTO categories (id, parent_id, path, handle)
VALUES ('00000000-0000-7000-8000-0000000000c1', NULL, '{}', 'house');
INSERT INTO categories (id, parent_id, path, handle)
VALUES ('00000000-0000-7000-8000-0000000000c2',
        '00000000-0000-7000-8000-0000000000c1', '{}', 'kitchen'),
       ('00000000-0000-7000-8000-0000000000c3', NULL, '{}', 'books');
INSERT INTO products (id, handle, status, vendor, tags, position,
                      published_at)
SELECT ('00000000-0000-7000-8000-0000000000' || lpad(n::text, 2, '0'))::uuid,
       'thing-' || n, 'active', 'Maker ' || n % 3,
       CASE n % 4 WHEN 0 THEN '{red,big}' WHEN 1 THEN '{red}'
                  WHEN 2 THEN '{big}' ELSE '{}' END::text[],
       'V00' || n % 5, '2026-01-01'::timestamptz + n % 6 * interval '1 day'
  FROM generate_series(1, 48) n;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', 'Thing ' || chr(97 + substr(handle, 7)::int * 7 % 26)
  FROM products;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'tr', 'Şey ' || chr(97 + substr(handle, 7)::int * 11 % 26)
  FROM products WHERE substr(handle, 7)::int % 2 = 0;
INSERT INTO slugs (kind, owner_id, locale, slug)
SELECT 'product', id, 'en', handle FROM products;
INSERT INTO slugs (kind, owner_id, locale, slug)
SELECT 'product', product_id, 'tr', 'sey-' || right(product_id::text, 2)
  FROM product_i18n WHERE locale = 'tr';
INSERT INTO variants (id, product_id, in_stock)
SELECT id, id, substr(handle, 7)::int % 5 <> 0 FROM products;
INSERT INTO prices (variant_id, currency, amount)
SELECT id, 'TRY', 1000 + substr(handle, 7)::int % 8 * 100 FROM products;
INSERT INTO prices (variant_id, currency, amount)
SELECT id, 'EUR', 50 + substr(handle, 7)::int % 9 FROM products
 WHERE substr(handle, 7)::int % 7 <> 0;
INSERT INTO product_categories (product_id, category_id, position)
SELECT id, CASE substr(handle, 7)::int % 3
           WHEN 0 THEN '00000000-0000-7000-8000-0000000000c1'
           WHEN 1 THEN '00000000-0000-7000-8000-0000000000c2'
           ELSE '00000000-0000-7000-8000-0000000000c3' END::uuid,
       'W00' || substr(handle, 7)::int % 4
  FROM products;
INSERT INTO products (id, handle, status)
VALUES ('00000000-0000-7000-8000-000000000049', 'draft', 'draft');
INSERT INTO variants (product_id)
VALUES ('00000000-0000-7000-8000-000000000049');
SQL
polled();

my $tree = ok_json(get('/api/v1/categories'), 200)->{data};
my ($house) = grep { $_->{name} eq 'house' } @$tree;
my %asked = (category => $house->{id}, tag => 'red', vendor => 'Maker 1',
             price_min => 1200, price_max => 1500, available => 'true');

# What the database says of each, to be filtered and sorted here.  Titles are
# in the order that PostgreSQL's collation gives them.
my @things = map { { n => $_->[0], by_name => $_->[1] } } sql(<<'SQL');
SELECT substr(handle, 7)::int,
       rank() OVER (ORDER BY title COLLATE "und-x-icu")
  FROM products JOIN product_i18n t ON t.product_id = id AND locale = 'en'
 ORDER BY 1
SQL
for my $t (@things) {
    my $n = $t->{n};
    %$t = (%$t, tag => $n % 4 < 2, vendor => $n % 3 == 1,
           category => $n % 3 < 2, price => 1000 + $n % 8 * 100,
           available => $n % 5 != 0, newest => -($n % 6),
           position => $n % 5, below => $n % 4);
}

my %passes = (
    (map { my $f = $_; $f => sub { $_[0]{$f} } }
         qw(category tag vendor available)),
    price_min => sub { $_[0]{price} >= 1200 },
    price_max => sub { $_[0]{price} <= 1500 },
);
my %order = (
    newest  => sub { $_[0]{newest} <=> $_[1]{newest}
                     || $_[1]{n} <=> $_[0]{n} },
    price   => sub { $_[0]{price} <=> $_[1]{price} || $_[0]{n} <=> $_[1]{n} },
    '-price' => sub { $_[1]{price} <=> $_[0]{price}
                      || $_[1]{n} <=> $_[0]{n} },
    name    => sub { $_[0]{by_name} <=> $_[1]{by_name}
                     || $_[0]{n} <=> $_[1]{n} },
);


sub expected {
    my ($sort, @with) = @_;
    my $place = grep({ $_ eq 'category' } @with) ? 'below' : 'position';
    my $by = $order{$sort} // sub {
        $_[0]{$place} <=> $_[1]{$place} || $_[0]{n} <=> $_[1]{n}
    };
    my @left = grep { my $t = $_; !grep { !$passes{$_}->($t) } @with } @things;

    return map { "thing-$_->{n}" } sort { $by->($a, $b) } @left;
}


# All pages of a list; the length of a page must be right on the way.
sub walk {
    my ($query) = @_;
    my (@slugs, $cursor, $bad);

    for (1 .. 60) {
        my $page = get("/api/v1/products?$query"
                       . ($cursor ? "&cursor=$cursor" : ''))->{json};
        return "bad page: $query" if ref $page->{data} ne 'ARRAY';
        push @slugs, map { $_->{slug} } @{ $page->{data} };
        $bad ||= $page->{has_more} && @{ $page->{data} } != 13;
        $cursor = $page->{next_cursor} or last;
    }

    return $bad ? "short page: $query" : join ' ', @slugs;
}


for my $sort ('position', 'newest', 'price', '-price', 'name') {
    my @wrong;
    for my $set (0 .. 2 ** @filters - 1) {
        my @with = map { $filters[$_] } grep { $set >> $_ & 1 } 0 .. $#filters;
        my $query = join '&', "limit=13", "sort=$sort",
            map { "$_=" . $asked{$_} =~ s/ /%20/r } @with;
        my $got = walk($query);
        my $want = join ' ', expected($sort, @with);
        push @wrong, "$query\n got $got\nwant $want" if $got ne $want;
    }
    is(join("\n", @wrong[0 .. ($#wrong > 2 ? 2 : $#wrong)]), '',
       "sort=$sort with each of the 64 sets of filters");
}

# Nothing is in no scope at all, and a filter that nothing passes is no error.
for ('tag=nothing', 'vendor=nobody', 'price_min=9007199254740991',
     'price_max=0&sort=price', 'price_min=1400&price_max=1300') {
    my $page = ok_json(get("/api/v1/products?$_"), 200, "empty: $_");
    is_deeply([$page->{data}, $page->{has_more}, $page->{next_cursor}],
              [[], JSON::PP::false, undef], '  and says so');
}
is(scalar @{ get('/api/v1/products?available=false&limit=50')->{json}{data} },
   9, 'what cannot be bought');

# What is shown is in the language and currency asked for.
my $card = get('/api/v1/products?sort=-price&locale=tr&currency=EUR&limit=1')
    ->{json}{data}[0];
is($card->{slug}, 'sey-44', 'dearest in euro, by its Turkish slug');
is_deeply($card->{price}, { amount => 58, currency => 'EUR' }, 'its price');
is($card->{title}, 'Şey q', 'its Turkish title');
is(scalar @{ get('/api/v1/products?currency=EUR&sort=price&limit=100')
             ->{json}{data} }, 42, 'by price: those with a price in euro');
is(scalar @{ get('/api/v1/products?currency=EUR&limit=100')->{json}{data} },
   48, 'by position: all of them');

# A cursor holds a whole title, and survives changes between two pages.
sql("UPDATE product_i18n SET title = repeat('şeker ', 41) || title
      WHERE locale = 'en'");
polled();
my $first = get('/api/v1/products?sort=name&limit=20')->{json};
my @seen = map { $_->{id} } @{ $first->{data} };
sql("UPDATE products SET status = 'draft' WHERE handle = 'thing-1'");
sql("WITH new AS (
         INSERT INTO products (handle, status, published_at, position)
         VALUES ('a-new-one', 'active', shop_now(), 'V000') RETURNING id)
     INSERT INTO variants (product_id) SELECT id FROM new");
polled();
my $rest = get('/api/v1/products?sort=name&limit=100&cursor='
               . $first->{next_cursor})->{json};
push @seen, map { $_->{id} } @{ $rest->{data} };
my %once = map { $_ => 1 } @seen;
is(scalar keys %once, scalar @seen, 'none twice over pages');
cmp_ok(scalar @seen, '>=', 47, 'and none missed');

# A price that begins later is not asked for before its time.
sql("UPDATE prices SET valid = tstzrange(NULL, '2100-01-01')
      WHERE currency = 'EUR'");
sql("INSERT INTO prices (variant_id, currency, amount, valid)
     SELECT id, 'EUR', 1, tstzrange('2100-01-01', NULL) FROM variants");
polled();
is(get('/api/v1/products?currency=EUR&sort=price&limit=1')
   ->{json}{data}[0]{price}{amount}, 50, 'the price of today');
is_deeply(get('/api/v1/products?currency=EUR&sort=price&price_max=10')
          ->{json}{data}, [], 'and no filter by that of tomorrow');

# Every fault at once, by its name.
is_problem(get('/api/v1/products?price_min=-1&available=maybe&limit=0'
               . '&sort=colour&x=1'), 422, 'wrong_query',
           qw(price_min available limit sort x));
is_problem(get('/api/v1/products?tag=&vendor=' . 'x' x 256), 422,
           'wrong_query', qw(tag vendor));
for ('price_min=ten', 'category=nonsense', 'category=prod_' . '0' x 26) {
    my ($name) = /^(\w+)/;
    is_problem(get("/api/v1/products?$_"), 400, 'bad_query', $name);
}
is_problem(get('/api/v1/products?locale=xx'), 422, 'unknown_locale',
           'locale');
is_problem(get('/api/v1/products?currency=GBP'), 422, 'unknown_currency',
           'currency');

my $page = get('/api/v1/products?limit=2')->{json};
for my $other ("sort=name&cursor=$page->{next_cursor}",
               'cursor=' . reverse($page->{next_cursor}),
               'cursor=' . $page->{next_cursor} . 'A',
               'cursor=' . 'A' x 3000) {
    is_problem(get("/api/v1/products?$other"), 400, 'bad_cursor');
}

my $res = get('/api/v1/products?sort=name&limit=3');
is(get('/api/v1/products?sort=name&limit=3',
       'If-None-Match' => $res->{headers}{etag})->{status}, 304,
   'not modified');

done();
