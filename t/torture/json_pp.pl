#!/usr/bin/perl
#
# json_pp.pl - what JSON::PP thinks of JSON texts, a line each.
#
# In: the text, and ours after it was read or "-", both in hexadecimal.  Out:
# "-" when JSON::PP refuses the text; "=" when ours says the same to it, "!"
# when it does not, and "+" when there is no ours.

use strict;
use warnings;

use JSON::PP;

my $json = JSON::PP->new->utf8->canonical->allow_nonref->max_depth(512);

while (my $line = <STDIN>) {
    my ($text, $ours) = map { $_ eq '.' ? '' : $_ } split ' ', $line;
    my $read = canonical(pack 'H*', $text);

    if (!defined $read) {
        print "-\n";
    } elsif ($ours eq '-') {
        print "+\n";
    } else {
        my $again = canonical(pack 'H*', $ours);
        print defined $again && $again eq $read ? "=\n" : "!\n";
    }
}


sub canonical {
    my ($text) = @_;

    local $SIG{__WARN__} = sub { };
    return scalar eval { $json->encode($json->decode($text)) };
}
