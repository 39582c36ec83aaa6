/*
 * cache_fill.c - one fill per key and machine.
 *
 * Each shard has a few places for the fills under way, under its lock.  They
 * only save work: with no place left, or no lock, everybody fills.
 *
 * Nothing here fails.
 */
/* Claims are by half of the key's hash: two keys that share it wait for one
 * another once, which is no more than a delay. */
#include "core/banned.h"
#include "core/cache_map.h"

/* Whether its owner lives is asked only of a claim that lasts, and not at
 * every look: the question costs a few system calls. */
#define CHECK_MS  20


/* Processes keep the time of their loop's iteration, so that another's may
 * lie ahead. */
static bool
passed(uint64_t since_ms, uint64_t now_ms, uint32_t ms)
{
    return now_ms > since_ms && now_ms - since_ms >= ms;
}


/* Costs system calls at most once in CHECK_MS for all waiters together, since
 * the time of the check is kept in the claim. A hung owner lives, so age alone
 * ends a claim too. */
static bool
claim_stands(struct claim *cl, uint64_t now_ms, uint32_t max_ms)
{
    if (cl->owner == 0 || passed(cl->since_ms, now_ms, max_ms)) {
        return false;
    }

    if (!passed(cl->checked_ms, now_ms, CHECK_MS)) {
        return true;
    }

    cl->checked_ms = now_ms;
    return shm_alive(cl->owner);
}


/* The key's own claim, else a free place, else one that no longer stands,
 * else NULL. */
static struct claim *
claim_place(struct shard *s, const struct cache_key *k, uint64_t now_ms,
            uint32_t max_ms)
{
    struct claim *cl, *free = NULL;

    for (cl = s->claim; cl < s->claim + CACHE_CLAIMS; cl++) {
        if (cl->owner == 0) {
            free = free ? free : cl;

        } else if (cl->hash == k->hash[1]) {
            return cl;
        }
    }

    for (cl = s->claim; free == NULL && cl < s->claim + CACHE_CLAIMS; cl++) {
        free = claim_stands(cl, now_ms, max_ms) ? NULL : cl;
    }

    return free;
}


/* Whatever is in doubt is answered with true: two processes that fill the same
 * key waste a query, one that waits for nobody hangs a request. A claim of our
 * own stands too, so that one process fills once. */
bool
cache_fill_begin(struct cache *c, const struct cache_key *k, uint64_t now_ms,
                 uint32_t max_ms)
{
    struct shard  *s = cache_shard_of(c, k);
    struct claim  *cl;
    bool           mine = true;

    if (!shard_lock(c, s)) {
        return true;
    }

    cl = claim_place(s, k, now_ms, max_ms);

    if (cl != NULL) {
        mine = cl->hash != k->hash[1] || !claim_stands(cl, now_ms, max_ms);

        if (mine) {
            shm_write_begin(&s->lock);
            *cl = (struct claim) { k->hash[1], c->self, now_ms, now_ms };
            shm_write_end(&s->lock);
        }
    }

    shm_unlock(&s->lock);

    return mine;
}


/* Only our own claim: one that was taken over belongs to somebody else by now.
 * One word is stored, so no write mark is needed, and if the lock cannot be
 * had the claim lapses by its age. */
void
cache_fill_end(struct cache *c, const struct cache_key *k)
{
    struct shard  *s = cache_shard_of(c, k);
    struct claim  *cl;

    if (!shard_lock(c, s)) {
        return;
    }

    for (cl = s->claim; cl < s->claim + CACHE_CLAIMS; cl++) {
        if (cl->hash == k->hash[1] && cl->owner == c->self) {
            cl->owner = 0;
        }
    }

    shm_unlock(&s->lock);
}
