#!/usr/bin/perl
#
# once.t - Idempotency-Key: however often a request comes, and however many at
# once, it has one effect and one answer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

start_toys(workers => 2);
my $key = as_key('products.write');
my @as = (authorization => "Bearer $key");

sub toys { sql_value('SELECT count(*) FROM toys WHERE name = ?', $_[0]) }
sub keys_of { sql_value('SELECT count(*) FROM idempotency_keys WHERE key = ?',
                        $_[0]) }

# Two hundred at once with one key.
my @conns = map {
    ask('POST', '/api/v1/toys', { name => 'one', label => 'first' }, @as,
        'idempotency-key' => 'many')
} 1 .. 200;
my @answers = map { answer_to($_) } @conns;
my ($first, @others) = grep { $_->{status} == 201
    && !$_->{headers}{'idempotent-replayed'} } @answers;
ok($first, 'one made it');
is(scalar @others, 0, 'and only one');
is(toys('one'), 1, 'there is one effect');
is(scalar(grep {
    $_ == $first
    || ($_->{status} == 201 && $_->{body} eq $first->{body}
        && $_->{headers}{'idempotent-replayed'} eq 'true')
    || ($_->{status} == 409 && $_->{json}{code} eq 'request_in_progress'
        && $_->{headers}{'retry-after'} == 1)
} @answers), 200, 'the others were told its answer, or to come again');
is(counter('tx_waiting'), 0, 'nobody waits');
is(counter('tx_open'), 0, 'no connection is held');

# Who is told to come again holds no connection meanwhile.
sql('BEGIN');
sql('LOCK TABLE toys IN ACCESS EXCLUSIVE MODE');
my $slow = ask('POST', '/api/v1/toys', { name => 'slow' }, @as,
               'idempotency-key' => 'slow');
all_waiting(1);
my $res = post('/api/v1/toys', { name => 'slow' }, 'Idempotency-Key' => 'slow');
is_problem($res, 409, 'request_in_progress');
is($res->{headers}{'retry-after'}, 1, 'with Retry-After');
is(counter('tx_open'), 1, 'only the first has a connection');
sql('COMMIT');
is(answer_to($slow)->{status}, 201, 'which then succeeds');

# If the lock does not hold somebody back the table does: who comes second to
# COMMIT leaves nothing, and finds what the first has stored.
sql('BEGIN');
sql('LOCK TABLE toys IN ACCESS EXCLUSIVE MODE');
$slow = ask('POST', '/api/v1/toys', { name => 'second' }, @as,
            'idempotency-key' => 'guard');
all_waiting(1);
sql("INSERT INTO idempotency_keys
     SELECT caller, 'guard', method, route, body_hash, status, headers, body
       FROM idempotency_keys WHERE key = 'slow'");
sql('COMMIT');
is(answer_to($slow)->{json}{code}, 'idempotency_key_reused',
   'the table is the last guard');
is(toys('second'), 0, 'nothing is left of it');

# What is sent again is the same to the letter.
my %sent = (name => 'exact', note => "\x{e9}\x{20ac}\x{1f600} \"quoted\" \\");
my $made = post('/api/v1/toys', \%sent, 'Idempotency-Key' => 'exact');
is($made->{status}, 201, 'made');
is($made->{headers}{etag}, '"v1"', 'with an ETag');
like($made->{headers}{location}, qr{^/api/v1/toys/toy_\w{26}$}, 'an address');
my $again = post('/api/v1/toys', \%sent, 'Idempotency-Key' => 'exact');
is($again->{status}, 201, 'the status again');
is($again->{body}, $made->{body}, 'the body');
is(delete $again->{headers}{'idempotent-replayed'}, 'true', 'it says so');
delete @{ $_->{headers} }{qw(date x-request-id)} for $made, $again;
is_deeply($again->{headers}, $made->{headers}, 'and all other headers');
my $toy = $made->{headers}{location} =~ s{.*/}{}r;
for (
    [ 'a POST', 201, sub { post('/api/v1/toys', { name => 'brief' }, @_) } ],
    [ 'a PATCH', 204, sub { patch("/api/v1/toys/$toy", { note => 'brief' },
                                  'If-Match' => '*', @_) } ],
) {
    my ($name, $status, $send) = @$_;
    my @both = map { $send->('Idempotency-Key' => $name =~ s/ /-/r,
                             Prefer => 'return=minimal') } 1, 2;
    is($both[0]{status}, $status, "$name: the client wants no body");
    is($both[0]{headers}{'preference-applied'}, 'return=minimal', 'he is told');
    is(delete $both[1]{headers}{'idempotent-replayed'}, 'true', 'sent again');
    delete @{ $_->{headers} }{qw(date x-request-id)} for @both;
    is_deeply([ @{ $both[1] }{qw(status body headers)} ],
              [ @{ $both[0] }{qw(status body headers)} ], 'it is the same');
}
$res = post("/api/v1/toys/$toy/shouts", { text => 'abc' },
            'Idempotency-Key' => 'text');
$again = post("/api/v1/toys/$toy/shouts", { text => 'abc' },
              'Idempotency-Key' => 'text');
is($again->{headers}{'content-type'}, $res->{headers}{'content-type'},
   'the type of one that is not JSON');
is($again->{body}, 'ABC', 'and its text');
my $to = make_toy();
for (1, 2) {
    $res = post("/api/v1/toys/$toy/transfers", { to => $to, amount => 2 },
                'Idempotency-Key' => 'none');
    is($res->{status}, 204, 'one without a body');
}
is(sql_value('SELECT quantity FROM toys WHERE id = ?', toy_id($to)), 2,
   'has one effect too');

# Another request with the key is refused.
is_problem(post('/api/v1/toys', { %sent, note => 'x' },
                'Idempotency-Key' => 'exact'), 422, 'idempotency_key_reused');
is_problem(post("/api/v1/toys/$toy/transfers", { to => $to, amount => 1 },
                'Idempotency-Key' => 'text'), 422, 'idempotency_key_reused');
is_problem(patch("/api/v1/toys/$toy", { note => 'x' }, 'If-Match' => '*',
                 'Idempotency-Key' => 'none'), 422, 'idempotency_key_reused');

# Nothing is remembered of what was refused.
for (
    [ 422, { name => '' } ], [ 422, { name => 'a', label => 'a' } ],
    [ 409, { name => 'exact' } ], [ 400, '{"name"' ],
) {
    my ($status, $body) = @$_;
    is(post('/api/v1/toys', $body, 'Idempotency-Key' => 'free')->{status},
       $status, "refused with $status");
}
my $nobody = toy_name('00000000-0000-7000-8000-000000000000');
is_problem(post("/api/v1/toys/$nobody/shouts", { text => 'x' },
                'Idempotency-Key' => 'free'), 404, 'not_found');
is(keys_of('free'), 0, 'and not stored');
is(post('/api/v1/toys', { name => 'free' }, 'Idempotency-Key' => 'free')
   ->{status}, 201, 'the key is free');

# It is free as soon as he knows: the next does not meet the lock of the last,
# neither after a refusal nor after an answer that was sent once more.
my %met;
for (1 .. 100) {
    $met{ post("/api/v1/toys/$nobody/shouts", { text => 'x' },
               'Idempotency-Key' => 'again')->{status} }++;
    $met{ post('/api/v1/toys', { name => 'free' },
               'Idempotency-Key' => 'free')->{status} }++;
}
is_deeply(\%met, { 404 => 100, 201 => 100 }, 'nobody meets his own lock');

# Keys of two callers do not meet.
as_key('products.write');
$res = post('/api/v1/toys', { name => 'other' }, 'Idempotency-Key' => 'many');
is($res->{status}, 201, 'the key of another caller is another');
is($res->{json}{name}, 'other', 'with its own answer');
is(keys_of('many'), 2, 'both are stored');

# Keys that are none.
for ('', 'a b', "caf\xc3\xa9", 'x' x 256, "tab\there") {
    is_problem(post('/api/v1/toys', { name => 'bad' },
                    'Idempotency-Key' => $_), 400, 'bad_idempotency_key');
}
is(toys('bad'), 0, 'changed nothing');
is(post('/api/v1/toys', { name => 'long' }, 'Idempotency-Key' => 'x' x 255)
   ->{status}, 201, '255 characters are a key');
is(keys_of('x' x 255), 1, 'that is stored');

# Where the key means nothing it is let pass.
is(post("/api/v1/toys/$toy/swaps", { to => $to, amount => 1 },
        'Idempotency-Key' => 'a b')->{status}, 204, 'no key here');

# A day later it is forgotten.
sql("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'
      WHERE key = 'exact'");
reload();
ok(wait_for(sub { keys_of('exact') == 0 }), 'trimmed after a day');
is(keys_of('many'), 2, 'others stay');

done();
