#!/usr/bin/perl
#
# export.t - all products at once: a table that an import takes for what is
# there already, and JSON that says what each product's own address says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

start_shop();
load_demo();
as_key(qw(products.read products.write prices.write));
my $admin = '/api/admin/v1';
my $dir = "$ENV{SHOP_TEST_DIR}/export$$";
mkdir $dir or die "$dir: $!";

# What an import of the answer would change: "part action count" each.
sub changes {
    my ($res, @options) = @_;

    open my $out, '>:raw', "$dir/products.csv" or die "products.csv: $!";
    print $out $res->{body};
    close $out or die "products.csv: $!";
    my $json = JSON::PP->new->utf8->decode(shopctl('--json', 'import',
        'shopify', '--dry-run', @options, "$dir/products.csv"));
    return map { "$_->{part} $_->{action} $_->{count}" }
        @{ $json->{counts} };
}

# --- the table ---------------------------------------------------------------

my $res = get("$admin/products/export.csv");
is($res->{status}, 200, 'a table');
is($res->{headers}{'content-type'}, 'text/csv', 'of the type');
is($res->{headers}{'content-disposition'},
   'attachment; filename="products.csv"', 'with a name for the file');
like($res->{body}, qr/\AHandle,Title,Body \(HTML\),.*,Status\r\n/, 'headings');
my $lines = () = $res->{body} =~ /\r\n/g;
cmp_ok($lines, '>', 100, 'variants and pictures have lines');
is_deeply([changes($res)], ['products unchanged 63'],
          'imported again it changes nothing');
my %first = map { (split /,/)[0] => 1 } split /\r\n/, $res->{body};
is(scalar(grep { $first{$_->[0]} } sql('SELECT handle FROM products')),
   sql_value('SELECT count(*) FROM products'), 'every product is there');

my $euro = get("$admin/products/export.csv?currency=EUR");
isnt($euro->{body}, $res->{body}, 'in another currency it differs');
is_deeply([changes($euro, '--currency', 'EUR')], ['products unchanged 63'],
          'and changes nothing');
my $turkish = get("$admin/products/export.csv?locale=tr");
isnt($turkish->{body}, $res->{body}, 'nor in another language');
is_deeply([changes($turkish, '--locale', 'tr')], ['products unchanged 63'],
          'does it');
is_problem(get("$admin/products/export.csv?currency=ZZZ"), 422,
           'unknown_currency', 'currency');
is_problem(get("$admin/products/export.csv?locale=xx"), 422,
           'unknown_locale', 'locale');
my $draft = get("$admin/products/export.csv?status=archived");
is(($draft->{body} =~ tr/\n//), 1, 'nothing is archived');

# --- what a program for tables would run -------------------------------------

my @formula = ('=1+1', '+1', '-1', '@SUM(A1)', "'=1", "''-x", "'quoted'",
               'a=b', '"=1"', "two\nlines, and \"quotes\"");
my @made;
for my $title (@formula) {
    my $made = post("$admin/products", {
        title => $title, slug => 'formula-' . ++$#made,
        vendor => "=cmd|' /C calc'!A0", tags => ['@one', 'two'],
        options => [{ name => '-Size', values => ['=S', "'=S"] }],
        variants => [{ options => ['=S'], sku => "-$#made" },
                     { options => ["'=S"], sku => "=$#made" }],
        media => [{ url => '/media/cup.svg', alt => '+alt' },
                  { url => '/media/jar.svg' }],
    });
    is($made->{status}, 201, "a product called $title") or diag $made->{body};
    post("$admin/prices", { variant_id => $_->{id}, prices => [
        { price => { amount => 12345, currency => 'TRY' },
          compare_at => 20000 }] })->{status} == 201 or die
        for @{ $made->{json}{variants} };
}
$res = get("$admin/products/export.csv");
for my $cell ("'=1+1", "'+1", "'-1", "'\@SUM(A1)", "''=1", "'''-x",
              "'quoted'", 'a=b', "'=S", "''=S") {
    like($res->{body}, qr/,\Q$cell\E,/, "a cell $cell");
}
unlike($res->{body}, qr/(?:^|,)"?[=+\@\t-]/m, 'no cell begins a formula');
is_deeply([changes($res)], ['products unchanged 73'],
          'and all of them come back');

# --- lines of JSON -----------------------------------------------------------

$res = get("$admin/products/export.ndjson");
is($res->{status}, 200, 'JSON');
is($res->{headers}{'content-type'}, 'application/x-ndjson', 'of the type');
my @line = split /\n/, $res->{body};
is(scalar @line, sql_value('SELECT count(*) FROM products'), 'a line each');
for my $line (@line[0, 17, -1]) {
    my $id = JSON::PP->new->utf8->decode($line)->{id};
    is($line, get("$admin/products/$id")->{body}, "as $id says itself");
}
my $drafts = () = get("$admin/products/export.ndjson?status=draft")->{body}
    =~ /\n/g;
is($drafts, scalar @formula, 'drafts alone');
is(request('HEAD', "$admin/products/export.csv")->{body}, '', 'HEAD');

# --- for as long as it takes ------------------------------------------------

sql($_) for <<'SQL', 'ALTER TABLE products ENABLE ROW LEVEL SECURITY',
CREATE FUNCTION tell() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG 'in % a statement may take %', current_database(),
        current_setting('statement_timeout');
    RETURN true;
END $$
SQL
    'CREATE POLICY tells ON products FOR SELECT USING (tell())';
is(get("$admin/products/export.csv")->{status}, 200, 'an export that tells');
my $db = sql_value('SELECT current_database()');
my ($time) = read_file("$ENV{SHOP_TEST_DIR}/postgresql.log")
    =~ /shop-stream LOG:  in $db a statement may take (\w+)/;
is($time, 0, 'it has no time for the whole');
sql('ALTER TABLE products DISABLE ROW LEVEL SECURITY');

done();
