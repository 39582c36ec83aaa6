/*
 * shape_row_test.c - columns into members, members to parameters.
 */
#include "check.h"

#include "toy.h"

int core_shape_row_tests(void);


static int
column(struct toy *t, struct arena *a, const char *name, const char *text,
       unsigned part)
{
    const struct field  *f = shape_find(toy, name, strlen(name));

    assert_non_null(f);
    return shape_from_text(f, t, text, text == NULL ? 0 : strlen(text), part,
                           a);
}


static void
test_row__takes_every_type(void **state)
{
    static const struct { const char *name, *text; unsigned part; }
    columns[] = {
        { "id", "01890a5d-ac96-774b-bcce-b302099a8057", 0 },
        { "title", "Işık", 0 },
        { "weight", "-5", 0 },
        { "active", "t", 0 },
        { "since", "2026-07-27 07:00:00.5+00", 0 },
        { "price", "1250", 1 },
        { "price", "EUR", 2 },
        { "extra", "{\"a\": 1}", 0 },
        { "tags", "{a,\"b c\"}", 0 },
        { "groups", "{01890a5d-ac96-774b-bcce-b302099a8057}", 0 },
    };
    struct arena  a = { 0 };
    struct toy    t;

    (void) state;
    shape_clear(toy, &t);
    for (size_t i = 0; i < COUNT(columns); i++)
        assert_int_equal(column(&t, &a, columns[i].name, columns[i].text,
                                columns[i].part), 0);
    assert_int_equal(t.id.b[0], 1);
    assert_int_equal(t.id.b[15], 0x57);
    assert_ptr_equal(t.title, columns[1].text);
    assert_int_equal(t.weight, -5);
    assert_true(t.active);
    assert_true(t.since.us == 1785135600500000);
    assert_int_equal(t.price.amount, 1250);
    assert_string_equal(t.price.currency, "EUR");
    assert_ptr_equal(t.extra.text, columns[7].text);
    assert_int_equal(t.tags.n, 2);
    assert_string_equal(t.tags.v[1], "b c");
    assert_int_equal(t.groups.n, 1);
    assert_memory_equal(t.groups.v, &t.id, sizeof(uuid));
    arena_reset(&a);
}


static void
test_row__makes_none_of_null(void **state)
{
    static const char *const  names[] = {
        "id", "title", "weight", "active", "since", "extra", "tags",
        "groups", "parts", "main",
    };
    struct arena              a = { 0 };
    struct toy                t, none;

    (void) state;
    memset(&none, 0, sizeof(none));
    shape_clear(toy, &none);
    memset(&t, 1, sizeof(t));
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct field  *f = shape_find(toy, names[i], strlen(names[i]));
        size_t               size = f[1].at > f->at ? f[1].at - f->at : 1;

        assert_int_equal(column(&t, &a, names[i], NULL, 0), 0);
        assert_memory_equal((char *) &t + f->at, (char *) &none + f->at,
                            f->type == BOOL ? 1 : size);
    }
    assert_int_equal(column(&t, &a, "price", NULL, 1), 0);
    assert_int_equal(column(&t, &a, "price", NULL, 2), 0);
    assert_int_equal(t.price.amount, 0);
    assert_int_equal(t.price.currency[0], 0);
    arena_reset(&a);
}


static void
test_row__refuses_what_does_not_fit(void **state)
{
    static const struct { const char *name, *text; unsigned part; }
    columns[] = {
        { "id", "x", 0 }, { "weight", "1.5", 0 }, { "active", "true", 0 },
        { "since", "infinity", 0 }, { "price", "1.5", 1 },
        { "price", "EURO", 2 }, { "price", "1", 0 }, { "tags", "a", 0 },
        { "groups", "{x}", 0 }, { "groups", "{NULL}", 0 },
        { "parts", "[]", 0 }, { "main", "{}", 0 },
    };
    struct arena  a = { 0 };
    struct toy    t;

    (void) state;
    shape_clear(toy, &t);
    for (size_t i = 0; i < COUNT(columns); i++)
        assert_int_equal(column(&t, &a, columns[i].name, columns[i].text,
                                columns[i].part), -1);
    arena_reset(&a);
}


/* Nothing was taken of the arena before, and no id needs any of it. */
static void
test_row__takes_an_array_of_nothing_first(void **state)
{
    struct arena  a = { 0 };
    struct toy    t;

    (void) state;
    shape_clear(toy, &t);
    assert_int_equal(column(&t, &a, "groups", "{}", 0), 0);
    assert_int_equal(t.groups.n, 0);
    arena_reset(&a);
}


static const char *
parameter(struct arena *a, enum type type, const void *from, unsigned part)
{
    bool         failed = false;
    const char  *text = shape_to_text(type, from, part, a, &failed);

    assert_false(failed);
    return text;
}


static void
test_parameter__is_text_or_null(void **state)
{
    struct arena   a = { 0 };
    const char    *text = "x", *no_text = NULL, *v[] = { "a", NULL };
    int64_t        n = -7, no_n = INT_NONE;
    bool           yes = true, no = false;
    uuid           id = { { 1 } }, no_id = UUID_NONE;
    stamp          at = { 500000 }, no_at = STAMP_NONE;
    struct money   m = { 12, "EUR" }, no_m = { 0 };
    json           j = { "[1]" }, no_j = { NULL };
    struct texts   texts = { 2, v };
    struct uuids   ids = { 1, &id }, no_ids = { 0 };

    (void) state;
    assert_string_equal(parameter(&a, TEXT, &text, 0), "x");
    assert_null(parameter(&a, TEXT, &no_text, 0));
    assert_string_equal(parameter(&a, INT, &n, 0), "-7");
    assert_null(parameter(&a, INT, &no_n, 0));
    assert_string_equal(parameter(&a, BOOL, &yes, 0), "t");
    assert_string_equal(parameter(&a, BOOL, &no, 0), "f");
    assert_string_equal(parameter(&a, UUID, &id, 0),
                        "01000000-0000-0000-0000-000000000000");
    assert_null(parameter(&a, UUID, &no_id, 0));
    assert_string_equal(parameter(&a, STAMP, &at, 0),
                        "1970-01-01T00:00:00.500000Z");
    assert_null(parameter(&a, STAMP, &no_at, 0));
    assert_string_equal(parameter(&a, MONEY, &m, 1), "12");
    assert_string_equal(parameter(&a, MONEY, &m, 2), "EUR");
    assert_null(parameter(&a, MONEY, &no_m, 1));
    assert_null(parameter(&a, MONEY, &no_m, 2));
    assert_string_equal(parameter(&a, JSON, &j, 0), "[1]");
    assert_null(parameter(&a, JSON, &no_j, 0));
    assert_string_equal(parameter(&a, TEXTS, &texts, 0), "{\"a\",NULL}");
    assert_string_equal(parameter(&a, UUIDS, &ids, 0),
                        "{01000000-0000-0000-0000-000000000000}");
    assert_string_equal(parameter(&a, UUIDS, &no_ids, 0), "{}");
    arena_reset(&a);
}


int
core_shape_row_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row__takes_every_type),
        cmocka_unit_test(test_row__makes_none_of_null),
        cmocka_unit_test(test_row__refuses_what_does_not_fit),
        cmocka_unit_test(test_row__takes_an_array_of_nothing_first),
        cmocka_unit_test(test_parameter__is_text_or_null),
    };

    return cmocka_run_group_tests_name("core/shape_row", tests, NULL, NULL);
}
