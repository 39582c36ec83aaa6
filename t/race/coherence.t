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

use constant { READERS => 32, API => 4, PSQL => 2, WRITES => 40, KILLS => 5 };
use constant PRODUCTS => API + PSQL;
use constant PROCESSES => READERS + PRODUCTS;

start_shop(workers => 2);

sql(<<'SQL');
INSERT INTO products (id, handle, status, published_at)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'p-' || n,
       'active', '2026-01-01'
  FROM generate_series(1, 6) n;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', '0' FROM products;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, p.handle
  FROM products p, channels c WHERE c.is_default;
INSERT INTO variants (product_id, sku) SELECT id, handle FROM products;
INSERT INTO prices (variant_id, currency, amount)
SELECT id, 'TRY', 1000 FROM variants;
SQL
polled();
as_key(qw(products.read products.write));

my @id = map { ok_json(get("/api/v1/products/p-$_"), 200)->{id} }
    1 .. PRODUCTS;
my $slots = "$ENV{SHOP_TEST_DIR}/slots.$$";
open my $file, '+>', $slots or die "$slots: $!";
binmode $file;
syswrite $file, pack 'N*', (0) x (PROCESSES * PRODUCTS);

# What is known of a product: the most that the given processes have noted.
sub known {
    my ($p, $from, $to) = @_;
    my ($all, $most) = ('', 0);

    open my $in, '<', $slots or die "$slots: $!";
    binmode $in;
    sysread $in, $all, 4 * PROCESSES * PRODUCTS;
    my @n = unpack 'N*', $all;
    for my $process ($from .. $to) {
        my $n = $n[$process * PRODUCTS + $p];
        $most = $n if $n > $most;
    }
    return $most;
}

sub note_slot {
    my ($process, $p, $n) = @_;

    open my $out, '+<', $slots or die "$slots: $!";
    binmode $out;
    sysseek $out, 4 * ($process * PRODUCTS + $p), 0;
    syswrite $out, pack 'N', $n;
}

sub title {
    my ($conn, $p) = @_;
    my $res = $conn->request('GET', "/api/v1/products/p-" . ($p + 1));

    $res->{status} == 200 or die "reading: $res->{status} $res->{body}\n";
    return $res->{body} =~ /"title":"(\d+)"/ ? $1 : die "no title\n";
}

# Readers run until the writers are done; each says how often it compared.
sub reader {
    my ($process, $out) = @_;
    my ($n, $conn) = (0);

    until (-e "$slots.done") {
        my $p = int rand PRODUCTS;
        my $least = $p < API ? known($p, 0, PROCESSES - 1)
                             : known($p, READERS, PROCESSES - 1);
        $conn = new_connection() if $n++ % 20 == 0;
        my $seen = title($conn, $p);
        die "product $p: $seen after $least\n" if $seen < $least;
        note_slot($process, $p, $seen) if $p < API && $seen > $least;
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
        note_slot($process, $p, $n);
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
        note_slot($process, $p, $n);
    }
}

# A child: what it dies of is its last line.
sub child {
    my ($what) = @_;

    pipe my $in, my $out or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    return { pid => $pid, in => $in } if $pid;

    close $in;
    forget_connections();
    eval { $what->($out); 1 } or print $out "failed: $@";
    close $out;
    POSIX::_exit(0);
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

sub last_words {
    my ($child) = @_;
    my $words = do { local $/; readline $child->{in} } // '';

    waitpid $child->{pid}, 0;
    return $words;
}

is(last_words($writers[$_]), '', "writer $_ did all, and saw it at once")
    for 0 .. PRODUCTS - 1;
open my $done, '>', "$slots.done" or die "$slots.done: $!";
my $compared = 0;
for my $r (@readers) {
    my $words = last_words($r);
    like($words, qr/^\d+\n\z/, 'a reader never went back') or next;
    $compared += $words;
}
unlink $slots, "$slots.done";

my $c = status()->{counters};
note("compared $compared times, $c->{cache_hits_total} hits, "
     . "$c->{cache_misses_total} misses");
cmp_ok($compared, '>', 1000, 'they compared often');
cmp_ok($c->{cache_hits_total}, '>', $compared / 4, 'kept answers were served');
cmp_ok($c->{db_lost_total}, '>=', KILLS, 'the poller lost its connections');

done();
