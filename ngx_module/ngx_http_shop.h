/*
 * ngx_http_shop.h - what the files of the module share.
 *
 * The module is thin: it reads directives, hands requests to libshop, sends
 * its answers, and lends it nginx's event loop, threads and shared memory.
 * Functions return nginx's codes (NGX_OK ...) towards nginx and SHOP_*
 * towards libshop.
 *
 *     ngx_http_shop_module.c     directives, module record, processes
 *     ngx_http_shop_conf.c       what a directive accepts
 *     ngx_http_shop_request.c    nginx request -> shop_request_t
 *     ngx_http_shop_body.c       a body from nginx's buffers or file
 *     ngx_http_shop_answer.c     shop_answer_t -> nginx response
 *     ngx_http_shop_stream.c     an answer in pieces -> nginx response
 *     ngx_http_shop_variables.c  $shop_route and the like
 *     ngx_http_shop_trace.c      traceparent
 *     ngx_http_shop_zone.c       shared memory
 *     ngx_http_shop_drain.c      old workers before they go
 *     ngx_http_shop_heap.c       what malloc() keeps
 *     ngx_http_shop_host.c       the host table
 */
#ifndef NGX_HTTP_SHOP_H
#define NGX_HTTP_SHOP_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include "shop.h"

#if !(NGX_THREADS)
#error "the shop module needs nginx built --with-threads"
#endif


/* The directives of http{}. */
typedef struct {
    shop_conf_t         shop;           /* what libshop is told             */
    size_t              zone_size;
    uint32_t            drain_time;     /* milliseconds                     */
    int                 scheduling;     /* Linux's policy for the workers   */
    ngx_thread_pool_t  *thread_pool;    /* runs libshop's jobs              */

    ngx_cycle_t        *cycle;
    ngx_shm_zone_t     *zone;           /* if used                          */
    uint64_t            current;        /* while its workers are: _drain.c  */
    ngx_int_t           request_id;     /* index of $shop_request_id        */
    unsigned            used:1;         /* some location needs a shop       */
} ngx_http_shop_main_conf_t;

typedef struct {
    ngx_http_handler_pt  handler;       /* what the location is, or NULL    */
    ngx_array_t         *shed_first;    /* conditions; NULL: none           */
} ngx_http_shop_loc_conf_t;

/* Memory of a request that libshop was lent last: what it hands back from
 * there need not be copied. */
typedef struct {
    const char  *start;
    const char  *end;
} ngx_http_shop_block_t;

/* A request that libshop has, or had. */
typedef struct {
    ngx_http_request_t    *request;
    shop_call_t           *call;        /* while the answer is outstanding  */
    shop_request_t         input;
    ngx_http_shop_block_t  lent;
    ngx_int_t              rc;          /* of an answer given at once       */
    unsigned               submitting:1;
    unsigned               broken:1;    /* its head could not be sent       */
    ngx_chain_t           *free;        /* of a stream: pieces to be used   */
    ngx_chain_t           *busy;        /* ... and not yet sent             */

    /* Of the answer, for logs. */
    const char            *route;
    const char            *caller;
    const char            *cache;
    uint32_t               db_us;
    uint32_t               cache_us;
    uint32_t               us;
    u_char                 caller_id[16];   /* all NUL: nobody's            */
} ngx_http_shop_ctx_t;

/* Of an id that is made for a request: as long as nginx's own $request_id, so
 * that tools that parse logs need not tell the two apart.  Also the length of
 * a trace's. */
#define NGX_HTTP_SHOP_ID_LEN  32

/* This process's shop.  `shop` is NULL where no location uses it. */
typedef struct {
    shop_t                     *shop;
    ngx_http_shop_main_conf_t  *conf;
    ngx_connection_t           *watcher;    /* learns that nginx exits      */
    u_char                      id_seed[16];    /* request ids begin so     */
    uint64_t                    id_count;       /* how many were made       */
    unsigned                    closing:1;
} ngx_http_shop_worker_t;

extern ngx_module_t             ngx_http_shop_module;
extern ngx_http_shop_worker_t   ngx_http_shop_worker;
extern const shop_host_ops_t    ngx_http_shop_host_ops;
extern const shop_sink_ops_t    ngx_http_shop_sink_ops;


/* _conf.c: values of directives, with a sentence about what is allowed. */

#define NGX_HTTP_SHOP_UNSET  0xffffffff

enum { NGX_HTTP_SHOP_NUMBER, NGX_HTTP_SHOP_SIZE, NGX_HTTP_SHOP_TIME };

typedef struct {
    int       kind;
    uint32_t  low;
    uint32_t  high;
} ngx_http_shop_bounds_t;

/* A word of a directive that takes one of two. */
typedef struct {
    const char  *word;
    int          value;
} ngx_http_shop_choice_t;

char *ngx_http_shop_set_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_string(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_memcached(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_shop_set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_shop_set_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_shop_set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* _request.c: content handlers. */
ngx_int_t ngx_http_shop_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_shop_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_shop_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_shop_problem_handler(ngx_http_request_t *r);

/* _body.c: NGX_BUSY: ready() is called with the body, now or when its file was
 * read, and finalizes the request. Else this is what to finalize with. */
typedef void (*ngx_http_shop_body_pt)(ngx_http_request_t *r,
    const shop_str_t *body);

ngx_int_t ngx_http_shop_take_body(ngx_http_request_t *r,
    ngx_http_shop_body_pt ready);

/* _answer.c: send, with the code to finalize the request with. */
ngx_int_t ngx_http_shop_send(ngx_http_request_t *r,
    const ngx_http_shop_block_t *lent, const shop_answer_t *answer);
ngx_int_t ngx_http_shop_send_problem(ngx_http_request_t *r, int status);
ngx_int_t ngx_http_shop_send_head(ngx_http_request_t *r,
    const shop_answer_t *answer);

/* _stream.c: the sink's calls for answers in pieces. */
int ngx_http_shop_stream_open(void *rq, const shop_answer_t *head);
int ngx_http_shop_stream_write(void *rq, const char *data, size_t n);
void ngx_http_shop_stream_close(void *rq, const shop_answer_t *answer,
    int whole);

/* _request.c */
void ngx_http_shop_note(ngx_http_shop_ctx_t *ctx, const shop_answer_t *answer);

/* _variables.c */
ngx_int_t ngx_http_shop_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_shop_keep_ctx(ngx_http_request_t *r,
    ngx_http_shop_ctx_t *ctx);
ngx_int_t ngx_http_shop_seed_ids(void);
shop_str_t ngx_http_shop_request_id(ngx_http_request_t *r);

/* _trace.c: NGX_HTTP_SHOP_ID_LEN digits, or NULL. */
u_char *ngx_http_shop_trace(ngx_http_request_t *r);

/* _zone.c */
ngx_int_t ngx_http_shop_add_zone(ngx_conf_t *cf,
    ngx_http_shop_main_conf_t *smcf);
int ngx_http_shop_zone_enter(ngx_http_shop_main_conf_t *smcf);
void ngx_http_shop_zone_ready(ngx_http_shop_main_conf_t *smcf);

/* _drain.c */
ngx_int_t ngx_http_shop_drain(ngx_cycle_t *cycle,
    ngx_http_shop_main_conf_t *smcf);
void ngx_http_shop_drain_join(ngx_http_shop_main_conf_t *smcf);
ngx_int_t ngx_http_shop_drain_handler(ngx_http_request_t *r);

/* _heap.c */
void ngx_http_shop_heap(ngx_cycle_t *cycle);

/* _host.c: what nginx's debug log asks an event for. */
extern ngx_connection_t  ngx_http_shop_no_connection;
ngx_int_t ngx_http_shop_watch_exit(ngx_cycle_t *cycle);
void ngx_http_shop_unwatch_exit(void);


static ngx_inline shop_str_t
ngx_http_shop_str(const ngx_str_t *s)
{
    return (shop_str_t) { (const char *) s->data, s->len };
}

#endif
