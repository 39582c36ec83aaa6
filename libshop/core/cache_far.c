/*
 * cache_far.c - what makes an answer that another machine made good on this
 * one.
 *
 * Machines share no clock of bumps.  What they share is PostgreSQL, and its
 * ids of transactions: a snapshot has an xmin, below which every transaction
 * has ended.  An answer carries an xmin that was known before its rows were
 * read; so it shows whatever a transaction below that did.  This machine keeps
 * for each tag the id of the last transaction that it knows to have changed
 * it, whether it was polled or its own.  The answer is good when its xmin is
 * greater.
 *
 * What was changed before this machine's first poll, or while it did not poll,
 * it does not know: then the xmin must reach the end of the snapshot of the
 * poll that came first afterwards (the floor).
 *
 * Ids are noted before the clock ticks for the bump.  So who takes the clock
 * first, then compares ids, and then finds the tags good by that clock, has
 * missed nothing: either he saw the id, or the bump came after his clock.
 *
 * When a change is known but not its id (a process died in COMMIT, a
 * connection went, which may have been a crash that makes ids start again from
 * lower ones), nothing is taken from elsewhere until two more polls are
 * answered: the second was sent after the change, and brings its id.
 *
 * Nothing here fails.
 */
#include "core/banned.h"
#include "core/cache_map.h"


static void
raise(_Atomic uint64_t *word, uint64_t to)
{
    uint64_t old = atomic_load(word);

    while (old < to && !atomic_compare_exchange_weak(word, &old, to)) {
        continue;
    }
}


void
cache_far_note(struct cache *c, cache_tag_t tag, uint64_t xid)
{
    if (xid == 0) {
        cache_far_shut(c);
    } else {
        raise(&c->xids[tag], xid);
    }
}


void
cache_far_note_all(struct cache *c, uint64_t xid)
{
    if (xid == 0) {
        cache_far_shut(c);
    } else {
        raise(&c->map->far.floor, xid + 1);
    }
}


/* The next poll may have been sent already; the one after that was not. */
void
cache_far_shut(struct cache *c)
{
    raise(&c->map->far.shut, atomic_load(&c->map->far.polls) + 2);
}


/* Ids of another epoch compare with nothing.  Taking them out touches every
 * page of the table, so it is not done to one that is new. */
static void
epoch_begin(struct cache *c, uint64_t epoch, uint64_t before)
{
    struct far_gate  *f = &c->map->far;
    cache_tag_t       tag;

    cache_far_shut(c);
    atomic_store(&f->epoch, 0);

    for (tag = 0; before != 0 && tag < CACHE_TAGS; tag++) {
        atomic_store_explicit(&c->xids[tag], 0, memory_order_relaxed);
    }

    atomic_store(&f->xmin, 0);
    atomic_store(&f->floor, 0);
    atomic_store(&f->epoch, epoch);
}


void
cache_far_begin(struct cache *c, uint64_t epoch, uint64_t xmax, bool lapsed)
{
    struct far_gate  *f = &c->map->far;
    uint64_t          before = atomic_load(&f->epoch);

    if (epoch != before) {
        epoch_begin(c, epoch, before);
    }

    if (lapsed || epoch != before) {
        raise(&f->floor, xmax);
    }
}


void
cache_far_polled(struct cache *c, uint64_t xmin)
{
    raise(&c->map->far.xmin, xmin);
    atomic_fetch_add(&c->map->far.polls, 1);
}


/* The epoch is read last: an xmin of one that has ended is not taken for one
 * of the next, since the epoch is cleared first. */
bool
cache_far_now(const struct cache *c, struct cache_far *out)
{
    const struct far_gate *f = &c->map->far;

    if (atomic_load(&f->polls) < atomic_load(&f->shut)) {
        return false;
    }

    out->epoch = atomic_load(&f->epoch);
    out->xmin = atomic_load(&f->xmin);

    return out->epoch != 0 && out->xmin != 0
           && atomic_load(&f->epoch) == out->epoch;
}


bool
cache_far_good(const struct cache *c, const struct cache_far *made,
               const cache_tag_t *tags, size_t n)
{
    struct cache_far  now;
    size_t            i;

    if (!cache_far_now(c, &now) || now.epoch != made->epoch
        || made->xmin < atomic_load(&c->map->far.floor))
    {
        return false;
    }

    for (i = 0; i < n; i++) {
        if (made->xmin <= atomic_load(&c->xids[tags[i]])) {
            return false;
        }
    }

    return true;
}
