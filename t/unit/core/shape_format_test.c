/*
 * shape_format_test.c - the formats of texts.
 */
#include "check.h"

#include "core/shape_value.h"

int core_shape_format_tests(void);


static const struct {
    enum format  format;
    bool         ok;
    const char  *text;
} cases[] = {
    { PLAIN,    true,  "" },
    { HTML,     true,  "<b>" },
    { EMAIL,    true,  "a@b.co" },
    { EMAIL,    true,  "first.last+tag@sub.example.com" },
    { EMAIL,    true,  "ıı@örnek.com.tr" },
    { EMAIL,    false, "" },
    { EMAIL,    false, "@b.co" },
    { EMAIL,    false, "a@" },
    { EMAIL,    false, "a@b" },
    { EMAIL,    false, "a b@c.de" },
    { EMAIL,    false, ".a@b.co" },
    { EMAIL,    false, "a.@b.co" },
    { EMAIL,    false, "a..b@c.de" },
    { EMAIL,    false, "a@b..co" },
    { EMAIL,    false, "a@-b.co" },
    { EMAIL,    false, "a@b-.co" },
    { EMAIL,    false, "a@b.co-" },
    { EMAIL,    false, "a@b.co." },
    { EMAIL,    false, "a@b@c.de" },
    { EMAIL,    false, "a@b.c\nd" },
    { EMAIL,    false, "<a@b.co>" },
    { EMAIL,    false, "a,b@c.de" },
    { SLUG,     true,  "a" },
    { SLUG,     true,  "blue-shirt-2" },
    { SLUG,     false, "" },
    { SLUG,     false, "-a" },
    { SLUG,     false, "a-" },
    { SLUG,     false, "a--b" },
    { SLUG,     false, "Blue" },
    { SLUG,     false, "a_b" },
    { SLUG,     false, "ı" },
    { URL,      true,  "https://a.example/x?y=1#z" },
    { URL,      true,  "http://[::1]/" },
    { URL,      true,  "https://örnek.example/ş" },
    { URL,      true,  "/media/a.svg" },
    { URL,      true,  "/" },
    { URL,      false, "" },
    { URL,      false, "//evil.example/" },
    { URL,      false, "javascript:alert(1)" },
    { URL,      false, "HTTPS:x" },
    { URL,      false, "https://" },
    { URL,      false, "https:///x" },
    { URL,      false, "https://a b" },
    { URL,      false, "https://a/\"x" },
    { URL,      false, "/a\\b" },
    { URL,      false, "/a\nb" },
    { URL,      false, "media/a.svg" },
    { CURRENCY, true,  "TRY" },
    { CURRENCY, false, "try" },
    { CURRENCY, false, "TR" },
    { CURRENCY, false, "EURO" },
    { LOCALE,   true,  "en" },
    { LOCALE,   true,  "fil" },
    { LOCALE,   true,  "pt-BR" },
    { LOCALE,   true,  "es-419" },
    { LOCALE,   true,  "zh-Hant" },
    { LOCALE,   true,  "zh-Hant-TW" },
    { LOCALE,   false, "" },
    { LOCALE,   false, "e" },
    { LOCALE,   false, "EN" },
    { LOCALE,   false, "en_US" },
    { LOCALE,   false, "en-us" },
    { LOCALE,   false, "en-" },
    { LOCALE,   false, "english" },
    { LOCALE,   false, "en-US-x" },
    { HANDLE,   true,  "a.b_c-9" },
    { HANDLE,   false, "" },
    { HANDLE,   false, "A" },
    { HANDLE,   false, "a b" },
    { SKU,      true,  "AB 12/3" },
    { SKU,      true,  "ŞIK-1" },
    { SKU,      false, "" },
    { SKU,      false, " A" },
    { SKU,      false, "A " },
    { SKU,      false, "A\tB" },
    { SKU,      false, "A\xc2\xa0" "B" },
    { SKU,      false, "A\xe2\x80\x8b" "B" },
    { SKU,      false, "A\xe2\x80\xa8" "B" },
};


static void
test_format__accepts_and_refuses(void **state)
{
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t       n = strlen(cases[i].text);
        const char  *what = format_misses(cases[i].format,
                                          exact(&a, cases[i].text, n), n);

        if ((what == NULL) != cases[i].ok)
            fail_msg("%d %s", (int) cases[i].format, cases[i].text);
    }
    arena_reset(&a);
}


static void
test_format__bounds_the_parts_of_an_address(void **state)
{
    char  text[300];

    (void) state;
    memset(text, 'a', sizeof(text));
    memcpy(text + 64, "@b.co", 5);
    assert_null(format_misses(EMAIL, text, 69));
    memcpy(text + 64, "a@b.co", 6);
    assert_non_null(format_misses(EMAIL, text, 70));
    memset(text, 'a', sizeof(text));
    memcpy(text, "x@", 2);
    memcpy(text + 66, ".co", 3);
    assert_non_null(format_misses(EMAIL, text, 69));
    memcpy(text + 65, ".co", 3);
    assert_null(format_misses(EMAIL, text, 68));
}


int
core_shape_format_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format__accepts_and_refuses),
        cmocka_unit_test(test_format__bounds_the_parts_of_an_address),
    };

    return cmocka_run_group_tests_name("core/shape_format", tests, NULL,
                                       NULL);
}
