/*
 * wording_test.c - how the texts of a patch are laid over those that are there:
 * only HTML that was sent replaces HTML, each in its language.
 */
#include "core/request.h"
#include "core/worker.h"
#undef COUNT
#include "t/unit/core/check.h"

#include "catalog/catalog_admin.h"

int catalog_wording_tests(void);


static struct list
list_of(struct wording *w, size_t n)
{
    return (struct list) { .n = n, .v = w };
}


static void
html_that_was_sent_replaces_what_was_there(void **state)
{
    struct wording from = { .description = "new" };
    struct wording to = { .description = "old", .title = "kept" };
    struct list    none = { 0 };

    (void) state;
    wordings_lay(&from, &none, &to, &none);
    assert_string_equal(to.description, "new");
    assert_string_equal(to.title, "kept");

    from.description = NULL;
    wordings_lay(&from, &none, &to, &none);
    assert_string_equal(to.description, "new");
}


static void
each_language_gets_its_own(void **state)
{
    struct wording from[] = { { .locale = "tr", .description = "yeni" },
                              { .locale = "de", .description = "neu" } };
    struct wording to[] = { { .locale = "de", .description = "alt" },
                            { .locale = "tr", .description = "eski" } };
    struct wording text = { 0 };
    struct list    sent = list_of(from, 2), there = list_of(to, 2);

    (void) state;
    wordings_lay(&text, &sent, &text, &there);
    assert_string_equal(to[0].description, "neu");
    assert_string_equal(to[1].description, "yeni");
}


static void
a_language_without_html_keeps_what_it_has(void **state)
{
    struct wording from[] = { { .locale = "tr" },
                              { .locale = "fr", .description = "neuf" } };
    struct wording to[] = { { .locale = "tr", .description = "eski" } };
    struct wording text = { 0 };
    struct list    sent = list_of(from, 2), there = list_of(to, 1);

    (void) state;
    wordings_lay(&text, &sent, &text, &there);
    assert_string_equal(to[0].description, "eski");
}


int
catalog_wording_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_that_was_sent_replaces_what_was_there),
        cmocka_unit_test(each_language_gets_its_own),
        cmocka_unit_test(a_language_without_html_keeps_what_it_has),
    };

    return cmocka_run_group_tests_name("catalog/wording", tests, NULL, NULL);
}
