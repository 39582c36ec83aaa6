#!/usr/bin/perl
#
# slow.t - clients that never end their header or body, or do not read what
# they asked for, a megabyte each: while they are there others are served,
# they hold neither coroutine nor session, nginx's timeouts end them, and as
# many more of them take no more memory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Shop::Test;
use Shop::Toy;
use Socket qw(SOL_SOCKET SO_RCVBUF inet_aton pack_sockaddr_in);

use constant { EACH => 100, READERS => 30, BIG => 1 << 20, SPARE_KB => 8192 };

my $narrow = free_port();
start_toys(server => "listen 127.0.0.1:$narrow backlog=1024 sndbuf=16k;
    client_header_timeout 4s;
    client_body_timeout 4s;
    send_timeout 4s;");
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

sub others_are_served {
    my ($name) = @_;
    my %got;

    $got{ get("/api/v1/toys/$small/untagged")->{status} }++
        for 1 .. 200;
    is_deeply(\%got, { 200 => 200 }, "$name: others are served");
}

# So many clients that say this are there, then gone; what they took of the
# worker's memory at most, in kB.
sub outlast {
    my ($name, $n, $says) = @_;
    my ($worker) = workers();
    my @slow = map { slow_client($says) } 1 .. $n;

    is(wait_for(sub { held() == $n && $n }, "$name: all are there"), $n,
       "$name: all are there");
    others_are_served($name);
    wait_for(sub { status()->{coroutines}{live} == 0 },
             "$name: no coroutine waits for them");
    my $most = own_kb($worker);

    wait_for(sub { held() == 0 }, "$name: they are ended");
    is((workers())[0], $worker, "$name: the worker is the same");
    return $most;
}

# nginx keeps what was freed for the next ones.
sub outlast_twice {
    my ($name, $n, $kb_each, $says) = @_;
    my $before = own_kb((workers())[0]);
    my @most = map { outlast("$name, $_", $n, $says) - $before } 1, 2;

    cmp_ok($most[0], '<', $n * $kb_each + SPARE_KB, "$name: memory is bounded");
    cmp_ok($most[1], '<', $most[0] + SPARE_KB, "$name: more take no more");
    diag("$name: $n clients take $most[0] kB, then $most[1] kB");
}

others_are_served('at first');
outlast_twice('header', EACH, 16, "GET $path HTTP/1.1\r\nHost: x\r\nX-Slow: y");
outlast_twice('body', EACH, 280, "POST /api/v1/toys HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n{");
outlast_twice('answer', READERS, BIG / 1024,
        "GET $path/untagged HTTP/1.1\r\nHost: x\r\n\r\n");

done();
