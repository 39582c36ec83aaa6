/*
 * ngx_http_shop_answer.c - a shop_answer_t becomes nginx's response.
 *
 * Returns what the request is to be finalized with: the code of the output
 * filters, never a status, for nginx would send a page of its own for it.
 */
#include "ngx_http_shop.h"

/* Enough for the longest problem with the longest id: no text of a client's
 * other than that goes into one. */
#define NGX_HTTP_SHOP_PROBLEM_MAX  1024

/* Names of headers have no case, but these are libshop's own, which writes each
 * in one way. */
#define equals(s, literal)                                                    \
    ((s).len == sizeof(literal) - 1                                           \
     && ngx_memcmp((s).data, literal, sizeof(literal) - 1) == 0)


/* Does it lie in the request's pool already, so that it needs no copy? Bodies
 * do, and they are what is large. */
static ngx_uint_t
is_lent(const ngx_http_shop_block_t *lent, const shop_str_t *s)
{
    return s->data >= lent->start && s->data + s->len <= lent->end;
}


/* What the answer says is libshop's until we return, and nginx's log reads
 * headers later: all but what lies in the request's own memory is copied. */
static ngx_int_t
keep(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_str_t *s, ngx_str_t *out)
{
    out->len = s->len;

    if (s->len == 0 || is_lent(lent, s)) {
        out->data = (u_char *) s->data;
        return NGX_OK;
    }

    out->data = ngx_pnalloc(r->pool, s->len);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(out->data, s->data, s->len);

    return NGX_OK;
}


/* --- headers ------------------------------------------------------------- */


/* nginx's filters look at these two: gzip weakens the one, and leaves alone
 * what has the other. */
static void
mark_header(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    if (equals(h->key, "ETag")) {
        r->headers_out.etag = h;

    } else if (equals(h->key, "Content-Encoding")) {
        r->headers_out.content_encoding = h;
    }
}


/* nginx logs and sends whatever is in the list with a hash that is not 0, so
 * an element is marked as good only when it is complete. */
static ngx_int_t
push_header(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_header_t *header)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    if (keep(r, lent, &header->name, &h->key) != NGX_OK
        || keep(r, lent, &header->value, &h->value) != NGX_OK)
    {
        return NGX_ERROR;               /* hash is 0 yet: it is not sent    */
    }

    h->hash = 1;
    mark_header(r, h);

    return NGX_OK;
}


/* What support asks for first. The id is in the request's pool already. */
static ngx_int_t
push_request_id(ngx_http_request_t *r)
{
    shop_str_t        id = ngx_http_shop_request_id(r);
    ngx_table_elt_t  *h;

    if (id.len == 0) {
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "X-Request-Id");
    h->value.data = (u_char *) id.data;
    h->value.len = id.len;

    return NGX_OK;
}


/* An error leaves some of them in the list: the request must then be finalized
 * with NGX_ERROR, which sends none. */
static ngx_int_t
push_headers(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_answer_t *answer)
{
    size_t  i;

    for (i = 0; i < answer->n_headers; i++) {
        if (push_header(r, lent, &answer->headers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return push_request_id(r);
}


/* The media type that gzip_types is compared with ends at a semicolon. */
static ngx_int_t
set_type(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_str_t *content_type)
{
    u_char     *mark;
    ngx_str_t  *type = &r->headers_out.content_type;

    if (keep(r, lent, content_type, type) != NGX_OK) {
        return NGX_ERROR;
    }

    mark = memchr(type->data, ';', type->len);
    r->headers_out.content_type_len = mark ? (size_t) (mark - type->data)
                                           : type->len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


/* --- a file that nginx serves -------------------------------------------- */


/* Of the answer stay the headers that do not speak of a body. */
static ngx_int_t
send_file(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_answer_t *answer)
{
    size_t                i;
    ngx_str_t             uri;
    const shop_header_t  *h;
    ngx_http_shop_ctx_t  *ctx;

    for (i = 0; i < answer->n_headers; i++) {
        h = &answer->headers[i];

        if (equals(h->name, "ETag") || equals(h->name, "Content-Encoding")) {
            continue;
        }

        if (push_header(r, lent, h) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_shop_module);

    if (keep(r, lent, &answer->file, &uri) != NGX_OK
        || ngx_http_shop_keep_ctx(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (push_request_id(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_internal_redirect(r, &uri, NULL);
}


/* --- sending ------------------------------------------------------------- */


/* nginx takes a buffer of no bytes that is not special for a bug and ends the
 * request: an empty body is a `sync` buffer. In a subrequest last_buf would
 * end the main response. HEAD and 304 stop at the header. */
static ngx_int_t
send_body(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_str_t *body)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_str_t    data;
    ngx_chain_t  out;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL || keep(r, lent, body, &data) != NGX_OK) {
        return NGX_ERROR;
    }

    b->pos = data.data;
    b->last = data.data + data.len;
    b->memory = data.len ? 1 : 0;
    b->sync = data.len ? 0 : 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* `answer` is only read until this returns. The caller finalizes with the
 * result in any case; once the header is out, even an error sends nothing
 * more. */
ngx_int_t
ngx_http_shop_send(ngx_http_request_t *r, const ngx_http_shop_block_t *lent,
    const shop_answer_t *answer)
{
    if (answer->file.len != 0) {
        return send_file(r, lent, answer);
    }

    r->headers_out.status = answer->status;

    if (push_headers(r, lent, answer) != NGX_OK) {
        return NGX_ERROR;
    }

    /* libshop compared If-Match and If-None-Match: with the state before a
     * change, where nginx would compare with the one after. */
    r->disable_not_modified = 1;

    if (answer->status == NGX_HTTP_NOT_MODIFIED) {
        r->headers_out.content_length_n = -1;

    } else if (set_type(r, lent, &answer->content_type) == NGX_OK) {
        r->headers_out.content_length_n = answer->body.len;

    } else {
        return NGX_ERROR;
    }

    return send_body(r, lent, &answer->body);
}


/* The head of an answer whose length nobody knows.  Nothing of it is lent: the
 * headers are libshop's until this returns. */
ngx_int_t
ngx_http_shop_send_head(ngx_http_request_t *r, const shop_answer_t *answer)
{
    ngx_http_shop_block_t  none = { NULL, NULL };

    r->headers_out.status = answer->status;
    r->headers_out.content_length_n = -1;
    r->disable_not_modified = 1;
    r->allow_ranges = 0;

    if (push_headers(r, &none, answer) != NGX_OK
        || set_type(r, &none, &answer->content_type) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_send_header(r);
}


/* The header that a refusal owes, beside the id.  405 comes from files and
 * counters, which are only read; after one second a limit may have room. */
static size_t
refusal_headers(int status, shop_header_t *h)
{
    switch (status) {
    case NGX_HTTP_NOT_ALLOWED:
        *h = (shop_header_t) { { "Allow", 5 }, { "GET, HEAD", 9 } };
        return 1;
    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        *h = (shop_header_t) { { "Retry-After", 11 }, { "1", 1 } };
        return 1;
    default:
        return 0;
    }
}


/* A file that is not there was announced with a header of ours already. */
static void
take_back_request_id(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("X-Request-Id") - 1
                && ngx_strcmp(h[i].key.data, "X-Request-Id") == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}


/* What nginx or the module refuses. */
ngx_int_t
ngx_http_shop_send_problem(ngx_http_request_t *r, int status)
{
    char                  *buf;
    shop_str_t             id;
    shop_answer_t          answer = { .status = status };
    shop_header_t          headers[1];
    ngx_http_shop_block_t  lent;

    buf = ngx_pnalloc(r->pool, NGX_HTTP_SHOP_PROBLEM_MAX);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    lent.start = buf;
    lent.end = buf + NGX_HTTP_SHOP_PROBLEM_MAX;
    id = ngx_http_shop_request_id(r);
    take_back_request_id(r);

    answer.content_type = (shop_str_t) { "application/problem+json", 24 };
    answer.body.data = buf;
    answer.body.len = shop_problem(status, id, buf, NGX_HTTP_SHOP_PROBLEM_MAX);

    answer.headers = headers;
    answer.n_headers = refusal_headers(status, headers);

    return ngx_http_shop_send(r, &lent, &answer);
}
