/*
 * db_tx_test.c - transactions against a real PostgreSQL, and connections that
 * go at the worst moments.
 *
 * SHOP_TEST_DATABASE names a database that the tests may change; without it
 * they are skipped.  t/sql/transactions.t runs them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "db_fixture.h"         /* before cmocka, whose fail() is a macro */

#include <cmocka.h>

int core_db_tx_tests(void);

static const char schema[] =
    "SET client_min_messages = error;"
    "CREATE SCHEMA IF NOT EXISTS tx_test;"
    "DROP TABLE IF EXISTS tx_test.t;"
    "CREATE TABLE tx_test.t (id int, once int UNIQUE DEFERRABLE INITIALLY"
    "    DEFERRED);"
    "CREATE OR REPLACE FUNCTION tx_test.at_commit() RETURNS trigger AS $$"
    "BEGIN"
    "    IF NEW.id = 666 THEN PERFORM pg_terminate_backend(pg_backend_pid());"
    "    END IF;"
    "    IF NEW.id = 777 THEN PERFORM pg_advisory_xact_lock(777); END IF;"
    "    RETURN NULL;"
    "END $$ LANGUAGE plpgsql;"
    "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON tx_test.t"
    "    DEFERRABLE INITIALLY DEFERRED"
    "    FOR EACH ROW EXECUTE FUNCTION tx_test.at_commit()";


static void
tx_wake(struct tx *tx)
{
    ++*(unsigned *) tx->ctx;
}


static void
wake(struct db_wait *w)
{
    ++*(unsigned *) w->ctx;
}


/* A plain connection more, for what the test itself has to say. */
static PGconn *
aside(const char *sql)
{
    PGconn *pg = PQconnectdb(getenv("SHOP_TEST_DATABASE"));

    say(pg, sql);

    return pg;
}


static int
set_up(void **state)
{
    return fixture_set_up(state, schema);
}


static void
turn_until(struct fixture *f, const unsigned *woken)
{
    for (unsigned n = 0; n < 60000 && *woken == 0; n++)
        harness_turn(&f->host);
    assert_int_not_equal(*woken, 0);
}


/* One statement of a transaction, waited for. */
static enum db_outcome
run(struct fixture *f, struct tx *tx, const char *text, char *sqlstate)
{
    struct db_call  call = { .text = text };
    unsigned        woken = 0;
    struct db_wait  w = { .wake = wake, .ctx = &woken };

    db_tx_query(tx, &call, &w);
    if (w.outcome == DB_PENDING)
        turn_until(f, &woken);
    if (sqlstate != NULL)
        memcpy(sqlstate, w.sqlstate, sizeof(w.sqlstate));
    PQclear(w.result);

    return w.outcome;
}


static void
acquire(struct fixture *f, struct tx *tx, unsigned *woken)
{
    *woken = 0;
    *tx = (struct tx) { .wake = tx_wake, .ctx = woken };
    db_tx_acquire(f->db, tx);
}


static enum tx_outcome
commit(struct fixture *f, struct tx *tx, unsigned *woken)
{
    *woken = 0;
    db_tx_commit(tx);
    if (tx->commit == TX_NONE)
        turn_until(f, woken);

    return tx->commit;
}


/* How many rows there are, as others see it. */
static int64_t
rows(void)
{
    PGconn    *pg = aside("SELECT 1");
    PGresult  *res = PQexec(pg, "SELECT count(*) FROM tx_test.t");
    int64_t    n = strtoll(PQgetvalue(res, 0, 0), NULL, 10);

    PQclear(res);
    PQfinish(pg);

    return n;
}


/* The descriptor of the only connection that is watched. */
static int
socket_of(const struct fixture *f)
{
    int  fd = -1;

    for (size_t i = 0; i < HARNESS_MAX; i++) {
        if (f->host.watch[i] != NULL) {
            assert_int_equal(fd, -1);
            fd = f->host.watch[i]->fd;
        }
    }
    assert_int_not_equal(fd, -1);

    return fd;
}


/* --- with a connection that lasts ---------------------------------------- */


static void
what_is_committed_is_there(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    assert_int_equal(tx.outcome, DB_ROWS);
    assert_int_equal(run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL),
                     DB_ROWS);
    assert_int_not_equal(tx.xid, 0);
    assert_int_equal(rows(), 0);
    assert_int_equal(f->count[COUNT_TX_OPEN], 1);

    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    assert_int_equal(rows(), 1);
    assert_int_equal(f->count[COUNT_TX_OPEN], 0);
    db_tx_end(&tx);
    assert_int_equal(f->count[COUNT_TX_ROLLED], 0);
}


static void
a_transaction_without_statements_costs_nothing(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(f->count[COUNT_TX_BEGUN], 0);
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 0);
}


/* COMMIT in the flush of the first statement waits for the id alone. */
static void
all_can_be_asked_for_at_once(void **state)
{
    struct fixture  *f = fixture(state);
    struct db_call   call = { .text = "INSERT INTO tx_test.t VALUES (1, 1)" };
    unsigned         woken, done = 0;
    struct db_wait   w = { .wake = wake, .ctx = &done };
    struct tx        tx;

    acquire(f, &tx, &woken);
    db_tx_query(&tx, &call, &w);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    assert_int_equal(w.outcome, DB_ROWS);
    PQclear(w.result);
    db_tx_end(&tx);
    assert_int_equal(rows(), 1);
}


static void
who_gives_up_leaves_nothing(void **state)
{
    struct fixture  *f = fixture(state);
    struct db_call   call = { .text = "INSERT INTO tx_test.t VALUES (2, 2)" };
    unsigned         woken, done = 0;
    struct db_wait   w = { .wake = wake, .ctx = &done };
    struct tx        tx;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    db_tx_query(&tx, &call, &w);
    harness_turn(&f->host);
    db_forget(&w);                      /* in flight */
    db_tx_end(&tx);

    acquire(f, &tx, &woken);            /* behind the ROLLBACK */
    assert_int_equal(tx.outcome, DB_PENDING);
    turn_until(f, &woken);
    assert_int_equal(run(f, &tx, "INSERT INTO tx_test.t VALUES (3, 3)", NULL),
                     DB_ROWS);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(done, 0);
    assert_int_equal(rows(), 1);
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 1);
}


static void
a_failed_statement_commits_nothing(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;
    char            sqlstate[6];

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    assert_int_equal(run(f, &tx, "SELECT 1 / 0", sqlstate), DB_ERROR);
    assert_string_equal(sqlstate, "22012");
    assert_int_equal(run(f, &tx, "SELECT 1", sqlstate), DB_ERROR);
    assert_string_equal(sqlstate, "22012");     /* not 25P02, which follows */
    assert_int_equal(commit(f, &tx, &woken), TX_REFUSED);
    assert_string_equal(tx.wait.sqlstate, "22012");
    db_tx_end(&tx);
    assert_int_equal(rows(), 0);

    /* The next transaction of the connection knows nothing of it. */
    acquire(f, &tx, &woken);
    assert_int_equal(run(f, &tx, "SELECT 1", sqlstate), DB_ROWS);
    assert_string_equal(sqlstate, "");
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
}


/* Whoever is asked first tells of the statement that failed: the second is
 * skipped with the first (same Sync), the third is refused (its own), and so
 * is COMMIT. */
static void
the_first_error_is_told_of_all(void **state)
{
    struct fixture        *f = fixture(state);
    const struct db_call   call[] = {
        { .name = "gone", .slot = 1,
          .text = "INSERT INTO tx_test.t VALUES (2, 1)" },
        { .name = "now", .slot = 2,
          .text = "SET CONSTRAINTS ALL IMMEDIATE" },
        { .name = "after", .slot = 3, .text = "SELECT 1" },
        { .text = "SELECT 2" },
    };
    struct db_wait         w[4];
    struct tx              tx;
    unsigned               woken, done = 0;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    for (size_t i = 0; i < 4; i++) {
        w[i] = (struct db_wait) { .wake = wake, .ctx = &done };
        db_tx_query(&tx, &call[i], &w[i]);
    }
    harness_turn(&f->host);
    assert_int_equal(done, 0);
    db_forget(&w[1]);                   /* in flight */
    assert_int_equal(commit(f, &tx, &woken), TX_REFUSED);
    assert_string_equal(tx.wait.constraint, "t_once_key");

    assert_int_equal(done, 3);
    assert_int_equal(w[0].outcome, DB_ROWS);
    for (size_t i = 2; i < 4; i++) {
        assert_int_equal(w[i].outcome, DB_ERROR);
        assert_string_equal(w[i].sqlstate, "23505");
        assert_string_equal(w[i].constraint, "t_once_key");
        PQclear(w[i].result);
    }
    PQclear(w[0].result);
    db_tx_end(&tx);
}


static void
a_commit_can_be_refused(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    assert_int_equal(run(f, &tx, "INSERT INTO tx_test.t VALUES (2, 1)", NULL),
                     DB_ROWS);
    assert_int_equal(commit(f, &tx, &woken), TX_REFUSED);
    assert_string_equal(tx.wait.sqlstate, "23505");
    assert_string_equal(tx.wait.constraint, "t_once_key");
    db_tx_end(&tx);

    acquire(f, &tx, &woken);
    turn_until(f, &woken);
    assert_int_equal(run(f, &tx, "SELECT 1", NULL), DB_ROWS);
    db_tx_end(&tx);
}


/* In time: PostgreSQL tells of the error that led here before it lets go of
 * the locks. */
static void
a_rollback_can_be_waited_for(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;
    PGconn         *pg = aside("SELECT 1");
    PGresult       *res;

    acquire(f, &tx, &woken);
    db_tx_rollback(&tx);
    assert_false(tx.rolling);

    run(f, &tx, "SELECT pg_advisory_xact_lock(4711)", NULL);
    woken = 0;
    db_tx_rollback(&tx);
    turn_until(f, &woken);
    assert_null(tx.conn);
    res = PQexec(pg, "SELECT pg_try_advisory_lock(4711)");
    assert_string_equal(PQgetvalue(res, 0, 0), "t");
    PQclear(res);
    PQfinish(pg);
    db_tx_end(&tx);
}


static void
who_waits_for_a_rollback_can_leave(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    woken = 0;
    db_tx_rollback(&tx);
    db_tx_end(&tx);

    acquire(f, &tx, &woken);
    turn_until(f, &woken);
    woken = 0;
    assert_int_equal(run(f, &tx, "SELECT 1", NULL), DB_ROWS);
    db_tx_rollback(&tx);
    shutdown(socket_of(f), SHUT_RDWR);
    turn_until(f, &woken);
    assert_null(tx.conn);
    assert_int_equal(tx.outcome, DB_LOST);
    db_tx_end(&tx);
    assert_int_equal(rows(), 0);
}


static void
the_queue_is_in_order_and_bounded(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx[4];
    unsigned        woken[4];

    for (unsigned i = 0; i < 3; i++)
        acquire(f, &tx[i], &woken[i]);
    assert_int_equal(tx[0].outcome, DB_ROWS);
    assert_int_equal(tx[1].outcome, DB_PENDING);
    assert_int_equal(tx[2].outcome, DB_BUSY);
    assert_int_equal(f->count[COUNT_TX_WAITING], 1);

    db_tx_end(&tx[1]);                  /* gives its place up */
    assert_int_equal(f->count[COUNT_TX_WAITING], 0);
    acquire(f, &tx[3], &woken[3]);
    db_tx_end(&tx[0]);
    assert_int_equal(woken[1], 0);
    assert_int_equal(woken[3], 1);
    assert_int_equal(tx[3].outcome, DB_ROWS);
    db_tx_end(&tx[3]);
    db_tx_end(&tx[2]);
}


static void
a_draining_worker_keeps_no_idle_connection(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "SELECT 1", NULL);
    db_drain(f->db);
    assert_int_equal(f->count[COUNT_DB_OPEN], 1);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(f->count[COUNT_DB_OPEN], 0);

    acquire(f, &tx, &woken);            /* a request that it still has */
    assert_int_equal(run(f, &tx, "SELECT 1", NULL), DB_ROWS);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(f->count[COUNT_DB_OPEN], 0);
}


/* --- with one that goes -------------------------------------------------- */


static void
a_lost_transaction_does_not_go_on_alone(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (1, 1)", NULL);
    assert_int_equal(run(f, &tx,
                         "SELECT pg_terminate_backend(pg_backend_pid())",
                         NULL), DB_LOST);
    assert_int_equal(run(f, &tx, "INSERT INTO tx_test.t VALUES (2, 2)", NULL),
                     DB_LOST);
    assert_int_equal(commit(f, &tx, &woken), TX_ABORTED);
    db_tx_end(&tx);
    assert_int_equal(f->count[COUNT_TX_OPEN], 0);

    acquire(f, &tx, &woken);
    assert_int_equal(run(f, &tx, "INSERT INTO tx_test.t VALUES (3, 3)", NULL),
                     DB_ROWS);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(rows(), 1);
}


/* One named statement, waited for. */
static enum db_outcome
run_named(struct fixture *f, struct tx *tx, unsigned slot, const char *text)
{
    struct db_call  call = { .name = slot == 1 ? "one" : "two", .text = text,
                             .slot = slot };
    unsigned        woken = 0;
    struct db_wait  w = { .wake = wake, .ctx = &woken };

    db_tx_query(tx, &call, &w);
    turn_until(f, &woken);
    PQclear(w.result);

    return w.outcome;
}


/* What is prepared does not fit any more: the transaction is lost, so that it
 * runs again, and the next connection prepares anew. */
static void
a_stale_statement_loses_the_transaction(void **state)
{
    static const char *const  disturb[] = {
        "ALTER TABLE tx_test.t ADD COLUMN more int", "DEALLOCATE ALL",
    };
    const char      *text = "SELECT * FROM tx_test.t";
    struct fixture  *f = fixture(state);
    struct tx        tx;
    unsigned         woken;

    for (unsigned i = 0; i < 2; i++) {
        acquire(f, &tx, &woken);
        assert_int_equal(run_named(f, &tx, 1, text), DB_ROWS);
        assert_int_equal(run_named(f, &tx, 2, "SELECT 2"), DB_ROWS);
        assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
        db_tx_end(&tx);

        acquire(f, &tx, &woken);
        if (i == 0)
            PQfinish(aside(disturb[0]));
        else
            run(f, &tx, disturb[1], NULL);
        assert_int_equal(run_named(f, &tx, 1, text), DB_LOST);
        assert_int_equal(commit(f, &tx, &woken), TX_ABORTED);
        db_tx_end(&tx);
        assert_int_equal(f->count[COUNT_DB_LOST], i + 1);
    }
    acquire(f, &tx, &woken);
    assert_int_equal(run_named(f, &tx, 1, text), DB_ROWS);
    assert_int_equal(commit(f, &tx, &woken), TX_COMMITTED);
    db_tx_end(&tx);
}


static void
a_commit_lost_before_it_was_done(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (666, 1)", NULL);
    assert_int_equal(commit(f, &tx, &woken), TX_ABORTED);
    assert_int_equal(f->count[COUNT_TX_LOST], 1);
    db_tx_end(&tx);
    assert_int_equal(rows(), 0);
}


/* COMMIT waits for a lock while its client goes, and succeeds afterwards. */
static void
a_commit_lost_but_done(void **state)
{
    struct fixture *f = fixture(state);
    PGconn         *holder = aside("SELECT pg_advisory_lock(777)");
    struct tx       tx;
    unsigned        woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "INSERT INTO tx_test.t VALUES (777, 1)", NULL);
    woken = 0;
    db_tx_commit(&tx);
    harness_turn(&f->host);
    assert_int_equal(shutdown(socket_of(f), SHUT_RD), 0);
    while (f->count[COUNT_TX_LOST] == 0)
        harness_turn(&f->host);
    for (unsigned i = 0; i < 50; i++)
        harness_turn(&f->host);
    assert_int_equal(tx.commit, TX_NONE);       /* in progress */

    PQfinish(holder);
    turn_until(f, &woken);
    assert_int_equal(tx.commit, TX_COMMITTED);
    db_tx_end(&tx);
    assert_int_equal(rows(), 1);
}


/* Who waits when the only connection goes gets the next one. */
static void
a_lost_connection_serves_the_queue_anew(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx, next;
    unsigned        woken, next_woken;

    acquire(f, &tx, &woken);
    run(f, &tx, "SELECT 1", NULL);
    acquire(f, &next, &next_woken);
    assert_int_equal(next.outcome, DB_PENDING);
    assert_int_equal(run(f, &tx,
                         "SELECT pg_terminate_backend(pg_backend_pid())",
                         NULL), DB_LOST);
    assert_int_equal(next_woken, 1);
    assert_int_equal(run(f, &next, "SELECT 1", NULL), DB_ROWS);
    assert_int_equal(commit(f, &next, &next_woken), TX_COMMITTED);
    db_tx_end(&tx);
    db_tx_end(&next);
    assert_int_equal(f->count[COUNT_TX_OPEN], 0);
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 2);
}


static void
without_a_server_nothing_begins(void **state)
{
    struct fixture *f = fixture(state);
    struct tx       tx;
    unsigned        woken;

    f->shop.conf.database = "host=/nowhere";
    acquire(f, &tx, &woken);
    assert_int_equal(run(f, &tx, "SELECT 1", NULL), DB_DOWN);
    assert_int_equal(run(f, &tx, "SELECT 1", NULL), DB_DOWN);
    db_tx_end(&tx);

    acquire(f, &tx, &woken);            /* known by now */
    assert_int_equal(tx.outcome, DB_DOWN);
    db_tx_end(&tx);
}


#define WITH_DATABASE(test)                                                   \
    cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)


int
core_db_tx_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(what_is_committed_is_there),
        WITH_DATABASE(a_transaction_without_statements_costs_nothing),
        WITH_DATABASE(all_can_be_asked_for_at_once),
        WITH_DATABASE(who_gives_up_leaves_nothing),
        WITH_DATABASE(a_failed_statement_commits_nothing),
        WITH_DATABASE(the_first_error_is_told_of_all),
        WITH_DATABASE(a_commit_can_be_refused),
        WITH_DATABASE(a_rollback_can_be_waited_for),
        WITH_DATABASE(who_waits_for_a_rollback_can_leave),
        WITH_DATABASE(the_queue_is_in_order_and_bounded),
        WITH_DATABASE(a_draining_worker_keeps_no_idle_connection),
        WITH_DATABASE(a_lost_transaction_does_not_go_on_alone),
        WITH_DATABASE(a_stale_statement_loses_the_transaction),
        WITH_DATABASE(a_commit_lost_before_it_was_done),
        WITH_DATABASE(a_commit_lost_but_done),
        WITH_DATABASE(a_lost_connection_serves_the_queue_anew),
        WITH_DATABASE(without_a_server_nothing_begins),
    };

    return cmocka_run_group_tests_name("core_db_tx", tests, NULL, NULL);
}
