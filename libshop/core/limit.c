/*
 * limit.c - token buckets, see limit.h.
 *
 * The table is sets of eight words, a cache line each.  A word is a tag of 19
 * bits from the hash of who asks and a one, since no tag is nought, and the
 * time at which his bucket is full, in ticks of four microseconds.  A bucket
 * that is full needs no word, so any word whose time has passed is free; when
 * none is, the one that is full soonest goes, which gives away the least.
 *
 * Two who share set and tag share a bucket, a chance of one in 2^32: with
 * 10,000 who ask at once, two in a million for any of them.  Whom, nobody
 * outside can choose: the hash is keyed.
 *
 * Nothing here returns an error: when a word cannot be had in some attempts,
 * the request passes.
 */
#include <string.h>

#include "core/cache_map.h"
#include "core/limit.h"

#define TICK_US     4
#define TIME_BITS   44
#define TIME_MASK   ((UINT64_C(1) << TIME_BITS) - 1)
#define ATTEMPTS     256       /* to take; then it is let by, unpaid        */
#define PER_MINUTE  (60 * UINT64_C(1000000) / TICK_US)

static const char *const names[SHOP_LIMIT_COUNT] = {
    [SHOP_LIMIT_ADDRESS] = "address",
    [SHOP_LIMIT_KEY] = "key",
    [SHOP_LIMIT_GUESS] = "guess",
};

/* In ticks. */
struct bucket_rule {
    uint64_t  token;                    /* until one more                    */
    uint64_t  size;                     /* from empty to full                */
};


const char *
limit_wrong(const shop_limit_t rules[SHOP_LIMIT_COUNT])
{
    for (unsigned i = 0; i < SHOP_LIMIT_COUNT; i++) {
        if (rules[i].per_minute > SHOP_LIMIT_RATE_MAX
            || rules[i].burst > SHOP_LIMIT_BURST_MAX)
            return "a limit is at most 600000 requests a minute with a burst "
                   "of 100000";
        if (rules[i].per_minute != 0 && rules[i].burst == 0)
            return "a limit needs a burst of at least one request";
    }

    return NULL;
}


/* --- words --------------------------------------------------------------- */


static _Atomic uint64_t *
set_of(struct cache *c, enum shop_limit_kind kind, shop_str_t who,
       uint64_t *tag)
{
    uint8_t   text[64];
    size_t    n = who.len < sizeof(text) - 1 ? who.len : sizeof(text) - 1;
    uint64_t  h[2];

    text[0] = (uint8_t) kind;
    memcpy(text + 1, who.data, n);
    hash128(&c->map->seed, text, n + 1, h);
    *tag = h[1] >> TIME_BITS | 1;

    return c->limits + h[0] % LIMIT_SETS * LIMIT_WAYS;
}


/* His word, else the one that is best to overwrite. */
static _Atomic uint64_t *
word_of(_Atomic uint64_t *set, uint64_t tag, uint64_t *seen)
{
    _Atomic uint64_t *best = NULL;
    uint64_t          first = UINT64_MAX;

    for (unsigned i = 0; i < LIMIT_WAYS; i++) {
        uint64_t word = atomic_load(&set[i]);

        if (word >> TIME_BITS == tag) {
            *seen = word;
            return &set[i];
        }
        if (best == NULL || (word & TIME_MASK) < first) {
            best = &set[i];
            first = word & TIME_MASK;
            *seen = word;
        }
    }

    return best;
}


/* Until it is full: of somebody else's word, and of one that no request of
 * this rule can have left (the rule is another since a reload), nothing. */
static uint64_t
until_full(uint64_t word, uint64_t tag, uint64_t now,
           const struct bucket_rule *rule)
{
    uint64_t full = word & TIME_MASK;

    if (word >> TIME_BITS != tag || full <= now || full - now > rule->size)
        return 0;

    return full - now;
}


static uint32_t
seconds(uint64_t ticks)
{
    uint64_t second = PER_MINUTE / 60;

    return (uint32_t) ((ticks + second - 1) / second);
}


static void
tell(struct limit_state *out, const struct bucket_rule *rule,
     uint64_t to_fill, uint64_t need)
{
    uint64_t over = to_fill + need > rule->size
                    ? to_fill + need - rule->size : 0;

    out->left = (uint32_t) ((rule->size - to_fill) / rule->token);
    out->full_s = seconds(to_fill);
    out->wait_s = seconds(over);
}


/* --- taking -------------------------------------------------------------- */


static bool
ask(struct cache *c, const shop_limit_t *rules, enum shop_limit_kind kind,
    shop_str_t who, unsigned cost, bool take, uint64_t now_us,
    struct limit_state *out)
{
    const shop_limit_t *limit = &rules[kind];
    struct bucket_rule  rule;
    uint64_t            tag, seen, need, to_fill, now = now_us / TICK_US;
    _Atomic uint64_t   *set, *word;

    if (limit->per_minute == 0 || who.len == 0)
        return true;

    rule.token = PER_MINUTE / limit->per_minute;
    rule.size = rule.token * limit->burst;
    need = rule.token * (cost < limit->burst ? cost : limit->burst);
    now &= TIME_MASK;
    out->name = names[kind];
    out->burst = limit->burst;
    out->window_s = seconds(rule.size);
    set = set_of(c, kind, who, &tag);

    for (unsigned i = 0; i < ATTEMPTS; i++) {
        word = word_of(set, tag, &seen);
        to_fill = until_full(seen, tag, now, &rule);
        tell(out, &rule, to_fill, need);
        if (out->wait_s != 0)
            return false;
        if (!take)
            return true;
        if (atomic_compare_exchange_weak(
                word, &seen, tag << TIME_BITS | ((now + to_fill + need)
                                                 & TIME_MASK)))
        {
            tell(out, &rule, to_fill + need, 0);
            return true;
        }
    }

    return true;
}


bool
limit_take(struct cache *c, const shop_limit_t *rules,
           enum shop_limit_kind kind, shop_str_t who, unsigned cost,
           uint64_t now_us, struct limit_state *out)
{
    return ask(c, rules, kind, who, cost, true, now_us, out);
}


bool
limit_peek(struct cache *c, const shop_limit_t *rules,
           enum shop_limit_kind kind, shop_str_t who, uint64_t now_us,
           struct limit_state *out)
{
    return ask(c, rules, kind, who, 1, false, now_us, out);
}
