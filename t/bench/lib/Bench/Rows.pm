# Rows.pm - the rows of the table: what is measured against what, and what
# must be reached.
#
# A row is a function that takes the bench (see run) and returns a row of
# Bench::Report, or a text that says why there is none.

package Bench::Rows;

use strict;
use warnings;

use Bench::Import;
use Bench::Load;
use Bench::Memory;
use Bench::More;
use Bench::Report;
use Bench::Rival;
use Bench::Server;
use Time::HiRes qw(sleep time);

# A parameter of nginx's may have no more than 4,096 bytes with its quotes.
use constant BODY_MAX => 4000;

my $product  = '01900000-0000-7000-8000-00000';
my $variant  = '01900000-0000-7000-8001-00000';
my $category = '01900000-0000-7000-8002-00000';

our @rows = (
    [ cached_product => \&cached_product ],
    [ cached_list    => \&cached_list ],
    [ not_modified   => \&not_modified ],
    [ availability   => \&availability ],
    [ product        => \&uncached_product ],
    [ list           => \&uncached_list ],
    [ start          => \&start ],
    [ start_million  => \&start_million ],
    [ memory         => \&Bench::Memory::in_flight ],
    [ growth         => \&Bench::Memory::growth ],
    [ import         => \&Bench::Import::at_size ],
    [ limited        => \&Bench::More::limited ],
    [ two_workers    => \&Bench::More::two_workers ],
    [ http2          => \&Bench::More::http2 ],
    [ misses         => \&Bench::More::misses ],
    [ export         => \&Bench::More::export ],
    [ overload       => \&Bench::More::overload ],
);


# --- what is asked for -----------------------------------------------------

# An id as the API writes it: a prefix and 26 digits of base 32.
sub public_id {
    my ($kind, $uuid) = @_;
    my $bits = '00' . unpack 'B128', pack 'H32', $uuid =~ tr/-//dr;
    my @digits = split //, '0123456789abcdefghjkmnpqrstvwxyz';

    return $kind . '_' . join '',
        map { $digits[oct "0b$_"] } $bits =~ /(.{5})/g;
}


sub product_path {
    my ($n) = @_;

    return '/api/v1/products/' . public_id('prod', $product . $n);
}


sub availability_path {
    my ($n) = @_;

    return product_path($n) . '/availability?variant='
        . public_id('var', $variant . $n);
}


# Two filters and an order; a category has enough of each workshop.
sub list_path {
    my ($n) = @_;

    return '/api/v1/products?category=' . public_id('cat', $category . $n)
        . '&vendor=Workshop%201&sort=newest&currency=EUR&limit=20';
}


# Products are numbered from 1,000,001, shelves from 1,000,005.
sub products_of {
    my ($bench) = @_;

    return (from => 1_000_001, to => 1_000_000 + $bench->{products});
}


# --- against nginx alone ---------------------------------------------------

sub cached_product {
    my ($bench) = @_;

    return against_nginx($bench, 'cached product',
                         sub { product_path(1_000_007) },
                         '`return 200`, same body and size of header');
}


# As many of a list as nginx can be told to return.
sub cached_list {
    my ($bench) = @_;

    return against_nginx($bench, 'cached list', sub {
        my ($server) = @_;

        for my $limit (reverse 1 .. 20) {
            my $path = "/api/v1/products?limit=$limit";
            return $path
                if length($server->get($path)->{body}) <= BODY_MAX;
        }
        die "one product is too long a list\n";
    }, '`return 200`, same body and size of header');
}


sub not_modified {
    my ($bench) = @_;

    return against_nginx($bench, '304 by If-None-Match',
                         sub { product_path(1_000_007) }, '`return 304`', 304);
}


# One worker on core 0, wrk on core 1; both servers are up, one is asked.
sub against_nginx {
    my ($bench, $what, $choose, $against, $status, %options) = @_;
    my $shop = Bench::Server->shop(%{ $bench->{shop} }, cpu => 0, %options);
    my $path = $choose->($shop);
    my $answer = $shop->get($path);
    my @tag = ('if-none-match', $answer->{headers}{etag});
    my %headers = ($status // 0) == 304 ? @tag : ();

    my $ours = $shop->head_of($path, %headers);
    my $nginx = nginx_like($ours, $path, \%headers);
    my %load = (folder => $bench->{folder}, cpu => 1, path => $path,
                refused => ($status // 0) == 429,
                headers => %headers ? ["If-None-Match: $tag[1]"] : []);
    my @outcomes = pairs($bench,
        sub { wrk($shop, $_[0], %load) }, sub { wrk($nginx, $_[0], %load) });
    my $hit = cache_share($shop);
    $_->stop for $shop, $nginx;

    return ratio_row(
        what => $what, against => $against, figure => 'worker', least => 0.90,
        ours => $outcomes[0], theirs => $outcomes[1],
        note => sprintf('%d bytes of body, %d of header%s',
                        length $ours->{body}, length $ours->{raw}, $hit));
}


# A server that answers the same by itself.
sub nginx_like {
    my ($ours, $path, $headers) = @_;
    my $return = "return $ours->{status}";

    die "$path: $ours->{status}\n"
        if $ours->{status} !~ /^(?:200|304|429)$/;
    if ($ours->{status} != 304) {
        die "$path: nginx cannot return a dollar sign\n"
            if $ours->{body} =~ /\$/;
        $return .= " '" . $ours->{body} =~ s/(['\\])/\\$1/gr . "'";
    }

    my $pad = 0;
    for my $try (1, 2) {
        my $server = Bench::Server->plain(cpu => 0, ready => 0, location =>
            'default_type application/json; add_header P "'
            . 'p' x (1 + $pad) . "\" always; $return;");
        listen_wait($server);
        my $theirs = $server->head_of($path, %$headers);
        my $more = length($ours->{raw}) - length $theirs->{raw};

        # A problem names its request.
        die "$path: the bodies differ\n"
            if $theirs->{body} ne $ours->{body} && $ours->{status} != 429;
        die "$path: $theirs->{status}\n"
            if $theirs->{status} != $ours->{status};
        return $server if $more == 0;
        die "$path: our header is too short to be padded to\n" if $more < 0;
        $pad = $more;
        $server->stop;
    }
    die "$path: the headers do not become of one size\n";
}


sub listen_wait {
    my ($server) = @_;

    for (1 .. 1000) {
        return if eval { $server->get('/') };
        sleep 0.01;
    }
    die "nginx does not listen\n";
}


# How many answers the cache gave.
sub cache_share {
    my ($server) = @_;
    my $count = $server->status->{counters};
    my $all = $count->{cache_hits_total} + $count->{cache_misses_total};

    return $all ? sprintf ', %.2f %% from the cache',
        100 * $count->{cache_hits_total} / $all : ', none from the cache';
}


# --- against PostgreSQL ----------------------------------------------------

sub availability {
    my ($bench) = @_;

    return against_pgbench($bench, what => 'availability, uncached',
        least => 1.0, path => \&availability_path, products_of($bench),
        ceiling => 1);
}


sub uncached_product {
    my ($bench) = @_;

    return against_pgbench($bench, what => 'product, uncached', least => 1.0,
                           path => \&product_path, products_of($bench));
}


sub uncached_list {
    my ($bench) = @_;

    return against_pgbench($bench, what => 'list of 20, uncached',
        least => 0.9, path => \&list_path,
        from => 1_000_005, to => 1_000_024);
}


# Each side first looks for its best: one or two workers, so many clients.
sub against_pgbench {
    my ($bench, %row) = @_;
    my @shops = map { Bench::Server->shop(%{ $bench->{shop} },
                                          cache => 'off', workers => $_) }
        1, 2;
    my $res = $shops[0]->get($row{path}->($row{from}));

    if ($res->{status} == 404) {
        $_->stop for @shops;
        return "$row{what}: there is no such route";
    }
    my $rival = Bench::Rival->new(server => $shops[0], dbh => $bench->{dbh},
        conninfo => $bench->{conninfo}, %row);
    my $compared = $rival->compare;
    my $paths = write_paths($row{path}, $row{from}, $row{to});

    my @ours = map { my $shop = $_; sub {
        wrk($shop, $_[0], folder => $bench->{folder}, paths => $paths,
            backends => $bench->{backends}->("shop-%")) } } @shops;
    my @theirs = map { my $clients = $_; sub { rival_run($bench, $rival,
        $_[0], clients => $clients) } } @{ $bench->{clients} };

    my ($a, $b) = map { best($bench, @$_) } \@ours, \@theirs;
    my @outcomes = pairs($bench, $ours[$a], $theirs[$b], 1);
    my $ceiling = $row{ceiling} ? ceiling($bench, $rival) : '';
    $_->stop for @shops;

    return ratio_row(
        what => $row{what}, figure => 'rate', least => $row{least},
        against => 'pgbench, the same ' . counted($rival),
        ours => $outcomes[0], theirs => $outcomes[1],
        note => sprintf('%s, %d clients of pgbench; processor time an '
            . 'answer, of all together: %.2f of pgbench\'s; %d texts of one '
            . 'answer compared%s', ('one worker', 'two workers')[$a],
            $bench->{clients}[$b],
            Bench::Report::all_cpu(@{ $outcomes[0] })
            / Bench::Report::all_cpu(@{ $outcomes[1] }), $compared,
            $ceiling));
}


sub counted {
    my ($rival) = @_;
    my $n = @{ $rival->{statements} };

    return $n == 1 ? 'statement' : "$n statements";
}


sub write_paths {
    my ($path, $from, $to) = @_;
    my $file = "$ENV{SHOP_TEST_DIR}/paths";

    Bench::Server::write_file($file, join '',
        map { $path->($_) . "\n" } $from .. $to);
    return $file;
}


sub rival_run {
    my ($bench, $rival, $seconds, %options) = @_;
    my $file = "$ENV{SHOP_TEST_DIR}/rival.sql";
    my $variables = $rival->script($file, $options{each});

    return pgbench($seconds, script => $file, variables => $variables,
                   warm => $bench->{warm}, conninfo => $bench->{conninfo},
                   backends => $bench->{backends}->('pgbench'), %options);
}


# Eight statements of one round trip: what a driver could gain at most.
sub ceiling {
    my ($bench, $rival) = @_;
    my $outcome = eval { rival_run($bench, $rival, $bench->{seconds},
                                   clients => 16, each => 8) };

    return $outcome ? '; pgbench with `\startpipeline` x 8: '
            . Bench::Report::commas($outcome->{rate}) . '/s' : '';
}


# Which of them has the highest rate, in one short run each.
sub best {
    my ($bench, @runs) = @_;
    my @rates = map { $_->($bench->{look})->{rate} } @runs;
    my ($best) = sort { $rates[$b] <=> $rates[$a] } 0 .. $#rates;
    die "nothing was answered in $bench->{look} s\n" if $rates[$best] == 0;

    print STDERR '    looking for the best: ', join(' ',
        map { Bench::Report::commas($_) } @rates), "\n";
    return $best;
}


# A B, B A, A B ...: what drifts meets both alike.  pgbench has its warm-up
# within a run.
sub pairs {
    my ($bench, $ours, $theirs, $theirs_warms) = @_;
    my @outcomes = ([], []);
    my @run = (sub { $ours->($bench->{warm}); $ours->($bench->{seconds}) },
               sub { $theirs->($bench->{warm}) unless $theirs_warms;
                     $theirs->($bench->{seconds}) });

    for my $pair (1 .. $bench->{pairs}) {
        for my $side ($pair % 2 ? (0, 1) : (1, 0)) {
            push @{ $outcomes[$side] }, $run[$side]->();
        }
        print STDERR '    ', join(' against ', map {
            Bench::Report::figures($_->[-1]) } @outcomes), "\n";
    }
    return @outcomes;
}


# --- start -----------------------------------------------------------------

# From exec of nginx to its first 200, which for a shop has come out of
# PostgreSQL.
sub start {
    my ($bench) = @_;

    return start_row($bench, 'start: exec to first 200', $bench->{conninfo});
}


# The same of a shop that is large: a product fills 25 rows of ten tables.
sub start_million {
    my ($bench) = @_;
    my $rows = $bench->{rows};

    $bench->{fill}->('large', $rows / 25);
    my $row = start_row($bench,
        'start with ' . Bench::Report::commas($rows) . ' rows in the tables',
        $bench->{conninfo} =~ s/dbname=\w+/dbname=large/r);
    $bench->{dbh}->do('DROP DATABASE large WITH (FORCE)');
    return $row;
}


sub start_row {
    my ($bench, $what, $conninfo) = @_;
    my @seconds = ([], []);

    for (1 .. $bench->{starts}) {
        push @{ $seconds[0] }, started(sub {
            Bench::Server->shop(database => $conninfo, ready => 0) },
            product_path(1_000_001));
        push @{ $seconds[1] }, started(sub {
            Bench::Server->plain(ready => 0, location => 'return 200 ok;') },
            '/');
    }

    my ($ours, $theirs) = map { median(@$_) } @seconds;
    return {
        what    => $what,
        against => 'nginx without the module',
        ours    => sprintf('%.3f s', $ours),
        theirs  => sprintf('%.3f s', $theirs),
        result  => sprintf('%.3f s more', $ours - $theirs),
        bar     => '<= 0.3 s',
        verdict => verdict($ours <= 0.3),
        note    => 'median of ' . $bench->{starts},
    };
}


sub started {
    my ($make, $path) = @_;
    my $since = time;
    my $server = $make->();

    $server->wait_for($path);
    my $seconds = time - $since;
    $server->stop;
    return $seconds;
}

1;
