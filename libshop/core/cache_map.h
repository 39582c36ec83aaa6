/*
 * cache_map.h - the layout of the shared memory, for cache*.c and their
 * tests.
 *
 * Nothing in the memory is a pointer: processes may map it anywhere.  What
 * more than one process touches without a lock is atomic; all else says which
 * lock it is under, or whose alone it is.
 */
#ifndef SHOP_CACHE_MAP_H
#define SHOP_CACHE_MAP_H

#include <stdalign.h>
#include <stdatomic.h>

#include "core/cache.h"
#include "core/hash.h"
#include "core/shm_lock.h"

#define CACHE_LINE      64
#define CACHE_TAGS      (1u << 18)
#define CACHE_SHARDS    64
#define CACHE_SLOTS     384     /* at most; their bits fill the gate         */
#define CACHE_HOLDS     512     /* of one process                            */
#define CACHE_CLAIMS    32      /* fills under way, of one shard             */
#define CACHE_WAYS      8       /* entries in a bucket of the index          */
#define LIMIT_SETS      8192
#define LIMIT_WAYS      8       /* of 8 bytes: a line                        */
#define CACHE_LAYOUT    4       /* counts up with every change of this file  */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");

/*
 * A stamp: the tick of the last bump in the low 48 bits, the number of holds
 * in the high 16.  So "not younger than `born` and not held" is the one
 * comparison stamp <= born, and letting go of a hold while bumping is one
 * store.  48 bits last nine years at a million bumps a second.
 */
#define STAMP_TICK      ((UINT64_C(1) << 48) - 1)
#define STAMP_HOLD      (UINT64_C(1) << 48)

#define GATE_WORDS      (CACHE_SLOTS / 64)

/* One line, read by every hit and written rarely. */
struct gate {
    alignas(CACHE_LINE)
    _Atomic uint64_t  lease;            /* until, monotonic ms               */
    _Atomic uint64_t  floor;            /* tick of the last global bump      */
    _Atomic uint64_t  all[GATE_WORDS];  /* bits of slots: hold everything    */
};

_Static_assert(sizeof(struct gate) == CACHE_LINE, "the gate is one line");

/* What answers of other machines are measured by; see cache_far.c. */
struct far_gate {
    alignas(CACHE_LINE)
    _Atomic uint64_t  epoch;            /* of the transactions' ids; 0: none */
    _Atomic uint64_t  xmin;             /* of the last poll                  */
    _Atomic uint64_t  floor;            /* an entry's xmin is this or more   */
    _Atomic uint64_t  polls;            /* answered                          */
    _Atomic uint64_t  shut;             /* until so many are                 */
};

struct cache_map {
    uint64_t           magic;           /* written last                      */
    uint32_t           layout;
    uint32_t           n_slots;
    uint64_t           size;
    struct hash_seed   seed;

    struct gate        gate;
    struct far_gate    far;

    alignas(CACHE_LINE)
    _Atomic uint64_t   clock;

    /* Counts of holds in the stamps, and the tables of all slots. */
    alignas(CACHE_LINE)
    struct shm_lock    hold_lock;

    struct shm_lock    poll_lock;
    struct cache_poll  poll;            /* under poll_lock                   */
};

struct cache_slot {
    alignas(CACHE_LINE)
    _Atomic uint64_t   owner;           /* process, or 0                     */
    _Atomic uint32_t   used;            /* ever                              */
    uint32_t           all;             /* cache_hold_all()s open; owner's   */
    uint32_t           n_holds;         /* under hold_lock                   */
    cache_tag_t        hold[CACHE_HOLDS];

    /* The owner's alone to write. */
    uint64_t           counters[COUNT_N];
    struct route_count routes[ROUTES_MAX];
};

/* A fill under way. */
struct claim {
    uint64_t  hash;                     /* second word of the key's          */
    uint64_t  owner;                    /* process, or 0: free               */
    uint64_t  since_ms;
    uint64_t  checked_ms;               /* its owner lived then              */
};

/*
 * A shard: this head, the index, the ring.  Positions in the ring only grow
 * and are taken modulo its size; an entry lives until the head has come
 * round to it.  All of it is under the lock.
 */
struct shard {
    alignas(CACHE_LINE)
    struct shm_lock  lock;
    uint64_t         head;              /* position of the next entry        */
    uint64_t         ring_size;
    uint64_t         wipes;
    uint32_t         n_buckets;         /* a power of two                    */
    struct claim     claim[CACHE_CLAIMS];
};

/* A slot of the index: 16 bits of the hash, then the position over 16.  Zero
 * is empty, since positions begin at ring_size. */
struct bucket {
    alignas(CACHE_LINE)
    uint64_t  way[CACHE_WAYS];
};

#define ENTRY_ALIGN     16
#define POSITION_BITS   48
#define POSITION_MAX    (UINT64_C(1) << (POSITION_BITS + 4))

/* An entry in the ring; tags, key, head and body follow. */
struct entry {
    alignas(ENTRY_ALIGN)
    uint64_t  hash[2];
    uint64_t  born;
    uint64_t  expires_ms;
    uint64_t  stored_ms;
    uint64_t  seen_ms;                  /* stored, or last seen fresh        */
    uint32_t  size;                     /* with all that follows, aligned    */
    uint32_t  sum;                      /* of all but seen_ms                */
    int32_t   status;
    uint32_t  n_tags;
    uint32_t  key_len;
    uint32_t  head_len;
    uint32_t  body_len;
    uint32_t  unused;
};


static inline size_t
cache_align(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}


static inline struct shard *
cache_shard(const struct cache *c, unsigned n)
{
    return (struct shard *) (void *) (c->shards + n * c->shard_size);
}


static inline struct shard *
cache_shard_of(const struct cache *c, const struct cache_key *k)
{
    return cache_shard(c, (unsigned) (k->hash[0] >> 58));
}


static inline struct bucket *
shard_buckets(struct shard *s)
{
    return (struct bucket *) (s + 1);
}


static inline struct bucket *
shard_bucket(struct shard *s, const uint64_t hash[2])
{
    return shard_buckets(s) + (hash[0] & (s->n_buckets - 1));
}


static inline struct entry *
shard_entry(struct shard *s, uint64_t position)
{
    char *ring = (char *) (shard_buckets(s) + s->n_buckets);

    return (struct entry *) (void *) (ring + position % s->ring_size);
}


/* Has the head not yet come round to it? */
static inline bool
shard_lives(const struct shard *s, uint64_t position)
{
    return position + s->ring_size >= s->head;
}


static inline uint64_t
way_of(const uint64_t hash[2], uint64_t position)
{
    return hash[1] >> POSITION_BITS << POSITION_BITS | position / ENTRY_ALIGN;
}


static inline uint64_t
way_position(uint64_t way)
{
    return (way & ((UINT64_C(1) << POSITION_BITS) - 1)) * ENTRY_ALIGN;
}


static inline const char *
entry_key(const struct entry *e)
{
    return (const char *) (e + 1) + e->n_tags * sizeof(cache_tag_t);
}


/* Lock a shard, wiping it when its last owner died in mid-write; false when
 * it cannot be had soon. */
bool shard_lock(struct cache *c, struct shard *s);
void shard_wipe(struct shard *s);

uint32_t entry_sum(const struct entry *e);

/* Lay out a shard in so many bytes. */
void shard_init(struct shard *s, size_t size);

/* Give up all that a slot holds, with a global bump if it held anything. */
void holds_drop(struct cache *c, struct cache_slot *slot);

/* NULL, or what is wrong with clock, stamps and holds. */
const char *holds_check(struct cache *c);

#endif
