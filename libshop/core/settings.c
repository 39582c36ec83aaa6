/*
 * settings.c - what decides channel, language and currency: read, read again,
 * and kept.
 *
 * The settings are read again when the tag "store" was touched, so what a
 * merchant changes shows with the next poll.  Whoever finds them old reads
 * them; who comes meanwhile goes on with the old ones, but keeps no answer
 * that was made from them.
 *
 * No kept answer can be found without them, so they are kept beside those: a
 * worker that begins while PostgreSQL is away goes on with what others read.
 * What is kept is JSON, by the shape that the domain gives for them.
 *
 * Functions that take a request wait, and may fail.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#define WITHOUT_POLL_MS  1000   /* good for so long when no poll can tell    */
#define LOADING_MS       1000   /* then somebody else tries                  */


const struct domain *
settings_domain(void)
{
    for (size_t i = 0; domains[i] != NULL; i++) {
        if (domains[i]->context_of != NULL)
            return domains[i];
    }

    return NULL;
}


bool
settings_good(const struct shop *shop)
{
    const struct settings *s = &shop->settings;
    uint64_t               now = shop_now_ms(shop);

    if (s->data == NULL || !cache_good(&shop->cache, s->born, &s->tag, 1))
        return false;

    return (cache_lease_good(&shop->cache, now) && !db_may_lag(shop->db))
           || now - s->loaded_ms < WITHOUT_POLL_MS;
}


/* --- kept ---------------------------------------------------------------- */


/* The key is no address: those begin with a slash. */
#define KEY      "settings"
#define KEY_LEN  (sizeof(((struct shop *) NULL)->signer) + sizeof(KEY) - 1)


static void
key_of(const struct shop *shop, char text[KEY_LEN], struct cache_key *key)
{
    memcpy(text, shop->signer, sizeof(shop->signer));
    memcpy(text + sizeof(shop->signer), KEY, sizeof(KEY) - 1);
    cache_key_init(&shop->cache, key, text, KEY_LEN);
}


/* Is there anything to keep them by? */
static const struct field *
kept_shape(const struct shop *shop)
{
    const struct domain *d = settings_domain();

    return d == NULL || shop->conf.cache_off ? NULL : d->settings;
}


static void
keep(struct shop *shop)
{
    struct settings     *s = &shop->settings;
    const struct field  *shape = kept_shape(shop);
    struct arena         arena = { 0 };
    struct buf           b;
    char                 text[KEY_LEN];
    struct cache_key     key;
    struct cache_entry   e = {
        .status = 200, .born = s->born, .expires_ms = UINT64_MAX,
        .stored_ms = shop_now_ms(shop), .tags = &s->tag, .n_tags = 1,
    };

    if (shape == NULL)
        return;
    buf_init(&b, &arena, 512);
    shape_to_json(&b, shape, s->data, false);
    key_of(shop, text, &key);
    e.body = (shop_str_t) { b.data, b.len };
    if (!b.failed)
        cache_put(&shop->cache, &key, &e);
    arena_reset(&arena);
}


static void *
take(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}


/* NULL: they are not what this build writes, or memory is short. */
static void *
from_json(const struct field *shape, shop_str_t text, struct arena *a)
{
    struct faults  faults = { 0 };
    void          *data = arena_zalloc(a, shape->size);

    if (data == NULL || shape_from_json(shape, data, false, text.data,
                                        text.len, a, &faults, NULL) != 0)
        return NULL;
    return data;
}


void
settings_recall(struct shop *shop)
{
    struct settings     *s = &shop->settings;
    const struct field  *shape = kept_shape(shop);
    struct arena         fresh = { 0 };
    char                 text[KEY_LEN];
    struct cache_key     key;
    struct cache_entry   e;

    if (shape == NULL)
        return;
    key_of(shop, text, &key);
    if (cache_get(&shop->cache, &key, shop_now_ms(shop),
                  shop->conf.cache_stale_ms, take, &fresh, &e) != CACHE_MISS)
        s->data = from_json(shape, e.body, &fresh);
    if (s->data == NULL) {
        arena_reset(&fresh);
        return;
    }
    s->arena = fresh;
    s->tag = cache_tag("store", 5);
    s->born = e.born;
}


static void *
see(void *seen, size_t size)
{
    (void) size;
    *(bool *) seen = true;
    return NULL;
}


/* Answers push out what nobody looks at. */
void
settings_stay(struct shop *shop)
{
    char                text[KEY_LEN];
    struct cache_key    key;
    struct cache_entry  e;
    bool                seen = false;

    if (kept_shape(shop) == NULL || !settings_good(shop))
        return;
    key_of(shop, text, &key);
    cache_get(&shop->cache, &key, shop_now_ms(shop), 0, see, &seen, &e);
    if (!seen)
        keep(shop);
}


/* --- read ---------------------------------------------------------------- */


static void
load(struct request *rq, const struct domain *d)
{
    struct settings *s = &rq->shop->settings;
    struct arena     fresh = { 0 };
    uint64_t         born = cache_clock(&rq->shop->cache);
    void            *data;

    s->asked_ms = shop_now_ms(rq->shop);
    data = d->settings_load(rq, &fresh);
    if (data == NULL) {
        arena_reset(&fresh);
        fail(rq, &out_of_memory);
    }
    arena_reset(&s->arena);
    s->arena = fresh;
    s->data = data;
    s->tag = cache_tag("store", 5);
    s->born = born;
    s->loaded_ms = shop_now_ms(rq->shop);
    s->asked_ms = 0;
    keep(rq->shop);
}


void
settings_refresh(struct request *rq)
{
    const struct domain *d = settings_domain();
    struct settings     *s = &rq->shop->settings;

    if (d == NULL || settings_good(rq->shop))
        return;

    if (s->data != NULL && s->asked_ms != 0
        && shop_now_ms(rq->shop) - s->asked_ms < LOADING_MS)
    {
        rq->keep.old_only = true;
        return;
    }
    load(rq, d);
    if (rq->route->flags & CACHED)
        kept_key(rq);
}
