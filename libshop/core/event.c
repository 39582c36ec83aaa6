/*
 * event.c - events: written with the transaction, numbered behind it, and
 * given to those who subscribed.
 *
 * A round of the relay: look; number what has no number yet; deliver to each
 * subscriber that is behind.  Any worker of any machine may do any of it, one
 * at a time: an advisory lock guards the numbers, the row of its cursor each
 * subscriber.  Both are held by a transaction and go with it, so a relay that
 * is killed is replaced by the next worker that looks, and nothing is lost:
 * what it did and how far it had come were to be committed together.
 *
 * Order.  Whoever changes a thing holds its lock while it writes the event, so
 * the events of one subject stand in the outbox in the order of its changes;
 * and when the later of two is visible, so is the earlier.
 *
 * Functions of handlers and steps fail the request.
 */
#include "core/event.h"

#include "core/event.sql.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#define NUMBER_MOST   1000      /* in one transaction                        */
#define DELIVER_MOST  100

const struct field relay_look[] = {
    SHAPE(relay_look, "RelayLook"),
    FIELD(relay_look, pending, BOOL),
    FIELD(relay_look, behind, TEXTS),
    END_SHAPE
};

const struct field relay_lock[] = {
    SHAPE(relay_lock, "RelayLock"),
    FIELD(relay_lock, locked, BOOL),
    END_SHAPE
};

const struct field relay_numbered[] = {
    SHAPE(relay_numbered, "RelayNumbered"),
    FIELD(relay_numbered, n, INT),
    END_SHAPE
};

const struct field event_cursor[] = {
    SHAPE(event_cursor, "EventCursor"),
    FIELD(event_cursor, seq, INT),
    FIELD(event_cursor, failures, INT),
    END_SHAPE
};

const struct field event[] = {
    SHAPE(event, "Event"),
    FIELD(event, seq, INT),
    FIELD(event, type, TEXT),
    FIELD(event, subject, TEXT),
    FIELD(event, payload, JSON),
    FIELD(event, occurred_at, STAMP),
    FIELD(event, request_id, TEXT, .nullable = true),
    FIELD(event, recorded_at, STAMP),
    END_SHAPE
};


/* Nobody waits for it: when it fails, COMMIT does. */
void
emit(struct request *rq, const char *type, const char *subject,
     const char *payload)
{
    struct query *q = alloc(rq, sizeof(*q));

    start_event_insert(rq, q, type, subject, (json) { payload }, trace(rq));
}


/* --- steps ---------------------------------------------------------------- */


/* Names, in the order of their numbers: the place in this list is the bit of
 * `behind`. */
static struct texts
subscribers(struct request *rq)
{
    struct texts             t = { 0, NULL };
    const struct subscriber *s;

    t.v = alloc(rq, SUBSCRIBERS_MAX * sizeof(*t.v));
    while ((s = subscriber_at(t.n)) != NULL)
        t.v[t.n++] = s->name;

    return t;
}


/* A read, so that an idle shop writes nothing: five transactions a second and
 * worker would keep the disk busy for no purpose. */
static void
look(struct request *rq)
{
    struct relay            *r = (struct relay *) rq->chain;
    struct texts             all = subscribers(rq);
    const struct relay_look *found = sql_relay_look(rq, all);

    r->pending = found->pending;
    r->behind = 0;
    for (size_t i = 0; i < all.n; i++) {
        for (size_t k = 0; k < found->behind.n; k++) {
            if (strcmp(all.v[i], found->behind.v[k]) == 0)
                r->behind |= 1ull << i;
        }
    }
    reply_none(rq);
}


/* Cursors first: who subscribes now has what is numbered now.  Who does not
 * get the lock leaves it to the one who has it. */
static void
number(struct request *rq)
{
    struct relay *r = (struct relay *) rq->chain;

    r->moved = 0;
    if (sql_relay_lock(rq)->locked) {
        sql_cursors_make(rq, subscribers(rq));
        r->moved = sql_events_number(rq, NUMBER_MOST)->n;
    }
    reply_none(rq);
}


bool
event_matches(const char *pattern, const char *type, size_t n)
{
    size_t m = strlen(pattern);

    if (m > 0 && pattern[m - 1] == '*')
        return n >= m - 1 && memcmp(pattern, type, m - 1) == 0;

    return n == m && memcmp(pattern, type, m) == 0;
}


/* What the subscriber asks for in turn carries the id of the request that made
 * the event: so a mail is found by the click that caused it. Not the event's
 * own text, which goes with this attempt, and the request may have another. */
static void
hand_over(struct request *rq, const struct subscriber *s,
          const struct event *e)
{
    struct relay *r = (struct relay *) rq->chain;
    const char   *id = e->request_id == NULL ? "" : e->request_id;

    if (s->types != NULL
        && !event_matches(s->types, e->type, strlen(e->type)))
        return;
    rq->own.request_id = (shop_str_t) { r->id, strnlen(id, sizeof(r->id)) };
    memcpy(r->id, id, rq->own.request_id.len);
    s->deliver(rq, e);
}


/* Those before one that has just failed, and behind a failure one at a time. */
static int64_t
how_many(const struct relay *r)
{
    if (r->most > 0)
        return r->most;

    return r->failures > 0 ? 1 : DELIVER_MOST;
}


static void
deliver(struct request *rq)
{
    struct relay              *r = (struct relay *) rq->chain;
    const struct subscriber   *s = subscriber_at(r->subscriber);
    const struct event_cursor *cursor;
    const struct event        *e;
    size_t                     n;

    r->moved = r->at = 0;
    rq->own.request_id.len = 0;
    reply_none(rq);
    cursor = sql_cursor_lock(rq, s->name);
    if (cursor == NULL)
        return;

    r->seq = cursor->seq;
    r->failures = cursor->failures;
    e = sql_events_after(rq, cursor->seq, how_many(r), &n);
    for (size_t i = 0; i < n; i++) {
        r->at = (int64_t) i;
        hand_over(rq, s, &e[i]);
    }
    r->at = 0;
    if (n > 0)
        sql_cursor_move(rq, s->name, e[n - 1].seq);
    r->moved = (int64_t) n;
}


/* In a transaction of its own, for that of the delivery is gone.  Who delivers
 * the same in the meantime has moved the cursor, and then nothing failed. */
static void
note_failure(struct request *rq)
{
    struct relay *r = (struct relay *) rq->chain;

    sql_cursor_failed(rq, subscriber_at(r->subscriber)->name, r->seq,
                      r->error, backoff_ms(r->failures + 1));
    reply_none(rq);
}


/* --- the round ------------------------------------------------------------ */

static const struct route steps[] = {
    [RELAY_LOOK] = { GET, "relay: look", look, PUBLIC },
    [RELAY_NUMBER] = { POST, "relay: number", number, PUBLIC, TX },
    [RELAY_DELIVER] = { POST, "relay: deliver", deliver, PUBLIC, TX },
    [RELAY_FAILED] = { POST, "relay: failed", note_failure, PUBLIC, TX },
};


static void
go(struct relay *r, unsigned step)
{
    r->step = step;
    chain_step(&r->chain, &steps[step], (shop_str_t) { NULL, 0 }, NULL);
}


/* Until the next look. */
static void
rest(struct relay *r, bool at_once)
{
    r->step = RELAY_IDLE;
    chain_round(&r->chain, at_once);
}


/* One subscriber after the other; a failure of one does not keep the others
 * from having theirs. */
static void
deliver_next(struct relay *r)
{
    if (r->behind == 0) {
        rest(r, r->worked);
        return;
    }
    r->subscriber = (unsigned) __builtin_ctzll(r->behind);
    r->behind &= r->behind - 1;
    r->seq = INT_NONE;
    r->most = 0;
    go(r, RELAY_DELIVER);
}


/* Delivered in the same round: nobody has to look once more first. */
static void
numbered(struct relay *r)
{
    size_t n = 0;

    COUNT(r->chain.shop, EVENTS_NUMBERED, r->moved);
    r->worked = r->moved > 0;
    while (r->worked && subscriber_at(n) != NULL)
        r->behind |= 1ull << n++;
    deliver_next(r);
}


/* What was not ours to begin with, or what the shop's end cut short, is no
 * fault of the subscriber's.  Those before the one that failed went with its
 * transaction: they are delivered first, at once and without it, so that it
 * holds up none of them. */
static void
failed(struct relay *r, const struct problem *p)
{
    struct shop *shop = r->chain.shop;

    if (r->step != RELAY_DELIVER || r->seq == INT_NONE) {
        rest(r, false);
        return;
    }
    if (r->at > 0) {
        r->seq = INT_NONE;
        r->most = r->at;
        go(r, RELAY_DELIVER);
        return;
    }
    COUNT(shop, EVENTS_FAILED, 1);
    shop_log(shop, SHOP_LOG_WARN, "subscriber %s failed behind event %lld: %s",
             subscriber_at(r->subscriber)->name, (long long) r->seq, p->code);
    r->error = p->code;
    go(r, RELAY_FAILED);
}


/* Which step follows which.  What a step found lies in *r: the request that
 * found it is gone by now. */
static void
next(struct chain *c, const struct problem *p)
{
    struct relay *r = (struct relay *) c;

    if (p != NULL) {
        failed(r, p);
        return;
    }
    switch (r->step) {
    case RELAY_IDLE:
        r->worked = false;
        go(r, RELAY_LOOK);
        break;
    case RELAY_LOOK:
        if (r->pending)
            go(r, RELAY_NUMBER);
        else
            deliver_next(r);
        break;
    case RELAY_NUMBER:
        numbered(r);
        break;
    case RELAY_DELIVER:
        COUNT(c->shop, EVENTS_DELIVERED, r->moved);
        r->worked = r->worked || r->moved > 0;
        deliver_next(r);
        break;
    case RELAY_FAILED:
        deliver_next(r);
        break;
    }
}


void
relay_open(struct relay *r)
{
    r->chain.next = next;
}
