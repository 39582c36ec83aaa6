#!/usr/bin/perl
#
# body.t - bodies as they travel: whole, in chunks, byte by byte, too long,
# announced wrongly, through a file; and what the connection does next.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $max = 256 * 1024;
start_shop(workers => 1,
           http => "client_body_timeout 1s;\n"
               . "    client_body_buffer_size 16k;\n"
               . "    client_max_body_size 256k;");
my ($worker) = workers();

# A route that takes no POST reads the body off all the same.
sub head {
    my (@headers) = @_;

    return join "\r\n", 'POST /api/v1/store HTTP/1.1', 'Host: x',
        'Content-Type: application/json', @headers, '', '';
}

sub chunks {
    my ($size, @parts) = @_;

    return join '', (map { sprintf "%x\r\n%s\r\n", length, $_ } @parts),
        "0\r\n\r\n";
}

# What is answered to these bytes, and whether the connection serves again.
sub answer {
    my ($bytes, %how) = @_;
    my $conn = new_connection();

    $how{slowly} ? $conn->dribble($bytes, 0.002) : $conn->write($bytes);
    my $res = eval { $conn->read_response('POST') };
    return { status => 0, again => 0 } if !$res;
    $res->{json} = eval { Shop::Test::json()->decode($res->{body}) };
    $res->{again} = 0;
    if ($conn->usable) {
        my $next = $conn->request('GET', '/healthz', {});
        $res->{again} = $next->{status} == 200;
    }
    $conn->close;
    return $res;
}

sub read_off {
    my ($name, $bytes, %how) = @_;
    my $res = answer($bytes, %how);

    is_problem($res, 405, 'method_not_allowed');
    ok($res->{again}, "$name: the connection serves the next request");
}

my $text = 'x' x 1000;
read_off('none', head());
read_off('empty', head('Content-Length: 0'));
read_off('short', head('Content-Length: 1000') . $text);
read_off('slow', head('Content-Length: 100') . 'y' x 100, slowly => 1);
read_off('the buffer', head('Content-Length: 16384') . 'y' x 16384);
read_off('a file', head('Content-Length: 16385') . 'y' x 16385);
read_off('the most', head("Content-Length: $max") . 'y' x $max);
read_off('chunks', head('Transfer-Encoding: chunked')
    . chunks(0, $text, 'z', $text));
read_off('an empty chunk', head('Transfer-Encoding: chunked') . chunks(0));
read_off('chunks of a byte', head('Transfer-Encoding: chunked')
    . chunks(0, split //, 'y' x 3000));
read_off('chunks through a file', head('Transfer-Encoding: chunked')
    . chunks(0, ($text) x 200));
read_off('chunks, slowly', head('Transfer-Encoding: chunked')
    . chunks(0, 'abc', 'def'), slowly => 1);
read_off('trailers', head('Transfer-Encoding: chunked')
    . "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");

# --- over the limit ---

is_problem(answer(head('Content-Length: ' . ($max + 1)) . 'y' x ($max + 1)),
           413, 'body_too_large');
is_problem(answer(head('Content-Length: 99999999999')), 413,
           'body_too_large');
is_problem(answer(head('Transfer-Encoding: chunked')
                  . chunks(0, ($text) x 270)), 413, 'body_too_large');
is_problem(answer(head('Transfer-Encoding: chunked') . "fffffff\r\nx"), 413,
           'body_too_large');

# --- announced ---

my $conn = new_connection();
$conn->write(head('Content-Length: 5', 'Expect: 100-continue'));
wait_for(sub { $conn->fill });
like($conn->{in}, qr{\AHTTP/1\.1 100 Continue\r\n\r\n\z}, 'told to go on');
$conn->write('hello');
is($conn->read_response('POST')->{status}, 405, 'and then answered');
ok($conn->usable, 'on a connection that stays');
$conn->close;
my $res = answer(head('Content-Length: ' . ($max + 1),
                      'Expect: 100-continue'));
is_problem($res, 413, 'body_too_large');
unlike($res->{raw}, qr/100 Continue/, 'not told to go on in vain');

# --- announced wrongly ---

is_problem(answer(head('Content-Length: 5', 'Content-Length: 6') . 'hello'),
           400, 'bad_request');
is_problem(answer(head('Content-Length: 5', 'Transfer-Encoding: chunked')
                  . "0\r\n\r\n"), 400, 'bad_request');
is_problem(answer(head("Content-Length: $_")), 400, 'bad_request')
    for '-1', '0x10', '5 5', '99999999999999999999999';
for ("x\r\n", "-1\r\n", "5\r\nhelloworld\r\n", "ffffffffffffffffff\r\n") {
    is(answer(head('Transfer-Encoding: chunked') . $_)->{status}, 400,
       'a chunk that is none') or diag $_;
}

# Less than was announced is waited for, in vain; more is another request.
is(answer(head('Content-Length: 10') . 'hello')->{status}, 0,
   'a body that never comes ends the connection');
$conn = new_connection();
$conn->write(head('Content-Length: 5') . 'hello' . "rubbish\r\n\r\n");
is($conn->read_response('POST')->{status}, 405, 'what was announced');
is($conn->read_response('POST')->{status}, 400, 'and the rest is rubbish');
$conn->close;

# --- where none is read ---

for my $body ("Content-Length: 5\r\n\r\nhello",
              "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
{
    for my $method ('GET', 'HEAD') {
        for my $path ('/api/v1/store', '/shop-status', '/api/v1/nothing',
                      '/elsewhere')
        {
            $conn = new_connection();
            $conn->write("$method $path HTTP/1.1\r\nHost: x\r\n$body"
                . "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
            $conn->read_response($method);
            is($conn->read_response('GET')->{body}, '{"status":"ok"}',
               "$method $path skips the body");
            $conn->close;
        }
    }
}

# --- many that begin and do not go on ---

my $kb = own_kb($worker);
my @stuck = map { new_connection() } 1 .. 200;
$_->write(head('Content-Length: 100000') . $text) for @stuck;
is(get('/api/v1/store')->{status}, 200, 'others are served meanwhile');
cmp_ok(own_kb($worker) - $kb, '<', 200 * 24, 'each holds a buffer at most');
ok(wait_for(sub { open_sockets() <= 1 }), 'client_body_timeout ends them');
$_->close for @stuck;
is_deeply([workers()], [$worker], 'by the same worker');

done();
