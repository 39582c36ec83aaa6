/*
 * shape_read_test.c - bodies: what is read, and what each fault is called.
 */
#include "check.h"

#include <stdlib.h>

#include "core/env.h"
#include "core/json_read.h"
#include "toy.h"

int core_shape_read_tests(void);

struct read {
    struct arena    arena;
    struct faults   faults;
    struct toy      toy;
    uint64_t        given;
    int             rc;
};


static void
read_n(struct read *r, bool partial, const char *text, size_t n)
{
    memset(&r->faults, 0, sizeof(r->faults));
    r->faults.arena = &r->arena;
    r->rc = shape_from_json(toy, &r->toy, partial, exact(&r->arena, text, n),
                            n, &r->arena, &r->faults, &r->given);
}


static void
patch_toy(struct read *r, const char *text)
{
    read_n(r, true, text, strlen(text));
}


static void
read_toy(struct read *r, const char *text)
{
    read_n(r, false, text, strlen(text));
}


/* "status code pointer, code pointer ..." */
static const char *
told(struct read *r)
{
    struct buf  b;

    buf_init(&b, &r->arena, 256);
    if (r->rc != 0)
        buf_int(&b, r->faults.status);
    for (size_t i = 0; i < r->faults.n && i < FAULTS_MAX; i++) {
        const struct fault  *f = &r->faults.v[i];

        buf_format(&b, "%s %s %s", i > 0 ? "," : "", f->code,
                   f->pointer == NULL ? "-" : f->pointer);
        assert_true(strlen(f->detail) > 0);
    }
    buf_char(&b, '\0');
    return b.data;
}


static void
test_read__fills_every_type(void **state)
{
    struct read       r = { .rc = -9 };
    struct toy_part  *parts;

    (void) state;
    read_toy(&r, " {\"id\": \"toy_01h455vb4pex5vsknk084sn02q\","
        "\"title\": \"I\\u015f\\u0131k\", \"note\": \"e\\u0301\\n\","
        "\"status\": \"active\", \"email\": \"a@b.example\","
        "\"weight\": 9007199254740991, \"delta\": -10, \"active\": true,"
        "\"since\": \"2026-07-27T10:00:00+03:00\","
        "\"price\": {\"currency\": \"EUR\", \"amount\": 1250},"
        "\"extra\": {\"a\": [1, 2.50, \"x\\u0022\", {}], \"b\": null},"
        "\"tags\": [\"x\", \"\"], "
        "\"groups\": [\"grp_01h455vb4pex5vsknk084sn02q\"],"
        "\"parts\": [{\"sku\": \"A-1\", \"quantity\": 2}, {\"sku\":\"B\"}],"
        "\"main\": {\"sku\": \"M\", \"price\": {\"amount\":0,"
        "\"currency\":\"TRY\"}},"
        "\"bare\": \"01890a5d-ac96-774b-bcce-b302099a8057\" } \n");
    assert_string_equal(told(&r), "");
    assert_int_equal(r.rc, 0);
    assert_memory_equal(&r.toy.id, &r.toy.bare, sizeof(uuid));
    assert_string_equal(r.toy.title, "I\xc5\x9f\xc4\xb1k");
    assert_string_equal(r.toy.note, "\xc3\xa9\n");
    assert_string_equal(r.toy.status, "active");
    assert_true(r.toy.weight == AMOUNT_MAX);
    assert_int_equal(r.toy.delta, -10);
    assert_true(r.toy.active);
    assert_true(r.toy.since.us == 1785135600000000);
    assert_int_equal(r.toy.price.amount, 1250);
    assert_string_equal(r.toy.price.currency, "EUR");
    assert_string_equal(r.toy.extra.text,
                        "{\"a\":[1,2.50,\"x\\\"\",{}],\"b\":null}");
    assert_int_equal(r.toy.tags.n, 2);
    assert_string_equal(r.toy.tags.v[1], "");
    assert_int_equal(r.toy.groups.n, 1);
    assert_memory_equal(r.toy.groups.v, &r.toy.id, sizeof(uuid));
    assert_int_equal(r.toy.parts.n, 2);
    parts = r.toy.parts.v;
    assert_string_equal(parts[0].sku, "A-1");
    assert_int_equal(parts[0].quantity, 2);
    assert_true(parts[1].quantity == INT_NONE);
    assert_string_equal(((struct toy_part *) r.toy.main)->price.currency,
                        "TRY");
    arena_reset(&r.arena);
}


static void
test_read__clears_what_is_not_given(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    memset(&r.toy, 0xff, sizeof(r.toy));
    read_toy(&r, "{\"title\":\"x\"}");
    assert_int_equal(r.rc, 0);
    assert_true(r.given == 1ull << 2);
    assert_true(r.toy.weight == INT_NONE);
    assert_true(r.toy.since.us == INT64_MIN);
    assert_false(r.toy.active);
    assert_null(r.toy.note);
    assert_int_equal(r.toy.parts.n, 0);
    assert_int_equal(r.toy.price.currency[0], 0);
    arena_reset(&r.arena);
}


struct labels {
    struct texts  labels;
};

static const struct field labels[] = {
    SHAPE(labels, "Labels"),
    FIELD(labels, labels, TEXTS, .max = 9, .item_max = 3),
    END_SHAPE
};


/* The list may have nine; of its items each has one to three letters. */
static void
test_read__bounds_the_letters_of_items(void **state)
{
    static const char  text[] = "{\"labels\":[\"ışı\",\"\",\"ışık\",\"a\"]}";
    static const char  query[] = "ışı,ışık";
    struct labels      into;
    struct read        r = { .rc = -9 };

    (void) state;
    r.rc = shape_from_json(labels, &into, false, text, sizeof(text) - 1,
                           &r.arena, &r.faults, NULL);
    assert_string_equal(told(&r), "422 empty /labels/1, too_long /labels/2");
    assert_string_equal(r.faults.v[1].detail,
                        "must have at most 3 characters");
    memset(&r.faults, 0, sizeof(r.faults));
    assert_int_equal(shape_from_query(labels, &into, "labels", query,
                                      strlen("ışı"), &r.arena, &r.faults), 0);
    assert_int_equal(shape_from_query(labels, &into, "labels", query,
                                      sizeof(query) - 1, &r.arena,
                                      &r.faults), 1);
    assert_string_equal(r.faults.v[0].code, "too_long");
    arena_reset(&r.arena);
}


/* The sentence names the range that holds. */
static void
test_read__names_the_range_of_an_amount(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    read_toy(&r, "{\"title\":\"x\",\"price\":{\"currency\":\"EUR\","
                 "\"amount\":9007199254740992}}");
    assert_string_equal(told(&r), "422 out_of_range /price/amount");
    assert_string_equal(r.faults.v[0].detail,
                        "must be from 0 to 9007199254740991");
    arena_reset(&r.arena);
}


/* Members as they follow a good title, and what is said of them. */
static const struct { const char *in, *told; } bodies[] = {
    { "{}",                          "422 required /title" },
    { "{\"title\":null}",            "422 null_not_allowed /title" },
    { "{\"title\":\"\"}",            "422 empty /title" },
    { "{\"title\":\"12345678901\"}", "422 too_long /title" },
    { "{\"title\":\"ışığüşöçıı\"}",  "" },
    { "{\"title\":7}",               "422 wrong_type /title" },
    { "{\"title\":{\"a\":[1,{}]}}",  "422 wrong_type /title" },
    { "{\"title\":[\"x\"]}",         "422 wrong_type /title" },
    { "{\"title\":\"a\\u0007\"}",    "422 control_character /title" },
    { "{\"title\":\"a\\r\"}",        "422 control_character /title" },
    { "{\"title\":\"a\\u0085\"}",    "422 control_character /title" },
    { "{\"title\":\"a\\u007f\"}",    "422 control_character /title" },
    { "{\"title\":\"a\\t\\n\"}",     "" },
    { "[]",                          "422 wrong_type " },
    { "[[{}]]",                      "422 wrong_type " },
    { "7",                           "422 wrong_type " },
    { "\"x\"",                       "422 wrong_type " },
    { "null",                        "422 wrong_type " },
#define M(members, want)  { "{\"title\":\"x\"," members "}", want }
    M("\"a/b~c\":1",                 "422 unknown /a~1b~0c"),
    M("\"x\":{\"title\":[{\"y\":2}]}", "422 unknown /x"),
    M("\"secret\":1",                "422 unknown /secret"),
    M("\"version\":1",               "422 read_only /version"),
    M("\"title\":\"y\"",             "400 duplicate /title"),
    M("\"status\":\"gone\"",         "422 not_one_of /status"),
    M("\"email\":\"a@b\"",           "422 wrong_format /email"),
    M("\"weight\":-1",               "422 out_of_range /weight"),
    M("\"weight\":-0",               ""),
    M("\"weight\":1.0",              "422 not_an_integer /weight"),
    M("\"weight\":1e2",              "422 not_an_integer /weight"),
    M("\"weight\":\"1\"",            "422 wrong_type /weight"),
    M("\"weight\":9007199254740992", "422 out_of_range /weight"),
    M("\"weight\":99999999999999999999", "422 out_of_range /weight"),
    M("\"delta\":11",                "422 out_of_range /delta"),
    M("\"delta\":null",              ""),
    M("\"active\":1",                "422 wrong_type /active"),
    M("\"active\":null",             "422 null_not_allowed /active"),
    M("\"id\":\"prod_01h455vb4pex5vsknk084sn02q\"",
                                     "422 wrong_prefix /id"),
    M("\"id\":\"toy_8zzzzzzzzzzzzzzzzzzzzzzzzz\"", "422 not_an_id /id"),
    M("\"id\":\"toy_00000000000000000000000000\"", "422 not_an_id /id"),
    M("\"bare\":\"01890a5d\"",       "422 not_an_id /bare"),
    M("\"since\":\"yesterday\"",     "422 not_a_time /since"),
    M("\"since\":5",                 "422 wrong_type /since"),
    M("\"price\":5",                 "422 wrong_type /price"),
    M("\"price\":{}",                "422 required /price/amount,"
                                     " required /price/currency"),
    M("\"price\":{\"amount\":1,\"currency\":\"eur\"}",
                                     "422 wrong_format /price/currency"),
    M("\"price\":{\"amount\":-1,\"currency\":\"EUR\"}",
                                     "422 out_of_range /price/amount"),
    M("\"price\":{\"amount\":1.5,\"currency\":\"EUR\"}",
                                     "422 not_an_integer /price/amount"),
    M("\"price\":{\"amount\":1,\"currency\":\"EUR\",\"x\":1}",
                                     "422 unknown /price/x"),
    M("\"price\":{\"amount\":1,\"amount\":1,\"currency\":\"EUR\"}",
                                     "400 duplicate /price/amount"),
    M("\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\"]",
                                     "422 too_many_items /tags/3"),
    M("\"tags\":[\"a\",1,null]",     "422 wrong_type /tags/1,"
                                     " null_not_allowed /tags/2"),
    M("\"tags\":\"a\"",              "422 wrong_type /tags"),
    M("\"tags\":{}",                 "422 wrong_type /tags"),
    M("\"groups\":[\"x\"]",          "422 not_an_id /groups/0"),
    M("\"parts\":[{}]",              "422 required /parts/0/sku"),
    M("\"parts\":[[]]",              "422 wrong_type /parts/0"),
    M("\"parts\":[null]",            "422 null_not_allowed /parts/0"),
    M("\"parts\":[{\"sku\":\"a\"},{\"sku\":\" a\",\"quantity\":0}]",
                                     "422 wrong_format /parts/1/sku,"
                                     " out_of_range /parts/1/quantity"),
    M("\"main\":{\"sku\":\"a\",\"price\":{\"amount\":1}}",
                                     "422 required"
                                     " /main/price/currency"),
    M("\"extra\":{\"a\":1,\"b\":2,\"a\":3}", "400 duplicate /extra"),
    M("\"extra\":[{\"a\":1},{\"a\":1}]", ""),
    M("\"extra\":1e1000",            "422 out_of_range /extra"),
    M("\"extra\":[1E-1000]",         "422 out_of_range /extra"),
    M("\"extra\":1e+999",            ""),
    M("\"extra\":1.5e-300",          ""),
    M("\"weight\":1.5,\"y\":2,\"tags\":7",
                                     "422 not_an_integer /weight,"
                                     " unknown /y, wrong_type /tags"),
#undef M
};


static void
test_read__names_each_fault(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        read_toy(&r, bodies[i].in);
        if (strcmp(told(&r), bodies[i].told) != 0)
            fail_msg("%s\ngot  %s\nwant %s", bodies[i].in, told(&r),
                     bodies[i].told);
        assert_int_equal(r.rc, bodies[i].told[0] != '\0');
        arena_reset(&r.arena);
    }
}


static void
test_read__says_where_the_syntax_breaks(void **state)
{
    static const struct { const char *in, *code, *detail; } cases[] = {
        { "",           "json_syntax", "Line 1, column 1 (byte 0): " },
        { " \n ",       "json_syntax", "Line 1, column 1 (byte 0): " },
        { "{",          "json_syntax", "Line 1, column 2 (byte 1): the text"
                                       " ends too early." },
        { "{\"a",       "json_syntax", "Line 1, column 4 (byte 3): the text"
                                       " ends within a string." },
        { "{\"a\":1,}", "json_syntax", "Line 1, column 8 (byte 7): invalid"
                                       " object key (must be a string)." },
        { "{\n  \"title\": \"\xc4\xb1\xc4\xb1\", x}",
                        "json_syntax", "Line 2, column 18 (byte 21): " },
        { "{} x",       "json_syntax", "Line 1, column 4 (byte 3): trailing"
                                       " garbage." },
        { "{} {}",      "json_syntax", "Line 1, column " },
        { "{'a':1}",    "json_syntax", "Line 1, column 2 (byte 1): " },
        { "{\"a\":01}", "json_syntax", "Line 1, column " },
        { "{\"a\":+1}", "json_syntax", "Line 1, column " },
        { "{\"a\":.5}", "json_syntax", "Line 1, column " },
        { "{\"a\":1.}", "json_syntax", "Line 1, column " },
        { "{\"a\":NaN}", "json_syntax", "Line 1, column " },
        { "{\"a\" 1}",  "json_syntax", "Line 1, column " },
        { "{\"a\":\"\t\"}", "json_syntax", "Line 1, column " },
        { "{\"a\":\"\\x\"}", "json_syntax", "Line 1, column " },
        { "{\"a\":\"\\u12g4\"}", "json_syntax", "Line 1, column " },
        { "{\"title\":\"\\u00e9\\u00e9\", x}",
                        "json_syntax", "Line 1, column 26 (byte 25): " },
        { "{\"a\":\\u00e9}", "json_syntax", "Line 1, column 6 (byte 5): " },
        { "{\"a\":\\u0031}", "json_syntax", "Line 1, column 6 (byte 5): " },
        { "{\"a\":\"\\u12",  "json_syntax", "Line 1, column " },
        { "{/* */}",    "json_syntax", "Line 1, column " },
        { "{}\v",       "json_syntax", "Line 1, column 3 (byte 2): this is"
                                       " no white space of JSON." },
        { "{\f}",       "json_syntax", "Line 1, column 2 (byte 1): " },
        { "nul",        "json_syntax", "Line 1, column 4 (byte 3): " },
        { "-",          "json_syntax", "Line 1, column 2 (byte 1): " },
        { "]",          "json_syntax", "Line 1, column 1 (byte 0): " },
        { "{]}",        "json_syntax", "Line 1, column 2 (byte 1): " },
        { "\xef\xbb\xbf{}", "json_syntax", "Line 1, column 1 (byte 0): " },
        { "{\"a\":\"\xff\"}", "invalid_unicode",
          "Line 1, column 7 (byte 6): this byte is not UTF-8." },
        { "{\"\xed\xa0\x80\":1}", "invalid_unicode", "Line 1, column 3 (" },
        { "{\"a\":\"\\ud800\"}", "invalid_unicode",
          "Line 1, column 7 (byte 6): half of a surrogate pair stands"
          " alone." },
        { "{\"a\":\"\\ud834\\u0041\"}", "invalid_unicode", "Line 1, " },
        { "{\"a\":\"\\ud834\\ud834\"}", "invalid_unicode", "Line 1, " },
        { "{\"a\":\"\\udd1e\"}", "invalid_unicode", "Line 1, column 7 (" },
        { "{\"a\":\"\\uD800", "invalid_unicode", "Line 1, column 7 (" },
        { "{\"a\\u0000\":1}", "invalid_unicode", "Line 1, column 4 (" },
        { "{\"a\":\"\\u0000\"}", "invalid_unicode", "Line 1, column 7 (" },
    };
    struct read  r = { .rc = -9 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct fault  *f = &r.faults.v[0];

        read_toy(&r, cases[i].in);
        assert_int_equal(r.rc, 1);
        assert_int_equal(r.faults.n, 1);
        assert_int_equal(r.faults.status, 400);
        if (strcmp(f->code, cases[i].code) != 0
            || strncmp(f->detail, cases[i].detail,
                       strlen(cases[i].detail)) != 0)
            fail_msg("%s\ngot %s %s", cases[i].in, f->code, f->detail);
        arena_reset(&r.arena);
    }
    read_n(&r, false, "{\"a\":\"\0\"}", 9);
    assert_string_equal(told(&r), "400 invalid_unicode ");
    read_n(&r, false, "{\0}", 3);
    assert_string_equal(told(&r), "400 json_syntax ");
    arena_reset(&r.arena);
}


static void
test_read__takes_escaped_letters(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    read_toy(&r, "{\"title\":\"\\uD83D\\uded2\"}");
    assert_int_equal(r.rc, 0);
    assert_string_equal(r.toy.title, "\xf0\x9f\x9b\x92");
    read_toy(&r, "{\"tit\\u006ce\":\"\\u0130\\n\\u015f\\\"\"}");
    assert_int_equal(r.rc, 0);
    assert_string_equal(r.toy.title, "\xc4\xb0\n\xc5\x9f\"");
    arena_reset(&r.arena);
}


static char *
repeated(const char *text, size_t times, size_t *n)
{
    size_t  len = strlen(text);
    char   *out = malloc(len * times + 1);

    for (size_t i = 0; i < times; i++)
        memcpy(out + i * len, text, len);
    out[len * times] = '\0';
    *n = len * times;
    return out;
}


/* What is hostile ends early: memory stays at what a small body takes, for
 * the scan reads no further than the bound and the parser never starts.  Where
 * escapes become letters there is room for as many bytes as were sent. */
static void
test_read__bounds_depth_and_members(void **state)
{
    static const struct { const char *head, *unit, *told; } cases[] = {
        { "", "[",                           "400 too_deep " },
        { "", "{\"a\":",                     "400 too_deep " },
        { "{\"extra\":", "[",                "400 too_deep " },
        { "{\"title\":\"x\",\"tags\":[", "1,", "400 too_many_members " },
        { "{", "\"a\":1,",                   "400 too_many_members " },
        { "{\"title\":\"", "\\u0001",        "400 too_many_escapes " },
        { "{\"title\":\"", "\\n",            "400 too_many_escapes " },
        { "{\"title\":\"", "\\n..",          "400 too_many_escapes " },
    };
    struct read  r = { .rc = -9 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n, head = strlen(cases[i].head);
        char   *rest = repeated(cases[i].unit, 1000000, &n), *text;

        text = malloc(head + n);
        memcpy(text, cases[i].head, head);
        memcpy(text + head, rest, n);
        memset(&r.faults, 0, sizeof(r.faults));
        r.rc = shape_from_json(toy, &r.toy, false, text, head + n, &r.arena,
                               &r.faults, NULL);
        assert_string_equal(told(&r), cases[i].told);
        assert_true(r.arena.size
                    <= 32768 + (cases[i].unit[1] == 'n' ? head + n : 0));
        arena_reset(&r.arena);
        free(text);
        free(rest);
    }
}


static void
test_read__allows_the_depth_that_it_promises(void **state)
{
    struct read  r = { .rc = -9 };
    char         text[128] = "{\"title\":\"x\",\"extra\":";
    size_t       n = strlen(text);

    (void) state;
    memset(text + n, '[', DEPTH_MAX - 1);
    memset(text + n + DEPTH_MAX - 1, ']', DEPTH_MAX - 1);
    text[n + 2 * (DEPTH_MAX - 1)] = '}';
    read_n(&r, false, text, n + 2 * (DEPTH_MAX - 1) + 1);
    assert_string_equal(told(&r), "");
    arena_reset(&r.arena);
}


static void
test_read__stops_at_too_many_faults(void **state)
{
    struct read  r = { .rc = -9 };
    struct buf   b;
    size_t       taken;

    (void) state;
    buf_init(&b, &r.arena, 0);
    buf_str(&b, "{\"title\":\"x\"");
    for (int i = 0; i < 2000; i++)
        buf_format(&b, ",\"k%d\":[1,{\"a\":2}]", i);
    buf_str(&b, "}");
    taken = r.arena.size;
    memset(&r.faults, 0, sizeof(r.faults));
    r.rc = shape_from_json(toy, &r.toy, false, b.data, b.len, &r.arena,
                           &r.faults, NULL);
    assert_int_equal(r.rc, 1);
    assert_int_equal(r.faults.n, FAULTS_MAX + 1);
    assert_int_equal(r.faults.status, 422);
    assert_string_equal(r.faults.v[0].pointer, "/k0");
    assert_string_equal(r.faults.v[FAULTS_MAX - 1].code, "too_many_faults");
    assert_true(r.arena.size - taken <= 65536);
    arena_reset(&r.arena);
}


static void
test_read__cuts_a_long_key_in_its_pointer(void **state)
{
    struct read  r = { .rc = -9 };
    size_t       n;
    char        *key = repeated("\xc4\xb1", 5000, &n);
    struct buf   b;

    (void) state;
    buf_init(&b, &r.arena, 0);
    buf_format(&b, "{\"title\":\"x\",\"y%s\":1}", key);
    read_n(&r, false, b.data, b.len);
    assert_string_equal(r.faults.v[0].code, "unknown");
    assert_int_equal(strlen(r.faults.v[0].pointer), 1 + 99 + 3);
    assert_memory_equal(r.faults.v[0].pointer + 98, "\xc4\xb1...", 5);
    arena_reset(&r.arena);
    free(key);
}


static void
test_read__patches_over_what_is_there(void **state)
{
    struct read       r = { .rc = -9 };
    struct toy_part   main = { "M", 5, { 100, "EUR" } };
    const char       *tags[] = { "old", "older" };

    (void) state;
    shape_clear(toy, &r.toy);
    r.toy.title = "before";
    r.toy.note = "note";
    r.toy.weight = 7;
    r.toy.version = 3;
    r.toy.main = &main;
    r.toy.tags = (struct texts) { 2, tags };
    patch_toy(&r, "{\"note\":null,\"weight\":8,\"tags\":[\"new\"],"
                     "\"main\":{\"quantity\":6}}");
    assert_string_equal(told(&r), "");
    assert_string_equal(r.toy.title, "before");
    assert_null(r.toy.note);
    assert_int_equal(r.toy.weight, 8);
    assert_int_equal(r.toy.version, 3);
    assert_int_equal(r.toy.tags.n, 1);
    assert_string_equal(main.sku, "M");
    assert_int_equal(main.quantity, 6);
    assert_true(r.given == (1u << 3 | 1u << 6 | 1u << 12 | 1u << 15));

    patch_toy(&r, "{\"main\":null}");
    assert_null(r.toy.main);
    patch_toy(&r, "{\"main\":{\"quantity\":6}}");
    assert_string_equal(told(&r), "422 required /main/sku");
    patch_toy(&r, "{\"version\":4}");
    assert_string_equal(told(&r), "422 read_only /version");
    patch_toy(&r, "{\"title\":null}");
    assert_string_equal(told(&r), "422 null_not_allowed /title");
    arena_reset(&r.arena);
}


static size_t  left;


static void *
alloc_while_left(size_t size)
{
    return left == 0 || left-- == 0 ? NULL : malloc(size);
}


/* Every allocation fails in turn; none may be used unseen. */
static void
test_read__reports_lack_of_memory(void **state)
{
    void          *(*was)(size_t) = shop_env.alloc;
    struct read    r = { .rc = -9 };
    struct buf     b;
    struct arena   source = { 0 };
    size_t         n;
    int            refused = 0;

    (void) state;
    buf_init(&b, &source, 0);
    buf_str(&b, "{\"title\":\"\\u0130\",\"wrong\":1,\"extra\":{");
    for (int i = 0; i < 10; i++)
        buf_format(&b, "%s\"k%d\":\"\\u00e9\"", i > 0 ? "," : "", i);
    buf_str(&b, "},\"note\":\"");
    for (int i = 0; i < 240; i++)
        buf_str(&b, "s\xcc\xa7");
    for (int i = 0; i < 200; i++)
        buf_str(&b, "\\n");
    for (int i = 0; i < 2000; i++)
        buf_str(&b, "\\u0001");
    buf_str(&b, "\"}");
    shop_env.alloc = alloc_while_left;
    for (n = 0; n < 100; n++) {
        arena_trim();
        memset(&r.faults, 0, sizeof(r.faults));
        left = n;
        r.rc = shape_from_json(toy, &r.toy, false, b.data, b.len, &r.arena,
                               &r.faults, NULL);
        arena_reset(&r.arena);
        if (r.rc == 1)
            break;
        assert_int_equal(r.rc, SHOP_E_NOMEM);
        refused++;
    }
    shop_env.alloc = was;
    assert_int_equal(r.rc, 1);
    assert_true(refused > 2);
    arena_trim();
    arena_reset(&source);
}


/* Bytes of a good body changed at random: nothing may break but the body. */
static void
test_read__survives_any_body(void **state)
{
    static const char  seed[] =
        "{\"id\":\"toy_01h455vb4pex5vsknk084sn02q\",\"title\":\"\\u0131x\","
        "\"price\":{\"amount\":12,\"currency\":\"EUR\"},\"tags\":[\"a\"],"
        "\"extra\":{\"a\":[1,{\"b\":[]}]},\"parts\":[{\"sku\":\"A\"}],"
        "\"since\":\"2026-07-27T10:00:00Z\",\"main\":null}";
    static const char  bytes[] = "{}[]\",:\\u0d8-+.eE1 \nntf\x80\xff\xc4";
    struct read        r = { .rc = -9 };
    uint32_t           x = 1;
    unsigned           seen[3] = { 0 };

    (void) state;
    for (int round = 0; round < 60000; round++) {
        char    text[sizeof(seed)];
        size_t  n = sizeof(seed) - 1;

        memcpy(text, seed, sizeof(seed));
        for (int i = round % 4; i >= 0; i--) {
            x = x * 1664525 + 1013904223;
            text[(x >> 8) % n] = bytes[(x >> 24) % (sizeof(bytes) - 1)];
        }
        if (round % 5 == 0)
            n = (x >> 4) % n;
        read_n(&r, round & 1, text, n);
        assert_true(r.rc == 0 || r.rc == 1);
        assert_int_equal(r.rc == 1, r.faults.n > 0);
        seen[r.rc == 0 ? 0 : r.faults.status == 400 ? 1 : 2]++;
        arena_reset(&r.arena);
    }
    assert_true(seen[0] > 0 && seen[1] > 100 && seen[2] > 100);
}


int
core_shape_read_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__fills_every_type),
        cmocka_unit_test(test_read__clears_what_is_not_given),
        cmocka_unit_test(test_read__bounds_the_letters_of_items),
        cmocka_unit_test(test_read__names_the_range_of_an_amount),
        cmocka_unit_test(test_read__names_each_fault),
        cmocka_unit_test(test_read__says_where_the_syntax_breaks),
        cmocka_unit_test(test_read__takes_escaped_letters),
        cmocka_unit_test(test_read__bounds_depth_and_members),
        cmocka_unit_test(test_read__allows_the_depth_that_it_promises),
        cmocka_unit_test(test_read__stops_at_too_many_faults),
        cmocka_unit_test(test_read__cuts_a_long_key_in_its_pointer),
        cmocka_unit_test(test_read__patches_over_what_is_there),
        cmocka_unit_test(test_read__reports_lack_of_memory),
        cmocka_unit_test(test_read__survives_any_body),
    };

    return cmocka_run_group_tests_name("core/shape_read", tests, NULL, NULL);
}
