# Each rule of tools/checkdeps finds a breach planted for it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Tree;
use Test::More;

my %clean = (
    'libshop/domains.def'       => "DOMAIN(pricing)\nDOMAIN(catalog)\n",
    'libshop/domains.c'         => qq{#include "catalog/catalog.h"\n},
    'libshop/core/json.c'       => qq{#include "core/json.h"\n},
    'libshop/pricing/pricing.c' => qq{#include "core/core.h"\n},
    'libshop/catalog/product.c' => qq{#include "catalog/catalog.h"\n}
                                 . qq{#include "catalog/catalog.sql.h"\n}
                                 . qq{#include "pricing/pricing.h"\n},
    'libshop/uv/host.c'         => qq{#include <uv.h>\n},
    'ngx_module/module.c'       => qq{#include <ngx_core.h>\n},
    'shopctl/main.c'            => qq{#include <uv.h>\n}
                                 . qq{#include "catalog/catalog.h"\n},
);

my ($output, $status) = tool('checkdeps', tree(%clean));
is($status, 0, 'a clean tree passes') or diag $output;

my @rules = (
    [ 'libshop/core/json.c',       'catalog/catalog.h',
      'core may not include .*: it knows no domain' ],
    [ 'libshop/pricing/pricing.c', 'catalog/catalog.h',
      'catalog is below pricing' ],
    [ 'libshop/catalog/product.c', 'pricing/pricing.sql.h',
      'of another domain only pricing/pricing.h' ],
    [ 'libshop/catalog/product.c', 'uv.h',
      'only libshop/uv stands on libuv' ],
    [ 'libshop/core/json.c',       'uv/host.h', 'libuv is a host' ],
    [ 'libshop/core/json.c',       'ngx_core.h',
      'only ngx_module knows nginx' ],
    [ 'shopctl/main.c',            'ngx_core.h',
      'only ngx_module knows nginx' ],
    [ 'ngx_module/module.c',       'uv.h',
      'only libshop/uv stands on libuv' ],
    [ 'ngx_module/module.c',       'catalog/catalog.h',
      'it knows no domain' ],
    [ 'libshop/uv/host.c',         'catalog/catalog.h',
      'it knows no domain' ],
);

for (@rules) {
    my ($file, $header, $why) = @$_;
    my $root = tree(%clean, $file => "\n#include <$header>\n");
    my ($output, $status) = tool('checkdeps', $root);
    like($output, qr{^\Q$file\E:2: .*$why}m, "$file with $header: found");
    is($status, 1, "$file with $header: fails");
}

($output, $status) = tool('checkdeps',
                         tree(%clean, 'libshop/cart/cart.c' => ''));
like($output, qr{libshop/cart:1: a domain that domains\.def does not name},
     'a folder without a line: found');

($output, $status) = tool('checkdeps', tree(%clean,
    'libshop/domains.def' => $clean{'libshop/domains.def'} . "DOMAIN(cart)\n"));
like($output, qr{domains\.def:3: cart has no folder},
     'a line without a folder: found');

done_testing();
