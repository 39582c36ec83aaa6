/*
 * cache_entry.c - answers in shards: look up, store, keep what is asked for.
 *
 * A shard is a log in a ring.  An entry is written at the head, over the
 * oldest; the index, of buckets of eight in one line of memory each, keeps
 * its position.  An entry whose place the head has passed is dead by
 * comparison alone, so nothing is ever unlinked and nothing is fragmented.
 * Who is asked for in the oldest quarter of the ring is copied to the head: a
 * second chance, which keeps what is hot however much else is stored.
 *
 * All is done under the shard's lock, held for a copy of the answer at most.
 * Memory for the answer is asked for under it too: its size is known only
 * there, and taking it from a request's pool is cheaper than to let go, take
 * the lock again and look again.
 *
 * put() checks the tags under the lock, but that only saves space: stamps
 * never go back, so an entry that a bump overtakes between the check and the
 * unlock is refused by every get().
 *
 * Nothing here fails: a miss, or not stored.
 */
#include <string.h>

#include "core/banned.h"
#include "core/cache_map.h"

/* Patience is for an owner that lost its processor in the middle of a copy;
 * one that died is found out sooner, see shm_lock.c.  Past it the database is
 * the quicker way to the answer. */
#define PATIENCE        4096    /* looks at a lock; a few milliseconds       */
#define SEEN_EVERY_MS   1000    /* hits write no more often than that        */


/* The seed is the machine's secret, so that nobody can choose URLs that crowd
 * one bucket. The text is not copied: it must outlive the key. */
void
cache_key_init(const struct cache *c, struct cache_key *k, const char *text,
               size_t len)
{
    k->text = text;
    k->len = len;
    hash128(&c->map->seed, text, len, k->hash);
}


/* --- shards -------------------------------------------------------------- */


/* In fresh memory, all zero, before anybody else can look. The head begins one
 * ring in: position 0 is left to mean "empty way". */
void
shard_init(struct shard *s, size_t size)
{
    size_t n = 1;

    /* A place in the index for 256 bytes of ring: answers are larger, so
     * that a bucket is seldom full before the ring is. */
    while (n * 2 * CACHE_WAYS * 256 <= size) {
        n *= 2;
    }

    s->n_buckets = (uint32_t) n;
    s->ring_size = (size - sizeof(struct shard) - n * sizeof(struct bucket))
                   / ENTRY_ALIGN * ENTRY_ALIGN;
    s->head = s->ring_size;
}


/* Under the lock and inside a write mark, as the caller's duty: killed over
 * the wiping, the next owner finds the shard broken and wipes again.
 * Everything in a shard can be had from the database, so nothing is mended. */
void
shard_wipe(struct shard *s)
{
    memset(shard_buckets(s), 0, s->n_buckets * sizeof(struct bucket));
    memset(s->claim, 0, sizeof(s->claim));
    s->head = s->ring_size;
    s->wipes++;
}


/* False when patience ran out: no caller may wait on, for this is the event
 * loop; it misses, or does not store. The mark of a broken shard is cleared
 * only after the wipe. */
bool
shard_lock(struct cache *c, struct shard *s)
{
    switch (shm_lock(&s->lock, c->self, PATIENCE)) {
    case SHM_LOCKED:
        return true;
    case SHM_BROKEN:
        shard_wipe(s);
        shm_write_end(&s->lock);
        return true;
    default:
        return false;
    }
}


/* Positions are used up, after four petabytes: the shard must begin anew. */
static bool
shard_worn(const struct shard *s)
{
    return s->head > POSITION_MAX - 2 * s->ring_size;
}


/* A place of so many bytes at the head; what was there dies.  Entries are
 * not split: what is left of the ring's end is skipped. */
static uint64_t
shard_reserve(struct shard *s, uint32_t size)
{
    uint64_t left = s->ring_size - s->head % s->ring_size;
    uint64_t position = s->head + (left < size ? left : 0);

    s->head = position + size;
    return position;
}


/* The place of a key in its bucket, or NULL. */
static uint64_t *
shard_find(struct shard *s, const struct cache_key *k)
{
    struct bucket  *b = shard_bucket(s, k->hash);
    struct entry   *e;
    uint64_t        mark = way_of(k->hash, 0), *way;

    for (way = b->way; way < b->way + CACHE_WAYS; way++) {
        /* The mark alone does not tell an empty way from one in use: some
         * key's mark is made of zeros too. */
        if ((*way ^ mark) >> POSITION_BITS != 0
            || !shard_lives(s, way_position(*way)) || *way == 0)
        {
            continue;
        }

        e = shard_entry(s, way_position(*way));

        if (e->hash[0] == k->hash[0] && e->hash[1] == k->hash[1]
            && e->key_len == k->len
            && memcmp(entry_key(e), k->text, k->len) == 0)
        {
            return way;
        }
    }

    return NULL;
}


/* Where a new entry goes: its key's own place, else the one of the oldest;
 * an empty place and the place of a dead entry are older than any. */
static uint64_t *
shard_place(struct shard *s, const struct cache_key *k)
{
    struct bucket  *b = shard_bucket(s, k->hash);
    uint64_t       *way = shard_find(s, k), *oldest = b->way;

    if (way != NULL) {
        return way;
    }

    for (way = b->way + 1; way < b->way + CACHE_WAYS; way++) {
        if (way_position(*way) < way_position(*oldest)) {
            oldest = way;
        }
    }

    return oldest;
}


/* --- get ----------------------------------------------------------------- */


/* Over all that must not change after the entry was written. seen_ms is left
 * out on purpose: hits change it, outside of any write mark. */
uint32_t
entry_sum(const struct entry *e)
{
    struct hash_seed  seed = { {
        e->hash[0] ^ e->born, e->hash[1] ^ e->expires_ms,
        e->stored_ms ^ (uint64_t) e->key_len << 32 ^ e->head_len,
        (uint64_t) e->status << 32 ^ e->n_tags
    } };
    uint64_t          h[2];

    hash128(&seed, e + 1, e->n_tags * sizeof(cache_tag_t) + e->key_len
                          + (size_t) e->head_len + e->body_len, h);

    return (uint32_t) h[0];
}


/* The tags are asked first, lease or not: an answer known to be wrong is not
 * served even when PostgreSQL is away. Another process's clock may be ahead,
 * so "seen in the future" counts as now. seen_ms is one word and needs no
 * write mark. */
static enum cache_state
entry_judge(struct cache *c, struct entry *e, bool lease, uint64_t now_ms,
            uint32_t max_stale_ms)
{
    if (!cache_good(c, e->born, (const cache_tag_t *) (e + 1), e->n_tags)) {
        return CACHE_MISS;
    }

    if (!lease) {
        return now_ms < e->seen_ms || now_ms - e->seen_ms <= max_stale_ms
               ? CACHE_OLD : CACHE_MISS;
    }

    if (e->expires_ms <= now_ms) {
        return CACHE_MISS;
    }

    /* Not at every hit: a store takes the line away from the caches of all the
     * other processors. */
    if (now_ms >= e->seen_ms + SEEN_EVERY_MS) {
        e->seen_ms = now_ms;
    }

    return CACHE_FRESH;
}


/* Copied because the ring may overwrite the entry as soon as the lock is gone.
 * An empty answer asks for one byte: NULL means "no memory" and must not mean
 * "nothing to copy". Tags stay behind; only put() needs them. */
static bool
entry_copy_out(const struct entry *e, void *(*alloc)(void *, size_t),
               void *ctx, struct cache_entry *out)
{
    size_t   size = (size_t) e->head_len + e->body_len;
    char    *copy = alloc(ctx, size > 0 ? size : 1);

    if (copy == NULL) {
        return false;
    }

    memcpy(copy, entry_key(e) + e->key_len, size);

    out->status = e->status;
    out->born = e->born;
    out->expires_ms = e->expires_ms;
    out->stored_ms = e->stored_ms;
    out->head = (shop_str_t) { copy, e->head_len };
    out->body = (shop_str_t) { copy + e->head_len, e->body_len };
    out->tags = NULL;
    out->n_tags = 0;

    return true;
}


/* The second chance.  Not when the copy could lie over the original: a place
 * may cost as much again for the ring's end that is skipped. */
static void
entry_renew(struct shard *s, const struct entry *e, uint64_t *way)
{
    uint64_t old = way_position(*way), position;

    if (s->head - old < s->ring_size / 4 * 3
        || old + s->ring_size < s->head + 2 * (uint64_t) e->size
        || shard_worn(s))
    {
        return;
    }

    shm_write_begin(&s->lock);

    position = shard_reserve(s, e->size);
    memcpy(shard_entry(s, position), e, e->size);
    *way = way_of(e->hash, position);

    shm_write_end(&s->lock);
}


/* The renewal comes after the copy, when the answer is safe whatever the head
 * runs over. Without a lease and without leave to be stale the lock is not
 * even tried: an outage must not make workers queue for shards. */
enum cache_state
cache_get(struct cache *c, const struct cache_key *k, uint64_t now_ms,
          uint32_t max_stale_ms, void *(*alloc)(void *ctx, size_t size),
          void *ctx, struct cache_entry *out)
{
    struct shard      *s = cache_shard_of(c, k);
    bool               lease = cache_lease_good(c, now_ms);
    enum cache_state   state = CACHE_MISS;
    struct entry      *e;
    uint64_t          *way;

    if ((!lease && max_stale_ms == 0) || !shard_lock(c, s)) {
        return CACHE_MISS;
    }

    way = shard_find(s, k);

    if (way != NULL) {
        e = shard_entry(s, way_position(*way));
        state = entry_judge(c, e, lease, now_ms, max_stale_ms);

#ifdef SHOP_CACHE_VERIFY
        if (entry_sum(e) != e->sum) {
            state = CACHE_MISS;
        }
#endif

        if (state != CACHE_MISS) {
            if (!entry_copy_out(e, alloc, ctx, out)) {
                state = CACHE_MISS;
            }

            entry_renew(s, e, way);
        }
    }

    shm_unlock(&s->lock);

    return state;
}


/* --- put ----------------------------------------------------------------- */


/* The reader's check_entry() makes the same sum: whoever adds a part to an
 * entry changes both, and CACHE_LAYOUT. */
static size_t
entry_size(const struct cache_key *k, const struct cache_entry *e)
{
    return cache_align(sizeof(struct entry)
                       + e->n_tags * sizeof(cache_tag_t) + k->len
                       + e->head.len + e->body.len, ENTRY_ALIGN);
}


/* Asked before the lock is taken. A quarter of the ring is the most, else one
 * answer would evict a shard and leave no room for the second chance; it also
 * keeps every length within its 32 bits. */
static bool
entry_fits(const struct shard *s, const struct cache_key *k,
           const struct cache_entry *e)
{
    return e->n_tags <= CACHE_MAX_TAGS
           && e->body.len <= CACHE_MAX_BODY && e->head.len <= CACHE_MAX_BODY
           && k->len <= CACHE_MAX_BODY
           && entry_size(k, e) <= s->ring_size / 4;
}


/* An empty part may come with a NULL pointer, which memcpy() must not see even
 * for no bytes. */
static char *
add(char *p, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(p, data, len);
    }

    return p + len;
}


/* Tags lie first, behind the fixed part, where they are aligned as
 * cache_good() reads them in place. The sum is taken from what was written,
 * not from what was to be, so that it also covers the copying. */
static void
entry_write(struct entry *to, const struct cache_key *k,
            const struct cache_entry *e)
{
    char *p = (char *) (to + 1);

    *to = (struct entry) {
        .hash = { k->hash[0], k->hash[1] },
        .born = e->born,
        .expires_ms = e->expires_ms,
        .stored_ms = e->stored_ms,
        .seen_ms = e->stored_ms,
        .size = (uint32_t) entry_size(k, e),
        .status = e->status,
        .n_tags = (uint32_t) e->n_tags,
        .key_len = (uint32_t) k->len,
        .head_len = (uint32_t) e->head.len,
        .body_len = (uint32_t) e->body.len
    };

    p = add(p, e->tags, e->n_tags * sizeof(cache_tag_t));
    p = add(p, k->text, k->len);
    p = add(p, e->head.data, e->head.len);
    (void) add(p, e->body.data, e->body.len);

    to->sum = entry_sum(to);
}


/* A put for a key that is there replaces it: the way is turned to the new
 * position only after the entry is complete. False is no error; the answer was
 * made and is sent all the same. */
bool
cache_put(struct cache *c, const struct cache_key *k,
          const struct cache_entry *e)
{
    struct shard  *s = cache_shard_of(c, k);
    uint64_t       position, *way;
    bool           good;

    if (!entry_fits(s, k, e) || !shard_lock(c, s)) {
        return false;
    }

    good = cache_good(c, e->born, e->tags, e->n_tags);

    if (good) {
        shm_write_begin(&s->lock);

        if (shard_worn(s)) {
            shard_wipe(s);
        }

        /* After the wipe, which empties the buckets.  The way itself stays
         * where it is when the head moves on, even over its entry. */
        way = shard_place(s, k);
        position = shard_reserve(s, (uint32_t) entry_size(k, e));
        entry_write(shard_entry(s, position), k, e);
        *way = way_of(k->hash, position);

        shm_write_end(&s->lock);
    }

    shm_unlock(&s->lock);

    return good;
}
