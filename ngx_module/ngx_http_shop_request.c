/*
 * ngx_http_shop_request.c - an nginx request becomes a shop_request_t.
 *
 * Content handlers: return what nginx finalizes the request with.  libshop
 * calls the sink either within shop_submit() or later, from the loop; in the
 * second case nobody but respond() runs what nginx posted meanwhile.
 */
#include "ngx_http_shop.h"

/* Where each header goes.  Of a header that is a list several lines are one;
 * of others libshop could not tell which line was meant. */
static const struct {
    ngx_str_t   name;
    ngx_uint_t  list;
} slots[SHOP_H_COUNT] = {
    [SHOP_H_ACCEPT_ENCODING]  = { ngx_string("accept-encoding"), 1 },
    [SHOP_H_ACCEPT_LANGUAGE]  = { ngx_string("accept-language"), 1 },
    [SHOP_H_AUTHORIZATION]    = { ngx_string("authorization"), 0 },
    [SHOP_H_CONTENT_ENCODING] = { ngx_string("content-encoding"), 0 },
    [SHOP_H_CONTENT_TYPE]     = { ngx_string("content-type"), 0 },
    [SHOP_H_IDEMPOTENCY_KEY]  = { ngx_string("idempotency-key"), 0 },
    [SHOP_H_IF_MATCH]         = { ngx_string("if-match"), 0 },
    [SHOP_H_IF_NONE_MATCH]    = { ngx_string("if-none-match"), 1 },
    [SHOP_H_LAST_EVENT_ID]    = { ngx_string("last-event-id"), 0 },
    [SHOP_H_PREFER]           = { ngx_string("prefer"), 1 }
};


/* --- the sink ------------------------------------------------------------ */


/* Only the last block is remembered: an answer lies in one, and what lies in
 * an earlier one is merely copied. Ends with the request, even if libshop
 * never answers. */
static void *
sink_alloc(void *rq, size_t size)
{
    char                 *p;
    ngx_http_shop_ctx_t  *ctx = rq;

    p = ngx_palloc(ctx->request->pool, size);
    if (p != NULL) {
        ctx->lent.start = p;
        ctx->lent.end = p + size;
    }

    return p;
}


/* For logs: names are libshop's for ever, the caller's digest is not. */
void
ngx_http_shop_note(ngx_http_shop_ctx_t *ctx, const shop_answer_t *answer)
{
    ctx->route = answer->route;
    ctx->caller = answer->caller;
    ctx->cache = answer->cache;
    ctx->db_us = answer->db_us;
    ctx->cache_us = answer->cache_us;
    ctx->us = answer->us;

    if (answer->caller_id != NULL) {
        ngx_memcpy(ctx->caller_id, answer->caller_id, sizeof(ctx->caller_id));
    }
}


/* The call is forgotten first: finalizing runs the cleanups, and detach() must
 * not see a call that is over. After finalizing, the request may be freed; so
 * the connection is fetched before. */
static void
sink_respond(void *rq, const shop_answer_t *answer)
{
    ngx_int_t             rc;
    ngx_connection_t     *c;
    ngx_http_shop_ctx_t  *ctx = rq;
    ngx_http_request_t   *r = ctx->request;

    ctx->call = NULL;
    ngx_http_shop_note(ctx, answer);

    if (ctx->submitting) {
        ctx->rc = ngx_http_shop_send(r, &ctx->lent, answer);
        return;
    }

    c = r->connection;
    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_shop_send(r, &ctx->lent, answer);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* The context is in the request's pool: after detach() libshop must not, and
 * does not, call these for it. */
const shop_sink_ops_t  ngx_http_shop_sink_ops = {
    .size = sizeof(shop_sink_ops_t),
    .alloc = sink_alloc,
    .respond = sink_respond,
    .open = ngx_http_shop_stream_open,
    .write = ngx_http_shop_stream_write,
    .close = ngx_http_shop_stream_close
};


/* The request ends before its answer: the client is gone, or nginx is. */
static void
detach(void *data)
{
    ngx_http_shop_ctx_t  *ctx = data;

    if (ctx->call != NULL) {
        shop_detach(ctx->call);
        ctx->call = NULL;
    }
}


/* --- headers ------------------------------------------------------------- */


/* nginx has lowered the names already. */
static ngx_uint_t
slot_of(const ngx_table_elt_t *h)
{
    ngx_uint_t  i;

    for (i = 0; i < SHOP_H_COUNT; i++) {
        if (h->key.len == slots[i].name.len
            && ngx_memcmp(h->lowcase_key, slots[i].name.data, h->key.len) == 0)
        {
            break;
        }
    }

    return i;
}


/* All lines of one header, to `p` if that is not NULL; how long they are. */
static size_t
write_lines(ngx_http_request_t *r, ngx_uint_t slot, u_char *p)
{
    size_t            n = 0;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (slot_of(&h[i]) != slot) {
                continue;
            }

            if (p != NULL && n != 0) {
                ngx_memcpy(p + n, ", ", 2);
            }

            n += n != 0 ? 2 : 0;

            if (p != NULL) {
                ngx_memcpy(p + n, h[i].value.data, h[i].value.len);
            }

            n += h[i].value.len;
        }
    }

    return n;
}


/* As RFC 9110 (5.3) allows for lists.  Measured first: a line more must cost a
 * line more, and no copy of all lines before it. */
static ngx_int_t
join(ngx_http_request_t *r, ngx_uint_t slot, shop_str_t *s)
{
    size_t   n = write_lines(r, slot, NULL);
    u_char  *p;

    p = ngx_pnalloc(r->pool, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) write_lines(r, slot, p);
    *s = (shop_str_t) { (const char *) p, n };

    return NGX_OK;
}


/* A value is not copied: it lies in the request's header buffers, which live
 * as long as the request. NGX_DECLINED: a header that must stand once stands
 * twice. `again` has a bit for each list of which there was a second line. */
static ngx_int_t
take_header(shop_request_t *in, const ngx_table_elt_t *h, ngx_uint_t *again)
{
    ngx_uint_t  slot = slot_of(h);

    if (slot == SHOP_H_COUNT) {
        return NGX_OK;
    }

    if (in->header[slot].data == NULL) {
        in->header[slot] = ngx_http_shop_str(&h->value);
        return NGX_OK;
    }

    *again |= 1 << slot;

    return slots[slot].list ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
take_headers(ngx_http_request_t *r, shop_request_t *in)
{
    ngx_uint_t        i, again = 0;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (take_header(in, &h[i], &again) != NGX_OK) {
                return NGX_DECLINED;
            }
        }
    }

    for (i = 0; again >> i; i++) {
        if (((again >> i) & 1) && join(r, i, &in->header[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Whom the connection comes from, or whom realip took from a header. A proxy
 * on a unix socket has no address. */
static shop_str_t
address_of(ngx_connection_t *c)
{
    struct sockaddr_in   *sin = (struct sockaddr_in *) c->sockaddr;

#if (NGX_HAVE_INET6)

    struct sockaddr_in6  *sin6 = (struct sockaddr_in6 *) c->sockaddr;

    if (c->sockaddr->sa_family == AF_INET6) {
        return (shop_str_t) { (const char *) &sin6->sin6_addr, 16 };
    }

#endif

    if (c->sockaddr->sa_family == AF_INET) {
        return (shop_str_t) { (const char *) &sin->sin_addr, 4 };
    }

    return (shop_str_t) { NULL, 0 };
}


/* --- path ---------------------------------------------------------------- */


/* A request whose path nginx changed, or made up, has no path "as sent":
 * the decoded one is encoded again. */
static ngx_int_t
encode_path(ngx_http_request_t *r, shop_request_t *in)
{
    u_char  *p, *end;
    size_t   extra;

    extra = 2 * ngx_escape_uri(NULL, r->uri.data, r->uri.len, NGX_ESCAPE_URI);

    p = ngx_pnalloc(r->pool, r->uri.len + extra);
    if (p == NULL) {
        return NGX_ERROR;
    }

    end = (u_char *) ngx_escape_uri(p, r->uri.data, r->uri.len,
                                    NGX_ESCAPE_URI);
    in->path = (shop_str_t) { (const char *) p, end - p };
    in->query = ngx_http_shop_str(&r->args);

    return NGX_OK;
}


/* As the client sent it: nginx's r->uri is decoded and merged, and "a%2Fb"
 * would be two segments in it. libshop decodes after splitting. */
static ngx_int_t
take_path(ngx_http_request_t *r, shop_request_t *in)
{
    const char  *mark;

    if (!r->valid_unparsed_uri || r != r->main) {
        return encode_path(r, in);
    }

    in->path = ngx_http_shop_str(&r->unparsed_uri);
    mark = memchr(in->path.data, '?', in->path.len);

    if (mark != NULL) {
        in->query.data = mark + 1;
        in->query.len = in->path.data + in->path.len - in->query.data;
        in->path.len = mark - in->path.data;
    }

    return NGX_OK;
}


/* --- handlers ------------------------------------------------------------ */


/* NGX_BUSY: the answer will come.  Else there was one, and this is what to
 * finalize with (sending it never gives NGX_BUSY). */
static ngx_int_t
submit(ngx_http_request_t *r, ngx_http_shop_ctx_t *ctx)
{
    int                  rc;
    ngx_http_cleanup_t  *cln;

    ctx->submitting = 1;
    rc = shop_submit(ngx_http_shop_worker.shop, &ctx->input,
                     &ngx_http_shop_sink_ops, ctx, &ctx->call);
    ctx->submitting = 0;

    if (rc == SHOP_OK) {
        return ctx->rc;
    }

    if (rc != SHOP_AGAIN) {
        return ngx_http_shop_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        detach(ctx);
        return NGX_ERROR;
    }

    cln->handler = detach;
    cln->data = ctx;

    /* Notice a client that leaves; nginx is still reading what remains of a
     * discarded body. */
    if (r == r->main && !r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    return NGX_BUSY;
}


/* As for proxy_no_cache: a condition holds that is neither empty nor "0". */
static ngx_uint_t
sheds_first(ngx_http_request_t *r)
{
    ngx_http_shop_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_shop_module);

    return ngx_http_test_predicates(r, slcf->shed_first) != NGX_OK;
}


/* NGX_BUSY as for submit(). Before libshop has the request, a lack of memory
 * is nginx's own 500, which error_page can give the shop's shape. */
static ngx_int_t
serve(ngx_http_request_t *r, const shop_str_t *body)
{
    ngx_int_t             rc;
    shop_request_t       *in;
    ngx_http_shop_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_shop_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ngx_http_set_ctx(r, ctx, ngx_http_shop_module);

    in = &ctx->input;
    in->method = ngx_http_shop_str(&r->method_name);
    in->request_id = ngx_http_shop_request_id(r);
    in->address = address_of(r->connection);
    in->shed_first = sheds_first(r);
    in->body = *body;

    rc = take_headers(r, in);
    if (rc == NGX_DECLINED) {
        return ngx_http_shop_send_problem(r, NGX_HTTP_BAD_REQUEST);
    }

    if (rc != NGX_OK || take_path(r, in) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return submit(r, ctx);
}


/* nginx has counted the request: it must be finalized here, or later by
 * sink_respond(). */
static void
body_ready(ngx_http_request_t *r, const shop_str_t *body)
{
    ngx_int_t  rc;

    rc = serve(r, body);
    if (rc != NGX_BUSY) {
        ngx_http_finalize_request(r, rc);
    }
}


static void
body_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_shop_take_body(r, body_ready);
    if (rc != NGX_BUSY) {
        ngx_http_finalize_request(r, rc);
    }
}


/* A body of GET means nothing and is discarded, but must be read off, or the
 * next request of the connection would begin inside it. The count is the
 * reference that sink_respond() gives back. */
ngx_int_t
ngx_http_shop_handler(ngx_http_request_t *r)
{
    ngx_int_t   rc;
    shop_str_t  none = { NULL, 0 };

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        rc = ngx_http_discard_request_body(r);
        if (rc == NGX_OK) {
            rc = serve(r, &none);
        }

        if (rc != NGX_BUSY) {
            return rc;
        }

        r->main->count++;
        return NGX_DONE;
    }

    /* This one counts by itself; body_handler() finalizes. */
    r->request_body_in_single_buf = 1;
    rc = ngx_http_read_client_request_body(r, body_handler);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/* --- counters, and the errors of nginx ----------------------------------- */


/* The context may lie on the stack: make() answers before it returns, and what
 * it allocates is the request's. shop_submit() and its limits have no part in
 * it: a worker at its limits still tells its state. */
static ngx_int_t
send_counters(ngx_http_request_t *r, const char *type,
    shop_str_t (*make)(shop_t *, const shop_sink_ops_t *, void *))
{
    ngx_int_t            rc;
    shop_answer_t        answer = { .status = NGX_HTTP_OK };
    ngx_http_shop_ctx_t  ctx = { .request = r };

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_shop_send_problem(r, NGX_HTTP_NOT_ALLOWED);
    }

    answer.content_type = (shop_str_t) { type, ngx_strlen(type) };
    answer.body = make(ngx_http_shop_worker.shop, &ngx_http_shop_sink_ops,
                       &ctx);
    if (answer.body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_shop_send(r, &ctx.lent, &answer);
}


/* For people and tools: not part of the public API, so access is left to
 * nginx's allow and deny in that location. */
ngx_int_t
ngx_http_shop_status_handler(ngx_http_request_t *r)
{
    return send_counters(r, "application/json", shop_status);
}


/* Prometheus's text format; it picks its parser by the version in the media
 * type. */
ngx_int_t
ngx_http_shop_metrics_handler(ngx_http_request_t *r)
{
    return send_counters(r, "text/plain; version=0.0.4; charset=utf-8",
                         shop_metrics);
}


/* nginx's error with a body that it could not write to its file: the disk is
 * full, most likely. Nothing was begun, so the client may come again. */
static ngx_uint_t
is_unwritten(ngx_http_request_t *r)
{
    return r->err_status == NGX_HTTP_INTERNAL_SERVER_ERROR
           && r->request_body != NULL && r->request_body->temp_file != NULL;
}


/* The target of error_page: what nginx refused, in the shape of the shop.  Of
 * the codes that are nginx's own it makes 400 before it comes here, except
 * where error_page says another: 494 =431. */
ngx_int_t
ngx_http_shop_problem_handler(ngx_http_request_t *r)
{
    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    if (r->err_status == 0) {                   /* asked for by its name    */
        r->err_status = NGX_HTTP_NOT_FOUND;
    }

    if (is_unwritten(r)) {
        r->err_status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return ngx_http_shop_send_problem(r, r->err_status);
}
