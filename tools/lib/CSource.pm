# CSource.pm - C files as checkstyle and cmetrics.sh look at them.

package CSource;

use strict;
use warnings;

use Exporter 'import';
use File::Find ();

our @EXPORT_OK = qw(files bare kinds functions);


# The files below these folders whose names end as asked, in order.
sub files {
    my ($ends, @paths) = @_;
    my @found;

    File::Find::find({ no_chdir => 1, wanted => sub {
        push @found, $_ if -f && !-l && /$ends/;
    } }, grep { -e } @paths);

    return sort @found;
}


# The text with comments made of \x01 and strings of 0, line for line.
sub bare {
    my ($text) = @_;

    $text =~ s{
        (/\*.*?\*/ | //[^\n]*)
      | ("(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
    }{
        defined $1 ? $1 =~ s/[^\n]/\x01/gr : '0'
    }gsex;

    return $text;
}


# What each line is: code, comment or blank.
sub kinds {
    my ($bare) = @_;

    return map {
        my $rest = s/[\x01\s]//gr;
        length $rest ? 'code' : /\x01/ ? 'comment' : 'blank';
    } split /\n/, $bare;
}


# Functions by file: name, line of the name, line of the closing brace.  What
# a macro defines ctags does not see.
sub functions {
    my (@files) = @_;
    my %by_file;

    return {} unless @files;
    open my $tags, '-|', 'ctags', '--languages=C', '--langmap=C:.c.h',
        '--kinds-C=f', '--sort=no', '--fields=ne', '-f', '-', @files
        or die "ctags: $! (apt-get install universal-ctags)\n";

    while (<$tags>) {
        my ($name, $file) = split /\t/;
        my ($from) = /\tline:(\d+)/ or next;
        my ($to)   = /\tend:(\d+)/ or next;
        push @{ $by_file{$file} }, { name => $name, from => $from, to => $to };
    }
    close $tags or die "ctags failed (apt-get install universal-ctags)\n";

    return \%by_file;
}

1;
