#!/usr/bin/perl
#
# slow.t - clients that never end their header or body, or do not read what
# they asked for, a megabyte each: while they are there others are served,
# they hold neither coroutine nor session, nginx's timeouts end them, and as
# many more of them take no more memory.  A hundred of them; a thousand with
# TORTURE=1, where others are also to be served about as fast as without them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use POSIX ();
use Shop::Fault;
use Shop::Test;
use Shop::Toy;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);

use Time::HiRes qw(time);

use constant { BIG => 1 << 20, SPARE_KB => 8192 };

# Those who do not read hold a megabyte each, and so are fewer.
my ($each, $readers, $good, $wait) = torture() ? (1000, 100, 2000, '30s')
                                               : (100, 30, 200, '4s');
my $narrow = free_port();
start_toys(server => "listen 127.0.0.1:$narrow backlog=1024 sndbuf=16k;
    client_header_timeout $wait;
    client_body_timeout $wait;
    send_timeout $wait;");
my $path = '/api/v1/toys/'
    . toy_name('00000000-0000-7000-8000-000000000001');
sql(q{INSERT INTO toys (id, name, note)
      VALUES ('00000000-0000-7000-8000-000000000001', 'big',
              repeat('x', ?::int))}, BIG);
my $small = make_toy(name => 'small');

# Who does not read has little room for what comes.
sub slow_client {
    my ($says) = @_;

    socket my $socket, Socket::PF_INET, Socket::SOCK_STREAM, 0
        or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die "SO_RCVBUF: $!";
    connect $socket, pack_sockaddr_in($narrow, inet_aton('127.0.0.1'))
        or die "connect: $!";
    syswrite $socket, $says;
    return $socket;
}

sub held {
    return open_sockets(port => $narrow);
}

# The processor's time of the worker, in ms.
sub cpu_ms {
    my ($worker) = workers();
    my @field = split ' ', read_file("/proc/$worker/stat") =~ s/^.*\) //sr;

    return ($field[11] + $field[12]) * 1000
        / POSIX::sysconf(&POSIX::_SC_CLK_TCK);
}

# What an answer costs: the client's time, by the one in the middle, and the
# worker's.
sub others_are_served {
    my ($name) = @_;
    my (%got, @ms);
    my $cpu = cpu_ms();

    for (1 .. $good) {
        my $since = time;
        $got{ get("/api/v1/toys/$small/untagged")->{status} }++;
        push @ms, (time - $since) * 1000;
    }
    is_deeply(\%got, { 200 => $good }, "$name: others are served");
    return { client => (sort { $a <=> $b } @ms)[$good / 2],
             worker => (cpu_ms() - $cpu) / $good };
}

# Beside slow clients, and before and after them: twice as much at most.
sub compare {
    my ($name, $with, @without) = @_;

    for my $whose (qw(client worker)) {
        my ($most) = sort { $b <=> $a } map { $_->{$whose} } @without;

        diag(sprintf '%s: the %s takes %.3f ms, without them %.3f at most',
             $name, $whose, $with->{$whose}, $most);
        cmp_ok($with->{$whose}, '<=', 2 * $most,
               "$name: the $whose takes no longer") if torture();
    }
}

# So many clients that say this are there, then gone; what they took of the
# worker's memory at most, in kB.
sub outlast {
    my ($name, $n, $says) = @_;
    my ($worker) = workers();
    my $before = others_are_served("$name, before");
    my @slow = map { slow_client($says) } 1 .. $n;

    is(wait_for(sub { held() == $n && $n }, "$name: all are there"), $n,
       "$name: all are there");
    wait_for(sub { status()->{coroutines}{live} == 0 },
             "$name: no coroutine waits for them");
    my $with = others_are_served($name);
    my $most = own_kb($worker);

    wait_for(sub { held() == 0 }, "$name: they are ended");
    compare($name, $with, $before, others_are_served("$name, after"));
    is((workers())[0], $worker, "$name: the worker is the same");
    return $most;
}

# What they held is given back after a while, and nginx keeps some of it for
# the next ones.
sub outlast_twice {
    my ($name, $n, $kb_each, $says) = @_;
    my ($worker) = workers();
    my $before = own_kb($worker);
    my @most;

    for (1, 2) {
        push @most, outlast("$name, $_", $n, $says) - $before;
        wait_for(sub { own_kb($worker) < $before + 1.5 * SPARE_KB },
                 "$name: their memory is given back", 120);
    }

    cmp_ok($most[0], '<', $n * $kb_each + SPARE_KB, "$name: memory is bounded");
    cmp_ok($most[1], '<', $most[0] + SPARE_KB, "$name: more take no more");
    diag("$name: $n clients take $most[0] kB, then $most[1] kB");
}

others_are_served('at first');
outlast_twice('header', $each, 16,
        "GET $path HTTP/1.1\r\nHost: x\r\nX-Slow: y");
outlast_twice('body', $each, 280, "POST /api/v1/toys HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n{");
outlast_twice('answer', $readers, BIG / 1024,
        "GET $path/untagged HTTP/1.1\r\nHost: x\r\n\r\n");

done();
