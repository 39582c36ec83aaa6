# The lanes of reads over a real PostgreSQL: the cases are those of
# t/unit/core/db_lane_test.c.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop();

my $unit = "$ENV{SHOP_BUILD}/unit";
ok(-x $unit, "there is $unit");

local $ENV{SHOP_TEST_DATABASE} = database_url('shop_owner');

# A host may call for a descriptor on which nothing has happened.
for my $host ('as it should', 'also for nothing') {
    local $ENV{SHOP_TEST_SPURIOUS} = 1 if $host =~ /nothing/;
    my $output = `timeout 120 $unit core_db_lane 2>&1`;

    is($?, 0, "a host that calls $host: all cases pass") or diag $output;
    unlike($output, qr/SKIPPED/, 'none is left out');
}

sql('SET client_min_messages = error');
sql('DROP SCHEMA lane_test CASCADE');
done();
