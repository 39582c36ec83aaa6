# Tree.pm - a small source tree to try a tool on.

package Shop::Tree;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

our @EXPORT = qw(tree tool);

my $top = `cd '@{[ dirname(__FILE__) ]}/../../..' && pwd`;
chomp $top;


# A new folder with these files: path => text.
sub tree {
    my (%files) = @_;
    my $root = tempdir(CLEANUP => 1);

    while (my ($path, $text) = each %files) {
        make_path(dirname("$root/$path"));
        open my $out, '>:encoding(UTF-8)', "$root/$path" or die $!;
        print $out $text;
        close $out or die $!;
    }

    return $root;
}


# What tools/NAME printed, and its exit status.
sub tool {
    my ($name, @args) = @_;

    open my $in, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        "$top/tools/$name", @args or die $!;
    my $output = do { local $/; <$in> } // '';
    close $in;

    return ($output, $? >> 8);
}

1;
