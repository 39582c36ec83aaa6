#!/usr/bin/perl
#
# import.t - shopctl import shopify: what it takes, what it refuses and where,
# that a second time changes nothing, and that half an import is none.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DBI;
use Encode;
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Shop::Test;

# Everything that an import may touch.
my @tables = qw(products product_i18n product_options product_option_i18n
    option_values option_value_i18n media variants prices price_lists
    categories category_i18n product_categories slugs redirects
    listing_products listing_titles product_prices listing_prices outbox);

my $dir = tempdir(CLEANUP => 1);
my $name = 'products.csv';
my $full = 'Handle,Title,Body (HTML),Vendor,Type,Tags,Published,'
    . 'Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,'
    . 'Variant Grams,Variant Price,Variant Compare At Price,'
    . 'Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,'
    . 'Image Position,Image Alt Text,SEO Title,SEO Description,Variant Image,'
    . 'Status';
my $short = 'Handle,Title,Variant SKU,Variant Price';

my $heard = 0;          # the last event that told() has told
my $unseen;             # nginx may still have answers from before an import

start_shop();


# --- helpers ---------------------------------------------------------------

sub file {
    my ($text) = @_;

    open my $out, '>', "$dir/$name" or die "$name: $!";
    binmode $out;
    utf8::encode($text) if utf8::is_utf8($text);
    print $out $text;
    close $out or die "$name: $!";
    return "$dir/$name";
}

sub slurp {
    my ($path) = @_;

    open my $in, '<:utf8', $path or die "$path: $!";
    local $/;
    return <$in> // '';
}

# Runs it; returns the exit code, what it printed, and its errors without the
# folder's name.
sub import_file {
    my ($text, @options) = @_;
    my $path = defined $text ? file($text) : "$dir/$name";
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die;
        open STDERR, '>', "$dir/err" or die;
        exec command($path, @options) or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    $unseen = 1;
    my $err = slurp("$dir/err");
    $err =~ s/\Q$dir\E\///g;
    return ($? >> 8, slurp("$dir/out"), $err);
}

# A backslash at the end of a line joins it with the next.
sub joined {
    return $_[0] =~ s/\\\n//gr;
}

sub command {
    my ($path, @options) = @_;

    return ("$ENV{SHOP_BUILD}/shopctl", '--database', database_url(),
            'import', 'shopify', @options, $path);
}

sub imports {
    my ($text, $what, @options) = @_;
    my ($rc, $out, $err) = import_file($text, @options);
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is("$rc$err", '0', $what);
    return $out;
}

# Refused with exactly these faults: [line, column, reason (a pattern)].
sub refuses {
    my ($text, $what, @faults) = @_;
    my $before = rows();
    my ($rc, $out) = import_file($text, '--json');
    my $said = decode_json(Encode::encode('UTF-8', $out));
    my @got = @{ $said->{faults} };
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is($rc, 4, "$what: refused");
    is_deeply([map { [$_->{line}, $_->{column}] } @got],
              [map { [@$_[0, 1]] } @faults], "$what: where")
        or diag($out);
    for my $i (0 .. $#faults) {
        like($got[$i]{reason}, $faults[$i][2], "$what: why ($i)");
    }
    is(rows(), $before, "$what: nothing is changed");
}

# The state of every row: a version that was written anew has another xmin.
sub rows {
    return join ' ', map {
        "$_:" . (sql_value("SELECT md5(string_agg(ctid || ' ' || xmin, ','
                                      ORDER BY ctid)) FROM $_") // '')
    } @tables;
}

sub row {
    my ($statement, @parameters) = @_;
    my ($row) = sql($statement, @parameters);

    return $row;
}

# The events since it was asked last: type, status, and whose.
sub told {
    my @events = sql(<<'SQL', $heard);
SELECT id, type, subject, payload->>'status', payload - 'status' = '{}'
  FROM outbox WHERE id > ? ORDER BY id
SQL

    $heard = $events[-1][0] if @events;
    ok(!(grep { !$_->[4] } @events), 'events say no more than the API\'s');
    return [map { [@$_[1, 3, 2]] } @events];
}

sub product {
    my ($slug, $query) = @_;

    polled() if $unseen;
    $unseen = 0;
    my $product = ok_json(get("/api/v1/products/$slug" . ($query // '')), 200,
                          $slug);

    return $product;
}


# --- a file with all that such files have ----------------------------------

# Lines end with CRLF, also within quotes; a backslash joins two here.
my $file = joined(<<"CSV") =~ s/\n/\r\n/gr;
\x{feff}$full
çay-seti,Çay  Seti,"<p onclick=""x()"">İki bardak,<br>bir ""tepsi""</p>
<script>alert(1)</script>

<a href=""javascript:x()"">son</a>",Çini Evi,Mutfak," cam , hediye,cam,,",\\
true,Size,Small,Colour,Red,TEA-1,120.5,49.90,60,TRUE,false,123,\\
https://x.test/a.jpg,2,Ön,Set,"İki
satır",https://x.test/b.jpg,active
çay-seti,,,,,,,,Small,,Blue,TEA-2,0,50,,true,true,,https://x.test/b.jpg,1,,\\
,,,
çay-seti,,,,,,,,Large,,Blue,,0,1234567.8,0.00,false,true,,,,,,,,
çay-seti,,,,,,,,,,,,,,,,,,https://x.test/c.jpg,,Arka,,,,

plain-bowl,Plain Bowl,,,,,false,Title,Default Title,,,BOWL,0,0,,true,true,\\
,,,,,,,active
old-jar,Old Jar,,,,,true,,,,,JAR,,10.0,,,,,,,,,,,archived
,,,,,,,,,,,,,,,,,,,,,,,,
Under_Score,Under Score,Only text & more,,,,,,,,,,,5,,,,,,,,,,,
CSV
chomp $file;

my $said = imports($file, 'a first import');
like($said, qr/products\s+4 created/, 'four products');
like($said, qr/variants\s+6 created/, 'six variants');

my $events = told();
is_deeply([map { "$_->[0] $_->[1]" } @$events],
          ['product.created active', 'product.created draft',
           'product.created archived', 'product.created active'],
          'four events, in the order of the file');

my $tea = product(Encode::encode('UTF-8', 'çay-seti'));
is($events->[0][2], $tea->{id}, 'with the id that the API shows');
is($tea->{title}, 'Çay  Seti', 'title');
is($tea->{description}, "<p>İki bardak,<br>bir \"tepsi\"</p>\n\n\nson",
   'the body is cleaned, its quotes and lines are whole');
is($tea->{vendor}, 'Çini Evi', 'vendor');
is($tea->{type}, 'Mutfak', 'type');
is_deeply($tea->{tags}, ['cam', 'hediye'], 'tags, none twice');
is($tea->{seo_title}, 'Set', 'SEO title');
like($tea->{seo_description}, qr/^İki\r?\nsatır$/, 'SEO description');
is_deeply([map { $_->{url} =~ /(\w)\.jpg/ } @{ $tea->{media} }],
          [qw(b a c)], 'images by position, those without one behind');
is_deeply([map { $_->{alt} } @{ $tea->{media} }], ['', 'Ön', 'Arka'], 'alt');
is_deeply([map { $_->{options} } @{ $tea->{variants} }],
          [['Size: Small', 'Colour: Red'], ['Size: Small', 'Colour: Blue'],
           ['Size: Large', 'Colour: Blue']], 'options');
is_deeply([map { $_->{price} } @{ $tea->{variants} }],
          [map { { amount => $_, currency => 'TRY' } } 4990, 5000, 123456780],
          'prices in minor units');
is_deeply([map { $_->{compare_at} } @{ $tea->{variants} }],
          [6000, undef, undef], 'compare-at; 0 is none');
is_deeply([map { $_->{sku} } @{ $tea->{variants} }], ['TEA-1', 'TEA-2', undef],
          'SKUs');
is_deeply(row(<<'SQL'), [121, 0, 1, '123', 'b.jpg'], 'a variant\'s details');
SELECT v.weight_grams, v.taxable::int, v.requires_shipping::int, v.barcode,
       right(m.url, 5)
  FROM variants v JOIN media m ON m.id = v.media_id WHERE v.sku = 'TEA-1'
SQL
is_deeply([map { @$_ } sql('SELECT handle, status FROM products
                            ORDER BY position')],
          ['çay-seti', 'active', 'plain-bowl', 'draft', 'old-jar', 'archived',
           'Under_Score', 'active'], 'status; positions follow the file');
is(sql_value('SELECT count(*) FROM product_options o JOIN products p
               ON p.id = o.product_id WHERE handle = ?', 'plain-bowl'), 0,
   '"Default Title" is no option');
is(product('under-score')->{description}, 'Only text &amp; more',
   'text that is no HTML; a handle that is no address');

my $before = rows();
like(imports(undef, 'again'), qr/products\s+4 unchanged\n\z/,
     'nothing to change');
is(rows(), $before, 'a second import writes no row');


# --- changes ---------------------------------------------------------------

(my $changed = $file) =~ s/,49\.90,60,/,55.00,60,/;
$changed =~ s/Plain Bowl/Deep Bowl/;
$changed =~ s/^çay-seti,,,,,,,,Large.*\r\n//m;
$changed =~ s/^çay-seti,.*c\.jpg.*\r\n//m;

sub version_of {
    return sql_value('SELECT version FROM products WHERE handle = ?', @_);
}

my $version = version_of('old-jar');
my ($rc, $out) = import_file($changed, '--dry-run', '--json');
my $plan = decode_json(Encode::encode('UTF-8', $out));
is($rc, 0, 'a dry run');
is(rows(), $before, 'a dry run writes no row');
is_deeply($plan->{products}, [
    { handle => 'çay-seti', line => 2, action => 'updated',
      parts => [qw(images prices variants)] },
    { handle => 'plain-bowl', line => 9, action => 'updated',
      parts => ['texts'] },
], 'and says what would change, by product');
is_deeply({ map { ("$_->{part} $_->{action}" => $_->{count}) }
            @{ $plan->{counts} } },
          { 'products updated' => 2, 'products unchanged' => 2,
            'images removed' => 1, 'prices updated' => 1,
            'texts updated' => 1, 'variants archived' => 1 },
          'and how much') or diag($out);

my $kept = row("SELECT xmin FROM variants WHERE sku = 'TEA-2'")->[0];
imports(undef, 'a changed file');
is_deeply([map { "$_->[0] $_->[1]" } @{ told() }],
          ['product.updated active', 'product.updated draft'],
          'an event for each product that changed, and no other');
is(sql_value("SELECT xmin FROM variants WHERE sku = 'TEA-2'"), $kept,
   'a variant that is the same is not written');
$tea = product(Encode::encode('UTF-8', 'çay-seti'));
is(scalar @{ $tea->{variants} }, 2, 'a variant that is gone is archived');
is($tea->{variants}[0]{price}{amount}, 5500, 'the new price');
is(scalar @{ $tea->{media} }, 2, 'an image that is gone is removed');
is_deeply([sql(<<'SQL')], [[4990, 0], [5500, 1]], 'the old one is history');
SELECT amount, upper_inf(valid)::int
  FROM prices p JOIN variants v ON v.id = p.variant_id
 WHERE sku = 'TEA-1' ORDER BY lower(valid) NULLS FIRST
SQL
is(version_of('old-jar'), $version,
   'what is the same keeps its version');
is(version_of('plain-bowl'), 2, 'what is not has the next one');
$before = rows();
imports(undef, 'the changed file again');
is(rows(), $before, 'writes nothing');

like(imports($file, 'the first file again'), qr/variants\s+1 updated/,
     'the archived variant comes back');
is(scalar @{ product(Encode::encode('UTF-8', 'çay-seti'))->{variants} }, 3,
   'as it was');

# Options that get another name, SKUs that change places, more options.
imports(<<"CSV", 'a shirt');
$short,Option1 Name,Option1 Value
shirt,Shirt,S-1,10,Color,Red
shirt,,S-2,11,,Blue
CSV
my @ids = map { $_->{id} } @{ product('shirt')->{variants} };
imports(<<"CSV", 'an option by another name, SKUs exchanged');
$short,Option1 Name,Option1 Value
shirt,Shirt,S-2,10,Colour,Red
shirt,,S-1,11,,Blue
CSV
my $shirt = product('shirt');
is_deeply([map { [$_->{id}, $_->{sku}, @{ $_->{options} }] }
           @{ $shirt->{variants} }],
          [[$ids[0], 'S-2', 'Colour: Red'], [$ids[1], 'S-1', 'Colour: Blue']],
          'the same variants');
imports(<<"CSV", 'a value by another name');
$short,Option1 Name,Option1 Value
shirt,Shirt,S-2,10,Colour,Crimson
shirt,,S-1,11,,Blue
CSV
$shirt = product('shirt');
is_deeply([map { [$_->{id}, @{ $_->{options} }] } @{ $shirt->{variants} }],
          [[$ids[0], 'Colour: Crimson'], [$ids[1], 'Colour: Blue']],
          'the variant is known by its SKU');
is(sql_value("SELECT count(*) FROM option_values WHERE value = 'Red'
              AND product_id = (SELECT id FROM products
                                 WHERE handle = 'shirt')"), 0,
   'a value that nothing has is removed');

# Columns that are not in the file.
imports("Handle,Title\nshirt,Better Shirt\n", 'texts alone');
$shirt = product('shirt');
is($shirt->{title}, 'Better Shirt', 'the title is new');
is(scalar @{ $shirt->{variants} }, 2, 'the variants are left alone');
imports("$short\nold-jar,Old Jar,JAR,10\n", 'without a status');
is(sql_value("SELECT status FROM products WHERE handle = 'old-jar'"),
   'archived', 'the status is left alone');

told();
imports("Handle,Title,Status\nshirt,Better Shirt,$_\n", "$_ now")
    for qw(archived active);
is_deeply(told(), [['product.archived', 'archived', $shirt->{id}],
                   ['product.restored', 'active', $shirt->{id}]],
          'what comes and goes is told so');

# Currencies and languages.
imports("$short\nplain-bowl,Deep Bowl,BOWL,7.5\n", 'euro', '--currency',
        'EUR');
is_deeply([sql("SELECT currency, amount FROM prices p JOIN variants v
                 ON v.id = p.variant_id WHERE sku = 'BOWL' ORDER BY 1")],
          [['EUR', 750], ['TRY', 0]], 'beside the lira');
imports("$short,Option1 Name,Option1 Value\nshirt,Gömlek,S-2,99,Renk,Bordo\n",
        'Turkish', '--locale', 'tr');
is_deeply(told()->[-1], ['product.updated', 'active', $shirt->{id}],
          'a further language is a change, too');
$shirt = product('shirt', '?locale=tr');
is($shirt->{title}, 'Gömlek', 'the text is added');
is(scalar @{ $shirt->{variants} }, 2, 'and nothing else is changed');
is($shirt->{variants}[0]{price}{amount}, 1000, 'not the price either');
for my $option (['--currency', 'GBP'], ['--locale', 'xx']) {
    my ($code, undef, $err) = import_file("$short\na,A,,1\n", @$option);
    is($code, 2, "@$option is refused");
    like($err, qr/"$option->[1]"/, 'by name');
}

# The newer template's headings, and stock.
imports(joined(<<'CSV'), 'the newer headings');
Title,URL handle,Description,Status,Product category,SKU,Price,\
Inventory tracker,Inventory quantity,Continue selling when out of stock,\
Product image URL
Mug,mug,<b>Mug</b>,Active,Home & Garden > Kitchen > Mugs,MUG,3,\
shopify,0,DENY,//x.test/m.jpg
Cup,cup,,Active,,CUP,3,shopify,0,CONTINUE,
CSV
my $mug = product('mug');
is($mug->{type}, 'Mugs', 'the category\'s last step is the type');
is($mug->{media}[0]{url}, 'https://x.test/m.jpg', 'an address without scheme');
ok(!$mug->{variants}[0]{in_stock}, 'sold out');
ok(product('cup')->{variants}[0]{in_stock}, 'sold on without stock');


# --- lines, and other forms of files ---------------------------------------

imports("$short\rmac-1,Mac,,1\rmac-2,Mac,,2\r", 'lines that end with CR');
refuses("$short\rm,M,,1\nn,N,,1\r\no,O,,one\np,P,,two\r\r\nq,Q,,three",
        'lines of all kinds', [4, 'Variant Price', qr/"one"/],
        [5, 'Variant Price', qr/"two"/], [7, 'Variant Price', qr/"three"/]);
imports("\n\n$short\n\n   \nblank-1,Blank,,1\n\n", 'blank lines');
imports("$short,,\nwide,Wide,,1,,,,,\nnarrow,Narrow,,1\n",
        'rows longer and shorter than the headings');
is(sql_value("SELECT count(*) FROM products
              WHERE handle IN ('mac-1', 'mac-2', 'blank-1', 'wide',
                               'narrow')"), 5, 'are all read');

refuses("$short\n\"x\",\"two\nlines\",,1\n\ny,Y,,abc\nz,Z,,1\nv,V,,-1\r\n"
        . "w,W,,1\n,W,,1\n", 'lines',
        [5, 'Variant Price', qr/"abc" is not a price/],
        [7, 'Variant Price', qr/"-1" is not a price/],
        [9, 'Handle', qr/is empty/]);
refuses("$short\nx,X,,1\ny,\"Y\n,,1\nz,Z,,1\n", 'a quote without its end',
        [3, undef, qr/a quote has no end/]);
refuses("$short\nx,X \"big\" one,,1\n", 'a quote within a field',
        [2, undef, qr/quote stands within a field/]);
refuses("Handle;Title;Variant Price\nx;X;1\n", 'other separators',
        [1, 'Handle', qr/no heading/], [1, 'Title', qr/no heading/]);
refuses("Handle,Title,Title\nx,X,X\n", 'a heading twice',
        [1, 'Title', qr/two columns/]);
refuses('', 'an empty file', [1, undef, qr/empty/]);
refuses("$short\nx,\"" . 'y' x 1_100_000 . "\",,1\n", 'a row without end',
        [2, undef, qr/more than 1 MB/]);
refuses("H\xe4ndle,Title\nx,X\n", 'headings that are not UTF-8',
        [1, undef, qr/UTF-8/]);
refuses("$short\nx,X,,1,more\n", 'more fields than headings',
        [2, undef, qr/more fields/]);


# --- at every maximum ------------------------------------------------------

# What the import takes can be edited: the interface has the same bounds.
my %most = (
    'Handle' => 'ş' x 255, 'Title' => 'ş' x 255,
    'Body (HTML)' => 'ş' x 32768, 'Vendor' => 'ğ' x 255, 'Type' => 'ü' x 255,
    'Tags' => '"' . join(',', 1 .. 249, 'ç' x 255) . '"',
    'Option1 Name' => 'ö' x 255, 'Option1 Value' => 'ı' x 255,
    'Option2 Name' => '茶' x 255, 'Option2 Value' => '杯' x 255,
    'Variant SKU' => 'İ' x 255, 'Variant Barcode' => 'Ğ' x 255,
    'Variant Grams' => 100_000_000, 'Variant Price' => '90071992547409.90',
    'Variant Compare At Price' => '90071992547409.91',
    'Image Src' => 'https://x.test/' . 'ş' x 1985, 'Image Position' => 10_000,
    'Image Alt Text' => 'ş' x 512, 'SEO Title' => 'ş' x 255,
    'SEO Description' => 'ş' x 1000, 'Status' => 'draft',
);
imports("$full\n" . join(',', map { $most{$_} // '' } split /,/, $full) . "\n",
        'a product at every maximum');
my $at = '/api/admin/v1/products/' . told()->[-1][2];
as_key(qw(products.read products.write));
my $most = ok_json(patch($at, { status => 'active' }, 'If-Match' => '*'), 200,
                   'it can be put on sale');
is(length $most->{$_->[0]}, $_->[1], "$_->[0] is whole")
    for ['title', 255], ['description', 32768], ['vendor', 255],
        ['type', 255], ['seo_title', 255], ['seo_description', 1000];
is(length $most->{tags}[-1], 255, 'and so is the longest tag');

# Whoever sends back what was read changes nothing.
$most = ok_json(patch($at, {
    (map { $_ => $most->{$_} } qw(title description vendor type tags seo_title
                                  seo_description)),
    media => [map { my %m = %$_; delete $m{id}; \%m } @{ $most->{media} }],
}, 'If-Match' => '*'), 200, 'all of it can be sent back');
my ($only) = @{ $most->{variants} };
my $of = "/api/admin/v1/variants/$only->{id}";
is(length $only->{options}[1], 255, 'the values of its variant, too');
ok_json(patch($of, { sku => 'MOST' }, 'If-Match' => '*'), 200,
        'its variant can have another SKU');
ok_json(patch($of, { map { $_ => $only->{$_} }
                     qw(options sku barcode weight_grams) },
              'If-Match' => '*'), 200, 'and be sent back as it was');
$heard = sql_value('SELECT max(id) FROM outbox');
as_nobody();


# --- wrong cells -----------------------------------------------------------

my $bytes = "$full\n";
my $line = 1;
my @faults;
for my $case (
    ['Handle', '#_%', qr/no letter or digit/],
    ['Handle', 'h' x 256, qr/more than 255/],
    ['Title', '', qr/is empty/],
    ['Title', "K\xf6ln", qr/UTF-8/],
    ['Title', "a\0b", qr/UTF-8/],
    ['Title', 't' x 256, qr/more than 255 characters/],
    ['Title', 'a' . "\xcc\x81" x 31, qr/accents/],
    ['Body (HTML)', '<br>' x 2001, qr/2000 tags/],
    ['Body (HTML)', '<b>' x 101, qr/100 elements deep/],
    ['Body (HTML)', 'b' x 65537, qr/65536/],
    ['Tags', join(',', 1 .. 251), qr/more than 250 tags/],
    ['Tags', 't' x 256, qr/tag of more than 255/],
    ['Published', 'yes', qr/"yes" is neither true nor false/],
    ['Variant Grams', '1,5', qr/weight/],
    ['Variant Grams', '100000001', qr/100000000/],
    ['Variant Price', '9,99', qr/"9,99" is not a price/],
    ['Variant Price', '1e3', qr/not a price/],
    ['Variant Price', '.5', qr/not a price/],
    ['Variant Price', '9.999', qr/2 digits/],
    ['Variant Price', '90071992547409.92', qr/too large/],
    ['Variant Price', '9' x 30, qr/not a price/],
    ['Variant Price', '', qr/is empty/],
    ['Variant Compare At Price', 'x', qr/not a price/],
    ['Variant Requires Shipping', '2', qr/neither/],
    ['Variant Taxable', 'nein', qr/neither/],
    ['Image Src', 'javascript:alert(1)', qr/address of an image/],
    ['Image Src', 'a.jpg', qr/address of an image/],
    ['Image Src', 'https://x.test/a b.jpg', qr/address of an image/],
    ['Image Position', '0', qr/1 to 10000/],
    ['Image Alt Text', 'a' x 513, qr/more than 512/],
    ['SEO Description', 's' x 1001, qr/more than 1000/],
    ['Status', 'sold', qr/active, draft, archived/],
) {
    my ($column, $text, $why) = @$case;
    my %cell = (Handle => 'case-' . $line, Title => 'T',
                'Variant Price' => 1, 'Variant SKU' => "CASE-$line",
                $column => $text);
    $bytes .= join(',', map { '"' . ($cell{$_} // '') . '"' }
                   split /,/, $full) . "\n";
    push @faults, [++$line, $column, $why];
}
refuses($bytes, 'wrong cells', @faults);


# --- rows that do not fit together -----------------------------------------

my $options = "$short,Option1 Name,Option1 Value,Option2 Name,Option2 Value";
refuses(<<"CSV", 'rows',
$options
a,A,A-1,1,Size,S,,
a,,A-2,2,,S,,
a,,A-1,3,,M,,
b,B,,1,Size,S,Size,M
c,C,,1,,S,,
d,D,,1,Size,S,,
d,,,2,,,,
d,,D-3,,,L,,
e,E,,,,,,
f,F,,1,,,,
f,,,2,,,,
g_x,G,,1,,,,
g-x,G,,1,,,,
CSV
    [3, 'Option1 Value', qr/line 2/],
    [4, 'Variant SKU', qr/"A-1" stands on line 2 already/],
    [5, 'Option2 Name', qr/name of option 1 too/],
    [6, 'Option1 Name', qr/is empty/],
    [8, 'Option1 Value', qr/needs its Size/],
    [9, 'Variant Price', qr/is empty/],
    [10, 'Variant Price', qr/empty in every row/],
    [12, 'Option1 Value', qr/line 11/],
    [14, 'Handle', qr/same address as the handle on line 13/]);
refuses(<<"CSV", 'what the shop has',
$options
new,New,TEA-1,1,,,,
under-score,U,,1,,,,
shirt,Shirt,S-9,1,,,,
CSV
    [2, 'Variant SKU', qr/variant of the product "çay-seti"/],
    [3, 'Handle', qr/address of the product "Under_Score"/],
    [4, 'Option1 Name', qr/"Colour"/]);
refuses("Handle,Title\nbrand-new,New\n", 'a new product without a price',
        [2, 'Variant Price', qr/product is new/]);

# For people: file, line, column, reason, and the exit code.
my ($code, undef, $errors) = import_file("$short\nx,X,,one\ny,,,1\n");
is($code, 4, 'the exit code for wrong input');
is($errors, joined(<<'TEXT'), 'faults as compilers tell them');
products.csv:2: Variant Price: "one" is not a price; write it like 1234.50
products.csv:3: Title: is empty; the first row of a product gives its title
shopctl: products.csv: 2 faults; nothing was changed \
(--skip-bad-rows leaves those products out)
TEXT

# With --skip-bad-rows the rest comes in, and a product is in or out whole.
($code, $out, $errors) = import_file(<<"CSV", '--skip-bad-rows');
$options
good,Good,GOOD,1,,,,
half,Half,HALF-1,1,Size,S,,
half,,HALF-2,x,,M,,
thief,Thief,TEA-1,1,,,,
,,LOST,1,,,,
CSV
is($code, 0, '--skip-bad-rows');
is(() = $errors =~ /^products\.csv:[456]: /mg, 3, 'the faults are told');
like($out, qr/products\s+1 created\n\s+products\s+2 left out/, 'and counted');
is_deeply([map { @$_ } sql("SELECT handle FROM products
                            WHERE handle IN ('good', 'half', 'thief')")],
          ['good'], 'the others are left out whole');
($code) = import_file("$short\nx,X,,1\ny,\"Y", '--skip-bad-rows');
is($code, 4, 'what cannot be read to its end is not applied');

($code, undef, $errors) = import_file("$short\n");
is($code, 0, 'headings alone are no fault');
unlink "$dir/$name";
($code, undef, $errors) = import_file(undef);
is($code, 4, 'no such file');
like($errors, qr/products\.csv: No such file/, 'is said');


# --- half an import is none ------------------------------------------------

# Sessions of shopctl here; what they do is only told to a superuser.
sub sessions {
    my ($where) = @_;

    return (sql_as('postgres', "SELECT count(*) FROM pg_stat_activity
                                 WHERE datname = current_database()
                                   AND application_name = 'shopctl'
                                   AND $where"))[0][0];
}

# Starts an import of the file, and comes back when it waits for a lock.
sub held_up {
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$dir/err";
        exec command("$dir/$name") or POSIX::_exit(127);
    }
    wait_for(sub { sessions("wait_event_type = 'Lock'") > 0 },
             'the import waits for the lock');
    return $pid;
}

# In mid-import, and killed there.
file("$short\n" . join '', map { "many-$_,Many,MANY-$_,$_\n" } 1 .. 2000);
$before = rows();
my $holder = DBI->connect("dbi:Pg:host=$ENV{SHOP_TEST_DIR};dbname="
    . sql_value('SELECT current_database()'), 'shop_owner', '',
    { RaiseError => 1 });
$holder->begin_work;
$holder->do('LOCK TABLE prices IN SHARE MODE');
my $pid = held_up();
kill KILL => $pid;
waitpid $pid, 0;
$holder->rollback;
wait_for(sub { sessions('true') == 0 }, 'its session ends');
is(rows(), $before, 'killed in mid-import: nothing is changed');
like(imports(undef, 'and started again'), qr/products\s+2000 created/,
     'it is done');

# Somebody else makes the same product meanwhile: the import finds it there.
file("$short\nrace,Race,RACE,1\n");
$holder->begin_work;
$holder->do("INSERT INTO products (handle, status, published_at)
             VALUES ('race', 'active', now())");
$pid = held_up();
$holder->commit;
waitpid $pid, 0;
$unseen = 1;
is($? . slurp("$dir/err"), '0', 'a product that another made meanwhile');
is(product('race')->{variants}[0]{price}{amount}, 100, 'gets what it lacks');

# Somebody else gives the SKU to a product that the file does not have.
file("$short,Image Src\nwants,Wants,WANTED,1,https://example.com/w.png\n");
$holder->begin_work;
$holder->do('LOCK TABLE media IN SHARE ROW EXCLUSIVE MODE');
$pid = held_up();
$holder->do("UPDATE variants SET sku = 'WANTED' WHERE sku = 'RACE'");
$holder->commit;
$holder->disconnect;
waitpid $pid, 0;
is($? >> 8, 4, 'a SKU that another got meanwhile is his');
like(slurp("$dir/err"), qr/"WANTED" is a variant of the product "race" already/,
     'as the next plan finds');
is(sql_value("SELECT count(*) FROM variants WHERE sku = 'WANTED'"), 1,
   'and stays so');

# A bar where somebody can see it: standard error is a terminal here.
file("$short\nbar,Bar,,1\n");
$pid = fork // die "fork: $!";
if (!$pid) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/out" or die;
    exec '/usr/bin/python3', '-c', <<'PYTHON', command("$dir/$name")
import pty, sys
sys.exit(pty.spawn(sys.argv[1:]) >> 8)
PYTHON
        or POSIX::_exit(127);
}
waitpid $pid, 0;
is($?, 0, 'on a terminal');
like(slurp("$dir/out"), qr/\rReading \[[ #]*\] .*\rWriting \[/s,
     'there is a progress bar');

# Memory does not grow with the file: twenty times the rows, the same peak.
sub peak {
    my ($rows) = @_;
    my $pid = fork // die "fork: $!";

    file("$short,Body (HTML)\n" . join '',
         map { "peak-$_,Peak,,1,<p>" . 'x' x 400 . "</p>\n" } 1 .. $rows);
    if (!$pid) {
        open STDOUT, '>', "$dir/out" or die;
        exec '/usr/bin/python3', '-c', <<'PYTHON', command("$dir/$name",
import resource, subprocess, sys
rc = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(rc)
PYTHON
            '--dry-run', '--quiet') or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    is($?, 0, "$rows rows");
    return slurp("$dir/out") + 0;
}

my ($small, $large) = (peak(500), peak(10_000));
cmp_ok($large, '<', $small + 2048, "$small kB for 500, $large for 10,000");

done();
