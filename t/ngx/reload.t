#!/usr/bin/perl
#
# reload.t - keep-alive clients do not notice a reload, because the old
# workers end their connections politely before they go.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;
use Time::HiRes qw(sleep);

my $reloads = 4;

# Twelve clients that think for 0, 20 or 100 ms between requests; how many of
# their requests failed while nginx was reloaded?
sub failures {
    my (@children) = @_;
    my $failed = 0;

    pipe my $out, my $in or die "pipe: $!";
    for my $n (0 .. 11) {
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            close $out;
            print $in client((0, 0.02, 0.1)[$n % 3]), "\n";
            close $in;
            POSIX::_exit(0);
        }
        push @children, $pid;
    }
    close $in;
    reload() for 1 .. $reloads;
    kill USR1 => @children;
    while (my $line = <$out>) {
        my ($good, $bad) = split ' ', $line;
        cmp_ok($good, '>', 0, 'a client was served');
        $failed += $bad;
    }
    waitpid $_, 0 for @children;
    return $failed;
}

# Until USR1: requests on one connection, a new one when the server said that
# it closes.
sub client {
    my ($think) = @_;
    my ($conn, $good, $bad, $end) = (undef, 0, 0, 0);
    my $parent = getppid;

    local $SIG{USR1} = sub { $end = 1 };
    until ($end || getppid != $parent) {
        my $ok = eval {
            $conn //= new_connection();
            my $res = $conn->request('GET', '/api/v1/store', {});
            undef $conn if ($res->{headers}{connection} // '') eq 'close';
            $res->{status} == 200;
        };
        last if $end;
        $ok ? $good++ : $bad++;
        undef $conn unless $ok;
        sleep $think if $think;
    }
    return "$good $bad";
}

start_shop(workers => 2, http => 'shop_drain_time 1s;');
is(failures(), 0, "no request failed in $reloads reloads");

done();
