#!/usr/bin/perl
#
# body_file.t - a body that went through a file is read back by a thread: while
# the disk does not answer, others are served, and whoever leaves, is refused
# or is cut off by a shutdown leaves nothing behind.

use strict;
use warnings;

use FindBin;
use IO::Select;
use lib "$FindBin::Bin/../lib";
use Shop::Strace;
use Shop::Test;
use Test::More;

plan skip_all => strace_missing() if strace_missing();

# Longer than anything here waits: the read ends when strace lets go.
use constant HANGS => 'pread64:delay_enter=' . 50_000_000;

my $shop = start_shop(workers => 1,
    main => "worker_shutdown_timeout 1s;\nthread_pool one threads=1 "
          . 'max_queue=1;',
    http => "client_body_buffer_size 16k;\n"
          . 'shop_thread_pool one; shop_drain_time 0;');
my $key = as_key('products.read', 'products.write');
my $n = 0;

sub post_through_file {
    my $conn = new_connection();
    my $body = '{"title":"File ' . ++$n . '"' . ' ' x 60_000 . '}';

    $conn->write(join "\r\n", 'POST /api/admin/v1/products HTTP/1.1',
        'Host: x', "Authorization: Bearer $key",
        'Content-Type: application/json', 'Content-Length: ' . length $body,
        '', $body);
    return $conn;
}

sub made { sql_value('SELECT count(*) FROM products') }

sub serves {
    my ($name) = @_;
    my $conn = new_connection();
    my $served = grep {
        $conn = new_connection() if !$conn->usable;
        $conn->request('GET', '/healthz')->{status} == 200
    } 1 .. 200;

    is($served, 200, $name);
}

# --- others are served -------------------------------------------------------

my ($worker) = workers();
my $trace = strace_begin($worker, 'pread64', HANGS);
my $conn = post_through_file();
serves('while the file cannot be read others are served');
ok(!IO::Select->new($conn->{socket})->can_read(0), 'and the body waits');
is(made(), 0, 'nothing was done');

# One reads, one waits for the thread.
my $next = post_through_file();
serves('and with another one');
my $res = post_through_file()->read_response('POST');
like("$res->{status} $res->{body}", qr/^503 .*"code":"unavailable"/,
     'and who finds no room there is told to come again');
is($res->{headers}{'retry-after'}, 1, 'soon');

my $gone = $next;
$gone->reset;
serves('one that leaves disturbs nobody');
my %calls = $trace->end;
$res = $conn->read_response('POST');
is($res->{status}, 201, 'when the disk answers it is done') or diag $res->{raw};
ok($calls{pread64}, 'it was the file that was read');
wait_for(sub { status()->{coroutines}{live} == 0 }, 'all is done');
is((workers())[0], $worker, 'by the same worker');

# --- cut off -----------------------------------------------------------------

$trace = strace_begin($worker, 'pread64', HANGS);
$conn = post_through_file();
serves('a file is read');
my $before = made();
reload();
serves('a new worker serves');
ok(kill(0, $worker), 'the old one waits for its thread');
$trace->end;
ok(wait_for(sub { !kill 0, $worker }), 'and ends with it');
$res = eval { $conn->read_response('POST') };
is(made(), $before + ($res && $res->{status} == 201 ? 1 : 0),
   'what was told is so');

done();
