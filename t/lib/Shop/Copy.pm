# Copy.pm - a copy of the whole tree, with what is built, to be changed: only
# what was changed in it is compiled again.
#
#     copy_tree($to);
#     append("$to/libshop/domains.def", "DOMAIN(wishlist)\n");
#     build($to, 'all');

package Shop::Copy;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Find ();

our @EXPORT = qw(copy_tree tree_files append build build_folder run_in);

my $top = abs_path(dirname(__FILE__) . '/../../..');


# What belongs to a tree: all but what is made, and what .gitignore names.  Git
# is not asked: a tree that was unpacked from an archive has none, and in one
# of another user's it refuses to work.
sub tree_files {
    my ($root) = @_;
    my $ignored = ignored($root);
    my @files;

    File::Find::find({ no_chdir => 1, wanted => sub {
        my $path = substr $_, length $root;
        return $File::Find::prune = 1 if $path =~ $ignored;
        push @files, substr $path, 1 if -f;
    } }, $root);
    return @files;
}


# The patterns of .gitignore as one, for paths that begin with a slash.
sub ignored {
    my ($root) = @_;

    open my $in, '<', "$root/.gitignore" or die "$root/.gitignore: $!";
    chomp(my @patterns = grep { /^[^#\s]/ } <$in>);
    my $any = join '|', map {
        my $name = join '[^/]*', map { quotemeta } split /\*/, s{/$}{}r, -1;
        m{^/} ? "^$name" : "/$name";
    } '/.git', @patterns;
    return qr{(?:$any)$};
}


# Times are kept, and so make finds everything up to date.
sub copy_tree {
    my ($to) = @_;

    mkdir $to or -d $to or die "$to: $!";
    open my $out, '|-', 'tar', '-C', $top, '--null', '-T', '-', '-cf',
        "$to/tree.tar" or die "tar: $!";
    print $out map { "$_\0" } tree_files($top);
    close $out or die "tar failed\n";
    run_in($to, 'tar', 'xf', 'tree.tar');
    unlink "$to/tree.tar";
    run_in($top, 'cp', '-a', $ENV{SHOP_BUILD} // "$top/build", "$to/");
}


# The name of the folder that things are built in.
sub build_folder {
    return basename($ENV{SHOP_BUILD} // 'build');
}


sub append {
    my ($path, $line) = @_;

    open my $out, '>>', $path or die "$path: $!";
    print $out $line;
    close $out or die "$path: $!";
}


sub build {
    my ($root, @targets) = @_;

    delete local @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
    run_in($root, 'make', '-s', 'B=' . build_folder(), @targets);
}


# Run a command there; what it says is shown when it fails.
sub run_in {
    my ($folder, @command) = @_;

    open my $in, '-|', 'sh', '-c', 'cd "$0" && exec "$@" 2>&1', $folder,
        @command or die "@command: $!";
    my $said = do { local $/; <$in> } // '';
    close $in or die "$said$command[0] failed in $folder\n";
    return $said;
}

1;
