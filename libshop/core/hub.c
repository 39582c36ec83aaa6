/*
 * hub.c - server-sent events: who listens hears of each event in its order,
 * none left out and none twice, as far back as events are kept.
 *
 * Numbers of events have no gaps, so a listener needs to remember nothing but
 * the last one; where the next is not to be had any more the stream ends, and
 * whoever asks to go on is told by the feed.
 *
 * The chain's functions run on the loop's stack; those of listeners are a
 * handler's and fail() the request.
 */
#include "core/hub.h"

#include "core/env.h"
#include "core/event.h"
#include "core/event.sql.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#define READ_MOST  100          /* events at a time                          */
#define RETRY_MS   1000         /* at least, until a client asks again       */


/* --- the ring ------------------------------------------------------------ */


/* Numbers have no gaps, so the ring needs none either. */
static struct said *
said_at(struct hub *h, int64_t seq)
{
    return &h->ring[(uint64_t) seq % HUB_KEPT];
}


/* Whoever has not had it reads it from the database: catch_up(). */
static void
forget_oldest(struct hub *h)
{
    struct said *s = said_at(h, h->seq - h->kept + 1);

    h->bytes -= s->n;
    h->kept--;
    shop_env.release(s->text);
    s->text = NULL;
}


static void
forget_all(struct hub *h)
{
    while (h->kept > 0)
        forget_oldest(h);
}


/* The type stands in the text, behind "event: ". */
static void
write_event(struct buf *b, const struct event *e, struct said *s)
{
    buf_format(b, "id: %lld\nevent: ", (long long) e->seq);
    s->type_at = (unsigned) b->len;
    s->n_type = (unsigned) strlen(e->type);
    buf_str(b, e->type);
    buf_str(b, "\ndata: ");
    shape_to_json(b, event, e, false);
    buf_str(b, "\n\n");
    s->n = b->len;
    s->text = b->data;
}


/* A gap can only be one of trimming while nobody asked; the ring begins anew
 * behind it. */
static void
keep(struct request *rq, struct hub *h, const struct event *e)
{
    struct said  s;
    struct buf   b;
    char        *text;

    buf_init(&b, &rq->attempt, 512);
    write_event(&b, e, &s);
    text = b.failed ? NULL : shop_env.alloc(s.n);
    if (text == NULL)
        fail(rq, &out_of_memory);
    memcpy(text, s.text, s.n);
    s.text = text;

    if (e->seq != h->seq + 1)
        forget_all(h);
    while (h->kept == HUB_KEPT || (h->kept > 0 && h->bytes > HUB_BYTES))
        forget_oldest(h);
    h->seq = e->seq;
    h->kept++;
    h->bytes += s.n;
    *said_at(h, e->seq) = s;
}


/* --- the chain ----------------------------------------------------------- */


/* One question for all listeners: rows behind the last number, by the primary
 * key, so that an idle shop pays for one descent of a tree. */
static void
read_events(struct request *rq)
{
    struct hub   *h = (struct hub *) rq->chain;
    struct event *e;
    size_t        n;

    e = sql_events_after(rq, h->seq, READ_MOST, &n);
    for (size_t i = 0; i < n; i++)
        keep(rq, h, &e[i]);
    reply_none(rq);
}


/* A list that a listener can leave from its middle, wherever he is in it. */
static void
listener_link(struct listener **list, struct listener *l)
{
    l->next = *list;
    l->prev = list;
    if (l->next != NULL)
        l->next->prev = &l->next;
    *list = l;
}


static void
listener_unlink(struct listener *l)
{
    *l->prev = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
}


/* Who is woken may end, and others with him: so none is looked at but the
 * first of those that are left. */
static void
wake(struct hub *h, int64_t seq, uint64_t now)
{
    struct listener *l;

    h->due = h->idle;
    h->idle = NULL;
    if (h->due != NULL)
        h->due->prev = &h->due;
    while ((l = h->due) != NULL) {
        listener_unlink(l);
        listener_link(&h->idle, l);
        if (l->seq < seq || l->beat_ms <= now)
            request_wake(l->rq);
    }
}


/* By turns: ask, then wake.  When asking failed nobody is told, as nothing was
 * said; the chain itself waits longer each time. */
static void
next(struct chain *c, const struct problem *p)
{
    static const struct route  step = { GET, "hub: read", read_events, PUBLIC };
    struct hub                *h = (struct hub *) c;
    int64_t                    before = h->seq;

    (void) p;
    if (h->idle == NULL) {
        forget_all(h);
        chain_close(c);
        return;
    }
    h->asked = !h->asked;
    if (h->asked) {
        chain_step(c, &step, (shop_str_t) { NULL, 0 }, NULL);
        return;
    }
    wake(h, h->seq, shop_now_ms(c->shop));
    if (c->shop != NULL)
        chain_round(c, h->seq != before);
}


static void
drained(shop_timer_t *t)
{
    struct hub *h = t->ctx;

    wake(h, INT64_MAX, UINT64_MAX);
}


/* Not at once: what ends a stream may leave work for the rest of a turn of the
 * loop, and a host on its way out does not begin another for nothing. */
void
hub_drain(struct hub *h, struct shop *shop)
{
    if (h->idle == NULL)
        return;
    h->drain.fire = drained;
    h->drain.ctx = h;
    shop->ops->timer_set(shop->host, &h->drain, 1, SHOP_TIMER_FOREGROUND);
}


void
hub_close(struct hub *h)
{
    if (h->chain.shop != NULL)
        h->chain.shop->ops->timer_del(h->chain.shop->host, &h->drain);
    chain_close(&h->chain);
}


void
hub_done(struct hub *h)
{
    forget_all(h);
}


/* --- listeners ----------------------------------------------------------- */


/* However the stream ends; the chain notices at its next round. */
static void
leave(void *data)
{
    struct listener *l = data;

    listener_unlink(l);
    l->rq->shop->hub.listeners--;
}


/* Each has a coroutine; half of them are left for all else. */
static struct listener *
join(struct request *rq, int64_t after, int64_t last)
{
    struct hub      *h = &rq->shop->hub;
    struct listener *l = alloc(rq, sizeof(*l));

    if (h->listeners >= rq->shop->conf.max_coroutines / 2)
        fail(rq, &overloaded);
    if (arena_cleanup(&rq->attempt, leave, l) == NULL)
        fail(rq, &out_of_memory);

    l->rq = rq;
    l->seq = after;
    listener_link(&h->idle, l);
    h->listeners++;
    if (h->chain.shop == NULL) {
        h->seq = last;
        h->asked = false;
        h->chain.next = next;
        chain_open(&h->chain, rq->shop);
    }

    return l;
}


/* None named is all of them. */
static bool
is_wanted(const struct texts *types, const char *type, size_t n)
{
    for (size_t i = 0; i < types->n; i++) {
        if (event_matches(types->v[i], type, n))
            return true;
    }

    return types->n == 0;
}


/* Copied: he may wait for his client, and the ring does not wait for him. */
static void
tell(struct request *rq, struct listener *l, const struct texts *types,
     const struct said *s)
{
    const char *text;

    l->seq++;
    if (!is_wanted(types, s->text + s->type_at, s->n_type))
        return;
    text = arena_copy(&rq->attempt, s->text, s->n);
    if (text == NULL)
        fail(rq, &out_of_memory);
    stream_write(rq, text, s->n);
}


/* From the database, a page: false when the next one is not there any more. */
static bool
catch_up(struct request *rq, struct listener *l, const struct texts *types)
{
    size_t              n;
    const struct event *e = sql_events_after(rq, l->seq, READ_MOST, &n);

    if (n == 0 || e[0].seq != l->seq + 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct said s;
        struct buf  b;

        buf_init(&b, &rq->attempt, 512);
        write_event(&b, &e[i], &s);
        if (b.failed)
            fail(rq, &out_of_memory);
        tell(rq, l, types, &s);
    }

    return true;
}


/* The number goes with it, also where no event did: a client that asks for few
 * types then goes on from here.  False: the key has been revoked. */
static bool
beat(struct request *rq, struct listener *l)
{
    const char *text = text_of(rq, ":\nid: %lld\n\n", (long long) l->seq);

    if (caller_find(rq) != NULL)
        return false;
    stream_write(rq, text, strlen(text));
    l->beat_ms = shop_now_ms(rq->shop) + rq->shop->conf.heartbeat_ms;

    return true;
}


/* What is next for him, one thing at a time: the ring, the key and the worker
 * may all have changed while he waited.  False when there is nothing more. */
static bool
serve_listener(struct request *rq, struct listener *l,
               const struct texts *types)
{
    struct hub *h = &rq->shop->hub;

    if (shop_now_ms(rq->shop) >= l->beat_ms)
        return beat(rq, l);
    if (l->seq >= h->seq) {
        stream_flush(rq);
        if (l->seq >= h->seq && !rq->shop->draining)
            stream_wait(rq);
        return true;
    }
    if (h->seq - l->seq > h->kept)
        return catch_up(rq, l, types);
    tell(rq, l, types, said_at(h, l->seq + 1));

    return true;
}


/* Clients that lose a worker together come back one after the other. */
void
stream_events(struct request *rq, int64_t after, int64_t last,
              const struct texts *types)
{
    struct listener   *l = join(rq, after, last);
    struct arena_mark  mark;
    uint32_t           chance = 0;
    const char        *retry;

    stream_begin(rq);
    arena_mark(&rq->attempt, &mark);
    (void) shop_env.random(&chance, sizeof(chance));
    retry = text_of(rq, "retry: %u\n\n", RETRY_MS + chance % RETRY_MS);
    stream_write(rq, retry, strlen(retry));
    l->beat_ms = shop_now_ms(rq->shop) + rq->shop->conf.heartbeat_ms;

    while (!rq->shop->draining && serve_listener(rq, l, types))
        arena_rewind(&rq->attempt, &mark);
}


int64_t
last_event_id(struct request *rq)
{
    shop_str_t given = rq->in->header[SHOP_H_LAST_EVENT_ID];
    int64_t    seq;

    if (given.len == 0)
        return INT_NONE;
    if (!int_parse(&seq, given.data, given.len) || seq < 0)
        fail(rq, &bad_last_event_id);

    return seq;
}
