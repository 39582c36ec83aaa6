/*
 * ngx_http_shop_variables.c - variables, for logs and headers.
 *
 *     $shop_route       template of the route, "-" for none
 *     $shop_caller      kind of caller: anonymous, key ...
 *     $shop_caller_id   a digest of its id
 *     $shop_cache       hit, miss, stale or "-"
 *     $shop_us          microseconds from libshop's having it to its answer,
 *     $shop_db_us       of which waited for PostgreSQL,
 *     $shop_cache_us    and spent on kept answers
 *     $shop_request_id  the one of problems, logs and X-Request-Id
 *     $shop_trace       id of the trace that the client says it belongs to
 *     $shop_time        now, in UTC, with microseconds
 *
 * Returns nginx's codes.  All but the last three are empty where no shop
 * answered.
 */
#include "ngx_http_shop.h"

#include <sys/random.h>


/* --- what libshop said of its answer ------------------------------------- */


/* nginx zeroes the contexts of a request that it redirects internally, but
 * not the list of the pool's cleanups: there a context is found again. */
static void
kept_ctx(void *data)
{
}


/* To be called before ngx_http_internal_redirect(). The handler does nothing;
 * its address is what find_ctx() knows the entry by. */
ngx_int_t
ngx_http_shop_keep_ctx(ngx_http_request_t *r, ngx_http_shop_ctx_t *ctx)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = kept_ctx;
    cln->data = ctx;

    return NGX_OK;
}


/* The log line is written after the redirect, in the name of the request that
 * libshop answered. NULL where no shop took part. */
static ngx_http_shop_ctx_t *
find_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_shop_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_shop_module);
    if (ctx != NULL || !r->internal) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == kept_ctx) {
            return cln->data;
        }
    }

    return NULL;
}


/* In logs "-", and in headers nothing is sent: an empty value would be taken
 * for a measured one. */
static ngx_int_t
no_value(ngx_http_variable_value_t *v)
{
    v->not_found = 1;

    return NGX_OK;
}


/* The bytes are not copied: they must live as long as the request. Whether
 * nginx caches the value is the variable's flag to say. */
static ngx_int_t
set_value(ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = data;
    v->len = len;

    return NGX_OK;
}


/* `data` is the offset of a string in the context. */
static ngx_int_t
get_string(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const char           *s;
    ngx_http_shop_ctx_t  *ctx;

    ctx = find_ctx(r);
    if (ctx == NULL) {
        return no_value(v);
    }

    s = *(const char **) ((u_char *) ctx + data);

    return s ? set_value(v, (u_char *) s, ngx_strlen(s)) : no_value(v);
}


/* Nobody's id is no value, as a log would else show an id of nothing. */
static ngx_int_t
get_caller_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_shop_ctx_t  *ctx = find_ctx(r);

    if (ctx == NULL || ctx->caller_id[0] == '\0') {
        return no_value(v);
    }

    return set_value(v, ctx->caller_id, sizeof(ctx->caller_id));
}


/* `data` is the offset of a number in the context. No route means no answer
 * yet: 0 would claim that there was one and that it took no time. */
static ngx_int_t
get_number(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char               *p;
    uint32_t              n;
    ngx_http_shop_ctx_t  *ctx;

    ctx = find_ctx(r);
    if (ctx == NULL || ctx->route == NULL) {
        return no_value(v);
    }

    p = ngx_pnalloc(r->pool, NGX_INT32_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = *(uint32_t *) ((u_char *) ctx + data);

    return set_value(v, p, ngx_sprintf(p, "%uD", n) - p);
}


/* Parsed when somebody asks for it: a log, as a rule. */
static ngx_int_t
get_trace(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char  *id = ngx_http_shop_trace(r);

    return id ? set_value(v, id, NGX_HTTP_SHOP_ID_LEN) : no_value(v);
}


/* nginx's own times end at milliseconds or are in the machine's zone; and they
 * are of the last turn of the loop. */
static ngx_int_t
get_time(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char          *p;
    ngx_tm_t         tm;
    struct timeval   tv;

    p = ngx_pnalloc(r->pool, sizeof("2026-01-01T00:00:00.000000Z"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_gettimeofday(&tv);
    ngx_gmtime(tv.tv_sec, &tm);

    return set_value(v, p,
                     ngx_sprintf(p, "%4d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                                 tm.ngx_tm_year, tm.ngx_tm_mon,
                                 tm.ngx_tm_mday, tm.ngx_tm_hour,
                                 tm.ngx_tm_min, tm.ngx_tm_sec,
                                 (int) tv.tv_usec) - p);
}


/* --- request ids --------------------------------------------------------- */


/* ^[A-Za-z0-9._-]{8,64}$: what may go into logs, documents and SQL. */
static ngx_uint_t
is_usable(const ngx_str_t *id)
{
    u_char  c;
    size_t  i;

    if (id->len < 8 || id->len > 64) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && c != '.' && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


/* The first one decides. One that cannot be used is replaced, not mended: a
 * mended id would be found in neither side's logs. */
static ngx_str_t *
sent_id(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("x-request-id") - 1
                && ngx_memcmp(h[i].lowcase_key, "x-request-id", h[i].key.len)
                   == 0)
            {
                return is_usable(&h[i].value) ? &h[i].value : NULL;
            }
        }
    }

    return NULL;
}


/* All sixteen digits always: ids are compared as text, and halves of varying
 * length could make two of them alike. */
static u_char *
hex(u_char *p, uint64_t n)
{
    int                 shift;
    static const char   digits[] = "0123456789abcdef";

    for (shift = 60; shift >= 0; shift -= 4) {
        *p++ = digits[(n >> shift) & 15];
    }

    return p;
}


/* After fork(), else all workers would make the same ids.  Counts begin
 * anywhere, so that two workers have none in common: within a trace they are
 * all that tells requests apart. */
ngx_int_t
ngx_http_shop_seed_ids(void)
{
    uint64_t  seed[2];

    if (getrandom(seed, sizeof(seed), 0) != sizeof(seed)) {
        return NGX_ERROR;
    }

    (void) hex(ngx_http_shop_worker.id_seed, seed[0]);
    ngx_http_shop_worker.id_count = seed[1];

    return NGX_OK;
}


/*
 * Unique is enough, so no random bytes a request (nginx's $request_id takes
 * 16 of OpenSSL's): one half tells the process, the other is a count whose
 * bits are mixed, by a function that maps no two counts to one value
 * (splitmix64).  Where the client names a trace, "TRACE-" is in the place of
 * the first half: so the trace is found wherever ids are, and there it fits
 * what PostgreSQL leaves of a session's name.
 */
static ngx_int_t
make_id(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    u_char    *id, *p, *trace = ngx_http_shop_trace(r);
    uint64_t   n = ++ngx_http_shop_worker.id_count * 0x9e3779b97f4a7c15ULL;

    p = id = ngx_pnalloc(r->pool, NGX_HTTP_SHOP_ID_LEN + 1 + 16);
    if (id == NULL) {
        return NGX_ERROR;
    }

    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
    n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
    n ^= n >> 31;

    if (trace != NULL) {
        p = ngx_cpymem(p, trace, NGX_HTTP_SHOP_ID_LEN);
        *p++ = '-';
    } else {
        p = ngx_cpymem(p, ngx_http_shop_worker.id_seed, 16);
    }

    return set_value(v, id, hex(p, n) - id);
}


/* Called once a request, as this variable alone may be cached: twice would
 * give two ids to one request. */
static ngx_int_t
get_request_id(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t  *id = sent_id(r);

    return id ? set_value(v, id->data, id->len) : make_id(r, v);
}


/* nginx caches the variable in the request, over internal redirects too, so
 * the problem of an error and the log line carry the same id. */
shop_str_t
ngx_http_shop_request_id(ngx_http_request_t *r)
{
    ngx_http_variable_value_t  *v;
    ngx_http_shop_main_conf_t  *smcf = ngx_http_shop_worker.conf;

    v = ngx_http_get_indexed_variable(r, smcf->request_id);
    if (v == NULL || v->not_found) {
        return (shop_str_t) { NULL, 0 };
    }

    return (shop_str_t) { (const char *) v->data, v->len };
}


/* What libshop says is not known before its answer: a value that was read
 * earlier, by `if` or `map`, must not stick. The id must. */
static const ngx_http_variable_t  variables[] = {
    { ngx_string("shop_route"), NULL, get_string,
      offsetof(ngx_http_shop_ctx_t, route), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_caller"), NULL, get_string,
      offsetof(ngx_http_shop_ctx_t, caller), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_cache"), NULL, get_string,
      offsetof(ngx_http_shop_ctx_t, cache), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_caller_id"), NULL, get_caller_id,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_us"), NULL, get_number,
      offsetof(ngx_http_shop_ctx_t, us), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_db_us"), NULL, get_number,
      offsetof(ngx_http_shop_ctx_t, db_us), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_cache_us"), NULL, get_number,
      offsetof(ngx_http_shop_ctx_t, cache_us), NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_time"), NULL, get_time,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },
    { ngx_string("shop_trace"), NULL, get_trace, 0, 0, 0 },
    { ngx_string("shop_request_id"), NULL, get_request_id, 0, 0, 0 }
};


/* Before the configuration is read, so that log_format and add_header find the
 * names. */
ngx_int_t
ngx_http_shop_add_variables(ngx_conf_t *cf)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    ngx_http_variable_t  *var;

    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        name = variables[i].name;

        var = ngx_http_add_variable(cf, &name, variables[i].flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = variables[i].get_handler;
        var->data = variables[i].data;
    }

    return NGX_OK;
}
