#!/usr/bin/perl
#
# many_variants.t - a product with as many variants as there may be: shown in
# pages, changed and refused, in as many statements as one with few.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant { MANY => 2000, SIZES => 200, COLOURS => 10 };

my $admin = '/api/admin/v1';

start_shop();
as_key(qw(products.read products.write));

# Size by colour; the variants of the first size are sold out, and one of each
# kind of product is left out, to be made last.
sub make {
    my ($title, $sizes) = @_;
    my $made = ok_json(post("$admin/products", {
        title => $title, status => 'active',
        options => [{ name => 'Size', values => [map { "$_" } 1 .. $sizes] },
                    { name => 'Colour',
                      values => [map { "C$_" } 1 .. COLOURS] }],
        variants => [{ sku => "$title-1-1", options => ['1', 'C1'],
                       in_stock => JSON::PP::false }],
    }), 201, "a $title");

    sql(<<'END', "$title-1-1", $sizes);
INSERT INTO variants (product_id, sku, position, in_stock, option_value_ids)
SELECT v.product_id, split_part(v.sku, '-', 1) || '-' || s.position || '-'
       || c.position, (s.position - 1) * 10 + c.position, s.position > 1,
       ARRAY[s.id, c.id]
  FROM variants v
  JOIN product_options os ON os.product_id = v.product_id
       AND os.name = 'Size'
  JOIN product_options oc ON oc.product_id = v.product_id
       AND oc.name = 'Colour'
  JOIN option_values s ON s.option_id = os.id
  JOIN option_values c ON c.option_id = oc.id
 WHERE v.sku = ? AND (s.position, c.position) NOT IN ((1, 1), (?, 10))
END
    return $made->{id};
}

my $huge = make('huge', SIZES);
my $small = make('small', 2);
polled();

my $last = ok_json(post("$admin/products/$huge/variants", {
    sku => 'huge-last', options => ['' . SIZES, 'C' . COLOURS] }), 201,
    'the last that there may be');
is_problem(post("$admin/products/$huge/variants", {
    options => ['' . (SIZES + 1), 'C1'] }), 409, 'too_many_variants');
is_deeply([map { $_->[0] } sql("SELECT value FROM option_values
                                 WHERE value = ?", SIZES + 1)], [],
          'and its value is not left behind');
ok_json(post("$admin/products/$small/variants", {
    sku => 'small-last', options => ['2', 'C' . COLOURS] }), 201);

# --- what is shown -----------------------------------------------------------

my $shown = ok_json(get("/api/v1/products/$huge"), 200);
is(scalar @{ $shown->{variants} }, 100, 'a hundred with the product');
ok($shown->{more_variants}, 'and it is said that there are more');
is(scalar @{ $shown->{options}[0]{values} }, SIZES, 'all values');
my $staff = ok_json(get("$admin/products/$huge"), 200);
is(scalar @{ $staff->{variants} }, 250, 'staff gets more with it');

sub walk {
    my ($path) = @_;
    my (@all, $cursor);

    do {
        my $page = ok_json(get("$path?limit=100"
                               . ($cursor ? "&cursor=$cursor" : '')), 200);
        push @all, map { $_->{id} } @{ $page->{data} };
        $cursor = $page->{next_cursor};
    } while ($cursor && @all <= MANY);
    return @all;
}

my @ids = map { $_->[0] } sql(
    "SELECT sku FROM variants v JOIN products p ON p.id = product_id
      WHERE p.handle = 'huge' ORDER BY v.position, v.id");
is(scalar @ids, MANY, 'that many are there');
for my $list ("/api/v1/products/$huge/variants",
              "$admin/products/$huge/variants")
{
    my @all = walk($list);
    my %seen = map { $_ => 1 } @all;

    is(scalar @all, MANY, "$list: all in pages");
    is(scalar keys %seen, MANY, "$list: each once");
}

# --- what can be bought ------------------------------------------------------

my $every = ok_json(get("/api/v1/products/$huge/availability"), 200);
is(scalar @{ $every->{data} }, MANY, 'the availability of each');

my $matrix = ok_json(get("/api/v1/products/$huge/matrix"), 200);
is_deeply($matrix->{options}, $shown->{options}, 'the options of the matrix');
is($matrix->{cells}, '0' x COLOURS . '1' x (MANY - COLOURS),
   'and a letter for each of their combinations');
cmp_ok(length $matrix->{cells}, '==', MANY, 'no more than that');

sql("UPDATE variants SET in_stock = NOT in_stock
      WHERE sku IN ('huge-1-2', 'huge-3-7')");
ok_json(post("$admin/variants/$last->{id}/archive", undef), 200);
$matrix = ok_json(get("/api/v1/products/$huge/matrix"), 200);
is($matrix->{cells}, '0100000000' . '1' x 16 . '0' . '1' x 1972 . '-',
   'as it is now, without what is archived');
ok_json(post("$admin/variants/$last->{id}/restore", undef), 200);

# The combination that was chosen, by the names that were shown.
my $chosen = ok_json(get("/api/v1/products/$huge/variants"
                         . '?option1=3&option2=C7'), 200);
is_deeply([map { $_->{sku} } @{ $chosen->{data} }], ['huge-3-7'],
          'a variant by its values');
is_deeply([map { $_->{sku} }
           @{ ok_json(get("/api/v1/products/$huge/variants?limit=100"
                          . '&option1=199'), 200)->{data} }],
          [map { "huge-199-$_" } 1 .. COLOURS], 'all of one value');
is_deeply(ok_json(get("/api/v1/products/$huge/variants?$_"), 200)->{data},
          [], "$_: none") for 'option1=C7', 'option2=c7', 'option3=1';
is_problem(get("/api/v1/products/$huge/variants?option1="), 422,
           'wrong_query', 'option1');

# Other forms of products: without options, with a gap, in another language.
my $plain = ok_json(post("$admin/products", {
    title => 'Plain', status => 'active' }), 201)->{id};
is_deeply(ok_json(get("/api/v1/products/$plain/matrix"), 200),
          { options => [], cells => '1' }, 'one cell without options');
my $sparse = ok_json(post("$admin/products", {
    title => 'Sparse', status => 'active',
    options => [map { { name => $_, values => [map { "$_" } 1 .. 60] } }
                qw(A B C)],
    variants => [{ options => ['1', '1', '1'] }],
}), 201)->{id};
is(ok_json(get("/api/v1/products/$sparse/matrix"), 200)->{cells}, undef,
   'too many combinations for a letter each');
my $gaps = ok_json(post("$admin/products", {
    title => 'Gaps', status => 'active',
    options => [{ name => 'A', values => ['x', 'y'] },
                { name => 'B', values => ['p', 'q', 'r'] },
                { name => 'C', values => ['u', 'v'] }],
    variants => [{ options => ['y', 'p', 'v'] },
                 { options => ['x', 'r', 'u'],
                   in_stock => JSON::PP::false }],
}), 201)->{id};
is(ok_json(get("/api/v1/products/$gaps/matrix"), 200)->{cells},
   '----0--1----', 'the last option is the innermost');
sql("INSERT INTO option_value_i18n (value_id, locale, value)
     SELECT id, 'tr', 'kirmizi' FROM option_values WHERE value = 'y'");
polled();
is(ok_json(get("/api/v1/products/$gaps/matrix?locale=tr"), 200)
   ->{options}[0]{values}[1], 'kirmizi', 'in a language');
is(scalar @{ ok_json(get("/api/v1/products/$gaps/variants?locale=tr"
                         . '&option1=kirmizi'), 200)->{data} }, 1,
   'so is the choice');

my $draft = ok_json(post("$admin/products", { title => 'Draft' }), 201)->{id};
is_problem(get("/api/v1/products/$draft/matrix"), 404, 'not_found');
is_problem(get("/api/v1/products/huge/matrix"), 404, 'not_found');
ok_json(post("$admin/products/$plain/archive", undef), 200);
is_problem(get("/api/v1/products/$plain/matrix"), 410, 'gone');

# --- what it costs -----------------------------------------------------------

# PostgreSQL's log has what was sent to it, in this database alone; what nginx
# asks for by itself is left out.
my $db = sql_value('SELECT current_database()');
sql_as('postgres', "ALTER DATABASE $db SET log_statement = 'all'");
pg_kill();
wait_for(sub { get('/readyz')->{status} == 200 }, 'connected again');

sub log_of_postgres {
    open my $in, '<', "$ENV{SHOP_TEST_DIR}/postgresql.log" or die "log: $!";
    local $/;
    return scalar <$in>;
}

sub statements {
    my ($ask) = @_;
    my $before = length log_of_postgres();
    my $res = $ask->();

    like($res->{status}, qr/^20/, 'is answered') or diag($res->{body});
    my %mine = map { $_->[0] => 1 } sql(
        'SELECT pid FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()');
    return grep { !/cache_change|api_keys|FROM outbox/ }
        map { /\[(\d+)\] \S* ?LOG:  execute [^:]+: (.*)/s && $mine{$1}
              ? $2 : () }
        split /^(?=\d{4}-)/m, substr log_of_postgres(), $before;
}

# On a busy machine one may have been sent once more, on another lane.
sub each_once {
    my %once = map { $_ => 1 } @_;

    return [sort keys %once];
}

# An address that is new is never kept.
my $asked = 0;
my %first = map {
    my ($id) = grep { $_->{sku} =~ /-1-5$/ } @{ ok_json(
        get("/api/v1/products/$_->[1]"), 200)->{variants} };
    $_->[0] => $id->{id};
} ['huge', $huge], ['small', $small];
my %of = (huge => $huge, small => $small);
my %match = ('If-Match' => '*');

my @asks = (
    ['the product', sub { get("/api/v1/products/$of{$_[0]}?" . '&' x ++$asked)
    }],
    ['a page of variants', sub {
        get("/api/v1/products/$of{$_[0]}/variants?limit=100"
            . '&' x ++$asked) }],
    ['a page of one', sub {
        get("/api/v1/products/$of{$_[0]}/variants?limit=1" . '&' x ++$asked)
    }],
    ['its matrix', sub { get("/api/v1/products/$of{$_[0]}/matrix") }],
    ['its availability', sub {
        get("/api/v1/products/$of{$_[0]}/availability") }],
    ['what staff sees', sub { get("$admin/products/$of{$_[0]}") }],
    ['a page for staff', sub {
        get("$admin/products/$of{$_[0]}/variants?limit=100") }],
    ['a change of the product', sub {
        patch("$admin/products/$of{$_[0]}", { vendor => 'Maker' }, %match) }],
    ['a change of a variant', sub {
        patch("$admin/variants/$first{$_[0]}", { weight_grams => 12 },
              %match) }],
);
for (@asks) {
    my ($what, $ask) = @$_;

    # Once before, so that settings are loaded and statements prepared.
    $ask->($_) for 'huge', 'small';
    my @few = statements(sub { $ask->('small') });
    my @many = statements(sub { $ask->('huge') });
    cmp_ok(scalar @few, '>', 0, "$what: statements are seen");
    is_deeply(each_once(@many), each_once(@few), "$what: the same ones");
    cmp_ok(scalar @many, '<=', 2 * @few, "$what: none for each variant");
}
is(ok_json(get("$admin/variants/$first{huge}"), 200)->{weight_grams}, 12,
   'the variant was changed');

done();
