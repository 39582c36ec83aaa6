/*
 * settings_test.c - settings are kept beside the answers: a worker that has
 * none goes on with those, be PostgreSQL there or not.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_settings_tests(void);

struct frame { const char *channel; };

static const struct field frame[] = {
    SHAPE(frame, "Frame"),
    FIELD(frame, channel, TEXT, .required = true),
    END_SHAPE
};

static unsigned  loads;


static void *
load(struct request *rq, struct arena *arena)
{
    struct query   q;
    struct frame  *f;

    loads++;
    sql_start(rq, &q, &toy_select, NULL, NULL);
    sql_row(rq, &q);
    f = arena_zalloc(arena, sizeof(*f));
    if (f != NULL)
        f->channel = arena_copy(arena, "web", 3);
    return f == NULL || f->channel == NULL ? NULL : f;
}


static const struct problem *
context_in(const void *settings, unsigned axes, const char *locale,
           const char *currency, const char *accept, struct context *out,
           const char **parameter)
{
    const struct frame  *f = settings;

    (void) axes, (void) locale, (void) currency, (void) accept;
    (void) parameter;
    *out = (struct context) { .channel = f->channel, .locale = "en",
                              .fallback = "en", .currency = "EUR" };
    return NULL;
}


static void
show(struct request *rq)
{
    const char  *channel = context(rq)->channel;

    tag(rq, "toys");
    reply_text(rq, 200, "text/plain", channel, strlen(channel));
}


static int
set_up(void **state)
{
    int  rc = toyshop_up(state);

    toys.handler = show;
    toys.settings_load = load;
    toyshop_domain()->context_of = context_in;
    toyshop_domain()->settings = frame;
    loads = 0;
    return rc;
}


static int
tear_down(void **state)
{
    toyshop_domain()->settings = NULL;
    return toyshop_down(state);
}


/* Read once, and an answer is kept. */
static void
settle(struct toyshop *t)
{
    struct asked  a = { 0 };

    ask(t, &a, "GET", "/unit/kept/context", NULL);
    say_row(t, "SELECT toys", "n", "1", NULL);
    assert_answer(&a, 200, "web");
    assert_int_equal(loads, 1);
}


/* As if it had just begun, beside the same shared memory. */
static void
forget(struct toyshop *t)
{
    arena_reset(&t->shop->settings.arena);
    memset(&t->shop->settings, 0, sizeof(t->shop->settings));
}


static void
touch_store(struct toyshop *t)
{
    cache_tag_t  tag = cache_tag("store", 5);

    cache_bump(&t->shop->cache, &tag, 1);
}


static void
assert_found(struct toyshop *t, const char *how)
{
    struct asked  a = { 0 };

    ask(t, &a, "GET", "/unit/kept/context", NULL);
    assert_answer(&a, 200, "web");
    assert_string_equal(a.cache, how);
}


static void
who_has_none_takes_those_that_are_kept(void **state)
{
    struct toyshop  *t = *state;

    settle(t);
    forget(t);
    assert_found(t, "hit");
    assert_true(settings_good(t->shop));
    assert_int_equal(loads, 1);
}


static void
who_has_none_and_nothing_is_kept_reads(void **state)
{
    struct toyshop  *t = *state;
    struct asked     a = { 0 };

    settle(t);
    forget(t);
    touch_store(t);
    ask(t, &a, "GET", "/unit/kept/context", NULL);
    assert_waits(&a);
    assert_int_equal(loads, 2);
}


static void
without_postgresql_old_ones_will_do(void **state)
{
    struct toyshop  *t = *state;
    struct asked     a = { 0 };

    settle(t);
    forget(t);
    cache_lease_set(&t->shop->cache, 0);
    ask(t, &a, "GET", "/unit/kept/context", NULL);
    assert_waits(&a);
    say_outcome(t, "SELECT toys", DB_DOWN);
    assert_answer(&a, 200, "web");
    assert_string_equal(a.cache, "stale");
}


/* Puts what is kept out of the ring, as many answers would. */
static void
push_out(struct toyshop *t, bool polled)
{
    static char         body[4096];
    struct cache_entry  e = { .status = 200, .expires_ms = UINT64_MAX };
    struct cache_key    key;
    cache_tag_t         tag = cache_tag("toys", 4);
    char                text[16];

    e.body = (shop_str_t) { body, sizeof(body) };
    e.tags = &tag;
    e.n_tags = 1;
    for (unsigned i = 0; i < 2000; i++) {
        int  n = snprintf(text, sizeof(text), "%u", i);

        e.born = cache_clock(&t->shop->cache);
        cache_key_init(&t->shop->cache, &key, text, (size_t) n);
        assert_true(cache_put(&t->shop->cache, &key, &e));
        if (polled)
            settings_stay(t->shop);
    }
}


static void
they_stay_though_nobody_looks(void **state)
{
    struct toyshop  *t = *state;

    settle(t);
    push_out(t, true);
    forget(t);
    settings_recall(t->shop);
    assert_true(settings_good(t->shop));
}


/* So that the test above says something. */
static void
other_answers_do_not_stay(void **state)
{
    struct toyshop  *t = *state;

    settle(t);
    push_out(t, false);
    forget(t);
    settings_recall(t->shop);
    assert_null(t->shop->settings.data);
}


/* Of another build, say. */
static void
what_is_not_theirs_is_not_taken(void **state)
{
    static const char *const  junk[] = { "", "{}", "{\"channel\":1}", "[" };
    struct toyshop           *t = *state;
    char                      text[64];
    size_t                    n = sizeof(t->shop->signer);
    cache_tag_t               tag = cache_tag("store", 5);

    memcpy(text, t->shop->signer, n);
    memcpy(text + n, "settings", 8);
    for (size_t i = 0; i < COUNT(junk); i++) {
        struct cache_key    key;
        struct cache_entry  e = {
            .status = 200, .born = cache_clock(&t->shop->cache),
            .expires_ms = UINT64_MAX, .tags = &tag, .n_tags = 1,
            .body = { junk[i], strlen(junk[i]) },
        };

        cache_key_init(&t->shop->cache, &key, text, n + 8);
        assert_true(cache_put(&t->shop->cache, &key, &e));
        settings_recall(t->shop);
        assert_null(t->shop->settings.data);
    }
}


static void
want_of_memory_leaves_none(void **state)
{
    struct toyshop  *t = *state;
    unsigned         before, n = 0;

    settle(t);
    forget(t);
    arena_trim();
    before = memory_taken();
    do {
        arena_trim();
        memory_fails_at(++n);
        settings_recall(t->shop);
        memory_fails_at(0);
        if (t->shop->settings.data == NULL)
            assert_int_equal(memory_taken(), before);
    } while (t->shop->settings.data == NULL && n < 20);
    assert_in_range(n, 2, 19);
}


int
core_settings_tests(void)
{
#define WITH_SETTINGS(f)                                                      \
    cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest  tests[] = {
        WITH_SETTINGS(who_has_none_takes_those_that_are_kept),
        WITH_SETTINGS(who_has_none_and_nothing_is_kept_reads),
        WITH_SETTINGS(without_postgresql_old_ones_will_do),
        WITH_SETTINGS(they_stay_though_nobody_looks),
        WITH_SETTINGS(other_answers_do_not_stay),
        WITH_SETTINGS(what_is_not_theirs_is_not_taken),
        WITH_SETTINGS(want_of_memory_leaves_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
