/*
 * pricing.h - price lists and the prices on them.
 *
 * It stands above the catalogue and includes none of its headers: a variant
 * is an id here.  For the order of locks see catalog/catalog_admin.h.
 */
#ifndef SHOP_PRICING_H
#define SHOP_PRICING_H

#include "core/core.h"

/* A set of prices and when it counts.  Of several lists with a price for the
 * same thing the kind decides, then priority, then the newest price. */
struct price_list {
    uuid          id;
    const char   *code;
    const char   *name;
    const char   *kind;
    int64_t       priority;
    const char   *status;
    const char   *currency;     /* when set, the only one of its prices      */
    uuid          channel_id;
    uuid          market_id;
    stamp         starts_at;
    stamp         ends_at;
    int64_t       version;
    stamp         created_at;
    stamp         updated_at;
    const char   *page_key;
};

/* Prices of one list, variant, currency and quantity do not overlap in time;
 * those that have ended are the history. */
struct price {
    uuid          id;
    uuid          price_list_id;
    uuid          variant_id;
    struct money  price;        /* of one                                    */
    int64_t       compare_at;   /* in minor units of the same currency       */
    int64_t       min_quantity;
    stamp         valid_from;
    stamp         valid_until;
    bool          current;      /* does it hold now?                         */
    int64_t       version;
    stamp         created_at;
    stamp         updated_at;
    const char   *page_key;
};

/* Several prices of one variant at once; also the answer to that. */
struct prices {
    uuid          variant_id;
    struct list   prices;
};

struct price_filter {
    uuid          variant_id;
    uuid          price_list_id;
};

struct found_id {               /* a row's id, and nothing else              */
    uuid          id;
};

extern const struct field price_list[];
extern const struct field price_list_patch[];
extern const struct field price[];
extern const struct field price_patch[];
extern const struct field prices[];
extern const struct field price_filter[];
extern const struct field found_id[];

extern const struct problem code_taken;
extern const struct problem price_overlap;
extern const struct problem price_currency;
extern const struct problem price_not_current;
extern const struct problem unknown_variant;
extern const struct problem unknown_price_list;
extern const struct problem unknown_currency_code;
extern const struct problem unknown_channel;
extern const struct problem unknown_market;

/* The rules of one price for itself: faults below `place`. */
void price_check(struct request *rq, const struct price *p,
                 const char *place);

/* Locked with all that a price hangs on; or 404. */
struct price *price_hold(struct request *rq, uuid id);

void price_update(struct request *rq, const struct price *p);

/* It holds no more from now on. */
void price_end(struct request *rq, const struct price *p);

/* Prices of one variant, each with a new id. */
void prices_insert(struct request *rq, uuid variant, struct list *list);

void price_list_check(struct request *rq, const struct price_list *l);
struct price_list *price_list_hold(struct request *rq, uuid id);
void price_list_insert(struct request *rq, const struct price_list *l);
void price_list_update(struct request *rq, const struct price_list *l);

#endif
