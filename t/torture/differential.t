# What is read and computed is what other implementations read and compute; a
# few thousand cases here, a million in make torture.

use strict;
use warnings;

use FindBin;
use Test::More;

my $build = $ENV{SHOP_BUILD} // "$FindBin::Bin/../../build";
my $count = 2000;
my $seed  = $ENV{SEED} // time;
my @lines = qx{"$FindBin::Bin/differential" "$build/cases" $count $seed 2>&1};

is($?, 0, "no difference without a rule, with SEED=$seed")
    or diag @lines;
for my $group (qw(json path id parse split scale)) {
    my ($line) = grep { /^$group\b/ } @lines;
    my ($cases, $taken) =
        ($line // '') =~ /(\d+) cases, +\d+ comparisons, +(\d+) taken/;

    is($cases, $count, "$group: all cases");
    cmp_ok($taken, '>', $count / 5, '... of which enough are good ones');
}
note @lines;
done_testing();
