#!/usr/bin/perl
#
# import_shopify.t - whole files: what the API serves after an import is what
# another reader finds in the file, product by product.
#
# Files of our own always run. Files made by others do where there are some:
# in $SHOP_DATA/shopify, or in shared/data/shopify beside the checkout.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP qw(decode_json);
use Shop::Test;

my $data = $ENV{SHOP_DATA} // top_folder() . '/../shared/data';
my @ours = (top_folder() . '/sql/seed/demo.csv',
            "$FindBin::Bin/import_shopify.csv");
my @theirs = glob "$data/shopify/*.csv";

for my $file (@ours, @theirs) {
    subtest $file =~ m{([^/]+)$} => sub { compare($file) };
}

SKIP: {
    skip "no files of others: \$SHOP_DATA/shopify has none", 1 if !@theirs;
    ok(@theirs > 0, scalar(@theirs) . ' files of others were compared');
}

done();


# Each file in a shop of its own: nothing else is served there.
sub compare {
    my ($file) = @_;
    my $want = read_by_python($file);

    start_shop();
    my $said = decode_json(shopctl('import', 'shopify', '--json', $file));
    is($said->{rows}, $want->{rows}, "$want->{rows} rows");

    my @got = map { detail($_) } listed();
    is(scalar @got, scalar @{ $want->{products} },
       scalar(@got) . ' products are served');
    for my $kind (qw(variants images options)) {
        is(total($kind, @got), total($kind, @{ $want->{products} }),
           total($kind, @got) . " $kind");
    }
    is_deeply($got[$_], $want->{products}[$_], $want->{products}[$_]{slug})
        for 0 .. $#{ $want->{products} };
}


# Slugs of all products, page by page.
sub listed {
    my (@slugs, $cursor);

    do {
        my $page = ok_json(get('/api/v1/products?limit=7'
            . ($cursor ? "&cursor=$cursor" : '')), 200);
        push @slugs, map { $_->{id} } @{ $page->{data} };
        $cursor = $page->{next_cursor};
    } while ($cursor);

    return @slugs;
}


# A product as the API has it, in the form of the other reader.
sub detail {
    my ($id) = @_;
    my $p = ok_json(get("/api/v1/products/$id"), 200);

    return {
        (map { $_ => $p->{$_} } qw(slug title vendor type tags seo_title)),
        variants => [map { +{
            sku => $_->{sku}, options => $_->{options},
            price => $_->{price}{amount}, currency => $_->{price}{currency},
            compare_at => $_->{compare_at},
        } } @{ $p->{variants} }],
        images => [map { +{ url => $_->{url}, alt => $_->{alt} } }
                   @{ $p->{media} }],
    };
}


sub total {
    my ($kind, @products) = @_;
    my $n = 0;

    for my $p (@products) {
        my %names = map { /^(.*?): / ? ($1 => 1) : () }
            map { @{ $_->{options} } } @{ $p->{variants} };
        $n += $kind eq 'options' ? keys %names : @{ $p->{$kind} };
    }

    return $n;
}


# Another reader: Python's csv, and its decimals.
sub read_by_python {
    my ($file) = @_;

    open my $in, '-|', '/usr/bin/python3', '-c', <<'PYTHON', $file
import csv, json, sys
from decimal import Decimal

rows = list(csv.DictReader(open(sys.argv[1], newline='',
                                encoding='utf-8-sig')))
cell = lambda row, name: (row.get(name) or '').strip(' \t\r\n')
minor = lambda text: int(Decimal(text) * 100)
products = {}
for row in rows:
    products.setdefault(cell(row, 'Handle'), []).append(row)

def options(row, first):
    pairs = [(cell(first, 'Option%d Name' % n), cell(row, 'Option%d Value' % n))
             for n in (1, 2, 3)]
    return ['%s: %s' % p for p in pairs
            if p[1] and p != ('Title', 'Default Title')]

def variant(row, first):
    compare = cell(row, 'Variant Compare At Price')
    return {'sku': cell(row, 'Variant SKU') or None,
            'options': options(row, first), 'currency': 'TRY',
            'price': minor(cell(row, 'Variant Price')),
            'compare_at': minor(compare) if compare else None}

def image(row):
    return {'url': cell(row, 'Image Src'), 'alt': cell(row, 'Image Alt Text')}

def product(handle, rows):
    first = rows[0]
    tags = [tag.strip() for tag in cell(first, 'Tags').split(',')]
    images = [row for row in rows if cell(row, 'Image Src')]
    images.sort(key=lambda row: int(cell(row, 'Image Position') or 10 ** 6))
    return {'slug': handle, 'title': cell(first, 'Title'),
            'vendor': cell(first, 'Vendor'), 'type': cell(first, 'Type'),
            'seo_title': cell(first, 'SEO Title'),
            'tags': [tag for tag in tags if tag],
            'variants': [variant(row, first) for row in rows
                         if cell(row, 'Variant Price')],
            'images': [image(row) for row in images]}

public = lambda row: (cell(row, 'Published').lower() != 'false'
                      and cell(row, 'Status') in ('', 'active'))
print(json.dumps({'rows': len(rows), 'products': [
    product(handle, of) for handle, of in products.items() if public(of[0])]}))
PYTHON
        or die "python3: $!";
    my $json = do { local $/; <$in> };
    close $in or die "$file: the other reader failed\n";

    return decode_json($json);
}
