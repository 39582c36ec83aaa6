/*
 * route.c - the domains' tables of routes, found by method and path.
 *
 * The routes of all domains are gathered once, checked, and made into a tree
 * of segments: a node has literal children and at most one that stands for any
 * segment.  A literal wins; where it leads nowhere, the other is tried.
 *
 * Return codes: NULL or -1 with a sentence.
 */
#include "core/route.h"

#include <stdio.h>
#include <string.h>

#include "core/cache.h"
#include "core/shape.h"

#define NODES_MAX  1024
#define METHODS    (DELETE + 1)

struct node {
    shop_str_t    segment;              /* a literal                         */
    struct node  *next;                 /* of the same parent                */
    struct node  *literals;
    struct node  *any;
    uint16_t      id[METHODS];          /* 1 + number of the route, or 0     */
    unsigned      methods;              /* bits 1 << method                  */
};

struct routes {
    size_t               n;
    const struct route  *v[ROUTES_MAX];
    size_t               n_nodes;       /* the first is the root             */
    struct node          nodes[NODES_MAX];
};

static struct routes all;


/* Cut the next segment off; false when there is none. */
static bool
segment_next(shop_str_t *path, shop_str_t *out)
{
    const char *end;

    if (path->len == 0 || path->data[0] != '/')
        return false;

    out->data = path->data + 1;
    out->len = path->len - 1;
    end = memchr(out->data, '/', out->len);
    if (end != NULL)
        out->len = (size_t) (end - out->data);
    path->data += 1 + out->len;
    path->len -= 1 + out->len;

    return true;
}


/* --- making -------------------------------------------------------------- */


static struct node *
literal(const struct node *parent, shop_str_t segment)
{
    struct node *n = parent->literals;

    while (n != NULL && (n->segment.len != segment.len
                         || memcmp(n->segment.data, segment.data,
                                   segment.len) != 0))
        n = n->next;

    return n;
}


static struct node *
node_new(shop_str_t segment)
{
    struct node *n = &all.nodes[all.n_nodes];

    if (all.n_nodes == NODES_MAX)
        return NULL;
    all.n_nodes++;
    *n = (struct node) { .segment = segment };

    return n;
}


static struct node *
child(struct node *parent, shop_str_t segment)
{
    bool          any = segment.len != 0 && segment.data[0] == ':';
    struct node  *n = any ? parent->any : literal(parent, segment);

    if (n != NULL || (n = node_new(segment)) == NULL)
        return n;

    if (any) {
        parent->any = n;
    } else {
        n->next = parent->literals;
        parent->literals = n;
    }

    return n;
}


static int
too_many(char *error, size_t size)
{
    snprintf(error, size, "there are more than %d routes", ROUTES_MAX);
    return -1;
}


static int
route_add(const struct route *route, char *error, size_t size)
{
    shop_str_t    path = { route->path, strlen(route->path) }, segment;
    struct node  *n = &all.nodes[0];

    if (route_check(route, error, size) != 0)
        return -1;

    while (segment_next(&path, &segment)) {
        n = child(n, segment);
        if (n == NULL)
            return too_many(error, size);
    }
    if (n->id[route->method] != 0) {
        snprintf(error, size, "route %s %s stands twice",
                 method_name(route->method), route->path);
        return -1;
    }
    if (all.n == ROUTES_MAX)
        return too_many(error, size);
    all.v[all.n++] = route;
    n->id[route->method] = (uint16_t) all.n;
    n->methods |= 1u << route->method;

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

    all.n_nodes = 1;
    all.nodes[0] = (struct node) { 0 };
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


/* --- finding ------------------------------------------------------------- */


/* Go down while segments last.  Nodes are as deep as templates, so a long path
 * ends early. */
static bool
descend(const struct node *n, shop_str_t path, enum method method,
        struct match *m)
{
    shop_str_t          segment;
    const struct node  *l;

    if (!segment_next(&path, &segment)) {
        m->methods |= n->methods;
        m->id = n->id[method];
        return path.len == 0 && m->id != 0;
    }

    l = literal(n, segment);
    if (l != NULL && descend(l, path, method, m))
        return true;
    if (n->any == NULL || segment.len == 0 || m->n_params == PATH_PARAMS_MAX)
        return false;

    m->param[m->n_params++] = segment;
    if (descend(n->any, path, method, m))
        return true;
    m->n_params--;

    return false;
}


void
route_find(const struct routes *r, enum method method, shop_str_t path,
           struct match *out)
{
    out->route = NULL;
    out->id = out->methods = 0;
    out->n_params = 0;

    if (descend(&r->nodes[0], path, method, out)) {
        out->id--;
        out->route = r->v[out->id];
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
    return r->v[id];
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
