#!/usr/bin/perl
#
# fields.t - answers of the members that are asked for, and of no others.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Witness;

start_shop();
numbered_products(3);
my $key = as_key('products.read', 'categories.read');
my $product = '/api/v1/products/p-1';
my $admin = '/api/admin/v1/products';

sub members { return join ' ', sort keys %{ $_[0] } }

# --- of one thing, of each row of a page -------------------------------------

my $whole = ok_json(get($product), 200);
my $some = ok_json(get("$product?fields=title,id"), 200);
is(members($some), 'id title', 'two members');
is_deeply($some, { map { $_ => $whole->{$_} } 'id', 'title' }, 'as they are');
my $one = ok_json(get("$product?fields=variants"), 200);
is_deeply($one, { variants => $whole->{variants} }, 'a list is whole');

my $page = ok_json(get('/api/v1/products?limit=2&fields=slug'), 200);
is_deeply($page->{data}, [map { { slug => $_->{slug} } }
          @{ get('/api/v1/products?limit=2')->{json}{data} }], 'of a page');
ok($page->{has_more}, 'which says that there is more');
my $next = ok_json(get('/api/v1/products?limit=2&fields=slug&cursor='
                       . $page->{next_cursor}), 200);
is(scalar @{ $next->{data} }, 1, 'and where');
is(members($next->{data}[0]), 'slug', 'of the same members');

my ($first) = @{ ok_json(get("$admin?fields=id,version"), 200)->{data} };
is(members($first), 'id version', 'for staff');
is(members(ok_json(get("$admin/$first->{id}?fields=media"), 200)), 'media',
   'of one');
is(members(ok_json(get('/api/v1/store?fields=currency'), 200)), 'currency',
   'of the store');

# --- kept answers ------------------------------------------------------------

is(get("$product?fields=title,id")->{headers}{'cache-status'}, 'shop; hit',
   'it is kept');
is(members(get($product)->{json}), members($whole), 'beside the whole');
my $etag = get("$product?fields=title,id")->{headers}{etag};
isnt($etag, get($product)->{headers}{etag}, 'under a tag of its own');
is(get("$product?fields=title,id", 'If-None-Match' => $etag)->{status}, 304,
   'by which it is known');

# --- what is none ------------------------------------------------------------

for my $path ($product, '/api/v1/products', $admin, "$admin/$first->{id}") {
    is_problem(get("$path?fields=$_"), 422, 'wrong_query', 'fields')
        for '', ',', 'id,', 'id,,title', 'nothing', 'id,nothing', 'Id',
            'page_key', 'id%20title', 'variants.id';
}
is_problem(get("$admin?fields=variants"), 422, 'wrong_query', 'fields');
is_problem(get("$product?fields=id&fields=title"), 422, 'wrong_query',
           'fields');
is_problem(get("$admin/export.csv?fields=id"), 422, 'wrong_query', 'fields');

done();
