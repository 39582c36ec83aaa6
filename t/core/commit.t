#!/usr/bin/perl
#
# commit.t - transactions: run again when PostgreSQL says so or goes, answered
# when they are committed and not before, and never half done.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

start_toys(workers => 2, http => 'shop_deadline 10s;');
my @as = (authorization => 'Bearer ' . as_key('products.write'));

sub quantity { sql_value('SELECT quantity FROM toys WHERE id = ?',
                         toy_id($_[0])) }

# A trigger that does something to the first so many that pass, over all
# attempts: a sequence remembers what is rolled back.
sub first_ones {
    my ($n, $what, $event) = @_;

    sql('SET client_min_messages = warning');
    sql('DROP TRIGGER IF EXISTS meddle ON toys');
    sql('DROP SEQUENCE IF EXISTS meddled');
    sql('CREATE SEQUENCE meddled');
    sql('GRANT USAGE ON SEQUENCE meddled TO shop_app');
    sql("CREATE OR REPLACE FUNCTION meddle() RETURNS trigger
         LANGUAGE plpgsql AS \$\$ BEGIN
             IF nextval('meddled') <= $n THEN $what END IF;
             RETURN NULL;
         END \$\$");
    sql("CREATE CONSTRAINT TRIGGER meddle AFTER INSERT OR UPDATE ON toys "
        . ($event // 'NOT DEFERRABLE')
        . ' FOR EACH ROW EXECUTE FUNCTION meddle()');
}

sub no_trigger { sql('DROP TRIGGER IF EXISTS meddle ON toys') }

sub transfer {
    my ($from, $to, $amount) = @_;
    return post("/api/v1/toys/$from/transfers",
                { to => $to, amount => $amount // 1 });
}

my ($one, $two) = map { make_toy(quantity => 100) } 1, 2;

# Two that lock the same rows the other way round: each waits behind its first
# row until the other has one too.  The one that PostgreSQL ends runs again.
sql_as('postgres', "ALTER ROLE shop_app SET deadlock_timeout = '10ms'");
first_ones(2, q{
    PERFORM pg_advisory_xact_lock_shared(1);
    WHILE (SELECT count(*) < 2 FROM pg_locks
            WHERE locktype = 'advisory' AND objid = 1) LOOP
        PERFORM pg_sleep(0.001);
    END LOOP;
});
my $retries = counter('tx_retries_total');
my @both = (
    ask('POST', "/api/v1/toys/$one/transfers", { to => $two, amount => 3 }),
    ask('POST', "/api/v1/toys/$two/transfers", { to => $one, amount => 5 }));
is(answer_to($_)->{status}, 204, 'one of a deadlock succeeds') for @both;
ok(counter('tx_retries_total') > $retries, 'one was run again');
is(quantity($one), 102, 'each had one effect, here');
is(quantity($two), 98, 'and there');

# A serialization failure is run again, but not for ever.
first_ones(2, "RAISE 'no' USING ERRCODE = '40001';");
$retries = counter('tx_retries_total');
is(transfer($one, $two)->{status}, 204, 'the third attempt succeeds');
is(counter('tx_retries_total') - $retries, 2, 'after two');
first_ones(3, "RAISE 'no' USING ERRCODE = '40001';");
my $res = transfer($one, $two);
is_problem($res, 503, 'contention');
is($res->{headers}{'retry-after'}, 1, 'with Retry-After');
is(quantity($one), 101, 'nothing is left of it');

# The same when the statement that failed is not the one that is waited for.
first_ones(1, "RAISE 'no' USING ERRCODE = '40001';");
is(post("/api/v1/toys/$one/swaps", { to => $two, amount => 1 })->{status}, 204,
   'a statement behind one that failed');
first_ones(1, "RAISE 'no' USING ERRCODE = '40001';");
is(post("/api/v1/toys/$one/gifts", { to => $two, amount => 1 })->{status}, 204,
   'one that nobody waits for');
is(quantity($one), 99, 'both have their effect');
no_trigger();
is_problem(post("/api/v1/toys/$one/swaps", { to => $two, amount => 999 }),
           409, 'too_few');
is_problem(post("/api/v1/toys/$one/gifts", { to => $two, amount => 999 }),
           409, 'too_few');
is(quantity($one), 99, 'and none');

# A lock that lasts is not waited for for ever.
sql('BEGIN');
sql('UPDATE toys SET note = note WHERE id = ?', toy_id($one));
is_problem(transfer($one, $two), 503, 'contention');
sql('ROLLBACK');

# Connections that go before COMMIT, in the middle of a statement.
my $kill = q{
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(9);
};
first_ones(2, $kill);
is(transfer($one, $two)->{status}, 204, 'connections that went: unseen');
is(quantity($one), 98, 'there is one effect');
first_ones(3, $kill);
is_problem(transfer($one, $two), 503, 'database_unavailable');
is(quantity($one), 98, 'or none');

# At COMMIT, before it is done: it may run again.
first_ones(1, $kill, 'DEFERRABLE INITIALLY DEFERRED');
is(transfer($one, $two)->{status}, 204, 'killed in COMMIT');
is(quantity($one), 97, 'there is one effect');
ok(counter('tx_lost_commits_total') > 0, 'the outcome was asked for');
no_trigger();

# At COMMIT, after it was done: it may not.
commits_wait();
my $lost = counter('tx_lost_commits_total');
my $was = quantity($one);
my $conn = ask('POST', "/api/v1/toys/$one/transfers",
               { to => $two, amount => 1 });
all_waiting(1, 'SyncRep');
is(pg_kill("wait_event = 'SyncRep'"), 1, 'its connection is killed');
is(answer_to($conn)->{status}, 204, 'the answer is the truth');
is(counter('tx_lost_commits_total') - $lost, 1, 'the outcome was asked for');
is(quantity($one), $was - 1, 'there is one effect');

# Nobody is told before the outcome is known.
$conn = ask('POST', "/api/v1/toys/$one/transfers", { to => $two, amount => 1 });
all_waiting(1, 'SyncRep');
polled();
ok($conn->usable, 'no answer yet');
commits_go();
is(answer_to($conn)->{status}, 204, 'and then there is one');

# A constraint that is checked at the end is named as any other.
make_toy(label => 'taken');
is_problem(post('/api/v1/toys', { name => 'x', label => 'taken' }, @as),
           409, 'label_taken', '/label');
is(sql_value("SELECT count(*) FROM toys WHERE name = 'x'"), 0, 'nothing is');

# A handler that fails behind a statement that worked leaves nothing.
is_problem(post("/api/v1/toys/$one/late", { text => 'left' }), 500, 'internal');
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($one)), undef,
   'nothing is left');
my $few = make_toy(quantity => 1);
is_problem(transfer($two, $few, -1), 422, 'wrong_body', '/amount');
is_problem(transfer($few, $two, 2), 409, 'too_few');

# A client that leaves in the middle has what it asked for, once.
sql('BEGIN');
sql('UPDATE toys SET note = note WHERE id = ?', toy_id($two));
$was = quantity($one);
my $left = counter('detached_total');
my $committed = counter('tx_committed_total');
$conn = ask('POST', "/api/v1/toys/$one/transfers", { to => $two, amount => 1 });
all_waiting(1);
$conn->reset;
wait_for(sub { counter('detached_total') > $left }, 'it has left');
sql('COMMIT');
wait_for(sub { counter('tx_committed_total') > $committed }, 'it is done');
is(quantity($one), $was - 1, 'there is one effect');
is(counter('tx_open'), 0, 'and no transaction is left');

stop_shop();

# A deadline in COMMIT: nobody knows, and the key tells later.
start_toys(workers => 1, http => 'shop_deadline 700ms;');
@as = (authorization => 'Bearer ' . as_key('products.write'));
commits_wait();
my @late = ('/api/v1/toys', { name => 'late' }, @as,
            'idempotency-key' => 'late');
is_problem(post(@late), 503, 'outcome_unknown');
commits_go();
$res = wait_for(sub {
    my $again = post(@late);
    $again->{status} == 201 && $again;
}, 'the outcome');
is($res->{headers}{'idempotent-replayed'}, 'true', 'it was done');
is(sql_value("SELECT count(*) FROM toys WHERE name = 'late'"), 1, 'once');

stop_shop();

# A read is not refused because the visit cannot be noted.
start_toys(workers => 1, http => 'shop_tx_connections 1; shop_tx_queue 0;');
as_key('products.read');
($one, $two) = map { make_toy(quantity => 9) } 1, 2;
sql('BEGIN');
sql('UPDATE toys SET note = note WHERE id = ?', toy_id($one));
$conn = ask('POST', "/api/v1/toys/$one/transfers", { to => $two, amount => 1 });
all_waiting(1);
is_problem(transfer($two, $one), 503, 'overloaded');
is(get("/api/v1/toys/$one/private")->{status}, 200, 'it is answered');
sql('COMMIT');
is(answer_to($conn)->{status}, 204, 'as is the first');

sql_as('postgres', 'ALTER ROLE shop_app RESET deadlock_timeout');
done();
