# HTTP.pm - one HTTP/1.1 connection, kept alive, with nothing hidden: a test
# can also write bytes by hand, close half of it, or reset it.
#
#     my $conn = Shop::HTTP->new($port);
#     my $res  = $conn->request('GET', '/api/v1/store', { accept => '*/*' });
#     $conn->write("GET / HTTP/1.1\r\n");
#     $conn->half_close;
#     my $res = $conn->read_response('GET');
#
# An answer is { status, headers, body, raw }; header names are in small
# letters, repeated ones joined by ", ".  Nothing to read within the limit
# dies.

package Shop::HTTP;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SHUT_WR);
use Time::HiRes qw(sleep time);

use constant LIMIT => 60;


sub new {
    my ($class, $port, %options) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port, Proto => 'tcp', Timeout => 10)
        or die "cannot connect to 127.0.0.1:$port: $!\n";

    $socket->blocking(0);
    return bless { socket => $socket, in => '',
                   limit => $options{limit} // LIMIT }, $class;
}


sub request {
    my ($self, $method, $path, $headers, $body) = @_;

    $self->send($method, $path, $headers, $body);
    return $self->read_response($method);
}


sub send {
    my ($self, $method, $path, $headers, $body) = @_;
    my %headers = (host => 'localhost', %{ $headers // {} });

    $headers{'content-length'} //= length $body
        if defined $body && !defined $headers{'transfer-encoding'};

    $self->write("$method $path HTTP/1.1\r\n"
        . join('', map { header_lines($_, $headers{$_}) } sort keys %headers)
        . "\r\n" . ($body // ''));
}


# A value that is a list makes a line each.
sub header_lines {
    my ($name, $value) = @_;

    return join '', map { "$name: $_\r\n" } ref $value ? @$value : $value;
}


sub write {
    my ($self, $bytes) = @_;
    my $until = time + $self->{limit};

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;
        if (defined $n) {
            substr($bytes, 0, $n) = '';
        } elsif (!$!{EAGAIN} && !$!{EINTR}) {
            # The server may have answered and closed; the answer tells.
            return 0 if $!{EPIPE} || $!{ECONNRESET};
            die "write: $!\n";
        } elsif (!IO::Select->new($self->{socket})->can_write(1)) {
            die "nothing could be written in $self->{limit} s\n"
                if time > $until;
        }
    }

    return 1;
}


# Write one byte after another, with a pause between.
sub dribble {
    my ($self, $bytes, $pause) = @_;

    for (split //, $bytes) {
        $self->write($_);
        sleep $pause;
    }
}


sub half_close {
    my ($self) = @_;

    shutdown $self->{socket}, SHUT_WR;
}


# Closing with a linger time of nought sends RST.
sub reset {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
        or die "SO_LINGER: $!";
    close delete $self->{socket};
}


sub close {
    my ($self) = @_;

    CORE::close delete $self->{socket} if $self->{socket};
}


# Has the server closed, or said something that was not asked for?
sub usable {
    my ($self) = @_;

    return $self->{socket} && $self->{in} eq '' && !$self->{endless}
           && !IO::Select->new($self->{socket})->can_read(0);
}


# More bytes into the buffer; false at the end of the stream.
sub fill {
    my ($self) = @_;
    my $until = time + $self->{limit};

    while (1) {
        my $n = sysread $self->{socket}, $self->{in}, 65536,
                        length $self->{in};
        return $n if defined $n;
        die "read: $!\n" if !$!{EAGAIN} && !$!{EINTR};
        IO::Select->new($self->{socket})->can_read(1);
        die "no answer in $self->{limit} s\n" if time > $until;
    }
}


# An event stream has no end: its body is left to read_piece().
sub read_response {
    my ($self, $method) = @_;
    my $res = $self->read_head;
    my ($status, $headers) = @$res{qw(status headers)};

    $self->{endless} = $method ne 'HEAD'
        && ($headers->{'content-type'} // '') eq 'text/event-stream';
    $res->{body} = $method eq 'HEAD' || $status == 204 || $status == 304
        || $self->{endless} ? '' : $self->read_body($headers);
    $self->close if ($headers->{connection} // '') eq 'close'
                    && !$self->{endless};

    return $res;
}


sub read_head {
    my ($self) = @_;
    my $raw;

    # Interim answers (100 Continue) are stepped over.
    do {
        until ($self->{in} =~ /\r\n\r\n/) {
            $self->fill or die $self->{in} eq ''
                ? "closed without an answer\n" : "cut in the headers\n";
        }
        $self->{in} =~ s/\A(.*?\r\n)\r\n//s;
        $raw = $1;
    } while ($raw =~ m{\AHTTP/1\.1 1\d\d });

    my ($status) = $raw =~ m{\AHTTP/1\.[01] (\d{3})}
        or die "not an answer: $raw\n";
    my %headers;
    while ($raw =~ /^([^:\r\n]+):[ \t]*(.*?)[ \t]*\r$/mg) {
        my ($name, $value) = (lc $1, $2);
        $headers{$name} = exists $headers{$name} ? "$headers{$name}, $value"
                                                 : $value;
    }

    return { status => $status, headers => \%headers, raw => $raw };
}


# The next chunk of a body in chunks; nothing at its end.
sub read_piece {
    my ($self) = @_;
    my $size = hex $self->take_line;
    my $piece = $self->take($size);

    $self->take(2);
    return $piece;
}


sub read_body {
    my ($self, $headers) = @_;

    if (($headers->{'transfer-encoding'} // '') eq 'chunked') {
        my $body = '';
        while (my $size = hex($self->take_line)) {
            $body .= $self->take($size);
            $self->take(2);
        }
        1 while $self->take_line ne '';
        return $body;
    }

    return $self->take($headers->{'content-length'})
        if defined $headers->{'content-length'};

    1 while $self->fill;
    return $self->take(length $self->{in});
}


sub take {
    my ($self, $size) = @_;

    while (length $self->{in} < $size) {
        $self->fill or die "cut in the body\n";
    }
    return substr $self->{in}, 0, $size, '';
}


sub take_line {
    my ($self) = @_;

    until ($self->{in} =~ /\r\n/) {
        $self->fill or die "cut in a chunk\n";
    }
    $self->{in} =~ s/\A(.*?)\r\n//s;
    return $1;
}

1;
