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
        { { .text = "DELETE FROM idempotency_keys", .out = toy,
            .writes = true },
          "x: it gives no columns\n" },
        { { .text = "SELECT 1 AS weight" },
          "x: it gives 1 columns and is of kind none\n" },
        { { .text = "DELETE FROM idempotency_keys RETURNING key AS title",
            .out = toy },
          "x: it changes or locks rows, which tools/sql2c does not see\n" },
        { { .text = "SELECT 1::bigint AS weight FROM pg_authid", .out = toy },
          "x: no plan: permission denied for table pg_authid\n" },
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


/* Rows of customers: to be asked for with :caller, or by staff. */
static void
what_has_an_owner_is_asked_for_by_the_caller(void **state)
{
    static const struct param  params[] = {
        { .name = "caller", .type = UUID, .arg = ARG_CALLER },
        { .name = "id", .type = INT, .arg = 0 },
    };
    static const struct piece  pieces[] = {
        { "SELECT o.id AS weight FROM toy_orders o", NULL },
        { " WHERE owner = \001\001", "mine" },
        { NULL, NULL },
    };
    static const char *const   names[] = { "mine", NULL };
    static const char          without[] = "without :caller; or is it to be "
                                           "marked -- staff?\n";
    static const struct {
        struct stmt  st;
        const char  *touches;           /* what is wrong; NULL: nothing      */
    } rows[] = {
        { { .text = "SELECT id AS weight FROM toy_orders WHERE owner = $1",
            .params = params, .n_params = 1, .by_caller = true }, NULL },
        { { .text = "SELECT id AS weight FROM toy_orders" }, "toy_orders" },
        { { .text = "SELECT id AS weight FROM toy_orders", .staff = true },
          NULL },
        { { .text = "SELECT id AS weight FROM toys" }, NULL },
        { { .text = "SELECT (SELECT max(id) FROM toy_orders) AS weight "
                    "FROM toys" }, "toy_orders" },
        { { .text = "SELECT id AS weight FROM toy_view" }, "toy_orders" },
        { { .text = "SELECT id AS weight FROM toy_parts_1" }, "toy_parts" },
        { { .text = "SELECT id AS weight FROM toy_parts JOIN toy_orders "
                    "USING (id)" }, "toy_orders, toy_parts" },
        { { .text = "DELETE FROM toy_orders RETURNING id AS weight",
            .writes = true }, "toy_orders" },
        { { .pieces = pieces, .arg_names = names, .params = params,
            .n_params = 1, .by_caller = true }, "toy_orders" },
    };
    PGconn  *pg = connection();

    (void) state;
    PQclear(PQexec(pg,
        "CREATE TEMP TABLE toys (id bigint);"
        "CREATE TEMP TABLE toy_orders (id bigint, owner uuid);"
        "COMMENT ON TABLE toy_orders IS 'Orders. @owner owner';"
        "CREATE TEMP VIEW toy_view AS SELECT * FROM toy_orders;"
        "CREATE TEMP TABLE toy_parts (id bigint) PARTITION BY HASH (id);"
        "COMMENT ON TABLE toy_parts IS 'Parts. @owner owner';"
        "CREATE TEMP TABLE toy_parts_1 PARTITION OF toy_parts"
        "    FOR VALUES WITH (MODULUS 1, REMAINDER 0)"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stmt    st = rows[i].st;
        struct arena   arena = { 0 };
        struct filled  filled = { 0 };
        struct buf     out, want;

        st.name = "x";
        st.out = toy;
        buf_init(&out, &arena, 256);
        buf_init(&want, &arena, 256);
        if (rows[i].touches != NULL)
            buf_format(&want, "x: it touches %s, whose rows have an owner, %s",
                       rows[i].touches, without);
        buf_char(&want, '\0');
        statement_check(pg, &st, &filled, &out);
        assert_buf(&out, want.data);
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
        cmocka_unit_test(what_has_an_owner_is_asked_for_by_the_caller),
        cmocka_unit_test(pieces_are_tried_in_all_choices),
    };

    return cmocka_run_group_tests_name("sql_statements", tests, NULL, NULL);
}
