/*
 * json_string_test.c - long strings and long rows of blanks are not for yajl,
 * callbacks get strings as they are, and faults behind them have their place.
 */
#include "check.h"

#include "core/env.h"
#include "core/json_read.h"
#include "core/shape.h"

int core_json_string_tests(void);

struct got {
    struct json_plain  plain;
    struct json_error  error;
    struct buf         strings;         /* keys too, each with its end       */
    int                rc;
};


static int
take(void *context, const unsigned char *text, size_t n)
{
    struct got  *got = context;
    const char  *string = (const char *) text;

    json_string(&got->plain, &string, &n);
    buf_add(&got->strings, string, n);
    buf_char(&got->strings, '|');
    return 1;
}


static void
read_json(struct arena *a, const char *text, size_t n, struct got *got)
{
    static const yajl_callbacks  callbacks = {
        .yajl_string = take, .yajl_map_key = take,
    };

    buf_init(&got->strings, a, 64);
    got->rc = json_read(a, text, n, &callbacks, got, &got->plain,
                        &got->error);
    buf_char(&got->strings, '\0');
}


/* `in` so many times between two others, as a value and as a key. */
static void
assert_strings(const char *in, const char *is, unsigned times, size_t cuts)
{
    struct arena  arena = { 0 };
    struct buf    text, want;
    struct got    got;

    buf_init(&text, &arena, 64);
    buf_init(&want, &arena, 64);
    buf_str(&text, "[\"\\\"short\", {\"");
    buf_str(&want, "\"short|");
    for (unsigned i = 0; i < times; i++) {
        buf_str(&text, in);
        buf_str(&want, is);
    }
    buf_str(&text, "\":\"");
    buf_str(&want, "|");
    for (unsigned i = 0; i < times; i++) {
        buf_str(&text, in);
        buf_str(&want, is);
    }
    buf_str(&text, "\"}, \"\\\\\"]");
    buf_str(&want, "|\\|");
    buf_char(&want, '\0');
    read_json(&arena, text.data, text.len, &got);
    assert_int_equal(got.rc, 0);
    assert_string_equal(got.strings.data, want.data);
    assert_int_equal(got.plain.cuts, cuts);
    arena_reset(&arena);
}


/* Short and long, plain and with escapes, in rows and alone. */
static void
test_strings__are_what_they_are(void **state)
{
    static const struct { const char *in, *is; }  of[] = {
        { "a", "a" }, { "\xc5\x9f", "\xc5\x9f" }, { "\\u015f", "\xc5\x9f" },
        { "\\n", "\n" }, { "\\\"a\\\"", "\"a\"" }, { "\\\\n", "\\n" },
        { "a\\/b\\tc", "a/b\tc" }, { "\\ud83e\\udeb4", "\xf0\x9f\xaa\xb4" },
        { "<p class=\\\"x\\\">\\u0130\xc4\xb0</p>\\r\\n",
          "<p class=\"x\">\xc4\xb0\xc4\xb0</p>\r\n" },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(of); i++) {
        unsigned  most = (unsigned) (127 / strlen(of[i].in));

        assert_strings(of[i].in, of[i].is, 0, 0);
        assert_strings(of[i].in, of[i].is, 1, 0);
        assert_strings(of[i].in, of[i].is, most, 0);
        assert_strings(of[i].in, of[i].is, 128, 2);
        assert_strings(of[i].in, of[i].is, 1000, 2);
    }
}


/* What must stay an escape is for yajl, whatever else there is. */
static void
test_strings__with_controls_stay(void **state)
{
    char  in[8 * 200 + 1], is[3 * 200 + 1];

    (void) state;
    for (unsigned i = 0; i < 200; i++) {
        memcpy(in + 8 * i, "\\u0001\\n", 8);
        memcpy(is + 2 * i, "\x01\n", 2);
    }
    in[8 * 200] = is[2 * 200] = '\0';
    assert_strings(in, is, 1, 0);
}


/* A byte that no string may have, wherever it is, and whatever is around it. */
static void
test_strings__have_no_controls(void **state)
{
    static const char *const  around[] = { "a", "\\n", "\\u00e9", "\xc5\x9f" };
    struct arena              arena = { 0 };

    (void) state;
    for (unsigned i = 0; i < COUNT(around) * 31; i++) {
        const char  *a = around[i % COUNT(around)];
        struct buf   text;
        struct got   got;
        size_t       at;

        buf_init(&text, &arena, 64);
        buf_str(&text, "[\"");
        for (unsigned k = 0; k < i; k++)
            buf_str(&text, a);
        at = text.len;
        buf_char(&text, (char) (1 + i / COUNT(around)));
        for (unsigned k = 0; k < 200; k++)
            buf_str(&text, a);
        buf_str(&text, "\"]");
        read_json(&arena, text.data, text.len, &got);
        assert_int_equal(got.rc, 1);
        assert_string_equal(got.error.code, "json_syntax");
        assert_int_equal(got.error.at, at);
    }
    arena_reset(&arena);
}


/* Many of them, so that a stub has more than one digit. */
static void
test_strings__keep_their_order(void **state)
{
    struct arena  arena = { 0 };
    struct buf    text, want;
    struct got    got;

    (void) state;
    buf_init(&text, &arena, 64);
    buf_init(&want, &arena, 64);
    for (unsigned i = 0; i < 1000; i++) {
        buf_format(&text, "%c\"%0200u%s\"", i == 0 ? '[' : ',', i,
                   i % 3 == 0 ? "\\n" : "");
        buf_format(&want, "%0200u%s|", i, i % 3 == 0 ? "\n" : "");
    }
    buf_char(&text, ']');
    buf_char(&want, '\0');
    read_json(&arena, text.data, text.len, &got);
    assert_int_equal(got.rc, 0);
    assert_int_equal(got.plain.cuts, 1000);
    assert_string_equal(got.strings.data, want.data);
    arena_reset(&arena);
}


/* Of each kind so many bytes that they are cut out, and not. */
static void
add_piece(struct buf *b, unsigned kind, unsigned n)
{
    static const char *const  of[] = { "a", " ", "\\n", "\\u00e9", "\n\t" };

    buf_char(b, kind == 1 || kind == 4 ? '1' : '"');
    for (unsigned i = 0; i < n; i++)
        buf_str(b, of[kind]);
    buf_str(b, kind == 1 || kind == 4 ? "," : "\",");
}


/* A fault has its place in what was sent, behind long strings and blanks. */
static void
test_faults__are_where_they_were(void **state)
{
    struct arena  arena = { 0 };

    (void) state;
    for (unsigned i = 0; i < 5 * 5 * 4; i++) {
        struct buf  text;
        struct got  got;
        size_t      at;

        buf_init(&text, &arena, 64);
        buf_char(&text, '[');
        add_piece(&text, i % 5, i / 50 > 0 ? 300 : 3);
        add_piece(&text, i / 5 % 5, i / 25 % 2 > 0 ? 300 : 3);
        at = text.len;
        buf_str(&text, "}, 1]");
        read_json(&arena, text.data, text.len, &got);
        assert_int_equal(got.rc, 1);
        assert_string_equal(got.error.code, "json_syntax");
        assert_int_equal(got.error.at, at);
    }
    arena_reset(&arena);
}


int
core_json_string_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings__are_what_they_are),
        cmocka_unit_test(test_strings__with_controls_stay),
        cmocka_unit_test(test_strings__have_no_controls),
        cmocka_unit_test(test_strings__keep_their_order),
        cmocka_unit_test(test_faults__are_where_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
