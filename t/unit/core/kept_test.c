/*
 * kept_test.c - answers that are kept (kept.c, kept_gzip.c): which are, who
 * makes them while others wait, and who gets an old one.
 */
#include <stdio.h>

#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_kept_tests(void);

static unsigned  runs, tags;
static bool      reads;                 /* a row first                       */
static int64_t   bounds[2];             /* seconds                           */
static bool      says;                  /* for how long it is good           */
static unsigned  clock_slot;
static size_t    beside;                /* taken beside the answer           */
static size_t    bytes;                 /* of the answer                     */
static char      text[CACHE_MAX_BODY + 2];


static void
show(struct request *rq)
{
    struct query q;

    runs++;
    for (unsigned i = 0; i < tags; i++)
        tag(rq, text_of(rq, "tag%u", i));
    if (reads) {
        sql_start(rq, &q, &toy_select, NULL, NULL);
        if (sql_row(rq, &q) == NULL)
            fail(rq, &not_found);
    }
    for (unsigned i = 0; i < 2; i++)
        valid_for(rq, bounds[i]);
    reply_text(rq, 200, "text/plain", text, bytes);
}


/* The settings are known, and nobody asks for them. */
static int
set_up(void **state)
{
    struct toyshop *t;
    int             rc = toyshop_up(state);

    t = *state;
    t->shop->settings.data = (void *) (uintptr_t) "web";
    t->shop->settings.born = cache_clock(&t->shop->cache);
    toys.handler = show;
    runs = 0;
    tags = 1;
    reads = false;
    bounds[0] = bounds[1] = INT_NONE;
    bytes = 5;
    memset(text, 'a', sizeof(text));

    return rc;
}


#define WITH_KEPT(f)  cmocka_unit_test_setup_teardown(f, set_up, toyshop_down)


static void
get(struct toyshop *t, struct asked *a)
{
    ask(t, a, "GET", "/unit/kept", NULL);
}


static void
get_as(struct toyshop *t, const char *path, const char *cache)
{
    struct asked a = { 0 };

    ask(t, &a, "GET", path, NULL);
    assert_int_equal(a.answers, 1);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.cache, cache);
}


static void
bump(struct toyshop *t, const char *name)
{
    cache_tag_t tag = cache_tag(name, strlen(name));

    cache_bump(&t->shop->cache, &tag, 1);
}


static void
say_toy(struct toyshop *t)
{
    say_row(t, "SELECT toys", "n", "1", NULL);
}


/* --- what is kept -------------------------------------------------------- */


static void
an_answer_is_made_once(void **state)
{
    struct asked a = { 0 };

    get_as(*state, "/unit/kept", "miss");
    get(*state, &a);
    assert_answer(&a, 200, "aaaaa");
    assert_string_equal(a.cache, "hit");
    assert_head(&a, "Cache-Status: shop; hit\n");
    assert_int_equal(runs, 1);
    bump(*state, "another");
    get_as(*state, "/unit/kept", "hit");
    bump(*state, "tag0");
    get_as(*state, "/unit/kept", "miss");
    assert_int_equal(runs, 2);
}


static void
an_answer_has_1_to_64_tags(void **state)
{
    static const struct { unsigned tags; const char *second; } cases[] = {
        { 0, "miss" }, { 1, "hit" }, { CACHE_MAX_TAGS, "hit" },
        { CACHE_MAX_TAGS + 1, "miss" }, { 3 * CACHE_MAX_TAGS, "miss" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        tags = cases[i].tags;
        get_as(*state, "/unit/kept", "miss");
        get_as(*state, "/unit/kept", cases[i].second);
        bump(*state, "tag0");
    }
}


/* One of them is that of the settings. */
static void
by_language_there_is_room_for_63(void **state)
{
    tags = CACHE_MAX_TAGS - 1;
    get_as(*state, "/unit/kept/context", "miss");
    get_as(*state, "/unit/kept/context", "hit");
    tags = CACHE_MAX_TAGS;
    get_as(*state, "/unit/kept/context?locale=de", "miss");
    get_as(*state, "/unit/kept/context?locale=de", "miss");
}


static void
what_changed_while_it_was_made_is_not_kept(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    reads = true;
    get(t, &a);
    bump(t, "tag0");
    say_toy(t);
    assert_answer(&a, 200, "aaaaa");
    reads = false;
    get_as(t, "/unit/kept", "miss");
}


static void
nor_what_settings_that_changed_chose(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    reads = true;
    ask(t, &a, "GET", "/unit/kept/context", NULL);
    bump(t, "store");
    say_toy(t);
    assert_answer(&a, 200, "aaaaa");
    assert_int_equal(t->shop->count[COUNT_CACHE_STORED], 0);
}


/* Who waited for another one chose by settings that were good then: what he
 * makes when it is his turn is younger than their change, and knows nothing
 * of it. */
static void
nor_what_was_chosen_before_he_waited(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    reads = true;
    ask(t, &a, "GET", "/unit/kept/context", NULL);
    ask(t, &b, "GET", "/unit/kept/context", NULL);
    bump(t, "store");
    shop_detach(a.call);
    pass(t, 5);
    assert_int_equal(runs, 2);
    say_toy(t);
    say_toy(t);
    assert_answer(&b, 200, "aaaaa");
    assert_int_equal(t->shop->count[COUNT_CACHE_STORED], 0);
}


static void
only_a_success_is_kept(void **state)
{
    struct toyshop *t = *state;

    reads = true;
    for (unsigned i = 1; i <= 2; i++) {
        struct asked a = { 0 };

        get(t, &a);
        say_none(t, "SELECT toys");
        assert_problem(&a, 404, "not_found");
        assert_int_equal(runs, i);
    }
}


/* It has tags, and would be good for as long as any. */
static void
show_elsewhere(struct request *rq)
{
    runs++;
    tag(rq, "tag0");
    reply_redirect(rq, 301, "/there");
}


static void
a_redirect_is_not_kept(void **state)
{
    toys.handler = show_elsewhere;
    for (unsigned i = 1; i <= 2; i++) {
        struct asked a = { 0 };

        get(*state, &a);
        assert_int_equal(a.status, 301);
        assert_int_equal(runs, i);
    }
}


static void
the_least_bound_holds(void **state)
{
    struct toyshop *t = *state;

    bounds[0] = 60;
    bounds[1] = 20;
    get_as(t, "/unit/kept", "miss");
    pass(t, 19000);
    get_as(t, "/unit/kept", "hit");
    pass(t, 1000);
    get_as(t, "/unit/kept", "miss");

    bounds[0] = 0;                      /* not at all */
    pass(t, 20000);
    get_as(t, "/unit/kept", "miss");
    get_as(t, "/unit/kept", "miss");
    bounds[0] = -5;
    get_as(t, "/unit/kept", "miss");
    get_as(t, "/unit/kept", "miss");
}


static void
each_language_and_encoding_has_its_own(void **state)
{
    struct toyshop *t = *state;
    struct asked    tr = { 0 }, gzip = { 0 };

    get_as(t, "/unit/kept/context", "miss");
    ask_header(&tr, SHOP_H_ACCEPT_LANGUAGE, "tr");
    ask(t, &tr, "GET", "/unit/kept/context", NULL);
    assert_string_equal(tr.cache, "miss");
    assert_head(&tr, "Content-Language: tr\n");
    ask_header(&gzip, SHOP_H_ACCEPT_ENCODING, "gzip");
    ask(t, &gzip, "GET", "/unit/kept/context", NULL);
    assert_string_equal(gzip.cache, "miss");
    get_as(t, "/unit/kept/context", "hit");
    assert_int_equal(runs, 3);
}


/* Path, query, channel, language and currency, each with its end: 1,024. */
static void
a_key_has_at_most_1024_bytes(void **state)
{
    char path[2000];

    for (size_t n = 984; n < 1100; n++) {
        size_t key = 8 + 1 + n + 2 + sizeof("web") + sizeof("en")
                     + sizeof("EUR");

        memset(path, '&', n + 1);       /* a query of nothing */
        memcpy(path, "/unit/kept/context?", 19);
        path[n + 1] = '\0';
        get_as(*state, path, "miss");
        get_as(*state, path, key <= 1024 ? "hit" : "miss");
    }
}


static const struct stmt clock_select = {
    .name = "clock_select", .text = "SELECT shop_now()", .by_clock = true,
    .slot = &clock_slot,
};


static void
show_by_clock(struct request *rq)
{
    struct query q;

    sql_start(rq, &q, &clock_select, NULL, NULL);
    tag(rq, "clock");
    if (says)
        valid_for(rq, INT_NONE);
    reply_text(rq, 200, "text/plain", "noon", 4);
}


static void
what_depends_on_the_time_says_for_how_long(void **state)
{
    toys.handler = show_by_clock;
    says = false;
    get_as(*state, "/unit/kept", "miss");
    get_as(*state, "/unit/kept", "miss");
    says = true;
    get_as(*state, "/unit/kept", "miss");
    get_as(*state, "/unit/kept", "hit");
}


static void
show_by_clock_twice(struct request *rq)
{
    struct query q[2];

    sql_start(rq, &q[0], &clock_select, NULL, NULL);
    sql_start(rq, &q[1], &clock_select, NULL, NULL);
    tag(rq, "clock");
    (void) sql_done(rq, &q[0]);
    (void) sql_done(rq, &q[1]);
    valid_for(rq, 60);
    reply_text(rq, 200, "text/plain", "noon", 4);
}


static void
get_by_clock_twice(struct toyshop *t, uint64_t second, const char *cache)
{
    struct asked a = { 0 };

    get(t, &a);
    for (uint64_t batch = 1; owed(t)[0] != '\0'; batch = second) {
        owed_sent_with(t, batch);
        say_done(t, "shop_now", "SELECT 1");
    }
    assert_answer(&a, 200, "noon");
    assert_string_equal(a.cache, cache);
}


/* Who says for how long may have looked at another moment than the others. */
static void
what_was_read_at_two_moments_is_not_kept(void **state)
{
    toys.handler = show_by_clock_twice;
    get_by_clock_twice(*state, 2, "miss");
    get_by_clock_twice(*state, 1, "miss");
    get_by_clock_twice(*state, 1, "hit");
}


static void
show_caller(struct request *rq)
{
    tag(rq, "caller");
    reply_text(rq, 200, "text/plain",
               caller(rq)->kind == ANONYMOUS ? "nobody" : "you", 3);
}


/* It would be shown to others. */
static void
who_asks_for_the_caller_has_no_answer_to_keep(void **state)
{
    struct asked a = { 0 }, b = { 0 };

    toys.handler = show_caller;
    get(*state, &a);
    assert_int_equal(a.status, 500);
    get(*state, &b);
    assert_int_equal(b.status, 500);
}


static void
nothing_is_kept_when_it_is_off(void **state)
{
    ((struct toyshop *) *state)->shop->conf.cache_off = 1;
    get_as(*state, "/unit/kept", "miss");
    get_as(*state, "/unit/kept", "miss");
}


static void
who_has_it_is_told_so(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };
    char            etag[64];

    get(t, &a);
    assert_int_equal(sscanf(strstr(a.head, "ETag: ") + 6, "%63s", etag), 1);
    ask_header(&b, SHOP_H_IF_NONE_MATCH, etag);
    get(t, &b);
    assert_answer(&b, 304, "");
    assert_string_equal(b.cache, "hit");
}


/* The host has no memory for it: a request of its own may have. */
static void
without_room_it_is_a_request(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    get_as(t, "/unit/kept", "miss");
    a.no_room = true;
    get(t, &a);
    assert_answer(&a, 200, "aaaaa");
    assert_string_equal(a.cache, "hit");
    assert_int_equal(runs, 1);
    assert_int_equal(t->shop->count[COUNT_CACHE_HITS], 0);
}


/* --- one makes it -------------------------------------------------------- */


static void
others_wait_for_who_makes_it(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    reads = true;
    get(t, &a);
    get(t, &b);
    assert_int_equal(runs, 1);
    pass(t, 5);
    assert_int_equal(runs, 1);
    assert_waits(&b);
    say_toy(t);
    assert_answer(&a, 200, "aaaaa");
    assert_waits(&b);
    pass(t, 5);
    assert_answer(&b, 200, "aaaaa");
    assert_string_equal(b.cache, "hit");
    assert_int_equal(runs, 1);
}


/* Who makes it leaves: the next to look makes it, and does not wait until
 * the claim is too old. */
static void
who_leaves_leaves_it_to_the_next(void **state)
{
    struct toyshop *t = *state;

    reads = true;
    for (unsigned i = 0; i < 3; i++) {
        struct asked a = { 0 }, b = { 0 };

        runs = 0;
        get(t, &a);
        get(t, &b);
        assert_int_equal(runs, 1);
        if (i == 0)
            shop_detach(a.call);
        else if (i == 1)
            say_none(t, "SELECT toys");
        else
            say_outcome(t, "SELECT toys", DB_DOWN);
        pass(t, 5);
        assert_int_equal(runs, 2);
        assert_waits(&b);
        shop_detach(b.call);
        while (owed(t)[0] != '\0')
            say_toy(t);
    }
}


static void
a_claim_that_is_too_old_is_taken_over(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };

    reads = true;
    get(t, &a);
    pass(t, 1900);
    get(t, &b);
    assert_int_equal(runs, 1);
    pass(t, 100);
    assert_int_equal(runs, 2);
    get(t, &c);
    assert_int_equal(runs, 2);          /* it waits for the second */
}


/* Nobody waits longer than he would need to make it. */
static void
who_has_looked_100_times_makes_his_own(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };
    unsigned        turns = 0;

    reads = true;
    get(t, &a);
    get(t, &b);
    while (runs == 1 && turns < 200) {
        pass(t, 3);
        turns++;
    }
    assert_in_range(turns, 100, 101);
    say_toy(t);
    say_toy(t);
    assert_answer(&a, 200, "aaaaa");
    assert_answer(&b, 200, "aaaaa");
}


/* The claim is the first's, not of him who gave up waiting for it. */
static void
who_waited_ends_nobodys_claim(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };

    reads = true;
    get(t, &a);
    get(t, &b);
    shop_detach(b.call);
    get(t, &c);
    assert_int_equal(runs, 1);
}


/* --- old ones ------------------------------------------------------------ */


static void
keep_and_lapse(struct toyshop *t)
{
    get_as(t, "/unit/kept", "miss");
    cache_lease_set(&t->shop->cache, 0);
    reads = true;
}


/* Who asked first will have no answer, and nobody asks again for a while. */
static void
also_while_somebody_asks_for_the_settings(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    get_as(t, "/unit/kept/context", "miss");
    cache_lease_set(&t->shop->cache, 0);
    t->shop->settings.asked_ms = shop_now_ms(t->shop);
    reads = true;
    ask(t, &a, "GET", "/unit/kept/context", NULL);
    say_outcome(t, "SELECT toys", DB_DOWN);
    assert_answer(&a, 200, "aaaaa");
    assert_string_equal(a.cache, "stale");

    ask(t, &b, "GET", "/unit/kept/context", NULL);
    say_toy(t);
    assert_answer(&b, 200, "aaaaa");
    assert_int_equal(t->shop->count[COUNT_CACHE_STORED], 1);
}


static void
without_postgresql_an_old_one_is_sent(void **state)
{
    static const enum db_outcome  outages[] = { DB_DOWN, DB_LOST, DB_BUSY };
    struct toyshop               *t = *state;

    keep_and_lapse(t);
    for (size_t i = 0; i < COUNT(outages); i++) {
        struct asked a = { 0 };

        get(t, &a);
        assert_waits(&a);
        say_outcome(t, "SELECT toys", outages[i]);
        assert_answer(&a, 200, "aaaaa");
        assert_string_equal(a.cache, "stale");
        assert_head(&a, "Cache-Status: shop; fwd=stale\n");
    }
    assert_int_equal(t->shop->count[COUNT_CACHE_STALE], COUNT(outages));
}


/* It is not there: that is an answer. */
static void
a_problem_of_its_own_is_told(void **state)
{
    struct asked a = { 0 };

    keep_and_lapse(*state);
    get(*state, &a);
    say_none(*state, "SELECT toys");
    assert_problem(&a, 404, "not_found");
}


static void
while_all_is_well_none_is_sent(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    get_as(t, "/unit/kept", "miss");
    bump(t, "tag0");
    reads = true;
    get(t, &a);
    say_outcome(t, "SELECT toys", DB_DOWN);
    assert_problem(&a, 503, "database_unavailable");
}


static void
nor_one_that_is_known_to_be_wrong(void **state)
{
    struct asked a = { 0 };

    keep_and_lapse(*state);
    bump(*state, "tag0");
    get(*state, &a);
    say_outcome(*state, "SELECT toys", DB_DOWN);
    assert_problem(&a, 503, "database_unavailable");
}


static void
nor_one_that_is_too_old(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    keep_and_lapse(t);
    pass(t, t->shop->conf.cache_stale_ms + 1000);
    get(t, &a);
    say_outcome(t, "SELECT toys", DB_DOWN);
    assert_problem(&a, 503, "database_unavailable");
}


static void
who_has_an_old_one_does_not_wait_for_long(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    keep_and_lapse(t);
    get(t, &a);
    pass(t, 500);
    assert_waits(&a);
    pass(t, 600);
    assert_answer(&a, 200, "aaaaa");
    assert_string_equal(a.cache, "stale");
}


static void
who_has_none_has_all_his_time(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    cache_lease_set(&t->shop->cache, 0);
    reads = true;
    get(t, &a);
    pass(t, 1100);
    assert_waits(&a);
    pass(t, 3000);
    assert_waits(&a);
    pass(t, 1000);
    assert_problem(&a, 504, "deadline_exceeded");
    assert_int_equal(t->shop->count[COUNT_DEADLINES], 1);
}


/* --- as gzip ------------------------------------------------------------- */


static void
get_gzip(struct toyshop *t, struct asked *a)
{
    ask_header(a, SHOP_H_ACCEPT_ENCODING, "gzip");
    get(t, a);
}


static void
an_answer_worth_it_is_packed_once(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    bytes = 1024;
    get_gzip(t, &a);
    assert_waits(&a);
    run_job(t);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body, "\x1f\x8b", 2);
    assert_head(&a, "Content-Encoding: gzip\n");
    assert_non_null(strstr(a.head, "-gz\"\n"));
    get_gzip(t, &b);
    assert_string_equal(b.cache, "hit");
    assert_head(&b, "Content-Encoding: gzip\n");
    assert_null(t->job);
}


static void
a_small_or_large_one_is_not(void **state)
{
    static const size_t sizes[] = { 1023, CACHE_MAX_BODY + 1 };

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct asked a = { 0 };

        bytes = sizes[i];
        get_gzip(*state, &a);
        assert_int_equal(a.answers, 1);
        assert_null(strstr(a.head, "Content-Encoding"));
        bump(*state, "tag0");
    }
}


static void
what_gets_no_smaller_stays_as_it_is(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };
    uint32_t        x = 1;

    bytes = 2000;
    for (size_t i = 0; i < bytes; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (char) (x >> 24 == 0 ? 1 : x >> 24);
    }
    get_gzip(t, &a);
    run_job(t);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.head, "Content-Encoding"));
    assert_memory_equal(a.body, text, 2000);
}


static void
without_a_thread_it_is_plain(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    t->no_threads = true;
    bytes = 2000;
    get_gzip(t, &a);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.head, "Content-Encoding"));
}


/* The claim is let go although its memory is a thread's yet. */
static void
who_leaves_the_thread_leaves_the_claim(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    bytes = 2000;
    get_gzip(t, &a);
    get_gzip(t, &b);
    assert_int_equal(runs, 1);
    shop_detach(a.call);
    run_job(t);
    pass(t, 5);
    assert_int_equal(runs, 2);
    run_job(t);
    assert_int_equal(b.status, 200);
}


static void
gzip_is_taken_when_it_is_named(void **state)
{
    static const struct { const char *accept; bool takes; } cases[] = {
        { "gzip", true }, { "GZIP", true }, { "br, gzip", true },
        { "gzip;q=0.5", true }, { "gzip;q=0.001", true },
        { "gzip;q=1", true }, { "br;q=0, gzip", true },
        { "gzip;q=0", false }, { "gzip;q=0.0", false }, { "br", false },
        { "", false }, { "gzi", false }, { "x-gzip", false },
        { "gzip;q=0, br", false }, { "gzip; q=0", false },
        { "gzip ;Q=0.000", false }, { "gzipped", false },
        { "gzip\t", true }, { "gzip; q=0.05", true }, { "*", false },
    };

    (void) state;
    assert_false(takes_gzip((shop_str_t) { NULL, 0 }));
    for (size_t i = 0; i < COUNT(cases); i++) {
        shop_str_t accept = { cases[i].accept, strlen(cases[i].accept) };

        if (takes_gzip(accept) != cases[i].takes)
            fail_msg("%s", cases[i].accept);
    }
}


/* --- memory -------------------------------------------------------------- */


/* What an answer of so many bytes is when the n-th allocation fails, and all
 * after it. */
static int
get_without_memory(struct toyshop *t, unsigned n)
{
    struct asked a = { 0 };

    bump(t, "tag0");
    arena_trim();
    memory_fails_at(n);
    get_gzip(t, &a);
    while (owed(t)[0] != '\0')
        say_toy(t);
    if (t->job != NULL)
        run_job(t);
    memory_fails_at(0);
    assert_true(a.rc == SHOP_E_NOMEM || a.status == 200 || a.status == 503);
    assert_int_equal(a.answers, a.rc == SHOP_E_NOMEM ? 0 : 1);
    assert_null(t->shop->live);

    return a.status;
}


static void
show_beside(struct request *rq)
{
    (void) alloc(rq, beside);
    tag(rq, "tag0");
    reply_text(rq, 200, "text/plain", text, bytes);
}


/* That of the ETag, too: little is left of the chunk behind the rest. */
static void
whatever_is_left_of_a_chunk(void **state)
{
    unsigned n;

    toys.handler = show_beside;
    bytes = 4000;
    for (beside = 3000; beside < 4096; beside += 8) {
        for (n = 1; n < 16; n++)
            (void) get_without_memory(*state, n);
        assert_int_equal(get_without_memory(*state, n), 200);
    }
}


/* One answer, and nobody is kept waiting by who failed. */
static void
each_allocation_may_fail(void **state)
{
    struct toyshop *t = *state;
    unsigned        n;
    int             status = 0;

    bytes = 9000;
    reads = true;
    for (n = 0; (n < 2 || status != 200) && n < 100; n++) {
        status = get_without_memory(t, n);
    }
    assert_int_equal(status, 200);
    assert_true(n > 5);
    reads = false;
    bump(t, "tag0");
    runs = 0;
    get_as(t, "/unit/kept", "miss");
    assert_int_equal(runs, 1);
}


int
core_kept_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEPT(an_answer_is_made_once),
        WITH_KEPT(an_answer_has_1_to_64_tags),
        WITH_KEPT(by_language_there_is_room_for_63),
        WITH_KEPT(what_changed_while_it_was_made_is_not_kept),
        WITH_KEPT(nor_what_settings_that_changed_chose),
        WITH_KEPT(nor_what_was_chosen_before_he_waited),
        WITH_KEPT(only_a_success_is_kept),
        WITH_KEPT(a_redirect_is_not_kept),
        WITH_KEPT(the_least_bound_holds),
        WITH_KEPT(each_language_and_encoding_has_its_own),
        WITH_KEPT(a_key_has_at_most_1024_bytes),
        WITH_KEPT(what_depends_on_the_time_says_for_how_long),
        WITH_KEPT(what_was_read_at_two_moments_is_not_kept),
        WITH_KEPT(who_asks_for_the_caller_has_no_answer_to_keep),
        WITH_KEPT(nothing_is_kept_when_it_is_off),
        WITH_KEPT(who_has_it_is_told_so),
        WITH_KEPT(without_room_it_is_a_request),
        WITH_KEPT(others_wait_for_who_makes_it),
        WITH_KEPT(who_leaves_leaves_it_to_the_next),
        WITH_KEPT(a_claim_that_is_too_old_is_taken_over),
        WITH_KEPT(who_has_looked_100_times_makes_his_own),
        WITH_KEPT(who_waited_ends_nobodys_claim),
        WITH_KEPT(without_postgresql_an_old_one_is_sent),
        WITH_KEPT(also_while_somebody_asks_for_the_settings),
        WITH_KEPT(a_problem_of_its_own_is_told),
        WITH_KEPT(while_all_is_well_none_is_sent),
        WITH_KEPT(nor_one_that_is_known_to_be_wrong),
        WITH_KEPT(nor_one_that_is_too_old),
        WITH_KEPT(who_has_an_old_one_does_not_wait_for_long),
        WITH_KEPT(who_has_none_has_all_his_time),
        WITH_KEPT(an_answer_worth_it_is_packed_once),
        WITH_KEPT(a_small_or_large_one_is_not),
        WITH_KEPT(what_gets_no_smaller_stays_as_it_is),
        WITH_KEPT(without_a_thread_it_is_plain),
        WITH_KEPT(who_leaves_the_thread_leaves_the_claim),
        WITH_KEPT(gzip_is_taken_when_it_is_named),
        WITH_KEPT(whatever_is_left_of_a_chunk),
        WITH_KEPT(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_kept", tests, NULL, NULL);
}
