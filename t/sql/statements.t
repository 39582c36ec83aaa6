# Every named statement is prepared against the migrated schema, in every
# choice of its pieces, and its columns and parameters held against the shapes.
# What is done is in t/unit/sql/.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop();

my $unit = "$ENV{SHOP_BUILD}/unit";
ok(-x $unit, "there is $unit");

local $ENV{SHOP_TEST_DATABASE} = database_url();
my $output = `timeout 120 $unit sql_statements 2>&1`;
is($?, 0, 'all cases pass') or diag $output;
unlike($output, qr/SKIPPED/, 'none is left out');
note $output;

# A file whose table of statements no domain names would go unseen.
my $written = grep { /^-- sql_\w+\(/ } map { lines($_) }
    glob top_folder() . '/libshop/*/*.sql';
my ($seen) = $output =~ /^(\d+) statements, /m;
is($seen, $written, 'every statement that is written belongs to a domain');

done();


sub lines {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!";
    return <$in>;
}
