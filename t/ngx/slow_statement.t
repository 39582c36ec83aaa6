#!/usr/bin/perl
#
# slow_statement.t - a statement that takes longer than shop_slow_statement is a
# line of the error log: its name, its route and its time, and nothing that a
# client or the database said.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant { SLOW_MS => 100, WAIT_MS => 300 };

my ($key, $product);

sub start {
    my ($slow) = @_;

    start_shop(workers => 2, http => "shop_slow_statement $slow;");
    $key = as_key(qw(products.read products.write));
    $product = ok_json(post('/api/admin/v1/products', { title => 'A cup' }),
                       201);
}

sub slow_lines { return grep { /slow statement/ } split /\n/, log_text() }

# A change that waits for a row until PostgreSQL itself says that it has been
# waiting for longer than allowed.
sub change_slowly {
    my ($id) = @_;
    my $conn = new_connection();

    sql('BEGIN');
    sql('SELECT FROM products WHERE id = (SELECT id FROM products LIMIT 1)'
        . ' FOR UPDATE');
    $conn->send('PATCH', "/api/admin/v1/products/$product->{id}",
        { Authorization => "Bearer $key", 'If-Match' => '*',
          'Content-Type' => 'application/merge-patch+json',
          'Idempotency-Key' => "canary-$id", 'X-Request-Id' => $id },
        '{"title":"canary-title"}');
    wait_for(sub { sql_as('postgres', <<'END') }, 'it waits for the row');
SELECT true FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
   AND clock_timestamp() - query_start > interval '300 ms'
END
    sql('COMMIT');
    my $res = $conn->read_response('PATCH');
    $conn->close;
    return $res;
}

start(SLOW_MS . 'ms');
my $res = change_slowly('waits-for-a-row');
my @lines = wait_for(sub { my @got = grep { /waits-for-a-row/ } slow_lines();
                           @got && \@got }, 'a line')->@*;
like($lines[0], qr{\[warn\] .*\bslow\ statement\ (\w+):\ took\ (\d+)\ us,
    \ PATCH\ /api/admin/v1/products/:product,\ request\ waits-for-a-row}x,
    'it names statement, time, route and request');
my ($name, $us) = $lines[0] =~ /statement (\w+): took (\d+)/;
cmp_ok($us, '>=', 1000 * WAIT_MS, "the time that $name took, in microseconds");
ok((grep { /^-- (?:sql|start)_$name\(/m } map { read_file($_) }
    glob top_folder() . '/libshop/*/*.sql'), 'a name that the sources have');
cmp_ok(status()->{counters}{slow_statements_total}, '>=', scalar @lines,
       'and is counted');

# What nobody waits for any more: the client has gone, or its time is over.
sql('BEGIN');
sql('LOCK TABLE categories IN ACCESS EXCLUSIVE MODE');
my $conn = new_connection();
$conn->send('GET', '/api/v1/categories', {});
wait_for(sub { sql_as('postgres', <<'END') }, 'a read that waits');
SELECT true FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
   AND application_name ~ '^shop-slow'
   AND clock_timestamp() - query_start > interval '300 ms'
END
$conn->close;
wait_for(sub { grep { m{given up after \d+ us, GET /api/v1/categories, } }
               slow_lines() }, 'one that was given up');
sql('COMMIT');
pass('is told too');

my $text = join "\n", slow_lines();
unlike($text, qr/canary|\Q$key\E|A cup|\$\d|SELECT|UPDATE/,
       'nothing of what was sent, and no statement, is in these lines');

# The manual's settings put the plan of such a statement into PostgreSQL's log,
# if only its name of the database is changed, and the patience.
my ($settings) = read_file(top_folder() . '/docs/operations.md')
    =~ /^```sql\n(ALTER ROLE shop_app .*?)^```/ms;
my $database = sql_value('SELECT current_database()');
for (split /;\n/, $settings) {
    sql_as('postgres', s/DATABASE shop/DATABASE "$database"/r
                       =~ s/500ms/100ms/r);
}
my @old = workers();
reload();
Shop::Test::close_connection();
wait_for(sub { my %now = map { $_ => 1 } workers();
               !grep { $now{$_} } @old }, 'workers whose sessions are new');
is(change_slowly('waits-with-a-plan')->{status}, 200, 'a change that waits');
wait_for(sub { read_file("$ENV{SHOP_TEST_DIR}/postgresql.log")
    =~ /shop-tx-\d waits-with-a-plan LOG: [^\n]* plan:\n.*?^\s+LockRows/ms },
    'its plan');
pass('the plan is under the id of the request');

# Off, it is silent however long it takes.
start(0);
change_slowly('nobody-is-told');
is(scalar(() = slow_lines()), 0, 'off: no line');
is(status()->{counters}{slow_statements_total}, 0, 'and no count');

done();
