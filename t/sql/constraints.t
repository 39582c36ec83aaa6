#!/usr/bin/perl

# constraints.t - what the database itself keeps: combinations of options, the
# tree of categories, prices without overlap, redirects, tags, read models.
# done() runs sql/invariants.sql over what is left.

use strict;
use warnings;

use DBI;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $dbh;        # as the application connects; closed before done() looks


# The statement is refused, by the constraint of this name.
sub refused {
    my ($constraint, $statement, @parameters) = @_;

    my $done = eval { app($statement, @parameters); 1 };
    my $error = $@;
    # A trigger names its constraint in a field that DBI does not show.
    ok(!$done && $error =~ /\Q$constraint\E/, "refused: $constraint")
        or diag($done ? 'it was done' : $error);
}


sub app {
    my ($statement, @parameters) = @_;

    my $sth = $dbh->prepare($statement);
    $sth->execute(@parameters);
    return $sth->{NUM_OF_FIELDS} ? @{ $sth->fetchall_arrayref } : ();
}


sub value { my ($row) = app(@_); return $row->[0] }


sub make_product {
    my ($handle) = @_;

    my $id = value(q{INSERT INTO products (handle, status, published_at,
                     vendor, tags) VALUES (?, 'active', shop_now(), 'Maker',
                     '{blue,round}') RETURNING id}, $handle);
    app(q{INSERT INTO product_i18n (product_id, locale, title)
          VALUES (?, 'en', ?)}, $id, "Title of $handle");
    app(q{INSERT INTO slugs (kind, owner_id, locale, slug)
          VALUES ('product', ?, 'en', ?)}, $id, $handle);
    return $id;
}


sub make_variant {
    my ($product, @values) = @_;

    return value(q{INSERT INTO variants (product_id, option_value_ids)
                   VALUES (?, ?::uuid[]) RETURNING id}, $product, \@values);
}


sub make_category {
    my ($handle, $parent) = @_;

    return value(q{INSERT INTO categories (handle, parent_id)
                   VALUES (?, ?) RETURNING id}, $handle, $parent);
}


start_shop(ready => 0);
my ($host, $db) = database_url() =~ /host=(\S+) dbname=(\S+)/;
$dbh = DBI->connect("dbi:Pg:host=$host;dbname=$db", 'shop_app', '',
                    { RaiseError => 1, PrintError => 0 });

# Options: a variant is one combination, of its own product's values.
my $plain = make_product('plain');
my $variant = make_variant($plain);
refused('variants_option_key',
        'INSERT INTO variants (product_id) VALUES (?)', $plain);

my $shirt = make_product('shirt');
my $size = value(q{INSERT INTO product_options (product_id, name)
                   VALUES (?, 'Size') RETURNING id}, $shirt);
my ($s, $m) = map {
    value(q{INSERT INTO option_values (option_id, product_id, value)
            VALUES (?, ?, ?) RETURNING id}, $size, $shirt, $_)
} qw(S M);
make_variant($shirt, $s);
refused('variants_option_key', q{INSERT INTO variants (product_id,
        option_value_ids) VALUES (?, ?::uuid[])}, $shirt, [$s]);
refused('one value of an option of its own product',
        q{INSERT INTO variants (product_id, option_value_ids)
          VALUES (?, ?::uuid[])}, $shirt, [$s, $m]);
refused('one value of an option of its own product',
        q{UPDATE variants SET option_value_ids = ?::uuid[] WHERE id = ?},
        [$s], $variant);
refused('a variant still has the value',
        'DELETE FROM option_values WHERE id = ?', $s);

# Tags: characters are counted, and those of each.
my $tags = 'UPDATE products SET tags = ?::text[] WHERE id = ?';
app($tags, ["\x{15f}" x 255, 'a' x 255, "\x{1f375}" x 255], $plain);
refused('products_tag_length', $tags, ['a', "\x{15f}" x 256], $plain);
app($tags, [], $plain);

# Categories: paths follow moves, and no move makes a cycle.
my $top = make_category('top');
my $middle = make_category('middle', $top);
my $leaf = make_category('leaf', $middle);
my $other = make_category('other');
refused('below itself',
        'UPDATE categories SET parent_id = ? WHERE id = ?', $leaf, $top);
refused('below itself',
        'UPDATE categories SET parent_id = id WHERE id = ?', $leaf);
refused('permission denied', 'UPDATE categories SET path = ?::uuid[]', []);

app(q{INSERT INTO product_categories (product_id, category_id)
      VALUES (?, ?)}, $plain, $leaf);
my $listed = q{SELECT count(*) FROM listing_products
                WHERE product_id = ? AND scope = ?};
is(value($listed, $plain, $top), 1, 'listed above its category');
app('UPDATE categories SET parent_id = ? WHERE id = ?', $other, $middle);
is(value($listed, $plain, $top), 0, 'not after the move');
is(value($listed, $plain, $other), 1, 'but where the category went');
is(value('SELECT cardinality(path) FROM categories WHERE id = ?', $leaf), 3,
   'paths below a move are right');

# Prices: no two at one time, none in a currency that is not the list's.
my $price = q{INSERT INTO prices (variant_id, currency, amount, valid,
              price_list_id) VALUES (?, ?, ?, ?::tstzrange,
              (SELECT id FROM price_lists WHERE code = ?))};
app($price, $variant, 'TRY', 1000, '(,)', 'default');
refused('prices_overlap', $price, $variant, 'TRY', 900, '[2020-01-01,)',
        'default');
refused('prices_amount', $price, $variant, 'EUR', -1, '(,)', 'default');
refused('prices_amount', $price, $variant, 'EUR', '9007199254740992', '(,)',
        'default');
app(q{INSERT INTO price_lists (code, name, kind, currency)
      VALUES ('sale', 'Sale', 'sale', 'TRY')});
refused('another currency', $price, $variant, 'EUR', 100, '(,)', 'sale');

# A scheduled sale needs no write when its time comes.
app($price, $variant, 'TRY', 700, '[2100-01-01,2100-02-01)', 'sale');
for (['2099-12-31', 1000], ['2100-01-01', 700], ['2100-02-01', 1000]) {
    my ($day, $amount) = @$_;
    is(value(q{SELECT min_amount FROM product_prices
                WHERE product_id = ? AND currency = 'TRY'
                  AND from_at <= ?::timestamptz
                  AND ?::timestamptz < until_at}, $plain, $day, $day),
       $amount, "price on $day");
}
is(value(q{SELECT prices_next_change() = '2100-01-01'}), 1,
   'the next change is known');

# Slugs: each former one leads to the product in one step.
for my $slug (qw(second third plain)) {
    app('UPDATE slugs SET slug = ? WHERE owner_id = ?', $slug, $plain);
}
is_deeply([map { $_->[0] } app('SELECT from_slug FROM redirects
                                 ORDER BY from_slug')],
          [qw(second third)], 'redirects, but none for the present slug');
refused('slugs_slug', q{UPDATE slugs SET slug = 'plain' WHERE owner_id = ?},
        $shirt);
app(q{UPDATE slugs SET slug = 'third' WHERE owner_id = ?}, $shirt);
is(value(q{SELECT count(*) FROM redirects WHERE from_slug = 'third'}), 0,
   'a slug that is taken ends its redirect');

# Positions: between any two there is room.
my ($before, $after) = ('V000', 'V001');
my $ordered = 1;
for (1 .. 200) {
    my $between = value('SELECT position_between(?, ?)', $before, $after);
    $ordered &&= $before lt $between && $between lt $after;
    if ($_ % 2) { $before = $between } else { $after = $between }
}
ok($ordered, '200 insertions at one place keep the order');

# Tags: one for each thing, or one for all where there are many.
app('DELETE FROM cache_change');
app('UPDATE variants SET in_stock = false WHERE id = ?', $variant);
is_deeply([map { $_->[0] } app('SELECT tag FROM cache_change ORDER BY tag')],
          ["product:$plain", 'products'], 'tags of one product');
app('DELETE FROM cache_change');
app(q{INSERT INTO products (handle)
      SELECT 'many-' || n FROM generate_series(1, 101) n});
app(q{INSERT INTO variants (product_id)
      SELECT id FROM products WHERE handle LIKE 'many-%'});
is_deeply([map { $_->[0] } app('SELECT DISTINCT tag FROM cache_change
                                 ORDER BY tag')],
          ['product:*', 'products'], 'above 100, one tag for all');

# The role of the application changes no table's form.
refused('permission denied', 'CREATE TABLE mine (id int)');
refused('must be owner', 'ALTER TABLE products ADD COLUMN mine int');
refused('permission denied', 'DELETE FROM listing_products');

$dbh->disconnect;
done();
