/*
 * db_test.c - the lanes without a PostgreSQL: refusals are quick, and say
 * what they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/db_lane.h"
#include "core/worker.h"        /* before cmocka, whose fail() is a macro */

#include <cmocka.h>

#include "harness.h"

int core_db_tests(void);

struct fixture {
    struct harness  host;
    shop_host_ops_t ops;
    struct shop     shop;
    uint64_t        count[256];
    struct db      *db;
    unsigned        woken;
};

static const struct db_call call = { "one", "SELECT 1", 0, NULL, 0 };


static void
wake(struct db_wait *w)
{
    struct fixture *f = w->ctx;

    f->woken++;
}


static int
no_thread(void *host, shop_job_t *j)
{
    (void) host;
    (void) j;

    return SHOP_E_BUSY;
}


static int
open_with(struct fixture *f, const char *conninfo)
{
    memset(f, 0, sizeof(*f));
    f->ops = harness_ops;
    f->ops.offload = no_thread;
    f->shop.ops = &f->ops;
    f->shop.host = &f->host;
    f->shop.count = f->count;
    f->shop.conf.database = conninfo;
    f->shop.conf.read_connections = 1;

    return db_open(&f->db, &f->shop);
}


/* Would a thread be needed?  This host has none to give. */
static void
assert_looked_up(const char *conninfo, bool want)
{
    struct fixture    f;
    struct name_wait  w = { 0 };

    assert_int_equal(open_with(&f, conninfo), SHOP_OK);
    assert_int_equal(names_ask(db_names(f.db), &w),
                     want ? NAMES_FAILED : NAMES_KNOWN);
    db_close(f.db);
}


static void
only_names_are_looked_up(void **state)
{
    (void) state;
    assert_looked_up("host=localhost", true);
    assert_looked_up("host=127.0.0.1", false);
    assert_looked_up("host=db hostaddr=127.0.0.1", false);
    assert_looked_up("postgresql://db/shop", true);
    assert_looked_up("postgresql://[::1]/shop", false);
    assert_looked_up("postgresql:///shop?host=/tmp", false);
}


/* A list is plain when each of it is, or has its address in the other. */
static void
every_host_of_a_list_counts(void **state)
{
    (void) state;
    assert_looked_up("host=/tmp,/run", false);
    assert_looked_up("host=/tmp,,::1", false);
    assert_looked_up("host=/tmp,localhost", true);
    assert_looked_up("host=127.0.0.1,db", true);
    assert_looked_up("host=a,b hostaddr=127.0.0.1,127.0.0.2", false);
    assert_looked_up("host=a,b hostaddr=127.0.0.1,", true);
}


static void
write_service(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


/* libpq looks there for what the string does not say. */
static void
environment_and_services_count(void **state)
{
    char            dir[] = "/tmp/shXXXXXX", path[64];
    struct fixture  f;

    (void) state;
    setenv("PGHOST", "localhost", 1);
    assert_looked_up("dbname=shop", true);
    assert_looked_up("host=/tmp", false);
    setenv("PGHOSTADDR", "127.0.0.1", 1);
    assert_looked_up("dbname=shop", false);
    unsetenv("PGHOSTADDR");
    unsetenv("PGHOST");

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/services", dir);
    write_service(path, "[name]\nhost=localhost\n[plain]\nhost=/tmp\n");
    setenv("PGSERVICEFILE", path, 1);
    assert_looked_up("service=name", true);
    assert_looked_up("service=plain", false);
    assert_int_equal(open_with(&f, "service=missing"), SHOP_E_CONF);
    setenv("PGSERVICE", "name", 1);
    assert_looked_up("dbname=shop", true);
    unsetenv("PGSERVICE");
    unsetenv("PGSERVICEFILE");
    assert_int_equal(remove(path), 0);
    rmdir(dir);
}


/* The first waits for the attempt, the next ones do not. */
static void
without_a_server_reads_are_refused(void **state)
{
    struct fixture f;
    struct db_wait w = { .wake = wake, .ctx = &f }, next = w;
    char           dir[] = "/tmp/shXXXXXX", conninfo[64];

    (void) state;
    assert_non_null(mkdtemp(dir));
    snprintf(conninfo, sizeof(conninfo), "host=%s", dir);
    assert_int_equal(open_with(&f, conninfo), SHOP_OK);
    assert_true(db_is_up(f.db));

    db_read(f.db, LANE_READ, &call, &w);
    assert_int_equal(w.outcome, DB_PENDING);
    while (f.woken == 0)
        harness_turn(&f.host);
    assert_int_equal(w.outcome, DB_DOWN);
    assert_null(w.entry);
    assert_false(db_is_up(f.db));

    db_read(f.db, LANE_READ, &call, &next);
    assert_int_equal(next.outcome, DB_DOWN);
    assert_int_equal(f.woken, 1);

    /* It tries again by itself. */
    while (f.count[COUNT_DB_FAILURES] < 3)
        harness_turn(&f.host);
    assert_false(db_is_up(f.db));
    db_close(f.db);
    rmdir(dir);
}


/* However long it was away: each two seconds there is another attempt. */
static void
a_server_that_is_back_is_found_soon(void **state)
{
    struct fixture f;
    struct db_wait w = { .wake = wake, .ctx = &f };
    char           dir[] = "/tmp/shXXXXXX", conninfo[64];

    (void) state;
    assert_non_null(mkdtemp(dir));
    snprintf(conninfo, sizeof(conninfo), "host=%s", dir);
    assert_int_equal(open_with(&f, conninfo), SHOP_OK);
    db_read(f.db, LANE_READ, &call, &w);
    while (f.woken == 0)
        harness_turn(&f.host);

    for (unsigned i = 0; i < 20; i++) {
        uint64_t failed = f.count[COUNT_DB_FAILURES];

        f.host.ahead_ms += 2000;
        for (unsigned n = 0; n < 3; n++)
            harness_turn(&f.host);
        assert_true(f.count[COUNT_DB_FAILURES] > failed);
    }
    db_close(f.db);
    rmdir(dir);
}


static void
the_queue_is_bounded(void **state)
{
    enum { N = QUEUE_MAX + 1 };
    struct fixture  f;
    struct db_wait *w = calloc(N, sizeof(*w));

    (void) state;
    assert_non_null(w);
    assert_int_equal(open_with(&f, "host=/nowhere"), SHOP_OK);
    for (unsigned i = 0; i < N; i++) {
        w[i].wake = wake;
        w[i].ctx = &f;
        db_read(f.db, LANE_READ, &call, &w[i]);
    }
    assert_int_equal(w[N - 2].outcome, DB_PENDING);
    assert_int_equal(w[N - 1].outcome, DB_BUSY);

    /* Who has gone is not woken; the end wakes all others.  The post that is
     * still due then frees the memory. */
    db_forget(&w[0]);
    db_close(f.db);
    assert_int_equal(f.woken, N - 2);
    assert_int_equal(w[1].outcome, DB_DOWN);
    harness_turn(&f.host);
    free(w);
}


int
core_db_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_are_looked_up),
        cmocka_unit_test(every_host_of_a_list_counts),
        cmocka_unit_test(environment_and_services_count),
        cmocka_unit_test(without_a_server_reads_are_refused),
        cmocka_unit_test(a_server_that_is_back_is_found_soon),
        cmocka_unit_test(the_queue_is_bounded),
    };

    return cmocka_run_group_tests_name("core_db", tests, NULL, NULL);
}
