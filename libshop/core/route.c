/*
 * route.c - the domains' tables of routes, found by method and path.
 *
 * The routes of all domains are gathered once and checked; a request's path
 * is cut into segments and compared with the templates of as many.  There are
 * a few dozen: a first look at the number of segments leaves a handful.
 *
 * Return codes: NULL or -1 with a sentence.
 */
#include "core/route.h"

#include <stdio.h>
#include <string.h>

#include "core/cache.h"
#include "core/shape.h"

struct entry {
    const struct route  *route;
    unsigned             n;             /* segments                          */
    shop_str_t           segment[SEGMENTS_MAX];
};

struct routes {
    size_t        n;
    struct entry  v[ROUTES_MAX];
};

static struct routes all;


/* Cut at slashes: the number of segments, or SEGMENTS_MAX + 1. */
static unsigned
split(shop_str_t path, shop_str_t out[SEGMENTS_MAX])
{
    const char *at = path.data, *end = path.data + path.len;
    unsigned    n = 0;

    while (at < end && *at == '/') {
        const char *next = memchr(at + 1, '/', (size_t) (end - at - 1));

        if (next == NULL)
            next = end;
        if (n == SEGMENTS_MAX)
            return SEGMENTS_MAX + 1;
        out[n++] = (shop_str_t) { at + 1, (size_t) (next - at - 1) };
        at = next;
    }

    return n;
}


/* Who asks is a domain's to say; without one a scope would keep nobody out. */
static bool
callers_are_known(void)
{
    for (size_t d = 0; domains[d] != NULL; d++) {
        if (domains[d]->authenticate != NULL)
            return true;
    }

    return false;
}


/* What is wrong with the flags, or NULL. */
static const char *
flags_fault(const struct route *r)
{
    unsigned f = r->flags;
    bool     get = r->method == GET;
    const struct { bool wrong; const char *sentence; } rules[] = {
        { !(f & PAGED) != (r->sorts == NULL), "PAGED goes with sorts" },
        { get && (f & TX), "GET changes nothing: no TX" },
        { !get && !(f & TX), "only GET is without TX" },
        { (f & (ONCE | IF_MATCH)) && !(f & TX),
          "ONCE and IF_MATCH go with TX" },
        { (f & CACHED) && (!get || r->may != PUBLIC),
          "CACHED is for GET by everyone" },
        { (f & CACHED) && (f & NO_DB), "CACHED is for what is in PostgreSQL" },
        { get && r->body != NULL, "GET has no body" },
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].wrong)
            return rules[i].sentence;
    }

    return NULL;
}


static const char *
route_fault(const struct route *r)
{
    if (r->may == 0)
        return "no policy: say who may";
    if (r->handler == NULL)
        return "no handler";
    if (r->path[0] != '/')
        return "no absolute path";
    if (r->may != PUBLIC && ((r->may & PUBLIC) || !callers_are_known()))
        return "a scope that nothing checks";

    return flags_fault(r);
}


int
route_check(const struct route *route, char *error, size_t size)
{
    const struct field *shapes[] = { route->query, route->view, route->body };
    const char         *fault = route_fault(route);

    if (fault != NULL) {
        snprintf(error, size, "route %s %s: %s", method_name(route->method),
                 route->path, fault);
        return -1;
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (shapes[i] != NULL && shape_check(shapes[i], error, size) != 0)
            return -1;
    }

    return 0;
}


static bool
same_template(const struct entry *a, const struct entry *b)
{
    if (a->n != b->n || a->route->method != b->route->method)
        return false;

    for (unsigned i = 0; i < a->n; i++) {
        bool var_a = a->segment[i].len != 0 && a->segment[i].data[0] == ':';
        bool var_b = b->segment[i].len != 0 && b->segment[i].data[0] == ':';

        if (var_a != var_b)
            return false;
        if (!var_a && (a->segment[i].len != b->segment[i].len
                       || memcmp(a->segment[i].data, b->segment[i].data,
                                 a->segment[i].len) != 0))
            return false;
    }

    return true;
}


static int
route_add(const struct route *route, char *error, size_t size)
{
    struct entry *e = &all.v[all.n];

    if (all.n == ROUTES_MAX) {
        snprintf(error, size, "more than %d routes", ROUTES_MAX);
        return -1;
    }
    e->route = route;
    e->n = split((shop_str_t) { route->path, strlen(route->path) },
                 e->segment);
    if (route_check(route, error, size) != 0)
        return -1;

    for (size_t i = 0; i < all.n; i++) {
        if (same_template(&all.v[i], e)) {
            snprintf(error, size, "route %s %s stands twice",
                     method_name(route->method), route->path);
            return -1;
        }
    }
    all.n++;

    return 0;
}


static int
routes_add(const struct route *r, char *error, size_t size)
{
    for (; r != NULL && r->method != 0; r++) {
        if (route_add(r, error, size) != 0)
            return -1;
    }

    return 0;
}


const struct routes *
routes_get(char *error, size_t size)
{
    if (all.n != 0)
        return &all;

    for (size_t d = 0; domains[d] != NULL; d++) {
        if (routes_add(domains[d]->routes, error, size) != 0
            || routes_add(domains[d]->admin_routes, error, size) != 0)
        {
            all.n = 0;
            return NULL;
        }
    }

    return &all;
}


/* Do the segments fit?  Parameters are noted; a literal wins over them. */
static int
fits(const struct entry *e, const shop_str_t *segment, struct match *m)
{
    int literals = 1;

    m->n_params = 0;
    for (unsigned i = 0; i < e->n; i++) {
        if (e->segment[i].len != 0 && e->segment[i].data[0] == ':') {
            if (segment[i].len == 0 || m->n_params == PATH_PARAMS_MAX)
                return 0;
            m->param[m->n_params++] = segment[i];
            continue;
        }
        if (e->segment[i].len != segment[i].len
            || memcmp(e->segment[i].data, segment[i].data,
                      segment[i].len) != 0)
            return 0;
        literals++;
    }

    return literals;
}


void
route_find(const struct routes *r, enum method method, shop_str_t path,
           struct match *out)
{
    shop_str_t  segment[SEGMENTS_MAX];
    unsigned    n = split(path, segment);
    int         best = 0;

    memset(out, 0, sizeof(*out));

    for (size_t i = 0; i < r->n; i++) {
        const struct entry *e = &r->v[i];
        struct match        m;
        int                 how;

        if (e->n != n || (how = fits(e, segment, &m)) == 0)
            continue;
        out->methods |= 1u << e->route->method;
        if (e->route->method != method || how <= best)
            continue;
        best = how;
        m.methods = out->methods;
        m.route = e->route;
        m.id = (unsigned) i;
        *out = m;
    }
}


size_t
route_count(const struct routes *r)
{
    return r->n;
}


const struct route *
route_at(const struct routes *r, size_t id)
{
    return r->v[id].route;
}


static const char *const names[] = {
    [GET] = "GET", [POST] = "POST", [PUT] = "PUT", [PATCH] = "PATCH",
    [DELETE] = "DELETE",
};


enum method
method_parse(shop_str_t name)
{
    if (name.len == 4 && memcmp(name.data, "HEAD", 4) == 0)
        return GET;

    for (unsigned m = GET; m <= DELETE; m++) {
        if (strlen(names[m]) == name.len
            && memcmp(names[m], name.data, name.len) == 0)
            return (enum method) m;
    }

    return 0;
}


const char *
method_name(enum method method)
{
    return method >= GET && method <= DELETE ? names[method] : "-";
}
