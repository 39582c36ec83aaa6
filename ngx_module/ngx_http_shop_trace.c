/*
 * ngx_http_shop_trace.c - traceparent, by which tools follow a click through
 * all programs that it reaches (W3C Trace Context, level 1, section 3.2).
 *
 * Taken is the id of the trace.  What is not as the standard says is ignored
 * as if it had not been sent; so are two of them, as nobody could tell which
 * was meant.  tracestate is for those who make spans, which this does not.
 *
 * Nothing here returns an error.
 */
#include "ngx_http_shop.h"

/* version "-" trace-id "-" parent-id "-" flags */
#define NGX_HTTP_SHOP_TRACE_ID      3
#define NGX_HTTP_SHOP_TRACE_PARENT  36
#define NGX_HTTP_SHOP_TRACE_FLAGS   53
#define NGX_HTTP_SHOP_TRACE_LEN     55


/* NULL where there is none, or more than one. */
static const ngx_str_t *
sent_once(ngx_http_request_t *r)
{
    ngx_str_t        *found = NULL;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len != sizeof("traceparent") - 1
                || ngx_memcmp(h[i].lowcase_key, "traceparent", h[i].key.len)
                   != 0)
            {
                continue;
            }

            if (found != NULL) {
                return NULL;
            }

            found = &h[i].value;
        }
    }

    return found;
}


/* nginx takes blanks away, and no tabs. */
static ngx_str_t
trim(ngx_str_t s)
{
    while (s.len != 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len != 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


/* Small letters only: the standard has no others. */
static ngx_uint_t
is_hex(const u_char *p, size_t n)
{
    for (/* void */; n != 0; n--, p++) {
        if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'f')) {
            return 0;
        }
    }

    return 1;
}


/* One of nothing but noughts is none. */
static ngx_uint_t
is_id(const u_char *p, size_t n)
{
    size_t  zeros;

    for (zeros = 0; zeros < n && p[zeros] == '0'; zeros++) {
        /* void */
    }

    return zeros != n && is_hex(p, n);
}


/* Versions to come may add fields behind those of today; "ff" is none. */
static ngx_uint_t
is_traceparent(const ngx_str_t *s)
{
    const u_char  *p = s->data;

    if (s->len < NGX_HTTP_SHOP_TRACE_LEN
        || !is_hex(p, 2) || (p[0] == 'f' && p[1] == 'f')
        || p[NGX_HTTP_SHOP_TRACE_ID - 1] != '-'
        || p[NGX_HTTP_SHOP_TRACE_PARENT - 1] != '-'
        || p[NGX_HTTP_SHOP_TRACE_FLAGS - 1] != '-')
    {
        return 0;
    }

    if (s->len > NGX_HTTP_SHOP_TRACE_LEN
        && ((p[0] == '0' && p[1] == '0')
            || p[NGX_HTTP_SHOP_TRACE_LEN] != '-'))
    {
        return 0;
    }

    return is_id(p + NGX_HTTP_SHOP_TRACE_ID, NGX_HTTP_SHOP_ID_LEN)
           && is_id(p + NGX_HTTP_SHOP_TRACE_PARENT, 16)
           && is_hex(p + NGX_HTTP_SHOP_TRACE_FLAGS, 2);
}


/* The id lies in the request's header buffers; NULL: the client has none. */
u_char *
ngx_http_shop_trace(ngx_http_request_t *r)
{
    ngx_str_t         value;
    const ngx_str_t  *sent = sent_once(r);

    if (sent == NULL) {
        return NULL;
    }

    value = trim(*sent);

    return is_traceparent(&value) ? value.data + NGX_HTTP_SHOP_TRACE_ID : NULL;
}
