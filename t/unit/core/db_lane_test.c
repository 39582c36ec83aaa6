/*
 * db_lane_test.c - the lanes of reads against a real PostgreSQL.
 *
 * SHOP_TEST_DATABASE names a database that the tests may change; without it
 * they are skipped.  t/sql/lanes.t runs them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/env.h"
#include "db_fixture.h"

#undef COUNT
#include "core/check.h"

int core_db_lane_tests(void);

/* A statement and its answer: the first column of the first row. */
struct asked {
    struct db_call   call;
    struct db_wait   wait;
    const char      *value;
    bool             done;
    char             text[64];
};

static const char schema[] =
    "SET client_min_messages = error;"
    "DROP SCHEMA IF EXISTS lane_test CASCADE;"
    "CREATE SCHEMA lane_test;"
    "CREATE TABLE lane_test.t (id int);"
    "INSERT INTO lane_test.t VALUES (1);"
    "CREATE FUNCTION lane_test.unsupported() RETURNS int AS $$"
    "BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '0A000'; END $$"
    "LANGUAGE plpgsql";

#define LANE     "current_setting('application_name')"
#define BLOCK    "pg_advisory_lock_shared($1::int)"
#define UNBLOCK  "SELECT pg_advisory_unlock_all()"


static void
aside(struct fixture *f, const char *sql)
{
    say(f->aside, sql);
}


static int
set_up(void **state)
{
    return fixture_set_up(state, schema);
}


static void
wake(struct db_wait *w)
{
    struct asked *a = w->ctx;

    a->done = true;
    if (w->outcome == DB_ROWS && PQntuples(w->result) > 0
        && PQnfields(w->result) > 0)
        snprintf(a->text, sizeof(a->text), "%s", PQgetvalue(w->result, 0, 0));
    PQclear(w->result);
    w->result = NULL;
}


/* `value` is $1, when the text has one. */
static void
ask(struct fixture *f, struct asked *a, enum lane lane, unsigned slot,
    const char *text, const char *value)
{
    static char  names[32][8];

    snprintf(names[slot], sizeof(names[slot]), "s%u", slot);
    memset(a, 0, sizeof(*a));
    a->value = value;
    a->call = (struct db_call) { .name = names[slot], .text = text,
                                 .slot = slot, .n_values = value != NULL,
                                 .values = &a->value };
    a->wait.wake = wake;
    a->wait.ctx = a;
    db_read(f->db, lane, &a->call, &a->wait);
    assert_int_equal(a->wait.outcome, DB_PENDING);
}


static void
answer(struct fixture *f, struct asked *a)
{
    for (unsigned n = 0; n < 60000 && !a->done; n++)
        harness_turn(&f->host);
    assert_true(a->done);
}


static void
assert_answer(struct fixture *f, struct asked *a, const char *want)
{
    answer(f, a);
    assert_int_equal(a->wait.outcome, DB_ROWS);
    assert_string_equal(a->text, want);
}


/* Turn until so many sessions wait for a lock of the test. */
static void
turn_until_blocked(struct fixture *f, const char *how_many)
{
    bool so = false;

    for (unsigned n = 0; n < 60000 && !so; n++) {
        PGresult *res = PQexec(f->aside,
                               "SELECT count(*) FROM pg_locks "
                               "WHERE locktype = 'advisory' AND NOT granted "
                               "AND database = (SELECT oid FROM pg_database "
                               "WHERE datname = current_database())");

        so = strcmp(PQgetvalue(res, 0, 0), how_many) == 0;
        PQclear(res);
        harness_turn(&f->host);
    }
    assert_true(so);
}


/* --- slow ones ----------------------------------------------------------- */


static void
a_slow_statement_moves_and_stays_away(void **state)
{
    struct fixture *f = fixture(state);
    const char     *sleeps = "SELECT " LANE ", pg_sleep($1::float8)";
    struct asked    slow, quick, beside;

    ask(f, &slow, LANE_READ, 1, sleeps, "0.3");
    ask(f, &beside, LANE_READ, 2, "SELECT " LANE, NULL);
    assert_answer(f, &slow, "shop-slow");
    assert_answer(f, &beside, "shop-read");     /* aborted with it, again */

    ask(f, &quick, LANE_READ, 1, sleeps, "0");
    ask(f, &beside, LANE_READ, 2, "SELECT " LANE, NULL);
    assert_answer(f, &quick, "shop-slow");
    assert_answer(f, &beside, "shop-read");

    f->host.ahead_ms += 60000;
    ask(f, &quick, LANE_READ, 1, sleeps, "0");
    assert_answer(f, &quick, "shop-read");
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 2);
}


static uint64_t
no_time_passes(void)
{
    return 0;
}


/* A lock that was held for a moment, say: the statement itself is quick. */
static void
what_only_had_to_wait_stays(void **state)
{
    struct fixture *f = fixture(state);
    uint64_t      (*mono_us)(void) = shop_env.mono_us;
    const char     *reads = "SELECT " LANE " FROM lane_test.t";
    struct asked    a;

    shop_env.mono_us = no_time_passes;
    aside(f, "BEGIN; LOCK TABLE lane_test.t");
    ask(f, &a, LANE_READ, 1, reads, NULL);
    for (unsigned n = 0; n < 60000 && f->count[COUNT_DB_CONNECTS] < 2; n++)
        harness_turn(&f->host);
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 2);
    aside(f, "COMMIT");
    assert_answer(f, &a, "shop-slow");
    shop_env.mono_us = mono_us;
    ask(f, &a, LANE_READ, 1, reads, NULL);
    assert_answer(f, &a, "shop-read");
}


static void
slow_statements_have_plans_and_time_of_their_own(void **state)
{
    struct fixture *f = fixture(state);
    const char     *settings = "SELECT current_setting('plan_cache_mode')"
                               " || ' ' || current_setting("
                               "'statement_timeout')";
    struct asked    a;

    ask(f, &a, LANE_READ, 1, settings, NULL);
    assert_answer(f, &a, "force_generic_plan 100ms");
    ask(f, &a, LANE_SLOW, 2, settings, NULL);
    assert_answer(f, &a, "force_custom_plan 5s");
}


/* Two at a time, and whoever is free takes the next. */
static void
slow_connections_are_exclusive(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a, b, c, d;

    aside(f, "SELECT pg_advisory_lock(1), pg_advisory_lock(2)");
    ask(f, &a, LANE_SLOW, 1, "SELECT 'a', " BLOCK, "1");
    ask(f, &b, LANE_SLOW, 4, "SELECT 'b', " BLOCK, "2");
    ask(f, &c, LANE_SLOW, 2, "SELECT 'c'", NULL);
    ask(f, &d, LANE_SLOW, 3, "SELECT 'd'", NULL);
    turn_until_blocked(f, "2");
    assert_int_equal(f->count[COUNT_DB_OPEN], 2);
    assert_int_equal(f->count[COUNT_READ_FLIGHT], 2);
    assert_false(c.done || d.done);

    aside(f, "SELECT pg_advisory_unlock(2)");
    assert_answer(f, &b, "b");
    assert_answer(f, &c, "c");
    assert_answer(f, &d, "d");
    assert_false(a.done);
    aside(f, UNBLOCK);
    assert_answer(f, &a, "a");
    assert_int_equal(f->count[COUNT_READ_FLIGHT], 0);
}


static struct asked  asked_next;
static void         *asked_of;


static void
wake_and_ask(struct db_wait *w)
{
    wake(w);
    ask(asked_of, &asked_next, LANE_SLOW, 6, "SELECT 'next'", NULL);
}


/* A statement for one idle connection, asked for while the other has just
 * become idle too: only one of them may want it. */
static void
idle_slow_connections_do_not_pass_it_on(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a, b;

    aside(f, "SELECT pg_advisory_lock(1), pg_advisory_lock(2)");
    ask(f, &a, LANE_SLOW, 1, "SELECT 'a', " BLOCK, "1");
    ask(f, &b, LANE_SLOW, 4, "SELECT 'b', " BLOCK, "2");
    b.wait.wake = wake_and_ask;
    asked_of = f;
    turn_until_blocked(f, "2");
    aside(f, "SELECT pg_advisory_unlock(1)");
    assert_answer(f, &a, "a");
    aside(f, UNBLOCK);
    assert_answer(f, &b, "b");
    assert_answer(f, &asked_next, "next");
}


/* --- connections that go ------------------------------------------------- */


static void
kill_sessions(struct fixture *f, const char *of)
{
    char sql[200];

    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid, 60000) "
             "FROM pg_stat_activity WHERE datname = current_database() "
             "AND usename = current_user AND application_name = '%s'", of);
    aside(f, sql);
}


static void
turn_until_lost(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < 60000 && f->count[COUNT_DB_LOST] < n; i++)
        harness_turn(&f->host);
    assert_int_equal(f->count[COUNT_DB_LOST], n);
}


static void
a_draining_worker_connects_for_what_waits_alone(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a;

    ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
    assert_answer(f, &a, "1");
    db_drain(f->db);
    kill_sessions(f, "shop-read");
    turn_until_lost(f, 1);
    assert_true(harness_is_idle(&f->host));

    ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
    assert_answer(f, &a, "1");
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 2);
}


/* Nor does it go on trying when the server was gone already. */
static void
a_draining_worker_gives_up_trying(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a;

    f->shop.conf.database = "host=/nowhere";
    ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
    answer(f, &a);
    assert_int_equal(a.wait.outcome, DB_DOWN);
    assert_false(harness_is_idle(&f->host));
    db_drain(f->db);
    for (unsigned n = 0; n < 60000 && !harness_is_idle(&f->host); n++)
        harness_turn(&f->host);
    assert_true(harness_is_idle(&f->host));
    assert_int_equal(f->count[COUNT_DB_FAILURES], 1);

    ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
    answer(f, &a);
    assert_int_equal(a.wait.outcome, DB_DOWN);
    assert_true(harness_is_idle(&f->host));

    f->shop.conf.database = getenv("SHOP_TEST_DATABASE");
    ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
    assert_answer(f, &a, "1");
}


/* The n-th descriptor cannot be watched, for every n: whoever waits is told,
 * and the next attempt serves again. */
static void
a_host_that_cannot_watch_leaves_nobody_waiting(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a;
    unsigned        n = 0;

    f->host.spurious = false;           /* its calls are counted */
    do {
        db_close(f->db);
        harness_turn(&f->host);
        assert_true(harness_is_idle(&f->host));
        assert_int_equal(db_open(&f->db, &f->shop), SHOP_OK);

        f->host.fail_watch = ++n;
        ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
        answer(f, &a);
        if (f->host.fail_watch != 0)
            break;
        assert_int_equal(a.wait.outcome, DB_DOWN);
        while (!db_is_up(f->db))
            harness_turn(&f->host);
        ask(f, &a, LANE_READ, 1, "SELECT 1", NULL);
        assert_answer(f, &a, "1");
    } while (n < 20);
    assert_in_range(n, 3, 19);
    assert_int_equal(a.wait.outcome, DB_ROWS);
    f->host.fail_watch = 0;
}


/* FATAL comes without a Sync behind it. */
static void
what_was_in_flight_is_sent_again(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a, b, c;

    aside(f, "SELECT pg_advisory_lock(1)");
    ask(f, &a, LANE_SLOW, 1, "SELECT 'a', " BLOCK, "1");
    ask(f, &b, LANE_SLOW, 4, "SELECT 'b', " BLOCK, "1");
    ask(f, &c, LANE_SLOW, 2, "SELECT 'c'", NULL);
    turn_until_blocked(f, "2");
    kill_sessions(f, "shop-slow");
    turn_until_lost(f, 2);
    aside(f, UNBLOCK);
    assert_answer(f, &a, "a");
    assert_answer(f, &b, "b");
    assert_answer(f, &c, "c");
    assert_int_equal(f->count[COUNT_READ_RETRIES], 2);
    assert_int_equal(f->count[COUNT_READ_FLIGHT], 0);
}


/* It is lost with each connection; the third attempt is not made. */
static void
what_ends_its_connection_is_given_up(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a;

    ask(f, &a, LANE_READ, 1, "SELECT pg_terminate_backend(pg_backend_pid())",
        NULL);
    answer(f, &a);
    assert_int_equal(a.wait.outcome, DB_LOST);
    assert_int_equal(f->count[COUNT_DB_LOST], 2);
    ask(f, &a, LANE_READ, 2, "SELECT 1", NULL);
    assert_answer(f, &a, "1");
}


/* --- statements that are not what they were ------------------------------ */


/* SELECT * of a table that gained a column: 0A000. */
static void
a_changed_table_makes_a_new_connection(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a, b;

    ask(f, &a, LANE_READ, 1, "SELECT * FROM lane_test.t", NULL);
    assert_answer(f, &a, "1");
    aside(f, "ALTER TABLE lane_test.t ADD COLUMN more text");
    ask(f, &a, LANE_READ, 1, "SELECT * FROM lane_test.t", NULL);
    ask(f, &b, LANE_READ, 2, "SELECT 2", NULL);
    assert_answer(f, &a, "1");
    assert_answer(f, &b, "2");
    assert_int_equal(f->count[COUNT_DB_CONNECTS], 2);
}


/* The same state for another reason is an error of the statement's own. */
static void
what_is_not_supported_ends_no_connection(void **state)
{
    struct fixture *f = fixture(state);
    struct asked    a;

    ask(f, &a, LANE_READ, 1, "SELECT lane_test.unsupported()", NULL);
    answer(f, &a);
    assert_int_equal(a.wait.outcome, DB_ERROR);
    assert_string_equal(a.wait.sqlstate, "0A000");
    assert_int_equal(f->count[COUNT_DB_LOST], 0);
}


static void
forgotten_statements_are_prepared_anew(enum lane lane, struct fixture *f)
{
    struct asked  a, b;

    ask(f, &a, lane, 1, "SELECT 'a'", NULL);
    assert_answer(f, &a, "a");
    ask(f, &b, lane, 2, "DEALLOCATE ALL", NULL);
    answer(f, &b);
    ask(f, &a, lane, 1, "SELECT 'a'", NULL);            /* 26000 */
    ask(f, &b, lane, 3, "SELECT 'b'", NULL);
    assert_answer(f, &a, "a");
    assert_answer(f, &b, "b");
    assert_int_not_equal(f->count[COUNT_READ_RETRIES], 0);

    f->count[COUNT_READ_RETRIES] = 0;
    ask(f, &a, lane, 1, "SELECT 'a'", NULL);
    ask(f, &b, lane, 3, "SELECT 'b'", NULL);
    assert_answer(f, &a, "a");
    assert_answer(f, &b, "b");
    assert_int_equal(f->count[COUNT_READ_RETRIES], 0);
}


static void
a_read_forgotten_is_prepared_anew(void **state)
{
    struct fixture *f = fixture(state);

    forgotten_statements_are_prepared_anew(LANE_READ, f);
    assert_int_equal(f->count[COUNT_DB_LOST], 0);
}


static void
a_slow_one_forgotten_is_prepared_anew(void **state)
{
    struct fixture *f = fixture(state);

    f->shop.conf.slow_connections = 1;
    db_close(f->db);
    harness_turn(&f->host);
    assert_int_equal(db_open(&f->db, &f->shop), SHOP_OK);
    forgotten_statements_are_prepared_anew(LANE_SLOW, f);
    assert_int_equal(f->count[COUNT_DB_LOST], 0);
}


/* What became visible a moment ago may be as old as its transaction. */
static void
what_all_have_seen_is_trimmed(void **state)
{
    struct fixture *f = fixture(state);
    const char     *horizon;
    PGresult       *now, *left;

    say(f->aside, "TRUNCATE cache_change");
    say(f->aside, "INSERT INTO cache_change (tag, at) VALUES"
                  " ('old', now() - interval '11 minutes'),"
                  " ('young', now() - interval '9 minutes')");
    now = PQexec(f->aside, "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    say(f->aside, "INSERT INTO cache_change (tag, at) VALUES"
                  " ('late', now() - interval '11 minutes')");
    horizon = PQgetvalue(now, 0, 0);
    PQclear(PQexecParams(f->aside, poll_trim, 1, NULL, &horizon, NULL, NULL,
                         0));
    left = PQexec(f->aside, "SELECT string_agg(tag, ' ' ORDER BY tag)"
                            " FROM cache_change");
    assert_string_equal(PQgetvalue(left, 0, 0), "late young");
    PQclear(left);
    PQclear(now);
}


#define WITH_DATABASE(test)                                                   \
    cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)


int
core_db_lane_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DATABASE(a_slow_statement_moves_and_stays_away),
        WITH_DATABASE(what_only_had_to_wait_stays),
        WITH_DATABASE(slow_statements_have_plans_and_time_of_their_own),
        WITH_DATABASE(slow_connections_are_exclusive),
        WITH_DATABASE(idle_slow_connections_do_not_pass_it_on),
        WITH_DATABASE(a_draining_worker_connects_for_what_waits_alone),
        WITH_DATABASE(a_draining_worker_gives_up_trying),
        WITH_DATABASE(a_host_that_cannot_watch_leaves_nobody_waiting),
        WITH_DATABASE(what_was_in_flight_is_sent_again),
        WITH_DATABASE(what_ends_its_connection_is_given_up),
        WITH_DATABASE(a_changed_table_makes_a_new_connection),
        WITH_DATABASE(what_is_not_supported_ends_no_connection),
        WITH_DATABASE(a_read_forgotten_is_prepared_anew),
        WITH_DATABASE(a_slow_one_forgotten_is_prepared_anew),
        WITH_DATABASE(what_all_have_seen_is_trimmed),
    };

    return cmocka_run_group_tests_name("core_db_lane", tests, NULL, NULL);
}
