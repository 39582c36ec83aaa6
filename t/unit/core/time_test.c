/*
 * time_test.c - instants as text, against the C library's calendar.
 */
#include "check.h"

#include <stdio.h>
#include <time.h>

#include "core/text.h"

int core_time_tests(void);


static void
test_stamp__reads_rfc_3339(void **state)
{
    static const struct { const char *in, *out; } cases[] = {
        { "2026-07-27T10:00:00Z",          "2026-07-27T10:00:00.000000Z" },
        { "2026-07-27t10:00:00z",          "2026-07-27T10:00:00.000000Z" },
        { "2026-07-27T10:00:00.5Z",        "2026-07-27T10:00:00.500000Z" },
        { "2026-07-27T10:00:00.1234567Z",  "2026-07-27T10:00:00.123456Z" },
        { "2026-07-27T10:00:00.999999999Z", "2026-07-27T10:00:00.999999Z" },
        { "2026-07-27T10:00:00+03:00",     "2026-07-27T07:00:00.000000Z" },
        { "2026-07-27T10:00:00-05:30",     "2026-07-27T15:30:00.000000Z" },
        { "2026-01-01T00:30:00+01:00",     "2025-12-31T23:30:00.000000Z" },
        { "2026-07-27T10:00:00-00:00",     "2026-07-27T10:00:00.000000Z" },
        { "2024-02-29T00:00:00Z",          "2024-02-29T00:00:00.000000Z" },
        { "2000-02-29T23:59:59Z",          "2000-02-29T23:59:59.000000Z" },
        { "2016-12-31T23:59:60Z",          "2017-01-01T00:00:00.000000Z" },
        { "0001-01-01T00:00:00Z",          "0001-01-01T00:00:00.000000Z" },
        { "9999-12-31T23:59:59.999999Z",   "9999-12-31T23:59:59.999999Z" },
        { "1969-12-31T23:59:59.999999Z",   "1969-12-31T23:59:59.999999Z" },
        { "2023-02-29T00:00:00Z", NULL },  { "1900-02-29T00:00:00Z", NULL },
        { "2026-13-01T00:00:00Z", NULL },  { "2026-00-01T00:00:00Z", NULL },
        { "2026-04-31T00:00:00Z", NULL },  { "2026-04-00T00:00:00Z", NULL },
        { "2026-07-27T24:00:00Z", NULL },  { "2026-07-27T10:60:00Z", NULL },
        { "2026-07-27T10:00:61Z", NULL },  { "2026-07-27T10:00:00", NULL },
        { "2026-07-27T10:00Z", NULL },     { "2026-07-27", NULL },
        { "2026-07-27 10:00:00Z", NULL },  { "2026-07-27T10:00:00.Z", NULL },
        { "2026-07-27T10:00:00+0300", NULL },
        { "2026-07-27T10:00:00+24:00", NULL },
        { "2026-07-27T10:00:00+03:60", NULL },
        { "2026-07-27T10:00:00Z ", NULL }, { " 2026-07-27T10:00:00Z", NULL },
        { "26-07-27T10:00:00Z", NULL },    { "0000-01-01T00:00:00Z", NULL },
        { "0001-01-01T00:00:00+00:01", NULL },
        { "9999-12-31T23:59:59-00:01", NULL },
        { "9999-12-31T23:59:60Z", NULL },  { "", NULL },
        { "2026-07-27T10:00:00.5", NULL }, { "2026-7-27T10:00:00Z", NULL },
        { "+026-07-27T10:00:00Z", NULL },
    };
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n = strlen(cases[i].in);
        stamp   at;
        char    text[27];

        if (stamp_parse(&at, exact(&a, cases[i].in, n), n)
            != (cases[i].out != NULL))
            fail_msg("%s", cases[i].in);
        if (cases[i].out != NULL) {
            stamp_text(text, at);
            assert_memory_equal(text, cases[i].out, 27);
        }
    }
    arena_reset(&a);
}


static void
test_stamp__reads_what_postgresql_writes(void **state)
{
    static const struct { const char *in, *out; } cases[] = {
        { "2026-07-27 10:00:00+00",        "2026-07-27T10:00:00.000000Z" },
        { "2026-07-27 10:00:00.5+00",      "2026-07-27T10:00:00.500000Z" },
        { "2026-07-27 10:00:00.123456+00", "2026-07-27T10:00:00.123456Z" },
        { "infinity", NULL },              { "-infinity", NULL },
        { "0044-03-15 12:00:00+00 BC", NULL },
        { "10000-01-01 00:00:00+00", NULL },
        { "2026-07-27 10:00:00", NULL },
        { "2026-07-27 10:00:00+03", NULL },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        stamp  at;
        char   text[27];

        assert_int_equal(stamp_from_pg(&at, cases[i].in,
                                       strlen(cases[i].in)),
                         cases[i].out != NULL);
        if (cases[i].out != NULL) {
            stamp_text(text, at);
            assert_memory_equal(text, cases[i].out, 27);
        }
    }
}


/* Every day of ten thousand years, and back. */
static void
test_stamp__agrees_with_gmtime_on_every_day(void **state)
{
    (void) state;
    for (int64_t day = -719162; day <= 2932896; day++) {
        time_t     t = (time_t) (day * 86400 + 45296);
        struct tm  tm;
        char       text[27], want[64];
        stamp      back;

        gmtime_r(&t, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT12:34:56.000789Z",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
        stamp_text(text, (stamp) { t * 1000000ll + 789 });
        if (memcmp(text, want, 27) != 0)
            fail_msg("%.27s is not %s", text, want);
        assert_true(stamp_parse(&back, text, 27));
        assert_true(back.us == t * 1000000ll + 789);
    }
}


static void
test_stamp__stays_within_four_digits(void **state)
{
    char  text[27];

    (void) state;
    stamp_text(text, (stamp) { INT64_MAX });
    assert_memory_equal(text, "9999-12-31T23:59:59.999999Z", 27);
    stamp_text(text, (stamp) { INT64_MIN });
    assert_memory_equal(text, "0001-01-01T00:00:00.000000Z", 27);
}


int
core_time_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamp__reads_rfc_3339),
        cmocka_unit_test(test_stamp__reads_what_postgresql_writes),
        cmocka_unit_test(test_stamp__agrees_with_gmtime_on_every_day),
        cmocka_unit_test(test_stamp__stays_within_four_digits),
    };

    return cmocka_run_group_tests_name("core/time", tests, NULL, NULL);
}
