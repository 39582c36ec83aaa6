/*
 * openapi_test.c - the document of two routes made for it: what of their rows
 * is said, and what is not.
 */
#include "t/unit/core/check.h"

#include "core/openapi.h"
#include "t/unit/core/toy.h"

int core_openapi_tests(void);

static const struct problem broken_toy = { 409, "broken", "It is broken." };
static const struct problem *const problems[] = { &broken_toy, NULL };
static const char *const sorts[] = { "name", NULL };


static void
unused(struct request *rq)
{
    (void) rq;
}


static const struct route routes[] = {
    { GET, "/api/v1/toys", unused, PUBLIC, PAGED | BRIEF, .axes = BY_LOCALE,
      .view = toy, .sorts = sorts, .summary = "All \"toys\"" },
    { GET, "/api/v1/toys/:toy", unused, PUBLIC, MOVES, .view = toy },
    END_ROUTES
};

static const struct route admin_routes[] = {
    { PATCH, "/api/v1/toys/:toy", unused,
      MAY(products_write) | MAY(prices_write), TX | ONCE | IF_MATCH,
      .body = toy, .view = toy, .problems = problems },
    END_ROUTES
};

static const struct domain toys = {
    "toys", .routes = routes, .admin_routes = admin_routes,
};
static const struct domain *const all[] = { &toys, NULL };


/* How often the text stands in the document. */
static size_t
times(const struct buf *b, const char *text)
{
    const char *at = b->data, *end = b->data + b->len;
    size_t      n = 0;

    while ((at = memmem(at, (size_t) (end - at), text, strlen(text)))) {
        at++;
        n++;
    }

    return n;
}


static void
assert_times(const struct buf *b, size_t want, const char *text)
{
    if (times(b, text) != want)
        fail_msg("%zu times, not %zu: %s\nin %.*s", times(b, text), want,
                 text, (int) b->len, b->data);
}


static void
make(struct buf *b, struct arena *a)
{
    buf_init(b, a, 1024);
    openapi_make(b, all);
    assert_false(b->failed);
}


static void
test_openapi__says_what_the_rows_say(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    make(&b, &a);
    assert_times(&b, 1, "\"/api/v1/toys\":{\"get\":{\"operationId\":"
                        "\"get_toys\"");
    assert_times(&b, 1, "\"/api/v1/toys/{toy}\":{\"get\":{");
    assert_times(&b, 1, ",\"patch\":{\"operationId\":\"patch_toys_toy\"");
    assert_times(&b, 1, "\"summary\":\"All \\\"toys\\\"\"");
    assert_times(&b, 2, "\"security\":[]");
    assert_times(&b, 1, "\"security\":[{\"key\":[\"products.write\"]},"
                        "{\"key\":[\"prices.write\"]}]");
    assert_times(&b, 2, "{\"name\":\"toy\",\"in\":\"path\"");
    assert_times(&b, 1, "\"enum\":[\"name\"],\"default\":\"name\"");
    assert_times(&b, 1, "#/components/parameters/limit");
    assert_times(&b, 1, "#/components/parameters/if_match");
    assert_times(&b, 1, "#/components/parameters/idempotency_key");
    assert_times(&b, 0, "#/components/parameters/currency");
    arena_reset(&a);
}


static void
test_openapi__knows_the_problems_of_a_row(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    make(&b, &a);
    assert_times(&b, 1, "\"301\":");
    assert_times(&b, 2, "\"304\":");
    assert_times(&b, 1, "\"enum\":[\"broken\",\"request_in_progress\"]");
    assert_times(&b, 1, "\"401\":");
    assert_times(&b, 1, "\"428\":");
    assert_times(&b, 1, "\"bad_cursor\"");
    assert_times(&b, 2, "\"bad_path\"");
    assert_times(&b, 1, "\"unknown_locale\"");
    assert_times(&b, 0, "\"unknown_currency\"");
    assert_times(&b, 3, "\"default\":{\"$ref\":"
                        "\"#/components/responses/Host\"}");
    arena_reset(&a);
}


static void
test_openapi__has_each_shape_once(void **state)
{
    static const char *const names[] = {
        "\"Toy\":{\"type\"", "\"ToyBrief\":{\"type\"",
        "\"ToyPatch\":{\"type\"", "\"ToyPart\":{\"type\"",
        "\"Problem\":{\"type\"",
    };
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    make(&b, &a);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_times(&b, 1, names[i]);
    assert_times(&b, 0, "\"ToyInput\":{\"type\"");
    arena_reset(&a);
}


/* Another shape of the same name: which one would the schema be? */
static void
test_openapi__is_not_made_of_two_shapes_of_one_name(void **state)
{
    static const struct field other[] = {
        SHAPE(toy_part, "Toy"), FIELD(toy_part, sku, TEXT), END_SHAPE
    };
    static const struct route others[] = {
        { GET, "/api/v1/others", unused, PUBLIC, .view = other }, END_ROUTES
    };
    static const struct domain        more = { "more", .routes = others };
    static const struct domain *const both[] = { &toys, &more, NULL };
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    buf_init(&b, &a, 1024);
    openapi_make(&b, both);
    assert_true(b.failed);
    arena_reset(&a);
}


static void
test_openapi__is_the_same_each_time(void **state)
{
    struct arena  a = { 0 };
    struct buf    one, two;
    size_t        n, again;
    const char   *text;

    (void) state;
    make(&one, &a);
    make(&two, &a);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);

    text = openapi_document(&n);
    assert_non_null(text);
    assert_ptr_equal(openapi_document(&again), text);
    assert_int_equal(again, n);
    arena_reset(&a);
}


int
core_openapi_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi__says_what_the_rows_say),
        cmocka_unit_test(test_openapi__knows_the_problems_of_a_row),
        cmocka_unit_test(test_openapi__has_each_shape_once),
        cmocka_unit_test(test_openapi__is_not_made_of_two_shapes_of_one_name),
        cmocka_unit_test(test_openapi__is_the_same_each_time),
    };

    return cmocka_run_group_tests_name("core/openapi", tests, NULL, NULL);
}
