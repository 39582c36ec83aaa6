/*
 * statements_test.c - every named statement against the migrated schema, and
 * what the check refuses.
 *
 * SHOP_TEST_DATABASE names the migrated database; without it the tests are
 * skipped.  t/sql/statements.t runs them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

#include "core/route.h"
#include "core/toy.h"
#include "statement.h"

int sql_statements_tests(void);


static PGconn *
connection(void)
{
    const char *database = getenv("SHOP_TEST_DATABASE");
    PGconn     *pg;

    if (database == NULL)
        skip();
    pg = PQconnectdb(database);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(pg));

    return pg;
}


static void
every_statement_fits_its_shapes(void **state)
{
    PGconn         *pg = connection();
    struct arena    arena = { 0 };
    struct filled   filled = { 0 };
    unsigned        statements = 0, texts = 0;
    struct buf      out, unfilled;
    const struct stmt *const *s;

    (void) state;
    buf_init(&out, &arena, 1024);
    buf_init(&unfilled, &arena, 1024);
    for (size_t i = 0; sql_statements(i, &s); i++) {
        for (; s != NULL && *s != NULL; s++, statements++)
            texts += statement_check(pg, *s, &filled, &out);
    }
    assert_buf(&out, "");
    assert_true(statements > 0 && texts >= statements);

    statement_unfilled(&filled, &unfilled);
    buf_char(&unfilled, '\0');
    print_message("%u statements, %u texts; members that no column fills:\n%s",
                  statements, texts, unfilled.data);
    arena_reset(&arena);
    PQfinish(pg);
}


/* Prepared statements share their names on a connection. */
static void
no_two_statements_share_a_name(void **state)
{
    const char  *name[2048];
    size_t       n = 0;
    const struct stmt *const *s;

    (void) state;
    for (size_t i = 0; sql_statements(i, &s); i++) {
        for (; s != NULL && *s != NULL; s++) {
            for (size_t k = 0; k < n; k++)
                assert_string_not_equal(name[k], (*s)->name);
            assert_true(n < 2048);
            name[n++] = (*s)->name;
        }
    }
    assert_true(n > 0);
}


/* --- the check itself ---------------------------------------------------- */


static const struct param  two[] = {
    { .name = "title" }, { .name = "n", .type = INT, .arg = 0 },
};
static const struct param  texts_only[] = {
    { .name = "key", .type = TEXT, .arg = 0 },
};
static const struct param  money[] = {
    { .name = "price_amount" }, { .name = "price_currency" },
};


static void
what_is_wrong_is_said(void **state)
{
    static const struct {
        struct stmt  st;
        const char  *want;
    } rows[] = {
        { { .text = "SELECT title, 1::bigint AS weight FROM (VALUES ($1::text,"
                    " $2::int)) x (title, n)",
            .params = two, .n_params = 2, .in = toy, .out = toy }, "" },
        { { .text = "SELECT 5::bigint AS price_amount, 'EUR'::text AS "
                    "price_currency, '{}'::text[] AS tags, now() AS since",
            .out = toy }, "" },
        { { .text = "SELECT 1 WHERE $1 > 0 AND $2 = 'EUR'", .params = money,
            .n_params = 2, .in = toy, .out = toy },
          "x: there is no member for column ?column?\n" },
        { { .text = "SELECT now()::date AS since, 1 AS title, "
                    "1.5 AS weight, 'x'::text AS id", .out = toy },
          "x: column since is date, which does not fit\n"
          "x: column title is integer, which does not fit\n"
          "x: column weight is numeric, which does not fit\n"
          "x: column id is text, which does not fit\n" },
        { { .text = "SELECT 'x'::text AS title, 'y'::text AS title",
            .out = toy }, "x: two columns are called title\n" },
        { { .text = "SELECT 5 AS price", .out = toy },
          "x: column price is integer, which does not fit\n" },
        { { .text = "DELETE FROM pg_class WHERE false", .out = toy },
          "x: it gives no columns\n" },
        { { .text = "SELECT 1 AS weight" },
          "x: it gives 1 columns and is of kind none\n" },
        { { .text = "SELECT FROM nothing", .out = toy },
          "x: relation \"nothing\" does not exist in:\nSELECT FROM nothing\n"
        },
        { { .text = "SELECT WHERE $1 = gen_random_uuid()",
            .params = texts_only, .n_params = 1 },
          "x: parameter :key is uuid, which does not fit\n" },
        { { .text = "SELECT WHERE $1::uuid = gen_random_uuid()",
            .params = texts_only, .n_params = 1 }, "" },
        { { .text = "SELECT WHERE $1 AND $2 = 'x'::text", .params = two,
            .n_params = 2, .in = toy },
          "x: parameter :title is boolean, which does not fit\n"
          "x: parameter :n is text, which does not fit\n" },
    };
    PGconn  *pg = connection();

    (void) state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stmt    st = rows[i].st;
        struct arena   arena = { 0 };
        struct filled  filled = { 0 };
        struct buf     out;

        st.name = "x";
        buf_init(&out, &arena, 256);
        assert_int_equal(statement_check(pg, &st, &filled, &out), 1);
        assert_buf(&out, rows[i].want);
        arena_reset(&arena);
    }
    PQfinish(pg);
}


/* Every choice of pieces is prepared, and no other: three sorts, with and
 * without a title; one of them knows no title. */
static void
pieces_are_tried_in_all_choices(void **state)
{
    static const struct piece  pieces[] = {
        { "SELECT 'x'::text AS note", NULL },
        { ", nowhere AS title", "title sort=c" },
        { " WHERE \001\001 <> ''", "title" },
        { " ORDER BY 1", "sort=a" },
        { " ORDER BY 1 DESC", "sort=b" },
        { " LIMIT 1", "sort=c" },
        { NULL, NULL },
    };
    static const char *const   names[] = { "sort", NULL };
    static const struct stmt   st = {
        .name = "x", .pieces = pieces, .arg_names = names, .params = two,
        .n_params = 1, .in = toy, .out = toy,
    };
    PGconn         *pg = connection();
    struct arena    arena = { 0 };
    struct filled   filled = { 0 };
    struct buf      out, unfilled;

    (void) state;
    buf_init(&out, &arena, 256);
    buf_init(&unfilled, &arena, 256);
    assert_int_equal(statement_check(pg, &st, &filled, &out), 6);
    assert_buf(&out, "x: column \"nowhere\" does not exist in:\n"
                     "SELECT 'x'::text AS note, nowhere AS title "
                     "WHERE $1 <> '' LIMIT 1\n");

    statement_unfilled(&filled, &unfilled);
    buf_char(&unfilled, '\0');
    assert_null(strstr(unfilled.data, "Toy.note\n"));
    assert_non_null(strstr(unfilled.data, "Toy.title\n"));
    assert_null(strstr(unfilled.data, "Toy.parts\n"));
    arena_reset(&arena);
    PQfinish(pg);
}


int
sql_statements_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_fits_its_shapes),
        cmocka_unit_test(no_two_statements_share_a_name),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(pieces_are_tried_in_all_choices),
    };

    return cmocka_run_group_tests_name("sql_statements", tests, NULL, NULL);
}
