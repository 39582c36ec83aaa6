/*
 * money_test.c - sums, rounding, shares, and amounts as text.
 */
#include "check.h"

#include <stdio.h>

#include "core/money.h"

int core_money_tests(void);


static void
test_money__adds_one_currency_only(void **state)
{
    const struct money  a = { 100, "EUR" }, b = { -30, "EUR" };
    const struct money  other = { 1, "TRY" }, none = { 0, "" };
    const struct money  most = { AMOUNT_MAX, "EUR" };
    struct money        out = { 7, "QQQ" };

    (void) state;
    assert_false(money_add(&out, &a, &other));
    assert_false(money_add(&out, &most, &a));
    assert_false(money_subtract(&out, &b, &most));
    assert_int_equal(out.amount, 7);
    assert_true(money_add(&out, &a, &b));
    assert_int_equal(out.amount, 70);
    assert_true(money_subtract(&out, &a, &b));
    assert_int_equal(out.amount, 130);
    assert_string_equal(out.currency, "EUR");
    assert_true(money_add(&out, &none, &a));
    assert_string_equal(out.currency, "EUR");
    assert_true(money_subtract(&out, &none, &a));
    assert_int_equal(out.amount, -100);
    assert_true(money_add(&out, &out, &out));
    assert_int_equal(out.amount, -200);
}


static void
test_money__rounds_as_it_is_told(void **state)
{
    static const struct { int64_t amount, times, by; int64_t up, even, zero; }
    cases[] = {
        {  5, 1,  2,  3,  2,  2 },  { -5, 1,  2, -3, -2, -2 },
        {  7, 1,  2,  4,  4,  3 },  { -7, 1,  2, -4, -4, -3 },
        {  5, 1, -2, -3, -2, -2 },  { -5, 1, -2,  3,  2,  2 },
        { 10, 1,  3,  3,  3,  3 },  { 11, 1,  3,  4,  4,  3 },
        { 1999, 18, 100, 360, 360, 359 },
        { 0, 5, 7, 0, 0, 0 },       { 9, 2, 3, 6, 6, 6 },
        { AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX, AMOUNT_MAX,
          AMOUNT_MAX },
        { 1, 1, INT64_MIN, 0, 0, 0 },
    };
    struct money  out;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct money  m = { cases[i].amount, "EUR" };

        assert_true(money_scale(&out, &m, cases[i].times, cases[i].by,
                                HALF_UP));
        assert_int_equal(out.amount, cases[i].up);
        assert_true(money_scale(&out, &m, cases[i].times, cases[i].by,
                                HALF_EVEN));
        assert_int_equal(out.amount, cases[i].even);
        assert_true(money_scale(&out, &m, cases[i].times, cases[i].by,
                                TOWARDS_ZERO));
        assert_int_equal(out.amount, cases[i].zero);
    }
    out = (struct money) { 1, "EUR" };
    assert_false(money_scale(&out, &out, 1, 0, HALF_UP));
    assert_false(money_scale(&out, &out, INT64_MAX, 1, HALF_UP));
    assert_int_equal(out.amount, 1);
}


static void
test_money__shares_by_the_largest_rest(void **state)
{
    static const struct { int64_t amount; size_t n; int64_t weights[5];
                          int64_t parts[5]; } cases[] = {
        { 100, 3, { 1, 1, 1 },          { 34, 33, 33 } },
        { -100, 3, { 1, 1, 1 },         { -34, -33, -33 } },
        { 5, 3, { 1, 1, 1 },            { 2, 2, 1 } },
        { 1, 3, { 0, 1, 1 },            { 0, 1, 0 } },
        { 0, 2, { 1, 2 },               { 0, 0 } },
        { 10, 1, { 7 },                 { 10 } },
        { 1000, 4, { 1999, 999, 1, 0 }, { 667, 333, 0, 0 } },
        { 7, 5, { 3, 3, 3, 3, 3 },      { 2, 2, 1, 1, 1 } },
        { 10, 3, { 6, 3, 1 },           { 6, 3, 1 } },
        { 101, 3, { 6, 3, 1 },          { 61, 30, 10 } },
    };
    int64_t       parts[5];

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(money_split(cases[i].amount, cases[i].weights, cases[i].n,
                                parts));
        for (size_t k = 0; k < cases[i].n; k++)
            assert_int_equal(parts[k], cases[i].parts[k]);
    }
}


/* Never a unit lost, never a part further than one from its exact share. */
static void
test_money__shares_add_up(void **state)
{
    enum      { N = 37 };
    int64_t   weights[N], parts[N];
    uint64_t  x = 88172645463325252ull;

    (void) state;
    for (int round = 0; round < 2000; round++) {
        __int128  total = 0, sum = 0;
        int64_t   amount;

        for (int i = 0; i < N; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            weights[i] = (int64_t) (x % (round % 2 ? 10 : 1ull << 57));
            sum += weights[i];
        }
        amount = (int64_t) (x % (2 * AMOUNT_MAX)) - AMOUNT_MAX;
        assert_true(money_split(amount, weights, N, parts));
        for (int i = 0; i < N; i++) {
            __int128  off = (__int128) parts[i] * sum
                            - (__int128) amount * weights[i];

            total += parts[i];
            assert_true(off < sum && off > -sum);
        }
        assert_true(total == amount);
    }
}


static void
test_money__refuses_weights_that_share_nothing(void **state)
{
    static const int64_t  zeros[] = { 0, 0 }, negative[] = { 3, -1 };
    static const int64_t  large[] = { INT64_MAX, 1 };
    int64_t               parts[2] = { 5, 6 };

    (void) state;
    assert_false(money_split(10, zeros, 2, parts));
    assert_false(money_split(10, negative, 2, parts));
    assert_false(money_split(10, large, 2, parts));
    assert_false(money_split(10, zeros, 0, parts));
    assert_false(money_split(INT64_MIN, large, 1, parts));
    assert_int_equal(parts[0], 5);
    assert_true(money_split(AMOUNT_MAX, large, 1, parts));
    assert_true(parts[0] == AMOUNT_MAX);
}


static void
test_money__knows_the_decimals(void **state)
{
    static const struct { const char *code; int exponent; } cases[] = {
        { "EUR", 2 }, { "TRY", 2 }, { "USD", 2 }, { "JPY", 0 }, { "KWD", 3 },
        { "CLF", 4 }, { "ISK", 0 }, { "ZWL", 2 }, { "XPF", 0 }, { "TND", 3 },
        { "eur", -1 }, { "QQQ", -1 }, { "", -1 }, { "EU", -1 },
        { "EURO", -1 }, { "UR ", -1 }, { "R E", -1 }, { "AED AFN", -1 },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(currency_exponent(cases[i].code), cases[i].exponent);
}


static void
test_money__reads_decimal_text(void **state)
{
    static const struct { const char *text, *currency; enum money_error error;
                          int64_t amount; } cases[] = {
        { "1234.56",   "EUR", MONEY_OK, 123456 },
        { "1234.5",    "EUR", MONEY_OK, 123450 },
        { "1234",      "EUR", MONEY_OK, 123400 },
        { "-0.05",     "EUR", MONEY_OK, -5 },
        { "0",         "EUR", MONEY_OK, 0 },
        { "007.10",    "EUR", MONEY_OK, 710 },
        { "1.000000",  "EUR", MONEY_OK, 100 },
        { "1200",      "JPY", MONEY_OK, 1200 },
        { "1200.00",   "JPY", MONEY_OK, 1200 },
        { "1.234",     "KWD", MONEY_OK, 1234 },
        { "1.2345",    "CLF", MONEY_OK, 12345 },
        { "90071992547409.91", "EUR", MONEY_OK, AMOUNT_MAX },
        { "90071992547409.92", "EUR", MONEY_OUT_OF_RANGE, 0 },
        { "90071992547410", "EUR", MONEY_OUT_OF_RANGE, 0 },
        { "99999999999999999999999999", "EUR", MONEY_OUT_OF_RANGE, 0 },
        { "1844674407370956", "CLF", MONEY_OUT_OF_RANGE, 0 },
        { "-9007199254740991", "CLF", MONEY_OUT_OF_RANGE, 0 },
        { "900719925474.0991", "CLF", MONEY_OK, AMOUNT_MAX },
        { "1.005",     "EUR", MONEY_TOO_MANY_DECIMALS, 0 },
        { "1200.5",    "JPY", MONEY_TOO_MANY_DECIMALS, 0 },
        { "1.2345",    "KWD", MONEY_TOO_MANY_DECIMALS, 0 },
        { "1",         "QQQ", MONEY_UNKNOWN_CURRENCY, 0 },
        { "",          "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "-",         "EUR", MONEY_NOT_A_NUMBER, 0 },
        { ".5",        "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "5.",        "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "1,50",      "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "1.5.0",     "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "1e3",       "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "+1",        "EUR", MONEY_NOT_A_NUMBER, 0 },
        { " 1",        "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "1 ",        "EUR", MONEY_NOT_A_NUMBER, 0 },
        { "$1",        "EUR", MONEY_NOT_A_NUMBER, 0 },
    };
    struct arena  a = { 0 };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct money  m = { 0, "" };
        size_t        n = strlen(cases[i].text);

        if (money_parse(&m, exact(&a, cases[i].text, n), n,
                        cases[i].currency) != cases[i].error)
            fail_msg("%s %s", cases[i].text, cases[i].currency);
        assert_int_equal(m.amount, cases[i].amount);
    }
    arena_reset(&a);
}


static void
test_money__writes_decimal_text(void **state)
{
    static const struct { struct money m; const char *text; } cases[] = {
        { { 123456, "EUR" }, "1234.56" },  { { -5, "EUR" }, "-0.05" },
        { { 0, "EUR" }, "0.00" },          { { 1200, "JPY" }, "1200" },
        { { -1234, "KWD" }, "-1.234" },    { { 7, "QQQ" }, "7" },
        { { -AMOUNT_MAX, "CLF" }, "-900719925474.0991" },
    };
    char  out[24];

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t  n = money_text(out, &cases[i].m);

        assert_string_equal(out, cases[i].text);
        assert_int_equal(n, strlen(out));
    }
}


int
core_money_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money__adds_one_currency_only),
        cmocka_unit_test(test_money__rounds_as_it_is_told),
        cmocka_unit_test(test_money__shares_by_the_largest_rest),
        cmocka_unit_test(test_money__shares_add_up),
        cmocka_unit_test(test_money__refuses_weights_that_share_nothing),
        cmocka_unit_test(test_money__knows_the_decimals),
        cmocka_unit_test(test_money__reads_decimal_text),
        cmocka_unit_test(test_money__writes_decimal_text),
    };

    return cmocka_run_group_tests_name("core/money", tests, NULL, NULL);
}
