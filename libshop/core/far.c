/*
 * far.c - when memcached is asked, when it is given something, and when it is
 * left alone.
 *
 * libmemcached waits, so it runs on pool threads; a get costs a thread's hop,
 * some twenty microseconds in all.  Answers that PostgreSQL gives as fast are
 * not worth it: of each route it is known how long its answers have been
 * waited for.
 *
 * A memcached that fails a few times in a row is not asked for a while, and
 * then by one request.  So one that hangs costs a second's few requests a
 * short wait.
 *
 * Whatever fails here is a miss, except a lack of memory in far_fetch().
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/env.h"
#include "core/far.h"
#include "core/far_client.h"
#include "core/far_value.h"
#include "core/hash.h"
#include "core/request.h"
#include "core/worker.h"

#define WORTH_US      100       /* waited for PostgreSQL                     */
#define FAILURES_MAX  3         /* in a row                                  */
#define REST_MS       1000
#define AT_WORK_MAX   16        /* gets; and as many sets                    */
#define KEY_LEN       37        /* "shop:" and 128 bits                      */

/* Lives until the last thread is done with it; all but `client` belongs to the
 * loop. */
struct far {
    struct shop        *shop;           /* NULL: it has closed               */
    struct far_client  *client;
    uint8_t             key[2][FAR_KEY];
    unsigned            users;          /* the shop, and threads             */
    unsigned            gets;           /* at work                           */
    unsigned            sets;
    unsigned            failures;       /* in a row                          */
    uint64_t            rest_until_ms;
    uint32_t            us[ROUTES_MAX]; /* an answer's, on the average       */
};

/* A question; on the request's arena. */
struct get {
    struct far        *far;
    char               key[KEY_LEN + 1];
    enum far_outcome   outcome;
    bool               ours;            /* signed by a machine of the shop   */
    char              *value;           /* malloc's                          */
    size_t             len;
};

/* Something to store; on no arena, for nobody waits for it. */
struct set {
    shop_job_t         job;
    struct far        *far;
    char               key[KEY_LEN + 1];
    enum far_outcome   outcome;
    size_t             len;
    char               value[];
};


int
far_open(struct far **out, struct shop *shop)
{
    struct far *f;

    *out = NULL;
    if (shop->conf.memcached == NULL)
        return SHOP_OK;

    f = shop_env.alloc(sizeof(*f));
    if (f == NULL)
        return SHOP_E_NOMEM;
    memset(f, 0, sizeof(*f));
    f->client = far_client_open(shop->conf.memcached);
    if (f->client == NULL || far_keys(shop->conf.cursor_secret, f->key) != 0) {
        if (f->client != NULL)
            far_client_close(f->client);
        shop_env.release(f);
        return SHOP_E_NOMEM;
    }
    f->shop = shop;
    f->users = 1;
    *out = f;

    return SHOP_OK;
}


static void
leave(struct far *f)
{
    if (--f->users != 0)
        return;

    far_client_close(f->client);
    shop_env.release(f);
}


void
far_close(struct far *f)
{
    if (f == NULL)
        return;

    f->shop = NULL;
    leave(f);
}


/* --- is it worth it, does it answer? ------------------------------------- */


static uint32_t *
cost_of(struct request *rq)
{
    return &rq->shop->far->us[rq->match.id];
}


/* A mean that forgets; no answer yet is taken for a dear one. */
static void
cost_note(struct request *rq)
{
    uint32_t *us = cost_of(rq);
    int64_t   step = ((int64_t) rq->db_us - *us) / 8;

    *us = *us == 0 ? rq->db_us : (uint32_t) (*us + step);
}


/* While it rests nobody asks; then the first one tries for all. */
static bool
answers(struct far *f)
{
    uint64_t now = shop_now_ms(f->shop);

    if (f->failures < FAILURES_MAX)
        return true;
    if (now < f->rest_until_ms)
        return false;
    f->rest_until_ms = now + REST_MS;

    return true;
}


static void
judge(struct far *f, enum far_outcome outcome)
{
    if (f->shop == NULL || outcome == FAR_BUSY)
        return;
    if (outcome != FAR_FAILED) {
        f->failures = 0;
        return;
    }

    COUNT(f->shop, FAR_FAILED, 1);
    if (++f->failures != FAILURES_MAX)
        return;
    f->rest_until_ms = shop_now_ms(f->shop) + REST_MS;
    shop_log(f->shop, SHOP_LOG_WARN, "memcached at %s does not answer",
             f->shop->conf.memcached);
}


/* memcached takes 250 bytes without spaces: a hash that every machine makes
 * alike.  Which key it really was stands in the value. */
static void
far_key(const struct request *rq, uint64_t epoch, char out[KEY_LEN + 1])
{
    struct hash_seed seed = hash_fixed;
    uint64_t         h[2];

    seed.word[0] ^= epoch;
    hash128(&seed, rq->keep.key.text, rq->keep.key.len, h);
    snprintf(out, KEY_LEN + 1, "shop:%016llx%016llx",
             (unsigned long long) h[0], (unsigned long long) h[1]);
}


/* --- fetching ------------------------------------------------------------ */


static void
get_work(void *arg)
{
    struct get *g = arg;
    struct far *f = g->far;

    g->outcome = far_client_get(f->client, g->key, KEY_LEN, &g->value,
                                &g->len);
    if (g->outcome == FAR_FOUND)
        g->ours = far_value_signed(f->key[0], g->value, g->len)
                  || far_value_signed(f->key[1], g->value, g->len);
}


static void
get_ended(struct get *g)
{
    struct far *f = g->far;

    if (f == NULL)
        return;

    g->far = NULL;
    f->gets--;
    judge(f, g->outcome);
    leave(f);
}


/* When the request was abandoned the thread is done by now. */
static void
get_free(void *data)
{
    struct get *g = data;

    get_ended(g);
    if (g->outcome == FAR_FOUND)
        free(g->value);
}


static struct get *
get_make(struct request *rq, struct far *f, uint64_t epoch)
{
    struct get *g = arena_zalloc(&rq->attempt, sizeof(*g));

    if (g == NULL || arena_cleanup(&rq->attempt, get_free, g) == NULL)
        return NULL;

    g->far = f;
    g->outcome = FAR_BUSY;
    f->users++;
    f->gets++;
    far_key(rq, epoch, g->key);

    return g;
}


/* The clock is read before ids are compared; see cache_far.c. */
static bool
is_good(struct request *rq, const struct get *g, struct cache_entry *out)
{
    struct cache     *c = &rq->shop->cache;
    cache_tag_t      *tags = arena_alloc(&rq->attempt,
                                         CACHE_MAX_TAGS * sizeof(*tags));
    struct far_value  v;

    if (!g->ours || tags == NULL || !far_value_read(g->value, g->len, tags, &v)
        || v.key.len != rq->keep.key.len
        || memcmp(v.key.data, rq->keep.key.text, v.key.len) != 0)
        return false;

    *out = (struct cache_entry) {
        .status = 200, .born = cache_clock(c), .expires_ms = UINT64_MAX,
        .stored_ms = shop_now_ms(rq->shop), .head = v.head, .body = v.body,
        .tags = tags, .n_tags = v.n_tags,
    };

    return cache_far_good(c, &v.made, tags, v.n_tags)
           && cache_lease_good(c, shop_now_ms(rq->shop))
           && cache_good(c, out->born, tags, v.n_tags);
}


bool
far_fetch(struct request *rq, struct cache_entry *out)
{
    struct far       *f = rq->shop->far;
    struct cache_far  now;
    struct get       *g;

    if (f == NULL || rq->keep.key.text == NULL
        || !cache_far_now(&rq->shop->cache, &now)
        || (*cost_of(rq) != 0 && *cost_of(rq) < WORTH_US)
        || f->gets == AT_WORK_MAX || !answers(f))
        return false;

    g = get_make(rq, f, now.epoch);
    if (g == NULL)
        return false;
    (void) offload_try(rq, get_work, g);
    get_ended(g);
    if (g->outcome == FAR_FOUND && is_good(rq, g, out)) {
        COUNT(rq->shop, FAR_HITS, 1);
        return true;
    }
    if (g->outcome == FAR_FOUND)
        COUNT(rq->shop, FAR_OLD, 1);
    else
        COUNT(rq->shop, FAR_MISSES, 1);

    return false;
}


/* --- storing ------------------------------------------------------------- */


static void
set_work(shop_job_t *j)
{
    struct set *s = j->ctx;

    s->outcome = far_value_sign(s->far->key[0], s->value, s->len)
                 ? far_client_set(s->far->client, s->key, KEY_LEN, s->value,
                                  s->len)
                 : FAR_BUSY;
}


static void
set_done(shop_job_t *j)
{
    struct set *s = j->ctx;
    struct far *f = s->far;

    f->sets--;
    if (s->outcome == FAR_FOUND && f->shop != NULL)
        COUNT(f->shop, FAR_STORED, 1);
    judge(f, s->outcome);
    leave(f);
    shop_env.release(s);
}


static struct set *
set_make(struct request *rq, const struct far_value *v)
{
    size_t      n = far_value_size(v);
    struct set *s = shop_env.alloc(sizeof(*s) + n);

    if (s == NULL)
        return NULL;

    memset(s, 0, sizeof(*s));
    s->job.work = set_work;
    s->job.done = set_done;
    s->job.ctx = s;
    s->far = rq->shop->far;
    s->len = n;
    far_key(rq, v->made.epoch, s->key);
    far_value_write(v, s->value);

    return s;
}


/* What another machine could not take is not worth sending: rows read before
 * the last poll that saw a change of them, or an answer that ends by the
 * clock, which machines do not share. */
static bool
is_for_others(struct request *rq, const struct cache_entry *e)
{
    struct far *f = rq->shop->far;

    return rq->keep.far.epoch != 0 && e->expires_ms == UINT64_MAX
           && *cost_of(rq) >= WORTH_US && f->sets < AT_WORK_MAX
           && f->failures < FAILURES_MAX
           && cache_far_good(&rq->shop->cache, &rq->keep.far, e->tags,
                             e->n_tags);
}


void
far_store(struct request *rq, const struct cache_entry *e)
{
    struct shop      *shop = rq->shop;
    struct far_value  v = {
        .made = rq->keep.far, .tags = e->tags, .n_tags = e->n_tags,
        .key = { rq->keep.key.text, rq->keep.key.len },
        .head = e->head, .body = e->body,
    };
    struct set       *s;

    if (shop->far == NULL)
        return;
    cost_note(rq);
    s = is_for_others(rq, e) ? set_make(rq, &v) : NULL;
    if (s == NULL)
        return;

    if (shop->ops->offload(shop->host, &s->job) != SHOP_OK) {
        shop_env.release(s);
        return;
    }
    shop->far->sets++;
    shop->far->users++;
}
