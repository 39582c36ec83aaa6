/*
 * worker.h - what a shop is inside: one worker's everything.
 */
#ifndef SHOP_WORKER_H
#define SHOP_WORKER_H

#include "core/arena.h"
#include "core/background.h"
#include "core/backlog.h"
#include "core/cache.h"
#include "core/core.h"
#include "core/coro.h"
#include "core/db.h"
#include "core/far.h"
#include "core/hub.h"
#include "core/overload.h"
#include "core/poll.h"
#include "core/route.h"
#include "shop.h"

struct settings {               /* what context_of() reads                   */
    struct arena    arena;
    void           *data;       /* NULL: not loaded                          */
    uint64_t        born;       /* cache_clock() before they were read       */
    cache_tag_t     tag;        /* "store", what a change of them touches    */
    uint64_t        loaded_ms;
    uint64_t        asked_ms;   /* somebody reads them since; 0: nobody      */
};

#define SIGHTINGS  64

struct sighting {               /* of a caller, by this worker               */
    uuid      id;
    uint64_t  ms;
};

struct slow {                   /* statements, as the log was told of them   */
    uint64_t  second;           /* the present one                           */
    unsigned  lines;            /* within it                                 */
};

struct shop {
    shop_conf_t               conf;     /* strings are its own               */
    const shop_host_ops_t    *ops;
    void                     *host;
    struct cache              cache;
    void                     *own_shm;  /* taken when the host gave none     */
    struct db                *db;
    struct far               *far;      /* NULL: no memcached                */
    const struct routes      *routes;
    struct coro_pool          coros;
    shop_timer_t              trim;     /* of them; ctx NULL: not set        */
    struct arena              arena;    /* lives as long as the shop         */
    struct request           *live;
    struct settings           settings;
    struct poller             poller;
    struct overload           overload;
    struct slow               slow;
    struct background         background;
    struct backlog            backlog;
    struct hub                hub;
    struct evp_mac_ctx_st    *mac[2];   /* of cursors, by secret             */
    uint8_t                   signer[8];    /* which they are                 */
    struct sighting           seen[SIGHTINGS];
    unsigned                  row_readers;      /* connections of exports    */
    bool                      draining;
    uint64_t                 *count;    /* cache_counters()                  */
    struct route_count       *by_route;
};

/* Upper bounds of a route_count's buckets but the last (measure.c). */
extern const uint32_t bucket_us[BUCKETS - 1];

#define COUNT(shop, id, n)  ((shop)->count[COUNT_##id] += (uint64_t) (n))

static inline uint64_t
shop_now_ms(const struct shop *shop)
{
    return shop->ops->now_ms(shop->host);
}

void shop_log(const struct shop *shop, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
