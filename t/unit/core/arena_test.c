/*
 * arena_test.c - blocks that do not touch each other, cleanups in their order,
 * and memory that is given back.
 */
#include "check.h"

#include <stdlib.h>

#include "core/env.h"

int core_arena_tests(void);

static void   *(*real_alloc)(size_t size);
static void    (*real_release)(void *p);
static unsigned  asked, taken, fails_from;
static char      order[16];
static char      letter_a = 'a', letter_b = 'b', letter_c = 'c', letter_z = 'z';


static void *
counted_alloc(size_t size)
{
    void *p = NULL;

    asked++;
    if (fails_from == 0 || asked < fails_from)
        p = real_alloc(size);
    taken += p != NULL;

    return p;
}


static void
counted_release(void *p)
{
    taken -= p != NULL;
    real_release(p);
}


static int
up(void **state)
{
    (void) state;
    arena_trim();
    real_alloc = shop_env.alloc;
    real_release = shop_env.release;
    shop_env.alloc = counted_alloc;
    shop_env.release = counted_release;
    asked = taken = fails_from = 0;
    order[0] = '\0';

    return 0;
}


static int
down(void **state)
{
    (void) state;
    arena_trim();
    shop_env.alloc = real_alloc;
    shop_env.release = real_release;
    assert_int_equal(taken, 0);

    return 0;
}


static void
note(void *letter)
{
    size_t n = strlen(order);

    order[n] = *(const char *) letter;
    order[n + 1] = '\0';
}


static void
nothing(void *data)
{
    (void) data;
}


/* --- blocks -------------------------------------------------------------- */


/* Sizes around the chunk's, half of it and the alignment: each block is filled
 * to its end, and all are whole in the end. */
static void
blocks_do_not_touch_each_other(void **state)
{
    static const size_t  sizes[] = {
        0, 1, 15, 16, 17, 100, 4000, 4095, 4096, 4097, 8000, 8191, 8192, 8193,
        100000
    };
    struct arena         a = { 0 };
    uint8_t             *block[COUNT(sizes) * 20];

    (void) state;
    for (size_t i = 0; i < COUNT(block); i++) {
        block[i] = arena_alloc(&a, sizes[i % COUNT(sizes)]);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t) block[i] % 16, 0);
        memset(block[i], (int) i & 255, sizes[i % COUNT(sizes)]);
    }
    for (size_t i = 0; i < COUNT(block); i++) {
        for (size_t k = 0; k < sizes[i % COUNT(sizes)]; k++) {
            if (block[i][k] != (i & 255))
                fail_msg("block %zu is spoilt at %zu", i, k);
        }
    }
    arena_reset(&a);
}


static void
nothing_is_a_block_too(void **state)
{
    struct arena  a = { 0 };
    void         *first = arena_alloc(&a, 0), *second = arena_alloc(&a, 0);

    (void) state;
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    arena_reset(&a);
}


static void
a_copy_ends_with_a_nul(void **state)
{
    struct arena  a = { 0 };
    char         *p = arena_alloc(&a, 64);

    (void) state;
    memset(p, 'x', 64);
    arena_reset(&a);
    assert_string_equal(arena_copy(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    p = arena_zalloc(&a, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    arena_reset(&a);
}


/* In place while it is the last and there is room; else it moves whole. */
static void
what_grows_keeps_what_it_has(void **state)
{
    struct arena  a = { 0 };
    char         *p = arena_alloc(&a, 4), *q;

    (void) state;
    memcpy(p, "abc", 4);
    q = arena_grow(&a, p, 4, 1000);
    assert_ptr_equal(q, p);
    q = arena_grow(&a, q, 1000, 20000);
    assert_ptr_not_equal(q, p);
    assert_string_equal(q, "abc");
    memset(q, 'y', 20000);

    p = arena_copy(&a, "first", 5);
    assert_non_null(arena_alloc(&a, 1));
    q = arena_grow(&a, p, 6, 64);
    assert_ptr_not_equal(q, p);
    assert_string_equal(q, "first");
    assert_non_null(arena_grow(&a, NULL, 0, 10));
    arena_reset(&a);
}


/* --- the end of it ------------------------------------------------------- */


static void
cleanups_run_last_in_first_out(void **state)
{
    struct arena    a = { 0 };
    struct cleanup *off;

    (void) state;
    assert_non_null(arena_cleanup(&a, note, &letter_a));
    off = arena_cleanup(&a, note, &letter_b);
    assert_non_null(arena_cleanup(&a, note, &letter_c));
    off->run = NULL;
    arena_reset(&a);
    assert_string_equal(order, "ca");
    arena_reset(&a);
    assert_string_equal(order, "ca");
}


static struct arena  own;


static void
one_more(void *letter)
{
    note(letter);
    assert_non_null(arena_cleanup(&own, note, &letter_z));
}


/* One that a cleanup adds is run as well. */
static void
a_cleanup_may_leave_another(void **state)
{
    (void) state;
    assert_non_null(arena_cleanup(&own, one_more, &letter_a));
    arena_reset(&own);
    assert_string_equal(order, "az");
}


/* What was an arena is an empty one: it says so, and works. */
static void
an_arena_can_be_used_again(void **state)
{
    struct arena a = { 0 };

    (void) state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(a.size, 0);
        assert_non_null(arena_alloc(&a, 20000));
        assert_non_null(arena_alloc(&a, 10));
        assert_true(a.size >= 28192);
        arena_reset(&a);
    }
}


/* Ordinary requests take nothing of malloc; large blocks go back at once. */
static void
chunks_are_kept_for_the_next(void **state)
{
    struct arena a = { 0 };

    (void) state;
    for (int i = 0; i < 100; i++) {
        assert_non_null(arena_alloc(&a, 1000));
        assert_non_null(arena_alloc(&a, 1000));
        arena_reset(&a);
    }
    assert_int_equal(asked, 1);
    assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a);
    assert_int_equal(taken, 1);
    arena_trim();
    assert_int_equal(taken, 0);
}


/* 4 MiB, however much was used before. */
static void
not_all_chunks_are_kept(void **state)
{
    struct arena a = { 0 };

    (void) state;
    for (int i = 0; i < 3000; i++)
        assert_non_null(arena_alloc(&a, 4000));
    assert_true(taken > 1000);
    arena_reset(&a);
    assert_int_equal(taken, 512);
}


/* --- without memory ------------------------------------------------------ */


static void
no_memory_is_null_and_harms_nothing(void **state)
{
    struct arena  a = { 0 };
    char         *p = arena_copy(&a, "kept", 4);

    (void) state;
    fails_from = 1;
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX / 2 + 1));
    assert_null(arena_alloc(&a, 100000));
    assert_null(arena_zalloc(&a, 100000));
    assert_null(arena_grow(&a, p, 5, 100000));
    while (arena_alloc(&a, 1000) != NULL)
        ;
    while (arena_cleanup(&a, nothing, NULL) != NULL)
        ;
    assert_null(arena_copy(&a, "much", 4000));
    assert_string_equal(p, "kept");
    fails_from = 0;
    assert_non_null(arena_alloc(&a, 1000));
    arena_reset(&a);
}


#define CASE(f)  cmocka_unit_test_setup_teardown(f, up, down)


int
core_arena_tests(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(blocks_do_not_touch_each_other),
        CASE(nothing_is_a_block_too),
        CASE(a_copy_ends_with_a_nul),
        CASE(what_grows_keeps_what_it_has),
        CASE(cleanups_run_last_in_first_out),
        CASE(a_cleanup_may_leave_another),
        CASE(an_arena_can_be_used_again),
        CASE(chunks_are_kept_for_the_next),
        CASE(not_all_chunks_are_kept),
        CASE(no_memory_is_null_and_harms_nothing),
    };

    return cmocka_run_group_tests_name("core_arena", tests, NULL, NULL);
}
