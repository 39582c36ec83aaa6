/*
 * ngx_http_shop_zone.c - shared memory.
 *
 * Zone "shop" is libshop's.  nginx keeps a zone over reloads while its size
 * stays the same.  Of each zone nginx's slab allocator owns the first pages;
 * it gives the others to nobody, so they are taken as they are: whole pages,
 * zeroed.
 */
#include "ngx_http_shop.h"

#define NGX_HTTP_SHOP_READY     1       /* no worker has this pid           */
#define NGX_HTTP_SHOP_PATIENCE  10000   /* milliseconds                     */


/* nginx puts its allocator at the start of every zone; nothing of it is used
 * but the bounds and the user's word. */
static ngx_slab_pool_t *
pool_of(ngx_shm_zone_t *zone)
{
    return (ngx_slab_pool_t *) zone->shm.addr;
}


/* A worker that cannot use the zone ends for good, while nginx ends those that
 * could; so it is refused here, and the old ones go on. */
static ngx_int_t
has_room(ngx_shm_zone_t *zone, ngx_int_t workers)
{
    ngx_slab_pool_t  *pool = pool_of(zone);

    switch (shop_shm_room(pool->start, pool->end - pool->start, workers)) {

    case SHOP_OK:
        return 1;

    case SHOP_E_BUSY:
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "no room for %i worker processes more beside those of "
                      "former configurations; let them end, see "
                      "\"worker_shutdown_timeout\"", workers);
        return 0;

    default:
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "the memory of \"shop_cache_zone\" cannot be kept for "
                      "%i worker processes; give it another size, so that it "
                      "is made anew", workers);
        return 0;
    }
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

    if (old != NULL && !has_room(zone, ccf->worker_processes)) {
        return NGX_ERROR;
    }

    smcf->shop.workers = ccf->worker_processes;
    smcf->shop.shm = pool->start;
    smcf->shop.shm_size = size;

    return NGX_OK;
}


/* The module is the tag: a zone of the same name from another module is an
 * error of the configuration, which nginx reports. Without a location that is
 * a shop there is none. */
ngx_int_t
ngx_http_shop_add_zone(ngx_conf_t *cf, ngx_http_shop_main_conf_t *smcf)
{
    ngx_str_t  name = ngx_string("shop");

    if (!smcf->used) {
        return NGX_OK;
    }

    smcf->zone = ngx_shared_memory_add(cf, &name, smcf->zone_size,
                                       &ngx_http_shop_module);
    if (smcf->zone == NULL) {
        return NGX_ERROR;
    }

    smcf->zone->data = smcf;
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
