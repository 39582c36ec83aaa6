/*
 * ngx_http_shop_body.c - what a client has sent, whole and in memory.
 *
 * nginx holds it in a buffer or, where that was too small, in a file.  A disk
 * may take its time, so a file is read in a thread of the pool while the
 * worker serves others.  Returns NGX_BUSY when ready() was or will be called,
 * else what to finalize the request with.
 */
#include "ngx_http_shop.h"

/* Beside client_max_body_size: a body is held in memory whole. */
#define NGX_HTTP_SHOP_BODY_MAX  (64 * 1024 * 1024)

/* A body that is gathered, by a thread perhaps. */
typedef struct {
    ngx_http_request_t     *request;
    ngx_http_shop_body_pt   ready;
    u_char                 *start;
    size_t                  size;
    ngx_err_t               err;
    ngx_event_t             timer;
} ngx_http_shop_gather_t;

#define NGX_HTTP_SHOP_BODY_WAIT  60000


/* ngx_read_file() logs, which is not for threads. A file that is shorter than
 * what nginx wrote to it is no body. */
static ngx_err_t
read_part(const ngx_buf_t *b, u_char *p)
{
    off_t    at = b->file_pos;
    ssize_t  n;

    while (at < b->file_last) {
        n = pread(b->file->fd, p, b->file_last - at, at);
        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            return n == 0 ? EIO : ngx_errno;
        }

        p += n;
        at += n;
    }

    return 0;
}


/* The last buffer of a body in chunks is empty, and has no memory at all. */
static void
gather(void *data, ngx_log_t *log)
{
    u_char                  *p;
    ngx_buf_t               *b;
    ngx_chain_t             *cl;
    ngx_http_shop_gather_t  *g = data;

    p = g->start;

    for (cl = g->request->request_body->bufs; cl && g->err == 0; cl = cl->next)
    {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p, b->pos, ngx_buf_size(b));

        } else if (b->in_file) {
            g->err = read_part(b, p);
        }

        p += ngx_buf_size(b);
    }
}


/* Back on the loop, or never away from it: the request goes on from here. */
static ngx_int_t
gathered(const ngx_http_shop_gather_t *g)
{
    shop_str_t  body = { (const char *) g->start, g->size };

    if (g->err) {
        ngx_log_error(NGX_LOG_CRIT, g->request->connection->log, g->err,
                      "shop: the file of a body cannot be read");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    g->ready(g->request, &body);
    return NGX_BUSY;
}


/* In the loop again. Whoever ended the request meanwhile (a stream that was
 * reset, worker_shutdown_timeout) has marked its connection and left the rest
 * to us; nothing was begun, so nothing has to be finished. */
static void
file_read(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_shop_gather_t  *g = ev->data;

    r = g->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);
    ngx_del_timer(&g->timer);
    r->main->blocked--;

    rc = c->error ? NGX_HTTP_CLIENT_CLOSED_REQUEST : gathered(g);
    if (rc != NGX_BUSY) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


static void
still_reading(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_HTTP_SHOP_BODY_WAIT);
}


/* While it is `blocked` nginx does not free the request; a worker that is to
 * exit waits for timers only, so there is one. */
static ngx_int_t
read_file(ngx_thread_task_t *task)
{
    ngx_http_shop_gather_t  *g = task->ctx;
    ngx_http_request_t      *r = g->request;

    task->handler = gather;
    task->event.data = g;
    task->event.handler = file_read;

    if (ngx_thread_task_post(ngx_http_shop_worker.conf->thread_pool, task)
        != NGX_OK)
    {
        return ngx_http_shop_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    g->timer.handler = still_reading;
    g->timer.data = r->connection;
    g->timer.log = r->connection->log;
    ngx_add_timer(&g->timer, NGX_HTTP_SHOP_BODY_WAIT);

    r->main->blocked++;
    return NGX_BUSY;
}


/* The first buffers may be in memory although the rest is not. */
static ngx_uint_t
is_in_file(const ngx_chain_t *cl)
{
    while (cl && !cl->buf->in_file) {
        cl = cl->next;
    }

    return cl != NULL;
}


/* Into memory of one piece. */
static ngx_int_t
take_parts(ngx_http_request_t *r, off_t size, ngx_http_shop_body_pt ready)
{
    ngx_thread_task_t       *task;
    ngx_http_shop_gather_t  *g;

    if (size > NGX_HTTP_SHOP_BODY_MAX) {
        return ngx_http_shop_send_problem(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
    }

    task = ngx_thread_task_alloc(r->pool, sizeof(ngx_http_shop_gather_t));
    if (task == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    g = task->ctx;
    g->request = r;
    g->ready = ready;
    g->size = size;
    g->start = ngx_pnalloc(r->pool, size);
    if (g->start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (is_in_file(r->request_body->bufs)) {
        return read_file(task);
    }

    gather(g, r->connection->log);
    return gathered(g);
}


/* What lies in one buffer is taken from there. */
ngx_int_t
ngx_http_shop_take_body(ngx_http_request_t *r, ngx_http_shop_body_pt ready)
{
    off_t         size = 0;
    ngx_buf_t    *b;
    shop_str_t    body = { NULL, 0 };
    ngx_chain_t  *bufs = r->request_body ? r->request_body->bufs : NULL;
    ngx_chain_t  *cl;

    if (bufs && (bufs->next || bufs->buf->in_file)) {
        for (cl = bufs; cl; cl = cl->next) {
            size += ngx_buf_size(cl->buf);
        }

        return take_parts(r, size, ready);
    }

    if (bufs) {
        b = bufs->buf;
        body = (shop_str_t) { (const char *) b->pos, b->last - b->pos };
    }

    ready(r, &body);
    return NGX_BUSY;
}
