#!/usr/bin/perl
#
# traceparent.t - a trace that the client names by the standard (W3C Trace
# Context) is in the log and begins the request's id; one that is not as the
# standard says counts for nothing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant {
    TRACE => '4bf92f3577b34da6a3ce929d0e0e4736',
    SPAN  => '00f067aa0ba902b7',
};

my $shop = start_shop(workers => 2,
    http   => 'log_format trace "$shop_request_id $shop_trace";',
    server => 'access_log traces.log trace;');
my $path = '/api/v1/products?limit=1';

# What the log has of the trace of the request with this id.
sub logged {
    my ($id) = @_;

    return wait_for(sub {
        return $1 if read_file("$shop->{dir}/traces.log")
            =~ /^\Q$id\E (.*)$/m;
    }, "the line of $id");
}

# An id, and what is logged as its trace, with these lines of headers.
sub asked_with {
    my (@lines) = @_;
    my $conn = new_connection();

    $conn->write(join "\r\n", "GET $path HTTP/1.1", 'Host: x', @lines, '', '');
    my $res = $conn->read_response('GET');
    $conn->close;
    is($res->{status}, 200, 'it is served') or diag("@lines");

    my $id = $res->{headers}{'x-request-id'};
    return ($id, logged($id));
}

my $whole = '00-' . TRACE . '-' . SPAN . '-01';

for my $good ($whole, '00-' . TRACE . '-' . SPAN . '-00',
              '00-' . TRACE . '-' . SPAN . '-ff', "  $whole\t ", "\t$whole",
              'cc-' . TRACE . '-' . SPAN . '-01',
              'cc-' . TRACE . '-' . SPAN . '-01-what-the-future-will-be-like')
{
    my ($id, $trace) = asked_with("traceparent: $good");

    is($trace, TRACE, "taken: $good");
    like($id, qr/^${\ TRACE}-[0-9a-f]{16}$/, 'and the id begins with it');
}
is((asked_with("TraceParent: $whole"))[1], TRACE, 'names have no case');

my %bad = (
    'version ff'           => 'ff-' . TRACE . '-' . SPAN . '-01',
    'more than version 00' => "$whole-more",
    'one digit more'       => "${whole}0",
    'of the future, glued' => 'cc-' . TRACE . '-' . SPAN . '-01.more',
    'capitals'             => uc $whole,
    'no digits'            => '00-' . 'g' x 32 . '-' . SPAN . '-01',
    'no trace'             => '00-' . '0' x 32 . '-' . SPAN . '-01',
    'no span'              => '00-' . TRACE . '-' . '0' x 16 . '-01',
    'flags'                => '00-' . TRACE . '-' . SPAN . '-0x',
    'a version'            => '0-0' . TRACE . '-' . SPAN . '-01',
    'other marks'          => $whole =~ tr/-/_/r,
    'short'                => substr($whole, 0, -1),
    'half'                 => '00-' . TRACE,
    'empty'                => '',
    'long'                 => '00-' . 'a' x 6000,
);
for my $name (sort keys %bad) {
    my ($id, $trace) = asked_with("traceparent: $bad{$name}");

    is($trace, '-', "ignored: $name");
    like($id, qr/^[0-9a-f]{32}$/, 'and the id is as ever');
}
is((asked_with("traceparent: $whole", "traceparent: $whole"))[1], '-',
   'ignored: two');
is((asked_with('X: y'))[1], '-', 'none is none');

# Who sends both has his own id, and the trace is beside it.
my ($id, $trace) = asked_with("traceparent: $whole",
                              'X-Request-Id: mine-and-mine');
is($id, 'mine-and-mine', 'the id is what was sent as such');
is($trace, TRACE, 'the trace is in the log');

# A page asks often, of both workers: each answer has an id of its own.
my %seen;
my @conns = map { new_connection() } 1 .. 8;
for my $n (1 .. 400) {
    my $conn = $conns[$n % @conns];

    $conn->send('GET', $path, { traceparent => $whole });
    $seen{ $conn->read_response('GET')->{headers}{'x-request-id'} }++;
}
$_->close for @conns;
is(scalar(keys %seen), 400, 'no id is given twice');
is((grep { !/^${\ TRACE}-/ } keys %seen), 0, 'and all are of the trace');

# Kept answers and problems, of the shop and of nginx.
wait_for(sub { (get($path, traceparent => $whole)
                ->{headers}{'cache-status'} // '') =~ /hit/ }, 'a kept answer');
like(get($path, traceparent => $whole)->{headers}{'x-request-id'},
     qr/^${\ TRACE}-/, 'a kept answer has it');
my $res = get('/api/v1/nothing', traceparent => $whole);
is_problem($res, 404, 'not_found');
is($res->{json}{request_id}, $res->{headers}{'x-request-id'},
   'a problem has the id');
is(logged($res->{json}{request_id}), TRACE, 'and the log its trace');

# Where no shop is asked.
$res = get('/shop-status', traceparent => $whole);
is(logged($res->{headers}{'x-request-id'}), TRACE, 'and so has any other');

done();
