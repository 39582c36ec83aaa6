/*
 * sql_bind_test.c - values are found by name and pieces by condition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sql.h"           /* before cmocka, whose fail() is a macro */

#include <cmocka.h>

#include "core/toy.h"

int core_sql_bind_tests(void);

struct fixture {
    struct arena     arena;
    const char      *values[PARAMS_MAX];
    struct db_call   call;
    struct toy       toy;
    const uuid      *caller;
};


static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    shape_clear(toy, &f->toy);
    *state = f;

    return 0;
}


static int
tear_down(void **state)
{
    struct fixture *f = *state;

    arena_reset(&f->arena);
    free(f);

    return 0;
}


static void
bind(struct fixture *f, const struct stmt *st, const struct arg *args)
{
    assert_int_equal(sql_bind(st, &f->toy, args, f->caller, &f->arena,
                              f->values, &f->call), 0);
}


/* --- whole statements ---------------------------------------------------- */


static void
scalars_and_members_are_found(void **state)
{
    static const struct param  params[] = {
        { .name = "title" }, { .name = "limit", .type = INT, .arg = 0 },
        { .name = "price_currency" }, { .name = "note" },
        { .name = "price_amount" },
    };
    static unsigned            slot = 7;
    const struct stmt          st = {
        .name = "toy", .text = "SELECT $1", .params = params, .n_params = 5,
        .in = toy, .slot = &slot,
    };
    struct fixture            *f = *state;
    int64_t                    limit = 21;
    const struct arg           args[] = { { INT, &limit } };
    char                       error[100];

    f->toy.title = "Top";
    f->toy.price = (struct money) { 995, "EUR" };
    assert_int_equal(sql_bind_check(&st, error, sizeof(error)), 0);
    bind(f, &st, args);

    assert_string_equal(f->call.name, "toy");
    assert_string_equal(f->call.text, "SELECT $1");
    assert_int_equal(f->call.slot, 7);
    assert_int_equal(f->call.n_values, 5);
    assert_ptr_equal(f->call.values, f->values);
    assert_string_equal(f->values[0], "Top");
    assert_string_equal(f->values[1], "21");
    assert_string_equal(f->values[2], "EUR");
    assert_null(f->values[3]);
    assert_string_equal(f->values[4], "995");
}


static void
a_column_is_a_member_or_half_of_one(void **state)
{
    static const struct {
        const char  *column, *member;
        unsigned     part;
    } rows[] = {
        { "title", "title", 0 }, { "price", "price", 0 },
        { "price_amount", "price", 1 }, { "price_currency", "price", 2 },
        { "title_amount", NULL, 0 }, { "_amount", NULL, 0 },
        { "nothing", NULL, 0 }, { "", NULL, 0 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned             part;
        const struct field  *m = sql_member(toy, rows[i].column,
                                            strlen(rows[i].column), &part);

        if (rows[i].member == NULL) {
            assert_null(m);
            continue;
        }
        assert_non_null(m);
        assert_string_equal(m->name, rows[i].member);
        assert_int_equal(part, rows[i].part);
    }
}


/* Who asks is no argument, and no member even where the shape has one. */
static void
the_caller_is_bound_by_the_runtime(void **state)
{
    static const struct param  params[] = {
        { .name = "caller", .type = UUID, .arg = ARG_CALLER },
        { .name = "title" },
    };
    static const struct piece  of_somebody[] = {
        { "SELECT \001\002::text", NULL },
        { " WHERE owner = \001\001", "caller" },
        { " WHERE public", "!caller" },
        { NULL, NULL },
    };
    static unsigned            slot = 8, piece_slot = 11;
    struct stmt                st = {
        .name = "own", .text = "SELECT $1, $2", .params = params,
        .n_params = 2, .in = toy, .slot = &slot, .by_caller = true,
    };
    struct fixture            *f = *state;
    const uuid                 id = { { 1, 2, 3 } };
    char                       error[100];

    assert_int_equal(sql_bind_check(&st, error, sizeof(error)), 0);
    bind(f, &st, NULL);
    assert_null(f->values[0]);
    f->caller = &id;
    f->toy.title = "Top";
    bind(f, &st, NULL);
    assert_string_equal(f->values[0], "01020300-0000-0000-0000-000000000000");
    assert_string_equal(f->values[1], "Top");

    st.text = NULL;
    st.pieces = of_somebody;
    st.slot = &piece_slot;
    assert_int_equal(sql_bind_check(&st, error, sizeof(error)), 0);
    bind(f, &st, NULL);
    assert_string_equal(f->call.text, "SELECT $1::text WHERE owner = $2");
    assert_string_equal(f->values[1], "01020300-0000-0000-0000-000000000000");
    f->caller = NULL;
    bind(f, &st, NULL);
    assert_string_equal(f->call.text, "SELECT $1::text WHERE public");
    assert_int_equal(f->call.n_values, 1);
}


/* --- pieces -------------------------------------------------------------- */

static const struct param  piece_params[] = {
    { .name = "title" }, { .name = "weight" },
    { .name = "limit", .type = INT, .arg = 1 },
};
static const struct piece  pieces[] = {
    { "SELECT 1 WHERE true", NULL },
    { " AND title = \001\001 OR \001\001 <> ''", "title !note" },
    { " AND weight > \001\002", "weight active" },
    { " AND tagged", "tags" },
    { " AND untagged", "!tags" },
    { " ORDER BY price", "sort=price" },
    { " LIMIT \001\003", NULL },
    { NULL, NULL },
};
static const char *const   piece_args[] = { "sort", "limit", NULL };
static unsigned            piece_slot;
static const struct stmt   piece_stmt = {
    .name = "pieces", .pieces = pieces, .arg_names = piece_args,
    .params = piece_params, .n_params = 3, .in = toy, .slot = &piece_slot,
};


static void
bind_pieces(struct fixture *f, const char *sort)
{
    static int64_t    limit = 5;
    const struct arg  args[] = { { TEXT, &sort }, { INT, &limit } };

    bind(f, &piece_stmt, args);
}


static void
pieces_are_chosen_and_numbered_anew(void **state)
{
    struct fixture  *f = *state;
    const char      *tags[] = { "red" };

    bind_pieces(f, NULL);
    assert_string_equal(f->call.text, "SELECT 1 WHERE true AND untagged "
                                      "LIMIT $1");
    assert_int_equal(f->call.n_values, 1);
    assert_string_equal(f->values[0], "5");

    f->toy.title = "Top";
    f->toy.weight = 3;
    f->toy.tags = (struct texts) { 1, tags };
    bind_pieces(f, "name");
    assert_string_equal(f->call.text, "SELECT 1 WHERE true AND title = $1 "
                                      "OR $1 <> '' AND tagged LIMIT $2");
    assert_string_equal(f->values[0], "Top");
    assert_string_equal(f->values[1], "5");

    f->toy.note = "given";
    f->toy.active = true;
    bind_pieces(f, "price");
    assert_string_equal(f->call.text, "SELECT 1 WHERE true AND weight > $1 "
                                      "AND tagged ORDER BY price LIMIT $2");
    assert_string_equal(f->values[0], "3");
}


static void
a_choice_is_prepared_once(void **state)
{
    struct fixture  *f = *state;
    struct db_call   first;

    bind_pieces(f, "price");
    first = f->call;
    f->toy.active = true;
    bind_pieces(f, "price");            /* active alone chooses nothing */
    assert_ptr_equal(f->call.text, first.text);
    assert_string_equal(f->call.name, first.name);
    assert_int_equal(f->call.slot, first.slot);

    f->toy.weight = 1;
    bind_pieces(f, "price");
    assert_string_not_equal(f->call.name, first.name);
    assert_int_not_equal(f->call.slot, first.slot);
}


static void
unknown_names_do_not_start(void **state)
{
    static const struct param  params[] = { { .name = "titel" } };
    static const struct piece  wrong[] = {
        { "SELECT 1", "title colour" }, { NULL, NULL },
    };
    struct stmt                st = { .name = "x", .params = params,
                                      .n_params = 1, .in = toy };
    char                       error[100];

    (void) state;
    assert_int_equal(sql_bind_check(&st, error, sizeof(error)), -1);
    assert_string_equal(error, "statement x: there is no argument or member "
                               "titel");
    st.n_params = 0;
    st.pieces = wrong;
    assert_int_equal(sql_bind_check(&st, error, sizeof(error)), -1);
    assert_string_equal(error, "statement x: there is no argument or member "
                               "colour");
    assert_int_equal(sql_bind_check(&piece_stmt, error, sizeof(error)), 0);
}


/* Last: it uses up what the process may prepare. */
static void
too_many_choices_are_sent_unprepared(void **state)
{
    static struct piece  many[9] = {
        { "a", "title" }, { "b", "note" }, { "c", "status" },
        { "d", "email" }, { "e", "weight" }, { "f", "delta" },
        { "g", "active" }, { "h", "tags" }, { NULL, NULL },
    };
    static unsigned      slot = 9;
    const struct stmt    st = { .name = "many", .pieces = many, .in = toy,
                                .slot = &slot };
    struct fixture      *f = *state;
    const char          *tag[] = { "x" };
    unsigned             prepared = 0, unprepared = 0;

    for (unsigned i = 0; i < 256; i++) {
        f->toy.title = i & 1 ? "t" : NULL;
        f->toy.note = i & 2 ? "n" : NULL;
        f->toy.status = i & 4 ? "s" : NULL;
        f->toy.email = i & 8 ? "e" : NULL;
        f->toy.weight = i & 16 ? 1 : INT_NONE;
        f->toy.delta = i & 32 ? 1 : INT_NONE;
        f->toy.active = i & 64;
        f->toy.tags = (struct texts) { i >> 7, tag };
        bind(f, &st, NULL);
        prepared += f->call.name != NULL;
        unprepared += f->call.name == NULL;
    }
    assert_in_range(prepared, 100, 128);
    assert_int_equal(prepared + unprepared, 256);
    assert_string_equal(f->call.text, "abcdefgh");
    assert_null(f->call.name);
    assert_int_equal(f->call.slot, 9);
}


int
core_sql_bind_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars_and_members_are_found,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_caller_is_bound_by_the_runtime,
                                        set_up, tear_down),
        cmocka_unit_test(a_column_is_a_member_or_half_of_one),
        cmocka_unit_test_setup_teardown(pieces_are_chosen_and_numbered_anew,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_choice_is_prepared_once, set_up,
                                        tear_down),
        cmocka_unit_test(unknown_names_do_not_start),
        cmocka_unit_test_setup_teardown(too_many_choices_are_sent_unprepared,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("core_sql_bind", tests, NULL, NULL);
}
