/*
 * cache_check.c - walk the shared memory and say what is wrong with it.
 *
 * For tests and for `shopctl check`: each part is locked while it is walked,
 * so it may run beside working processes, a shard at a time.
 *
 * Return codes: 0, or -1 with a sentence.
 */
#include <inttypes.h>

#include "core/banned.h"
#include "core/cache_map.h"


/* NULL, or what is wrong with the entry that a way of a bucket stands for. */
static const char *
check_entry(struct shard *s, const struct bucket *b, uint64_t way)
{
    uint64_t             position = way_position(way);
    const struct entry  *e = shard_entry(s, position);
    uint64_t             room = s->ring_size - position % s->ring_size;
    uint64_t             used;

    if (e->size < sizeof(struct entry) || e->size > room
        || position + e->size > s->head)
    {
        return "an entry passes the end of its shard";
    }

    used = sizeof(struct entry) + e->n_tags * (uint64_t) sizeof(cache_tag_t)
           + e->key_len + e->head_len + e->body_len;

    if (e->n_tags > CACHE_MAX_TAGS || cache_align(used, ENTRY_ALIGN) != e->size)
    {
        return "an entry's parts do not make its size";
    }

    if (shard_bucket(s, e->hash) != b
        || way_of(e->hash, position) != way)
    {
        return "an entry is not where its key belongs";
    }

    return entry_sum(e) == e->sum ? NULL : "an entry's checksum is wrong";
}


/* The walk keeps the lock throughout; requests that need the shard meanwhile
 * run out of patience and miss, which is the price of a check beside a working
 * server. Ways whose entry was overwritten are no fault. */
static const char *
check_shard(struct cache *c, unsigned n)
{
    struct shard         *s = cache_shard(c, n);
    const struct bucket  *b;
    const char           *fault = NULL;
    uint64_t              i, way;

    if (!shard_lock(c, s)) {
        return "the lock of a shard is not given back";
    }

    for (i = 0; fault == NULL && i < s->n_buckets * CACHE_WAYS; i++) {
        b = shard_buckets(s) + i / CACHE_WAYS;
        way = b->way[i % CACHE_WAYS];

        if (way != 0 && shard_lives(s, way_position(way))) {
            fault = check_entry(s, b, way);
        }
    }

    shm_unlock(&s->lock);

    return fault;
}


/* The holds come first: they decide what may be served, whereas a broken entry
 * is one wrong answer. Stops at the first fault, for after it the rest of the
 * structure cannot be trusted to be walked. */
int
cache_check(struct cache *c, char *error, size_t size)
{
    const char  *fault = holds_check(c);
    unsigned     n;

    for (n = 0; fault == NULL && n < CACHE_SHARDS; n++) {
        fault = check_shard(c, n);
    }

    if (fault != NULL) {
        snprintf(error, size, "the cache's memory is damaged: %s", fault);
        return -1;
    }

    return 0;
}
