/*
 * store_test.c - which language and currency a request means, whatever way of
 * RFC 9110 it says so in.
 */
#include "t/unit/core/check.h"

#include <stdio.h>

#include "store/store.h"

int store_store_tests(void);

static const char *locales[] = { "en", "tr", "pt-BR" };
static const char *currencies[] = { "EUR", "TRY" };

static const struct store shop = {
    .locale = "en", .currency = "EUR", .locales = { 3, locales },
    .currencies = { 2, currencies },
};


static void
assert_accepted(const char *accept, const char *want)
{
    const char *got = store_locale(&shop, NULL, accept);

    if (strcmp(got, want) != 0)
        fail_msg("%s: got %s, want %s", accept, got, want);
}


static void
the_language_that_is_asked_for_is_spoken_or_none(void **state)
{
    (void) state;
    assert_string_equal(store_locale(&shop, "tr", NULL), "tr");
    assert_string_equal(store_locale(&shop, "TR", "en"), "tr");
    assert_string_equal(store_locale(&shop, "tr-TR", "en"), "tr");
    assert_string_equal(store_locale(&shop, "PT-br", NULL), "pt-BR");
    assert_null(store_locale(&shop, "pt", NULL));
    assert_null(store_locale(&shop, "trk", NULL));
    assert_null(store_locale(&shop, "", NULL));
    assert_string_equal(store_locale(&shop, NULL, NULL), "en");
}


static void
the_best_of_the_accepted_is_chosen(void **state)
{
    (void) state;
    assert_accepted("tr", "tr");
    assert_accepted("de, tr;q=0.5", "tr");
    assert_accepted("en;q=0.4,tr;q=0.5", "tr");
    assert_accepted("en;q=0.5,tr;q=0.5", "en");
    assert_accepted("tr;q=0.5, en", "en");
    assert_accepted("tr;q=0, en;q=0.001", "en");
    assert_accepted("fr, de", "en");
    assert_accepted("tr;q=0", "en");
    assert_accepted("*", "en");
    assert_accepted("", "en");
}


static void
blanks_and_letters_of_a_weight_are_as_one_likes(void **state)
{
    (void) state;
    assert_accepted("tr;q=0.9, en; q=0.1", "tr");
    assert_accepted("tr ; q=0.9 , en\t;\tq=0.1", "tr");
    assert_accepted("tr;q=0.9,en;Q=0.1", "tr");
    assert_accepted(" ,, tr", "tr");
}


static void
a_weight_that_is_none_accepts_nothing(void **state)
{
    static const char *const none[] = {
        "1.1", "-0.5", "2", "0.5x", "", "inf", "nan", "0x1", "1e0", "0,5",
        "0.1234", "+1", ".5",
    };
    char accept[40];

    (void) state;
    for (size_t i = 0; i < COUNT(none); i++) {
        snprintf(accept, sizeof(accept), "tr;q=%s", none[i]);
        assert_accepted(accept, "en");
    }
    assert_accepted("tr;q=1.", "tr");
    assert_accepted("tr;q=1.000", "tr");
    assert_accepted("en;q=0.122,tr;q=0.123", "tr");
}


static void
a_currency_is_taken_or_not(void **state)
{
    (void) state;
    assert_string_equal(store_currency(&shop, NULL), "EUR");
    assert_string_equal(store_currency(&shop, "TRY"), "TRY");
    assert_null(store_currency(&shop, "try"));
    assert_null(store_currency(&shop, "USD"));
}


int
store_store_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_language_that_is_asked_for_is_spoken_or_none),
        cmocka_unit_test(the_best_of_the_accepted_is_chosen),
        cmocka_unit_test(blanks_and_letters_of_a_weight_are_as_one_likes),
        cmocka_unit_test(a_weight_that_is_none_accepts_nothing),
        cmocka_unit_test(a_currency_is_taken_or_not),
    };

    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
