/*
 * ngx_http_shop_module.c - directives, the module record, and what happens
 * when a process starts and ends.  Returns nginx's codes.
 */
#include "ngx_http_shop.h"

#include <sched.h>

/* The drain must outlast the moment between a client's request and the answer
 * that tells it to close; two seconds are ample for clients that are busy. */
#define NGX_HTTP_SHOP_ERROR_MAX   512
#define NGX_HTTP_SHOP_ZONE_SIZE   (64 * 1024 * 1024)
#define NGX_HTTP_SHOP_DRAIN_TIME  2000


/* One shop a process. A global, because handlers of events get no
 * configuration, and a reload makes new processes anyway. */
ngx_http_shop_worker_t  ngx_http_shop_worker;


/* --- directives ---------------------------------------------------------- */


/* A value of libshop's, or of ours, with its bounds. */
#define VALUE(name, member, kind, low, high)                                  \
    { ngx_string(name), NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,                    \
      ngx_http_shop_set_value, NGX_HTTP_MAIN_CONF_OFFSET,                     \
      offsetof(ngx_http_shop_main_conf_t, member),                            \
      &(ngx_http_shop_bounds_t) { NGX_HTTP_SHOP_ ## kind, low, high } }

#define CHOICE(name, member, word1, value1, word2, value2)                    \
    { ngx_string(name), NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,                    \
      ngx_http_shop_set_choice, NGX_HTTP_MAIN_CONF_OFFSET,                    \
      offsetof(ngx_http_shop_main_conf_t, member),                            \
      &(ngx_http_shop_choice_t[2]) { { word1, value1 }, { word2, value2 } } }

#define STRING(name, member, set)                                             \
    { ngx_string(name), NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1, set,               \
      NGX_HTTP_MAIN_CONF_OFFSET,                                              \
      offsetof(ngx_http_shop_main_conf_t, member), NULL }

#define MAIN(name, arguments, set)                                            \
    { ngx_string(name), NGX_HTTP_MAIN_CONF|arguments, set,                    \
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL }

/* `post` is nginx's place for a directive's own data. A pointer to a function
 * does not go into a void * portably, a pointer to one does. */
#define LOCATION(name, handler)                                               \
    { ngx_string(name), NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,                    \
      ngx_http_shop_set_location, NGX_HTTP_LOC_CONF_OFFSET, 0,                \
      &(ngx_http_handler_pt) { handler } }

#define HOUR  (60 * 60 * 1000)
#define KB    1024

static ngx_command_t  commands[] = {

    LOCATION("shop", ngx_http_shop_handler),
    LOCATION("shop_status", ngx_http_shop_status_handler),
    LOCATION("shop_metrics", ngx_http_shop_metrics_handler),
    LOCATION("shop_problem", ngx_http_shop_problem_handler),

    STRING("shop_database", shop.database, ngx_http_shop_set_string),
    STRING("shop_memcached", shop.memcached, ngx_http_shop_set_memcached),
    MAIN("shop_secret", NGX_CONF_TAKE23, ngx_http_shop_set_secret),
    MAIN("shop_thread_pool", NGX_CONF_TAKE1, ngx_http_shop_set_pool),

    CHOICE("shop_background", shop.background,
           "on", SHOP_BACKGROUND_ON, "off", SHOP_BACKGROUND_WATCH),
    CHOICE("shop_scheduling", scheduling,
           "batch", SCHED_BATCH, "normal", SCHED_OTHER),
    MAIN("shop_cache_zone", NGX_CONF_TAKE1, ngx_http_shop_set_zone),
    VALUE("shop_cache_stale", shop.cache_stale_ms, TIME, 0, 24 * HOUR),

    VALUE("shop_deadline", shop.deadline_ms, TIME, 100, HOUR),
    VALUE("shop_overload", shop.overload_ms, TIME, 0, 60000),
    VALUE("shop_slow_statement", shop.slow_ms, TIME, 0, HOUR),
    VALUE("shop_drain_time", drain_time, TIME, 0, 60000),
    VALUE("shop_max_coroutines", shop.max_coroutines, NUMBER, 16, 65536),
    VALUE("shop_stack_size", shop.stack_size, SIZE, 32 * KB, 1024 * KB),

    MAIN("shop_limit", NGX_CONF_TAKE3, ngx_http_shop_set_limit),

    { ngx_string("shop_shed_first"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot, NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_shop_loc_conf_t, shed_first), NULL },

    VALUE("shop_read_connections", shop.read_connections, NUMBER, 1, 16),
    VALUE("shop_slow_connections", shop.slow_connections, NUMBER, 1, 64),
    VALUE("shop_stream_connections", shop.stream_connections, NUMBER, 1, 64),
    VALUE("shop_stream_heartbeat", shop.heartbeat_ms, TIME, 100, HOUR),
    VALUE("shop_tx_connections", shop.tx_connections, NUMBER, 1, 64),
    VALUE("shop_tx_queue", shop.tx_queue, NUMBER, 0, 65536),

    ngx_null_command
};


/* --- configurations ------------------------------------------------------ */


/* Those of libshop's values that a directive sets, each with its default. */
static const size_t  values[] = {
    offsetof(shop_conf_t, cache_stale_ms),
    offsetof(shop_conf_t, deadline_ms),
    offsetof(shop_conf_t, overload_ms),
    offsetof(shop_conf_t, max_coroutines),
    offsetof(shop_conf_t, stack_size),
    offsetof(shop_conf_t, read_connections),
    offsetof(shop_conf_t, slow_connections),
    offsetof(shop_conf_t, tx_connections),
    offsetof(shop_conf_t, tx_queue),
    offsetof(shop_conf_t, stream_connections),
    offsetof(shop_conf_t, heartbeat_ms),
    offsetof(shop_conf_t, slow_ms)
};

#define N_VALUES             (sizeof(values) / sizeof(values[0]))
#define value_at(conf, i)    ((uint32_t *) ((u_char *) (conf) + values[i]))


/* Numbers begin as "unset", since 0 is a value that a directive may give. The
 * cycle is noted for zone_init(), which gets no ngx_conf_t. */
static void *
create_main_conf(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_shop_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_shop_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    smcf->shop = (shop_conf_t) SHOP_CONF_INIT;

    for (i = 0; i < N_VALUES; i++) {
        *value_at(&smcf->shop, i) = NGX_HTTP_SHOP_UNSET;
    }

    smcf->drain_time = NGX_HTTP_SHOP_UNSET;
    smcf->shop.background = NGX_CONF_UNSET;
    smcf->scheduling = NGX_CONF_UNSET;
    smcf->cycle = cf->cycle;

    return smcf;
}


/* libshop's own defaults, so that the module never disagrees with it or with
 * the tools about what a value not given means. */
static void
set_defaults(ngx_http_shop_main_conf_t *smcf)
{
    ngx_uint_t   i;
    shop_conf_t  defaults = SHOP_CONF_INIT;

    for (i = 0; i < N_VALUES; i++) {
        if (*value_at(&smcf->shop, i) == NGX_HTTP_SHOP_UNSET) {
            *value_at(&smcf->shop, i) = *value_at(&defaults, i);
        }
    }

    if (smcf->drain_time == NGX_HTTP_SHOP_UNSET) {
        smcf->drain_time = NGX_HTTP_SHOP_DRAIN_TIME;
    }

    if (smcf->shop.background == NGX_CONF_UNSET) {
        smcf->shop.background = SHOP_BACKGROUND_ON;
    }

    if (smcf->scheduling == NGX_CONF_UNSET) {
        smcf->scheduling = SCHED_BATCH;
    }

    if (smcf->zone_size == 0) {
        smcf->zone_size = NGX_HTTP_SHOP_ZONE_SIZE;
    }
}


/* libshop does not know what its values are called here: whoever forgot one
 * is told the directive. */
static const char *
missing(ngx_http_shop_main_conf_t *smcf)
{
    if (smcf->shop.database == NULL) {
        return "\"shop_database\" is missing, which takes a libpq connection "
               "string such as \"host=/run/postgresql dbname=shop "
               "user=shop_app\"";
    }

    if (smcf->shop.cursor_secret[0].data == NULL) {
        return "\"shop_secret cursor\" is missing, which takes a file of "
               "random bytes";
    }

    return NULL;
}


/* Runs when all of http {} was read, so `used` is final. Values are checked
 * together, by libshop: `nginx -t` reports what a worker would otherwise fail
 * on. Without a shop in any location nothing is demanded. */
static char *
init_main_conf(ngx_conf_t *cf, void *conf)
{
    char                        error[NGX_HTTP_SHOP_ERROR_MAX] = "";
    const char                 *sentence;
    ngx_http_shop_main_conf_t  *smcf = conf;

    set_defaults(smcf);

    sentence = smcf->used ? missing(smcf) : NULL;
    if (sentence != NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", sentence);
        return NGX_CONF_ERROR;
    }

    if (smcf->used && shop_conf_check(&smcf->shop, error, sizeof(error))) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "shop: %s", error);
        return NGX_CONF_ERROR;
    }

    if (smcf->used && smcf->thread_pool == NULL) {
        smcf->thread_pool = ngx_thread_pool_add(cf, NULL);
        if (smcf->thread_pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_shop_add_zone(cf, smcf) == NGX_OK ? NGX_CONF_OK
                                                      : NGX_CONF_ERROR;
}


/* A handler is not inherited, as nginx's own content handlers are not. */
static void *
create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_shop_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_shop_loc_conf_t));
    if (slcf != NULL) {
        slcf->shed_first = NGX_CONF_UNSET_PTR;
    }

    return slcf;
}


/* nginx writes what does not fit its buffer to a file, and the worker waits for
 * that; reading it back takes a thread. */
static char *
merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_shop_loc_conf_t  *slcf = child;
    ngx_http_shop_loc_conf_t  *outer = parent;

    ngx_conf_merge_ptr_value(slcf->shed_first, outer->shed_first, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (slcf->handler == ngx_http_shop_handler
        && (clcf->client_max_body_size == 0
            || clcf->client_max_body_size
               > (off_t) clcf->client_body_buffer_size))
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "shop: in location \"%V\" client_body_buffer_size "
                      "should be at least client_max_body_size, "
                      "else large bodies go through a file", &clcf->name);
    }

    return NGX_CONF_OK;
}


/* libshop is loaded with the module: before anything is called of it, see
 * that it is the one we were built for. */
static ngx_int_t
preconfiguration(ngx_conf_t *cf)
{
    if (shop_abi_check(SHOP_ABI, sizeof(shop_host_ops_t), sizeof(shop_conf_t))
        != SHOP_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the shop module was built for libshop %s, "
                           "and does not fit the libshop %s that was loaded",
                           SHOP_VERSION, shop_version());
        return NGX_ERROR;
    }

    return ngx_http_shop_add_variables(cf);
}


/* The index makes the lookup of the id an array access in every request; it
 * needs the variable to exist, hence preconfiguration. */
static ngx_int_t
postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                   name = ngx_string("shop_request_id");
    ngx_http_handler_pt        *handler;
    ngx_http_core_main_conf_t  *cmcf;
    ngx_http_shop_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_shop_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    smcf->request_id = ngx_http_get_variable_index(cf, &name);
    if (smcf->request_id == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* The first phase, so that `return` and static files drain as well. */
    handler = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (handler == NULL) {
        return NGX_ERROR;
    }

    *handler = ngx_http_shop_drain_handler;

    return NGX_OK;
}


/* --- processes ----------------------------------------------------------- */


/* In the master, with the zones mapped and before workers are forked. `nginx
 * -t` comes here too, and must not wait or count: it is no reload. */
static ngx_int_t
init_module(ngx_cycle_t *cycle)
{
    ngx_http_shop_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_shop_module);

    if (smcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    return ngx_http_shop_drain(cycle, smcf);
}


/* For the one line that explains why a worker did not start; no request ever
 * sees these words. */
static const char *
cause(int rc)
{
    switch (rc) {
    case SHOP_E_NOMEM:
        return "out of memory";
    case SHOP_E_CONF:
        return "a configuration value is wrong";
    case SHOP_E_ABI:
        return "the module and libshop do not belong together";
    default:
        return "an input/output error";
    }
}


/* On an error nginx ends the worker with a code after which it starts no
 * other. The zone is then left to the next process: it sees that who was
 * laying it out is gone, and begins anew. */
static ngx_int_t
open_shop(ngx_cycle_t *cycle, ngx_http_shop_main_conf_t *smcf)
{
    int                      rc;
    ngx_http_shop_worker_t  *worker = &ngx_http_shop_worker;

    smcf->shop.worker = ngx_worker;
    smcf->shop.shm_fresh = ngx_http_shop_zone_enter(smcf);

    rc = shop_open(&worker->shop, &smcf->shop, &ngx_http_shop_host_ops,
                   worker);
    if (rc != SHOP_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "the shop cannot be opened: %s", cause(rc));
        return NGX_ERROR;
    }

    ngx_http_shop_zone_ready(smcf);

    return ngx_http_shop_watch_exit(cycle);
}


/* A worker that may interrupt PostgreSQL for every answer that comes takes one
 * at a time; who waits for its turn takes all that have come since. The policy
 * is of this thread: those of the pool began before. Where it may not be had,
 * answers are as good, only dearer. */
static void
set_scheduling(ngx_cycle_t *cycle, int policy)
{
    struct sched_param  param = { 0 };

    if (sched_setscheduler(0, policy, &param) != 0) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, ngx_errno,
                      "shop_scheduling has no effect: sched_setscheduler() "
                      "failed");
    }
}


/* Also in nginx's cache manager and loader, which serve nothing: a slot of the
 * cache would be lost on them. */
static ngx_int_t
init_process(ngx_cycle_t *cycle)
{
    ngx_http_shop_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_shop_module);

    if (smcf == NULL || ngx_process == NGX_PROCESS_HELPER) {
        return NGX_OK;
    }

    ngx_http_shop_worker.conf = smcf;
    ngx_http_shop_drain_join(smcf);

    if (ngx_http_shop_seed_ids() != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "getrandom() failed");
        return NGX_ERROR;
    }

    if (!smcf->used) {
        return NGX_OK;
    }

    ngx_http_shop_heap(cycle);
    set_scheduling(cycle, smcf->scheduling);

    return open_shop(cycle, smcf);
}


/* No shop was opened where no location has one. Thread pools have ended by
 * now, so `closing` must be set before the shop is closed: a job that it would
 * offload could never finish. */
static void
exit_process(ngx_cycle_t *cycle)
{
    ngx_http_shop_worker_t  *worker = &ngx_http_shop_worker;

    if (worker->shop == NULL) {
        return;
    }

    worker->closing = 1;
    shop_close(worker->shop);
    worker->shop = NULL;
    ngx_http_shop_unwatch_exit();
}


/* No server level: a zone, a pool and the connections are shared by all
 * servers, so their directives stand in http {} only. */
static ngx_http_module_t  module_ctx = {
    preconfiguration,                      /* preconfiguration */
    postconfiguration,                     /* postconfiguration */

    create_main_conf,                      /* create main configuration */
    init_main_conf,                        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    create_loc_conf,                       /* create location configuration */
    merge_loc_conf                         /* merge location configuration */
};


/* init_process, not init_module, opens the shop: connections and threads do
 * not survive a fork(). */
ngx_module_t  ngx_http_shop_module = {
    NGX_MODULE_V1,
    &module_ctx,                           /* module context */
    commands,                              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    init_module,                           /* init module */
    init_process,                          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    exit_process,                          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};
