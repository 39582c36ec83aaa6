# The API over the shop on libuv: these files of t/api/ hold there as they do
# over nginx, without a word changed.  Left out are those that test nginx (bytes
# of requests, its workers) or take it down.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Test::More;

plan skip_all => 'these tests ran over nginx: make torture' if !$ENV{TORTURE};

my @files = qw(admin_categories admin_prices admin_products admin_variants
               authorization cache categories product products_list);
my $asked = 0;

for my $name (@files) {
    local $ENV{SHOP_TEST_HOST} = 'uv';
    my $output = `timeout 300 $^X @{[top_folder()]}/t/api/$name.t 2>&1`;

    is($?, 0, "$name.t passes") or diag($output);
    like($output, qr/^ok \d+ - the shop on libuv ended well$/m,
         'and libuv was asked');
    $asked += () = $output =~ /^ok /mg;
}

cmp_ok($asked, '>', 500, 'with all that they ask');

done_testing();
