#!/usr/bin/perl
#
# batch.t - statements that share a Sync: one that fails or waits is its
# owner's trouble alone, and a connection that takes no more loses nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use Shop::Test;
use Time::HiRes qw(time);

use constant BATCH => 64;

start_shop(workers => 1);
my ($worker) = workers();

# A hundred products with long texts; slugs that begin with "bad" break every
# statement that finds them.
sql(<<'SQL');
INSERT INTO products (id, handle, status, position, published_at)
SELECT ('00000000-0000-7000-8000-000000000' || lpad(n::text, 3, '0'))::uuid,
       'p' || n, 'active', lpad(n::text, 4, '0'), '2026-01-01'
  FROM generate_series(1, 100) n;
INSERT INTO variants (id, product_id, sku) SELECT id, id, handle FROM products;
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', repeat('Title ', 40) FROM products;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id,
       CASE WHEN p.position <= '0064' THEN 'bad' || p.position ELSE handle END
  FROM products p, channels c WHERE c.is_default;
ALTER TABLE slugs ENABLE ROW LEVEL SECURITY;
CREATE POLICY breaks ON slugs FOR SELECT USING
    (CASE WHEN slug LIKE 'bad%' THEN 1 / (length(slug) - 7) = 1 ELSE true END);
SQL
is(get('/api/v1/products/p70')->{status}, 200, 'a good one');
is_problem(get('/api/v1/products/bad0001'), 500, 'internal');

# Ask for all of these in one iteration of the worker's loop: it is stopped
# until they have been written.  Returns the answers.
sub at_once {
    my (@paths) = @_;
    my @client = map { new_connection() } @paths;

    # Accepted and asked once, so that only reading is left to do.
    for (@client) {
        $_->request('GET', '/healthz', {});
    }
    kill STOP => $worker;
    $client[$_]->write("GET $paths[$_] HTTP/1.1\r\nHost: x\r\n\r\n")
        for 0 .. $#paths;
    kill CONT => $worker;
    my @res = map { $_->read_response('GET') } @client;
    $_->close for @client;
    return @res;
}

for my $bad ([ 5 ], [ 0 ], [ BATCH - 1 ], [ 1, 9, 33 ], [ 0 .. 31 ]) {
    my %bad = map { $_ => 1 } @$bad;
    my $before = status()->{counters};
    my @res = at_once(map {
        $bad{$_} ? sprintf '/api/v1/products/bad%04d', $_ + 1 : '/readyz'
    } 0 .. BATCH - 1);
    my $after = status()->{counters};
    my @failed = grep { $res[$_]{status} != 200 } 0 .. $#res;

    is("@failed", "@$bad", @$bad . ' of a batch failed, and no other');
    is(scalar(grep { $res[$_]{status} != 500 } @failed), 0, 'with 500');
    cmp_ok($after->{read_retries_total} - $before->{read_retries_total}, '<=',
           BATCH, 'each was sent again once at most');
}
my $before = status()->{counters};
at_once(('/api/v1/store') x BATCH);
my $after = status()->{counters};
cmp_ok($after->{read_batches_total} - $before->{read_batches_total}, '<=',
       BATCH / 8, 'statements did share their Syncs');

sql('ALTER TABLE slugs DISABLE ROW LEVEL SECURITY');

# --- a statement that waits ---

as_key(qw(prices.read prices.write));
my $list = post('/api/admin/v1/price-lists',
                { code => 'sale', name => 'Sale', kind => 'sale' });
ok_json($list, 201, 'something to change');
sql('BEGIN');
sql('LOCK TABLE slugs IN ACCESS EXCLUSIVE MODE');
my @waiting = map { new_connection() } 1 .. 3;
$waiting[$_]->write("GET /api/v1/products/wait$_ HTTP/1.1\r\nHost: x\r\n\r\n")
    for 0 .. $#waiting;
wait_for(sub { status()->{coroutines}{live} >= @waiting });
my $changed = patch("/api/admin/v1/price-lists/$list->{json}{id}",
                    { name => 'Sales' }, 'If-Match' => '"v1"');
is(ok_json($changed, 200)->{name}, 'Sales', 'who changes something may');
as_nobody();
is(scalar(grep { IO::Select->new($_->{socket})->can_read(0) } @waiting), 0,
   'while they wait');
my $worst = 0;
for (1 .. 200) {
    my $since = time;
    my $res = get('/api/v1/store');

    die "a neighbour got $res->{status}\n" if $res->{status} != 200;
    $worst = time - $since if time - $since > $worst;
}
cmp_ok($worst, '<', 2, sprintf 'neighbours waited %.0f ms at worst',
       $worst * 1000);
for my $client (@waiting) {
    my $res = $client->read_response('GET');
    is($res->{status}, 504, 'who asked for what is locked had to wait');
    $client->close;
}
sql('COMMIT');
is(get('/api/v1/products/wait0')->{status}, 404, 'which is over with the lock');

# That statement is kept off the reads' lane for a while: those for slow ones
# share what there is to do, and each is sent by one of them.
for my $n ((2 .. 9) x 8) {
    my @res = at_once(map { "/api/v1/products/slow$n-$_" } 1 .. $n);
    my @other = grep { $_->{status} != 404 } @res;

    die "a slow one got $other[0]{status}\n" if @other;
}
is(get('/healthz')->{status}, 200, 'slow lanes take turns');

# --- a backend that does not read ---

# Paths of four kilobytes fill the socket and libpq's buffer behind it, and
# pages of up to seventy kilobytes the way back.
pg_freeze();
my @client = map { new_connection() } 1 .. 400;
for my $n (0 .. $#client) {
    my $path = $n % 2 ? "/api/v1/products/$n" . 'x' x 4000
        : '/api/v1/products?limit=' . (1 + int($n / 4))
          . ($n % 4 ? '&sort=newest' : '');
    $client[$n]->write("GET $path HTTP/1.1\r\nHost: x\r\n\r\n");
}
wait_for(sub { status()->{coroutines}{live} >= @client }, 'all are asked');
is(get('/healthz')->{status}, 200, 'the worker goes on meanwhile');
pg_thaw();
my %count;
for my $n (0 .. $#client) {
    my $res = $client[$n]->read_response('GET');

    $count{ ($n % 2 ? 'slug ' : 'list ') . $res->{status} }++;
    $client[$n]->close;
}
is_deeply(\%count, { 'slug 404' => @client / 2, 'list 200' => @client / 2 },
          'all were answered once it read');
is(status()->{counters}{read_in_flight}, 0, 'nothing is in flight');
is_deeply([workers()], [$worker], 'by the same worker');

done();
