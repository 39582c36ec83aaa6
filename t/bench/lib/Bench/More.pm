# More.pm - rows without a bar: what else there is to know of a machine.
#
# Limits, HTTP/2, a second worker, answers that must be made, an export, and
# three times the load that can be served.

package Bench::More;

use strict;
use warnings;

use Bench::Load;
use Bench::Report;
use Bench::Rows;
use Bench::Server;
use DBI;
use JSON::PP;
use Time::HiRes qw(sleep time);

use constant KEYS => 1000;
use constant POOL => 7;         # for reads, slow reads and transactions


# A row that only shows needs fewer pairs.
sub few {
    my ($bench) = @_;

    return { %$bench, pairs => $bench->{pairs} < 3 ? $bench->{pairs} : 3 };
}


sub shown {
    my ($row) = @_;

    return { %$row, bar => '-', verdict => '' };
}


# Who asks too often, against nginx that refuses everybody.
sub limited {
    my $bench = few(@_);

    return shown(Bench::Rows::against_nginx($bench, 'refused: too many (429)',
        sub { Bench::Rows::product_path(1_000_007) },
        '`return 429`, same body and size of header', 429,
        more => 'shop_limit address rate=1r/m burst=1;'));
}


sub two_workers {
    my $bench = few(@_);
    my @shops = map { Bench::Server->shop(%{ $bench->{shop} }, workers => $_) }
        2, 1;
    my $path = Bench::Rows::product_path(1_000_007);
    my @outcomes = Bench::Rows::pairs($bench, map { my $shop = $_; sub {
        wrk($shop, $_[0], folder => $bench->{folder}, path => $path) } }
        @shops);

    $_->stop for @shops;
    return shown(ratio_row(what => 'cached product, two workers',
        against => 'one worker', figure => 'rate', least => 1,
        ours => $outcomes[0], theirs => $outcomes[1],
        note => 'nothing is pinned; wrk needs a core too'));
}


# Four streams on each of sixteen connections.
sub http2 {
    my $bench = few(@_);
    my $shop = Bench::Server->shop(%{ $bench->{shop} }, cpu => 0, http2 => 1);
    my $path = Bench::Rows::product_path(1_000_007);
    my $answer = $shop->head_of($path);
    my $nginx = Bench::Server->plain(cpu => 0, http2 => 1, ready => 0,
        location => 'default_type application/json; return 200 \''
            . $answer->{body} =~ s/(['\\])/\\$1/gr . '\';');
    Bench::Rows::listen_wait($nginx);
    my @outcomes = Bench::Rows::pairs($bench, map { my $server = $_; sub {
        h2load($server, '-D', $_[0], '-c', 16, '-m', 4, '-p', 'h2c',
               $server->url2 . $path) } } $shop, $nginx);

    $_->stop for $shop, $nginx;
    return shown(ratio_row(what => 'cached product over HTTP/2',
        against => '`return 200`, same body', figure => 'worker', least => 1,
        ours => $outcomes[0], theirs => $outcomes[1],
        note => 'the shop sends '
            . (length($answer->{raw})) . ' bytes of header, uncompressed'));
}


# h2load's run as an outcome of Bench::Load.
sub h2load {
    my ($server, @arguments) = @_;
    my @workers = $server->workers;
    my @before = (time, cpu_ns(@workers));
    my $out = Bench::Load::run('h2load', '-t1', @arguments);
    my @after = (time, cpu_ns(@workers));
    my ($n, $failed) = $out =~ /(\d+) succeeded, (\d+) failed/
        or die "h2load said:\n$out";

    die "h2load: $failed failed\n" if $failed || !$n;
    return { rate => $n / ($after[0] - $before[0]), n => $n, client => 0,
             worker => ($after[1] - $before[1]) / 1e3 / $n, backend => 0 };
}


# Each of 1,000 products once, after all was purged; against a shop that keeps
# nothing.
sub misses {
    my $bench = few(@_);
    my @shops = map { Bench::Server->shop(%{ $bench->{shop} }, cpu => 0,
                                          http2 => 1, cache => $_) }
        '64m', 'off';
    my $paths = "$ENV{SHOP_TEST_DIR}/keys";
    Bench::Server::write_file($paths, join '', map {
        "http://127.0.0.1" . Bench::Rows::product_path($_) . "\n" }
        1_000_001 .. 1_000_000 + KEYS);
    my @outcomes = Bench::Rows::pairs($bench, map { my $shop = $_; sub {
        purge($bench, $shop);
        h2load($shop, '-n', KEYS, '-c', 1, '-m', 64, '-p', 'h2c', '-i', $paths,
               '-B', $shop->url2);
    } } @shops);
    my $stored = $shops[0]->status->{counters}{cache_stored_total};

    $_->stop for @shops;
    return shown(ratio_row(
        what => 'cache misses, 1,000 keys', against => 'no cache',
        figure => 'worker', least => 1,
        ours => $outcomes[0], theirs => $outcomes[1],
        note => Bench::Report::commas($stored) . ' answers were stored'));
}


sub purge {
    my ($bench, $shop) = @_;
    my $polls = $shop->status->{counters}{polls_total};

    shopctl($bench, 'cache', 'purge');
    while ($shop->status->{counters}{polls_total} < $polls + 2) {
        sleep 0.05;
    }
}


sub shopctl {
    my ($bench, @arguments) = @_;

    return Bench::Load::run("$ENV{SHOP_BUILD}/shopctl", '--database',
                            $bench->{conninfo}, @arguments);
}


# All products as a table and as lines of JSON, to a client that reads as fast
# as it can.
sub export {
    my ($bench) = @_;
    my $key = decode_json(shopctl($bench, qw(key create --name bench --scope
                                             products.read --json)))->{key};
    my $shop = Bench::Server->shop(%{ $bench->{shop} });
    my %rate = map { my $kind = $_; $kind => median(map {
        my $begun = time;
        my $res = $shop->get("/api/admin/v1/products/export.$kind",
                             authorization => "Bearer $key");
        die "export: $res->{status}\n" if $res->{status} != 200;
        [ length($res->{body}) / (time - $begun),
          $bench->{products} / (time - $begun) ]->[1];
    } 1 .. $bench->{pairs}) } qw(csv ndjson);

    $shop->stop;
    return {
        what    => 'export of all products',
        against => '-',
        ours    => join(', ', map { Bench::Report::commas($rate{$_})
                                    . " products/s as $_" } qw(csv ndjson)),
        theirs  => '-', result => '-', bar => '-', verdict => '',
        note    => "median of $bench->{pairs} exports of $bench->{products} "
            . 'products with three variants each, read by a program in Perl',
    };
}


# What is served of three times the load that can be.  Processors share what
# they compute with, so that refusing, and asking, makes PostgreSQL slower too:
# the control is the most while nginx itself refuses as many as the shop would.
# One round measures all three, as machines change their speed meanwhile.
sub overload {
    my ($bench) = @_;
    my $shop = Bench::Server->shop(%{ $bench->{shop} }, cache => 'off',
                                   http2 => 1);
    my $paths = "$ENV{SHOP_TEST_DIR}/crowd";
    Bench::Server::write_file($paths, join '', map {
        "http://127.0.0.1" . Bench::Rows::product_path($_) . "\n" }
        1_000_001 .. 1_000_000 + $bench->{products});
    my @where = ('-i', $paths, '-B', $shop->url2);
    my @rounds = map { overload_round($bench, $shop, @where) }
        1 .. $bench->{pairs};

    $shop->stop;
    my %of = map { my $figure = $_;
        $figure => [map { $_->{$figure} } @rounds] } keys %{ $rounds[0] };
    my %is = map { $_ => median(@{ $of{$_} }) } keys %of;
    my @good = map { $of{good}[$_] / $of{peak}[$_] } keys @rounds;
    return {
        what    => 'three times the load that can be served',
        against => 'the most that is served',
        ours    => sprintf('%s/s served in %.0f ms, %s/s refused',
            Bench::Report::commas($is{good}), $is{took},
            Bench::Report::commas($is{refused})),
        theirs  => Bench::Report::commas($is{peak}) . '/s',
        result  => sprintf('%.2f (%.2f to %.2f); refused within %.0f ms; '
            . 'back after %.1f s; %d sessions',
            median(@good), quartile(1, @good), quartile(3, @good),
            @is{qw(late back sessions)}),
        bar     => '>= 0.80; 50 ms; 5 s; ' . POOL,
        verdict => verdict(median(@good) >= 0.8 && $is{late} <= 50
            && $is{back} <= 5 && $is{sessions} <= POOL),
        note    => 'product, uncached, one worker, over HTTP/2; 99 % were '
            . 'refused within that time; while nginx itself refuses twice '
            . 'the most, the most is '
            . Bench::Report::commas($is{beside}) . '/s',
    };
}


sub overload_round {
    my ($bench, $shop, @where) = @_;
    my $seconds = $bench->{seconds};
    my $most = sub { h2load($shop, '-D', $seconds, '-p', 'h2c', '-c', 1,
                            '-m', 64, @where)->{rate} };
    my $peak = $most->();
    my ($served, $refused) = crowd(3 * $peak, $seconds, @where);
    my ($gone, $sessions) = (time, sessions($bench));
    my $back = recovery($shop, $peak, @where) - $gone;
    my $beside = beside_refusals(2 * $peak, $most);

    printf STDERR "    %s/s, %s/s of three times that, %s/s beside\n",
        map { Bench::Report::commas($_) } $peak, @$served / $seconds, $beside;
    return {
        peak => $peak, beside => $beside, good => @$served / $seconds,
        took => median(@$served) / 1e3, refused => @$refused / $seconds,
        late => @$refused ? quartile(3.96, @$refused) / 1e3 : 0,
        back => $back, sessions => $sessions,
    };
}


# When a second has ended in which as much is served as before the crowd, within
# the spread of such short runs; an hour hence where none does.
sub recovery {
    my ($shop, $peak, @where) = @_;

    for (1 .. 10) {
        my $all = eval { h2load($shop, '-D', 1, '-p', 'h2c', '-c', 1,
                                '-m', 64, @where) };    # dies of a refusal

        return time if $all && $all->{rate} >= 0.8 * $peak;
    }
    return time + 3600;
}


# Lanes that were opened stay open: these are the most there were.
sub sessions {
    my ($bench) = @_;

    return DBI->connect("dbi:Pg:$bench->{conninfo}", '', '',
                        { RaiseError => 1 })->selectrow_array(<<'SQL');
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^shop-(read|slow|tx)'
SQL
}


# Does something while a bare nginx refuses so many a second.
sub beside_refusals {
    my ($rate, $does) = @_;
    my $nginx = Bench::Server->plain(http2 => 1, ready => 0,
                                     location => 'return 503;');
    Bench::Rows::listen_wait($nginx);
    my $pid = open my $crowd, '-|', 'h2load', '-t1', '-D', 3600, '-c', 128,
        '-m', 64, '-p', 'h2c', '--rps', $rate / 128, $nginx->url2
        or die "h2load: $!\n";
    my $result = eval { $does->() };
    my $error = $@;

    kill TERM => $pid;
    close $crowd;
    $nginx->stop;
    die $error if $error;
    return $result;
}


# What some load does after its first seconds: microseconds of each request
# that was served, and of each refused.
sub crowd {
    my ($rate, $seconds, @where) = @_;
    my $log = "$ENV{SHOP_TEST_DIR}/crowd.log";
    my (@served, @refused);

    unlink $log;
    Bench::Load::run('h2load', '-t1', '-D', $seconds, '--warm-up-time=5',
        '-c', 128, '-m', 64, '-p', 'h2c', '--rps', $rate / 128,
        "--log-file=$log", @where);
    open my $in, '<', $log or die "$log: $!\n";
    while (my $line = <$in>) {
        my (undef, $status, $us) = split ' ', $line;
        push @{ $status == 200 ? \@served : \@refused }, $us
            if $status == 200 || $status == 503;
    }
    die "nobody was served\n" unless @served;
    return (\@served, \@refused);
}

1;
