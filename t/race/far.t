#!/usr/bin/perl
#
# far.t - coherence over memcached: two machines with one PostgreSQL and one
# memcached, readers and writers on both, and in psql.
#
# As in coherence.t a product's title is a number that only grows.  What must
# be seen by now differs by the machine that is asked:
#
#   - of a product written over the API of this machine, what its writer was
#     told is done, and what any reader of this machine has seen;
#   - of one written elsewhere, what was committed before a poll of this
#     machine that has been answered since.
#
# Each product has many spellings of its address, each kept by itself: so an
# answer is often not there, and memcached is asked.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Fault qw(torture);
use Shop::Witness;

use constant { READERS => 4, API => 2, PSQL => 1 };
use constant WRITES => torture() ? 100 : 12;
use constant PRODUCTS => 2 * API + PSQL;        # API of each machine
use constant PROCESSES => 2 * READERS + PRODUCTS;

my @machine = (start_shop(memcached => 1));
push @machine, start_beside();
numbered_products(PRODUCTS);
on($machine[1], sub { polled() });
as_key(qw(products.read products.write));

my @id = map { ok_json(get("/api/v1/products/p-$_"), 200)->{id} }
    1 .. PRODUCTS;

# What is known of a product on one machine and on the other.
my $known = Shop::Witness->new(PROCESSES, 2 * PRODUCTS);

# Whose writer writes where; 2 is psql.
sub writes_at { return int($_[0] / API) }

sub path_of {
    my ($p) = @_;
    my $slug = join '', map { rand() < 0.3 ? sprintf '%%%02X', ord : $_ }
        split //, 'p-' . ($p + 1);

    return "/api/v1/products/$slug";
}

sub reader {
    my ($process, $m, $out) = @_;
    my ($n, $conn) = (0);

    until ($known->ended) {
        my $p = int rand PRODUCTS;
        my $slot = $p + $m * PRODUCTS;
        my $least = $known->most($slot, 0 .. PROCESSES - 1);
        $conn = on($machine[$m], sub { new_connection() }) if $n++ % 20 == 0;
        my $seen = title_of($conn, path_of($p));
        die "product $p on $m: $seen after $least\n" if $seen < $least;
        $known->saw($process, $slot, $seen)
            if $seen > $least && writes_at($p) == $m;
    }
    print $out "$n\n";
}

# On another machine it is seen when that has polled.
sub note_at {
    my ($m, $process, $p, $n) = @_;

    on($machine[$m], sub { polled() });
    $known->saw($process, $p + $m * PRODUCTS, $n);
}

sub api_writer {
    my ($process, $m, $p) = @_;
    my $path = "/api/admin/v1/products/$id[$p]";

    for my $n (1 .. WRITES) {
        on($machine[$m], sub {
            my $etag = get($path)->{headers}{etag};
            my $res = patch($path, { title => "$n" }, 'If-Match' => $etag);
            $res->{status} == 200
                or die "writing: $res->{status} $res->{body}\n";
            $known->saw($process, $p + $m * PRODUCTS, $n);
            my $seen = title_of(new_connection(), path_of($p));
            die "own write $n, seen $seen\n" if $seen != $n;
        });
        note_at(1 - $m, $process, $p, $n);
    }
}

sub psql_writer {
    my ($process, $p) = @_;

    for my $n (1 .. WRITES) {
        sql("UPDATE product_i18n SET title = '$n'
              WHERE product_id = ('00000000-0000-7000-8000-00000000000' || "
            . ($p + 1) . ")::uuid");
        note_at($_, $process, $p, $n) for 0, 1;
    }
}

my @readers = map {
    my $r = $_;
    child(sub { reader($r, $r % 2, @_) })
} 0 .. 2 * READERS - 1;
my @writers = map {
    my ($p, $m) = ($_, writes_at($_));
    child(sub { $m < 2 ? api_writer(2 * READERS + $p, $m, $p)
                       : psql_writer(2 * READERS + $p, $p) })
} 0 .. PRODUCTS - 1;

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

cmp_ok($compared, '>', 1000, 'they compared often');
for my $m (0, 1) {
    my $c = on($machine[$m], sub { status()->{counters} });
    note("machine $m: " . join ', ', map { "$_ $c->{$_}" } sort
         grep { /^(?:far|cache)_/ } keys %$c);
    cmp_ok($c->{far_hits_total}, '>', 20, "memcached served machine $m");
    cmp_ok($c->{far_stored_total}, '>', 20, 'which stored there too');
}
note("compared $compared times");

done();
