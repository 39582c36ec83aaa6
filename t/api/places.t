#!/usr/bin/perl
#
# places.t - products are sorted within a category: by staff, one at a time, and
# shown so by the storefront.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;

use constant { CLIENTS => 6, MOVES => 8 };

my $admin = '/api/admin/v1';
my $nothing = 'prod_00000000010000000000000001';

start_shop(workers => 2);
my @scopes = qw(categories.read categories.write products.read
                products.write events.read);
as_key(@scopes);

my $house = ok_json(post("$admin/categories", { name => 'House' }), 201)->{id};
my $lamps = ok_json(post("$admin/categories", {
    name => 'Lamps', parent_id => $house }), 201)->{id};

my %id;
sub make {
    my ($name, @categories) = @_;

    $id{$name} = ok_json(post("$admin/products", {
        title => $name, status => 'active', category_ids => \@categories,
    }), 201)->{id};
}
make($_, $house) for qw(a b c d e f);
my %name = map { $id{$_} => $_ } keys %id;

# What the storefront and staff see, which is the same.
sub order {
    my ($category, $what) = @_;
    my @lists = map {
        my ($path, $all) = ($_, '');
        my $cursor;
        do {
            my $page = get($path . ($cursor ? "&cursor=$cursor" : ''))->{json};
            $all .= join '', map { lc $_->{title} } @{ $page->{data} };
            $cursor = $page->{next_cursor};
        } while ($cursor);
        $all;
    } "/api/v1/products?category=$category&limit=4",
      "$admin/categories/$category/products?limit=4";
    is($lists[1], $lists[0], $what ? "$what: staff sees it so" : 'the same');
    return $lists[0];
}

sub move {
    my ($category, $product, %where) = @_;

    $where{$_} &&= $id{ $where{$_} } for keys %where;
    return post("$admin/categories/$category/products/$id{$product}/move",
                \%where);
}

sub moved {
    my ($product, $how, $where, $expected) = @_;
    my $res = move($house, $product, $how => $where);
    my $what = "$product $how " . ($where // 'null');

    is($res->{status}, 204, $what) or diag($res->{body});
    is(order($house, $what), $expected, "$what: the storefront too");
}

sub keys_of {
    return { map { @$_ } sql('SELECT product_id, position
                                FROM product_categories') };
}

# --- one at a time -----------------------------------------------------------

is(order($house, 'new'), 'abcdef', 'new ones come last');
my $before = keys_of();
moved('e', after => 'b', 'abecdf');
my $after = keys_of();
is(scalar(grep { $before->{$_} ne $after->{$_} } keys %$before), 1,
   'no other was renumbered');
moved('a', before => undef, 'becdfa');
moved('f', after => undef, 'fbecda');
moved('c', before => 'b', 'fcbeda');
moved('a', after => 'f', 'facbed');
moved('d', before => 'f', 'dfacbe');

# What is there already is not written.
my $seq = sql_value('SELECT count(*) FROM outbox');
$before = keys_of();
moved('f', after => 'd', 'dfacbe');
moved('d', after => undef, 'dfacbe');
moved('e', before => undef, 'dfacbe');
is_deeply(keys_of(), $before, 'the same places');
is(sql_value('SELECT count(*) FROM outbox'), $seq, 'nothing has happened');
moved('b', after => 'a', 'dfabce');
is_deeply([sql('SELECT type, subject, payload->>? FROM outbox
                 ORDER BY id DESC LIMIT 1', 'product_id')],
          [['category.sorted', $house, $id{b}]], 'else it is told');

# --- what is refused ---------------------------------------------------------

my $at = "$admin/categories/$house/products";
is_problem(post("$at/$id{a}/move", {}), 422, 'wrong_body', '/after');
is_problem(post("$at/$id{a}/move", { after => undef, before => undef }), 422,
           'wrong_body', '/before');
is_problem(post("$at/$id{a}/move", { after => $house, place => 1 }), 422,
           'wrong_body', '/after', '/place');
is_problem(post("$at/$id{a}/move", { $_ => $nothing }), 422,
           'unknown_product', "/$_") for qw(after before);
is_problem(post("$at/$id{a}/move", { after => $id{a} }), 422,
           'unknown_product', '/after');
is_problem(post("$at/$nothing/move", { after => undef }), 404, 'not_found');
is_problem(move($lamps, 'a', after => undef), 404, 'not_found');
is_problem(post("$at/$house/move", { after => undef }), 404, 'not_found');
my $none = 'cat_00000000010000000000000001';
is_problem(post("$admin/categories/$none/products/$id{a}/move",
                { after => undef }), 404, 'not_found');
is_problem(get("$admin/categories/$none/products"), 404, 'not_found');
is_problem(get("$at?limit=0"), 422, 'wrong_query', 'limit');
is(order($house), 'dfabce', 'nothing was moved by these');

my %key = ('Idempotency-Key' => 'place');
is(post("$at/$id{e}/move", { after => undef }, %key)->{status}, 204, 'once');
moved('d', after => undef, 'defabc');
is(post("$at/$id{e}/move", { after => undef }, %key)->{status}, 204,
   'asked again');
is(order($house), 'defabc', 'it is done once');
is(post("$at/$id{c}/move", { after => undef }, 'Prefer' => 'dry-run')
   ->{status}, 204, 'a dry run');
is(order($house), 'defabc', 'moves nothing');

# --- what else keeps places --------------------------------------------------

ok_json(patch("$admin/products/$id{e}", {
    category_ids => [$house, $lamps] }, 'If-Match' => '*'), 200);
is(order($house), 'defabc', 'another category beside');
ok_json(post("$admin/products/$id{e}/archive", undef), 200);
is(ok_json(get("/api/v1/products?category=$house"), 200)->{data}[1]{title},
   'f', 'archived: not shown');
ok_json(post("$admin/products/$id{e}/restore", undef), 200);
ok_json(patch("$admin/products/$id{e}", { status => 'active' },
              'If-Match' => '*'), 200);
is(order($house), 'defabc', 'and back where it was');

$before = keys_of();
sql("INSERT INTO prices (variant_id, currency, amount)
     SELECT id, 'TRY', 1000 FROM variants");
my $csv = get("$admin/products/export.csv")->{body};
my $file = "$ENV{SHOP_TEST_DIR}/places.csv";
open my $out, '>:raw', $file or die "$file: $!";
print $out $csv;
close $out or die "$file: $!";
my $told = JSON::PP->new->utf8->decode(
    shopctl('--json', 'import', 'shopify', '--currency', 'TRY', $file));
is_deeply([map { "$_->{part} $_->{action} $_->{count}" }
           @{ $told->{counts} }], ['products unchanged 6'],
          'an import of what was exported changes nothing');
is_deeply(keys_of(), $before, 'nor any place');
unlink $file;

# --- a category and what lies below ------------------------------------------

# g is in lamps alone: above it has its place of there, among those of house.
make('g', $lamps);
$name{ $id{g} } = 'g';
is(move($lamps, 'g', after => undef)->{status}, 204, 'sorted below');
my @lamps = map { lc $_->{title} }
    @{ get("/api/v1/products?category=$lamps")->{json}{data} };
is("@lamps", 'g e', 'there');
my @above = map { lc $_->{title} }
    @{ get("/api/v1/products?category=$house")->{json}{data} };
is(join('', grep { $_ ne 'g' } @above), 'defabc',
   'its own keep their order among them');
is(scalar(grep { $_ eq 'g' } @above), 1, 'and g is there once');
is_problem(move($house, 'g', after => undef), 404, 'not_found');
is_problem(move($house, 'a', after => 'g'), 422, 'unknown_product', '/after');
ok_json(post("$admin/products/$id{g}/archive", undef), 200);

# --- rows without a place of their own ---------------------------------------

# Linked in psql, or at the same time: they have one key, and the id decides.
my $uuid = "(SELECT id FROM products WHERE handle = 'a')";
for my $key ('', 'V000', 'V000zz') {
    sql('UPDATE product_categories SET position = ?
          WHERE category_id = (SELECT category_id FROM product_categories
                                WHERE product_id = ' . $uuid . ')', $key);
    polled();
    is(order($house), 'abcdef', "all at '$key'");
    moved('b', after => 'd', 'acdbef');
    moved('f', after => 'a', 'afcdbe');
    moved('e', before => undef, 'afcdbe');
    moved('c', after => undef, 'cafdbe');
}

# --- many moves --------------------------------------------------------------

# By chance, against a plain list.
my @plain = split //, order($house);
srand 3;
my $wrong = 0;
for (1 .. 60) {
    my ($what) = splice @plain, int rand @plain, 1;
    my $place = int rand @plain + 1;
    my %where = $place > 0 && rand() < 0.5
        ? (after => $plain[$place - 1])
        : (before => $plain[$place]);
    $wrong++ if move($house, $what, %where)->{status} != 204;
    splice @plain, $place, 0, $what;
}
is($wrong, 0, 'sixty moves');
is(order($house), join('', @plain), 'each as in a plain list');

# At one place: keys grow longer there until those around are made anew.
sql(<<'END');
DO $$
DECLARE
    house uuid := (SELECT id FROM categories WHERE handle = 'house');
    a uuid := (SELECT id FROM products WHERE handle = 'a');
    one uuid;
    last uuid;
BEGIN
    PERFORM set_config('shop.listing', 'manual', true);
    FOR i IN 1 .. 1500 LOOP
        SELECT id INTO one FROM products
         WHERE handle = chr(ascii('b') + i % 5);
        PERFORM product_place(house, one, a, false);
        IF last IS NOT NULL AND NOT EXISTS (
            SELECT FROM product_categories x, product_categories y,
                        product_categories z
             WHERE x.category_id = house AND x.product_id = a
               AND y.category_id = house AND y.product_id = one
               AND z.category_id = house AND z.product_id = last
               AND x.position < y.position AND y.position < z.position)
        THEN
            RAISE 'move % went wrong', i;
        END IF;
        last := one;
    END LOOP;
    PERFORM listing_refresh(ARRAY(SELECT id FROM products));
END $$;
END
polled();
is(substr(order($house), index(order($house), 'a') + 1, 5), 'bfedc',
   '1,500 moves behind one product: the last five');
cmp_ok(sql_value('SELECT max(length(position)) FROM product_categories'),
       '<=', 200, 'keys have not grown without end');

# --- at the same time --------------------------------------------------------

# Each is made, and none gets the place of another.
my @children;
for my $seed (1 .. CLIENTS) {
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        my ($conn, $bad) = (new_connection(), 0);
        my @all = grep { $_ ne 'g' } sort keys %id;
        srand($seed);
        for (1 .. MOVES) {
            my ($what, $where) = @all[int rand @all, int rand @all];
            next if $what eq $where;
            my $res = request('POST', "$at/$id{$what}/move", conn => $conn,
                              body => { after => $id{$where} });
            $bad++ if $res->{status} != 204
                && !diag("$res->{status} $res->{body}");
        }
        POSIX::_exit($bad ? 1 : 0);
    }
    push @children, $pid;
}
my $bad = 0;
for my $pid (@children) {
    waitpid($pid, 0);
    $bad++ if $?;
}
is($bad, 0, 'all moves were made');
is(join('', sort split //, order($house)), 'abcdef', 'all are there');
is(sql_value('SELECT count(*) FROM (
        SELECT FROM product_categories GROUP BY category_id, position
        HAVING count(*) > 1) x'), 0, 'no two at one place');

ok_json(post("$admin/categories/$lamps/archive", undef), 200);
is_problem(move($lamps, 'e', after => undef), 409, 'category_archived');
is(get("$admin/categories/$lamps/products")->{status}, 200,
   'an archived category shows what it had');

done();
