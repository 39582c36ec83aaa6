#!/usr/bin/perl
#
# inner.t - requests that nginx makes up: the shop as auth_request, as the
# target of an internal redirect, behind mirror and post_action.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

my $shop = start_toys(workers => 1, server => 'root html;',
    locations => <<'END');
location /staff/  { auth_request /api/v1/toys/TOY/private; }
location /guests/ { auth_request /api/v1/toys/TOY; }
location /lost/   { auth_request /api/v1/nothing; }
location /old/    { error_page 404 = /api/v1/toys/TOY; }
location /older/  { error_page 404 = /api/v1/nothing; }
location /moved/  { rewrite ^/moved/(.*)$ /api/v1/$1 last; }
location /both/   { mirror /api/v1/toys/TOY; }
location /twice/  { mirror /_mirror; }
location = /_mirror { internal; rewrite ^ /api/v1/toys/TOY/transfers; }
location /after/  { post_action /api/v1/toys/TOY; }
location /pages/  { ssi on; ssi_types *; }
END
my ($worker) = workers();
my $toy = make_toy(name => 'train', quantity => 10);
my $other = make_toy(name => 'ball', quantity => 10);
$shop->{locations} =~ s/TOY/$toy/g;
mkdir "$shop->{dir}/html";
for my $folder (qw(staff guests lost both twice after pages)) {
    mkdir "$shop->{dir}/html/$folder";
    write_file("$shop->{dir}/html/$folder/page.txt", "page of $folder\n");
}
write_file("$shop->{dir}/html/pages/list.txt", join '', map {
    qq(<!--# include virtual="/api/v1/toys/$toy" -->\n)
} 1 .. 20);
reload();
($worker) = wait_for(sub { my @w = workers(); @w == 1 && \@w })->@*;

sub seen { counter('requests_total') }

# --- auth_request -----------------------------------------------------------

is(get('/staff/page.txt')->{status}, 401, 'who is nobody is not let in');
as_key('products.write');
is(get('/staff/page.txt')->{status}, 403, 'nor who may not');
as_key('products.read');
my $res = get('/staff/page.txt');
is($res->{status}, 200, 'who may is');
is($res->{body}, "page of staff\n", 'and sees the page');
as_nobody();
is(get('/guests/page.txt')->{body}, "page of guests\n", "from the cache, $_")
    for 1 .. 3;
is(get('/lost/page.txt')->{status}, 500, 'what is not there lets nobody in');
is(request('POST', '/staff/page.txt', body => { a => 1 })->{status}, 401,
   'a body makes no difference');

# Thirty at once wait for PostgreSQL, and half of them leave.
my $key = as_key('products.read');
my $left = counter('detached_total');
sql('BEGIN');
sql('LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE');
my @conns = map { ask('GET', '/staff/page.txt', undef,
                      authorization => "Bearer $key") } 1 .. 30;
wait_for(sub { counter('coroutines') == 30 }, 'all wait');
$conns[2 * $_]->reset for 0 .. 14;
sql('COMMIT');
is(answer_to($conns[2 * $_ + 1], 'GET')->{status}, 200, "answered, $_")
    for 0 .. 14;
ok(wait_for(sub { counter('coroutines') == 0 }), 'nothing is left of them');
as_nobody();

# --- internal redirects -----------------------------------------------------

$res = get('/old/page.txt');
is_deeply([ @{$res}{'status', 'body'} ],
          [ @{ get("/api/v1/toys/$toy") }{'status', 'body'} ],
          'an error page of the shop');
is_problem(get('/older/page.txt'), 404, 'not_found');
is(get("/moved/toys/$toy?")->{json}{name}, 'train', 'another address');
is_problem(get('/moved/toys?limit=x'), 422, 'wrong_query', 'limit');
is(patch("/moved/toys/$toy", { note => 'moved' }, 'if-match' => '*')
       ->{json}{note}, 'moved', 'with a body');

# --- mirror -----------------------------------------------------------------

my $seen = seen();
$res = get('/both/page.txt');
is($res->{body}, "page of both\n", 'the answer is the other one');
ok(wait_for(sub { seen() > $seen }), 'and the shop was asked');
my $body = JSON::PP->new->encode({ to => $other, amount => 1 });
for my $n (1 .. 5) {
    request('POST', '/twice/page.txt', body => $body, headers => {
        'content-type' => 'application/json',
        'idempotency-key' => "mirror-$n" });
}
ok(wait_for(sub { sql_value('SELECT quantity FROM toys WHERE id = ?',
                            toy_id($other)) == 15 }),
   'what is mirrored is done, once each');

# One that PostgreSQL holds up holds up nobody else.
sql('BEGIN');
sql('SELECT FROM toys WHERE id = ? FOR UPDATE', toy_id($other));
my $conn = ask('POST', '/twice/page.txt', $body,
               'idempotency-key' => 'mirror-6');
all_waiting(1);
is(get('/healthz')->{status}, 200, 'others are served');
sql('COMMIT');
isnt(answer_to($conn)->{status}, 0, 'it is answered');
ok(wait_for(sub { counter('coroutines') == 0 }), 'and over');

# --- post_action ------------------------------------------------------------

$seen = seen();
is(get('/after/page.txt')->{body}, "page of after\n", "the page, $_")
    for 1, 2;
ok(wait_for(sub { seen() >= $seen + 2 }), 'the shop is asked afterwards');
$conn = new_connection();
for my $n (1 .. 3) {
    is($conn->request('GET', '/after/page.txt', {})->{body},
       "page of after\n", "nothing of it is in the connection, $n");
}
ok($conn->usable, 'nor behind it');
$conn->close;

# --- many of one page -------------------------------------------------------

sql("UPDATE toys SET note = 'included' WHERE id = ?", toy_id($toy));
polled();
$res = get('/pages/list.txt');
is(scalar(() = $res->{body} =~ /"note":"included"/g), 20,
   'twenty in one page');
is_deeply([workers()], [$worker], 'the worker lives');

done();
