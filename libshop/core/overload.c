/*
 * overload.c - after CoDel (RFC 8289): a queue is too long when no answer was
 * quick for some time, not when one was slow.
 *
 * Nothing here returns an error.
 */
#include "core/overload.h"

#include "core/worker.h"

#define LASTS_MS      100       /* late for so long: it is no moment's crowd */
#define REMEMBERS_MS  1000      /* who refused lately need not be so sure    */


/* 0: of whoever waits, for ever. */
static uint64_t
patience_ms(const struct shop *shop, unsigned class)
{
    uint64_t ms = shop->conf.overload_ms;

    return class == SHED_FIRST ? (ms + 3) / 4 : ms;
}


void
overload_seen(struct shop *shop, uint64_t waited_ms)
{
    struct overload *o = &shop->overload;

    for (unsigned i = 0; i < SHED_CLASSES; i++) {
        if (waited_ms <= patience_ms(shop, i))
            o->since_ms[i] = 0;
        else if (o->since_ms[i] == 0)
            o->since_ms[i] = shop_now_ms(shop);
    }
}


/* Without a lease PostgreSQL does not answer at all; then waiting has bounds
 * of its own, and old answers are served. */
static bool
is_late(struct shop *shop, unsigned class)
{
    struct overload *o = &shop->overload;
    uint64_t         now = shop_now_ms(shop);

    return o->since_ms[class] != 0
           && (now - o->since_ms[class] >= LASTS_MS
               || now - o->refused_ms[class] < REMEMBERS_MS)
           && db_read_waits_ms(shop->db) > patience_ms(shop, class)
           && cache_lease_good(&shop->cache, now);
}


/* Who streams can come later, as a bot can: nobody waits for it to buy. */
bool
overload_refuses(struct shop *shop, const struct match *m,
                 const shop_request_t *in)
{
    bool     first = in->shed_first
                     || (m->route != NULL && (m->route->flags & STREAM));
    unsigned class = first ? SHED_FIRST : SHED_LAST;

    if (shop->conf.overload_ms == 0 || m->route == NULL
        || (m->route->flags & (FREE | NO_DB | TX)) || !is_late(shop, class))
        return false;

    shop->overload.refused_ms[class] = shop_now_ms(shop);
    COUNT(shop, SHED, 1);
    if (class == SHED_FIRST)
        COUNT(shop, SHED_FIRST, 1);

    return true;
}
