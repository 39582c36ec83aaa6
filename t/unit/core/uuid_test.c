/*
 * uuid_test.c - ids in their three spellings, and version 7.
 */
#include "check.h"

#include "core/text.h"

int core_uuid_tests(void);


/* The examples of TypeID's specification. */
static void
test_uuid__has_the_spelling_of_typeid(void **state)
{
    static const struct { const char *uuid, *base32; } cases[] = {
        { "00000000-0000-0000-0000-000000000000",
          "00000000000000000000000000" },
        { "00000000-0000-0000-0000-000000000001",
          "00000000000000000000000001" },
        { "00000000-0000-0000-0000-00000000000a",
          "0000000000000000000000000a" },
        { "00000000-0000-0000-0000-000000000020",
          "00000000000000000000000010" },
        { "ffffffff-ffff-ffff-ffff-ffffffffffff",
          "7zzzzzzzzzzzzzzzzzzzzzzzzz" },
        { "0110c853-1d09-52d8-d73e-1194e95b5f19",
          "0123456789abcdefghjkmnpqrs" },
        { "01890a5d-ac96-774b-bcce-b302099a8057",
          "01h455vb4pex5vsknk084sn02q" },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uuid  id, back;
        char  text[36], letters[26];

        assert_true(uuid_parse(&id, cases[i].uuid, 36));
        uuid_text(text, id);
        assert_memory_equal(text, cases[i].uuid, 36);
        uuid_base32(letters, id);
        assert_memory_equal(letters, cases[i].base32, 26);
        assert_true(uuid_from_base32(&back, letters, 26));
        assert_memory_equal(&back, &id, sizeof(id));
    }
}


static void
test_uuid__refuses_other_spellings(void **state)
{
    static const char *const  uuids[] = {
        "", "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890a5d-ac96-774b-bcceb-302099a8057",
        "01890a5g-ac96-774b-bcce-b302099a8057",
        "0189\xc8\x9e\xca\x9b-ac96-774b-bcce-b302099a8057",
    };
    static const char *const  letters[] = {
        "", "8zzzzzzzzzzzzzzzzzzzzzzzzz", "01H455VB4PEX5VSKNK084SN02Q",
        "01h455vb4pex5vsknk084sn02", "01h455vb4pex5vsknk084sn02qq",
        "01i455vb4pex5vsknk084sn02q", "01l455vb4pex5vsknk084sn02q",
        "01o455vb4pex5vsknk084sn02q", "01u455vb4pex5vsknk084sn02q",
        "01h455vb4pex5vsknk084sn0\xc4\xb1",
    };
    uuid                      id;

    (void) state;
    for (size_t i = 0; i < COUNT(uuids); i++)
        assert_false(uuid_parse(&id, uuids[i], strlen(uuids[i])));
    for (size_t i = 0; i < COUNT(letters); i++)
        assert_false(uuid_from_base32(&id, letters[i], strlen(letters[i])));
    assert_true(uuid_parse(&id, "01890A5D-AC96-774B-BCCE-B302099A8057", 36));
}


static void
test_id__wants_its_prefix(void **state)
{
    static const struct { const char *text; bool ok; } cases[] = {
        { "prod_01h455vb4pex5vsknk084sn02q",  true },
        { "prox_01h455vb4pex5vsknk084sn02q",  false },
        { "prod-01h455vb4pex5vsknk084sn02q",  false },
        { "01h455vb4pex5vsknk084sn02q",       false },
        { "prod_",                            false },
        { "prod",                             false },
        { "",                                 false },
        { "Prod_01h455vb4pex5vsknk084sn02q",  false },
    };
    struct arena  a = { 0 };
    uuid          id;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n = strlen(cases[i].text);

        assert_int_equal(id_parse(&id, "prod", exact(&a, cases[i].text, n),
                                  n), cases[i].ok);
    }
    arena_reset(&a);
}


/* RFC 9562, appendix A.6, has the time 0x017F22E279B0. */
static void
test_uuid_v7__has_the_layout_of_the_rfc(void **state)
{
    static const uint8_t  ones[10] = { 255, 255, 255, 255, 255,
                                       255, 255, 255, 255, 255 };
    static const uint8_t  zeros[10];
    uuid                  id;
    char                  text[36];

    (void) state;
    id = uuid_v7(0x017f22e279b0 * 1000ll, ones);
    uuid_text(text, id);
    assert_memory_equal(text, "017f22e2-79b0-7000-bfff-ffffffffffff", 36);
    id = uuid_v7(0x017f22e279b0 * 1000ll + 999, zeros);
    uuid_text(text, id);
    assert_memory_equal(text, "017f22e2-79b0-7ffb-8000-000000000000", 36);
    id = uuid_v7(-5, zeros);
    uuid_text(text, id);
    assert_memory_equal(text, "00000000-0000-7000-8000-000000000000", 36);
}


static void
test_uuid_v7__sorts_by_the_microsecond(void **state)
{
    static const uint8_t  ones[10] = { 255, 255, 255, 255, 255,
                                       255, 255, 255, 255, 255 };
    static const uint8_t  zeros[10];

    (void) state;
    for (int64_t us = 1700000000000000; us < 1700000000003000; us++) {
        uuid  a = uuid_v7(us, ones), b = uuid_v7(us + 1, zeros);

        assert_true(memcmp(&a, &b, sizeof(a)) < 0);
    }
}


int
core_uuid_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid__has_the_spelling_of_typeid),
        cmocka_unit_test(test_uuid__refuses_other_spellings),
        cmocka_unit_test(test_id__wants_its_prefix),
        cmocka_unit_test(test_uuid_v7__has_the_layout_of_the_rfc),
        cmocka_unit_test(test_uuid_v7__sorts_by_the_microsecond),
    };

    return cmocka_run_group_tests_name("core/uuid", tests, NULL, NULL);
}
