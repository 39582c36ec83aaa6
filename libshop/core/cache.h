/*
 * cache.h - answers kept in memory that all workers of a machine share.
 *
 * Coherent, not merely fresh.  One 64-bit clock counts invalidations.  A tag
 * ("product:UUID", "products") is a slot in a fixed table of 2^18 stamps;
 * bumping a tag stores the next tick of the clock in its slot.  An entry
 * remembers the clock as it was before its rows were read (`born`) and the
 * slots of its tags, and is good only while no slot is younger than it.  Two
 * tags in one slot cost a miss, never a lie.  A writer holds its tags before
 * COMMIT is sent and bumps and releases them after its outcome; entries of a
 * held tag are neither served nor stored.
 *
 * The right to serve at all is a lease, renewed by the poller: past it no
 * entry is fresh (see poll.c).
 *
 * Layout of the memory: head, process slots (holds and counters), stamps, ids
 * of the transactions that changed tags last, buckets of limits (limit.h), 64
 * shards.  A shard is a log: entries are appended, the oldest are overwritten,
 * and a small index finds them.  A shard whose owner died in mid-write is
 * wiped.
 *
 * There are more slots than workers, since during a reload the old and the new
 * worker of one number live at once; what is counted is the sum over all
 * slots.  A slot is its process's until that has ended.
 *
 * All of it belongs to the loop's thread; pool threads keep out.
 *
 * Return codes: 0, or a negative SHOP_E_*; see each function.
 */
#ifndef SHOP_CACHE_H
#define SHOP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shop.h"

#define CACHE_MAX_TAGS   64     /* of one entry; more are not stored         */
#define CACHE_MAX_BODY   (256 * 1024)

struct cache_map;               /* the shared memory, mapped                 */
struct cache_slot;

/* One process's view of it. */
struct cache {
    struct cache_map   *map;
    struct cache_slot  *slots;
    struct cache_slot  *own;    /* NULL until cache_adopt()                  */
    _Atomic uint64_t   *stamps;
    _Atomic uint64_t   *xids;
    _Atomic uint64_t   *limits;
    char               *shards;
    size_t              shard_size;
    uint64_t            self;   /* this process; see shm_lock.h              */
    unsigned            n_slots;
    unsigned            worker;
    unsigned            workers;
};

/* A tag by name: computed once, used for every operation. */
typedef uint32_t cache_tag_t;
cache_tag_t cache_tag(const char *name, size_t len);

/* Can there be such a tag?  For what was not made here. */
bool cache_tag_known(cache_tag_t tag);

size_t cache_size_min(unsigned workers);

/* Could so many workers more attach to this memory, which others may be using?
 * SHOP_E_CONF: not as it is laid out; SHOP_E_BUSY: others have its slots. */
int cache_room(const void *memory, size_t size, unsigned workers);

/* Attach to `memory`; `fresh` memory is zero and is laid out first.
 * SHOP_E_CONF when it is too small, was laid out by another version or for
 * too few workers, SHOP_E_IO when there is no randomness for the seed.  What
 * is only attached may look, but neither store nor hold nor count. */
int cache_attach(struct cache *c, void *memory, size_t size, int fresh,
                 unsigned worker, unsigned workers);

/*
 * In the process that will use it, after fork(): clear up after dead
 * processes (cache_reap) and take a slot: the one last used under this
 * worker's number if its owner has ended, else another.  A slot's counters go
 * on, its gauges start at zero.  SHOP_E_BUSY when the slots of all earlier
 * generations are still in use.
 */
int cache_adopt(struct cache *c);

/* Give the slot back, if there is one, while the process lives on. */
void cache_leave(struct cache *c);

/* The slots of processes that have ended are given back, their holds cleared
 * with a global bump.  The poller calls it at every poll, so that a hold
 * outlives its process by a moment only.  Returns the number of slots. */
unsigned cache_reap(struct cache *c);


/* --- coherence ----------------------------------------------------------- */

/* The clock now: take it before the first row is read. */
uint64_t cache_clock(const struct cache *c);

void cache_bump(struct cache *c, const cache_tag_t *tags, size_t n);
void cache_bump_all(struct cache *c);

/* Would something born then, made from these tags, still be good?  False
 * also while one of the tags is held. */
bool cache_good(const struct cache *c, uint64_t born,
                const cache_tag_t *tags, size_t n);

/* Hold for a commit.  SHOP_E_BUSY when this worker's hold table is full (the
 * caller then holds everything: cache_hold_all); nothing is held then.
 * `release` bumps too, and takes exactly the tags that were held, and the id
 * of the transaction, or 0 when nobody knows it. */
int  cache_hold(struct cache *c, const cache_tag_t *tags, size_t n);
void cache_release(struct cache *c, const cache_tag_t *tags, size_t n,
                   uint64_t xid);
void cache_hold_all(struct cache *c);
void cache_release_all(struct cache *c, uint64_t xid);

/* Lease: entries are fresh until `until_ms` on the monotonic clock. */
void cache_lease_set(struct cache *c, uint64_t until_ms);
bool cache_lease_good(const struct cache *c, uint64_t now_ms);

/* State of the poller, shared by those who poll in turn.  After what was
 * polled has been bumped: first `set`, then the lease. */
struct cache_poll {
    uint64_t  xmin;             /* the next poll asks from here; 0: never    */
    uint64_t  polls;            /* answered polls                            */
    uint64_t  system_id;        /* which database; the poller's to choose    */
    uint64_t  epoch;            /* of its ids; see cache_far.c               */
    uint64_t  changes;          /* rows seen                                 */
    uint64_t  seen_xmin;        /* transactions below it had ended ...       */
    uint64_t  seen_ms;          /* ... then, on the loop's clock             */
    uint64_t  trim_xmin;        /* those below it, ten minutes ago; 0: none  */
};
void cache_poll_get(const struct cache *c, struct cache_poll *out);
void cache_poll_set(struct cache *c, const struct cache_poll *in);


/* --- answers that another machine made (cache_far.c) --------------------- */

/* Ids of transactions mean something within one epoch only: that of one
 * database, until a crash or another server in its place. */
struct cache_far {
    uint64_t  epoch;
    uint64_t  xmin;             /* every transaction below it has ended      */
};

/* What was known before the first row is read; false: nothing is, and nothing
 * may be taken from another machine. */
bool cache_far_now(const struct cache *c, struct cache_far *out);

/* Does something made from these tags by a machine that knew `made` show all
 * that this machine knows of?  Take cache_clock() before: it is good as long
 * as cache_good() says so of that. */
bool cache_far_good(const struct cache *c, const struct cache_far *made,
                    const cache_tag_t *tags, size_t n);

/* The transaction changed the tag, or all; before it is bumped. */
void cache_far_note(struct cache *c, cache_tag_t tag, uint64_t xid);
void cache_far_note_all(struct cache *c, uint64_t xid);

/* Something has changed, and nobody knows by which transaction: nothing is
 * taken from elsewhere before a poll has begun and ended after this. */
void cache_far_shut(struct cache *c);

/* An answered poll: before what it saw is bumped, and after. */
void cache_far_begin(struct cache *c, uint64_t epoch, uint64_t xmax,
                     bool lapsed);
void cache_far_polled(struct cache *c, uint64_t xmin);


/* --- entries ------------------------------------------------------------- */

struct cache_key {
    uint64_t     hash[2];
    const char  *text;          /* compared whole                            */
    size_t       len;
};
void cache_key_init(const struct cache *c, struct cache_key *k,
                    const char *text, size_t len);

struct cache_entry {
    int          status;
    uint64_t     born;          /* clock before the rows were read           */
    uint64_t     expires_ms;    /* monotonic; UINT64_MAX: never              */
    uint64_t     stored_ms;
    shop_str_t   head;          /* what the caller made of the headers       */
    shop_str_t   body;
    const cache_tag_t  *tags;   /* put only                                  */
    size_t       n_tags;
};

enum cache_state { CACHE_MISS, CACHE_FRESH, CACHE_OLD };

/*
 * Look up: memory for head and body (one block) comes from alloc(ctx, size),
 * copied out under the shard's lock.  alloc is called under that lock: it
 * neither waits, nor leaves by a jump, nor calls the cache; when it returns
 * NULL the answer is a miss.  CACHE_FRESH: tags stand, not expired, lease
 * good.  CACHE_OLD: only when max_stale_ms > 0 and the lease is NOT good
 * (PostgreSQL cannot answer): an entry, perhaps expired, whose tags stand as
 * far as this machine knows and that was stored or last seen fresh within
 * max_stale_ms.
 *
 * A shard's lock is waited for a few milliseconds at most; then get misses,
 * put does not store and fill_begin says true.
 */
enum cache_state cache_get(struct cache *c, const struct cache_key *k,
                           uint64_t now_ms, uint32_t max_stale_ms,
                           void *(*alloc)(void *ctx, size_t size), void *ctx,
                           struct cache_entry *out);

/* Store unless a tag is younger or held, or the entry is too big: true when
 * stored. */
bool cache_put(struct cache *c, const struct cache_key *k,
               const struct cache_entry *e);

/*
 * One fill per key and machine.  True: this process fills the key now and
 * must call cache_fill_end(); false: somebody does, look again in a moment.
 * A claim of a dead process, or one older than `max_ms`, is taken over.
 */
bool cache_fill_begin(struct cache *c, const struct cache_key *k,
                      uint64_t now_ms, uint32_t max_ms);
void cache_fill_end(struct cache *c, const struct cache_key *k);


/* --- counters ------------------------------------------------------------ */

enum counter {
#define COUNTER(id, name, help)  COUNT_##id,
#include "core/counters.def"
#undef COUNTER
    COUNT_N
};

#define ROUTES_MAX      256     /* series are bounded                         */
#define STATUS_CLASSES  5
#define BUCKETS         8       /* of a request's time; see measure.c         */

struct route_count {
    uint64_t  status[STATUS_CLASSES];
    uint64_t  bucket[BUCKETS];
    uint64_t  us;
    uint64_t  db_us;
    uint64_t  hits;             /* answered from the cache                   */
};

/* This worker's counters; only it writes them (plain stores of uint64). */
uint64_t           *cache_counters(struct cache *c);
struct route_count *cache_route_counters(struct cache *c);

/* Of any slot below c->n_slots, for status and metrics: NULL when it has
 * never been used.  Sum them over all slots; the gauges of a slot that is not
 * live are zero once it is reaped, and to be left out until then. */
const uint64_t           *cache_counters_of(const struct cache *c,
                                            unsigned slot);
const struct route_count *cache_routes_of(const struct cache *c,
                                          unsigned slot);
bool                      cache_slot_live(const struct cache *c,
                                          unsigned slot);

/* Walk the whole map and check it: 0, or -1 with a sentence in `error`. */
int cache_check(struct cache *c, char *error, size_t size);

#endif
