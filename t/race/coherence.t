#!/usr/bin/perl
#
# coherence.t - kept answers never lie: 32 readers, four writers over the API
# and two in psql, on two workers; first in peace, then while the poller's
# connection is killed at random moments for as long as they write.  SEED= draws
# the same moments again; it is printed.
#
# Each product's title is a number that only grows.  What is known of it stands
# in a file of slots, one a process and product: each writes its own and reads
# all.  Before a reader asks, it looks up what must be seen by now:
#
#   - of a product written over the API, what any reader has seen or a writer
#     was told is done: nobody ever goes back to an older value;
#   - of a product written in psql, what was committed before a poll that has
#     been answered since.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Witness;
use Time::HiRes qw(sleep);

use constant { READERS => 32, API => 4, PSQL => 2 };
use constant { KILLS_MOST => 300, APART => 1.2 };
use constant PRODUCTS => API + PSQL;
use constant PROCESSES => READERS + PRODUCTS;

my $seed = $ENV{SEED} // time;
my ($known, $writes, @id);

sub title {
    my ($conn, $p) = @_;

    return title_of($conn, '/api/v1/products/p-' . ($p + 1));
}

# Readers run until the writers are done; each says how often it compared.
sub reader {
    my ($process, $out) = @_;
    my ($n, $conn) = (0);

    srand $seed + $process;
    until ($known->ended) {
        my $p = int rand PRODUCTS;
        my $least = $p < API ? $known->most($p, 0 .. PROCESSES - 1)
                             : $known->most($p, READERS .. PROCESSES - 1);
        $conn = new_connection() if $n++ % 20 == 0;
        my $seen = title($conn, $p);
        die "product $p: $seen after $least\n" if $seen < $least;
        $known->saw($process, $p, $seen) if $p < API && $seen > $least;
    }
    print $out "$n\n";
}

sub api_writer {
    my ($process, $p) = @_;
    my $path = "/api/admin/v1/products/$id[$p]";

    for my $n (1 .. $writes) {
        my $etag = get($path)->{headers}{etag};
        my $res = patch($path, { title => "$n" },
                        'If-Match' => $etag);
        $res->{status} == 200 or die "writing: $res->{status} $res->{body}\n";
        $known->saw($process, $p, $n);
        for (1, 2) {                    # one of two workers, and again
            my $seen = title(new_connection(), $p);
            die "own write $n, seen $seen\n" if $seen != $n;
        }
    }
}

sub psql_writer {
    my ($process, $p) = @_;

    for my $n (1 .. $writes) {
        sql("UPDATE product_i18n SET title = '$n'
              WHERE product_id = ('00000000-0000-7000-8000-00000000000' || "
            . ($p + 1) . ")::uuid");
        polled();
        $known->saw($process, $p, $n);
    }
}

# What the psql writers have come to.
sub written { return $known->most(PRODUCTS - 1, READERS .. PROCESSES - 1) }

# Says how many connections it ended, and how far the writers were when it
# ended the last one.
sub killer {
    my ($out) = @_;
    my ($kills, $last) = (0, 0);

    srand $seed;
    until ($known->ended || $kills == KILLS_MOST) {
        sleep rand APART;
        my $at = written();
        my ($ended) = map { $_->[0] } sql_as('postgres', <<'SQL');
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'shop-poll'
SQL
        $kills += $ended;
        $last = $at if $ended;
    }
    print $out "$kills $last";
}

sub race {
    my ($name, $n, $kills) = @_;

    $writes = $n;
    start_shop(workers => 2);
    numbered_products(PRODUCTS);
    as_key(qw(products.read products.write));
    @id = map { ok_json(get("/api/v1/products/p-$_"), 200)->{id} }
        1 .. PRODUCTS;
    $known = Shop::Witness->new(PROCESSES, PRODUCTS);

    my @readers = map { my $r = $_; child(sub { reader($r, @_) }) }
        0 .. READERS - 1;
    my @writers = map {
        my $p = $_;
        child(sub { $p < API ? api_writer(READERS + $p, $p)
                             : psql_writer(READERS + $p, $p) })
    } 0 .. PRODUCTS - 1;
    my $killer = $kills && child(\&killer);

    is(last_words($writers[$_]), '', "$name: writer $_ did all, and saw it")
        for 0 .. PRODUCTS - 1;
    $known->end;
    check_readers($name, @readers);
    check_kills($killer) if $killer;
    $known->remove;
}

sub check_readers {
    my ($name, @readers) = @_;
    my $compared = 0;

    for my $r (@readers) {
        my $words = last_words($r);
        like($words, qr/^\d+\n\z/, "$name: a reader never went back") or next;
        $compared += $words;
    }

    my $c = status()->{counters};
    note("$name: compared $compared times, $c->{cache_hits_total} hits, "
         . "$c->{cache_misses_total} misses");
    cmp_ok($compared, '>', 1000, 'they compared often');
    cmp_ok($c->{cache_hits_total}, '>', $compared / 4,
           'kept answers were served');
}

sub check_kills {
    my ($kills, $last) = split ' ', last_words($_[0]);
    my $lost = status()->{counters}{db_lost_total};

    diag("seed $seed: $kills times the poller lost its connection");
    cmp_ok($kills, '>=', 5, 'its connection was ended again and again');
    cmp_ok($lost, '>=', 5, 'and it was told');
    cmp_ok($last, '>', $writes / 2, 'to the end');
}

race('in peace', 15, 0);
race('killed', 30, 1);

done();
