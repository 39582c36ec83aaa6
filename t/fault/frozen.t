#!/usr/bin/perl
#
# frozen.t - one process stands still in the middle of a transaction: a session
# of PostgreSQL, then a worker.  Others go on, what was held is let go, and
# whoever was held is told what is true.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $products = '/api/admin/v1/products';
my $first = start_shop(workers => 1);
my $key = as_key(qw(products.read products.write));
my ($worker) = workers();

my @made = map { ok_json(post($products, { title => "Vase $_" }), 201) } 0 .. 2;

sub counter { return status()->{counters}{ $_[0] } }

# A connection on which this change of a product has been asked for.
sub change {
    my ($product, $title) = @_;
    my $body = "{\"title\":\"$title\"}";
    my $client = new_connection();

    $client->write(join "\r\n", "PATCH $products/$product->{id} HTTP/1.1",
        'Host: x', "Authorization: Bearer $key", 'If-Match: "v1"',
        'Content-Type: application/json', 'Content-Length: ' . length $body,
        '', $body);
    return $client;
}

# What the client is told in the end: status, and code or title.
sub told {
    my ($client) = @_;
    my $res = $client->read_response('PATCH');
    my $json = Shop::Test::json()->decode($res->{body});

    $client->close;
    return "$res->{status} " . ($json->{code} // $json->{title});
}

# The product as it is now.
sub is_now {
    my ($product, $title, $version, $name) = @_;
    my $now = ok_json(get("$products/$product->{id}"), 200);

    is("$now->{title}, $now->{version}", "$title, $version", $name);
}

# So many wait for rows that this test has locked.
sub held {
    my ($n) = @_;

    wait_for(sub { $n == (sql_as('postgres', <<'END'))[0][0] }, "$n are held");
SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'
   AND datname = current_database()
END
}

sub lock_rows {
    my ($how, @rows) = @_;

    return sql("SELECT FROM products WHERE id IN (SELECT owner_id FROM slugs
                 WHERE slug = ANY (?)) FOR UPDATE $how",
               [map { $_->{slug} } @rows]);
}

# Nobody has a lock on these rows.
sub is_free { return eval { lock_rows('NOWAIT', @_) } }

# --- a session of PostgreSQL that reads -------------------------------------

my $lost = counter('db_lost_total');
is(scalar pg_freeze("application_name = 'shop-read'"), 1, 'a session stands');
is(get('/api/v1/products/vase-0')->{status}, 404,
   'another is asked in its place');
cmp_ok(counter('db_lost_total'), '>', $lost, 'it counts as lost');
pg_thaw();

# --- one that writes --------------------------------------------------------

sql('BEGIN');
lock_rows('', $made[0]);
my $client = change($made[0], 'Held 0');
held(1);
is(scalar pg_freeze("wait_event = 'transactionid'"), 1, 'a session stands');
sql('COMMIT');
is(told(change($made[1], 'Other')), '200 Other', 'another change is made');
is(get('/api/v1/store')->{status}, 200, 'who reads is answered');
is(told($client), '504 deadline_exceeded', 'who waits is told when to give up');
pg_thaw();
ok(wait_for(sub { counter('tx_open') == 0 && is_free($made[0]) }),
   'the session goes on, and has nothing more to do');
is_now($made[0], 'Vase 0', 1, 'and nothing of it was done');
is(told(change($made[0], 'Vase')), '200 Vase', 'another is, afterwards');

# --- a worker ---------------------------------------------------------------

# Of a machine that has the time to see how this ends.
my $second = start_beside(http => 'shop_deadline 60s;');
my @there = on($second, sub { workers() });
my @new = map { ok_json(post($products, { title => "Jug $_" }), 201) } 0 .. 1;

sql('BEGIN');
lock_rows('', @new);
my @client = on($second, sub { map { change($new[$_], "Held $_") } 0 .. 1 });
held(2);
kill STOP => @there;
sql('COMMIT');
wait_for(sub { 2 == (sql_as('postgres', <<'END'))[0][0] }, 'both wait for it');
SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'
   AND datname = current_database()
END
ok(!is_free(@new), 'with what they have locked');
ok(wait_for(sub { is_free(@new) }), 'PostgreSQL ends them');
like(read_file("$ENV{SHOP_TEST_DIR}/postgresql.log"),
     qr/shop-tx.*due to idle-in-transaction timeout/, 'and says why');
is(told(change($new[1], 'Other')), '200 Other', 'another may write then');
kill CONT => @there;
is(told($client[0]), '200 Held 0', 'who was held is done once more');
is_now($new[0], 'Held 0', 2, 'which is once in all');
is(told($client[1]), '412 version_mismatch', 'or finds what another did');
is_now($new[1], 'Other', 2, 'which stays');
is(on($second, sub { counter('tx_retries_total') }), 2, 'both were begun anew');
is_deeply([on($second, sub { workers() })], \@there, 'by the same worker');
is_deeply([workers()], [$worker], 'the other worker lives');

done();
