# Listener.pm - somebody who listens to events, as server-sent ones.
#
#     my $who = listen_as(as_key('events.read'), '?after=0');
#     is(next_event($who)->{id}, 1, 'the first');
#
# He is { conn, head, text }: `text` is what has come and was not taken yet.

package Shop::Listener;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP;
use Shop::HTTP;
use Shop::Test;

our @EXPORT = qw(listen_as ask_to_listen is_listening block next_event
                 worker_of);


# Sent, and not waited for: see is_listening().
sub ask_to_listen {
    my ($key, $query, %headers) = @_;
    my $conn = delete $headers{conn} // new_connection();

    $conn->send('GET', "/api/admin/v1/stream$query",
                { authorization => "Bearer $key", %headers });
    return { conn => $conn, text => '' };
}


sub is_listening {
    my ($who) = @_;

    $who->{head} = $who->{conn}->read_response('GET');
    return $who;
}


sub listen_as { return is_listening(ask_to_listen(@_)) }


# His next block, without its blank line; undef at the end.
sub block {
    my ($who) = @_;

    until ($who->{text} =~ /\n\n/) {
        my $piece = $who->{conn}->read_piece;
        return undef if $piece eq '';
        $who->{text} .= $piece;
    }
    $who->{text} =~ s/\A(.*?)\n\n//s;
    return $1;
}


# The next event, past signs of life; undef at the end.
sub next_event {
    my ($who) = @_;

    while (defined(my $block = block($who))) {
        next unless $block =~ /^data: /m;
        my %of = $block =~ /^(\w+): (.*)$/mg;
        $of{data} = JSON::PP->new->utf8->decode($of{data});
        return \%of;
    }
    return undef;
}


# The process that has the other end of his connection.
sub worker_of {
    my ($who) = @_;
    my $socket = $who->{conn}{socket};
    my ($here, $there) = map { sprintf ':%04X', $_ }
        $socket->peerport, $socket->sockport;
    my @tcp = map { [split ' '] } split /\n/, read_file('/proc/net/tcp');
    my ($inode) = map { $_->[9] }
        grep { $_->[1] =~ /$here$/ && $_->[2] =~ /$there$/ } @tcp;

    for my $pid (workers()) {
        return $pid if grep { (readlink // '') eq "socket:[$inode]" }
            glob "/proc/$pid/fd/*";
    }
    die "nobody has socket $inode\n";
}

1;
