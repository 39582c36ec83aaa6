/*
 * json_letters_test.c - escaped letters become letters, nothing else does, and
 * each byte knows where it came from.
 */
#include "check.h"

#include "core/env.h"
#include "core/json_read.h"

int core_json_letters_tests(void);


/* What yajl is given of a string with this in it. */
static void
assert_plain(const char *in, const char *want)
{
    struct arena       arena = { 0 };
    struct json_plain  plain;
    struct json_error  error;
    struct buf         text, whole;

    buf_init(&text, &arena, 64);
    buf_init(&whole, &arena, 64);
    buf_format(&text, "[\"%s\"]", in);
    buf_format(&whole, "[\"%s\"]", want);
    assert_int_equal(json_scan(&arena, exact(&arena, text.data, text.len),
                               text.len, &plain, &error), 0);
    if (plain.n != whole.len || memcmp(plain.text, whole.data, plain.n) != 0)
        fail_msg("%s\ngot  %.*s\nwant %s", in, (int) plain.n, plain.text,
                 want);
    arena_reset(&arena);
}


static void
test_letters__are_themselves(void **state)
{
    (void) state;
    assert_plain("\\u00e9", "\xc3\xa9");
    assert_plain("\\u0020\\u003c\\u007e", " <~");
    assert_plain("\\u0080\\u07ff", "\xc2\x80\xdf\xbf");
    assert_plain("a\\u20acb\\uFFFD", "a\xe2\x82\xac" "b\xef\xbf\xbd");
    assert_plain("\\ud83d\\uDED2!", "\xf0\x9f\x9b\x92!");
    assert_plain("\\udbff\\udfff", "\xf4\x8f\xbf\xbf");
    assert_plain("\xc3\xa9\\u00E9", "\xc3\xa9\xc3\xa9");
    assert_plain("\\\\\\u00e9", "\xff\xc3\xa9");
}


/* Those that no text of ours may have stay what they are. */
static void
test_letters__stay_where_json_wants_it(void **state)
{
    static const char *const  same[] = {
        "", "abc", "\\q", "\\u0001", "\\u000b", "\\u001f",
    };

    (void) state;
    for (size_t i = 0; i < COUNT(same); i++)
        assert_plain(same[i], same[i]);
}


/* Where JSON wants an escape a byte stands for the letter until yajl is done;
 * a backslash that is one escapes nothing. */
static void
test_letters__have_stand_ins(void **state)
{
    char  text[] = "\xfe\xff\xf8\xfc\xfa\xfd\xf9 12345678 \xc5\x9f\xfe "
                   "abcdefghijklmnopqrstuvwxyz\xff";

    (void) state;
    assert_plain("\\\"\\\\\\/\\b\\f\\n\\r\\t",
                 "\xfe\xff/\xf8\xfc\xfa\xfd\xf9");
    assert_plain("\\u0022\\u005c\\u005C\\u000a\\u0009",
                 "\xfe\xff\xff\xfa\xf9");
    assert_plain("\\n.\\n..\\\"abcdefghijk\\n",
                 "\xfa.\xfa..\xfe" "abcdefghijk\xfa");
    assert_plain("\\n\xc3\xa9\\n\\u00e9\\n", "\xfa\xc3\xa9\xfa\xc3\xa9\xfa");
    assert_plain("\\\\u00e9", "\xffu00e9");
    assert_plain("\\\\\\\\u00e9", "\xff\xffu00e9");
    json_stand_down(text, strlen(text));
    assert_string_equal(text, "\"\\\b\f\n\r\t 12345678 \xc5\x9f\" "
                              "abcdefghijklmnopqrstuvwxyz\\");
}


/* What lacks digits must not be given them by the escapes behind it. */
static void
test_letters__do_not_finish_what_is_none(void **state)
{
    static const char *const  bad[] = {
        "[\"\\u004\\u0041\"]", "[\"\\u00\\u0034\\u0031\"]",
        "[\"\\u\\u0030\\u0030\\u0034\\u0031\"]", "[\"\\u12\\u00e9\"]",
        "[\"\\u\"]", "[\"\\u12\"]", "[\"\\u12g4\"]",
    };
    struct arena       arena = { 0 };
    struct json_plain  plain;
    struct json_error  error;

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t  n = strlen(bad[i]);

        if (json_scan(&arena, exact(&arena, bad[i], n), n, &plain, &error)
            == 0)
            fail_msg("%s is taken", bad[i]);
        assert_string_equal(error.code, "json_syntax");
        assert_int_equal(error.at, 2);
    }
    arena_reset(&arena);
}


/* There a backslash is wrong, and must not turn into what is right. */
static void
test_letters__are_none_outside_of_strings(void **state)
{
    static const char  text[] = "{\"\\u00e9\":\\u0031,\"\\u00e9\":1}";
    static const char  want[] = "{\"\xc3\xa9\":\\u0031,\"\xc3\xa9\":1}";
    struct arena       arena = { 0 };
    struct json_plain  plain;
    struct json_error  error;

    (void) state;
    assert_int_equal(json_scan(&arena, text, strlen(text), &plain, &error), 0);
    assert_int_equal(plain.n, strlen(want));
    assert_memory_equal(plain.text, want, plain.n);
    arena_reset(&arena);
}


/* Of each byte of what is made: where it stood, or the escape it is of. */
static void
test_origin__is_where_a_byte_stood(void **state)
{
    static const char    text[] = "\"a\\u00e9\\n\\ud83d\\uded2\\\\z\"";
    static const size_t  from[] = { 0, 1, 2, 2, 8, 10, 10, 10, 10, 22, 24,
                                    25 };
    struct arena         arena = { 0 };
    struct json_plain    plain;
    struct json_error    error;
    size_t               n = strlen(text);

    (void) state;
    assert_int_equal(json_scan(&arena, text, n, &plain, &error), 0);
    assert_int_equal(plain.n, COUNT(from));
    for (unsigned marks = plain.marks; marks <= plain.marks; marks--) {
        plain.marks = marks;            /* the same with fewer of them */
        for (size_t i = 0; i < COUNT(from); i++)
            assert_int_equal(json_origin(&plain, text, n, i), from[i]);
        assert_int_equal(json_origin(&plain, text, n, COUNT(from)), n);
        assert_int_equal(json_origin(&plain, text, n, 1000), n);
    }
    arena_reset(&arena);
}


/* More letters than there are marks. */
static void
test_origin__is_found_in_long_texts(void **state)
{
    struct arena       arena = { 0 };
    struct json_plain  plain;
    struct json_error  error;
    char               text[6 * 1001 + 2] = "\"\\u0001";

    (void) state;
    for (size_t i = 1; i <= 1000; i++)
        memcpy(text + 1 + 6 * i, "\\u00e9", 6);
    text[sizeof(text) - 1] = '"';
    assert_int_equal(json_scan(&arena, text, sizeof(text), &plain, &error),
                     0);
    assert_int_equal(plain.n, 2008);
    assert_int_equal(plain.cuts, 0);
    assert_int_equal(plain.marks, JSON_MARKS);
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(json_origin(&plain, text, sizeof(text), 7 + i),
                         7 + 6 * (i / 2));
    assert_int_equal(json_origin(&plain, text, sizeof(text), 2007), 6007);
    arena_reset(&arena);
}


/* The same of escapes with letters between them. */
static void
test_origin__is_found_in_rows(void **state)
{
    struct arena       arena = { 0 };
    struct json_plain  plain;
    struct json_error  error;
    char               text[3 * 1002 + 2] = "\"\\u0001";

    (void) state;
    for (size_t i = 2; i < 1002; i++)
        memcpy(text + 1 + 3 * i, "\\n.", 3);
    text[sizeof(text) - 1] = '"';
    assert_int_equal(json_scan(&arena, text, sizeof(text), &plain, &error),
                     0);
    assert_int_equal(plain.n, 2008);
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(json_origin(&plain, text, sizeof(text), 7 + i),
                         7 + 3 * (i / 2) + 2 * (i % 2));
    arena_reset(&arena);
}


static void
test_letter__is_one_of_four_kinds(void **state)
{
    size_t  len;

    (void) state;
    assert_int_equal(json_letter("\\u0041", 6, &len), 'A');
    assert_int_equal(len, 6);
    assert_int_equal(json_letter("\\u0041", 5, &len), JSON_NO_LETTER);
    assert_int_equal(len, 2);
    assert_int_equal(json_letter("\\ud800\\udc00", 12, &len), 0x10000);
    assert_int_equal(len, 12);
    assert_int_equal(json_letter("\\ud800\\udc00", 11, &len),
                     JSON_HALF_LETTER);
    assert_int_equal(json_letter("\\udc00\\ud800", 12, &len),
                     JSON_HALF_LETTER);
}


/* Whatever the place is in its words of eight bytes, and in its letters. */
static void
test_columns__are_counted_in_characters(void **state)
{
    static const char  text[] = "a\n\xc5\x9f" "bc\xf0\x9f\xa5\x9a\xe2\x82\xac"
                                "def\xc3\xa9ghijklmn\xc5\x9f\xc5\x9f\xc5\x9f"
                                "\xf0\x9f\xa5\x9a\xf0\x9f\xa5\x9aop";
    struct arena       arena = { 0 };

    (void) state;
    for (size_t at = 2, column = 1; at < strlen(text); at++) {
        struct json_error  error = { "json_syntax", "why", at };
        struct buf         want;

        buf_init(&want, &arena, 64);
        buf_format(&want, "Line 2, column %zu (byte %zu): why.", column, at);
        buf_char(&want, '\0');
        assert_string_equal(json_error_text(&arena, text, strlen(text),
                                            &error), want.data);
        column += (text[at] & 0xc0) != 0x80;
    }
    arena_reset(&arena);
}


int
core_json_letters_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters__are_themselves),
        cmocka_unit_test(test_letters__stay_where_json_wants_it),
        cmocka_unit_test(test_letters__have_stand_ins),
        cmocka_unit_test(test_letters__do_not_finish_what_is_none),
        cmocka_unit_test(test_columns__are_counted_in_characters),
        cmocka_unit_test(test_letters__are_none_outside_of_strings),
        cmocka_unit_test(test_origin__is_where_a_byte_stood),
        cmocka_unit_test(test_origin__is_found_in_long_texts),
        cmocka_unit_test(test_origin__is_found_in_rows),
        cmocka_unit_test(test_letter__is_one_of_four_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
