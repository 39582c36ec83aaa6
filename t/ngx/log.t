#!/usr/bin/perl
#
# log.t - the line of JSON that nginx.conf.example has a request make: it can be
# read whatever clients send, says who, what and how long, and no log has what
# nobody may read.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant HOSTILE => 400;

my ($format) = read_file(top_folder() . '/nginx.conf.example')
    =~ /^( *log_format shop .*?;\n)/ms or die 'no log_format';
my $shop = start_shop(workers => 2,
    http   => "$format error_log warn.log warn;",
    server => 'access_log access.log shop;');

# What must be in no log: a key, one that nobody has, what a cookie, a query, a
# header and a body hold.
my $key = as_key(qw(products.read products.write));
my %canary = (key => $key, wrong => 'shk_' . 'CanaryWrong' x 3 . 'CanaryWron',
              map { $_ => "canary-in-$_" } qw(cookie query body once));
my ($key_id) = shopctl('key', 'list') =~ /\b(key_\w{26})\b/;

sub lines {
    return map { Shop::Test::json()->decode($_) }
        split /\n/, read_file("$shop->{dir}/access.log");
}

# The line of the request with this id, when it is there: nginx writes it after
# the answer.
sub line_of {
    my ($id) = @_;

    return wait_for(sub { (grep { $_->{request_id} eq $id } lines())[0] },
                    "the line of $id");
}

# --- what a line says ---

my $began = time;
my $product = ok_json(post('/api/admin/v1/products', { title => 'A cup' },
    'x-request-id' => 'makes-a-cup-1'), 201);
my $line = line_of('makes-a-cup-1');
is_deeply([sort keys %$line], [sort qw(time request_id trace client protocol
    method route status bytes seconds us db_us cache_us cache caller
    caller_id)], 'its members');
like($line->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'the time');
cmp_ok($line->{time}, 'ge', POSIX::strftime('%FT%T', gmtime $began),
       'in UTC: not before it was asked');
cmp_ok($line->{time}, 'le', POSIX::strftime('%FT%T', gmtime(time + 1)),
       'and not in the future');
is("$line->{method} $line->{route} $line->{status}",
   'POST /api/admin/v1/products 201', 'what was asked, and how it ended');
is($line->{caller}, 'key', 'the kind of caller');
is($line->{caller_id}, substr(sha256_hex($key_id), 0, 16),
   'and a digest of its id, as the manual has it');
cmp_ok($line->{db_us}, '>', 0, 'it waited for PostgreSQL');
cmp_ok($line->{us}, '>=', $line->{db_us}, 'for a part of its time');
is($line->{cache_us}, 0, 'and not for the cache');

polled();
for my $want (qw(miss hit)) {
    my $id = "asks-for-a-$want";

    wait_for(sub {
        my $res = request('GET', '/api/v1/categories', headers =>
            { 'x-request-id' => $id, authorization => undef });
        return ($res->{headers}{'cache-status'} // '') =~ /$want/;
    }, "a $want");
    $line = (grep { $_->{request_id} eq $id && $_->{cache} eq $want }
             wait_for(sub { line_of($id) && [lines()] })->@*)[-1];
    cmp_ok($line->{us}, '>=', $line->{db_us} + $line->{cache_us},
           "$want: the whole is no less than its parts");
    is($line->{caller}, 'anonymous', 'no key was shown');
    is($line->{caller_id}, '', 'so there is no id');
}
is($line->{db_us}, 0, 'a hit asks nobody');

# Microseconds: of one hit perhaps none.
my $hits = $line->{cache_us};
for (1 .. 50) {
    my $id = "is-kept-$_";
    request('GET', '/api/v1/categories',
            headers => { 'x-request-id' => $id, authorization => undef });
    $line = line_of($id);
    $hits += $line->{cache_us} if $line->{cache} eq 'hit';
}
cmp_ok($hits, '>', 0, 'what is kept takes a little time to find');

my $none = request('GET', '/shop-status')->{headers}{'x-request-id'};
$line = line_of($none);
is("$line->{route}$line->{us}$line->{caller}", '', 'no shop, no values');

# --- whatever is sent ---

srand($ENV{SEED} // 1);
my @words = ("\xff\xfe", "\xc3\x28", "\xed\xa0\x80", '"', '\\', "'", "\x01",
             "\x7f", "\t", '%00', '%0d%0a', '%22', '%ff', '"}', '{"a":1}',
             "\x{e2}\x{82}", '/', '..', '?', '&', '=', '#', ' ', 'store',
             $canary{query});

sub words {
    my ($n) = @_;

    return join '', map { $words[rand @words] } 1 .. rand $n;
}

my @methods = ('GET', 'GET', 'POST', 'BREW', 'get', "G\"T", "\x80");
my @versions = ('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', "HTTP/\"", '');
my @names = ('X-Request-Id', 'User-Agent', 'Referer', 'Accept-Language', 'Host',
             'X-Forwarded-For', 'If-None-Match', 'X Bad', "X\x01Bad");

sub hostile {
    my ($path) = ('/api/v1/' . words(8)) =~ s/[\r\n]//gr;
    my $head = join ' ', $methods[rand @methods], "$path?q=$canary{query}",
        $versions[rand @versions];
    my @headers = map { "$names[rand @names]: " . words(6) } 1 .. rand 4;

    return join "\r\n", $head, 'Host: x', @headers,
        "Authorization: Bearer $canary{wrong}",
        "Cookie: s=$canary{cookie}", 'Connection: close', '', '';
}

for (1 .. HOSTILE) {
    my $conn = new_connection();

    $conn->write(hostile());
    eval { $conn->read_response('GET') };
    $conn->close;
}
for my $path ('/api/admin/v1/products', '/api/v1/products') {
    post($path, { title => $canary{body}, nothing => $canary{body} },
         'idempotency-key' => $canary{once}, cookie => $canary{cookie});
    post("$path?secret=$canary{query}", "\xff$canary{body}",
         authorization => "Bearer $canary{wrong}");
}
# A statement that fails is in PostgreSQL's log with its text.
is_problem(post('/api/admin/v1/products', { title => $canary{body},
    slug => $product->{slug} }, 'idempotency-key' => $canary{once}),
    409, 'slug_taken', '/slug');

close_to_end();
my @all = eval { lines() };
is($@, '', 'every line is JSON in UTF-8');
cmp_ok(scalar(@all), '>=', HOSTILE, 'there is one for each request');
my %statuses = map { $_->{status} => 1 } @all;
cmp_ok(scalar(keys %statuses), '>=', 4, 'they ended in many ways: '
       . join ' ', sort keys %statuses);

# --- what nobody may read ---

my %log = (access => "$shop->{dir}/access.log",
           error => "$shop->{dir}/warn.log",
           start => "$shop->{dir}/error.log",
           postgresql => "$ENV{SHOP_TEST_DIR}/postgresql.log");
for my $name (sort keys %log) {
    my $text = read_file($log{$name});
    my @secret = grep { index($text, $canary{$_}) >= 0 } sort keys %canary;

    is("@secret", '', "no secret in the log \"$name\"");
}
like(read_file($log{postgresql}), qr/STATEMENT: .*\bINSERT INTO slugs\b/s,
     'although a statement is in that one');
is(read_file($log{error}) =~ /\[(?:alert|emerg)\]/, '', 'and nothing alarming');

done();


# Each line is there once its connection is closed.
sub close_to_end {
    my $id = request('GET', '/api/v1/nothing', headers =>
        { connection => 'close' })->{headers}{'x-request-id'};

    line_of($id);
    wait_for(sub { Shop::Test::open_sockets() == 0 }, 'all are closed');
}
