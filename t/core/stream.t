#!/usr/bin/perl
#
# stream.t - answers in pieces: whole over every protocol, or cut so that the
# client sees it; as fast as he reads, in memory that does not grow with what
# is sent; and whoever leaves, whatever ends, nothing is left behind.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use Shop::Test;
use Shop::Toy;
use Socket qw(SOL_SOCKET SO_RCVBUF SOCK_STREAM inet_aton pack_sockaddr_in);
use Time::HiRes qw(time);

# What all of them weigh when only the torture has the time for it.
my $many = $ENV{TORTURE} ? 1_000_000 : 50_000;

my $narrow = free_port();
my $http2 = free_port();
my $shop = start_toys(workers => 1, http => <<'END', server => <<"END",
    gzip on; gzip_types application/x-ndjson;
    log_format stream '$request_uri $status $shop_route $shop_caller '
                      'db=$shop_db_us';
END
        listen 127.0.0.1:$narrow sndbuf=8k;
        listen 127.0.0.1:$http2 http2;
        access_log access.log stream;
END
                      locations => <<'END');
        location = /api/v1/toys/pieces { shop; send_timeout 1s; }
END
my ($worker) = workers();

sub series { '/api/v1/toys/series?rows=' . join '&', @_ }
sub pieces { '/api/v1/toys/pieces?rows=' . join '&', @_ }

# A client that takes little at a time.
sub narrow {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'tcp', Type => SOCK_STREAM);
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die "SO_RCVBUF: $!";
    my $conn = bless { socket => $socket, in => '', limit => 60 },
        'Shop::HTTP';

    connect $socket, pack_sockaddr_in($narrow, inet_aton('127.0.0.1'))
        or die "connect: $!";
    $socket->blocking(0);
    $conn->send('GET', $path);
    return $conn;
}

# What a client on a connection of its own is told: the answer, or how it ended.
sub told {
    my ($path, $version) = @_;
    my $conn = new_connection();

    $conn->write("GET $path HTTP/$version\r\nHost: x\r\n\r\n");
    my $res = eval { $conn->read_response('GET') };
    return $res // $@;
}

sub idle {
    my ($name) = @_;

    ok(wait_for(sub { counter('streams_open') == 0
                      && status()->{coroutines}{live} == 0 }),
       "$name: nothing is left");
    ok(wait_for(sub { sql_value(<<'END') == 0 }), "$name: nor in PostgreSQL");
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
   AND application_name = 'shop-stream'
END
    is_deeply([workers()], [$worker], "$name: the worker lives");
}

# --- whole ------------------------------------------------------------------

my $res = get(series(1000, 'width=100'));
is($res->{status}, 200, 'a thousand rows');
is($res->{headers}{'content-type'}, 'application/x-ndjson', 'of the type');
is($res->{headers}{'content-disposition'},
   'attachment; filename="toys.ndjson"', 'with the header that was set');
is($res->{headers}{'transfer-encoding'}, 'chunked', 'in chunks');
is($res->{headers}{'content-length'}, undef, 'of no length');
is($res->{headers}{etag}, undef, 'and no ETag');
ok($res->{headers}{'x-request-id'}, 'with its id');
my $thousand = $res->{body};
my @row = map { JSON::PP::decode_json($_) } split /\n/, $thousand;
is_deeply([map { $_->{n} } @row], [1 .. 1000], 'each once, in order');
is($row[999]{text}, chr(97 + 1000 % 26) x 100, 'whole');
like(read_file("$shop->{dir}/access.log"),
     qr{rows=1000\S* 200 /api/v1/toys/series anonymous db=[1-9]},
     'logged when it has ended, with what it waited for');

is(get(series(0, 'width=1'))->{body}, '', 'of nothing');
is(get(pieces(0, 'width=1'))->{body}, '', 'without waiting');
is(get(pieces(3, 'width=5'))->{body}, 'p' x 15, 'three pieces');
is(length get(pieces(50, 'width=100000'))->{body}, 5_000_000, 'large ones');

$res = request('HEAD', series(1_000_000_000, 'width=1000'));
is($res->{status}, 200, 'HEAD of what would take hours');
is($res->{headers}{'content-type'}, 'application/x-ndjson', 'is the head');
idle('HEAD');

$res = told(series(1000, 'width=100'), '1.0');
is($res->{body}, $thousand, 'HTTP/1.0: the same, to the end');
is($res->{headers}{'transfer-encoding'}, undef, 'without chunks');
is(`nghttp 'http://127.0.0.1:$http2@{[ series(1000, 'width=100') ]}'`,
   $thousand, 'HTTP/2: the same');
my $five = pieces(5, 'width=99999');
is(length `nghttp -w 12 'http://127.0.0.1:$http2$five'`, 499_995,
   'HTTP/2: through a window of 4 kB');
$res = get(series(1000, 'width=100'), 'Accept-Encoding' => 'gzip');
is($res->{headers}{'content-encoding'}, 'gzip', 'gzipped');
is(Compress::Zlib::memGunzip($res->{body}), $thousand, 'the same');

# --- not whole --------------------------------------------------------------

is_problem(get(pieces(1, 'width=1', 'fail_at=0')), 409, 'conflict');
is_problem(get(series(1, 'width=0')), 422, 'wrong_query', 'width');
my $cut = counter('streams_cut_total');
for my $path (series(5000, 'width=100', 'fail_at=4000'),
              pieces(5, 'width=100', 'fail_at=4')) {
    like(told($path, '1.1'), qr/cut in/, 'what fails later is cut');
    like(told($path, '1.0'), qr/reset by peer/, 'by a reset in HTTP/1.0');
    like(`nghttp -v 'http://127.0.0.1:$http2$path' 2>&1`,
         qr/RST_STREAM.*?INTERNAL_ERROR/s, 'by RST_STREAM in HTTP/2');
}
is(counter('streams_cut_total') - $cut, 6, 'counted');
like(log_text(), qr{stream of /api/v1/toys/series is cut: conflict}, 'logged');
idle('cut');

# --- a slow reader ----------------------------------------------------------

my $before = own_kb($worker);
my $slow = narrow(series($many, 'width=1000'));
$slow->read_head;
wait_for(sub { (sql_as('postgres', <<'END'))[0][0] }, 'PostgreSQL waits');
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
   AND application_name = 'shop-stream' AND wait_event = 'ClientWrite'
END
my ($n, $until) = (0, time + 1);
while (time < $until) {
    $n += length $slow->read_piece;
    get('/api/v1/store')->{status} == 200 or die;
}
cmp_ok($n, '>', 0, 'he reads a little');
cmp_ok(own_kb($worker) - $before, '<', 2048, 'the worker has no more of it');

# Two at once, and no third; others are not disturbed.
my $other = narrow(series($many, 'width=1000'));
$other->read_head;
$res = get(series(1, 'width=1'));
is_problem($res, 503, 'overloaded');
ok($res->{headers}{'retry-after'}, 'try again');
is(get('/api/v1/toys')->{status}, 200, 'who reads something else may');
$other->reset;
wait_for(sub { counter('streams_open') == 1 }, 'one has left');
is(get(series(1, 'width=1'))->{status}, 200, 'then another may');

while (length(my $piece = $slow->read_piece)) {
    $n += length $piece;
    last if !$ENV{TORTURE} && $n > 5_000_000;
}
cmp_ok(own_kb($worker) - $before, '<', 2048, 'nor has it later');
$slow->reset;
idle('slow');

$before = own_kb($worker);
my $began = time;
$res = get(series($many, 'width=1000'));
note(sprintf '%d rows, %.0f a second', $many, $many / (time - $began));
is(($res->{body} =~ tr/\n//), $many, 'a fast one has all');
cmp_ok(own_kb($worker) - $before, '<', 2048, 'and costs no memory either');

# --- who takes nothing ------------------------------------------------------

my $stuck = narrow(pieces(1000, 'width=10000'));
wait_for(sub { counter('streams_open') == 1 }, 'it has begun');
wait_for(sub { counter('streams_open') == 0 }, 'send_timeout ends it');
idle('stuck');

# --- PostgreSQL goes --------------------------------------------------------

my $lost = narrow(series($many, 'width=1000'));
$lost->read_head;
pg_kill("application_name = 'shop-stream'");
eval { 1 while length $lost->read_piece };
like($@, qr/cut in/, 'a session that is killed cuts its stream');
idle('killed');
is(get(series(1, 'width=1'))->{status}, 200, 'and the next has another');

# --- reload -----------------------------------------------------------------

my $rest = narrow(series(2000, 'width=1000'));
$rest->read_head;
reload();
my $all = '';
while (length(my $piece = $rest->read_piece)) {
    $all .= $piece;
}
is(($all =~ tr/\n//), 2000, 'a stream outlives a reload');
ok(wait_for(sub { !-e "/proc/$worker" }), 'then the old worker goes');
unlike(log_text(), qr/open socket/, 'and leaves nothing open');
($worker) = workers();
idle('reload');

done();
