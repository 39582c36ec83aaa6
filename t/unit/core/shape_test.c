/*
 * shape_test.c - unsound shapes, JSON out, and values from a query.
 */
#include "check.h"

#include "toy.h"

int core_shape_tests(void);

struct odd {
    int64_t       n;
    bool          yes;
    const char   *text;
    struct list   list;
    uuid          id;
    void         *self;
};

#define HEAD   SHAPE(odd, "Odd")
#define BAD(...)  { HEAD, __VA_ARGS__, END_SHAPE }

static const struct field odd_tree[] = {
    HEAD,
    FIELD(odd, n,    INT),
    FIELD(odd, self, OBJECT, .of = odd_tree),
    END_SHAPE
};

static const struct field headless[] = { FIELD(odd, n, INT), END_SHAPE };


static void
test_check__accepts_what_works(void **state)
{
    char  error[160] = "untouched";

    (void) state;
    assert_int_equal(shape_check(toy, error, sizeof(error)), 0);
    assert_int_equal(shape_check(odd_tree, error, sizeof(error)), 0);
    assert_string_equal(error, "untouched");
}


static void
test_check__refuses_what_cannot_work(void **state)
{
    static const struct { struct field shape[5]; const char *error; }
    cases[] = {
        { { FIELD(odd, n, INT), END_SHAPE },
          "shape n: does not begin with SHAPE()" },
        { BAD(FIELD(odd, n, INT), FIELD(odd, n, INT)),
          "shape Odd.n: is there twice" },
        { BAD(FIELD(odd, n, INT), { .name = "m", .type = INT, .at = 4 }),
          "shape Odd.m: overlaps another member" },
        { BAD({ .name = "m", .type = INT, .at = sizeof(struct odd) - 4 }),
          "shape Odd.m: lies outside the struct" },
        { BAD({ .name = "Na me", .type = INT }),
          "shape Odd.Na me: a name is a-z, 0-9 and _, at most 63 of them" },
        { BAD({ .name = NULL, .type = INT }),
          "shape Odd.?: a name is a-z, 0-9 and _, at most 63 of them" },
        { BAD({ .name = "m", .type = HEAD_OF_SHAPE }),
          "shape Odd.m: has no type of a member" },
        { BAD(FIELD(odd, text, TEXT, .min = 501)),
          "shape Odd.text: min is above max" },
        { BAD(FIELD(odd, text, TEXT, .min = -1)),
          "shape Odd.text: a length is not negative" },
        { BAD(FIELD(odd, n, INT, .max = INT64_MAX)),
          "shape Odd.n: bounds beyond 2^53 - 1" },
        { BAD(FIELD(odd, yes, BOOL, .max = 1)),
          "shape Odd.yes: its type knows no bounds" },
        { BAD(FIELD(odd, yes, BOOL, .nullable = true)),
          "shape Odd.yes: a BOOL has no none, so it cannot be null" },
        { BAD(FIELD(odd, n, INT, .format = EMAIL)),
          "shape Odd.n: format and one_of are for texts" },
        { BAD(FIELD(odd, text, TEXT, .item_max = 5)),
          "shape Odd.text: item_max is a length, and for TEXTS" },
        { BAD(FIELD(odd, text, TEXT, .prefix = "x")),
          "shape Odd.text: a prefix is a name, and for ids" },
        { BAD(FIELD(odd, id, UUID, .prefix = "")),
          "shape Odd.id: a prefix is a name, and for ids" },
        { BAD(FIELD(odd, list, LIST)),
          "shape Odd.list: has no .of" },
        { BAD(FIELD(odd, n, INT, .of = odd_tree)),
          "shape Odd.n: only LIST and OBJECT have .of" },
        { BAD(FIELD(odd, list, LIST, .of = headless)),
          "shape n: does not begin with SHAPE()" },
        { BAD(FIELD(odd, n, INT, .hidden = true, .internal = true)),
          "shape Odd.n: hidden and internal exclude each other" },
    };
    char  error[160];

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(shape_check(cases[i].shape, error, sizeof(error)),
                         -1);
        assert_string_equal(error, cases[i].error);
    }
}


static void
test_find__wants_the_whole_name(void **state)
{
    (void) state;
    assert_ptr_equal(shape_find(toy, "title", 5), &toy[2]);
    assert_null(shape_find(toy, "titl", 4));
    assert_null(shape_find(toy, "titles", 6));
    assert_null(shape_find(toy, "Toy", 3));
    assert_null(shape_find(toy, "", 0));
    assert_ptr_equal(shape_find(toy, "tags[]", 4), &toy[12]);
}


static void
test_json__shows_everything_but_what_is_hidden(void **state)
{
    struct toy_part  parts[] = { { "a\"b", 1, { 5, "EUR" } }, { NULL, 2,
                                                                 { 0, "" } } };
    const char      *tags[] = { "x", "y" };
    uuid             ids[1];
    struct toy       t;
    struct arena     a = { 0 };
    struct buf       b;

    (void) state;
    shape_clear(toy, &t);
    t.title = "T";
    t.weight = -3;
    t.active = true;
    t.since.us = 0;
    t.price = (struct money) { 12, "TRY" };
    t.extra.text = "{\"k\":1}";
    t.tags = (struct texts) { 2, tags };
    memset(ids, 0xff, sizeof(ids));
    t.groups = (struct uuids) { 1, ids };
    t.parts = (struct list) { 2, parts };
    t.secret = 42;
    t.version = 9;
    buf_init(&b, &a, 0);
    shape_to_json(&b, toy, &t, false);
    assert_buf(&b, "{\"id\":null,\"title\":\"T\",\"note\":null,"
        "\"status\":null,\"email\":null,\"weight\":-3,\"delta\":null,"
        "\"active\":true,\"since\":\"1970-01-01T00:00:00.000000Z\","
        "\"price\":{\"amount\":12,\"currency\":\"TRY\"},"
        "\"extra\":{\"k\":1},\"tags\":[\"x\",\"y\"],"
        "\"groups\":[\"grp_7zzzzzzzzzzzzzzzzzzzzzzzzz\"],"
        "\"parts\":[{\"sku\":\"a\\\"b\",\"quantity\":1,"
        "\"price\":{\"amount\":5,\"currency\":\"EUR\"}},"
        "{\"sku\":null,\"quantity\":2,\"price\":null}],"
        "\"main\":null,\"bare\":null,\"version\":9}");
    arena_reset(&a);
}


static void
test_json__leaves_out_what_is_not_for_lists(void **state)
{
    struct toy_part  part = { "S", INT_NONE, { 0, "" } };
    struct toy       t;
    struct arena     a = { 0 };
    struct buf       b;

    (void) state;
    shape_clear(toy, &t);
    t.main = &part;
    buf_init(&b, &a, 0);
    shape_to_json(&b, toy, &t, true);
    assert_buf(&b, "{\"id\":null,\"title\":null,\"note\":null,"
        "\"status\":null,\"email\":null,\"weight\":null,\"delta\":null,"
        "\"active\":false,\"since\":null,\"price\":null,\"extra\":null,"
        "\"tags\":[],\"groups\":[],\"parts\":[],"
        "\"main\":{\"sku\":\"S\",\"quantity\":null},\"version\":null}");
    arena_reset(&a);
}


/* In the order of the shape, whatever that of the names. */
static void
test_json__shows_some_members(void **state)
{
    static const char *const  none[] = {
        "", ",", "title,", ",title", "title,,id", "nothing", "Title", "titl",
        "titles", "secret", "title,secret", "main.sku",
    };
    struct toy_part  part = { "S", INT_NONE, { 0, "" } };
    struct toy       t;
    struct arena     a = { 0 };
    struct buf       b;
    uint64_t         some = shape_some(toy, "version,main,title", false);

    (void) state;
    shape_clear(toy, &t);
    t.main = &part;
    buf_init(&b, &a, 0);
    shape_some_to_json(&b, toy, &t, true, some);
    assert_buf(&b, "{\"title\":null,\"main\":{\"sku\":\"S\","
        "\"quantity\":null},\"version\":null}");
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(shape_some(toy, none[i], false), 0);
    assert_int_not_equal(shape_some(toy, "bare", false), 0);
    assert_int_equal(shape_some(toy, "bare", true), 0);
    arena_reset(&a);
}


static void
test_query__reads_or_names_the_parameter(void **state)
{
    static const struct { const char *name, *value, *code; int status; }
    cases[] = {
        { "title",   "shirt",     NULL,             0 },
        { "title",   "",          "empty",          422 },
        { "title",   "x\xff",     "invalid_unicode", 400 },
        { "title",   "a\x01",     "control_character", 422 },
        { "weight",  "12",        NULL,             0 },
        { "weight",  "1000000000000000000000", "out_of_range", 422 },
        { "weight",  "abc",       "not_an_integer", 400 },
        { "weight",  "",          "not_an_integer", 400 },
        { "delta",   "-11",       "out_of_range",   422 },
        { "active",  "true",      NULL,             0 },
        { "active",  "1",         "not_a_boolean",  400 },
        { "status",  "gone",      "not_one_of",     422 },
        { "since",   "2026-07-27T10:00:00Z", NULL,  0 },
        { "since",   "2026",      "not_a_time",     400 },
        { "id",      "toy_01h455vb4pex5vsknk084sn02q", NULL, 0 },
        { "id",      "prod_01h455vb4pex5vsknk084sn02q", "wrong_prefix", 400 },
        { "id",      "7",         "not_an_id",      400 },
        { "tags",    "a,b",       NULL,             0 },
        { "tags",    "a,,b",      "empty",          422 },
        { "tags",    "a,b,c,d",   "too_many_items", 422 },
        { "groups",  "grp_01h455vb4pex5vsknk084sn02q,x", "not_an_id", 400 },
        { "price",   "5",         "unknown",        422 },
        { "secret",  "5",         "unknown",        422 },
        { "version", "5",         "unknown",        422 },
        { "nothing", "5",         "unknown",        422 },
    };
    struct toy     t;
    struct arena   a = { 0 };
    struct faults  f;

    (void) state;
    shape_clear(toy, &t);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n = strlen(cases[i].value);
        int     rc;

        memset(&f, 0, sizeof(f));
        rc = shape_from_query(toy, &t, cases[i].name,
                              exact(&a, cases[i].value, n), n, &a, &f);
        assert_int_equal(rc, cases[i].code != NULL);
        assert_int_equal(f.status, cases[i].status);
        if (cases[i].code != NULL) {
            assert_string_equal(f.v[0].code, cases[i].code);
            assert_string_equal(f.v[0].parameter, cases[i].name);
            assert_null(f.v[0].pointer);
        }
    }
    assert_string_equal(t.title, "shirt");
    assert_int_equal(t.weight, 12);
    assert_true(t.active);
    assert_int_equal(t.tags.n, 2);
    assert_string_equal(t.tags.v[1], "b");
    arena_reset(&a);
}


/* The name stands in the answer: short, and UTF-8. */
static void
test_query__shows_little_of_an_unknown_name(void **state)
{
    struct toy     t;
    struct arena   a = { 0 };
    struct faults  f = { 0 };
    char           name[300];

    (void) state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name + 63, "\xc4\xb1", 2);
    shape_from_query(toy, &t, name, "1", 1, &a, &f);
    assert_int_equal(strlen(f.v[0].parameter), 63);
    shape_from_query(toy, &t, "\xff", "1", 1, &a, &f);
    assert_string_equal(f.v[1].parameter, "");
    arena_reset(&a);
}


int
core_shape_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check__accepts_what_works),
        cmocka_unit_test(test_check__refuses_what_cannot_work),
        cmocka_unit_test(test_find__wants_the_whole_name),
        cmocka_unit_test(test_json__shows_everything_but_what_is_hidden),
        cmocka_unit_test(test_json__leaves_out_what_is_not_for_lists),
        cmocka_unit_test(test_json__shows_some_members),
        cmocka_unit_test(test_query__reads_or_names_the_parameter),
        cmocka_unit_test(test_query__shows_little_of_an_unknown_name),
    };

    return cmocka_run_group_tests_name("core/shape", tests, NULL, NULL);
}
