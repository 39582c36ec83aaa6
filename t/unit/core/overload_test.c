/*
 * overload_test.c - who is refused when answers are late, and who is not.
 */
#include <stdio.h>

#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_overload_tests(void);

#define MANY  1000

static const char plain[] = "/unit/plain";


static void
select_one(struct request *rq)
{
    struct query q = { 0 };

    sql_start(rq, &q, &toy_select, NULL, NULL);
    (void) sql_row(rq, &q);
    reply_none(rq);
}


/* Answers are late: one has taken 150 ms, and the next has been waited for
 * that long too. */
static void
be_late(struct toyshop *t, struct asked late[2])
{
    toys.handler = select_one;
    t->shop->conf.overload_ms = 100;
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    ask(t, &late[0], "GET", plain, NULL);
    pass(t, 150);
    say_none(t, "SELECT toys");
    assert_answer(&late[0], 204, "");
    ask(t, &late[1], "GET", plain, NULL);
    assert_waits(&late[1]);
    pass(t, 150);
}


static int
answer(struct toyshop *t, const char *method, const char *path, int first)
{
    struct asked a = { 0 };

    a.in.shed_first = first;
    ask(t, &a, method, path, NULL);
    if (a.answers == 0) {
        shop_detach(a.call);
        return 0;
    }
    if (a.status == 503)
        assert_head(&a, "Retry-After: 1\n");

    return a.status;
}


static void
who_comes_when_answers_are_late_is_refused(void **state)
{
    struct toyshop *t = *state;
    struct asked    late[2] = { 0 };

    be_late(t, late);
    assert_int_equal(answer(t, "GET", plain, 0), 503);
    assert_int_equal(t->shop->count[COUNT_SHED], 1);
    assert_int_equal(t->shop->count[COUNT_SHED_FIRST], 0);

    say_none(t, "SELECT toys");                  /* what was begun is ended */
    assert_answer(&late[1], 204, "");
    assert_int_equal(answer(t, "GET", plain, 0), 0);    /* nothing waits */
}


static void
a_moment_is_waited_out(void **state)
{
    struct toyshop *t = *state;
    struct asked    a[2] = { 0 };

    toys.handler = select_one;
    t->shop->conf.overload_ms = 100;
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    ask(t, &a[0], "GET", plain, NULL);
    ask(t, &a[1], "GET", plain, NULL);
    pass(t, 150);
    assert_int_equal(answer(t, "GET", plain, 0), 0);    /* none was late yet */
    say_none(t, "SELECT toys");
    assert_int_equal(answer(t, "GET", plain, 0), 0);    /* just now */
    pass(t, 100);
    assert_int_equal(answer(t, "GET", plain, 0), 503);
    say_none(t, "SELECT toys");
}


/* Who has refused a moment ago need not be sure again. */
static void
the_next_crowd_is_known_at_once(void **state)
{
    struct toyshop *t = *state;
    struct asked    late[2] = { 0 }, a[2] = { 0 };

    be_late(t, late);
    assert_int_equal(answer(t, "GET", plain, 0), 503);
    say_none(t, "SELECT toys");

    ask(t, &a[0], "GET", plain, NULL);                  /* a quick one */
    say_none(t, "SELECT toys");
    ask(t, &a[0], "GET", plain, NULL);
    ask(t, &a[1], "GET", plain, NULL);
    pass(t, 101);
    say_none(t, "SELECT toys");
    assert_int_equal(answer(t, "GET", plain, 0), 503);
    say_none(t, "SELECT toys");
}


static void
who_may_go_first_goes_first(void **state)
{
    struct toyshop *t = *state;
    struct asked    a[2] = { 0 };

    toys.handler = select_one;
    t->shop->conf.overload_ms = 100;
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    ask(t, &a[0], "GET", plain, NULL);
    pass(t, 30);
    say_none(t, "SELECT toys");                  /* later than a quarter */
    pass(t, 100);
    ask(t, &a[1], "GET", plain, NULL);
    pass(t, 30);
    assert_int_equal(answer(t, "GET", plain, 1), 503);
    assert_int_equal(answer(t, "GET", plain, 0), 0);
    assert_int_equal(t->shop->count[COUNT_SHED_FIRST], 1);
    say_none(t, "SELECT toys");
}


/* Nobody waits for an export to buy. */
static void
so_do_streams(void **state)
{
    struct toyshop *t = *state;
    struct asked    a[2] = { 0 };

    toys.handler = select_one;
    t->shop->conf.overload_ms = 100;
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    ask(t, &a[0], "GET", plain, NULL);
    pass(t, 30);
    say_none(t, "SELECT toys");
    pass(t, 100);
    ask(t, &a[1], "GET", plain, NULL);
    assert_int_equal(answer(t, "GET", "/unit/stream", 0), 0);
    pass(t, 30);                                /* more than a quarter */
    assert_int_equal(answer(t, "GET", "/unit/stream", 0), 503);
    assert_int_equal(answer(t, "GET", plain, 0), 0);
    assert_int_equal(t->shop->count[COUNT_SHED_FIRST], 1);
    assert_int_equal(t->shop->count[COUNT_SHED], 1);
    say_none(t, "SELECT toys");
}


static void
some_are_never_refused(void **state)
{
    struct toyshop *t = *state;
    struct asked    late[2] = { 0 };

    be_late(t, late);
    assert_int_equal(answer(t, "GET", "/healthz", 0), 200);
    assert_int_equal(answer(t, "GET", "/nowhere", 0), 404);
    toys.handler = reply_none;
    assert_int_equal(answer(t, "POST", "/unit/tx", 0), 204);

    toys.handler = select_one;
    t->shop->conf.overload_ms = 0;
    assert_int_equal(answer(t, "GET", plain, 0), 0);
    t->shop->conf.overload_ms = 100;
    cache_lease_set(&t->shop->cache, 0);        /* PostgreSQL is silent */
    assert_int_equal(answer(t, "GET", plain, 0), 0);
    say_none(t, "SELECT toys");
}


static void
select_many(struct request *rq)
{
    struct query *q = arena_zalloc(&rq->attempt, MANY * sizeof(*q));

    for (unsigned i = 0; i < MANY; i++)
        sql_start(rq, &q[i], &toy_select, NULL, NULL);
    for (unsigned i = 0; i < MANY; i++)
        (void) sql_row(rq, &q[i]);
    reply_none(rq);
}


/* Whoever was let in gets all that he asks for: the work is not begun to be
 * thrown away. */
static void
what_was_begun_may_ask_for_all_it_needs(void **state)
{
    static struct asked a[10];
    struct toyshop     *t = *state;

    memset(a, 0, sizeof(a));
    toys.handler = select_many;
    for (size_t i = 0; i < 10; i++)
        ask(t, &a[i], "GET", plain, NULL);
    for (size_t i = 0; i < 10; i++) {
        assert_waits(&a[i]);
        shop_detach(a[i].call);
    }
}


int
core_overload_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(who_comes_when_answers_are_late_is_refused),
        WITH_TOYSHOP(a_moment_is_waited_out),
        WITH_TOYSHOP(the_next_crowd_is_known_at_once),
        WITH_TOYSHOP(who_may_go_first_goes_first),
        WITH_TOYSHOP(so_do_streams),
        WITH_TOYSHOP(some_are_never_refused),
        WITH_TOYSHOP(what_was_begun_may_ask_for_all_it_needs),
    };

    return cmocka_run_group_tests_name("core/overload", tests, NULL, NULL);
}
