/*
 * cache_tag.c - what makes the cache coherent: clock, stamps, holds, lease.
 *
 * Why no reader is served what is older than a write it could know of.  A
 * writer holds a tag T, sends COMMIT, learns the outcome, and releases T at
 * tick t.  An answer made from T's old rows read its snapshot before the
 * commit was visible, so it took `born` from the clock before that, and the
 * release ticked the clock after that: born < t.  Whoever checks the answer
 * while T is held sees the count in the stamp, which is then greater than any
 * `born`; whoever checks it later sees a stamp of t or more, also greater.
 * Between the two there is no gap, because the release replaces count and tick
 * with one store.  Checked before the hold, the write was not yet visible to
 * anybody.  Stamps and floor never go back, so an answer that was once bad
 * stays bad, and it does not matter when it is stored.
 *
 * A change that somebody else made is bumped after it was seen committed:
 * answers born at the new tick or later read their rows after the commit, and
 * the older ones are bad as soon as the stamp is stored.
 *
 * Orders.  The clock ticks before stamp or floor take the tick (else an
 * answer could be born old with the new tick); the floor is raised before a
 * hold of everything is let go, and read after it.  A hold is a sequentially
 * consistent change before the system call that sends COMMIT.  Stamps are
 * read with acquire: who heard of the write from a reader that had seen its
 * stamp sees it too.
 *
 * Holds are counted in the stamps and listed in the slot of their process, so
 * that they can be taken back when it dies.  Both change under one lock; who
 * takes it from a process that died in between counts anew from the lists.
 * Nothing here fails but cache_hold().
 */
#include "core/banned.h"
#include "core/cache_map.h"


/* The seed is fixed, unlike that of keys: every process must find the same
 * slot for a name, and crowding a slot gains an attacker no more than
 * misses. */
cache_tag_t
cache_tag(const char *name, size_t len)
{
    uint64_t h[2];

    hash128(&hash_fixed, name, len, h);

    return h[0] % CACHE_TAGS;
}


bool
cache_tag_known(cache_tag_t tag)
{
    return tag < CACHE_TAGS;
}


/* To be read before the first row is, and kept with the answer: so one may
 * be taken for older than it is, which costs a miss, but never for younger. */
uint64_t
cache_clock(const struct cache *c)
{
    /* Acquire: no row is read before it. */
    return atomic_load_explicit(&c->map->clock, memory_order_acquire);
}


/* Sequentially consistent, and before the stamp is stored: whoever reads the
 * new tick from a stamp has a clock at least as young. */
static uint64_t
tick(struct cache *c)
{
    return atomic_fetch_add(&c->map->clock, 1) + 1;
}


/* Bring a stamp to tick t or later and take `holds` off its count. */
static void
stamp_raise(_Atomic uint64_t *stamp, uint64_t t, unsigned holds)
{
    uint64_t old = atomic_load_explicit(stamp, memory_order_relaxed);
    uint64_t raised;

    do {
        raised = old & STAMP_TICK;
        raised = (raised < t ? t : raised) | (old & ~STAMP_TICK);
        raised -= holds * STAMP_HOLD;
    } while (!atomic_compare_exchange_weak(stamp, &old, raised));
}


/* One tick for all tags: they were changed by one transaction, and no order
 * among them can be observed. Needs no lock and may run in any process beside
 * holders, whose counts it leaves as they are. */
void
cache_bump(struct cache *c, const cache_tag_t *tags, size_t n)
{
    uint64_t  t = tick(c);
    size_t    i;

    for (i = 0; i < n; i++) {
        stamp_raise(&c->stamps[tags[i]], t, 0);
    }
}


/* For when it is not known what changed: the floor makes all that was born
 * before bad at once, without a walk over 2^18 stamps. */
void
cache_bump_all(struct cache *c)
{
    stamp_raise(&c->map->gate.floor, tick(c), 0);
}


/* Does no process hold everything? */
static bool
gate_open(const struct cache *c)
{
    const struct gate  *g = &c->map->gate;
    uint64_t            any = 0;
    unsigned            i;

    for (i = 0; i * 64 < c->n_slots; i++) {
        any |= atomic_load_explicit(&g->all[i], memory_order_acquire);
    }

    return any == 0;
}


/* May be wrong in one direction only: a "false" can be too careful, a "true"
 * cannot be too late (see the head for why). The gate is read before the
 * floor, since who lets go of everything raises the floor first. */
bool
cache_good(const struct cache *c, uint64_t born, const cache_tag_t *tags,
           size_t n)
{
    size_t i;

    if (!gate_open(c)
        || atomic_load_explicit(&c->map->gate.floor, memory_order_acquire)
           > born)
    {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (atomic_load_explicit(&c->stamps[tags[i]], memory_order_acquire)
            > born)
        {
            return false;
        }
    }

    return true;
}


/* --- holds --------------------------------------------------------------- */


/* The truth about holds, from the lists of all processes. Only under the hold
 * lock, else a list could change while it is counted. Slow; for mending and
 * checking only. */
static uint64_t
holds_listed(const struct cache *c, cache_tag_t tag)
{
    const struct cache_slot  *slot;
    uint64_t                  n = 0;
    uint32_t                  i;

    for (slot = c->slots; slot < c->slots + c->n_slots; slot++) {
        for (i = 0; i < slot->n_holds; i++) {
            n += slot->hold[i] == tag;
        }
    }

    return n;
}


/* Set a stamp's count to what the lists say.  At no time is it lower than
 * that, so that no reader slips through. */
static void
holds_settle(struct cache *c, cache_tag_t tag)
{
    _Atomic uint64_t  *stamp = &c->stamps[tag];
    uint64_t           count = holds_listed(c, tag) * STAMP_HOLD;
    uint64_t           old = atomic_load(stamp);

    while (!atomic_compare_exchange_weak(stamp, &old,
                                         (old & STAMP_TICK) | count))
    {
        continue;
    }
}


/* After a process died inside cache_hold() or cache_release(). Listed tags
 * first: a hold that is listed but not yet counted would let readers through.
 * Then what is counted but listed nowhere, which only costs misses until it is
 * done. */
static void
holds_mend(struct cache *c)
{
    struct cache_slot  *slot;
    cache_tag_t         tag;
    uint32_t            i;

    for (slot = c->slots; slot < c->slots + c->n_slots; slot++) {
        for (i = 0; i < slot->n_holds; i++) {
            holds_settle(c, slot->hold[i]);
        }
    }

    for (tag = 0; tag < CACHE_TAGS; tag++) {
        if (atomic_load(&c->stamps[tag]) > STAMP_TICK) {
            holds_settle(c, tag);
        }
    }

    shm_write_end(&c->map->hold_lock);
}


/* Waited for as long as it takes: it is held for well under a microsecond,
 * and a hold that is not put down would be a lie. */
static void
holds_lock(struct cache *c)
{
    if (shm_lock(&c->map->hold_lock, c->self, SHM_FOR_EVER) == SHM_BROKEN) {
        holds_mend(c);
    }
}


/* Every write mark must be ended before it, else the next owner that finds the
 * lock's owner dead would mend what is whole. */
static void
holds_unlock(struct cache *c)
{
    shm_unlock(&c->map->hold_lock);
}


/* Room in the list, and in the counts of the tags? */
static bool
holds_fit(const struct cache *c, const cache_tag_t *tags, size_t n)
{
    uint64_t  max = (UINT16_MAX - CACHE_HOLDS) * STAMP_HOLD;
    size_t    i;

    if (n > CACHE_HOLDS - c->own->n_holds) {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (atomic_load(&c->stamps[tags[i]]) > max) {
            return false;
        }
    }

    return true;
}


/* On return no reader of this machine serves or stores an answer with these
 * tags: only then may COMMIT be sent. All or nothing. The list is written
 * before the counts, so that no count can outlive its owner unlisted. */
int
cache_hold(struct cache *c, const cache_tag_t *tags, size_t n)
{
    struct cache_slot  *own = c->own;
    size_t              i;

    holds_lock(c);

    if (!holds_fit(c, tags, n)) {
        holds_unlock(c);
        return SHOP_E_BUSY;
    }

    shm_write_begin(&c->map->hold_lock);

    for (i = 0; i < n; i++) {
        own->hold[own->n_holds + i] = tags[i];
    }

    own->n_holds += (uint32_t) n;

    for (i = 0; i < n; i++) {
        /* Sequentially consistent: it must not sink below the system call that
         * sends COMMIT. */
        atomic_fetch_add(&c->stamps[tags[i]], STAMP_HOLD);
    }

    shm_write_end(&c->map->hold_lock);
    holds_unlock(c);

    return SHOP_OK;
}


/* Index of a tag on the own list, or of its end. */
static uint32_t
hold_find(const struct cache_slot *own, cache_tag_t tag)
{
    uint32_t i;

    for (i = 0; i < own->n_holds; i++) {
        if (own->hold[i] == tag) {
            break;
        }
    }

    return i;
}


/* The last fills the gap, and only then the list is shorter: killed in
 * between, it names one tag too often but none too few. */
static void
hold_strike(struct cache_slot *own, uint32_t i)
{
    own->hold[i] = own->hold[own->n_holds - 1];
    atomic_signal_fence(memory_order_seq_cst);
    own->n_holds--;
}


/* Whatever became of the COMMIT: after a rollback the bump is wasted but
 * harmless, after an unknown outcome it is needed. A tag that is not on the
 * list is still bumped, but its count left alone: that is made of the holds of
 * others. */
void
cache_release(struct cache *c, const cache_tag_t *tags, size_t n,
              uint64_t xid)
{
    struct cache_slot  *own = c->own;
    uint32_t            at;
    uint64_t            t;
    size_t              i;

    for (i = 0; i < n; i++) {
        cache_far_note(c, tags[i], xid);
    }

    holds_lock(c);
    shm_write_begin(&c->map->hold_lock);

    t = tick(c);

    for (i = 0; i < n; i++) {
        at = hold_find(own, tags[i]);
        /* Tick and count in one store, before the list is shortened: a death
         * in between leaves a count to mend, never an old stamp. */
        stamp_raise(&c->stamps[tags[i]], t, at < own->n_holds);

        if (at < own->n_holds) {
            hold_strike(own, at);
        }
    }

    shm_write_end(&c->map->hold_lock);
    holds_unlock(c);
}


/* A bit a process instead of a count: it can be set and cleared without a
 * lock, and taken back for a dead process without knowing how deep it was. */
static _Atomic uint64_t *
gate_word(struct cache *c, const struct cache_slot *slot, uint64_t *bit)
{
    size_t n = slot - c->slots;

    *bit = UINT64_C(1) << n % 64;

    return &c->map->gate.all[n / 64];
}


/* The way out when cache_hold() says BUSY; itself it cannot fail and takes no
 * lock. Calls nest. Set before COMMIT is sent, in the one order that all
 * processes see. */
void
cache_hold_all(struct cache *c)
{
    uint64_t           bit;
    _Atomic uint64_t  *word = gate_word(c, c->own, &bit);

    c->own->all++;
    atomic_fetch_or(word, bit);
}


/* The floor is raised while the gate is still shut: the other way round a
 * reader could pass both with an old answer. */
void
cache_release_all(struct cache *c, uint64_t xid)
{
    uint64_t           bit;
    _Atomic uint64_t  *word = gate_word(c, c->own, &bit);

    cache_far_note_all(c, xid);
    cache_bump_all(c);

    if (--c->own->all == 0) {
        atomic_fetch_and(word, ~bit);
    }
}


/* For the slot of a dead process, and for our own that is given back. Whether
 * its commit went through nobody knows any more, so the floor is raised: a
 * gate that was shut names no tags in any case. */
void
holds_drop(struct cache *c, struct cache_slot *slot)
{
    uint64_t           bit;
    _Atomic uint64_t  *word = gate_word(c, slot, &bit);
    uint32_t           i;

    holds_lock(c);

    if (slot->n_holds > 0 || atomic_load(word) & bit) {
        /* First the bump; only then is anything let go. */
        cache_far_shut(c);
        cache_bump_all(c);
        shm_write_begin(&c->map->hold_lock);

        for (i = 0; i < slot->n_holds; i++) {
            atomic_fetch_sub(&c->stamps[slot->hold[i]], STAMP_HOLD);
        }

        slot->n_holds = 0;
        shm_write_end(&c->map->hold_lock);
        atomic_fetch_and(word, ~bit);
    }

    slot->all = 0;
    holds_unlock(c);
}


/* Counting lists is slow, so an unlisted stamp without holds is only compared
 * with the clock. The clock is read after the stamp and never goes back: a
 * writer at work cannot look like a fault. */
static const char *
stamp_check(const struct cache *c, cache_tag_t tag, bool listed)
{
    uint64_t stamp = atomic_load(&c->stamps[tag]);

    if ((stamp & STAMP_TICK) > cache_clock(c)) {
        return "a stamp is ahead of the clock";
    }

    if ((listed || stamp > STAMP_TICK)
        && stamp / STAMP_HOLD != holds_listed(c, tag))
    {
        return "a tag's holds are not those that processes list";
    }

    return NULL;
}


/* Under the hold lock, so writers wait for the walk over all stamps: meant for
 * tests and `shopctl check`. Both directions are looked at, counts without
 * lists and lists without counts. */
const char *
holds_check(struct cache *c)
{
    const struct cache_slot  *slot;
    const char               *fault = NULL;
    cache_tag_t               tag;
    uint32_t                  i;

    holds_lock(c);

    for (tag = 0; fault == NULL && tag < CACHE_TAGS; tag++) {
        fault = stamp_check(c, tag, false);
    }

    for (slot = c->slots; slot < c->slots + c->n_slots; slot++) {
        for (i = 0; fault == NULL && i < slot->n_holds; i++) {
            fault = stamp_check(c, slot->hold[i], true);
        }
    }

    holds_unlock(c);

    return fault;
}


/* --- lease and poller ---------------------------------------------------- */


/* Called by the poller alone, after all that it saw was bumped. It may also
 * shorten a lease: 0 closes the cache at once. */
void
cache_lease_set(struct cache *c, uint64_t until_ms)
{
    /* Release: what was bumped before is seen by who sees the lease. */
    atomic_store_explicit(&c->map->gate.lease, until_ms,
                          memory_order_release);
}


/* The acquire pairs with the release above: who sees the lease sees the bumps
 * that earned it, so their stamps refuse what is old. */
bool
cache_lease_good(const struct cache *c, uint64_t now_ms)
{
    return now_ms < atomic_load_explicit(&c->map->gate.lease,
                                         memory_order_acquire);
}


/* Half written, the state is worth nothing: as if nobody had ever polled. */
static void
poll_lock(const struct cache *c)
{
    struct cache_map *map = c->map;

    if (shm_lock(&map->poll_lock, c->self, SHM_FOR_EVER) == SHM_BROKEN) {
        map->poll = (struct cache_poll) { 0 };
        shm_write_end(&map->poll_lock);
    }
}


/* A copy under the lock: xmin and system_id must be of one poll, else the next
 * would ask from a point that belongs to another cluster. */
void
cache_poll_get(const struct cache *c, struct cache_poll *out)
{
    poll_lock(c);
    *out = c->map->poll;
    shm_unlock(&c->map->poll_lock);
}


/* To be called before the lease is renewed: a successor that polls from an
 * older xmin only bumps twice, from a younger one it would miss rows. */
void
cache_poll_set(struct cache *c, const struct cache_poll *in)
{
    poll_lock(c);
    shm_write_begin(&c->map->poll_lock);
    c->map->poll = *in;
    shm_write_end(&c->map->poll_lock);
    shm_unlock(&c->map->poll_lock);
}
