/*
 * poll_test.c - what a poll makes stale, and the lease that its answers renew.
 */
#include <stdio.h>

#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_poll_tests(void);

#define POLL  "pg_current_snapshot"


static struct poller *
poller(struct toyshop *t)
{
    return &t->shop->poller;
}


static uint64_t
counted(const struct toyshop *t, enum counter id)
{
    return t->shop->count[id];
}


/* Is what was made at this clock from one tag still good? */
static bool
good(const struct toyshop *t, const char *name, uint64_t born)
{
    cache_tag_t tag = cache_tag(name, strlen(name));

    return cache_good(&t->shop->cache, born, &tag, 1);
}


static uint64_t
clock_now(const struct toyshop *t)
{
    return cache_clock(&t->shop->cache);
}


static bool
leased(struct toyshop *t, int64_t in_ms)
{
    return cache_lease_good(&t->shop->cache,
                            shop_now_ms(t->shop) + (uint64_t) in_ms);
}


/* Row i of a poll's answer; no tag when nothing has changed. */
static void
set_row(PGresult *res, int i, const char *snapshot, const char *tag)
{
    const char *value[] = { snapshot, tag, tag == NULL ? NULL : "150",
                            "an epoch" };

    for (int k = 0; k < 4; k++)
        PQsetvalue(res, i, k, (char *) (uintptr_t) value[k],
                   value[k] == NULL ? -1 : (int) strlen(value[k]));
}


static PGresult *
no_rows(void)
{
    PGresult     *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc  column[4] = { { .name = (char *) (uintptr_t) "snapshot" },
                                { .name = (char *) (uintptr_t) "tag" },
                                { .name = (char *) (uintptr_t) "xid" },
                                { .name = (char *) (uintptr_t) "epoch" } };

    PQsetResultAttrs(res, 4, column);
    return res;
}


/* The answer of a poll: n tags, which "%u" tells apart; none is one row
 * without. */
static void
say_poll(struct toyshop *t, const char *snapshot, const char *format,
         unsigned n)
{
    PGresult *res = no_rows();
    char      tag[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(tag, sizeof(tag), "%s%u", format, i);
        set_row(res, (int) i, snapshot, tag);
    }
    if (n == 0)
        set_row(res, 0, snapshot, NULL);
    say_result(t, POLL, res);
}


static void
say_trimmed(struct toyshop *t)
{
    say_done(t, "DELETE FROM cache_change", "DELETE 0");
    pass(t, 200);
    say_poll(t, "10:10:", "", 0);
    say_done(t, "DELETE FROM idempotency_keys", "DELETE 12");
    pass(t, 200);
}


/* Past the first polls of a worker, which trust nothing and trim; the next is
 * on its way. */
static int
set_up(void **state)
{
    struct toyshop *t;
    int             rc = toyshop_up_first(state);

    t = *state;
    cache_lease_set(&t->shop->cache, 0);
    pass(t, 2);
    say_poll(t, "10:10:", "", 0);
    say_trimmed(t);
    assert_string_equal(poller(t)->values[0], "10:10:");

    return rc;
}


#define WITH_POLLER(f)                                                        \
    cmocka_unit_test_setup_teardown(f, set_up, toyshop_down)


/* --- what it makes stale ------------------------------------------------- */


static void
the_first_poll_trusts_nothing(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born = clock_now(t);

    cache_lease_set(&t->shop->cache, UINT64_MAX);
    assert_string_equal(owed(t), "");
    pass(t, 2);
    assert_string_equal(poller(t)->values[0], "1:1:");
    say_poll(t, "10:10:", "", 0);
    assert_false(good(t, "a", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 1);
    assert_int_equal(counted(t, COUNT_POLLS), 1);
}


static void
another_worker_does_not_poll(void **state)
{
    pass(*state, 5000);
    assert_string_equal(owed(*state), "");
}


static void
a_poll_makes_stale_what_it_names(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born = clock_now(t);

    say_poll(t, "12:14:12", "t", 2);
    assert_false(good(t, "t0", born));
    assert_false(good(t, "t1", born));
    assert_true(good(t, "t2", born));
    pass(t, 200);
    assert_string_equal(poller(t)->values[0], "12:14:12");
    assert_int_equal(counted(t, COUNT_LAPSES), 1);
}


static void
one_without_rows_makes_nothing_stale(void **state)
{
    struct toyshop   *t = *state;
    struct cache_poll before, after;
    uint64_t          born = clock_now(t);

    cache_poll_get(&t->shop->cache, &before);
    say_poll(t, "10:10:", "", 0);
    cache_poll_get(&t->shop->cache, &after);
    assert_true(good(t, "a", born));
    assert_int_equal(after.polls - before.polls, 1);
    assert_int_equal(after.changes, before.changes);
}


/* They are bumped in portions. */
static void
all_of_many_are_made_stale(void **state)
{
    static const unsigned  many[] = { 63, 64, 65, 128, 130 };
    struct toyshop        *t = *state;

    for (size_t i = 0; i < COUNT(many); i++) {
        uint64_t born = clock_now(t);
        char     tag[16];

        say_poll(t, "10:10:", "t", many[i]);
        for (unsigned n = 0; n <= many[i]; n++) {
            snprintf(tag, sizeof(tag), "t%u", n);
            assert_int_equal(good(t, tag, born), n == many[i]);
        }
        pass(t, 200);
    }
}


static void
a_star_makes_everything_stale(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born = clock_now(t);
    PGresult       *res = no_rows();

    set_row(res, 0, "10:10:", "*");
    say_result(t, POLL, res);
    assert_false(good(t, "another", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 1);
}


static void
a_snapshot_too_long_is_cut_to_its_least(void **state)
{
    struct toyshop *t = *state;
    char            snapshot[600];

    memset(snapshot, '9', sizeof(snapshot));
    memcpy(snapshot, "21:30:", 6);
    snapshot[511] = '\0';               /* just fits */
    say_poll(t, snapshot, "", 0);
    pass(t, 200);
    assert_string_equal(poller(t)->values[0], snapshot);
    snapshot[511] = '9';
    snapshot[512] = '\0';
    say_poll(t, snapshot, "", 0);
    pass(t, 200);
    assert_string_equal(poller(t)->values[0], "21:21:");
}


/* --- the lease ----------------------------------------------------------- */


/* From when it was asked, not from when the answer came. */
static void
an_answer_renews_the_lease_from_its_question(void **state)
{
    struct toyshop *t = *state;

    pass(t, 500);
    say_poll(t, "10:10:", "", 0);
    assert_true(leased(t, 200));
    assert_false(leased(t, 301));
}


/* What changed meanwhile was seen by nobody who served. */
static void
a_lease_that_ran_out_is_regained_with_nothing(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born = clock_now(t);

    pass(t, 900);
    assert_false(leased(t, 0));
    say_poll(t, "10:10:", "", 0);       /* in time to be heard, too late to */
    assert_false(leased(t, 0));         /* serve on                         */
    assert_false(good(t, "a", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 2);

    pass(t, 200);
    say_poll(t, "10:10:", "", 0);
    assert_int_equal(counted(t, COUNT_LAPSES), 3);
    assert_true(leased(t, 700));
    pass(t, 200);
    born = clock_now(t);
    say_poll(t, "10:10:", "", 0);
    assert_true(good(t, "a", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 3);
}


static void
what_fails_renews_nothing(void **state)
{
    static const enum db_outcome  outcomes[] = { DB_DOWN, DB_LOST, DB_BUSY };
    struct toyshop               *t = *state;
    uint64_t                      polls = counted(t, COUNT_POLLS);

    for (size_t i = 0; i < COUNT(outcomes); i++) {
        say_outcome(t, POLL, outcomes[i]);
        assert_string_equal(owed(t), "");
        pass(t, 200);
    }
    say_error(t, POLL, "", "");
    pass(t, 250);
    assert_false(leased(t, 0));
    assert_int_equal(counted(t, COUNT_POLLS), polls);
    say_poll(t, "10:10:", "", 0);
    assert_true(leased(t, 500));
}


/* Its answer, when it comes after all, is not that of the next. */
static void
a_poll_without_an_answer_is_given_up(void **state)
{
    struct toyshop *t = *state;
    uint64_t        polls = counted(t, COUNT_POLLS);

    pass(t, 1900);
    assert_non_null(poller(t)->wait.entry);
    pass(t, 100);
    assert_null(poller(t)->wait.entry);
    pass(t, 200);
    assert_non_null(poller(t)->wait.entry);
    say_poll(t, "90:90:", "t", 3);      /* the first's */
    assert_int_equal(counted(t, COUNT_POLLS), polls);
    assert_string_equal(poller(t)->snapshot, "10:10:");
    say_poll(t, "11:11:", "", 0);
    assert_int_equal(counted(t, COUNT_POLLS), polls + 1);
    assert_string_equal(poller(t)->snapshot, "11:11:");
}


/* A database that knows fewer transactions is another one. */
static void
a_step_back_trusts_nothing(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born = clock_now(t);

    say_poll(t, "9:9:", "", 0);
    assert_false(good(t, "a", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 2);
}


/* Rows may have been trimmed meanwhile, whatever the lease says. */
static void
who_was_away_trusts_nothing(void **state)
{
    struct toyshop *t = *state;

    cache_lease_set(&t->shop->cache, UINT64_MAX);
    poller(t)->answered_ms -= 480000 - 1000;
    say_poll(t, "10:10:", "", 0);
    assert_int_equal(counted(t, COUNT_LAPSES), 1);
    pass(t, 200);
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    poller(t)->answered_ms -= 480000 + 1000;
    say_poll(t, "10:10:", "", 0);
    assert_int_equal(counted(t, COUNT_LAPSES), 2);
}


/* --- the next poller ----------------------------------------------------- */


static void
the_next_poller_goes_on(void **state)
{
    struct toyshop *t = *state;
    uint64_t        born;

    say_poll(t, "12:14:12", "", 0);
    poll_close(poller(t));
    *poller(t) = (struct poller) { 0 };
    poll_open(poller(t), t->shop);
    born = clock_now(t);
    pass(t, 2);
    assert_string_equal(poller(t)->values[0], "12:12:");
    while (strstr(owed(t), POLL) == NULL)
        say_done(t, "DELETE", "DELETE 0");
    say_poll(t, "13:13:", "", 0);
    assert_true(good(t, "a", born));
    assert_int_equal(counted(t, COUNT_LAPSES), 1);
}


static void
of_another_database_it_begins_anew(void **state)
{
    struct toyshop *t = *state;

    poll_close(poller(t));
    say_poll(t, "99:99:", "", 0);       /* nobody's any more */
    *poller(t) = (struct poller) { 0 };
    t->shop->conf.database = "host=/elsewhere";
    poll_open(poller(t), t->shop);
    pass(t, 2);
    assert_string_equal(poller(t)->values[0], "1:1:");
    say_poll(t, "20:20:", "", 0);
    assert_int_equal(counted(t, COUNT_LAPSES), 2);
}


/* --- trimming ------------------------------------------------------------ */


/* One portion between two polls, a full one once more, and then a minute
 * of nothing. */
static void
full_portions_are_followed_by_another(void **state)
{
    struct toyshop *t = *state;

    pass(t, 2);
    say_poll(t, "10:10:", "", 0);
    say_done(t, "DELETE FROM cache_change", "DELETE 5000");
    pass(t, 200);
    say_poll(t, "10:10:", "", 0);
    say_done(t, "DELETE FROM cache_change", "DELETE 4999");
    pass(t, 200);
    say_poll(t, "10:10:", "", 0);
    say_outcome(t, "DELETE FROM idempotency_keys", DB_LOST);
    for (unsigned i = 4; i <= 300; i++) {
        pass(t, 200);
        say_poll(t, "10:10:", "", 0);
        assert_string_equal(owed(t), "");
    }
    pass(t, 200);
    say_poll(t, "10:10:", "", 0);
    assert_string_not_equal(owed(t), "");
}


/* Of a transaction that was open for an hour the rows are an hour old. */
static void
nothing_goes_that_not_all_have_seen(void **state)
{
    struct toyshop *t = *state;
    const char     *horizon = poller(t)->horizon;
    unsigned        n;

    for (n = 0; strcmp(horizon, "0") == 0; n++) {
        say_poll(t, "20:20:", "", 0);
        while (owed(t)[0] == 'D')
            say_done(t, "DELETE", "DELETE 0");
        pass(t, 200);
    }
    assert_in_range(n, 9 * 60 * 5, 10 * 60 * 5);
    assert_string_equal(horizon, "10");

    say_poll(t, "5:5:", "", 0);         /* ids begin again */
    assert_string_equal(horizon, "0");
}


#define AT_FIRST(f)                                                           \
    cmocka_unit_test_setup_teardown(f, toyshop_up_first, toyshop_down)


int
core_poll_tests(void)
{
    const struct CMUnitTest tests[] = {
        AT_FIRST(the_first_poll_trusts_nothing),
        WITH_TOYSHOP(another_worker_does_not_poll),
        WITH_POLLER(a_poll_makes_stale_what_it_names),
        WITH_POLLER(one_without_rows_makes_nothing_stale),
        WITH_POLLER(all_of_many_are_made_stale),
        WITH_POLLER(a_star_makes_everything_stale),
        WITH_POLLER(a_snapshot_too_long_is_cut_to_its_least),
        WITH_POLLER(an_answer_renews_the_lease_from_its_question),
        WITH_POLLER(a_lease_that_ran_out_is_regained_with_nothing),
        WITH_POLLER(what_fails_renews_nothing),
        WITH_POLLER(a_poll_without_an_answer_is_given_up),
        WITH_POLLER(a_step_back_trusts_nothing),
        WITH_POLLER(who_was_away_trusts_nothing),
        WITH_POLLER(the_next_poller_goes_on),
        WITH_POLLER(of_another_database_it_begins_anew),
        AT_FIRST(full_portions_are_followed_by_another),
        WITH_POLLER(nothing_goes_that_not_all_have_seen),
    };

    return cmocka_run_group_tests_name("core_poll", tests, NULL, NULL);
}
