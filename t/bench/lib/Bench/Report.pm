# Report.pm - from outcomes to rows, from rows to a table.

package Bench::Report;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(median quartile spread verdict ratio_row table machine
                 write_document);

# A spread of the quartiles above this is no result.
use constant NOISY => 0.15;


sub quartile {
    my ($q, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    my $at = $q / 4 * $#sorted;
    my $below = int $at;

    return $sorted[$below] if $below == $#sorted;
    return $sorted[$below]
        + ($at - $below) * ($sorted[$below + 1] - $sorted[$below]);
}


sub median {
    return quartile(2, @_);
}


sub spread {
    my (@values) = @_;

    return (quartile(3, @values) - quartile(1, @values)) / median(@values);
}


sub verdict {
    my ($good, @spreads) = @_;

    return 'noisy' if grep { $_ > NOISY } @spreads;
    return $good ? 'reached' : 'missed';
}


# ratio_row(what =>, against =>, ours => [outcomes], theirs => [outcomes],
#           figure => 'rate' (more is better) or 'worker' (less is),
#           least => bar, note =>)
#
# The ratio is above 1 when we are better.  Quartiles are those of the ratios
# of the pairs.
sub ratio_row {
    my (%r) = @_;
    my $of = sub { my ($side, $f) = @_; map { $_->{$f} } @{ $r{$side} } };
    my $figure = $r{figure};
    my ($over, $under) = $figure eq 'rate' ? qw(ours theirs) : qw(theirs ours);

    my @top = $of->($over, $figure);
    my @bottom = $of->($under, $figure);
    my @ratios = map { $top[$_] / $bottom[$_] } 0 .. $#top;
    my $ratio = median(@top) / median(@bottom);

    return {
        what    => $r{what},
        against => $r{against},
        ours    => figures(@{ $r{ours} }),
        theirs  => figures(@{ $r{theirs} }),
        result  => sprintf('%.2f (%.2f to %.2f)', $ratio,
                           quartile(1, @ratios), quartile(3, @ratios)),
        bar     => sprintf('>= %.2f', $r{least}),
        verdict => verdict($ratio >= $r{least}, spread(@ratios)),
        note    => $r{note},
    };
}


# "21,503/s; worker 12.1, backends 30.2, client 4.0 us"
sub figures {
    my (@outcomes) = @_;
    my %m = map { my $f = $_; $f => median(map { $_->{$f} } @outcomes) }
        qw(rate worker backend client);
    my @parts = map { $m{$_->[0]} ? sprintf('%s %.1f', $_->[1], $m{$_->[0]})
                                  : () }
        [ worker => 'worker' ], [ backend => 'backends' ],
        [ client => 'client' ];

    return commas($m{rate}) . '/s; ' . join(', ', @parts) . ' us';
}


# Microseconds an answer, of whoever had a part in it.
sub all_cpu {
    return median(map { $_->{worker} + $_->{backend} + $_->{client} } @_);
}


sub commas {
    my $n = reverse sprintf '%.0f', $_[0];

    $n =~ s/(\d{3})(?=\d)/$1,/g;
    return scalar reverse $n;
}


# --- what is printed -------------------------------------------------------

sub table {
    my (@rows) = @_;
    my @lines = (
        '| what | against | ours | theirs | result | bar | |',
        '| --- | --- | --- | --- | --- | --- | --- |');

    push @lines, '| ' . join(' | ', map { $_ // '-' }
        @$_{qw(what against ours theirs result bar verdict)}) . ' |'
        for @rows;
    my @notes = map { "- $_->{what}: $_->{note}" }
        grep { $_->{note} } @rows;
    return join "\n", @lines, (@notes ? ('', @notes) : ()), '';
}


# The machine without a name: what would make figures differ.
sub machine {
    my ($model) = grep { defined } map { /^model name\s*:\s*(.*?)\s*$/ }
        lines('/proc/cpuinfo');
    my $cores = grep { /^processor\s*:/ } lines('/proc/cpuinfo');
    my ($kb) = map { /^MemTotal:\s+(\d+)/ } lines('/proc/meminfo');
    my ($kernel) = `uname -r` =~ /^(\d+\.\d+)/;
    my ($debian) = map { /^PRETTY_NAME="(.*)"/ } lines('/etc/os-release');
    my ($nginx) = `$_[0] -v 2>&1` =~ m{nginx/(\S+)};
    my ($pg) = `$ENV{SHOP_TEST_PG_BIN}/postgres --version` =~ /(\d+\.\d+)/;
    my $virtual = (grep { /^flags\b.*\bhypervisor\b/ } lines('/proc/cpuinfo'))
        ? ', virtual' : '';

    return sprintf '%d cores (%s%s), %.0f GB, %s, Linux %s, nginx %s, '
        . 'PostgreSQL %s', $cores, $model // 'unknown', $virtual,
        $kb / 1024 / 1024, $debian // 'an unknown system', $kernel, $nginx,
        $pg;
}


sub lines {
    my ($path) = @_;

    open my $in, '<', $path or return;
    return <$in>;
}


# Between its two marks a document holds what was measured; the rest of it is
# written by people.
sub write_document {
    my ($path, $text) = @_;
    my ($begin, $end) = ('<!-- measured: begin -->', '<!-- measured: end -->');
    my $document = join '', lines($path);

    $document =~ s/\Q$begin\E.*\Q$end\E/$begin\n\n$text\n$end/s
        or die "$path has no marks to write between\n";
    open my $out, '>', $path or die "$path: $!\n";
    print $out $document;
    close $out or die "$path: $!\n";
}

1;
