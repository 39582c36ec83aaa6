#!/usr/bin/perl
#
# listeners.t - many who listen to events and hear nothing for hours: what one
# costs a worker, that each is told all the same, and that who does not read
# what he is told costs no more, and is let go.
#
# 1,200 at one worker; 10,000 with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Shop::Listener;
use Shop::Test;
use Socket qw(SOL_SOCKET SO_RCVBUF SOCK_STREAM inet_aton pack_sockaddr_in);

use constant BYTES_EACH => 10_000;

my ($few, $many) = $ENV{TORTURE} ? (1_000, 10_000) : (200, 1_200);
my $narrow = free_port();

# The pool of a request in one block, as nginx.conf.example has it.
start_shop(workers => 1, background => 1, connections => $many + 2000,
           http => 'request_pool_size 7k;', server => <<"END",
        listen 127.0.0.1:$narrow sndbuf=8k;
END
           locations => <<'END');
        location = /api/admin/v1/stream { shop; send_timeout 2s; }
END
my $key = as_key('events.read');
my ($worker) = workers();


sub counter { return status()->{counters}{ $_[0] } }


# In crowds, as they come when they have lost a worker.
sub crowd {
    my ($n) = @_;
    my @crowd = map { ask_to_listen($key, '') } 1 .. $n;

    return map { is_listening($_) } @crowd;
}


sub all_listen {
    my ($who, $n) = @_;

    push @$who, crowd(50) while @$who < $n;
    is(scalar(grep { $_->{head}{status} != 200 } @$who), 0, "$n listen");
    wait_for(sub { counter('streams_open') == $n
                   && status()->{coroutines}{live} <= 1 }, 'and wait');
}


my $said = 0;
sub say {
    my ($n, $width) = @_;

    sql(q{INSERT INTO outbox (type, subject, payload)
          SELECT 'test.said', 'thing_' || n,
                 jsonb_build_object('n', n, 'text', repeat('x', ?))
            FROM generate_series(?::int, ?::int) n},
        $width, $said + 1, $said + $n);
    $said += $n;
    wait_for(sub { sql_value('SELECT last_seq FROM event_relay') == $said },
             'numbered');
}


# Numbers of his next events.
sub seqs {
    my ($who, $n) = @_;
    my @seqs;

    while (@seqs < $n) {
        my $block = block($who) // last;
        push @seqs, $1 if $block =~ /\Aid: (\d+)\nevent: /;
    }
    return "@seqs";
}

# A client that takes little at a time.
sub narrow {
    my $socket = IO::Socket::INET->new(Proto => 'tcp', Type => SOCK_STREAM);
    my $conn = bless { socket => $socket, in => '', limit => 60 },
        'Shop::HTTP';

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die "SO_RCVBUF: $!";
    connect $socket, pack_sockaddr_in($narrow, inet_aton('127.0.0.1'))
        or die "connect: $!";
    $socket->blocking(0);
    return $conn;
}

# --- what one costs ----------------------------------------------------------

my @who;
all_listen(\@who, $few);
my $before = own_kb($worker);
all_listen(\@who, $many);
my $each = (own_kb($worker) - $before) * 1024 / ($many - $few);
diag(sprintf '%d listeners cost %.0f bytes each', scalar @who, $each);
cmp_ok($each, '<', BYTES_EACH, 'for less than 10 kB each');

# --- each is told ------------------------------------------------------------

say(3, 10);
my %heard;
$heard{ seqs($_, 3) }++ for @who;
is_deeply(\%heard, { '1 2 3' => $many }, 'each hears all, once and in order');
say(30, 800);
%heard = ();
$heard{ seqs($_, 30) }++ for @who;
is_deeply(\%heard, { join(' ', 4 .. 33) => $many },
          'also of more than a piece');

# --- and all go --------------------------------------------------------------

my $quick = pop @who;
$_->{conn}->close for splice @who;
ok(wait_for(sub { counter('streams_open') == 1 }), 'all have left but one');
cmp_ok(status()->{coroutines}{live}, '<=', 1, 'and nothing is left of them');

# --- who does not read -------------------------------------------------------

$before = own_kb($worker);
my $slow = listen_as($key, '', conn => narrow());
say(1000, 500) for 1 .. 3;
is(seqs($quick, 3000), join(' ', 34 .. 3033), 'who reads has all');
cmp_ok(own_kb($worker) - $before, '<', 2048,
       'what another has not read does not lie in the worker');
ok(wait_for(sub { counter('streams_open') == 1 }), 'he is let go');
ok(!eval { 1 while defined block($slow); 1 }, 'and sees that it was no end')
    or diag('he came to an end');

$_->{conn}->close for $slow, $quick;
ok(wait_for(sub { counter('streams_open') == 0 }), 'the others leave');
is_deeply([workers()], [$worker], 'and the worker lives');
done();
