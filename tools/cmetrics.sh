#!/bin/sh
#
# cmetrics.sh [--check] [--longest N] [FOLDER ...] - the figures of our C, and
# with --check whether they keep the bars below.
#
# A function is as long as the lines from its name to its closing brace.  The
# share of comments is of the lines that hold a comment or code.  Needs
# universal-ctags.  The sh lines only find perl; the rest is Perl.

exec perl -x "$0" "$@"

#!perl
#line 14

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use CSource qw(files bare kinds functions);

# figure, lowest, highest.  "domain" figures count the domains' folders only.
my @bars = (
    [ 'function lines, median',         0, 15 ],
    [ 'function lines, p95',            0, 50 ],
    [ 'function lines, max',            0, 80 ],
    [ 'file lines, median',             0, 200 ],
    [ 'file lines, p95',                0, 600 ],
    [ 'comment share, %',               15, 25 ],
    [ 'domain free per 1,000 lines',    0, 1 ],
    [ 'domain goto per 1,000 lines',    0, 1 ],
);

my ($check, $longest) = (0, 0);
while (@ARGV && $ARGV[0] =~ /^--/) {
    my $option = shift;
    if    ($option eq '--check')   { $check = 1 }
    elsif ($option eq '--longest') { $longest = shift }
    else  { die "usage: cmetrics.sh [--check] [--longest N] [FOLDER ...]\n" }
}

my @folders = @ARGV ? @ARGV : qw(libshop ngx_module shopctl shopd);
my @files = files(qr/\.[ch]$/, @folders)
    or die "cmetrics.sh: no C files under @folders\n";
my $functions = functions(@files);

my (@file_lines, @function_lines, %lines, %domain);

for my $file (@files) {
    open my $in, '<', $file or die "$file: $!\n";
    my $bare = bare(do { local $/; <$in> } // '');
    my @kinds = kinds($bare);

    push @file_lines, scalar @kinds;
    $lines{$_}++ for @kinds;

    next if $file !~ m{libshop/(?!core/|uv/)\w+/};
    $domain{lines} += grep { $_ eq 'code' } @kinds;
    $domain{free}  += () = $bare =~ /(?<![\w.>])\w*free\s*\(/g;
    $domain{goto}  += () = $bare =~ /\bgoto\b/g;
}

my @by_length = sort { $b->{lines} <=> $a->{lines} } map {
    my $file = $_;
    map { +{ %$_, file => $file, lines => $_->{to} - $_->{from} + 1 } }
        @{ $functions->{$file} };
} keys %$functions;
@function_lines = map { $_->{lines} } @by_length;

my $code    = $lines{code} // 0;
my $comment = $lines{comment} // 0;
my %figure = (
    'function lines, median' => percentile(.50, @function_lines),
    'function lines, p95'    => percentile(.95, @function_lines),
    'function lines, max'    => percentile(1, @function_lines),
    'file lines, median'     => percentile(.50, @file_lines),
    'file lines, p95'        => percentile(.95, @file_lines),
    'comment share, %'       => per(100, $comment, $code + $comment),
    'domain free per 1,000 lines' => per(1000, $domain{free}, $domain{lines}),
    'domain goto per 1,000 lines' => per(1000, $domain{goto}, $domain{lines}),
);

printf "%d files, %d functions, %d lines of code\n",
    scalar @file_lines, scalar @function_lines, $code;

my $broken = 0;
for (@bars) {
    my ($name, $low, $high) = @$_;
    my $bad = $figure{$name} < $low || $figure{$name} > $high;
    printf "  %-28s %6s%s\n", $name, $figure{$name},
        $bad ? "  (must be $low to $high)" : '';
    $broken++ if $bad;
}
printf "  %5d  %s %s:%d\n", @$_{qw(lines name file from)}
    for grep { defined } @by_length[0 .. $longest - 1];

exit($check && $broken ? 1 : 0);


sub percentile {
    my ($p, @values) = @_;

    return 0 unless @values;
    @values = sort { $a <=> $b } @values;
    my $i = int($p * @values);
    return $values[ $i > $#values ? $#values : $i ];
}


sub per {
    my ($scale, $part, $whole) = @_;

    return $whole ? sprintf('%.1f', $scale * ($part // 0) / $whole) : 0;
}
