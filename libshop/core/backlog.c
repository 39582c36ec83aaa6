/*
 * backlog.c - the look at what waits.
 *
 * Over the poller's connection, so that it is there when all others are taken,
 * and is none of the statements of requests.  Each part of the question is
 * answered by the beginning of an index, and no count goes beyond 10,000, so
 * that no poll is kept waiting by it.
 *
 * Nothing here returns an error: what cannot be seen keeps its last value, and
 * the time of that look tells how old it is.
 */
#include "core/backlog.h"

#include <stdlib.h>

#include "core/buf.h"
#include "core/env.h"
#include "core/sql.h"
#include "core/worker.h"

#define EVERY_MS  1000

#define AGE(at)  "greatest(0, extract(epoch FROM shop_now() - " at ") * 1000)"
#define FEW      " LIMIT 10000) few)"

/* Schedules that nobody turns into jobs wait like jobs that nobody runs. */
static const char look_text[] =
    "SELECT (SELECT count(*) FROM (SELECT FROM outbox" FEW ","
    " coalesce((SELECT " AGE("occurred_at") " FROM outbox"
    "            ORDER BY id LIMIT 1), 0)::bigint,"
    " coalesce((SELECT last_seq - min(c.seq)"
    "             FROM event_relay, event_cursors c"
    "            WHERE c.subscriber = ANY ($1::text[])"
    "            GROUP BY last_seq), 0),"
    " (SELECT count(*) FROM (SELECT FROM jobs WHERE dead_at IS NULL"
    "     AND greatest(run_at, leased_until) <= shop_now()" FEW ","
    " (SELECT coalesce(max(" AGE("at") "), 0)::bigint FROM ("
    "     SELECT min(greatest(run_at, leased_until)) AS at FROM jobs"
    "      WHERE dead_at IS NULL"
    "      UNION ALL"
    "     SELECT min(next_at) FROM schedules WHERE enabled) oldest),"
    " (SELECT count(*) FROM (SELECT FROM jobs WHERE dead_at IS NOT NULL" FEW ","
    " (SELECT count(*) FROM pg_stat_activity"
    "   WHERE datname = current_database() AND wait_event_type = 'Lock')";

/* Of its columns, in order. */
static const unsigned levels[] = {
    COUNT_OUTBOX, COUNT_OUTBOX_AGE, COUNT_BEHIND, COUNT_DUE, COUNT_DUE_AGE,
    COUNT_DEAD, COUNT_LOCKED,
};

#define LEVELS  (sizeof(levels) / sizeof(levels[0]))


static void
later(struct backlog *b)
{
    struct shop *shop = b->shop;

    shop->ops->timer_set(shop->host, &b->timer, EVERY_MS,
                         SHOP_TIMER_BACKGROUND);
}


static void
seen(struct db_wait *w)
{
    struct backlog *b = w->ctx;
    struct shop    *shop = b->shop;

    if (w->outcome == DB_ROWS) {
        for (size_t i = 0; i < LEVELS; i++)
            shop->count[levels[i]] =
                strtoull(PQgetvalue(w->result, 0, (int) i), NULL, 10);
        shop->count[COUNT_LOOKED] = (uint64_t) shop_env.now_us() / 1000;
    }
    PQclear(w->result);
    w->result = NULL;
}


/* A question without an answer is not asked again: the poller, whose question
 * is behind it, gives the connection up. */
static void
tick(shop_timer_t *t)
{
    struct backlog *b = t->ctx;
    struct db_call  call = { "shop_backlog", look_text, 1, &b->subscribers,
                             b->slot };

    later(b);
    if (b->wait.entry != NULL)
        return;
    b->wait.outcome = DB_PENDING;
    db_poll(b->shop->db, &call, &b->wait);
}


/* Of those that have a cursor and are in no domain's table any more nobody
 * expects that they go on. */
static const char *
subscribers(struct shop *shop)
{
    const struct subscriber *s;
    struct buf               b;

    buf_init(&b, &shop->arena, 256);
    buf_char(&b, '{');
    for (size_t i = 0; (s = subscriber_at(i)) != NULL; i++)
        buf_format(&b, "%s\"%s\"", i == 0 ? "" : ",", s->name);
    buf_add(&b, "}", 2);

    return b.failed ? NULL : b.data;
}


void
backlog_open(struct backlog *b, struct shop *shop)
{
    static unsigned slot;

    if (shop->conf.worker != 0
        || shop->conf.background == SHOP_BACKGROUND_OFF)
        return;
    if (slot == 0)
        slot = sql_next_slot();

    b->subscribers = subscribers(shop);
    if (b->subscribers == NULL)
        return;
    b->shop = shop;
    b->slot = slot;
    b->wait.wake = seen;
    b->wait.ctx = b;
    b->timer.fire = tick;
    b->timer.ctx = b;
    later(b);
}


/* A worker that drains may live on for long beside its successor, and the
 * largest of what they say counts. */
void
backlog_close(struct backlog *b)
{
    struct shop *shop = b->shop;

    if (shop == NULL)
        return;

    b->shop = NULL;
    if (b->wait.entry != NULL)
        db_forget(&b->wait);
    shop->ops->timer_del(shop->host, &b->timer);
    for (size_t i = 0; i < LEVELS; i++)
        shop->count[levels[i]] = 0;
    shop->count[COUNT_LOOKED] = 0;
}
