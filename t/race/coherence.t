#!/usr/bin/perl
#
# coherence.t - kept answers never lie: 32 readers, four writers over the API
# and two in psql, on two workers, while the poller's connection is killed.
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

use constant { READERS => 32, API => 4, PSQL => 2, WRITES => 40, KILLS => 5 };
use constant PRODUCTS => API + PSQL;
use constant PROCESSES => READERS + PRODUCTS;

start_shop(workers => 2);

numbered_products(PRODUCTS);
as_key(qw(products.read products.write));

my @id = map { ok_json(get("/api/v1/products/p-$_"), 200)->{id} }
    1 .. PRODUCTS;
my $known = Shop::Witness->new(PROCESSES, PRODUCTS);

sub title {
    my ($conn, $p) = @_;

    return title_of($conn, '/api/v1/products/p-' . ($p + 1));
}

# Readers run until the writers are done; each says how often it compared.
sub reader {
    my ($process, $out) = @_;
    my ($n, $conn) = (0);

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

    for my $n (1 .. WRITES) {
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

    for my $n (1 .. WRITES) {
        sql("UPDATE product_i18n SET title = '$n'
              WHERE product_id = ('00000000-0000-7000-8000-00000000000' || "
            . ($p + 1) . ")::uuid");
        polled();
        $known->saw($process, $p, $n);
    }
}

my @readers = map { my $r = $_; child(sub { reader($r, @_) }) }
    0 .. READERS - 1;
my @writers = map {
    my $p = $_;
    child(sub { $p < API ? api_writer(READERS + $p, $p)
                         : psql_writer(READERS + $p, $p) })
} 0 .. PRODUCTS - 1;

# Meanwhile the poller loses its connection.
for my $kill (1 .. KILLS) {
    my $polls = status()->{counters}{polls_total};
    wait_for(sub { status()->{counters}{polls_total} > $polls }, 'a poll');
    sql_as('postgres',
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database()
            AND application_name = 'shop-poll'");
}

is(last_words($writers[$_]), '', "writer $_ did all, and saw it at once")
    for 0 .. PRODUCTS - 1;
$known->end;
my $compared = 0;
for my $r (@readers) {
    my $words = last_words($r);
    like($words, qr/^\d+\n\z/, 'a reader never went back') or next;
    $compared += $words;
}
$known->remove;

my $c = status()->{counters};
note("compared $compared times, $c->{cache_hits_total} hits, "
     . "$c->{cache_misses_total} misses");
cmp_ok($compared, '>', 1000, 'they compared often');
cmp_ok($c->{cache_hits_total}, '>', $compared / 4, 'kept answers were served');
cmp_ok($c->{db_lost_total}, '>=', KILLS, 'the poller lost its connections');

done();
