# Memory.pm - the rows that are about memory.

package Bench::Memory;

use strict;
use warnings;

use Bench::Load;
use Bench::Report;
use Bench::Server;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use constant IN_FLIGHT => 1000;
use constant LIMIT     => 60;


# --- 1,000 requests that wait ----------------------------------------------

# A worker at rest, then while PostgreSQL holds 1,000 answers back: faultproxy
# stands between them, half a second each way.  It delays reads only, as a
# database that works does: polls go on, and what they keep true stays known.
# A lane has 256 statements on their way at most, so that some wait for four
# seconds.
sub in_flight {
    my ($bench) = @_;
    my $delay = start_delay($bench, 500);
    my $shop = Bench::Server->shop(
        %{ $bench->{shop} }, cache => 'off', deadline => '60s',
        more => 'shop_overload 0;',
        database => "host=$delay->{folder} $bench->{name_and_user}");
    my $row = eval { measure($shop) };
    my $failed = $@;

    $shop->stop;
    kill TERM => $delay->{pid};
    waitpid $delay->{pid}, 0;
    die $failed if !$row;
    return $row;
}


sub measure {
    my ($shop) = @_;
    my ($worker) = $shop->workers;

    $shop->get(list(0));
    my $idle = pss_kb($worker);
    my ($peak, $most) = flood($shop, $worker);
    my $after = pss_kb($worker);

    return {
        what    => 'memory of a worker: idle; ' . IN_FLIGHT . ' in flight',
        ours    => sprintf('%.1f MB; %.1f MB', $idle / 1024, $peak / 1024),
        result  => sprintf('%.1f KB a request', ($peak - $idle) / IN_FLIGHT),
        bar     => '<= 20 MB; <= 60 MB',
        verdict => verdict($idle <= 20480 && $peak <= 61440
                           && $most >= IN_FLIGHT),
        note    => sprintf('%d coroutines at most at a time; %.1f MB '
                           . 'afterwards', $most, $after / 1024),
    };
}


# A list waits for one statement, and its answer is the largest.
sub list {
    my ($n) = @_;

    return '/api/v1/products?limit=20&sort=newest&currency='
        . (qw(TRY EUR USD))[$n % 3];
}


# All ask at once; memory and coroutines are looked at until the last answer.
sub flood {
    my ($shop, $worker) = @_;
    my (%wait, $peak, $most) = ();
    my $select = IO::Select->new;
    my $until = time + LIMIT;

    for my $n (1 .. IN_FLIGHT) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $shop->{port}) or die "connect: $!\n";
        syswrite $socket, 'GET ' . list($n)
            . " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        $select->add($socket);
        $wait{$socket} = '';
    }

    ($peak, $most) = (0, 0);
    while (%wait && time < $until) {
        my ($kb, $live) = (pss_kb($worker), $shop->status->{coroutines}{live});
        $peak = $kb if $kb > $peak;
        $most = $live if $live > $most;
        take($_, $select, \%wait) for $select->can_read(0.05);
    }
    die scalar(keys %wait) . " requests were not answered\n" if %wait;
    return ($peak, $most);
}


sub take {
    my ($socket, $select, $wait) = @_;

    return if sysread $socket, $wait->{$socket}, 65536,
        length $wait->{$socket};
    my $answer = delete $wait->{$socket};
    $select->remove($socket);
    die "refused: " . substr($answer, 0, 800) . "\n"
        if $answer !~ m{\AHTTP/1\.1 200 };
}


sub start_delay {
    my ($bench, $ms) = @_;
    my $folder = "$ENV{SHOP_TEST_DIR}/delay";
    my $pid;

    mkdir $folder or die "$folder: $!\n";
    chmod 0755, $folder;
    $pid = fork // die "fork: $!";
    if (!$pid) {
        exec "$ENV{SHOP_BUILD}/faultproxy", '-x', 'match ^shop-read',
             '-x', "delay both $ms", "$folder/.s.PGSQL.5432",
             "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432" or POSIX::_exit(127);
    }
    for (1 .. 500) {
        last if -S "$folder/.s.PGSQL.5432";
        sleep 0.01;
    }
    return { folder => $folder, pid => $pid };
}


# --- growth ----------------------------------------------------------------

# Three times so many requests: products in some languages and currencies, and
# more lists than the cache can hold.  The first run warms up.
sub growth {
    my ($bench) = @_;
    my $million = $bench->{million};
    my $shop = Bench::Server->shop(%{ $bench->{shop} }, cache => '16m',
                                   more => 'shop_overload 0;');
    my ($worker) = $shop->workers;
    my $paths = mixed_paths($bench);
    my @kb;

    for (1 .. 3) {
        my $n = 0;
        $n += wrk($shop, 5, folder => $bench->{folder},
                  paths => $paths)->{n} while $n < $million;
        push @kb, [ pss_kb($worker), $n ];
        print STDERR "    $kb[-1][0] KB after $n requests more\n";
    }
    $shop->stop;

    my $slope = ($kb[2][0] - $kb[0][0]) / ($kb[1][1] + $kb[2][1]) * 1e6;
    return {
        what    => 'memory growth of a worker',
        ours    => sprintf('%.1f, %.1f, %.1f MB', map { $_->[0] / 1024 } @kb),
        result  => sprintf('%.0f KB a million', $slope),
        bar     => '<= 64 KB a million',
        verdict => verdict($slope <= 64),
        note    => 'after each of three runs of '
            . Bench::Report::commas($million) . ' requests or more',
    };
}


sub mixed_paths {
    my ($bench) = @_;
    my $file = "$ENV{SHOP_TEST_DIR}/mixed";
    my @paths;

    for my $n (1 .. $bench->{products}) {
        my $path = Bench::Rows::product_path(1_000_000 + $n);
        push @paths, ($path) x 4, "$path?currency=EUR", "$path?locale=tr";
    }
    for my $limit (1 .. 100) {
        for my $c (5 .. 24) {
            push @paths, Bench::Rows::list_path(1_000_000 + $c)
                =~ s/limit=20/limit=$limit/r;
        }
    }
    Bench::Server::write_file($file, join '', map { "$_\n" } @paths);
    return $file;
}

1;
