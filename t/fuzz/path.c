/*
 * path.c - path and query of an address: which route, and what the parts
 * decode to.
 *
 * The first line of the input is the path, the rest the query.
 */
#include "fuzz.h"

#include <ctype.h>

#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"


static const struct routes *
routes(void)
{
    char                  why[256];
    const struct routes  *r = routes_get(why, sizeof(why));

    CHECK(r != NULL);
    return r;
}


/* Decoded, written in escapes only, and decoded again: the same. */
static void
check_decoding(const char *in, size_t n, bool plus)
{
    char     *out = malloc(n + 1), *again = malloc(3 * n + 1);
    ssize_t   len = percent_decode(out, in, n, plus), back;

    CHECK(len <= (ssize_t) n);
    if (len >= 0) {
        CHECK(memchr(out, '\0', (size_t) len) == NULL);
        for (ssize_t i = 0; i < len; i++)
            snprintf(again + 3 * i, 4, "%%%02x", (unsigned char) out[i]);
        back = percent_decode(again, again, 3 * (size_t) len, plus);
        CHECK(back == len && memcmp(again, out, (size_t) len) == 0);
    }
    free(out);
    free(again);
}


/* A route's template, with the parts that were found in place of its
 * parameters, is the path again. */
static void
check_match(const struct match *m, shop_str_t path)
{
    const char  *t = m->route->path, *at = path.data;
    const char  *end = path.data + path.len;

    for (size_t i = 0; *t != '\0'; ) {
        if (*t != ':') {
            CHECK(at < end && *at++ == *t++);
            continue;
        }
        CHECK(i < m->n_params && m->param[i].len > 0);
        CHECK(m->param[i].data == at);
        check_decoding(at, m->param[i].len, false);
        at += m->param[i++].len;
        t += strcspn(t, "/");
    }
    CHECK(at == end);
}


static void
check_path(shop_str_t path)
{
    struct match  m;

    for (unsigned method = GET; method <= DELETE; method++) {
        route_find(routes(), (enum method) method, path, &m);
        CHECK(m.n_params <= PATH_PARAMS_MAX);
        if (m.route == NULL)
            continue;
        CHECK(m.route->method == method && m.methods & 1u << method);
        CHECK(route_at(routes(), m.id) == m.route);
        check_match(&m, path);
    }
}


/* A fault of the query names its parameter, but for the last, which says that
 * there are more. */
static void
check_faults(const struct faults *f, const struct problem *p)
{
    CHECK(p != NULL || f->n == 0 || f->status == 0 || f->status == 400
          || f->status == 422);
    for (size_t i = 0; i < f->n && i < FAULTS_MAX; i++) {
        CHECK(f->v[i].code != NULL && f->v[i].detail != NULL);
        CHECK(f->v[i].pointer == NULL);
        if (strcmp(f->v[i].code, "too_many_faults") == 0) {
            CHECK(i == FAULTS_MAX - 1);
            continue;
        }
        CHECK(f->v[i].parameter != NULL);
        CHECK(utf8_length(f->v[i].parameter, strlen(f->v[i].parameter)) >= 0);
    }
}


static void
check_query(const struct route *route, shop_str_t query)
{
    struct request           rq = { 0 };
    struct shop              shop = { 0 };
    shop_request_t           in = { .query = query };
    const struct problem    *p;

    rq.shop = &shop;
    rq.route = route;
    rq.in = &in;
    rq.faults.arena = &rq.attempt;
    p = query_parse(&rq);
    CHECK(p == NULL || (p->status >= 400 && p->status < 500));
    check_faults(&rq.faults, p);
    if (p == NULL && route->flags & PAGED)
        CHECK(rq.page.limit >= 2 && rq.page.limit <= 101);
    arena_reset(&rq.attempt);
    arena_reset(&rq.perm);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char        *text = fuzz_exact(data, n);
    const char  *line = memchr(text, '\n', n);
    size_t       len = line == NULL ? n : (size_t) (line - text);
    shop_str_t   path = { text, len };
    shop_str_t   query = { text + len + (len < n), n - len - (len < n) };

    check_path(path);
    check_decoding(path.data, path.len, false);
    check_decoding(query.data, query.len, true);
    for (size_t i = 0; i < route_count(routes()); i++)
        check_query(route_at(routes(), i), query);
    free(text);
    return 0;
}
