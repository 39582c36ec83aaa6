/*
 * cache.c - the shared memory: its layout, the processes that use it, and
 * what they count.
 *
 * A slot passes from process to process by compare and swap of its owner.
 * Who finds a slot's owner dead first makes itself the owner, then clears up,
 * then keeps the slot or gives it back; should it die on the way, the next
 * one starts over, and every step can be taken twice.
 *
 * Return codes, see cache.h.
 */
#include <string.h>

#include "core/banned.h"
#include "core/cache_map.h"
#include "core/env.h"

#define MAGIC           UINT64_C(0x656863616370686f)
#define WORKERS_MAX     (CACHE_SLOTS / 2)
#define SHARD_MIN       (64 * 1024)

/* Which counters are gauges: those whose names do not end in _total. */
static const char *const counter_names[] = {
#define COUNTER(id, name, help)  name,
#include "core/counters.def"
#undef COUNTER
};


/* Four generations of workers and some programs beside them at once; more where
 * they cost little, for the memory outlives a reload that has more workers. */
static unsigned
slots_for(unsigned workers, size_t size)
{
    size_t n = 4 * workers + 16, cheap = size / 16 / sizeof(struct cache_slot);

    if (n < cheap) {
        n = cheap;
    }

    return n < CACHE_SLOTS ? (unsigned) n : CACHE_SLOTS;
}


/* The one place that knows what lies before the shards: the least size and the
 * view are both made from it, so they cannot disagree. */
static size_t
shards_offset(unsigned slots)
{
    return cache_align(sizeof(struct cache_map), CACHE_LINE)
           + slots * sizeof(struct cache_slot)
           + (2 * CACHE_TAGS + LIMIT_SETS * LIMIT_WAYS) * sizeof(uint64_t);
}


/* A promise to who reserves the memory: with so much cache_attach() does not
 * refuse for want of room, wherever the memory begins. */
size_t
cache_size_min(unsigned workers)
{
    /* One line more: the memory need not begin at one. */
    return shards_offset(slots_for(workers, 0)) + CACHE_SHARDS * SHARD_MIN
           + CACHE_LINE;
}


/* The magic is not set here but last of all in cache_attach(): memory whose
 * layout was cut short by a crash is not taken for a cache. */
static int
lay_out(struct cache_map *map, size_t size, unsigned workers)
{
    if (shop_env.random(&map->seed, sizeof(map->seed)) != 0) {
        return SHOP_E_IO;
    }

    map->layout = CACHE_LAYOUT;
    map->n_slots = slots_for(workers, size);
    map->size = size;
    atomic_store(&map->clock, 1);

    return SHOP_OK;
}


/* Everything else follows from the head. */
static void
view(struct cache *c, struct cache_map *map)
{
    size_t  shards = shards_offset(map->n_slots);

    c->map = map;
    c->n_slots = map->n_slots;
    c->slots = (struct cache_slot *) (map + 1);
    c->stamps = (_Atomic uint64_t *) (c->slots + c->n_slots);
    c->xids = c->stamps + CACHE_TAGS;
    c->limits = c->xids + CACHE_TAGS;
    c->shards = (char *) map + shards;
    c->shard_size = (map->size - shards) / CACHE_SHARDS / CACHE_LINE
                    * CACHE_LINE;
}


static const struct cache_map *
map_at(const void *memory, size_t *size)
{
    size_t  skip = -(uintptr_t) memory % CACHE_LINE;

    *size -= skip;

    return (const void *) ((const char *) memory + skip);
}


static bool
is_for(const struct cache_map *map, size_t size, unsigned workers)
{
    return map->magic == MAGIC && map->layout == CACHE_LAYOUT
           && map->size == size && map->n_slots >= 2 * workers;
}


int
cache_room(const void *memory, size_t size, unsigned workers)
{
    unsigned                 i, n = 0;
    const struct cache_map  *map = map_at(memory, &size);
    const struct cache_slot *slot = (const void *) (map + 1);

    if (map->magic == 0) {
        return SHOP_OK;
    }

    if (!is_for(map, size, workers)) {
        return SHOP_E_CONF;
    }

    for (i = 0; i < map->n_slots; i++) {
        uint64_t owner = atomic_load(&slot[i].owner);

        n += owner == 0 || !shm_alive(owner);
    }

    return n < workers ? SHOP_E_BUSY : SHOP_OK;
}


/* That `fresh` is true in one process only, and that the others wait for it,
 * is the caller's care; there is no lock yet that could be taken. Two slots
 * per worker are demanded because a reload has two generations alive. */
int
cache_attach(struct cache *c, void *memory, size_t size, int fresh,
             unsigned worker, unsigned workers)
{
    size_t             whole = size;
    struct cache_map  *map = (void *) (uintptr_t) map_at(memory, &size);
    unsigned           i;
    int                rc;

    if (workers == 0 || workers > WORKERS_MAX || worker >= workers
        || whole < cache_size_min(workers))
    {
        return SHOP_E_CONF;
    }

    if (fresh) {
        rc = lay_out(map, size, workers);
        if (rc != SHOP_OK) {
            return rc;
        }

    } else if (!is_for(map, size, workers)) {
        return SHOP_E_CONF;
    }

    memset(c, 0, sizeof(struct cache));
    view(c, map);
    c->self = shm_self();
    c->worker = worker;
    c->workers = workers;

    for (i = 0; fresh && i < CACHE_SHARDS; i++) {
        shard_init(cache_shard(c, i), c->shard_size);
    }

    /* Last of all: who finds the magic may use everything behind it. */
    map->magic = MAGIC;
    return SHOP_OK;
}


/* What a process counts of itself ends with it. */
static void
gauges_clear(struct cache_slot *slot)
{
    size_t    len;
    unsigned  i;

    for (i = 0; i < COUNT_N; i++) {
        len = strlen(counter_names[i]);

        if (len < 6 || memcmp(counter_names[i] + len - 6, "_total", 6) != 0) {
            slot->counters[i] = 0;
        }
    }
}


/* Take a slot that is free or whose owner has ended. */
static bool
slot_take(struct cache *c, struct cache_slot *slot)
{
    uint64_t owner = atomic_load(&slot->owner);

    if (owner == c->self || (owner != 0 && shm_alive(owner))
        || !atomic_compare_exchange_strong(&slot->owner, &owner, c->self))
    {
        return false;
    }

    /* The slot is ours, its holds still those of who died: they go with a bump
     * before the slot is put to any use. */
    holds_drop(c, slot);
    gauges_clear(slot);
    return true;
}


/* A slot is taken before it is freed, so of several processes that reap at
 * once one does the work, and the holds are dropped (with a bump) before a
 * newcomer can put its own on the list. */
unsigned
cache_reap(struct cache *c)
{
    unsigned  i, n = 0;

    for (i = 0; i < c->n_slots; i++) {
        if (atomic_load(&c->slots[i].owner) != 0
            && slot_take(c, &c->slots[i]))
        {
            atomic_store(&c->slots[i].owner, 0);
            n++;
        }
    }

    return n;
}


/* The numbers that belong to one worker lie `workers` apart: in peace a
 * worker finds the slot of its predecessor again. */
static struct cache_slot *
slot_choose(struct cache *c)
{
    unsigned n;

    for (n = c->worker; n < c->n_slots; n += c->workers) {
        if (slot_take(c, &c->slots[n])) {
            return &c->slots[n];
        }
    }

    for (n = 0; n < c->n_slots; n++) {
        if (slot_take(c, &c->slots[n])) {
            return &c->slots[n];
        }
    }

    return NULL;
}


/* The identity is asked for anew: what cache_attach() noted before fork() is
 * the parent's, and a lock taken in its name would never be seen as
 * orphaned. */
int
cache_adopt(struct cache *c)
{
    c->self = shm_self();
    /* First of all: holds of the dead keep their tags shut on the whole
     * machine, and their slots may be the only ones left. */
    (void) cache_reap(c);

    c->own = slot_choose(c);
    if (c->own == NULL) {
        return SHOP_E_BUSY;
    }

    atomic_store(&c->own->used, 1);
    return SHOP_OK;
}


/* The owner is cleared last: until then nobody else touches the slot. Counters
 * that only grow stay, for the sums over all slots go on. */
void
cache_leave(struct cache *c)
{
    if (c->own == NULL) {
        return;
    }

    holds_drop(c, c->own);
    gauges_clear(c->own);
    atomic_store(&c->own->owner, 0);
    c->own = NULL;
}


/* --- counters ------------------------------------------------------------ */


/* The pointer stands until cache_leave(); nobody else writes there, which is
 * why counting needs neither lock nor atomic operation. */
uint64_t *
cache_counters(struct cache *c)
{
    return c->own->counters;
}


/* As cache_counters(): valid while the slot is ours, indexed by the route's
 * number, and written by the loop's thread alone. */
struct route_count *
cache_route_counters(struct cache *c)
{
    return c->own->routes;
}


/* `used` is set once and never cleared: totals of workers long gone must stay
 * in the sums, or Prometheus would see counters fall. */
static const struct cache_slot *
slot_used(const struct cache *c, unsigned slot)
{
    return slot < c->n_slots && atomic_load(&c->slots[slot].used)
           ? &c->slots[slot] : NULL;
}


/* Read while the owner counts on. Each word is whole, but two of them need not
 * be of the same moment: good for metrics, not for arithmetic that must come
 * out even. */
const uint64_t *
cache_counters_of(const struct cache *c, unsigned slot)
{
    const struct cache_slot *s = slot_used(c, slot);

    return s ? s->counters : NULL;
}


/* As cache_counters_of(): a view that moves under the reader's eyes. */
const struct route_count *
cache_routes_of(const struct cache *c, unsigned slot)
{
    const struct cache_slot *s = slot_used(c, slot);

    return s ? s->routes : NULL;
}


/* Costs a system call or more, as the kernel is asked about the owner: for
 * pages that people and Prometheus look at, not for requests. */
bool
cache_slot_live(const struct cache *c, unsigned slot)
{
    const struct cache_slot  *s = slot_used(c, slot);
    uint64_t                  owner = s ? atomic_load(&s->owner) : 0;

    return owner != 0 && shm_alive(owner);
}
