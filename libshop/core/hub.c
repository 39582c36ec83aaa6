/*
 * hub.c - server-sent events: who listens hears of each event in its order,
 * none left out and none twice, as far back as events are kept.
 *
 * Numbers of events have no gaps, so a listener needs to remember nothing but
 * the last one; where the next is not to be had any more the stream ends, and
 * whoever asks to go on is told by the feed.
 *
 * He waits without a request: what he has not had is written from the loop's
 * stack, and only for what PostgreSQL must be asked (his key, events behind
 * the ring) a request of his begins, a step, of which few run at a time.
 *
 * stream_events() is a handler's and fails, and so does what runs in a step;
 * all else runs on the loop's stack and does not.
 */
#include <stdio.h>

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
#define STEPS_MAX  64           /* at a time, for they need coroutines       */
#define SOON_MS    1

struct listener {
    struct call             call;       /* what the host has of him          */
    struct shop            *shop;
    const shop_request_t   *in;         /* the host's, as long as he listens */
    const shop_sink_ops_t  *sink;       /* NULL: he has left                 */
    void                   *sink_ctx;
    const struct route     *route;
    unsigned                route_id;
    bool                    joined;     /* his head is out, he may wait      */
    bool                    full;       /* the host has as much as it takes  */
    bool                    left;       /* nobody reads any more             */
    bool                    over;       /* he gets no more, and is told so   */
    struct request         *step;       /* asks PostgreSQL for him, or NULL  */
    struct texts            types;      /* none: all                         */
    int64_t                 seq;        /* the last event that he has had    */
    int64_t                 newest;     /* that there was when he came       */
    uint64_t                beat_ms;    /* when a sign of life is due        */
    uint64_t                start_us;
    shop_answer_t           told;       /* what the log is told at his end   */
    char                    caller_id[CALLER_ID];
    struct listener        *next;
    struct listener       **prev;
};


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
    h->more = n == READ_MOST;
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


/* --- telling ------------------------------------------------------------- */


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


/* What the host takes it copies; what it cannot send it keeps, up to a piece,
 * and has no more until the client has read that. */
static void
give(struct listener *l, const char *text, size_t n)
{
    int rc = n == 0 ? SHOP_OK : l->sink->write(l->sink_ctx, text, n);

    l->full = rc == SHOP_AGAIN;
    l->left = rc < 0;
}


static bool
is_kept(struct hub *h, const struct listener *l)
{
    return l->seq < h->seq && h->seq - l->seq <= h->kept;
}


/* Of the ring what fills a piece; an event that is larger goes by itself. */
static void
feed(struct hub *h, struct listener *l)
{
    size_t       n = 0;
    struct said *s = NULL;

    for (; is_kept(h, l); l->seq++) {
        s = said_at(h, l->seq + 1);
        if (!is_wanted(&l->types, s->text + s->type_at, s->n_type))
            continue;
        if (n + s->n > HUB_PIECE)
            break;
        memcpy(h->piece + n, s->text, s->n);
        n += s->n;
    }
    if (n != 0 || !is_kept(h, l)) {
        give(l, h->piece, n);
        return;
    }
    l->seq++;
    give(l, s->text, s->n);
}


/* The number goes with it, also where no event did: a client that asks for few
 * types then goes on from here. */
static void
tell_beat(void *data)
{
    struct listener *l = data;
    char             text[40];
    int              n = snprintf(text, sizeof(text), ":\nid: %lld\n\n",
                                  (long long) l->seq);

    give(l, text, (size_t) n);
    l->beat_ms = shop_now_ms(l->shop) + l->shop->conf.heartbeat_ms;
}


/* --- steps --------------------------------------------------------------- */


/* A page as a step has read it, and how far it has been told. */
struct told {
    struct listener     *l;
    const struct buf    *b;
};


static void
tell_page(void *data)
{
    const struct told *t = data;

    give(t->l, t->b->data, t->b->len);
}


/* From the database, a page, or as much of it as he takes: the rest is read
 * again when he has taken that.  Where the next one is not there any more the
 * stream is over. */
static void
catch_up(struct request *rq, struct listener *l)
{
    size_t              n, i = 0;
    const struct event *e = sql_events_after(rq, l->seq, READ_MOST, &n);

    l->over = n == 0 || e[0].seq != l->seq + 1;
    while (i < n && !l->over && !l->full && !l->left) {
        struct buf   b;
        struct said  s;
        struct told  t = { l, &b };

        buf_init(&b, &rq->attempt, 1024);
        for (; i < n && b.len < HUB_PIECE; i++) {
            if (is_wanted(&l->types, e[i].type, strlen(e[i].type)))
                write_event(&b, &e[i], &s);
            l->seq++;
        }
        if (b.failed)
            fail(rq, &out_of_memory);
        request_on_loop(rq, tell_page, &t);
    }
}


/* His key first: a stream may outlast it by weeks. */
static void
step(void *data)
{
    struct request  *rq = data;
    struct listener *l = rq->step_of;

    if (shop_now_ms(rq->shop) < l->beat_ms)
        catch_up(rq, l);
    else if (caller_find(rq) == NULL)
        request_on_loop(rq, tell_beat, l);
    else
        l->over = true;
    rq->state = DONE;
}


/* When he is looked at next, if there is no room now, nor memory. */
static void
begin_step(struct hub *h, struct listener *l)
{
    if (h->steps == STEPS_MAX) {
        h->crowded = true;
        return;
    }
    l->step = request_aside(l->shop, l->in, l->route, step);
    if (l->step == NULL)
        return;
    h->steps++;
    l->step->step_of = l;
    request_go(l->step);
}


/* --- what is next for whom ----------------------------------------------- */


void
listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    shop_env.release(l->types.v);
    shop_env.release(l);
}


/* Of what went wrong the log speaks, since the client cannot be told. */
static void
end(struct listener *l, const struct problem *p)
{
    struct shop *shop = l->shop;
    bool         whole = p == NULL && !l->left;

    listener_unlink(l);
    COUNT(shop, STREAMS_OPEN, -1);
    if (!whole)
        COUNT(shop, STREAMS_CUT, 1);
    if (p != NULL && l->sink != NULL)
        shop_log(shop, SHOP_LOG_WARN, "the stream of %s is cut: %s",
                 l->route->path, p->code);
    measure_end(shop, l->route_id, &l->told, l->start_us);
    if (l->sink != NULL)
        l->sink->close(l->sink_ctx, &l->told, whole);
    listener_free(l);
}


/* The ring, his key and the worker may all have changed while he waited.  Who
 * takes nothing is asked again when he does; how long that may be is the
 * host's to say. */
static void
attend(struct hub *h, struct listener *l)
{
    if (l->step != NULL || l->full)
        return;
    if (l->left || l->shop->draining) {
        end(l, NULL);
        return;
    }
    if (shop_now_ms(l->shop) >= l->beat_ms
        || (l->seq < h->seq && !is_kept(h, l))) {
        begin_step(h, l);
        return;
    }
    while (is_kept(h, l) && !l->full && !l->left)
        feed(h, l);
    if (l->left)
        end(l, NULL);
}


/* Who is looked at may end, and others with him: so none is touched but the
 * first of those that are left. */
static void
look(struct hub *h)
{
    struct listener *l;

    while ((l = h->due) != NULL) {
        listener_unlink(l);
        listener_link(&h->idle, l);
        attend(h, l);
    }
}


static void
look_at_all(struct hub *h)
{
    look(h);
    h->due = h->idle;
    h->idle = NULL;
    if (h->due != NULL)
        h->due->prev = &h->due;
    look(h);
}


/* By turns: ask, then look.  When asking failed nobody is told, as nothing was
 * said; the chain itself waits longer each time. */
static void
next(struct chain *c, const struct problem *p)
{
    static const struct route  ask = { GET, "hub: read", read_events, PUBLIC };
    struct hub                *h = (struct hub *) c;

    if (h->idle == NULL && h->due == NULL) {
        forget_all(h);
        chain_close(c);
        return;
    }
    h->asked = !h->asked;
    if (h->asked) {
        h->more = h->crowded = false;
        chain_step(c, &ask, (shop_str_t) { NULL, 0 }, NULL);
        return;
    }
    look_at_all(h);
    if (c->shop != NULL)
        chain_round(c, p == NULL && (h->more || h->crowded));
}


/* --- coming and going ---------------------------------------------------- */


static void
look_soon(shop_timer_t *t)
{
    struct hub *h = t->ctx;

    if (h->draining)
        look_at_all(h);
    else
        look(h);
}


/* Not at once: what ends a stream may leave work for the rest of a turn of the
 * loop, and a host on its way out does not begin another for nothing; and who
 * comes may still be within shop_submit(). */
static void
soon(struct hub *h, struct shop *shop)
{
    h->soon.fire = look_soon;
    h->soon.ctx = h;
    shop->ops->timer_set(shop->host, &h->soon, SOON_MS,
                         SHOP_TIMER_FOREGROUND);
}


void
hub_drain(struct hub *h, struct shop *shop)
{
    h->draining = true;
    if (h->idle != NULL || h->due != NULL)
        soon(h, shop);
}


void
hub_close(struct hub *h, struct shop *shop)
{
    h->closed = true;
    shop->ops->timer_del(shop->host, &h->soon);
    chain_close(&h->chain);
}


/* Those who wait for nothing but events have no request that could end. */
void
hub_done(struct hub *h)
{
    while (h->due != NULL)
        end(h->due, &shutting_down);
    while (h->idle != NULL)
        end(h->idle, &shutting_down);
    forget_all(h);
}


struct listener *
listener_make(struct request *rq)
{
    struct listener *l = shop_env.alloc(sizeof(*l));

    if (l == NULL)
        return NULL;
    memset(l, 0, sizeof(*l));
    l->call.rq = rq;

    return l;
}


/* Clients that lose a worker together come back one after the other. */
static void
greet(struct listener *l)
{
    uint32_t chance = 0;
    char     text[24];
    int      n;

    (void) shop_env.random(&chance, sizeof(chance));
    n = snprintf(text, sizeof(text), "retry: %u\n\n",
                 RETRY_MS + chance % RETRY_MS);
    give(l, text, (size_t) n);
    l->beat_ms = shop_now_ms(l->shop) + l->shop->conf.heartbeat_ms;
}


bool
listener_stays(const struct request *rq)
{
    const struct listener *l = rq->listener;

    return l != NULL && l->joined && rq->problem == NULL && !rq->stream.left
           && rq->sink != NULL && !rq->shop->hub.closed;
}


void
listener_stay(struct request *rq)
{
    struct listener *l = rq->listener;
    struct hub      *h = &rq->shop->hub;

    rq->listener = NULL;
    l->call.rq = NULL;
    l->shop = rq->shop;
    l->in = rq->in;
    l->sink = rq->sink;
    l->sink_ctx = rq->sink_ctx;
    l->route = rq->route;
    l->route_id = rq->match.id;
    l->start_us = rq->start_us;
    l->told.status = rq->answer.status;
    measure_fill(rq, &l->told, l->caller_id);
    greet(l);

    listener_link(&h->due, l);
    soon(h, rq->shop);
    if (h->chain.shop == NULL) {
        h->seq = l->newest;
        h->asked = false;
        h->chain.next = next;
        chain_open(&h->chain, rq->shop);
    }
}


void
listener_stepped(struct listener *l, const struct problem *p, uint32_t db_us)
{
    struct hub *h = &l->shop->hub;

    h->steps--;
    l->step = NULL;
    l->told.db_us += db_us;
    if (p != NULL || l->over || l->left)
        end(l, p);
    else
        attend(h, l);
}


/* Whose step is stopped ends with it. */
void
listener_leave(struct listener *l)
{
    COUNT(l->shop, DETACHED, 1);
    l->sink = NULL;
    if (l->step != NULL)
        request_stop(l->step, &shutting_down);
    else
        end(l, &shutting_down);
}


void
listener_writable(struct listener *l)
{
    l->full = false;
    attend(&l->shop->hub, l);
}


/* --- for handlers -------------------------------------------------------- */


/* His own, in one block, since they outlive the request. */
static void
keep_types(struct request *rq, struct listener *l, const struct texts *types)
{
    size_t  size = types->n * sizeof(char *);
    char   *at;

    if (types->n == 0)
        return;
    for (size_t i = 0; i < types->n; i++)
        size += strlen(types->v[i]) + 1;
    l->types.v = shop_env.alloc(size);
    if (l->types.v == NULL)
        fail(rq, &out_of_memory);
    l->types.n = types->n;
    at = (char *) (l->types.v + types->n);
    for (size_t i = 0; i < types->n; i++) {
        l->types.v[i] = at;
        at = stpcpy(at, types->v[i]) + 1;
    }
}


void
stream_events(struct request *rq, int64_t after, int64_t last,
              const struct texts *types)
{
    struct listener *l = rq->listener;

    if (l == NULL) {
        shop_log(rq->shop, SHOP_LOG_ERROR, "%s tells of events, but its row "
                 "does not say so", rq->route->path);
        fail(rq, &internal_error);
    }
    l->seq = after;
    l->newest = last;
    keep_types(rq, l, types);
    stream_begin(rq);
    l->joined = true;
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
