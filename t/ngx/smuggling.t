#!/usr/bin/perl
#
# smuggling.t - requests whose end could be read in two ways, and such that are
# too large: each is refused, or read in the one way that the standard has, and
# no second request is found in one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(workers => 1,
    http => "client_body_timeout 1s; client_header_timeout 1s;\n"
          . '    client_body_buffer_size 16k;');
my ($worker) = workers();
my $store = 'POST /api/v1/store HTTP/1.1';
my $hidden = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

# All that is answered to these bytes: statuses, in order.
sub statuses {
    my ($bytes) = @_;
    my $conn = new_connection();
    my @status;

    $conn->write($bytes);
    $conn->half_close if $conn->{socket};
    while (my $res = eval { $conn->read_response('POST') }) {
        push @status, $res->{status};
        last if !$conn->{socket};
    }
    $conn->close;
    return @status;
}

sub chunked {
    my ($header, @more) = @_;

    return join "\r\n", $store, 'Host: x', $header, @more, '',
        "0\r\n\r\n$hidden";
}

# --- refused: the first answer is the last ----------------------------------

my %refused = (
    'both lengths'            => chunked('Transfer-Encoding: chunked',
                                         'Content-Length: 4'),
    'both, the other way'     => chunked('Content-Length: 4',
                                         'Transfer-Encoding: chunked'),
    'two lengths'             => "$store\r\nHost: x\r\nContent-Length: 0\r\n"
        . "Content-Length: @{[ length $hidden ]}\r\n\r\n$hidden",
    'a list of lengths'       => "$store\r\nHost: x\r\n"
        . "Content-Length: 0, @{[ length $hidden ]}\r\n\r\n$hidden",
    'a length with a sign'    => "$store\r\nHost: x\r\nContent-Length: +0"
        . "\r\n\r\n$hidden",
    'two codings'             => chunked('Transfer-Encoding: chunked',
                                         'Transfer-Encoding: identity'),
    'a list of codings'       =>
        chunked('Transfer-Encoding: chunked, identity'),
    'an unknown coding'       => chunked('Transfer-Encoding: xchunked'),
    'a coding with a word'    => chunked('Transfer-Encoding: chunked x'),
    'a blank in the name'     => chunked('Transfer-Encoding : chunked'),
    'a tab in the name'       => chunked("Transfer-Encoding\t: chunked"),
    'a form feed as blank'    => chunked("Transfer-Encoding:\x0cchunked"),
    'a NUL in the value'      => chunked("Transfer-Encoding: chunked\0"),
    'coding and HTTP/1.0'     => chunked('Transfer-Encoding: chunked')
        =~ s{HTTP/1\.1}{HTTP/1.0}r,
    'a folded header'         => chunked("X-Y: a\r\n b"),
    'a folded coding'         => chunked("Transfer-Encoding:\r\n chunked"),
    'a bare CR'               => chunked("X-Y: a\rTransfer-Encoding: chunked"),
    'two hosts'               => "$store\r\nHost: x\r\nHost: y\r\n"
        . "Content-Length: 0\r\n\r\n$hidden",
    'no host'                 => "$store\r\nContent-Length: 0\r\n\r\n$hidden",
    'a blank before a header' => "$store\r\n Host: x\r\n\r\n$hidden",
    'a chunk too long'        => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/fffffffffffffffff\r\n/r,
    'a chunk with a sign'     => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/+0\r\n\r\n/r,
    'a chunk in hex'          => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/0x0\r\n\r\n/r,
    'a chunk that runs over'  => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/1\r\nab\r\n0\r\n\r\n/r,
    'another version'         => "$store\r\nHost: x\r\n\r\n"
        =~ s{HTTP/1\.1}{HTTP/2.0}r . $hidden,
);
for my $name (sort keys %refused) {
    my @status = statuses($refused{$name});

    like("@status", qr/^(?:400|411|413|501|505)$/, "refused: $name");
}

# --- read in one way: what follows is another request -----------------------

my %read = (
    'a length'                => "$store\r\nHost: x\r\nContent-Length: 3"
        . "\r\n\r\nabc$hidden",
    'chunks'                  => chunked('Transfer-Encoding: chunked'),
    'capitals'                => chunked('TRANSFER-ENCODING: CHUNKED'),
    'a chunk\'s extension'    => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/1;a=b\r\nx\r\n0\r\n\r\n/r,
    'a trailer'               => chunked('Transfer-Encoding: chunked')
        =~ s/0\r\n\r\n/0\r\nContent-Length: 9\r\n\r\n/r,
    'lines that end with LF'  => "$store\nHost: x\nContent-Length: 3\n\n"
        . "abc$hidden",
    'no body'                 => "$store\r\nHost: x\r\nContent-Length: 0"
        . "\r\n\r\n$hidden",
);
for my $name (sort keys %read) {
    is(join(' ', statuses($read{$name})), '405 404', "read: $name");
}

# What the body holds is not looked into.
my $inside = "$store\r\nHost: x\r\nContent-Length: @{[ length $hidden ]}"
    . "\r\n\r\n$hidden";
is(join(' ', statuses($inside)), '405', 'a request in a body is none');

# --- too large --------------------------------------------------------------

my $kb = own_kb($worker);
my %large = (
    'a path'        => 'GET /' . 'a' x 70_000 . " HTTP/1.1\r\nHost: x\r\n\r\n",
    'a header'      => "$store\r\nHost: x\r\nX-Y: " . 'a' x 70_000 . "\r\n\r\n",
    'many headers'  => "$store\r\nHost: x\r\n"
        . join('', map { "X-$_: " . 'a' x 200 . "\r\n" } 1 .. 1000) . "\r\n",
    'a name'        => "$store\r\nHost: x\r\n" . 'a' x 70_000 . ": b\r\n\r\n",
    'a body'        => "$store\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n",
    'endless chunks' => "$store\r\nHost: x\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . "20000\r\n@{[ 'a' x 0x20000 ]}\r\n" x 3,
);
for my $name (sort keys %large) {
    like(join(' ', statuses($large{$name})), qr/^(?:400|413|414|431)$/,
         "too large: $name");
}
cmp_ok(own_kb($worker) - $kb, '<', 2048, 'none of it costs memory');
is(get('/api/v1/store')->{status}, 200, 'the worker serves');
is_deeply([workers()], [$worker], 'the same one');

done();
