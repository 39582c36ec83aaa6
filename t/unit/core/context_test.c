/*
 * context_test.c - channel, language and currency: when the settings are read
 * anew, who waits for it, and what a request keeps of them.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_context_tests(void);

static unsigned     loads;
static const char  *channel;            /* that the next load finds          */


/* Reads, as the shop's own does. */
static void *
load(struct request *rq, struct arena *arena)
{
    struct query q;

    loads++;
    sql_start(rq, &q, &toy_select, NULL, NULL);
    sql_row(rq, &q);

    return channel == NULL ? NULL : arena_copy(arena, channel,
                                               strlen(channel));
}


static void
show(struct request *rq)
{
    const struct context *c = context(rq);
    const char           *text;

    tag(rq, "toys");
    text = text_of(rq, "%s %s %s", c->channel, c->locale, c->currency);
    reply_text(rq, 200, "text/plain", text, strlen(text));
}


/* Waits with what it was given before it shows it. */
static void
show_later(struct request *rq)
{
    request_pause(rq, 1000);
    show(rq);
}


static int
set_up(void **state)
{
    int rc = toyshop_up(state);

    toys.handler = show;
    toys.settings_load = load;
    loads = 0;
    channel = "first";

    return rc;
}


static void
get(struct toyshop *t, struct asked *a, const char *path)
{
    ask(t, a, "GET", path, NULL);
}


static void
say_loaded(struct toyshop *t)
{
    say_row(t, "SELECT toys", "n", "1", NULL);
}


static void
touch_store(struct toyshop *t)
{
    cache_tag_t tag = cache_tag("store", 5);

    cache_bump(&t->shop->cache, &tag, 1);
}


/* One request that loads them. */
static void
settle(struct toyshop *t)
{
    struct asked a = { 0 };

    get(t, &a, "/unit/context");
    say_loaded(t);
    assert_answer(&a, 200, "first en EUR");
}


static void
they_are_read_once(void **state)
{
    struct toyshop *t = *state;

    settle(t);
    for (unsigned i = 0; i < 3; i++) {
        struct asked a = { 0 };

        get(t, &a, "/unit/context");
        assert_answer(&a, 200, "first en EUR");
    }
    assert_int_equal(loads, 1);
}


static void
a_route_that_does_not_depend_on_them_reads_none(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = reply_none;
    get(t, &a, "/unit/plain");
    assert_answer(&a, 204, "");
    assert_int_equal(loads, 0);
}


static void
they_are_read_again_when_they_changed(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    settle(t);
    touch_store(t);
    channel = "second";
    get(t, &a, "/unit/context");
    assert_waits(&a);
    say_loaded(t);
    assert_answer(&a, 200, "second en EUR");
    assert_int_equal(loads, 2);
}


/* They were read before the change, though it was seen only now. */
static void
a_change_while_they_are_read_is_not_missed(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    get(t, &a, "/unit/context");
    touch_store(t);
    say_loaded(t);
    assert_answer(&a, 200, "first en EUR");
    assert_false(settings_good(t->shop));
    get(t, &b, "/unit/context");
    assert_int_equal(loads, 2);
}


/* The old ones will do, but not for an answer that is kept. */
static void
who_comes_meanwhile_goes_on_and_keeps_nothing(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };

    settle(t);
    touch_store(t);
    channel = "second";
    get(t, &a, "/unit/kept/context");
    get(t, &b, "/unit/kept/context");
    assert_waits(&a);
    assert_answer(&b, 200, "first en EUR");
    assert_int_equal(t->shop->count[COUNT_CACHE_STORED], 0);
    say_loaded(t);
    assert_answer(&a, 200, "second en EUR");
    assert_int_equal(t->shop->count[COUNT_CACHE_STORED], 1);
    get(t, &c, "/unit/kept/context");
    assert_answer(&c, 200, "second en EUR");
    assert_string_equal(c.cache, "hit");
    assert_int_equal(loads, 2);
}


static void
without_old_ones_each_reads(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    get(t, &a, "/unit/context");
    get(t, &b, "/unit/context");
    assert_int_equal(loads, 2);
    say_loaded(t);
    say_loaded(t);
    assert_answer(&a, 200, "first en EUR");
    assert_answer(&b, 200, "first en EUR");
}


/* Nobody waits for ever for a reader who is gone. */
static void
after_a_second_somebody_else_reads(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };

    settle(t);
    touch_store(t);
    get(t, &a, "/unit/context");
    shop_detach(a.call);
    pass(t, 900);
    get(t, &b, "/unit/context");
    assert_answer(&b, 200, "first en EUR");
    pass(t, 200);
    get(t, &c, "/unit/context");
    assert_waits(&c);
    assert_int_equal(loads, 3);
}


static void
what_cannot_be_read_leaves_the_old(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    settle(t);
    touch_store(t);
    channel = NULL;
    get(t, &a, "/unit/context");
    say_loaded(t);
    assert_problem(&a, 503, "out_of_memory");
    get(t, &b, "/unit/context");
    assert_answer(&b, 200, "first en EUR");
}


static void
without_a_poller_they_are_good_for_a_second(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    settle(t);
    cache_lease_set(&t->shop->cache, 0);
    pass(t, 900);
    get(t, &a, "/unit/context");
    assert_answer(&a, 200, "first en EUR");
    pass(t, 200);
    get(t, &b, "/unit/context");
    assert_waits(&b);
    assert_int_equal(loads, 2);
}


/* Takes all memory that others have given back. */
static void
scribble(struct request *rq)
{
    for (unsigned i = 0; i < 20; i++)
        memset(alloc(rq, 4000), 'x', 4000);
    reply_none(rq);
}


/* What was read lies on an arena that the next reading drops. */
static void
a_request_keeps_what_it_was_given(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };

    settle(t);
    toys.handler = show_later;
    get(t, &a, "/unit/context");
    toys.handler = show;
    touch_store(t);
    channel = "other";
    get(t, &b, "/unit/context");
    say_loaded(t);
    assert_answer(&b, 200, "other en EUR");
    toys.handler = scribble;
    get(t, &c, "/unit/plain");
    toys.handler = show;
    assert_answer(&c, 204, "");
    pass(t, 1000);
    assert_answer(&a, 200, "first en EUR");
}


static void
what_is_asked_for_goes_before_what_is_preferred(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    settle(t);
    ask_header(&a, SHOP_H_ACCEPT_LANGUAGE, "tr");
    get(t, &a, "/unit/context?currency=USD");
    assert_answer(&a, 200, "first tr USD");
    ask_header(&b, SHOP_H_ACCEPT_LANGUAGE, "tr");
    get(t, &b, "/unit/context?locale=de");
    assert_answer(&b, 200, "first de EUR");
}


static void
a_list_of_languages_has_at_most_255_bytes(void **state)
{
    struct toyshop *t = *state;
    char            languages[300];

    settle(t);
    memset(languages, 'a', sizeof(languages));
    for (size_t n = 255; n <= 256; n++) {
        struct asked a = { 0 };

        a.in.header[SHOP_H_ACCEPT_LANGUAGE] = (shop_str_t) { languages, n };
        get(t, &a, "/unit/context");
        assert_answer(&a, 200, n == 255 ? "first tr EUR" : "first en EUR");
    }
}


static void
what_it_does_not_know_is_named(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    settle(t);
    get(t, &a, "/unit/context?locale=xx");
    assert_problem(&a, 422, "unknown_locale");
    assert_non_null(strstr(a.body, "\"parameter\":\"locale\""));
}


/* One letter each: what the shop makes of three languages. */
static void
show_languages(struct request *rq)
{
    static const char *const asked[] = { "en", "tr", "xx" };
    char                    *said = alloc(rq, 3);

    for (size_t i = 0; i < 3; i++)
        said[i] = "FSO"[language_of(rq, asked[i])];
    reply_text(rq, 200, "text/plain", said, 3);
}


/* Read before the transaction, which has not begun when they are known. */
static void
a_change_asks_which_languages_are_spoken(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    toys.handler = show_languages;
    ask(t, &a, "POST", "/unit/languages", NULL);
    say_loaded(t);
    assert_answer(&a, 200, "OSF");
    assert_string_equal(owed(t), "");
    ask(t, &b, "POST", "/unit/languages", NULL);
    assert_answer(&b, 200, "OSF");
    assert_int_equal(loads, 1);
}


static void
each_allocation_may_fail(void **state)
{
    struct toyshop *t = *state;
    unsigned        n;
    int             status = 0;

    for (n = 0; (n < 2 || status != 200) && n < 100; n++) {
        struct asked a = { 0 };

        touch_store(t);
        t->shop->settings.asked_ms = 0;
        arena_trim();
        memory_fails_at(n);
        get(t, &a, "/unit/kept/context");
        while (owed(t)[0] != '\0')
            say_loaded(t);
        memory_fails_at(0);
        status = a.status;
        assert_true(a.rc == SHOP_E_NOMEM || status == 200 || status == 503);
        assert_int_equal(a.answers, a.rc == SHOP_E_NOMEM ? 0 : 1);
    }
    assert_int_equal(status, 200);
    assert_true(n > 3);
}


#define WITH_SETTINGS(f)                                                      \
    cmocka_unit_test_setup_teardown(f, set_up, toyshop_down)


int
core_context_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SETTINGS(they_are_read_once),
        WITH_SETTINGS(a_route_that_does_not_depend_on_them_reads_none),
        WITH_SETTINGS(they_are_read_again_when_they_changed),
        WITH_SETTINGS(a_change_while_they_are_read_is_not_missed),
        WITH_SETTINGS(who_comes_meanwhile_goes_on_and_keeps_nothing),
        WITH_SETTINGS(without_old_ones_each_reads),
        WITH_SETTINGS(after_a_second_somebody_else_reads),
        WITH_SETTINGS(what_cannot_be_read_leaves_the_old),
        WITH_SETTINGS(without_a_poller_they_are_good_for_a_second),
        WITH_SETTINGS(a_request_keeps_what_it_was_given),
        WITH_SETTINGS(what_is_asked_for_goes_before_what_is_preferred),
        WITH_SETTINGS(a_list_of_languages_has_at_most_255_bytes),
        WITH_SETTINGS(what_it_does_not_know_is_named),
        WITH_SETTINGS(a_change_asks_which_languages_are_spoken),
        WITH_SETTINGS(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_context", tests, NULL, NULL);
}
