#!/usr/bin/perl
#
# writes.t - clients that leave a write at every moment of it: it is done
# once, and a repetition with the same key is told the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $products = '/api/admin/v1/products';
my $shop = start_shop(workers => 1);
my ($worker) = workers();
my $key = as_key(qw(products.read products.write));

# COMMIT of a change of products waits for this lock, and before it every
# statement that writes a product for another.
sql(<<'SQL');
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(42);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT OR UPDATE ON products
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
CREATE FUNCTION wait_in_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(43);
    RETURN NEW;
END $$;
CREATE TRIGGER wait_in_statement BEFORE INSERT OR UPDATE ON products
    FOR EACH ROW EXECUTE FUNCTION wait_in_statement();
SQL

sub bytes {
    my ($method, $path, $body, @headers) = @_;

    return join "\r\n", "$method $path HTTP/1.1", 'Host: x',
        "Authorization: Bearer $key", 'Content-Type: application/json',
        'Content-Length: ' . length $body, @headers, '', $body;
}

sub counter {
    return status()->{counters}{ $_[0] };
}

sub waiting {
    my ($lock) = @_;

    return sql_value('SELECT count(*) FROM pg_locks WHERE NOT granted
                       AND locktype = \'advisory\' AND objid = ?', $lock);
}

my $made = ok_json(post($products, { title => 'First' }), 201);
my $version = $made->{version};
my $path = "$products/$made->{id}";

# How it leaves: by RST, by closing, by closing its half.
my %leave = (
    reset       => sub { $_[0]->reset },
    close       => sub { $_[0]->close },
    'half close' => sub { $_[0]->half_close },
);
for my $how (sort keys %leave) {
    for my $lock (43, 42) {
        my $when = $lock == 42 ? 'in COMMIT' : 'in a statement';
        my $title = "$how $when";
        my $left = counter('detached_total');
        my $committed = counter('tx_committed_total');

        sql('SELECT pg_advisory_lock(?)', $lock);
        my $client = new_connection();
        $client->write(bytes('PATCH', $path, "{\"title\":\"$title\"}",
                             "If-Match: \"v$version\""));
        wait_for(sub { waiting($lock) }, 'it waits');
        $leave{$how}->($client);
        ok(wait_for(sub { counter('detached_total') > $left }),
           "$title: it was noticed");
        sql('SELECT pg_advisory_unlock(?)', $lock);
        ok(wait_for(sub { status()->{coroutines}{live} == 0 }),
           "$title: the write came to its end");
        is(counter('tx_committed_total') - $committed, 1,
           "$title: one COMMIT");
        my $now = ok_json(get($path), 200);
        is($now->{title}, $title, "$title: it is there");
        is($now->{version}, ++$version, "$title: once");
        $client->close if $how eq 'half close';
    }
}

# The same with a key: who left asks again, and is told what was done.
for my $how ('reset', 'close') {
    my $body = "{\"title\":\"Once by $how\"}";
    my $once = "Idempotency-Key: key-$how";
    my $left = counter('detached_total');

    my $replays = counter('idempotent_replays_total');

    sql('SELECT pg_advisory_lock(42)');
    my $client = new_connection();
    $client->write(bytes('POST', $products, $body, $once));
    wait_for(sub { waiting(42) }, 'COMMIT waits');
    $leave{$how}->($client);
    ok(wait_for(sub { counter('detached_total') > $left }), 'it was noticed');

    # While it is under way nobody waits for it.
    my $res = post($products, $body, 'Idempotency-Key' => "key-$how");
    is_problem($res, 409, 'request_in_progress');
    ok($res->{headers}{'retry-after'}, 'and when to come again');

    sql('SELECT pg_advisory_unlock(42)');
    my $again = wait_for(sub {
        my $r = post($products, $body, 'Idempotency-Key' => "key-$how");
        $r->{status} == 409 ? undef : $r;
    });
    is($again->{status}, 201, 'the repetition is told of the first one');
    is(counter('idempotent_replays_total') - $replays, 1, 'as a replay');
    is(sql_value("SELECT count(*) FROM product_i18n WHERE title = ?",
                 "Once by $how"), 1, 'there is one');
    is(get("$products/$again->{json}{id}")->{json}{title}, "Once by $how",
       'and that is it');
}

# Many at once, that leave while they wait for a connection or a lock: each
# is done or not, and none twice.
sql('SELECT pg_advisory_lock(43)');
my @client = map {
    my $c = new_connection();
    $c->write(bytes('POST', $products, "{\"title\":\"Many $_\"}",
                    "Idempotency-Key: many-$_"));
    $c;
} 1 .. 40;
wait_for(sub { status()->{coroutines}{live} == 40 }, 'all are under way');
$client[2 * $_]->reset for 0 .. 19;
sql('SELECT pg_advisory_unlock(43)');
my %count;
$count{ $client[2 * $_ + 1]->read_response('POST')->{status} }++ for 0 .. 19;
is_deeply([grep { !/^(?:201|503)$/ } keys %count], [],
          'who stayed was answered') or diag join ' ', %count;
$_->close for map { $client[2 * $_ + 1] } 0 .. 19;
ok(wait_for(sub { status()->{coroutines}{live} == 0 }), 'all ended');
for my $n (1 .. 40) {
    my $res = post($products, "{\"title\":\"Many $n\"}",
                   'Idempotency-Key' => "many-$n");
    die "$n: $res->{status} $res->{body}\n" if $res->{status} != 201;
}
is(sql_value("SELECT count(*) FROM product_i18n WHERE title LIKE 'Many %'"),
   40, 'asked for again each is there, once');

is(counter('tx_open'), 0, 'no transaction is open');
is_deeply([workers()], [$worker], 'the worker lives');
sql('DROP TRIGGER wait_at_commit ON products');
sql('DROP TRIGGER wait_in_statement ON products');

done();
