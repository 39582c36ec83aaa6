# Tree.pm - a small source tree to try a tool on, and files read and written
# whole.

package Shop::Tree;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);

our @EXPORT = qw(tree tool);
our @EXPORT_OK = qw(slurp write_file);

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


sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$in> // '';
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
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
