/*
 * clock_test.c - many timers on one of libuv's: each fires once, in the order
 * in which they are due, however they were set, moved and taken off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "uv/uv_clock.h"

int uv_clock_tests(void);

#define TIMERS  300

struct scene {
    uv_loop_t        loop;
    struct uv_clock  clock;
    shop_timer_t     timers[TIMERS];
    uint64_t         due[TIMERS];       /* 0: not set                       */
    uint64_t         last;              /* that fired was due then          */
    unsigned         fired;
};


static int
set_up(void **state)
{
    struct scene  *s = calloc(1, sizeof(struct scene));

    assert_non_null(s);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    uv_clock_open(&s->clock, &s->loop, SHOP_TIMER_FOREGROUND);
    *state = s;

    return 0;
}


static int
tear_down(void **state)
{
    struct scene  *s = *state;

    uv_close((uv_handle_t *) &s->clock.handle, NULL);
    (void) uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);

    return 0;
}


static void
set(struct scene *s, size_t i, uint32_t ms)
{
    s->due[i] = uv_now(&s->loop) + ms;
    uv_clock_set(&s->clock, &s->timers[i], ms);
}


static void
fire(shop_timer_t *t)
{
    struct scene  *s = t->ctx;
    size_t         i = (size_t) (t - s->timers);

    assert_true(s->due[i] != 0);
    assert_true(s->due[i] >= s->last);
    assert_true(s->due[i] <= uv_now(&s->loop));
    s->last = s->due[i];
    s->due[i] = 0;
    s->fired++;
}


static void
test_clock__fires_each_once_in_order(void **state)
{
    size_t         i;
    unsigned       left = 0, seed = 1;
    struct scene  *s = *state;

    for (i = 0; i < TIMERS; i++) {
        s->timers[i].fire = fire;
        s->timers[i].ctx = s;
        set(s, i, (uint32_t) rand_r(&seed) % 20);
    }

    for (i = 0; i < 3 * TIMERS; i++) {
        size_t  k = (size_t) rand_r(&seed) % TIMERS;

        if (rand_r(&seed) % 2 == 0) {
            uv_clock_del(&s->timers[k]);
            s->due[k] = 0;
        } else {
            set(s, k, (uint32_t) rand_r(&seed) % 20);
        }
    }

    for (i = 0; i < TIMERS; i++) {
        left += s->due[i] != 0;
    }

    (void) uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(s->fired, left);
    assert_true(left > TIMERS / 4);
    assert_null(s->clock.first);
}


/* Frees what it is part of, and takes another off that is due now too. */
static void
fire_and_clear(shop_timer_t *t)
{
    struct scene  *s = t->ctx;

    s->fired++;
    uv_clock_del(&s->timers[1]);
    uv_clock_del(&s->timers[2]);
    free(t);
}


static void
test_clock__may_be_changed_by_who_is_fired(void **state)
{
    struct scene  *s = *state;
    shop_timer_t  *t = calloc(1, sizeof(shop_timer_t));

    assert_non_null(t);
    t->fire = fire_and_clear;
    t->ctx = s;
    s->timers[1] = s->timers[2] = (shop_timer_t) { .fire = fire, .ctx = s };
    uv_clock_set(&s->clock, t, 0);
    set(s, 1, 0);
    set(s, 2, 5);
    (void) uv_run(&s->loop, UV_RUN_DEFAULT);

    assert_int_equal(s->fired, 1);
    assert_null(s->clock.first);
}


int
uv_clock_tests(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)

    const struct CMUnitTest  tests[] = {
        TEST(test_clock__fires_each_once_in_order),
        TEST(test_clock__may_be_changed_by_who_is_fired),
    };

    return cmocka_run_group_tests_name("uv_clock", tests, NULL, NULL);
}
