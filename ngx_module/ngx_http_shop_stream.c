/*
 * ngx_http_shop_stream.c - an answer in pieces becomes nginx's response.
 *
 * A piece is copied into memory of its own, which goes when it is sent, and
 * libshop is told to wait while any is left: nginx holds one piece of a client
 * that does not read, whatever the length of the answer.  Who takes nothing
 * for send_timeout is cut off.
 *
 * libshop's calls return SHOP_*, the others nginx's codes.
 */
#include "ngx_http_shop.h"

/* What keeps bytes back until the socket takes them.  gzip's flag is not among
 * them: it stands until the end of the answer. */
#define NGX_HTTP_SHOP_UNSENT                                                  \
    (NGX_LOWLEVEL_BUFFERED | NGX_HTTP_WRITE_BUFFERED)


/* --- pieces -------------------------------------------------------------- */


/* What is still on its way when the request ends. */
static void
release_all(void *data)
{
    ngx_chain_t          *cl;
    ngx_http_shop_ctx_t  *ctx = data;

    for (cl = ctx->busy; cl; cl = cl->next) {
        ngx_free(cl->buf->start);
    }

    ctx->busy = NULL;
}


static void
append(ngx_chain_t **list, ngx_chain_t *cl)
{
    while (*list) {
        list = &(*list)->next;
    }

    cl->next = NULL;
    *list = cl;
}


/* The memory goes, and not the buffer: filters have it in their lists until
 * they are called again. */
static void
release_sent(ngx_http_shop_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    while ((cl = ctx->busy) != NULL && ngx_buf_size(cl->buf) == 0) {
        b = cl->buf;
        ngx_free(b->start);
        b->start = b->end = b->pos = b->last = NULL;

        ctx->busy = cl->next;
        append(&ctx->free, cl);
    }
}


/* The one that was sent last rests: the filter that makes chunks would find it
 * full where it looks for what was sent, and give nothing of its own back. */
static ngx_chain_t *
free_link(ngx_http_shop_ctx_t *ctx)
{
    ngx_chain_t  *none = NULL;

    return ngx_chain_get_free_buf(ctx->request->pool,
                                  ctx->free && ctx->free->next ? &ctx->free
                                                               : &none);
}


/* A flush each, because nothing tells when the next one comes. */
static ngx_chain_t *
piece_of(ngx_http_shop_ctx_t *ctx, const char *data, size_t n)
{
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = free_link(ctx);
    if (cl == NULL) {
        return NULL;
    }

    p = ngx_alloc(n, ctx->request->connection->log);
    if (p == NULL) {
        append(&ctx->free, cl);
        return NULL;
    }

    b = cl->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));
    b->start = b->pos = p;
    b->end = b->last = ngx_cpymem(p, data, n);
    b->temporary = 1;
    b->flush = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_shop_module;

    return cl;
}


/* --- waiting for the client ---------------------------------------------- */


static ngx_int_t
is_stuck(ngx_http_shop_ctx_t *ctx)
{
    return ctx->busy != NULL
           || (ctx->request->connection->buffered & NGX_HTTP_SHOP_UNSENT);
}


/* A write that is delayed (limit_rate) has a timer of its own already. */
static ngx_int_t
wait_writable(ngx_http_request_t *r)
{
    ngx_event_t               *wev = r->connection->write;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}


/* Finalizing runs the cleanup by which libshop is told. */
static void
writer(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_event_t          *wev = r->connection->write;
    ngx_http_shop_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_shop_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_output_filter(r, NULL);
    release_sent(ctx);

    if (rc != NGX_ERROR && is_stuck(ctx)) {
        rc = wait_writable(r);
        if (rc == NGX_OK) {
            return;
        }
    }

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    if (ctx->call != NULL) {
        shop_writable(ctx->call);
    }
}


/* --- the sink's calls ---------------------------------------------------- */


/* gzip would hold back what is to be seen at once. */
static void
leave_plain(ngx_http_request_t *r, const shop_answer_t *head)
{
#if (NGX_HTTP_GZIP)
    static const char  events[] = "text/event-stream";

    if (head->content_type.len == sizeof(events) - 1
        && ngx_memcmp(head->content_type.data, events, sizeof(events) - 1)
           == 0)
    {
        r->gzip_tested = 1;
        r->gzip_ok = 0;
    }
#endif
}


/* A part of a page cannot wait for its client by itself. Where the head could
 * not be sent, no other answer can be: the first piece tells. */
int
ngx_http_shop_stream_open(void *rq, const shop_answer_t *head)
{
    ngx_int_t             rc;
    ngx_pool_cleanup_t   *cln;
    ngx_http_shop_ctx_t  *ctx = rq;
    ngx_http_request_t   *r = ctx->request;

    if (r != r->main) {
        return SHOP_E_IO;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return SHOP_E_NOMEM;
    }

    cln->handler = release_all;
    cln->data = ctx;

    ngx_http_set_log_request(r->connection->log, r);
    ngx_http_shop_note(ctx, head);
    leave_plain(r, head);
    r->write_event_handler = ngx_http_request_empty_handler;

    rc = ngx_http_shop_send_head(r, head);
    ctx->broken = (rc == NGX_ERROR || rc > NGX_OK);

    return SHOP_OK;
}


int
ngx_http_shop_stream_write(void *rq, const char *data, size_t n)
{
    ngx_int_t             rc;
    ngx_chain_t          *cl, *out;
    ngx_http_shop_ctx_t  *ctx = rq;
    ngx_http_request_t   *r = ctx->request;

    if (ctx->broken || r->connection->error) {
        return SHOP_E_IO;
    }

    cl = piece_of(ctx, data, n);
    if (cl == NULL) {
        return SHOP_E_NOMEM;
    }

    append(&ctx->busy, cl);

    /* The filters change the chain that they are given. */
    out = ngx_alloc_chain_link(r->pool);
    if (out == NULL) {
        return SHOP_E_NOMEM;
    }

    out->buf = cl->buf;
    out->next = NULL;

    rc = ngx_http_output_filter(r, out);
    ngx_free_chain(r->pool, out);
    release_sent(ctx);

    if (rc == NGX_ERROR || r->connection->error) {
        return SHOP_E_IO;
    }

    if (!is_stuck(ctx)) {
        return SHOP_OK;
    }

    r->write_event_handler = writer;

    return wait_writable(r) == NGX_OK ? SHOP_AGAIN : SHOP_E_IO;
}


/* Without chunks only the end of the connection ends the answer, and a client
 * would take it for a good one: so it is reset. */
static void
reset_connection(ngx_connection_t *c)
{
    struct linger  linger = { 1, 0 };

    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger,
                   sizeof(struct linger)) == -1)
    {
        ngx_log_error(NGX_LOG_INFO, c->log, ngx_socket_errno,
                      "setsockopt(SO_LINGER) failed");
    }
}


/* As for an answer that comes at once: the call is forgotten first, and within
 * shop_submit() the caller finalizes. NGX_ERROR ends HTTP/1.1 without the last
 * chunk and HTTP/2 with RST_STREAM. */
void
ngx_http_shop_stream_close(void *rq, const shop_answer_t *answer, int whole)
{
    ngx_int_t             rc = NGX_ERROR;
    ngx_connection_t     *c;
    ngx_http_shop_ctx_t  *ctx = rq;
    ngx_http_request_t   *r = ctx->request;

    ctx->call = NULL;
    ngx_http_shop_note(ctx, answer);

    if (whole && !ctx->broken) {
        rc = r->header_only ? NGX_OK : ngx_http_send_special(r, NGX_HTTP_LAST);

    } else if (r->http_version < NGX_HTTP_VERSION_11) {
        reset_connection(r->connection);
    }

    if (ctx->submitting) {
        ctx->rc = rc;
        return;
    }

    c = r->connection;
    ngx_http_set_log_request(c->log, r);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
