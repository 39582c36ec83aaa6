/*
 * arena_mark_test.c - the part of an arena behind a mark, given back alone.
 */
#include "check.h"

#include "core/arena.h"
#include "core/env.h"

int core_arena_mark_tests(void);

static char  order[16];                 /* which cleanups ran                */
static char  digit[] = "0123";
static int   taken;                     /* blocks that are not given back    */
static void *(*real_alloc)(size_t size);
static void  (*real_release)(void *p);


static void *
count_alloc(size_t size)
{
    taken++;

    return real_alloc(size);
}


static void
count_release(void *p)
{
    taken -= p != NULL;
    real_release(p);
}


static int
set_up(void **state)
{
    (void) state;
    arena_trim();
    order[0] = '\0';
    taken = 0;
    real_alloc = shop_env.alloc;
    real_release = shop_env.release;
    shop_env.alloc = count_alloc;
    shop_env.release = count_release;

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    arena_trim();
    shop_env.alloc = real_alloc;
    shop_env.release = real_release;
    assert_int_equal(taken, 0);

    return 0;
}


static void
note(void *data)
{
    strncat(order, data, 1);
}


static void
test_cleanups__run_last_in_first_out(void **state)
{
    struct arena a = { 0 };

    (void) state;
    arena_cleanup(&a, note, digit + 1);
    arena_cleanup(&a, note, digit + 2);
    arena_reset(&a);
    assert_string_equal(order, "21");
    assert_int_equal(a.size, 0);
}


/* Small blocks, a chunk more, and large ones, which lie behind the chunk that
 * was being filled when they came. */
static void
test_rewind__undoes_what_was_done_since(void **state)
{
    struct arena       a = { 0 };
    struct arena_mark  mark;
    char              *first = arena_copy(&a, "first", 5);

    (void) state;
    arena_cleanup(&a, note, digit + 1);
    arena_alloc(&a, 100000);
    arena_mark(&a, &mark);
    for (int round = 0; round < 3; round++) {
        order[0] = '\0';
        for (int i = 0; i < 300; i++)
            memset(arena_alloc(&a, 100), 'x', 100);
        memset(arena_alloc(&a, 50000), 'y', 50000);
        arena_cleanup(&a, note, digit + 2);
        arena_cleanup(&a, note, digit + 3);
        arena_rewind(&a, &mark);
        assert_string_equal(order, "32");
        assert_int_equal(a.size, mark.size);
    }
    memset(arena_alloc(&a, 50000), 'y', 50000);
    arena_rewind(&a, &mark);
    assert_string_equal(first, "first");
    arena_reset(&a);
    assert_string_equal(order, "321");
}


static void
test_rewind__to_nothing_is_a_reset(void **state)
{
    struct arena       a = { 0 };
    struct arena_mark  mark;

    (void) state;
    arena_mark(&a, &mark);
    arena_alloc(&a, 10);
    arena_alloc(&a, 100000);
    arena_cleanup(&a, note, digit + 1);
    arena_rewind(&a, &mark);
    assert_string_equal(order, "1");
    assert_null(a.chunk);
    assert_non_null(arena_alloc(&a, 10));
    arena_reset(&a);
}


int
core_arena_mark_tests(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_cleanups__run_last_in_first_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_rewind__undoes_what_was_done_since, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rewind__to_nothing_is_a_reset,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("core/arena_mark", tests, NULL, NULL);
}
