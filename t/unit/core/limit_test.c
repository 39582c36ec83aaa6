/*
 * limit_test.c - token buckets: exact, also when processes ask at once.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_fixture.h"

#include "core/limit.h"

#define SECOND  UINT64_C(1000000)
#define START   (1000 * SECOND)

static const shop_limit_t rules[SHOP_LIMIT_COUNT] = {
    [SHOP_LIMIT_ADDRESS] = { 20 * 60, 40 },
    [SHOP_LIMIT_KEY] = { SHOP_LIMIT_RATE_MAX, SHOP_LIMIT_BURST_MAX },
};


static shop_str_t
who(const char *name)
{
    return (shop_str_t) { name, strlen(name) };
}


static bool
take(struct fixture *f, const char *name, unsigned cost, uint64_t at,
     struct limit_state *s)
{
    *s = (struct limit_state) { 0 };
    return limit_take(&f->cache, rules, SHOP_LIMIT_ADDRESS, who(name), cost,
                      at, s);
}


static void
a_burst_then_the_rate(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s;
    unsigned            passed = 0;

    for (unsigned i = 0; i < 40; i++) {
        assert_true(take(f, "a", 1, START, &s));
        assert_int_equal(s.left, 39 - i);
    }
    assert_string_equal(s.name, "address");
    assert_int_equal(s.burst, 40);
    assert_int_equal(s.window_s, 2);
    assert_int_equal(s.full_s, 2);
    assert_int_equal(s.wait_s, 0);

    assert_false(take(f, "a", 1, START, &s));
    assert_int_equal(s.left, 0);
    assert_int_equal(s.wait_s, 1);

    /* Ten times too often for a minute: 20 a second pass. */
    for (uint64_t i = 1; i <= 12000; i++)
        passed += take(f, "a", 1, START + i * SECOND / 200, &s);
    assert_int_equal(passed, 1200);

    /* What is left unused is not saved up beyond the burst. */
    passed = 0;
    for (unsigned i = 0; i < 100; i++)
        passed += take(f, "a", 1, START + 3600 * SECOND, &s);
    assert_int_equal(passed, 40);
}


static void
a_refusal_costs_nothing(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s;

    assert_true(take(f, "a", 40, START, &s));
    for (unsigned i = 0; i < 1000; i++)
        assert_false(take(f, "a", 1, START, &s));
    assert_true(take(f, "a", 1, START + SECOND / 20, &s));
    assert_false(take(f, "a", 2, START + SECOND / 20 + 80000, &s));
    assert_true(take(f, "a", 1, START + SECOND / 20 + 80000, &s));
}


static void
what_costs_more_than_the_burst_takes_it_all(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s;

    assert_true(take(f, "a", 1000, START, &s));
    assert_int_equal(s.left, 0);
    assert_false(take(f, "a", 1000, START + SECOND, &s));
    assert_true(take(f, "a", 1000, START + 2 * SECOND, &s));
}


static void
buckets_are_apart(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s = { 0 };
    char                name[16];

    assert_true(take(f, "a", 40, START, &s));
    assert_false(take(f, "a", 1, START, &s));
    assert_true(limit_take(&f->cache, rules, SHOP_LIMIT_KEY, who("a"), 1,
                           START, &s));
    assert_string_equal(s.name, "key");

    /* Of 5,000, two would share a word once in some hundred runs. */
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "b%u", i);
        assert_true(take(f, name, 40, START, &s));
    }

    /* Not even so many others make room for who has had his share. */
    assert_false(take(f, "a", 1, START, &s));
}


/* In a set that is full, who is closest to full gives way. */
static void
a_full_set_still_serves(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s;
    char                name[16];
    unsigned            passed = 0;

    for (unsigned i = 0; i < 4 * LIMIT_SETS * LIMIT_WAYS; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        passed += take(f, name, 1, START, &s);
    }
    assert_true(passed > 4 * LIMIT_SETS * LIMIT_WAYS * 99 / 100);
}


static void
without_a_rule_everything_passes(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s = { 0 };

    for (unsigned i = 0; i < 1000; i++)
        assert_true(limit_take(&f->cache, rules, SHOP_LIMIT_GUESS, who("a"),
                               1, START, &s));
    assert_null(s.name);
    assert_true(limit_take(&f->cache, rules, SHOP_LIMIT_ADDRESS,
                           (shop_str_t) { NULL, 0 }, 1, START, &s));
}


static void
a_look_takes_nothing(void **state)
{
    struct fixture     *f = *state;
    struct limit_state  s = { 0 };

    for (unsigned i = 0; i < 100; i++)
        assert_true(limit_peek(&f->cache, rules, SHOP_LIMIT_ADDRESS,
                               who("a"), START, &s));
    assert_true(take(f, "a", 40, START, &s));
    assert_false(limit_peek(&f->cache, rules, SHOP_LIMIT_ADDRESS, who("a"),
                            START, &s));
    assert_int_equal(s.wait_s, 1);
}


/* A rule that is another since a reload: what was taken under the old one
 * counts as far as the new one can tell, and shuts nobody out for long. */
static void
a_smaller_rule_starts_anew(void **state)
{
    struct fixture     *f = *state;
    shop_limit_t        smaller[SHOP_LIMIT_COUNT] = { { 20 * 60, 10 } };
    struct limit_state  s;

    assert_true(take(f, "a", 40, START, &s));
    assert_true(limit_take(&f->cache, smaller, SHOP_LIMIT_ADDRESS, who("a"),
                           10, START, &s));
    assert_false(limit_take(&f->cache, smaller, SHOP_LIMIT_ADDRESS, who("a"),
                            1, START, &s));
}


/* --- at once -------------------------------------------------------------- */

#define PROCESSES  4
#define TAKES      100000


static unsigned
take_many(struct cache *c)
{
    struct limit_state  s;
    unsigned            passed = 0;

    for (unsigned i = 0; i < TAKES; i++)
        passed += limit_take(c, rules, SHOP_LIMIT_KEY, who("all"), 1, START,
                             &s);
    return passed;
}


static void
processes_share_one_bucket_exactly(void **state)
{
    struct fixture *f = *state;
    unsigned       *passed = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned        sum = 0;

    assert_true(passed != MAP_FAILED);
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            passed[i] = take_many(&f->cache);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    for (unsigned i = 0; i < PROCESSES; i++)
        sum += passed[i];
    munmap(passed, 4096);
    assert_int_equal(sum, SHOP_LIMIT_BURST_MAX);
}


static void
rules_are_checked(void **state)
{
    shop_limit_t wrong[SHOP_LIMIT_COUNT] = { { 0, 0 } };

    (void) state;
    assert_null(limit_wrong(wrong));
    assert_null(limit_wrong(rules));
    wrong[SHOP_LIMIT_KEY] = (shop_limit_t) { 60, 0 };
    assert_non_null(limit_wrong(wrong));
    wrong[SHOP_LIMIT_KEY] = (shop_limit_t) { SHOP_LIMIT_RATE_MAX + 1, 1 };
    assert_non_null(limit_wrong(wrong));
    wrong[SHOP_LIMIT_KEY] = (shop_limit_t) { 1, SHOP_LIMIT_BURST_MAX + 1 };
    assert_non_null(limit_wrong(wrong));
}


int core_limit_tests(void);


int
core_limit_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(a_burst_then_the_rate),
        WITH_CACHE(a_refusal_costs_nothing),
        WITH_CACHE(what_costs_more_than_the_burst_takes_it_all),
        WITH_CACHE(buckets_are_apart),
        WITH_CACHE(a_full_set_still_serves),
        WITH_CACHE(without_a_rule_everything_passes),
        WITH_CACHE(a_look_takes_nothing),
        WITH_CACHE(a_smaller_rule_starts_anew),
        WITH_CACHE(processes_share_one_bucket_exactly),
        cmocka_unit_test(rules_are_checked),
    };

    return cmocka_run_group_tests_name("core_limit", tests, NULL, NULL);
}
