/*
 * ngx_http_shop_zone.c - shared memory, and draining at reload.
 *
 * Zone "shop" is libshop's; zone "shop_drain" is the module's own and holds
 * two words.  nginx keeps a zone over reloads while its size stays the same.
 * Of each zone nginx's slab allocator owns the first pages; it gives the
 * others to nobody, so they are taken as they are: whole pages, zeroed.
 */
#include "ngx_http_shop.h"

#define NGX_HTTP_SHOP_DRAIN_PAGES  8    /* the least that nginx accepts     */
#define NGX_HTTP_SHOP_READY        1    /* no worker has this pid           */
#define NGX_HTTP_SHOP_PATIENCE     10000    /* milliseconds                 */

/* Only the master writes here, and only between the old workers and the new;
 * the workers compare one word per request, without a lock. */
typedef struct {
    ngx_atomic_t  generation;           /* counts reloads                   */
    ngx_atomic_t  used;                 /* by the last configuration        */
} ngx_http_shop_drain_t;


/* nginx puts its allocator at the start of every zone; nothing of it is used
 * but the bounds and the user's word. */
static ngx_slab_pool_t *
pool_of(ngx_shm_zone_t *zone)
{
    return (ngx_slab_pool_t *) zone->shm.addr;
}


/* Only when the cycle has mapped its zones: from init_module() on. */
static ngx_http_shop_drain_t *
drain_of(ngx_http_shop_main_conf_t *smcf)
{
    return (ngx_http_shop_drain_t *) pool_of(smcf->drain_zone)->start;
}


/* In the master, for a fresh zone and for one kept over a reload alike; old
 * workers may be using it right now, so nothing is written to it. The number
 * of workers is known only here, after the whole file was read. */
static ngx_int_t
zone_init(ngx_shm_zone_t *zone, void *old)
{
    size_t                      size, least;
    ngx_slab_pool_t            *pool = pool_of(zone);
    ngx_core_conf_t            *ccf;
    ngx_http_shop_main_conf_t  *smcf = zone->data;

    ccf = (ngx_core_conf_t *) ngx_get_conf(smcf->cycle->conf_ctx,
                                           ngx_core_module);
    size = pool->end - pool->start;
    least = shop_shm_min(ccf->worker_processes);

    if (size < least) {
        least += zone->shm.size - size;
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "\"shop_cache_zone\" must be %uzk or more "
                      "with %i worker processes, not %uzk",
                      least / 1024 + 1, ccf->worker_processes,
                      zone->shm.size / 1024);
        return NGX_ERROR;
    }

    smcf->shop.workers = ccf->worker_processes;
    smcf->shop.shm = pool->start;
    smcf->shop.shm_size = size;

    return NGX_OK;
}


/* nginx calls a zone's init without a look whether there is one. Zeroed memory
 * is already the right beginning. */
static ngx_int_t
drain_init(ngx_shm_zone_t *zone, void *old)
{
    return NGX_OK;
}


/* The module is the tag: a zone of the same name from another module is an
 * error of the configuration, which nginx reports. */
static ngx_shm_zone_t *
zone_add(ngx_conf_t *cf, ngx_http_shop_main_conf_t *smcf, ngx_str_t name,
    size_t size)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_shop_module);
    if (zone != NULL) {
        zone->data = smcf;
    }

    return zone;
}


/* The drain zone is there even if no location is a shop: the workers of the
 * last configuration may be waiting for its word. */
ngx_int_t
ngx_http_shop_add_zones(ngx_conf_t *cf, ngx_http_shop_main_conf_t *smcf)
{
    smcf->drain_zone = zone_add(cf, smcf, (ngx_str_t) ngx_string("shop_drain"),
                                NGX_HTTP_SHOP_DRAIN_PAGES * ngx_pagesize);
    if (smcf->drain_zone == NULL) {
        return NGX_ERROR;
    }

    smcf->drain_zone->init = drain_init;

    if (!smcf->used) {
        return NGX_OK;
    }

    smcf->zone = zone_add(cf, smcf, (ngx_str_t) ngx_string("shop"),
                          smcf->zone_size);
    if (smcf->zone == NULL) {
        return NGX_ERROR;
    }

    smcf->zone->init = zone_init;

    return NGX_OK;
}


/*
 * Who opens the zone first lays it out, and the others wait for that.  How
 * far it is stands in the zone itself (in the word that the allocator's
 * header has for its user): a worker that nginx starts in place of a dead
 * one inherits the configuration of a fresh zone, yet finds a used one.
 *
 * The word is 0, then the pid of who lays out, then NGX_HTTP_SHOP_READY.
 */
static ngx_atomic_t *
state_of(ngx_http_shop_main_conf_t *smcf)
{
    return (ngx_atomic_t *) &pool_of(smcf->zone)->data;
}


/* EPERM means that it lives: only ESRCH lets us take the work away from
 * another process. */
static ngx_uint_t
is_gone(ngx_atomic_uint_t pid)
{
    return kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == ESRCH;
}


/* True: this process lays the zone out, and calls _zone_ready() then.  A
 * process is given up that died over it, or takes absurdly long. */
int
ngx_http_shop_zone_enter(ngx_http_shop_main_conf_t *smcf)
{
    ngx_uint_t          waited = 0;
    ngx_atomic_t       *state = state_of(smcf);
    ngx_atomic_uint_t   seen;

    while ((seen = *state) != NGX_HTTP_SHOP_READY) {

        if (seen == 0 || is_gone(seen) || waited == NGX_HTTP_SHOP_PATIENCE) {
            if (!ngx_atomic_cmp_set(state, seen, ngx_pid)) {
                continue;
            }

            if (seen != 0) {
                ngx_memzero(smcf->shop.shm, smcf->shop.shm_size);
            }

            return 1;
        }

        ngx_msleep(1);
        waited++;
    }

    return 0;
}


/* The word must not be seen before what was laid out: whoever reads it goes on
 * without any other synchronisation. */
void
ngx_http_shop_zone_ready(ngx_http_shop_main_conf_t *smcf)
{
    ngx_memory_barrier();
    *state_of(smcf) = NGX_HTTP_SHOP_READY;
}


/*
 * In the master, at a reload, before nginx starts new workers and tells the
 * old to quit.  A worker that quits closes idle keep-alive connections, and
 * a request on its way to one is lost.  So the old workers first answer
 * "Connection: close" for a while; they see by the generation that they are
 * the old ones.
 */
void
ngx_http_shop_drain(ngx_cycle_t *cycle, ngx_http_shop_main_conf_t *smcf)
{
    ngx_uint_t              used;
    ngx_http_shop_drain_t  *drain = drain_of(smcf);

    used = drain->used;
    drain->used = smcf->used;

    if (used) {
        drain->generation++;
    }

    smcf->generation = drain->generation;

    if (used && !ngx_is_init_cycle(cycle->old_cycle) && smcf->drain_time) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "shop: keep-alive connections drain for %uD ms",
                      smcf->drain_time);
        ngx_msleep(smcf->drain_time);
    }
}


/* The phase before all that could answer; every request of the server. */
ngx_int_t
ngx_http_shop_drain_handler(ngx_http_request_t *r)
{
    ngx_http_shop_main_conf_t  *smcf = ngx_http_shop_worker.conf;

    if (drain_of(smcf)->generation == smcf->generation) {
        return NGX_DECLINED;
    }

    r->keepalive = 0;

#if (NGX_HTTP_V2)

    /* As if keepalive_requests were used up: the next stream of the
     * connection is served and followed by GOAWAY. */
    if (r->stream) {
        r->stream->connection->connection->requests = NGX_MAX_UINT32_VALUE;
    }

#endif

    return NGX_DECLINED;
}
