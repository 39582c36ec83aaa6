/*
 * text_test.c - slugs, percent-encoding, base64url, integers, arrays.
 */
#include "check.h"

#include "core/text.h"

int core_text_tests(void);

#define T(s)  s, sizeof(s) - 1


static void
test_slug__maps_letters_and_joins_words(void **state)
{
    static const struct { const char *in; size_t max; const char *out; }
    cases[] = {
        { "Blue Shirt",               100, "blue-shirt" },
        { "IŞIK Çağlayan İĞÜ",        100, "isik-caglayan-igu" },
        { "ığdır şöför",              100, "igdir-sofor" },
        { "Straße GROẞ",              100, "strasse-gross" },
        { "Müller & Söhne",           100, "muller-sohne" },
        { "Łódź Ærø þing Œuvre",      100, "lodz-aero-thing-oeuvre" },
        { "e\xcc\x81" "clair",        100, "eclair" },
        { "ﬁne ½ ²",                  100, "fine-1-2-2" },
        { "--a--b--",                 100, "a-b" },
        { "  100% Cotton!! ",         100, "100-cotton" },
        { "日本語",                    100, "" },
        { "日本 T-Shirt",              100, "t-shirt" },
        { "",                         100, "" },
        { "abc",                        0, "" },
        { "abc def",                    4, "abc" },
        { "abc def",                    5, "abc-d" },
        { "a\xff" "b",                100, "a-b" },
        { "co\xc2\xad" "op",          100, "coop" },
        { "\xc4",                     100, "" },
    };
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t       n = strlen(cases[i].in);
        const char  *in = exact(&a, cases[i].in, n);

        assert_string_equal(text_slug(&a, in, n, cases[i].max),
                            cases[i].out);
    }
    arena_reset(&a);
}


static void
test_percent__decodes_or_refuses(void **state)
{
    static const struct { const char *in; bool plus; const char *out; }
    cases[] = {
        { "abc",             false, "abc" },
        { "a%20b",           false, "a b" },
        { "a+b",             false, "a+b" },
        { "a+b",             true,  "a b" },
        { "%C4%B1%c4%b1",    false, "ıı" },
        { "%2F%3f",          false, "/?" },
        { "%",               false, NULL },
        { "%2",              false, NULL },
        { "a%2",             false, NULL },
        { "%zz",             false, NULL },
        { "%2g",             false, NULL },
        { "%00",             false, NULL },
        { "%%20",            false, NULL },
    };
    struct arena  a = { 0 };
    char          out[64];

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t   n = strlen(cases[i].in);
        ssize_t  len = percent_decode(out, exact(&a, cases[i].in, n), n,
                                      cases[i].plus);

        if (cases[i].out == NULL) {
            assert_int_equal(len, -1);
        } else {
            assert_int_equal(len, strlen(cases[i].out));
            assert_memory_equal(out, cases[i].out, (size_t) len);
        }
    }
    assert_int_equal(percent_decode(out, "a\0", 2, false), -1);
    arena_reset(&a);
}


static void
test_base64url__round_trips_and_has_one_spelling(void **state)
{
    static const char *const  bad[] = {
        "A", "AAAAA", "AB", "AAB", "AA=", "A A", "AA+A", "AA/A", "\xc4\xb1",
    };
    uint8_t                   in[64], back[64];
    char                      out[88];

    (void) state;
    assert_int_equal(base64url(out, (const uint8_t *) "fo\xff\xfe", 4), 6);
    assert_memory_equal(out, "Zm___g", 6);
    for (size_t n = 0; n <= sizeof(in); n++) {
        size_t  len;

        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t) (i * 37 + n * 11);
        len = base64url(out, in, n);
        assert_int_equal(len, (n * 4 + 2) / 3);
        assert_int_equal(base64url_decode(back, out, len), n);
        assert_memory_equal(back, in, n);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(base64url_decode(back, bad[i], strlen(bad[i])), -1);
    assert_int_equal(base64url_decode(back, "AA\0A", 4), -1);
}


static void
test_int__parses_digits_only(void **state)
{
    static const struct { const char *in; bool ok; int64_t v; } cases[] = {
        { "0", true, 0 }, { "-0", true, 0 }, { "007", true, 7 },
        { "-12", true, -12 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775807", true, -INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775808", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "", false, 0 }, { "-", false, 0 }, { "+1", false, 0 },
        { "1 ", false, 0 }, { " 1", false, 0 }, { "1.0", false, 0 },
        { "1e2", false, 0 }, { "0x1", false, 0 }, { "--1", false, 0 },
    };
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t   n = strlen(cases[i].in);
        int64_t  v = 0;

        assert_int_equal(int_parse(&v, exact(&a, cases[i].in, n), n),
                         cases[i].ok);
        assert_int_equal(v, cases[i].v);
    }
    arena_reset(&a);
}


static void
test_array__reads_what_postgresql_writes(void **state)
{
    static const char   text[] = "{a,\"b c\",\"q\\\"\\\\\",NULL,\"NULL\",\"\","
                                 "ışık,\"{x,y}\"}";
    static const char  *want[] = { "a", "b c", "q\"\\", NULL, "NULL", "",
                                   "ışık", "{x,y}" };
    struct texts        list;
    struct arena        a = { 0 };

    (void) state;
    assert_true(pg_array_parse(&a, &list, exact(&a, T(text)),
                               sizeof(text) - 1));
    assert_int_equal(list.n, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        if (want[i] == NULL)
            assert_null(list.v[i]);
        else
            assert_string_equal(list.v[i], want[i]);
    }
    assert_true(pg_array_parse(&a, &list, T("{}")));
    assert_int_equal(list.n, 0);
    arena_reset(&a);
}


static void
test_array__refuses_what_it_does_not_write(void **state)
{
    static const char *const  bad[] = {
        "", "{", "}", "{a", "{a,}", "{,a}", "{,}", "a,b", "{a}b", "{\"a}",
        "{\"a\"b}", "{a\"b\"}", "{{a},{b}}", "[0:1]={a,b}", "{\"\\", "{a\\",
        "{}x", "{a,b",
    };
    struct texts              list;
    struct arena              a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t  n = strlen(bad[i]);

        if (pg_array_parse(&a, &list, exact(&a, bad[i], n), n))
            fail_msg("accepted: %s", bad[i]);
    }
    arena_reset(&a);
}


static void
test_array__writes_what_it_reads_back(void **state)
{
    const char    *v[] = { "a", "", "b\"c", "d\\", NULL, "NULL", "{,}" };
    struct texts   in = { COUNT(v), v }, out, none = { 0 };
    struct arena   a = { 0 };
    const char    *text;

    (void) state;
    text = pg_array_text(&a, &in);
    assert_string_equal(text, "{\"a\",\"\",\"b\\\"c\",\"d\\\\\",NULL,"
                              "\"NULL\",\"{,}\"}");
    assert_true(pg_array_parse(&a, &out, text, strlen(text)));
    assert_int_equal(out.n, in.n);
    assert_string_equal(out.v[6], "{,}");
    assert_null(out.v[4]);
    assert_string_equal(pg_array_text(&a, &none), "{}");
    arena_reset(&a);
}


int
core_text_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slug__maps_letters_and_joins_words),
        cmocka_unit_test(test_percent__decodes_or_refuses),
        cmocka_unit_test(test_base64url__round_trips_and_has_one_spelling),
        cmocka_unit_test(test_int__parses_digits_only),
        cmocka_unit_test(test_array__reads_what_postgresql_writes),
        cmocka_unit_test(test_array__refuses_what_it_does_not_write),
        cmocka_unit_test(test_array__writes_what_it_reads_back),
    };

    return cmocka_run_group_tests_name("core/text", tests, NULL, NULL);
}
