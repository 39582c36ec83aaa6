/*
 * utf8_test.c - what is UTF-8, and its normal form.
 */
#include "check.h"

#include "core/text.h"

int core_utf8_tests(void);


static void
test_utf8__counts_characters_and_refuses_the_rest(void **state)
{
    static const struct { const char *text; size_t n; ssize_t length; }
    cases[] = {
#define T(s, len)  { s, sizeof(s) - 1, len }
        T("", 0),
        T("abc", 3),
        T("abcdefghijklmnop", 16),
        T("ışık", 4),
        T("abcdefgh\xc4\xb1jklmnopq", 17),
        T("\xe2\x82\xac", 1),
        T("\xf0\x9f\x9b\x92", 1),
        T("\xed\x9f\xbf", 1),
        T("\xee\x80\x80", 1),
        T("\xf4\x8f\xbf\xbf", 1),
        T("a\0b", -1),
        T("abcdefgh\0bcdefgh", -1),
        T("\x80", -1),
        T("\xc0\x80", -1),
        T("\xc1\xbf", -1),
        T("\xe0\x80\x80", -1),
        T("\xe0\x9f\xbf", -1),
        T("\xed\xa0\x80", -1),
        T("\xed\xbf\xbf", -1),
        T("\xf0\x80\x80\x80", -1),
        T("\xf0\x8f\xbf\xbf", -1),
        T("\xf4\x90\x80\x80", -1),
        T("\xf5\x80\x80\x80", -1),
        T("\xff", -1),
        T("\xc4", -1),
        T("\xe2\x82", -1),
        T("\xf0\x9f\x9b", -1),
        T("\xc4" "a", -1),
        T("\xe2\x82" "a", -1),
        T("abcdefghijk\xc4", -1),
#undef T
    };
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ssize_t  got = utf8_length(exact(&a, cases[i].text, cases[i].n),
                                   cases[i].n);

        if (got != cases[i].length)
            fail_msg("case %zu: %zd", i, got);
    }
    arena_reset(&a);
}


/* All code points, encoded by hand, and all pairs of bytes. */
static void
test_utf8__accepts_exactly_the_code_points(void **state)
{
    unsigned  accepted = 0;

    (void) state;
    for (unsigned c = 0x10000; c < 0x110000; c += 0x101) {
        const char  text[4] = {
            (char) (0xf0 | c >> 18), (char) (0x80 | (c >> 12 & 63)),
            (char) (0x80 | (c >> 6 & 63)), (char) (0x80 | (c & 63)),
        };

        assert_int_equal(utf8_length(text, 4), 1);
    }
    for (unsigned c = 0x800; c < 0x10000; c++) {
        const char  text[3] = {
            (char) (0xe0 | c >> 12), (char) (0x80 | (c >> 6 & 63)),
            (char) (0x80 | (c & 63)),
        };

        assert_int_equal(utf8_length(text, 3),
                         c >= 0xd800 && c <= 0xdfff ? -1 : 1);
    }
    for (unsigned c = 0; c < 0x10000; c++) {
        const char  text[2] = { (char) (c >> 8), (char) c };

        accepted += utf8_length(text, 2) == 1;
    }
    assert_int_equal(accepted, 0x800 - 0x80);
}


static void
test_nfc__composes_and_leaves_what_is_normal(void **state)
{
    static const struct { const char *in, *out; } cases[] = {
        { "e\xcc\x81",              "\xc3\xa9" },
        { "s\xcc\xa7 I\xcc\x87",    "\xc5\x9f \xc4\xb0" },
        { "\xe2\x84\xab",           "\xc3\x85" },
        { "a\xcc\x95\xcc\x80\xd6\xae\xcc\x80" "b",
          "\xc3\xa0\xd6\xae\xcc\x80\xcc\x95" "b" },
        { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c" },
    };
    static const char  normal[] = "Çağlayan \xe2\x82\xac";
    struct arena       a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(text_nfc(&a, cases[i].in, strlen(cases[i].in)),
                            cases[i].out);
    }
    assert_string_equal(text_nfc(&a, normal, sizeof(normal) - 1), normal);
    assert_ptr_equal(text_nfc(&a, "ş", 2), "ş");
    arena_reset(&a);
}


/* Alternating classes are the worst case of ordering: with the bound they
 * are refused in one pass, without it they cost the square of their number. */
static void
test_nfc__leaves_endless_marks_alone(void **state)
{
    enum          { PAIRS = 100000 };
    struct arena  a = { 0 };
    char         *text = arena_alloc(&a, PAIRS * 4 + 1);

    (void) state;
    text[0] = 'a';
    for (size_t i = 0; i < PAIRS; i++)
        memcpy(text + 1 + 4 * i, "\xcc\x95\xcc\x80", 4);
    assert_false(utf8_stream_safe(text, PAIRS * 4 + 1));
    assert_ptr_equal(text_nfc(&a, text, PAIRS * 4 + 1), text);
    assert_true(utf8_stream_safe(text, 1 + 4 * 15));
    assert_false(utf8_stream_safe(text, 1 + 4 * 15 + 2));
    arena_reset(&a);
}


int
core_utf8_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__counts_characters_and_refuses_the_rest),
        cmocka_unit_test(test_utf8__accepts_exactly_the_code_points),
        cmocka_unit_test(test_nfc__composes_and_leaves_what_is_normal),
        cmocka_unit_test(test_nfc__leaves_endless_marks_alone),
    };

    return cmocka_run_group_tests_name("core/utf8", tests, NULL, NULL);
}
