#!/usr/bin/perl
#
# scarce.t - what a worker needs of nginx and of the system runs out while it
# works: descriptors, memory, room for answers.  Then it refuses
# with 503 or leaves clients waiting; it does not crash and tells nothing that
# is wrong; when there is enough again it goes on by itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Witness;

my $shop = start_shop(http => "shop_deadline 2s;\nshop_drain_time 0;");
my ($worker) = workers();

allow_log(qr/Too many open files/,
          qr/(?:malloc|memalign|mmap)\(.*failed|Cannot allocate memory/);
numbered_products(9);
as_key('products.write');

# Until all is as before, with the worker that there was.
sub heals {
    my ($what) = @_;

    wait_for(sub { get('/readyz')->{status} == 200 }, "$what: ready again");
    polled();
    for my $n (1 .. 9) {
        my $res = get("/api/v1/products/p-$n");
        is("$res->{status} $res->{json}{slug}", "200 p-$n",
           "$what: product $n");
    }
    ok_json(post('/api/admin/v1/products', { title => "Vase of $what" }),
            201, "$what: a write is done");
    is((workers())[0], $worker, "$what: by the same worker");
}

# Over a connection that was there before all ran out.
sub told {
    my ($conn, $path) = @_;
    my $res = request('GET', $path, conn => $conn);

    return "$res->{status} " . ($res->{json}{code} // 'fine');
}

sub unavailable {
    my ($conn, $what) = @_;
    my $got = wait_for(sub {
        my $told = told($conn, '/api/v1/products?limit=' . (1 + int rand 99));
        return $told =~ /^503/ && $told;
    }, "$what: reads are refused");

    like($got, qr/^503 database_(?:unavailable|timeout)$/,
         "$what: and it is told why");
}

# --- descriptors ------------------------------------------------------------

# A limit of the worker's, as of now; an empty one as it was.
sub limit {
    my ($what, $value) = @_;

    my @as_shop = $> == 0
        ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();

    system(@as_shop, 'prlimit', '--pid', $worker, "--$what=$value:") == 0
        or die "prlimit $what $value\n";
}

sub soft {
    my ($what) = @_;

    return (read_file("/proc/$worker/limits")
        =~ /^Max $what\s+(\d+|unlimited)/m)[0] // die "no limit $what\n";
}

{
    my $mine = new_connection();
    my $before = soft('open files');
    is(told($mine, '/api/v1/products/p-1'), '200 fine', 'descriptors: open');
    limit(nofile => 3);
    pg_kill();
    unavailable($mine, 'descriptors');
    like(log_text(), qr/Too many open files/, 'descriptors: none is left');
    limit(nofile => $before);
    $mine->close;
    heals('descriptors');
}

# --- memory -----------------------------------------------------------------

SKIP: {
    skip 'a sanitizer takes no less memory', 1
        if $ENV{SHOP_BUILD} =~ /asan/;

    my $before = soft('address space');
    my $now = 1024 * (read_file("/proc/$worker/status")
                      =~ /^VmSize:\s+(\d+)/m)[0];
    my %got;

    limit(as => $now);
    for my $round (1 .. 20) {
        my @crowd = map { eval { new_connection() } // () } 1 .. 12;
        my @path = map { "/api/v1/products?limit=" . (1 + int rand 99) }
            @crowd;

        for my $i (keys @crowd) {
            eval { $crowd[$i]->send('GET', $path[$i], {}) };
        }
        for my $conn (@crowd) {
            my $res = eval { $conn->read_response('GET') };
            $got{ $res ? $res->{status} : 'none' }++;
        }
    }
    is(join(' ', grep { !/^(?:200|500|503|none)$/ } sort keys %got), '',
       'memory: each is served, refused or left');
    ok((grep { $_ ne '200' } keys %got), 'memory: for some there was none');
    limit(as => $before);
    diag('memory: ' . join ', ', map { "$got{$_} times $_" } sort keys %got);
    heals('memory');
}

# --- room for answers -------------------------------------------------------

# A cache with room for a part of them, then a reload with a larger one and
# with a smaller one again.
sql(<<'SQL');
INSERT INTO products (id, handle, status, published_at)
SELECT ('00000000-0000-7000-8001-' || lpad(n::text, 12, '0'))::uuid,
       'm-' || n, 'active', '2026-01-01'
  FROM generate_series(1, 400) n;
INSERT INTO product_i18n (product_id, locale, title, description)
SELECT id, 'en', handle, repeat('x', 10000) FROM products
 WHERE handle LIKE 'm-%';
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, p.handle
  FROM products p, channels c
 WHERE c.is_default AND p.handle LIKE 'm-%';
INSERT INTO variants (product_id, sku)
SELECT id, handle FROM products WHERE handle LIKE 'm-%';
SQL

sub every_answer {
    my ($name) = @_;
    my $wrong = '';

    for my $n (1 .. 400, reverse 1 .. 400) {
        my $id = sprintf '00000000-0000-7000-8001-%012d', $n;
        my $res = get('/api/v1/products/' . product_name($id));
        $wrong .= "$n: $res->{status}\n"
            if $res->{status} != 200 || $res->{json}{title} ne "m-$n";
    }
    is($wrong, '', "$name: every answer is right");
}

sub product_name {
    my ($uuid) = @_;
    my $bits = '00' . unpack 'B128', pack 'H32', $uuid =~ tr/-//dr;
    my @digits = split //, '0123456789abcdefghjkmnpqrstvwxyz';

    return 'prod_' . join '', map { $digits[oct "0b$_"] } $bits =~ /(.{5})/g;
}

# What was written is seen at once, whatever memory it was kept in.
sub coherent {
    my ($name) = @_;
    my $made = ok_json(post('/api/admin/v1/products',
                            { title => $name, status => 'active' }), 201,
                       "$name: a product");
    my $path = "/api/v1/products/$made->{id}";

    for my $title ('Cup', 'Dish') {
        get($path) for 1 .. 2;
        my $res = patch("/api/admin/v1/products/$made->{id}",
                        { title => $title }, 'if-match' => '*');
        is($res->{status}, 200, "$name: it is called $title");
        is(get($path)->{json}{title}, $title, "$name: and shown so at once");
    }
}

for my $size (qw(10m 32m 12m)) {
    $shop->{http} = "shop_cache_zone $size;\nshop_drain_time 0;";
    reload();
    wait_for(sub { get('/readyz')->{status} == 200 }, "$size: ready");
    every_answer("a cache of $size");
    coherent("a cache of $size");
}

done();
