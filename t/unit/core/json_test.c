/*
 * json_test.c - the writer: escaping, ids, times, money, nulls.
 */
#include "check.h"

#include "core/text.h"

int core_json_tests(void);


static void
test_json__escapes_what_json_forbids(void **state)
{
    static const struct { const char *in, *out; } cases[] = {
        { "",               "\"\"" },
        { "plain",          "\"plain\"" },
        { "a\"b\\c/d",      "\"a\\\"b\\\\c/d\"" },
        { "\b\t\n\f\r",     "\"\\b\\t\\n\\f\\r\"" },
        { "\x01\x1f",       "\"\\u0001\\u001f\"" },
        { "\x7f",           "\"\x7f\"" },
        { "ığüşöçİ",        "\"ığüşöçİ\"" },
        { "0123456789\"abcdefghijklmnop\n",
          "\"0123456789\\\"abcdefghijklmnop\\n\"" },
        { "\xf0\x9f\x9b\x92 a b c d e f g h",
          "\"\xf0\x9f\x9b\x92 a b c d e f g h\"" },
    };
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n = strlen(cases[i].in);

        buf_init(&b, &a, 0);
        json_text(&b, exact(&a, cases[i].in, n), n);
        assert_buf(&b, cases[i].out);
    }
    buf_init(&b, &a, 0);
    json_text(&b, NULL, 0);
    assert_buf(&b, "null");
    arena_reset(&a);
}


/* Every byte at every place of a word: the word test may not miss one. */
static void
test_json__finds_a_special_byte_anywhere(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;
    char          text[24];

    (void) state;
    for (int c = 1; c < 256; c++) {
        bool  special = c < 0x20 || c == '"' || c == '\\';

        for (size_t at = 0; at < sizeof(text); at++) {
            memset(text, 'a', sizeof(text));
            text[at] = (char) c;
            buf_init(&b, &a, 0);
            json_text(&b, text, sizeof(text));
            assert_false(b.failed);
            assert_int_equal(b.data[1 + at] == '\\', special);
            assert_int_equal(b.data[b.len - 1], '"');
            if (!special)
                assert_int_equal(b.len, sizeof(text) + 2);
        }
        arena_reset(&a);
    }
}


static void
test_json__writes_members_ids_and_nulls(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;
    bool          first = true;
    uuid          id;
    struct money  none = { 0 }, price = { -1250, "EUR" };

    (void) state;
    assert_true(uuid_parse(&id, "01890a5d-ac96-774b-bcce-b302099a8057", 36));
    buf_init(&b, &a, 0);
    json_key(&b, "id", &first);
    json_uuid(&b, "prod", id);
    json_key(&b, "bare", &first);
    json_uuid(&b, NULL, id);
    json_key(&b, "no_id", &first);
    json_uuid(&b, "prod", UUID_NONE);
    json_key(&b, "at", &first);
    json_stamp(&b, (stamp) { 1000000 });
    json_key(&b, "never", &first);
    json_stamp(&b, STAMP_NONE);
    json_key(&b, "price", &first);
    json_money(&b, &price);
    json_key(&b, "free", &first);
    json_money(&b, &none);
    assert_buf(&b, "\"id\":\"prod_01h455vb4pex5vsknk084sn02q\","
                   "\"bare\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
                   "\"no_id\":null,\"at\":\"1970-01-01T00:00:01.000000Z\","
                   "\"never\":null,"
                   "\"price\":{\"amount\":-1250,\"currency\":\"EUR\"},"
                   "\"free\":null");
    arena_reset(&a);
}


int
core_json_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__escapes_what_json_forbids),
        cmocka_unit_test(test_json__finds_a_special_byte_anywhere),
        cmocka_unit_test(test_json__writes_members_ids_and_nulls),
    };

    return cmocka_run_group_tests_name("core/json", tests, NULL, NULL);
}
