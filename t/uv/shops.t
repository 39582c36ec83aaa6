# Two shops in one process, over a real PostgreSQL: the cases are those of
# t/unit/uv/shops_test.c.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop();

my $unit = "$ENV{SHOP_BUILD}/unit";
ok(-x $unit, "there is $unit");

local $ENV{SHOP_TEST_DATABASE} = database_url();
my $output = `timeout 500 $unit uv_shops 2>&1`;
is($?, 0, 'all cases pass') or diag $output;
unlike($output, qr/SKIPPED/, 'none is left out');

done();
