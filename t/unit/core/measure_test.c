/*
 * measure_test.c - what the log is told of statements that were slow.
 */
#include <stdio.h>

#include "toyshop.h"
#undef COUNT
#include "check.h"

#include "core/env.h"

int core_measure_tests(void);

#define SLOW_US  100000
#define MANY     30

static const char  plain[] = "/unit/plain";
static uint64_t    clock_us;
static uint64_t  (*real_mono_us)(void);


static uint64_t
turned_clock(void)
{
    return clock_us;
}


static int
up(void **state)
{
    real_mono_us = shop_env.mono_us;
    shop_env.mono_us = turned_clock;
    clock_us = 5000000;

    return toyshop_up(state);
}


static int
down(void **state)
{
    int rc = toyshop_down(state);

    shop_env.mono_us = real_mono_us;

    return rc;
}


static void
select_one(struct request *rq)
{
    struct query q = { 0 };

    sql_start(rq, &q, &toy_select, NULL, NULL);
    (void) sql_row(rq, &q);
    reply_none(rq);
}


static void
begin(struct toyshop *t, struct asked *a, const char *id)
{
    memset(a, 0, sizeof(*a));
    toys.handler = select_one;
    t->shop->conf.slow_ms = SLOW_US / 1000;
    t->log[0] = '\0';
    a->in.request_id = (shop_str_t) { id, strlen(id) };
    ask(t, a, "GET", plain, NULL);
    assert_waits(a);
}


static void
what_takes_longer_is_told(void **state)
{
    struct toyshop *t = *state;
    struct asked    a;

    begin(t, &a, "look-for-me");
    clock_us += SLOW_US;
    say_none(t, "SELECT toys");
    assert_string_equal(t->log, "");
    assert_int_equal(t->shop->count[COUNT_SLOW], 0);

    begin(t, &a, "look-for-me");
    clock_us += SLOW_US + 1;
    say_none(t, "SELECT toys");
    assert_answer(&a, 204, "");
    assert_string_equal(t->log, "slow statement toy_select: took 100001 us, "
                        "GET /unit/plain, request look-for-me");
    assert_int_equal(t->shop->count[COUNT_SLOW], 1);
}


static void
so_is_what_nobody_waits_for_any_more(void **state)
{
    struct toyshop *t = *state;
    struct asked    a;

    begin(t, &a, "look-for-me");
    clock_us += SLOW_US + 1;
    shop_detach(a.call);
    assert_string_equal(t->log, "slow statement toy_select: given up after "
                        "100001 us, GET /unit/plain, request -");
}


/* Answered before it is told, and what the host lent is gone by then. */
static void
and_what_came_too_late(void **state)
{
    struct toyshop *t = *state;
    struct asked    a;

    begin(t, &a, "look-for-me");
    clock_us += SLOW_US + 1;
    pass(t, t->shop->conf.deadline_ms);
    assert_problem(&a, 504, "deadline_exceeded");
    assert_non_null(strstr(t->log, "given up after"));
    assert_non_null(strstr(t->log, "request -"));
}


static void
nought_is_never(void **state)
{
    struct toyshop *t = *state;
    struct asked    a;

    begin(t, &a, "look-for-me");
    t->shop->conf.slow_ms = 0;
    clock_us += 100 * SLOW_US;
    say_none(t, "SELECT toys");
    assert_string_equal(t->log, "");
    assert_int_equal(t->shop->count[COUNT_SLOW], 0);
}


static void
a_line_stays_one_whatever_the_id_is(void **state)
{
    struct toyshop *t = *state;
    struct asked    a;
    char            id[81];

    begin(t, &a, "x\n[alert] y\x80");
    clock_us += SLOW_US + 1;
    say_none(t, "SELECT toys");
    assert_non_null(strstr(t->log, "request x?[alert]?y?"));

    memset(id, 'i', 80);
    id[80] = '\0';
    begin(t, &a, id);
    clock_us += SLOW_US + 1;
    say_none(t, "SELECT toys");
    assert_int_equal(strlen(strstr(t->log, "request ")), 8 + 64);

    begin(t, &a, "");
    clock_us += SLOW_US + 1;
    say_none(t, "SELECT toys");
    assert_non_null(strstr(t->log, "request -"));
}


static void
select_many(struct request *rq)
{
    struct query q[MANY] = { 0 };

    for (unsigned i = 0; i < MANY; i++)
        sql_start(rq, &q[i], &toy_select, NULL, NULL);
    for (unsigned i = 0; i < MANY; i++)
        (void) sql_row(rq, &q[i]);
    reply_none(rq);
}


/* Twenty a second: more would fill a disk while PostgreSQL stands still. */
static void
it_is_not_said_a_thousand_times(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };
    unsigned        lines = 0;

    toys.handler = select_many;
    t->shop->conf.slow_ms = SLOW_US / 1000;
    ask(t, &a, "GET", plain, NULL);
    clock_us += SLOW_US + 1;
    for (unsigned i = 0; i < MANY; i++) {
        t->log[0] = '\0';
        say_none(t, "SELECT toys");
        lines += t->log[0] != '\0';
    }
    assert_answer(&a, 204, "");
    assert_int_equal(lines, 20);
    assert_int_equal(t->shop->count[COUNT_SLOW], MANY);

    begin(t, &a, "a-second-later");
    clock_us += 1000000;
    say_none(t, "SELECT toys");
    assert_non_null(strstr(t->log, "a-second-later"));
}


int
core_measure_tests(void)
{
#define WITH_CLOCK(f)  cmocka_unit_test_setup_teardown(f, up, down)
    const struct CMUnitTest tests[] = {
        WITH_CLOCK(what_takes_longer_is_told),
        WITH_CLOCK(so_is_what_nobody_waits_for_any_more),
        WITH_CLOCK(and_what_came_too_late),
        WITH_CLOCK(nought_is_never),
        WITH_CLOCK(a_line_stays_one_whatever_the_id_is),
        WITH_CLOCK(it_is_not_said_a_thousand_times),
    };

    return cmocka_run_group_tests_name("core/measure", tests, NULL, NULL);
}
