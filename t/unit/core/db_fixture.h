/*
 * db_fixture.h - a shop's connections to a real PostgreSQL, for the tests of
 * lanes and transactions.
 *
 * SHOP_TEST_DATABASE names a database that the tests may change; without it
 * they are skipped.  With SHOP_TEST_SPURIOUS the host calls for descriptors on
 * which nothing has happened as well, as poll() is allowed to.
 */
#ifndef SHOP_TEST_DB_FIXTURE_H
#define SHOP_TEST_DB_FIXTURE_H

#include "core/worker.h"
#include "harness.h"

struct fixture {
    struct harness  host;
    struct shop     shop;
    uint64_t        count[256];
    void           *memory;             /* of a cache that is not shared      */
    struct db      *db;
    PGconn         *aside;              /* for what the test itself says     */
};

/* Beside the shop, and waited for; fails the test on an error. */
void say(PGconn *pg, const char *sql);

/* cmocka's; the first makes the tables.  *state stays NULL without a
 * database. */
int fixture_set_up(void **state, const char *schema);
int fixture_tear_down(void **state);

/* The fixture, or the test is skipped. */
struct fixture *fixture(void **state);

#endif
