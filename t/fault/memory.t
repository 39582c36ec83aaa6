#!/usr/bin/perl
#
# memory.t - nginx may have a fifth more memory than busy hours need, once these
# need no more than the ones before, and the kernel ends whoever takes more.
# Another two hours are gone through with that.  Then clients come with bodies
# for which no memory is left: a worker is ended, and the next; nothing is done
# by half or lost, and when they have gone the shop serves as before, under the
# same limit.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Group;
use Shop::Test;
use Shop::Witness;
use Shop::Writers;
use Test::More;

my $group = memory_group("shop-test-$$");
plan skip_all => 'no group of processes can be given a limit of memory here'
    if !$group || $ENV{SHOP_BUILD} =~ /asan/;

my $shop = start_shop(http => "shop_cache_zone 12m;\n"
                           . 'client_body_buffer_size 128k;');

# --- what there is -----------------------------------------------------------

sql(<<'SQL');
INSERT INTO products (id, handle, status, published_at)
SELECT ('00000000-0000-7000-8001-' || lpad(n::text, 12, '0'))::uuid,
       'm-' || n, 'active', '2026-01-01'
  FROM generate_series(1, 400) n;
INSERT INTO product_i18n (product_id, locale, title, description)
SELECT id, 'en', handle, repeat('x', 10000) FROM products;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, p.handle
  FROM products p, channels c WHERE c.is_default;
INSERT INTO variants (product_id, sku) SELECT id, handle FROM products;
SQL
polled();
my $key = as_key('products.read', 'products.write');

# --- a busy hour -------------------------------------------------------------

my $long = 'x' x 60_000;
my %as_staff = (authorization => "Bearer $key",
                'content-type' => 'application/json',
                prefer => 'return=minimal');

sub product { return ('GET', '/api/v1/products/m-' . (1 + $_[0] % 400)) }
sub list    { return ('GET', '/api/v1/products?limit=' . (1 + $_[0] % 100)) }
sub export  { return ('GET', '/api/admin/v1/products/export.ndjson') }
sub create  { return ('POST', '/api/admin/v1/products',
                      qq({"title":"Busy $_[0]","description":"$long"})) }

my @asked = (\&product, \&create, \&list, \&create, \&export, \&create);
my $asked = 0;

# Exports are begun and left unread.  Says how often it got which status.
sub client {
    my ($out, $from, $n) = @_;
    my $conn = new_connection();
    my (%got, $unread);

    for my $i ($from .. $from + $n - 1) {
        my ($method, $path, $body) = $asked[$i % @asked]->($i);
        if ($path =~ /export/) {
            $unread->reset if $unread;
            $unread = new_connection();
            $unread->send($method, $path, \%as_staff);
        } else {
            my $res = eval { $conn->request($method, $path, \%as_staff,
                                            $body) };
            $got{ $res ? $res->{status} : 'none' }++;
            $conn = new_connection() if !$res || !$conn->usable;
        }
    }
    print $out join ' ', %got;
}

sub busy_hour {
    my ($n, $what) = @_;
    my @all = map { child(sub { client($_[0], $asked + $_ * $n, $n) }) }
        0 .. 15;
    my %got;

    $asked += 16 * $n;
    for my $child (@all) {
        my %his = split ' ', last_words($child);
        $got{$_} += $his{$_} for keys %his;
    }
    is(join(' ', grep { !/^(?:20[014]|503)$/ } sort keys %got), '',
       "$what: all are served, or told to come again");
    return join ', ', map { "$got{$_} times $_" } sort keys %got;
}

# The threads of the pool come to have what the largest job needed, one after
# the other: so many hours until none of them asks for more.
sub needed {
    my ($before, $hours) = (0, 0);

    while ($hours++ < 24) {
        busy_hour(24, "busy hour $hours");
        return $group->peak if $group->peak <= 1.01 * $before;
        $before = $group->peak;
    }
    die "each busy hour needs more memory than the one before\n";
}

# Shared memory and what nginx began with are another group's; what the new
# worker takes is the group's.
my ($first) = workers();
cmp_ok(touch_shared($first), '>=', 12 << 20, 'no page of the zone is new');
$group->take($shop->{pid});
reload();
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready');
my $limit = int 1.2 * needed();
diag(sprintf 'busy hours need %d kB', $group->peak / 1024);

my ($worker) = workers();
$group->limit($limit);
my $told = busy_hour(48, 'a longer one, with a fifth more');
diag(sprintf 'a longer one: %s; %d kB at most', $told, $group->peak / 1024);
is($group->ended, 0, 'nobody was ended for want of memory');
is((workers())[0], $worker, 'and the worker is the same');

# --- too much ----------------------------------------------------------------

# Bodies whose last byte is missing, which nginx has to keep.
sub too_much {
    my ($enough) = @_;
    my $body = 'x' x 120_000;
    my @held;

    while (!$enough->() && @held < 800) {
        push @held, eval { new_connection() } // next;
        eval { $held[-1]->write("POST /api/admin/v1/products HTTP/1.1\r\n"
            . "Host: localhost\r\nContent-Type: application/json\r\n"
            . "Content-Length: 120001\r\n\r\n$body") };
    }
    return @held;
}

allow_log(qr/exited on signal 9/);
writers_start(4, torn => 1);
committed_more(10);
for my $n (1 .. 3) {
    my @held = too_much(sub { $group->ended >= $n });

    cmp_ok($group->ended, '>=', $n, "too much for the " . @held . 'th');
    $_->close for @held;
    wait_for(sub { my ($new) = workers();
                   $new && $new != $worker && ($worker = $new) },
             'another worker');
    committed_more(10);
}
my %count = writers_stop();
cmp_ok($count{acked}, '>', 30, 'writers were served in between');

# --- and again ---------------------------------------------------------------

my $ended = $group->ended;
$told = busy_hour(24, 'another busy hour under the same limit');
is($group->ended, $ended, 'nobody else was ended');
is((workers())[0], $worker, 'the worker lives');
diag("$ended ended; $count{acked} acknowledged, ", $count{maybe} // 0,
     " of which nobody knows; then $told");

done();
