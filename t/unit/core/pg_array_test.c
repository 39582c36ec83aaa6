/*
 * pg_array_test.c - arrays of texts as PostgreSQL writes them, and as it takes
 * them.
 */
#include "check.h"

#include "core/env.h"
#include "core/text.h"

int core_pg_array_tests(void);

struct parsed {
    const char  *text;
    size_t       n;
    const char  *v[4];
};


/* As PostgreSQL's array_out() writes them: with quotes only where it must. */
static void
what_postgresql_writes_is_read(void **state)
{
    static const struct parsed  cases[] = {
        { "{}", 0, { NULL } },
        { "{a}", 1, { "a" } },
        { "{a,b,c}", 3, { "a", "b", "c" } },
        { "{\"\"}", 1, { "" } },
        { "{\"\",a}", 2, { "", "a" } },
        { "{NULL}", 1, { NULL } },
        { "{null,Null,a}", 3, { NULL, NULL, "a" } },
        { "{\"NULL\",NULLs}", 2, { "NULL", "NULLs" } },
        { "{\"a b\",\"c,d\",\"{e}\"}", 3, { "a b", "c,d", "{e}" } },
        { "{\"a\\\"b\",\"c\\\\d\"}", 2, { "a\"b", "c\\d" } },
        { "{\"\\n\"}", 1, { "n" } },
        { "{a\\,b}", 1, { "a,b" } },
        { "{çay,\"İki bardak\"}", 2, { "çay", "İki bardak" } },
        { "{\"line\nline\"}", 1, { "line\nline" } },
    };
    struct arena                a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t        n = strlen(cases[i].text);
        struct texts  t = { 99, NULL };

        if (!pg_array_parse(&a, &t, exact(&a, cases[i].text, n), n)
            || t.n != cases[i].n)
        {
            fail_msg("%s: %zu elements", cases[i].text, t.n);
        }
        for (size_t k = 0; k < t.n; k++) {
            if (cases[i].v[k] == NULL)
                assert_null(t.v[k]);
            else
                assert_string_equal(t.v[k], cases[i].v[k]);
        }
    }
    arena_reset(&a);
}


/* A column of another type, or half of one: refused whole, and nothing is
 * written. */
static void
all_else_is_refused(void **state)
{
    static const char *const  cases[] = {
        "", "{", "}", "a", "a}", "{a", "{a,", "{a,}", "{,a}", "{,}", "{a,,b}",
        "{}x", "{a}x", "{a}{b}", " {a}", "{{a},{b}}", "{a{b}", "{\"a}",
        "{\"a\"b}", "{\"a\" ,b}", "{a\"b\"}", "{\"a\\", "{\"a\\\"", "{a\\",
        "{a\\}", "{\"a\",}", "[1:2]={a,b}",
    };
    struct arena              a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t        n = strlen(cases[i]);
        struct texts  t = { 99, NULL };

        if (pg_array_parse(&a, &t, exact(&a, cases[i], n), n) || t.n != 99)
            fail_msg("%s is taken", cases[i]);
    }
    arena_reset(&a);
}


static void
what_is_written_is_read_as_it_was(void **state)
{
    static const char *const  texts[] = {
        "", "a", "NULL", "null", NULL, "a b", "\"", "\\", "\\\"", "{}", ",",
        "a,b", "çay", "\n\t", "'", "\"quoted\"", NULL, "end",
    };
    struct arena              a = { 0 };

    (void) state;
    for (size_t from = 0; from < COUNT(texts); from++) {
        struct texts  in = { COUNT(texts) - from,
                             (const char **) texts + from };
        struct texts  out;
        const char   *text = pg_array_text(&a, &in);

        assert_true(pg_array_parse(&a, &out, text, strlen(text)));
        assert_int_equal(out.n, in.n);
        for (size_t i = 0; i < in.n; i++) {
            if (in.v[i] == NULL)
                assert_null(out.v[i]);
            else
                assert_string_equal(out.v[i], in.v[i]);
        }
    }
    arena_reset(&a);
}


static void
elements_are_always_quoted(void **state)
{
    const char   *v[] = { "a", NULL, "b\"c" };
    struct texts  three = { 3, v }, none = { 0, NULL };
    struct arena  a = { 0 };

    (void) state;
    assert_string_equal(pg_array_text(&a, &three), "{\"a\",NULL,\"b\\\"c\"}");
    assert_string_equal(pg_array_text(&a, &none), "{}");
    arena_reset(&a);
}


static void *
no_memory(size_t size)
{
    (void) size;

    return NULL;
}


static void
without_memory_nothing_is_written(void **state)
{
    void         *(*alloc)(size_t) = shop_env.alloc;
    const char    *v[] = { "a" };
    struct texts   in = { 1, v }, out = { 99, NULL };
    struct arena   a = { 0 };

    (void) state;
    arena_trim();
    shop_env.alloc = no_memory;
    assert_false(pg_array_parse(&a, &out, "{a}", 3));
    assert_null(pg_array_text(&a, &in));
    assert_true(pg_array_parse(&a, &out, "{}", 2));
    shop_env.alloc = alloc;
    assert_int_equal(out.n, 0);
    arena_reset(&a);
}


int
core_pg_array_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_postgresql_writes_is_read),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(what_is_written_is_read_as_it_was),
        cmocka_unit_test(elements_are_always_quoted),
        cmocka_unit_test(without_memory_nothing_is_written),
    };

    return cmocka_run_group_tests_name("core_pg_array", tests, NULL, NULL);
}
