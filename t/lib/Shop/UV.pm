# UV.pm - the shop on libuv, asked as if it were a server: build/uvserve runs
# it, and this talks to that over two pipes.
#
#     my $uv  = Shop::UV->new($conninfo, $secret);
#     my $res = $uv->request('GET', '/api/v1/store', { accept => '*/*' });
#     $uv->close;         # true when it ended as it should
#
# Answers are as Shop::HTTP's, with what HTTP itself demands already done:
# no body for HEAD, 204 and 304, and the body's length where it has one.

package Shop::UV;

use strict;
use warnings;

use IPC::Open2;

use constant LIMIT => 60;


# A third argument names another program that speaks as uvserve does, and what
# follows is that program's.
sub new {
    my ($class, $conninfo, $secret, $program, @more) = @_;
    my $pid = open2(my $out, my $in,
                    "$ENV{SHOP_BUILD}/" . ($program // 'uvserve'), $conninfo,
                    $secret, @more);

    binmode $_ for $in, $out;
    return bless { pid => $pid, in => $in, out => $out }, $class;
}


sub request {
    my ($self, $method, $path, $headers, $body) = @_;
    my @lines = map { lines($_, $headers->{$_}) } sort keys %$headers;

    $body //= '';
    print { $self->{in} } "$method $path ", scalar @lines, ' ', length $body,
        "\n", @lines, $body;
    $self->{in}->flush;

    local $SIG{ALRM} = sub { die 'no answer in ' . LIMIT . " s\n" };
    alarm LIMIT;
    my $res = $self->read_answer;
    alarm 0;

    return as_over_http($method, $res);
}


sub lines {
    my ($name, $value) = @_;

    return map { "$name: $_\n" } ref $value ? @$value : $value;
}


sub read_answer {
    my ($self) = @_;
    my ($status, $lines, $bytes) = split ' ', $self->take_line;
    my ($raw, $body, %headers) = ('', '');

    for (1 .. $lines) {
        my $line = $self->take_line;
        my ($name, $value) = $line =~ /^([^:]+): (.*)\n/;
        $raw .= $line;
        $headers{lc $name} = exists $headers{lc $name}
            ? $headers{lc $name} . ", $value" : $value;
    }
    read($self->{out}, $body, $bytes) == $bytes or die "cut in the body\n";

    return { status => $status, headers => \%headers, body => $body,
             raw => $raw };
}


sub take_line {
    my ($self) = @_;

    return readline($self->{out}) // die "uvserve has ended\n";
}


# What a server does with an answer, whatever it says.
sub as_over_http {
    my ($method, $res) = @_;
    my $status = $res->{status};

    $res->{headers}{'content-length'} = length $res->{body}
        if $status != 204 && $status != 304;
    delete $res->{headers}{'content-type'} if $status == 204 || $status == 304;
    $res->{body} = '' if $method eq 'HEAD' || $status == 204 || $status == 304;

    return $res;
}


# There is no connection that could be lost.
sub usable {
    return 1;
}


sub close {
    my ($self) = @_;

    CORE::close $self->{in};
    waitpid $self->{pid}, 0;

    return $? == 0;
}

1;
