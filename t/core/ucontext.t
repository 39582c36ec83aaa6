#!/usr/bin/perl
#
# ucontext.t - the shop over the C library's context switch: these files hold
# there without a word changed, and so does the scripted world.  make torture
# has whole builds.

use strict;
use warnings;

use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Test::More;

my $build = $ENV{SHOP_BUILD};
my $lib = "$ENV{SHOP_TEST_DIR}/ucontext";

mkdir $lib or die "$lib: $!";
copy("$build/ngx_http_shop_module.so", $lib) or die "the module: $!";
copy("$build/ucontext/libshop.so.1", $lib)
    or die "ucontext/libshop.so.1: $!; make tools makes it\n";
chmod 0755, $lib, glob "$lib/*";
like(read_file("$lib/libshop.so.1"), qr/\bswapcontext\b/,
     'it switches by the C library');

my $asked = 0;
for my $name (qw(api/product core/offload core/commit core/stream ngx/abort)) {
    local $ENV{SHOP_TEST_LIB} = $lib;
    my $output = `timeout 300 $^X @{[top_folder()]}/t/$name.t 2>&1`;

    is($?, 0, "$name.t passes") or diag($output);
    $asked += () = $output =~ /^ok /mg;
}
cmp_ok($asked, '>', 150, 'with all that they ask');

my $said = `$build/ucontext/script 1 100 2>&1`;
is($?, 0, 'the scripted world keeps its promises') or diag($said);
like($said, qr/^100 runs /m, 'in a hundred runs');

done_testing();
