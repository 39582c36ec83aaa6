# Every input that once was interesting, or once broke something, is given to
# the entry point that it is for, as the usual compiler made it.

use strict;
use warnings;

use FindBin;
use Test::More;

my $top   = "$FindBin::Bin/../..";
my $build = $ENV{SHOP_BUILD} // "$top/build";
my @names = map { m{([^/]+)\.c$} } glob "$FindBin::Bin/*.c";
my $total = 0;

chdir $top or die "$top: $!\n";
for my $name (grep { $_ ne 'replay' } @names) {
    my $folder = "t/fuzz/corpus/$name";
    my @files  = grep { -f } glob "$folder/*";
    my $output = qx{"$build/fuzz/$name" "$folder" 2>&1};

    is($?, 0, "$name keeps its promises") or diag $output;
    my ($files) = $output =~ /^(\d+) files\n\z/m;
    is($files, @files, "... for all of its files");
    cmp_ok(scalar @files, '>=', 10, '... of which there are enough');
    $total += @files;
}
note "$total files";
done_testing();
