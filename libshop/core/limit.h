/*
 * limit.h - how often somebody may ask: token buckets in the memory that all
 * workers of a machine share.
 *
 * A bucket holds `burst` tokens and gains one each `tick_us`; a request takes
 * its cost, or is refused and takes nothing.  Kept is only the time at which
 * the bucket will be full again: the "theoretical arrival time" of the generic
 * cell rate algorithm (ITU-T I.371, annex A), which is one word, so that
 * compare and swap makes it exact across workers without a lock.  A reload
 * keeps the memory, and so gives nothing away.
 */
#ifndef SHOP_LIMIT_H
#define SHOP_LIMIT_H

#include "core/cache.h"
#include "shop.h"

/* A bucket after it was asked. */
struct limit_state {
    const char  *name;                  /* of the limit; NULL: there is none */
    uint32_t     burst;
    uint32_t     window_s;              /* from empty to full                */
    uint32_t     left;                  /* tokens                            */
    uint32_t     full_s;                /* until it is full                  */
    uint32_t     wait_s;                /* refused: until it would not be    */
};

/* What is wrong with the rules, or NULL. */
const char *limit_wrong(const shop_limit_t rules[SHOP_LIMIT_COUNT]);

/* Take `cost` tokens, at most the burst, of the bucket of `who` (an address, a
 * hash): true when they were there.  Without a rule it is always true. */
bool limit_take(struct cache *c, const shop_limit_t *rules,
                enum shop_limit_kind kind, shop_str_t who, unsigned cost,
                uint64_t now_us, struct limit_state *out);

/* Would one token be there? */
bool limit_peek(struct cache *c, const shop_limit_t *rules,
                enum shop_limit_kind kind, shop_str_t who, uint64_t now_us,
                struct limit_state *out);

#endif
