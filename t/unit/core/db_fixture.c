/*
 * db_fixture.c - see db_fixture.h.
 */
#include <stdlib.h>

#include "db_fixture.h"

#undef COUNT
#include "core/check.h"


void
say(PGconn *pg, const char *sql)
{
    PGresult *res = PQexec(pg, sql);

    if (PQresultStatus(res) == PGRES_FATAL_ERROR)
        fail_msg("%s", PQerrorMessage(pg));
    PQclear(res);
}


/* The least of everything, so that little is enough to use it up. */
int
fixture_set_up(void **state, const char *schema)
{
    struct fixture *f;

    if (getenv("SHOP_TEST_DATABASE") == NULL)
        return 0;
    f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->aside = PQconnectdb(getenv("SHOP_TEST_DATABASE"));
    say(f->aside, schema);
    f->shop.ops = &harness_ops;
    f->shop.host = &f->host;
    f->host.spurious = getenv("SHOP_TEST_SPURIOUS") != NULL;
    f->shop.count = f->count;
    f->memory = calloc(1, cache_size_min(1));
    assert_int_equal(cache_attach(&f->shop.cache, f->memory,
                                  cache_size_min(1), 1, 0, 1), SHOP_OK);
    f->shop.conf.database = getenv("SHOP_TEST_DATABASE");
    f->shop.conf.read_connections = 1;
    f->shop.conf.slow_connections = 2;
    f->shop.conf.tx_connections = 1;
    f->shop.conf.tx_queue = 1;
    assert_int_equal(db_open(&f->db, &f->shop), SHOP_OK);
    *state = f;

    return 0;
}


int
fixture_tear_down(void **state)
{
    struct fixture *f = *state;

    if (f == NULL)
        return 0;
    db_close(f->db);
    harness_turn(&f->host);
    PQfinish(f->aside);
    free(f->memory);
    free(f);

    return 0;
}


struct fixture *
fixture(void **state)
{
    if (*state == NULL)
        skip();

    return *state;
}
