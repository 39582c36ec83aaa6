/*
 * hub_test.c - who listens on a scripted host: what he costs while he waits,
 * what he is told and when PostgreSQL is asked for it, and how it ends.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

int core_hub_tests(void);

#define EVENTS   "FROM events"
#define CROWD    100
#define FULL     100                    /* rows of a page                    */

/* A client of a stream. */
struct reader {
    shop_request_t  in;
    shop_call_t    *call;
    int             write_rc;           /* what the host says to each        */
    unsigned        writes, closes;
    int             whole;
    size_t          largest;            /* write                             */
    int64_t         last;               /* event that he was told            */
    bool            wrong;              /* it did not come behind the other  */
    bool            beaten;
};

static struct reader  readers[CROWD];
static int64_t        after, newest;
static size_t         width;            /* of payloads                       */


/* --- the sink ------------------------------------------------------------ */


static void
respond(void *rq, const shop_answer_t *answer)
{
    (void) rq;
    fail_msg("answered %d", answer->status);
}


static int
open_stream(void *rq, const shop_answer_t *head)
{
    (void) rq;

    return head->status == 200 ? SHOP_OK : SHOP_E_IO;
}


/* Events have a type, signs of life have none. */
static int
write_stream(void *rq, const char *data, size_t n)
{
    struct reader *r = rq;
    char          *text = strndup(data, n);

    assert_null(coro_self());
    assert_int_equal(r->closes, 0);
    r->writes++;
    r->largest = n > r->largest ? n : r->largest;
    r->beaten = r->beaten || strstr(text, ":\nid: ") != NULL;
    for (char *at = text; (at = strstr(at, "id: ")) != NULL; at++) {
        int64_t seq = atoll(at + 4);

        if (strncmp(strchr(at, '\n'), "\nevent", 6) != 0)
            continue;
        r->wrong = r->wrong || seq != r->last + 1;
        r->last = seq;
    }
    free(text);

    return r->write_rc;
}


static void
close_stream(void *rq, const shop_answer_t *answer, int whole)
{
    struct reader *r = rq;

    r->closes++;
    r->whole = whole;
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->route, "/unit/events");
}


static const shop_sink_ops_t  sink = {
    sizeof(shop_sink_ops_t), NULL, respond, open_stream, write_stream,
    close_stream
};


/* --- the shop ------------------------------------------------------------ */


static void
listen(struct request *rq)
{
    struct texts none = { 0 };

    stream_events(rq, after, newest, &none);
}


static struct reader *
join(struct toyshop *t, unsigned i)
{
    struct reader *r = &readers[i];

    r->in.method = (shop_str_t) { "GET", 3 };
    r->in.path = (shop_str_t) { "/unit/events", 12 };
    r->last = after;
    assert_int_equal(shop_submit(t->shop, &r->in, &sink, r, &r->call),
                     SHOP_AGAIN);

    return r;
}


static int
set_up(void **state)
{
    memset(readers, 0, sizeof(readers));
    after = newest = 0;
    width = 2;
    toys.handler = NULL;

    return toyshop_up(state);
}


/* One who has all that there is, up to the hub's first question. */
static struct reader *
start(void **state)
{
    struct reader *r;

    toys.handler = listen;
    r = join(*state, 0);
    pass(*state, 1);

    return r;
}


/* So many behind that number. */
static void
say_events(struct toyshop *t, int64_t seq, unsigned n)
{
    static const char *const  columns[] = {
        "seq", "type", "subject", "payload", "occurred_at", "recorded_at", NULL
    };
    PGresult                 *res = rows_of(columns);
    char                     *payload = malloc(width + 1);

    snprintf(payload, width + 1, "\"%*s", (int) width - 1, "\"");
    while (n-- > 0) {
        char number[24];

        snprintf(number, sizeof(number), "%lld", (long long) ++seq);
        add_row(res, number, "toy.made", "toy_1", payload,
                "2026-01-02 03:04:05+00", "2026-01-02 03:04:05+00", NULL);
    }
    free(payload);
    say_result(t, EVENTS, res);
}


/* The hub's rounds, until it asks; what it is answered. */
static void
hub_reads(struct toyshop *t, int64_t seq, unsigned n)
{
    for (unsigned i = 0; i < 3 && owed(t)[0] == '\0'; i++)
        pass(t, 200);
    if (n == 0)
        say_none(t, EVENTS);
    else
        say_events(t, seq, n);
}


/* --- tests --------------------------------------------------------------- */


static void
test_listener__waits_without_a_request(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    assert_int_equal(r->writes, 1);
    hub_reads(t, 0, 0);
    assert_null(t->shop->live);
    assert_int_equal(t->shop->coros.live, 0);
    hub_reads(t, 0, 3);
    assert_true(r->last == 3 && r->writes == 2);
    assert_null(t->shop->live);
}


/* What there was before him is read for him, what comes then for all. */
static void
test_listener__catches_up(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    after = 5;
    newest = 7;
    r = start(state);
    say_events(t, 5, 2);
    assert_int_equal(r->last, 7);
    hub_reads(t, 7, 1);
    assert_true(r->last == 8 && !r->wrong);
}


static void
test_catching_up__ends_where_events_are_gone(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    newest = 7;
    r = start(state);
    say_events(t, 3, 4);
    assert_true(r->closes == 1 && r->whole && r->last == 0);
}


/* Nobody waits a fifth of a second for each hundred. */
static void
test_hub__asks_again_at_once_while_there_is_more(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    hub_reads(t, 0, FULL);
    pass(t, 2);
    assert_string_not_equal(owed(t), "");
    hub_reads(t, FULL, FULL - 1);
    pass(t, 2);
    assert_string_equal(owed(t), "");
    assert_true(r->last == 2 * FULL - 1 && !r->wrong);
}


/* More than the ring holds, and he takes a piece now and then. */
static void
test_slow_reader__holds_up_nobody_and_nothing(void **state)
{
    struct toyshop *t = *state;
    struct reader  *slow = start(state), *quick = join(t, 1);
    unsigned        taken;

    width = 500;
    slow->write_rc = SHOP_AGAIN;
    hub_reads(t, 0, FULL);
    taken = memory_taken();
    for (int64_t seq = FULL; seq < 20 * FULL; seq += FULL)
        hub_reads(t, seq, FULL);
    assert_true(quick->last == 20 * FULL && !quick->wrong);
    assert_int_equal(slow->writes, 2);
    assert_in_range(slow->largest, 1, 20000);
    assert_in_range(memory_taken(), taken, taken + HUB_KEPT);

    while (slow->last < 20 * FULL) {
        int64_t had = slow->last;

        shop_writable(slow->call);
        while (slow->last == had)
            say_events(t, had, FULL);
        assert_in_range(slow->largest, 1, 20000);
    }
    assert_false(slow->wrong);
}


/* Not copied, and not too large for anything. */
static void
test_large_event__goes_by_itself(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    width = 3 * HUB_PIECE;
    hub_reads(t, 0, 2);
    assert_true(r->last == 2 && r->writes == 3 && !r->wrong);
    assert_true(r->largest > 3 * HUB_PIECE);
}


/* All have a sign of life to get at once, and are behind at once. */
static void
test_crowd__has_few_steps_at_a_time(void **state)
{
    struct toyshop *t = *state;

    newest = 3;
    start(state);
    for (unsigned i = 1; i < CROWD; i++)
        join(t, i);
    pass(t, 1);
    assert_in_range(t->shop->coros.live, 2, 70);
    for (unsigned n = 0; n < CROWD + 10; n++) {
        if (owed(t)[0] == '\0')
            pass(t, 1);
        if (strstr(owed(t), EVENTS) == NULL)
            continue;
        say_events(t, 0, 3);
    }
    for (unsigned i = 0; i < CROWD; i++)
        assert_true(readers[i].last == 3 && !readers[i].wrong);
}


static void
test_sign_of_life__comes_when_it_is_due(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    hub_reads(t, 0, 0);
    assert_false(r->beaten);
    pass(t, t->shop->conf.heartbeat_ms);
    hub_reads(t, 0, 0);
    assert_true(r->beaten && r->closes == 0);
}


static void
test_drain__ends_those_that_wait(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state), *stuck = join(t, 1), *late;

    pass(t, 1);
    stuck->write_rc = SHOP_AGAIN;
    hub_reads(t, 0, 1);
    shop_drain(t->shop);
    assert_int_equal(r->closes, 0);
    pass(t, 1);
    assert_true(r->closes == 1 && r->whole);
    assert_int_equal(stuck->closes, 0);
    shop_writable(stuck->call);
    assert_true(stuck->closes == 1 && stuck->whole);
    late = join(t, 2);
    pass(t, 1);
    assert_true(late->closes == 1 && late->whole);
}


static void
test_client__may_leave_whenever_he_likes(void **state)
{
    struct toyshop *t = *state;
    struct reader  *new, *waits, *reads;

    after = newest = 5;
    waits = start(state);
    new = join(t, 1);
    shop_detach(new->call);
    after = 0;
    reads = join(t, 2);
    hub_reads(t, 5, 0);
    pass(t, 1);
    shop_detach(waits->call);
    assert_non_null(t->shop->live);
    shop_detach(reads->call);
    pass(t, 300);
    assert_null(t->shop->live);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(readers[i].closes, 0);
    assert_int_equal((int64_t) t->shop->count[COUNT_STREAMS_OPEN], 0);
}


static void
test_client__whose_connection_fails_is_closed(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    r->write_rc = SHOP_E_IO;
    hub_reads(t, 0, 1);
    assert_true(r->closes == 1 && !r->whole);
    assert_string_equal(t->log, "");
}


static void
test_step__has_the_time_of_a_request(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    newest = 3;
    r = start(state);
    pass(t, t->shop->conf.deadline_ms + 1);
    assert_true(r->closes == 1 && !r->whole);
    assert_non_null(strstr(t->log, "/unit/events is cut: deadline_exceeded"));
}


static void
test_close__cuts_those_that_wait_and_those_that_read(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state), *reads, *new;

    newest = 3;
    reads = join(t, 1);
    pass(t, 1);
    new = join(t, 2);
    shop_close(t->shop);
    t->shop = NULL;
    assert_true(r->closes == 1 && !r->whole);
    assert_true(reads->closes == 1 && !reads->whole);
    assert_true(new->closes == 1 && !new->whole);
}


static void
listen_later(struct request *rq)
{
    request_pause(rq, 100);
    listen(rq);
}


/* When they have not been needed for a while, and without anybody's asking. */
static void
test_stacks__of_a_rush_are_given_back(void **state)
{
    struct toyshop *t = *state;

    toys.handler = listen_later;
    for (unsigned i = 0; i < CROWD; i++)
        join(t, i);
    assert_int_equal(t->shop->coros.live, CROWD);
    pass(t, 100);
    assert_in_range(t->shop->coros.live, 0, 1);
    assert_int_equal(t->shop->coros.made, CROWD);
    for (unsigned i = 0; i < 3; i++)
        pass(t, 10000);
    assert_int_equal(t->shop->coros.made, 64);
}


/* Rounds without memory tell nobody anything, and nobody misses anything. */
static void
test_memory__that_is_short_loses_no_event(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r = start(state);

    hub_reads(t, 0, 1);
    memory_fails_at(1);
    for (unsigned i = 0; i < 20; i++)
        pass(t, 30000);
    memory_fails_at(0);
    assert_int_equal(r->closes, 0);
    pass(t, 30000);
    hub_reads(t, 1, 2);
    assert_true(r->last == 3 && !r->wrong);
}


#define OF_SHOP(f)  cmocka_unit_test_setup_teardown(f, set_up, toyshop_down)


int
core_hub_tests(void)
{
    const struct CMUnitTest  tests[] = {
        OF_SHOP(test_listener__waits_without_a_request),
        OF_SHOP(test_listener__catches_up),
        OF_SHOP(test_catching_up__ends_where_events_are_gone),
        OF_SHOP(test_hub__asks_again_at_once_while_there_is_more),
        OF_SHOP(test_slow_reader__holds_up_nobody_and_nothing),
        OF_SHOP(test_large_event__goes_by_itself),
        OF_SHOP(test_crowd__has_few_steps_at_a_time),
        OF_SHOP(test_sign_of_life__comes_when_it_is_due),
        OF_SHOP(test_drain__ends_those_that_wait),
        OF_SHOP(test_client__may_leave_whenever_he_likes),
        OF_SHOP(test_client__whose_connection_fails_is_closed),
        OF_SHOP(test_step__has_the_time_of_a_request),
        OF_SHOP(test_close__cuts_those_that_wait_and_those_that_read),
        OF_SHOP(test_stacks__of_a_rush_are_given_back),
        OF_SHOP(test_memory__that_is_short_loses_no_event),
    };

    return cmocka_run_group_tests_name("core_hub", tests, NULL, NULL);
}
