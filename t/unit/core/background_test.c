/*
 * background_test.c - chains: when a round comes, what becomes of it without
 * memory and at the end; how long failures wait; tables that do not fit.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

#include "core/background.h"
#include "core/env.h"

int core_background_tests(void);

#define RELAY  "AS pending"
#define JOBS   "AS due"


static void
say_idle(struct toyshop *t)
{
    if (strstr(owed(t), RELAY) != NULL)
        say_row(t, RELAY, "pending", "f", "behind", "{}", NULL);
    else
        say_row(t, JOBS, "due", "f", "scheduled", "f", NULL);
}


/* --- rounds -------------------------------------------------------------- */


static void
both_chains_look_by_themselves(void **state)
{
    struct toyshop *t = *state;

    assert_string_equal(owed(t), "");
    pass(t, 1);
    say_idle(t);
    say_idle(t);
    assert_string_equal(owed(t), "");
    pass(t, 210);
    say_idle(t);
    say_idle(t);
    assert_string_equal(owed(t), "");
}


/* A chain that waits for an answer does not ask again. */
static void
one_step_at_a_time(void **state)
{
    struct toyshop *t = *state;

    pass(t, 1);
    say_idle(t);
    pass(t, 1000);
    say_idle(t);
    say_idle(t);
    assert_string_equal(owed(t), "");
}


static void
a_shop_without_background_asks_nothing(void **state)
{
    struct toyshop *t = *state;

    pass(t, 1000);
    assert_string_equal(owed(t), "");
    assert_null(t->shop->background.relay.chain.shop);
}


/* Whatever is short, the chain comes back, later and later, and goes on when
 * there is some again. */
static void
without_memory_it_comes_back(void **state)
{
    struct toyshop *t = *state;
    unsigned        asked = 0;

    arena_trim();
    memory_fails_at(1);
    pass(t, 1);
    assert_string_equal(owed(t), "");
    assert_int_equal(t->shop->background.relay.chain.failures, 1);
    pass(t, 410);
    assert_int_equal(t->shop->background.relay.chain.failures, 2);

    memory_fails_at(0);
    pass(t, 810);
    for (; *owed(t) != '\0'; asked++)
        say_idle(t);
    assert_int_equal(asked, 2);
    assert_int_equal(t->shop->background.relay.chain.failures, 0);
    pass(t, 210);
    assert_non_null(strstr(owed(t), RELAY));
}


/* Each allocation of a round in turn: the worst is that it comes later. */
static void
memory_may_run_out_anywhere(void **state)
{
    struct toyshop *t = *state;
    unsigned        failed = 0;

    pass(t, 1);
    for (unsigned n = 1; n < 200; n++) {
        unsigned answers = 0;

        while (*owed(t) != '\0')
            say_idle(t);
        arena_trim();
        memory_fails_at(n);
        pass(t, 26000);
        for (; *owed(t) != '\0' && answers < 4; answers++)
            say_idle(t);
        memory_fails_at(0);
        failed += answers < 2;
        if (failed < n)
            break;
    }
    assert_true(failed >= 2);
    pass(t, 60000);
    say_idle(t);
    say_idle(t);
    assert_string_equal(owed(t), "");
}


/* Requests of its own are ended by the shop's end, and nothing follows. */
static void
the_end_leaves_nothing_due(void **state)
{
    struct toyshop *t = *state;

    pass(t, 1);
    assert_string_not_equal(owed(t), "");
    shop_close(t->shop);
    t->shop = NULL;
    pass(t, 60000);
    assert_true(harness_is_idle(&t->host));
}


/* --- how long to wait ---------------------------------------------------- */


static int  fraction;           /* of 255; below 0: there is no chance       */


static int
chance(void *to, size_t n)
{
    memset(to, fraction, n);

    return fraction < 0 ? -1 : 0;
}


static void
failures_wait_longer_and_longer(void **state)
{
    int (*real)(void *buf, size_t n) = shop_env.random;

    (void) state;
    shop_env.random = chance;
    fraction = 0;
    assert_int_equal(backoff_ms(0), 1000);
    assert_int_equal(backoff_ms(1), 1000);
    assert_int_equal(backoff_ms(2), 2000);
    assert_int_equal(backoff_ms(12), 2048000);
    assert_int_equal(backoff_ms(13), 3600000);
    assert_int_equal(backoff_ms(INT64_MAX), 3600000);

    fraction = 255;
    assert_int_equal(backoff_ms(1), 1500);
    assert_int_equal(backoff_ms(1000), 5400000);

    fraction = -1;
    assert_in_range(backoff_ms(2), 2499, 2500);
    shop_env.random = real;
}


/* What failed together does not come back together. */
static void
no_two_wait_equally_long(void **state)
{
    int64_t  first = backoff_ms(10);
    bool     differs = false;

    (void) state;
    for (int i = 0; i < 100; i++) {
        int64_t ms = backoff_ms(10);

        assert_in_range(ms, 512000, 768000);
        differs |= ms != first;
    }
    assert_true(differs);
}


/* --- tables -------------------------------------------------------------- */


/* The toy's domain comes first of all, so its rows do. */
static void
rows_of_all_domains_are_one_list(void **state)
{
    size_t n = 0;
    bool   trims = false;

    (void) state;
    assert_string_equal(subscriber_at(0)->name, "all");
    assert_string_equal(subscriber_at(1)->name, "toys");
    assert_null(subscriber_at(1000));
    assert_string_equal(job_kind_at(0)->name, "unit.count");
    for (; job_kind_at(n) != NULL; n++)
        trims |= strcmp(job_kind_at(n)->name, "events.trim") == 0;
    assert_true(n >= 3);
    assert_true(trims);
    assert_null(background_wrong());
}


/* A shop with these rows does not open. */
static void
refused(const char *why, const struct subscriber *s, const struct job_kind *k)
{
    const struct subscriber *had_s = toyshop_domain()->subscribers;
    const struct job_kind   *had_k = toyshop_domain()->jobs;
    shop_conf_t              conf = SHOP_CONF_INIT;
    char                     error[200];

    conf.database = "host=/nowhere";
    conf.cursor_secret[0] = (shop_str_t) { "0123456789abcdef0123456789abcdef",
                                           32 };
    toyshop_domain()->subscribers = s != NULL ? s : had_s;
    toyshop_domain()->jobs = k != NULL ? k : had_k;
    assert_int_equal(shop_conf_check(&conf, error, sizeof(error)),
                     SHOP_E_CONF);
    toyshop_domain()->subscribers = had_s;
    toyshop_domain()->jobs = had_k;
    assert_string_equal(error, why);
}


static void
tables_that_do_not_fit_are_told(void **state)
{
    static const struct subscriber  twins[] = {
        { "a", NULL, NULL }, { "b", NULL, NULL }, { "a", NULL, NULL },
        { NULL, NULL, NULL }
    };
    static const struct job_kind    doubles[] = {
        { "a.b", NULL, NULL, 0, 0 }, { "a.b", NULL, NULL, 0, 0 },
        { NULL, NULL, NULL, 0, 0 }
    };
    static const struct job_kind    modest[] = {
        { "a.b", .yields = 86401 }, { .name = NULL }
    };
    struct subscriber               many[SUBSCRIBERS_MAX + 2] = { { 0 } };
    struct job_kind                 kinds[KINDS_MAX + 2] = { { 0 } };
    char                            name[KINDS_MAX + 1][8];

    (void) state;
    for (size_t i = 0; i <= KINDS_MAX; i++) {
        snprintf(name[i], sizeof(name[i]), "n.%zu", i);
        many[i].name = kinds[i].name = name[i];
    }
    refused("two subscribers have one name", twins, NULL);
    refused("two kinds of jobs have one name", NULL, doubles);
    refused("a kind of jobs yields less than nothing or more than a day",
            NULL, modest);
    refused("there are more than 64 subscribers", many, NULL);
    refused("there are more than 64 kinds of jobs", NULL, kinds);
}


int
core_background_tests(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_WORKING_TOYSHOP(both_chains_look_by_themselves),
        WITH_WORKING_TOYSHOP(one_step_at_a_time),
        WITH_TOYSHOP(a_shop_without_background_asks_nothing),
        WITH_WORKING_TOYSHOP(without_memory_it_comes_back),
        WITH_WORKING_TOYSHOP(memory_may_run_out_anywhere),
        WITH_WORKING_TOYSHOP(the_end_leaves_nothing_due),
        cmocka_unit_test(failures_wait_longer_and_longer),
        cmocka_unit_test(no_two_wait_equally_long),
        cmocka_unit_test(rows_of_all_domains_are_one_list),
        cmocka_unit_test(tables_that_do_not_fit_are_told),
    };

    return cmocka_run_group_tests_name("core_background", tests, NULL, NULL);
}
