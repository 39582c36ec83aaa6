/*
 * allocserve.c - the shop on libuv as a server that runs out of memory when it
 * is told to: see serve/serve.h.
 *
 *     allocserve CONNINFO SECRET [MEMCACHED]
 *
 * "FAIL N/HOW/STATE" is answered by 204, and then in the next request the N-th
 * allocation of the process fails: HOW is "once", or "good" when all after it
 * do too, until the request has ended.  STATE is how the shop meets it:
 *
 *     warm   as the requests before have left it
 *     lean   no answer is kept, no memory or stack is spare
 *     cold   opened anew: not connected, settings not read
 *     far    opened anew, with memcached and a poll, so that it may take what
 *            was kept there before
 *
 * "once" goes through shop_uv_call(), "good" straight to libshop, as the copy
 * of an answer needs memory too; so does what comes in pieces.  Who listens to
 * events leaves when he has heard "sweep.end"; where memory is short for good,
 * that is until the shop has asked for events in vain.  An answer has two
 * headers more, X-Asked and X-Refused: allocations that were asked for, and
 * refused.  Status 0 is no answer, for want of memory.
 * "CLOSE /" closes the shop and says in X-Blocks how many blocks of memory the
 * process then has; the next request opens it again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/heap.h"
#include "core/worker.h"
#include "serve/serve.h"

static unsigned  fails_at;
static bool      for_good, armed;
static char      state[8] = "warm";


/* The shop's own, as its status would count them. */
static struct shop *
inside(const struct server *s)
{
    return shop_uv_shop(s->uv);
}


static void
say_nothing(int status, const shop_header_t *more, size_t n)
{
    shop_answer_t  a = { .status = status };

    a.content_type = (shop_str_t) { "text/plain", 10 };
    serve_answer(&a, more, n);
}


static void
close_shop(struct server *s)
{
    if (s->uv != NULL) {
        shop_uv_close(s->uv);
    }

    s->uv = NULL;
    arena_trim();
}


static void
tell_blocks(struct server *s)
{
    char           text[24];
    shop_header_t  h = { { "X-Blocks", 8 }, { text, 0 } };

    close_shop(s);
    h.value.len = (size_t) snprintf(text, sizeof(text), "%ld", heap_blocks());
    say_nothing(204, &h, 1);
}


static void
take_order(const char *target)
{
    char  how[8];

    if (sscanf(target, "%u/%7[a-z]/%7[a-z]", &fails_at, how, state) != 3) {
        serve_give_up("an order is N/HOW/STATE");
    }

    for_good = strcmp(how, "good") == 0;
    armed = true;
    say_nothing(204, NULL, 0);
}


static bool
is_state(const char *name)
{
    return armed && strcmp(state, name) == 0;
}


static void
tick(uv_timer_t *timer)
{
    (void) timer;
}


/* The shop's own timers keep no loop awake, and it may have lost all else. */
static void
stay_awake(struct server *s, bool awake)
{
    static uv_timer_t  timer;

    if (awake) {
        (void) uv_timer_init(&s->loop, &timer);
        (void) uv_timer_start(&timer, tick, 10, 10);
    } else {
        (void) uv_timer_stop(&timer);
        uv_close((uv_handle_t *) &timer, NULL);
        (void) uv_run(&s->loop, UV_RUN_NOWAIT);
    }
}


/* Nothing is taken from another machine before a poll has been answered. */
static void
wait_for_poll(struct server *s)
{
    struct cache_far  known;

    stay_awake(s, true);

    while (!cache_far_now(&inside(s)->cache, &known)) {
        (void) uv_run(&s->loop, UV_RUN_ONCE);
    }

    stay_awake(s, false);
}


/* As the order says: see the head of this file. */
static void
make_ready(struct server *s)
{
    if (is_state("cold") || is_state("far")) {
        close_shop(s);
    }

    if (s->uv == NULL) {
        serve_open(s);
    }

    if (is_state("far")) {
        wait_for_poll(s);
    }

    if (is_state("lean")) {
        cache_bump_all(&inside(s)->cache);
        coro_pool_done(&inside(s)->coros);
        arena_trim();
    }
}


/* --- answers ------------------------------------------------------------- */


/* What was counted up to the answer. */
struct counted {
    char           asked[24];
    char           refused[24];
    shop_header_t  h[2];
};


static void
count_up(struct counted *c)
{
    struct heap_count  n = heap_disarm();

    c->h[0].name = (shop_str_t) { "X-Asked", 7 };
    c->h[0].value.data = c->asked;
    c->h[0].value.len = (size_t) snprintf(c->asked, sizeof(c->asked), "%u",
                                          n.asked);
    c->h[1].name = (shop_str_t) { "X-Refused", 9 };
    c->h[1].value.data = c->refused;
    c->h[1].value.len = (size_t) snprintf(c->refused, sizeof(c->refused),
                                          "%u", n.refused);
}


/* The program gets no answer where there is no memory for a copy of it. */
static void
serve_called(struct server *s, const struct asked *asked)
{
    int                   rc;
    struct counted        c;
    const shop_answer_t  *answer;

    rc = serve_ask(s, asked, &answer);
    count_up(&c);

    if (rc == SHOP_OK) {
        serve_answer(answer, c.h, 2);
        shop_uv_answer_free(answer);
    } else {
        say_nothing(0, c.h, 2);
    }
}


/* Until here memory is short; what is answered is told on the spot. */
static void
respond(void *rq, const shop_answer_t *answer)
{
    struct counted  c;

    count_up(&c);
    serve_answer(answer, c.h, 2);
    *(bool *) rq = true;
}


/* As a host's would be, it is gone with the request. */
static void *
give_room(void *rq, size_t size)
{
    static char  room[512 * 1024];

    (void) rq;

    return size > sizeof(room) ? NULL : room;
}


static void
take_headers(shop_request_t *in, const struct asked *asked)
{
    static const struct { const char *name; int slot; }  slots[] = {
        { "authorization", SHOP_H_AUTHORIZATION },
        { "content-type", SHOP_H_CONTENT_TYPE },
        { "idempotency-key", SHOP_H_IDEMPOTENCY_KEY },
        { "if-match", SHOP_H_IF_MATCH }
    };
    size_t  i, k;

    for (i = 0; i < asked->n_headers; i++) {
        for (k = 0; k < sizeof(slots) / sizeof(slots[0]); k++) {
            if (strncmp(asked->line[i], slots[k].name,
                        asked->header[i].name.len) == 0)
            {
                in->header[slots[k].slot] = asked->header[i].value;
            }
        }
    }
}


/* --- answers in pieces: told at their end, when memory is there again ----- */


static struct {
    size_t  n;
    char    data[1024 * 1024];
} pieces;


static int
open_stream(void *rq, const shop_answer_t *head)
{
    (void) rq;
    (void) head;
    pieces.n = 0;

    return SHOP_OK;
}


static int
write_stream(void *rq, const char *data, size_t n)
{
    (void) rq;
    if (n > sizeof(pieces.data) - pieces.n) {
        serve_give_up("a stream is longer than the room for it");
    }

    memcpy(pieces.data + pieces.n, data, n);
    pieces.n += n;

    return SHOP_OK;
}


/* What is cut is no answer. */
static void
close_stream(void *rq, const shop_answer_t *answer, int whole)
{
    shop_answer_t   told = *answer;
    struct counted  c;

    count_up(&c);
    if (whole) {
        told.body = (shop_str_t) { pieces.data, pieces.n };
        serve_answer(&told, c.h, 2);
    } else {
        say_nothing(0, c.h, 2);
    }

    *(bool *) rq = true;
}


/* Events are written whole. */
static bool
has_heard_all(void)
{
    static const char  last[] = "event: sweep.end\n";

    return memmem(pieces.data, pieces.n, last, sizeof(last) - 1) != NULL;
}


/* A stream of events has no end: the client closes. */
static void
leave(shop_call_t *call)
{
    shop_answer_t   told = { .status = 200 };
    struct counted  c;

    shop_detach(call);
    count_up(&c);
    told.content_type = (shop_str_t) { "text/event-stream", 17 };
    told.body = (shop_str_t) { pieces.data, pieces.n };
    serve_answer(&told, c.h, 2);
}


static void
serve_submitted(struct server *s, const struct asked *asked)
{
    int             rc;
    bool            done = false;
    shop_call_t    *call;
    shop_request_t  in = { 0 };
    struct counted  c;
    static const shop_sink_ops_t  sink = {
        .size = sizeof(shop_sink_ops_t), .alloc = give_room,
        .respond = respond, .open = open_stream, .write = write_stream,
        .close = close_stream
    };

    in.method = (shop_str_t) { asked->method, strlen(asked->method) };
    in.path = (shop_str_t) { asked->target, strcspn(asked->target, "?") };
    in.query.data = asked->target + in.path.len;

    if (*in.query.data == '?') {
        in.query.data++;
    }

    in.query.len = strlen(in.query.data);
    in.body = (shop_str_t) { asked->body, asked->n_body };
    take_headers(&in, asked);
    pieces.n = 0;
    uv_update_time(&s->loop);
    rc = shop_submit(shop_uv_shop(s->uv), &in, &sink, &done, &call);

    if (rc < 0) {
        count_up(&c);
        say_nothing(0, c.h, 2);
        return;
    }

    stay_awake(s, true);

    while (!done && !has_heard_all()) {
        (void) uv_run(&s->loop, UV_RUN_ONCE);

        if (inside(s)->hub.chain.failures != 0) {
            (void) heap_disarm();
        }
    }

    stay_awake(s, false);

    if (!done) {
        leave(call);
    }
}


static void
serve_failing(struct server *s, const struct asked *asked)
{
    bool  straight = (armed && for_good)
                     || strstr(asked->target, "/export.") != NULL
                     || strstr(asked->target, "/stream") != NULL;

    if (armed) {
        heap_arm(fails_at, for_good);
    }

    armed = false;
    if (straight) {
        serve_submitted(s, asked);
    } else {
        serve_called(s, asked);
    }
}


/* Want of memory is logged, again and again. */
static void
be_silent(void *ctx, int level, const char *text, size_t len)
{
    (void) ctx;
    (void) level;
    (void) text;
    (void) len;
}


static void
serve(struct server *s, const struct asked *asked)
{
    if (strcmp(asked->method, "FAIL") == 0) {
        take_order(asked->target);
    } else if (strcmp(asked->method, "CLOSE") == 0) {
        tell_blocks(s);
    } else {
        make_ready(s);
        serve_failing(s, asked);
    }
}


int
main(int argc, char **argv)
{
    shop_uv_log_t  log = { be_silent, NULL };
    struct server  s = { .serve = serve, .log = &log };

    heap_spare_libuv();

    return serve_run(&s, argc, argv);
}
