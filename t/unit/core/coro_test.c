/*
 * coro_test.c - coroutines come and go, and one that outgrows its stack harms
 * nobody's else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/coro.h"

#define STACK  65536

int core_coro_tests(void);

static int steps;


static void
three_steps(void *arg)
{
    int *at = arg;

    for (int i = 0; i < 3; i++) {
        (*at)++;
        coro_yield();
    }
}


static void
waits_and_goes_on(void **state)
{
    struct coro_pool  pool;
    struct coro      *co;
    int               at = 0;

    (void) state;
    coro_pool_init(&pool, 4, STACK);

    co = coro_make(&pool, three_steps, &at);
    assert_non_null(co);
    assert_int_equal(at, 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(coro_resume(co), 1);
        assert_int_equal(at, i);
        assert_null(coro_self());
    }
    assert_int_equal(coro_resume(co), 0);
    assert_int_equal(pool.live, 0);
    coro_pool_done(&pool);
}


/* No more than the limit live, and one that was abandoned makes room. */
static void
is_refused_past_the_limit(void **state)
{
    struct coro_pool  pool;
    struct coro      *co[4];
    int               at = 0;

    (void) state;
    coro_pool_init(&pool, 4, STACK);

    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 4; i++) {
            co[i] = coro_make(&pool, three_steps, &at);
            assert_non_null(co[i]);
            assert_int_equal(coro_resume(co[i]), 1);
        }
        assert_null(coro_make(&pool, three_steps, &at));
        for (int i = 0; i < 4; i++)
            coro_abandon(co[i]);
        assert_int_equal(pool.live, 0);
    }
    assert_int_equal(pool.made, 4);
    assert_int_equal(pool.peak, 4);
    coro_pool_done(&pool);
}


/* What a rush took is kept until it was not needed for a while, and what is
 * needed now and then is kept. */
static void
stacks_of_a_rush_are_given_back(void **state)
{
    struct coro_pool  pool;
    struct coro      *co[40];
    int               at = 0;

    (void) state;
    coro_pool_init(&pool, 40, STACK);

    for (unsigned n = 40; n > 0; n /= 4) {
        for (unsigned i = 0; i < n; i++)
            co[i] = coro_make(&pool, three_steps, &at);
        for (unsigned i = 0; i < n; i++)
            coro_abandon(co[i]);
        assert_true(coro_pool_trim(&pool, 4) == (n > 4));
        assert_int_equal(pool.made, n > 4 ? n : 4);
    }
    coro_pool_done(&pool);
    assert_int_equal(pool.made, 0);
}


/* Not a loop, to the compiler's mind, and not one it can turn into one. */
static int
deeper(volatile char *above)
{
    volatile char here[512];

    memset((char *) here, steps++, sizeof(here));
    if (steps == INT32_MAX)
        return above[0];

    return deeper(here) + here[1];
}


static void
without_end(void *arg)
{
    char top = 0;

    *(int *) arg = deeper(&top);
}


/* In a process of its own, without a core file.  Its neighbours' stacks lie
 * on both sides; were there no guard, it would run over one and return. */
static void
outgrow(void)
{
    struct rlimit     none = { 0, 0 };
    struct coro_pool  pool;
    struct coro      *co[3];
    int               at = 0, end = 0;

    setrlimit(RLIMIT_CORE, &none);
    coro_pool_init(&pool, 4, STACK);
    co[0] = coro_make(&pool, three_steps, &at);
    co[1] = coro_make(&pool, without_end, &end);
    co[2] = coro_make(&pool, three_steps, &at);
    coro_resume(co[0]);
    coro_resume(co[2]);
    coro_resume(co[1]);
    _exit(0);
}


static void
a_guard_page_ends_a_stack(void **state)
{
    int    status = 0;
    pid_t  pid = fork();

    (void) state;
    assert_true(pid >= 0);

    if (pid == 0) {
        close(STDERR_FILENO);           /* a sanitizer would tell of it      */
        outgrow();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}


int
core_coro_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_and_goes_on),
        cmocka_unit_test(is_refused_past_the_limit),
        cmocka_unit_test(stacks_of_a_rush_are_given_back),
        cmocka_unit_test(a_guard_page_ends_a_stack),
    };

    return cmocka_run_group_tests_name("core/coro", tests, NULL, NULL);
}
