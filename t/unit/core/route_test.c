/*
 * route_test.c - tables of routes that do not start, and how paths are found.
 */
#include "check.h"

#include "core/route.h"

int core_route_tests(void);

struct thing { const char *name; };

static const struct field thing[] = {
    SHAPE(thing, "Thing"),
    FIELD(thing, name, TEXT),
    END_SHAPE
};

static const struct field bad_thing[] = {
    SHAPE(thing, "BadThing"),
    FIELD(thing, name, TEXT, .min = 5, .max = 2),
    END_SHAPE
};

static const char *const sorts[] = { "name", NULL };


static void
handler(struct request *rq)
{
    (void) rq;
}


/* One row that is well, and what each rule finds wrong with it. */
#define WELL(m, ...)                                                          \
    { .method = m, .path = "/things", .handler = handler, .may = PUBLIC,      \
      ##__VA_ARGS__ }


static void
assert_fault(const struct route *r, const char *sentence)
{
    char error[256] = "";

    if (route_check(r, error, sizeof(error)) != -1
        || strstr(error, sentence) == NULL)
        fail_msg("wanted \"%s\", got \"%s\"", sentence, error);
}


static void
test_route__starts_when_it_is_well(void **state)
{
    static const struct route well[] = {
        WELL(GET), WELL(GET, .flags = CACHED), WELL(GET, .query = thing),
        WELL(GET, .flags = PAGED, .sorts = sorts), WELL(GET, .flags = NO_DB),
        WELL(POST, .flags = TX), WELL(DELETE, .flags = TX | IF_MATCH),
        WELL(PATCH, .flags = TX | ONCE | IF_MATCH, .body = thing),
        { GET, "/things", handler, MAY(products_read) },
        { POST, "/things", handler, MAY(products_write) | MAY(prices_write),
          TX },
    };
    char error[256] = "";

    (void) state;
    for (size_t i = 0; i < COUNT(well); i++) {
        if (route_check(&well[i], error, sizeof(error)) != 0)
            fail_msg("row %zu: %s", i, error);
    }
}


static void
test_route__needs_a_policy_that_somebody_checks(void **state)
{
    static const struct route none = { GET, "/things", handler };
    static const struct route both = { GET, "/things", handler,
                                       PUBLIC | MAY(products_read) };

    (void) state;
    assert_fault(&none, "route GET /things: no policy");
    assert_fault(&both, "a scope that nothing checks");
}


static void
test_route__needs_a_handler_and_a_path(void **state)
{
    static const struct route no_handler = { GET, "/things", NULL, PUBLIC };
    static const struct route relative = { GET, "things", handler, PUBLIC };

    (void) state;
    assert_fault(&no_handler, "no handler");
    assert_fault(&relative, "no absolute path");
}


static void
test_route__refuses_flags_that_do_not_go_together(void **state)
{
    static const struct { struct route route; const char *sentence; } bad[] = {
        { WELL(GET, .flags = PAGED), "PAGED goes with sorts" },
        { WELL(GET, .sorts = sorts), "PAGED goes with sorts" },
        { WELL(GET, .flags = TX), "GET changes nothing" },
        { WELL(GET, .flags = TX | CACHED), "GET changes nothing" },
        { WELL(POST), "only GET is without TX" },
        { WELL(DELETE, .flags = NO_DB), "only GET is without TX" },
        { WELL(GET, .flags = ONCE), "ONCE and IF_MATCH go with TX" },
        { WELL(GET, .flags = IF_MATCH), "ONCE and IF_MATCH go with TX" },
        { WELL(GET, .flags = LANGUAGES), "LANGUAGES goes with TX" },
        { WELL(POST, .flags = TX | CACHED), "CACHED is for GET by everyone" },
        { WELL(GET, .flags = CACHED | NO_DB), "CACHED is for what is in" },
        { WELL(GET, .body = thing), "GET has no body" },
    };
    static const struct route scoped = { GET, "/things", handler,
                                         MAY(products_read), CACHED };

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_fault(&bad[i].route, bad[i].sentence);
    assert_fault(&scoped, "CACHED is for GET by everyone");
}


static void
test_route__checks_its_shapes(void **state)
{
    static const struct route bad[] = {
        WELL(POST, .flags = TX, .body = bad_thing),
        WELL(GET, .view = bad_thing), WELL(GET, .query = bad_thing),
    };

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_fault(&bad[i], "BadThing");
}


static struct match
find(enum method method, const char *path)
{
    char          error[256] = "";
    struct match  m;
    const struct routes *all = routes_get(error, sizeof(error));

    if (all == NULL)
        fail_msg("%s", error);
    route_find(all, method, (shop_str_t) { path, strlen(path) }, &m);

    return m;
}


static void
test_route__is_found_by_method_and_path(void **state)
{
    struct match m = find(GET, "/api/v1/products/a%2Fb");

    (void) state;
    assert_non_null(m.route);
    assert_string_equal(m.route->path, "/api/v1/products/:product");
    assert_int_equal(m.n_params, 1);
    assert_memory_equal(m.param[0].data, "a%2Fb", 5);

    m = find(DELETE, "/api/v1/store");
    assert_null(m.route);
    assert_int_equal(m.methods, 1u << GET);

    assert_null(find(GET, "/api/v1/products/").route);
    assert_int_equal(find(GET, "/api/v1/nothing").methods, 0);
    assert_null(find(GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13").route);
}


static void
test_method__is_known_by_its_name(void **state)
{
    (void) state;
    assert_int_equal(method_parse((shop_str_t) { "HEAD", 4 }), GET);
    assert_int_equal(method_parse((shop_str_t) { "PATCH", 5 }), PATCH);
    assert_int_equal(method_parse((shop_str_t) { "patch", 5 }), 0);
    assert_int_equal(method_parse((shop_str_t) { "TRACE", 5 }), 0);
    assert_string_equal(method_name(DELETE), "DELETE");
}


int
core_route_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_route__starts_when_it_is_well),
        cmocka_unit_test(test_route__needs_a_policy_that_somebody_checks),
        cmocka_unit_test(test_route__needs_a_handler_and_a_path),
        cmocka_unit_test(test_route__refuses_flags_that_do_not_go_together),
        cmocka_unit_test(test_route__checks_its_shapes),
        cmocka_unit_test(test_route__is_found_by_method_and_path),
        cmocka_unit_test(test_method__is_known_by_its_name),
    };

    return cmocka_run_group_tests_name("core/route", tests, NULL, NULL);
}
