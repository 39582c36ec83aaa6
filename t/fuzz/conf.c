/*
 * conf.c - values of directives: what is taken lies within its bounds and is
 * what was written, what is not is named in a sentence.
 *
 * The first byte says which directive; the rest is the value.  The module's
 * file is compiled into this one.  Of nginx, whose sources need not be there,
 * the few functions that it calls are written here anew.
 */
#include "ngx_module/ngx_http_shop_conf.c"

#include "fuzz.h"

static const char  *sentence;           /* the format of what was logged     */

static ngx_http_shop_bounds_t  bounds[] = {
    { NGX_HTTP_SHOP_NUMBER, 1, 65536 },
    { NGX_HTTP_SHOP_SIZE, 1024, 64 * 1024 * 1024 },
    { NGX_HTTP_SHOP_TIME, 0, 3600000 },
    { NGX_HTTP_SHOP_TIME, 1, 4294967294u },
};


/* --- instead of nginx ----------------------------------------------------- */


ngx_module_t  ngx_http_core_module, ngx_http_shop_module;
ngx_uint_t    ngx_pagesize = 4096;


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
                   const char *format, ...)
{
    sentence = format;
}


ngx_int_t
ngx_atoi(u_char *text, size_t n)
{
    ngx_int_t  v = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9'
            || __builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, text[i] - '0', &v))
            return NGX_ERROR;
    }
    return n == 0 ? NGX_ERROR : v;
}


/* Digits and one of the units, or none: times `none`. */
static ngx_int_t
with_unit(ngx_str_t *line, const char *units, const ngx_int_t *times,
          ngx_int_t none)
{
    size_t       n = line->len;
    const char  *unit = n > 0 ? strchr(units, line->data[n - 1] | 0x20) : NULL;
    ngx_int_t    v = ngx_atoi(line->data, n - (unit != NULL));

    if (v == NGX_ERROR
        || __builtin_mul_overflow(v, unit == NULL ? none : times[unit - units],
                                  &v))
        return NGX_ERROR;
    return v;
}


ssize_t
ngx_parse_size(ngx_str_t *line)
{
    static const ngx_int_t  times[] = { 1024, 1024 * 1024 };

    return with_unit(line, "km", times, 1);
}


ngx_int_t
ngx_parse_time(ngx_str_t *line, ngx_uint_t seconds)
{
    static const ngx_int_t  times[] = { 1000, 60000, 3600000, 86400000 };

    return with_unit(line, "smhd", times, 1000);
}


void *
ngx_pnalloc(ngx_pool_t *p, size_t size)
{
    return NULL;                /* no directive here asks for memory */
}


ngx_int_t
ngx_conf_full_name(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t prefix)
{
    return NGX_ERROR;
}


ngx_thread_pool_t *
ngx_thread_pool_add(ngx_conf_t *cf, ngx_str_t *name)
{
    return NULL;
}


ngx_int_t
ngx_http_shop_problem_handler(ngx_http_request_t *r)
{
    return NGX_ERROR;
}


/* --- what must hold ------------------------------------------------------- */


static char *
set(char *(*directive)(ngx_conf_t *, ngx_command_t *, void *), void *post,
    char *text, size_t n, void *into)
{
    ngx_str_t      args[2] = { ngx_string("directive"),
                               { n, (u_char *) text } };
    ngx_array_t    list = { args, 2, sizeof(args[0]), 2, NULL };
    ngx_conf_t     cf = { .args = &list };
    ngx_command_t  cmd = { .post = post };

    sentence = NULL;
    return directive(&cf, &cmd, into);
}


/* A sentence that names the directive and what is allowed, and, unless there
 * is none, the value. */
static void
check_refused(const char *text)
{
    CHECK(sentence != NULL && strncmp(sentence, "\"%V\" must ", 10) == 0);
    CHECK(text[0] == '\0' || strstr(sentence, "not \"%V\"") != NULL);
}


/* Digits alone are read the same by the C library. */
static void
check_plain(const char *text, uint64_t unit, uint64_t got)
{
    if (text[strspn(text, "0123456789")] == '\0')
        CHECK(strtoull(text, NULL, 10) * unit == got);
}


static void
check_value(unsigned which, char *text, size_t n)
{
    ngx_http_shop_bounds_t  *b = &bounds[which];
    uint32_t                 field = NGX_HTTP_SHOP_UNSET;

    if (set(ngx_http_shop_set_value, b, text, n, &field) != NGX_CONF_OK) {
        CHECK(field == NGX_HTTP_SHOP_UNSET);
        check_refused(text);
        return;
    }
    CHECK(field >= b->low && field <= b->high);
    check_plain(text, b->kind == NGX_HTTP_SHOP_TIME ? 1000 : 1, field);
    CHECK(set(ngx_http_shop_set_value, b, text, n, &field) != NGX_CONF_OK);
}


static void
check_zone(char *text, size_t n)
{
    ngx_http_shop_main_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    if (set(ngx_http_shop_set_zone, NULL, text, n, &conf) != NGX_CONF_OK) {
        CHECK(conf.zone_size == 0 && !conf.shop.cache_off);
        check_refused(text);
    } else if (conf.shop.cache_off) {
        CHECK(strcmp(text, "off") == 0 && conf.zone_size == 0);
    } else {
        CHECK(conf.zone_size >= 1024 * 1024);
        CHECK(conf.zone_size % ngx_pagesize == 0);
    }
}


/* A path, or a host and a port from 1 to 65535. */
static void
check_memcached(char *text, size_t n)
{
    const char  *field = NULL, *colon;
    long         port;

    if (set(ngx_http_shop_set_memcached, NULL, text, n, &field)
        != NGX_CONF_OK) {
        check_refused(text);
        return;
    }
    CHECK(field == text && n > 0);
    if (text[0] == '/')
        return;
    colon = strrchr(text, ':');
    CHECK(colon != NULL && colon > text && strpbrk(text, " /,\t") == NULL);
    port = strtol(colon + 1, NULL, 10);
    CHECK(port >= 1 && port <= 65535);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char     *text;
    unsigned  which;

    if (n == 0 || memchr(data + 1, '\0', n - 1) != NULL)
        return 0;               /* nginx's arguments have none */
    text = fuzz_text(data + 1, n - 1);
    which = data[0] % (LENGTH(bounds) + 2);
    if (which < LENGTH(bounds))
        check_value(which, text, n - 1);
    else if (which == LENGTH(bounds))
        check_zone(text, n - 1);
    else
        check_memcached(text, n - 1);
    free(text);
    return 0;
}
