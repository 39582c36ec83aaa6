#!/usr/bin/perl
#
# http2.t - HTTP/2: a hundred streams on a connection, streams that are reset
# in the middle of a query or a body, GOAWAY from either side, bodies larger
# than a window, and frames that no client should send.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Open2;
use JSON::PP;
use Shop::Test;

my $port = free_port();
my $shop = start_shop(workers => 1,
    http   => 'shop_drain_time 300ms; http2_max_concurrent_streams 128;
               client_header_timeout 2s;',
    server => "listen 127.0.0.1:$port http2;");
my ($worker) = workers();
my $key = as_key(qw(products.read products.write));
my @pids;

# --- a connection -----------------------------------------------------------

sub client {
    my $pid = open2(my $out, my $in, '/usr/bin/python3',
                    "$FindBin::Bin/../lib/http2.py", $port);

    push @pids, $pid;
    $in->autoflush(1);
    return { in => $in, out => $out, pid => $pid };
}

sub told {
    my ($client, $line) = @_;

    print { $client->{in} } "$line\n";
    my $said = readline $client->{out};
    chomp($said //= '');
    return $said eq 'ok' ? 'ok' : eval { decode_json($said) } // {};
}

sub leave {
    my ($client) = @_;

    close $client->{in};
    waitpid $client->{pid}, 0;
}

sub counter { status()->{counters}{ $_[0] } }
sub live { status()->{coroutines}{live} }
sub nothing_left {
    my ($name) = @_;

    ok(wait_for(sub { live() == 0 && counter('read_in_flight') == 0 }),
       "$name: nothing is left");
    is_deeply([workers()], [$worker], "$name: the worker lives");
}

# --- streams ----------------------------------------------------------------

my $client = client();
told($client, 'get 100 /api/v1/store');
my $said = told($client, 'read');
is_deeply($said->{status}, { 200 => 100 }, 'a hundred at once');
told($client, 'get 100 /api/v1/products');
is_deeply(told($client, 'read')->{status}, { 200 => 100 }, 'and again');

# A lock holds all of them in their query; every other one is given up.
my $left = counter('detached_total');
sql('BEGIN');
sql('LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
told($client, "header authorization Bearer $key");
told($client, 'get 100 /api/admin/v1/products');
wait_for(sub { live() == 100 }, 'all wait');
told($client, 'reset');
ok(wait_for(sub { counter('detached_total') - $left == 50 && live() == 50 }),
   'streams that are reset wait no more');
sql('COMMIT');
is_deeply(told($client, 'read')->{status}, { 200 => 50 },
          'their neighbours are answered');
nothing_left('reset');

# --- bodies -----------------------------------------------------------------

my $products = '/api/admin/v1/products';
told($client, "post $products 200000");
$said = told($client, 'read');
is_deeply($said->{status}, { 422 => 1 }, 'a body of three windows is read')
    or diag explain $said;
told($client, "post $products 200");
is_deeply(told($client, 'read')->{status}, { 201 => 1 }, 'one is taken');
told($client, "post $products 300000");
$said = told($client, 'read');
is($said->{status}{413} // $said->{reset}, 1, 'one over the limit is not')
    or diag explain $said;
my $made = sql_value('SELECT count(*) FROM products');
my $half = client();
told($half, "header authorization Bearer $key");
told($half, "part $products 200000");
told($half, 'reset');
is(told($half, 'read')->{open}, 0, 'one is given up in the middle');
told($half, "post $products 210");
$said = told($half, 'read');
is_deeply($said->{status}, { 201 => 1 }, 'the next is taken')
    or diag explain $said;
leave($half);
is(sql_value('SELECT count(*) FROM products'), $made + 1,
   'half a body changes nothing');
nothing_left('bodies');

# --- GOAWAY -----------------------------------------------------------------

# The client's: it is answered what it had asked for, or gives it up.
$left = counter('detached_total');
sql('BEGIN');
sql('LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
my $going = client();
told($going, "header authorization Bearer $key");
told($going, 'get 10 /api/admin/v1/products');
wait_for(sub { live() == 10 }, 'all wait');
told($going, 'goaway');
leave($going);
ok(wait_for(sub { counter('detached_total') - $left == 10 }),
   'who goes away is not waited for');
sql('COMMIT');
nothing_left('GOAWAY');

# The server's, at a reload: what is in flight is answered.
sql('BEGIN');
sql('LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
told($client, 'get 20 /api/admin/v1/products');
wait_for(sub { live() == 20 }, 'all wait');
reload();
sql('COMMIT');
$said = told($client, 'read');
is_deeply($said->{status}, { 200 => 20 }, 'a reload answers what is open')
    or diag explain $said;
leave($client);
($worker) = wait_for(sub { my @w = workers(); @w == 1 && \@w })->@*;

# --- frames that no client should send --------------------------------------

my %frames = (
    'data on stream 0'          => '000001' . '00' . '01' . '00000000' . '78',
    'headers on stream 2'       => '000001' . '01' . '05' . '00000002' . '82',
    'a frame of 16 MB'          => 'ffffff' . '00' . '00' . '00000001',
    'a window of nothing'       => '000004' . '08' . '00' . '00000000'
                                   . '00000000',
    'a window that overflows'   => '000004' . '08' . '00' . '00000000'
                                   . '7fffffff',
    'settings of five bytes'    => '000005' . '04' . '00' . '00000000'
                                   . '0000000000',
    'a ping of seven bytes'     => '000007' . '06' . '00' . '00000000'
                                   . '00000000000000',
    'continuation of nothing'   => '000000' . '09' . '04' . '00000001',
    'padding longer than data'  => '000002' . '00' . '08' . '00000001'
                                   . 'ff78',
    'a header index of nothing' => '000001' . '01' . '05' . '00000001' . 'ff',
);
for my $name (sort keys %frames) {
    my $bad = client();

    told($bad, "raw $frames{$name}");
    told($bad, 'get 1 /api/v1/store');
    $said = told($bad, 'read');
    ok(defined $said->{goaway} || $said->{closed} || $said->{reset},
       "refused: $name") or diag explain $said;
    leave($bad);
}

# A hundred streams that are opened and reset at once, again and again.
for (1 .. 10) {
    my $rapid = client();
    told($rapid, 'get 100 /api/v1/store');
    told($rapid, 'reset');
    leave($rapid);
}
is(get('/api/v1/store')->{status}, 200, 'others are served');
nothing_left('frames');

done();
