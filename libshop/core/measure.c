/*
 * measure.c - what is noted of every answer: for the line of a log, which the
 * host writes, and for the metrics.
 *
 * Runs on the loop's stack; nothing here fails.
 */
#include <stdio.h>

#include "core/crypto.h"
#include "core/env.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#define ID_SHOWN    64          /* as long as the module lets ids be         */
#define SLOW_LINES  20          /* a second, of a worker                     */

/* How a kind of caller is called, and how its ids begin where they are shown;
 * NULL: it has none. */
static const struct {
    const char  *name;
    const char  *prefix;
} kinds[] = {
    [ANONYMOUS] = { "anonymous", NULL },
    [KEY]       = { "key", "key" },
    [SYSTEM]    = { "system", NULL },
};


/* Logs are read by more people than the database is: who has an id finds its
 * lines, and nobody learns the id from them. */
static const char *
digest_of(const struct caller *c, char *text)
{
    const char *prefix = kinds[c->kind].prefix;
    uint8_t     hash[SHA256_SIZE];
    char        id[26], shown[40];
    int         n;

    if (prefix == NULL || uuid_is_none(c->id))
        return NULL;

    uuid_base32(id, c->id);
    n = snprintf(shown, sizeof(shown), "%s_%.26s", prefix, id);
    if (!sha256(shown, (size_t) n, hash))
        return NULL;
    for (int i = 0; i < CALLER_ID / 2; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);

    return text;
}


/* Few, as each is a series for each route: a kept answer, one of PostgreSQL,
 * and how far beyond good the rest is. */
const uint32_t bucket_us[BUCKETS - 1] = {
    100, 1000, 5000, 25000, 100000, 500000, 2500000
};


static unsigned
bucket_of(uint32_t us)
{
    unsigned i = 0;

    while (i < BUCKETS - 1 && us > bucket_us[i])
        i++;

    return i;
}


/* How long a stream lasts says nothing of the shop: its time is no latency. */
static void
count(struct shop *shop, unsigned route, const shop_answer_t *a, bool timed)
{
    struct route_count *c = &shop->by_route[route];
    unsigned            class = (unsigned) a->status / 100 - 1;

    if (class >= STATUS_CLASSES)
        return;

    c->status[class]++;
    if (timed) {
        c->bucket[bucket_of(a->us)]++;
        c->us += a->us;
    }
    c->db_us += a->db_us;
    c->hits += strcmp(a->cache, "hit") == 0;
}


/* `caller_id` has room for CALLER_ID bytes, and is `a`'s until it is sent.  One
 * that was ended while it waited has waited until now. */
void
measure_fill(struct request *rq, shop_answer_t *a, char *caller_id)
{
    uint64_t now = shop_env.mono_us();

    a->route = rq->route == NULL ? "-" : rq->route->path;
    a->caller = kinds[rq->caller.kind].name;
    a->caller_id = digest_of(&rq->caller, caller_id);
    a->cache = rq->keep.state;
    a->db_us = rq->db_us;
    if (rq->db_since_us != 0)
        a->db_us += (uint32_t) (now - rq->db_since_us);
    a->cache_us = rq->cache_us;
    a->us = (uint32_t) (now - rq->start_us);
}


void
measure_answer(struct request *rq, shop_answer_t *a, char *caller_id)
{
    measure_fill(rq, a, caller_id);
    if (rq->route != NULL)
        count(rq->shop, rq->match.id, a, !rq->stream.open);
}


/* Of a stream that has outlived its request. */
void
measure_end(struct shop *shop, unsigned route, shop_answer_t *a,
            uint64_t start_us)
{
    a->us = (uint32_t) (shop_env.mono_us() - start_us);
    count(shop, route, a, false);
}


/* Where no nginx has looked at it an id may be anything, and a log's line must
 * stay one.  What a host lent for a request is gone with its answer. */
static const char *
id_shown(const struct request *rq, char text[ID_SHOWN + 1])
{
    shop_str_t id;
    size_t     n;

    if (rq->coro == NULL && rq->in != &rq->own)
        return "-";

    id = rq->in->request_id;
    n = id.len < ID_SHOWN ? id.len : ID_SHOWN;
    if (n == 0)
        return "-";

    for (size_t i = 0; i < n; i++)
        text[i] = id.data[i] > ' ' && id.data[i] < 0x7f ? id.data[i] : '?';
    text[n] = '\0';

    return text;
}


/* While PostgreSQL stands still everything is slow, and the log need not say
 * it a thousand times; the counter does. */
static bool
may_be_told(struct shop *shop, uint64_t now_us)
{
    struct slow *s = &shop->slow;

    if (s->second != now_us / 1000000) {
        s->second = now_us / 1000000;
        s->lines = 0;
    }

    return s->lines++ < SLOW_LINES;
}


/* The statement is named, and its parameters are not: they may be secrets. */
void
measure_statement(struct request *rq, const char *name, uint64_t since_us,
                  bool answered)
{
    struct shop *shop = rq->shop;
    char         id[ID_SHOWN + 1];
    uint64_t     now = shop_env.mono_us();

    if (shop->conf.slow_ms == 0
        || now - since_us <= shop->conf.slow_ms * UINT64_C(1000))
        return;

    COUNT(shop, SLOW, 1);
    if (!may_be_told(shop, now))
        return;
    shop_log(shop, SHOP_LOG_WARN, "slow statement %s: %s %llu us, %s %s, "
             "request %s", name, answered ? "took" : "given up after",
             (unsigned long long) (now - since_us),
             method_name(rq->route->method), rq->route->path, id_shown(rq, id));
}


/* A kept answer is everybody's, so nobody is asked who calls. */
void
measure_hit(struct shop *shop, const struct match *m, shop_answer_t *a,
            uint64_t start_us)
{
    a->route = m->route->path;
    a->caller = kinds[ANONYMOUS].name;
    a->us = a->cache_us = (uint32_t) (shop_env.mono_us() - start_us);

    COUNT(shop, CACHE_HITS, 1);
    count(shop, m->id, a, true);
}
