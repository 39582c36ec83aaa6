/*
 * catalog_test.c - how a list of products is read: its order, its scope, and
 * what is left to be met on the way.
 */
#include "t/unit/core/check.h"

#include "catalog/catalog.h"

int catalog_catalog_tests(void);

static const struct context in_shop = {
    .channel_id = { { 1 } }, .channel = "default", .locale = "tr",
    .fallback = "en", .currency = "TRY",
};

static const struct product_filter nothing = {
    .price_min = INT_NONE, .price_max = INT_NONE,
};


static struct product_search
by(const char *sort, const struct product_filter *f)
{
    const struct page p = { .limit = 21, .sort = sort };

    return product_search_of(f, &in_shop, &p);
}


static void
test_search__has_the_order_of_its_sort(void **state)
{
    static const struct { const char *sort, *by; bool down; } cases[] = {
        { "position", "position", false }, { "newest", "newest", true },
        { "price", "prices", false },      { "-price", "prices", true },
        { "name", "titles", false },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct product_search s = by(cases[i].sort, &nothing);

        assert_string_equal(s.by, cases[i].by);
        assert_int_equal(s.down, cases[i].down);
        assert_string_equal(s.scope, "all");
        assert_string_equal(s.scope_key, "");
        assert_null(s.after_id);
        assert_int_equal(s.limit, 21);
    }
    assert_null(product_sorts[COUNT(cases)]);
}


static void
test_search__has_the_narrowest_filter_for_its_scope(void **state)
{
    struct product_filter  f = nothing;
    struct product_search  s;

    (void) state;
    f.vendor = "Kiln";
    s = by("newest", &f);
    assert_string_equal(s.scope, "vendor");
    assert_string_equal(s.scope_key, "Kiln");
    assert_null(s.and_vendor);

    f.tag = "clay";
    s = by("newest", &f);
    assert_string_equal(s.scope, "tag");
    assert_string_equal(s.scope_key, "clay");
    assert_null(s.and_tag);
    assert_string_equal(s.and_vendor, "Kiln");

    f.category = (uuid) { { 7 } };
    s = by("newest", &f);
    assert_memory_equal(&s.under, &f.category, sizeof(uuid));
    assert_string_equal(s.and_tag, "clay");
    assert_string_equal(s.and_vendor, "Kiln");
}


static void
test_search__reads_a_range_of_prices_where_it_can(void **state)
{
    struct product_filter  f = nothing;

    (void) state;
    assert_false(by("name", &f).and_price);
    f.price_max = 0;
    assert_true(by("name", &f).and_price);
    assert_true(by("position", &f).and_price);
    assert_false(by("price", &f).and_price);
    assert_int_equal(by("-price", &f).price_max, 0);
}


static void
test_search__goes_on_behind_both_keys(void **state)
{
    const char            *keys[] = { "V001", "an id" };
    struct page            p = { 21, "position", { 2, keys } };
    struct product_search  s;

    (void) state;
    s = product_search_of(&nothing, &in_shop, &p);
    assert_string_equal(s.after, "V001");
    assert_string_equal(s.after_id, "an id");

    /* A cursor with another number of keys is of no list of ours. */
    p.after.n = 1;
    assert_null(product_search_of(&nothing, &in_shop, &p).after);
}


int
catalog_catalog_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search__has_the_order_of_its_sort),
        cmocka_unit_test(test_search__has_the_narrowest_filter_for_its_scope),
        cmocka_unit_test(test_search__reads_a_range_of_prices_where_it_can),
        cmocka_unit_test(test_search__goes_on_behind_both_keys),
    };

    return cmocka_run_group_tests_name("catalog/catalog", tests, NULL, NULL);
}
