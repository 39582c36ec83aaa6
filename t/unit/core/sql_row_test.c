/*
 * sql_row_test.c - columns find their members once, and again when they are
 * others.
 */
#include <stdio.h>

#include "core/check.h"

#include "core/sql.h"
#include "core/toy.h"

int core_sql_row_tests(void);

enum { SLOT = SLOTS_MAX - 40 };         /* no statement has it */


/* A result of one row; "" and NULL are what they are. */
static PGresult *
result(int n, const char *const *names, const char *const *values)
{
    PGresult      *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc   desc[8] = { { 0 } };

    assert_non_null(res);
    for (int i = 0; i < n; i++) {
        desc[i].name = (char *) (uintptr_t) names[i];   /* is copied */
        desc[i].typlen = -1;
    }
    assert_true(PQsetResultAttrs(res, n, desc));
    for (int i = 0; i < n; i++) {
        char   value[40];
        int    len = values[i] == NULL ? -1 : (int) strlen(values[i]);

        snprintf(value, sizeof(value), "%s",
                 values[i] == NULL ? "" : values[i]);
        assert_true(PQsetvalue(res, 0, i, values[i] == NULL ? NULL : value,
                               len));
    }

    return res;
}


static void
read_row(struct toy *into, const PGresult *res, const struct columns **c)
{
    struct arena  a = { 0 };
    char          why[128];

    assert_int_equal(sql_columns(c, SLOT, toy, res, why, sizeof(why)), 0);
    assert_int_equal(sql_row_read(*c, res, 0, into, &a, why, sizeof(why)), 0);
    arena_reset(&a);
}


static void
columns_are_found_by_name(void **state)
{
    const char *const      names[] = { "title", "note", "price_amount",
                                       "price_currency", "weight", "email" };
    const char *const      values[] = { "Top", "", "995", "EUR", "-7", NULL };
    PGresult              *res = result(6, names, values);
    const struct columns  *c;
    struct toy             t;

    (void) state;
    read_row(&t, res, &c);
    assert_string_equal(t.title, "Top");
    assert_string_equal(t.note, "");
    assert_int_equal(t.price.amount, 995);
    assert_string_equal(t.price.currency, "EUR");
    assert_int_equal(t.weight, -7);
    assert_null(t.email);
    assert_null(t.status);              /* no column: none */
    PQclear(res);
}


/* In place of those: others, in another order, fewer, halves of a member. */
static void
other_columns_are_found_anew(void **state)
{
    static const struct {
        int          n;
        const char  *names[3];
        const char  *values[3];
        bool         same;              /* as the one before                 */
        const char  *title;
        const char  *note;
        int64_t      amount;
    } rows[] = {
        { 2, { "title", "note" }, { "a", "b" }, false, "a", "b", 0 },
        { 2, { "title", "note" }, { "c", "d" }, true, "c", "d", 0 },
        { 2, { "note", "title" }, { "e", "f" }, false, "f", "e", 0 },
        { 1, { "note" }, { "g" }, false, NULL, "g", 0 },
        { 2, { "note", "price_amount" }, { "h", "5" }, false, NULL, "h", 5 },
        { 2, { "note", "price_amount" }, { "i", "6" }, true, NULL, "i", 6 },
        { 2, { "note", "price_currency" }, { "j", "EUR" }, false, NULL, "j",
          0 },
        { 2, { "note", "email" }, { "k", "x" }, false, NULL, "k", 0 },
    };
    const struct columns  *c = NULL;

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        PGresult              *res = result(rows[i].n, rows[i].names,
                                            rows[i].values);
        const struct columns  *before = c;
        struct toy             t;

        read_row(&t, res, &c);
        if (rows[i].same)
            assert_ptr_equal(c, before);
        if (rows[i].title == NULL)
            assert_null(t.title);
        else
            assert_string_equal(t.title, rows[i].title);
        assert_string_equal(t.note, rows[i].note);
        if (rows[i].amount != 0)
            assert_int_equal(t.price.amount, rows[i].amount);
        PQclear(res);
    }
}


static void
another_shape_is_matched_anew(void **state)
{
    const char *const      names[] = { "price_amount", "price_currency" };
    const char *const      values[] = { "5", "EUR" };
    PGresult              *res = result(2, names, values);
    const struct columns  *c;
    struct toy             t;
    struct toy_part        part;
    char                   why[128];

    (void) state;
    read_row(&t, res, &c);
    assert_int_equal(sql_columns(&c, SLOT, toy_part, res, why, sizeof(why)),
                     0);
    assert_int_equal(sql_row_read(c, res, 0, &part, NULL, why, sizeof(why)),
                     0);
    assert_int_equal(part.price.amount, 5);
    assert_null(part.sku);
    PQclear(res);
}


static void
what_does_not_fit_is_said(void **state)
{
    const char *const      names[] = { "title", "colour" };
    const char *const      numbers[] = { "title", "weight" };
    const char *const      values[] = { "a", "red" };
    PGresult              *res = result(2, names, values);
    const struct columns  *c;
    struct toy             t;
    char                   why[128];

    (void) state;
    assert_int_equal(sql_columns(&c, SLOT, toy, res, why, sizeof(why)),
                     SHOP_E_CONF);
    assert_string_equal(why, "no member for column colour");
    PQclear(res);

    res = result(2, numbers, values);
    assert_int_equal(sql_columns(&c, SLOT, toy, res, why, sizeof(why)), 0);
    assert_int_equal(sql_row_read(c, res, 0, &t, NULL, why, sizeof(why)),
                     SHOP_E_CONF);
    assert_string_equal(why, "column weight does not fit");
    PQclear(res);
}


int
core_sql_row_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(other_columns_are_found_anew),
        cmocka_unit_test(another_shape_is_matched_anew),
        cmocka_unit_test(what_does_not_fit_is_said),
    };

    return cmocka_run_group_tests_name("core_sql_row", tests, NULL, NULL);
}
