/*
 * buf_test.c - appending, growing, and failing once for all.
 */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/env.h"

int core_buf_tests(void);


static void
test_buf__grows_and_keeps_what_it_has(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    buf_init(&b, &a, 0);
    for (int i = 0; i < 10000; i++) {
        buf_int(&b, i % 10);
        buf_str(&b, "ab");
        buf_char(&b, ';');
    }
    assert_false(b.failed);
    assert_int_equal(b.len, 40000);
    for (int i = 0; i < 10000; i++) {
        char  want[16];

        snprintf(want, sizeof(want), "%dab;", i % 10);
        assert_memory_equal(b.data + 4 * i, want, 4);
    }
    arena_reset(&a);
}


static void
test_buf__writes_every_integer_as_printf_does(void **state)
{
    static const int64_t  values[] = {
        0, 1, -1, 9, 10, -10, 99, 100, 12345678901234567, INT64_MAX,
        INT64_MIN, INT64_MIN + 1, 9007199254740991, -9007199254740991,
    };
    struct arena          a = { 0 };
    struct buf            b;
    char                  want[32];

    (void) state;
    for (size_t i = 0; i < COUNT(values); i++) {
        buf_init(&b, &a, 0);
        buf_int(&b, values[i]);
        snprintf(want, sizeof(want), "%" PRId64, values[i]);
        assert_buf(&b, want);
    }
    arena_reset(&a);
}


static void
test_buf__prints_what_does_not_fit_at_first(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;
    char          text[3001];

    (void) state;
    memset(text, 'x', 3000);
    text[3000] = '\0';
    buf_init(&b, &a, 0);
    buf_str(&b, "<");
    buf_format(&b, "%s|%d", text, 7);
    assert_false(b.failed);
    assert_int_equal(b.len, 3003);
    assert_memory_equal(b.data + 3000, "x|7", 3);
    arena_reset(&a);
}


static void *
no_memory(size_t size)
{
    (void) size;
    return NULL;
}


static void
test_buf__stays_failed_when_memory_is_short(void **state)
{
    void         *(*alloc)(size_t) = shop_env.alloc;
    struct arena   a = { 0 };
    struct buf     b;

    (void) state;
    buf_init(&b, &a, 16);
    buf_str(&b, "kept");
    shop_env.alloc = no_memory;
    assert_false(buf_room(&b, 1 << 20));
    shop_env.alloc = alloc;
    buf_str(&b, "ignored");
    buf_char(&b, 'x');
    buf_int(&b, 1);
    buf_format(&b, "%d", 1);
    assert_true(b.failed);
    assert_int_equal(b.len, 4);
    arena_reset(&a);
}


int
core_buf_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf__grows_and_keeps_what_it_has),
        cmocka_unit_test(test_buf__writes_every_integer_as_printf_does),
        cmocka_unit_test(test_buf__prints_what_does_not_fit_at_first),
        cmocka_unit_test(test_buf__stays_failed_when_memory_is_short),
    };

    return cmocka_run_group_tests_name("core/buf", tests, NULL, NULL);
}
