/*
 * route.h - the domains' tables of routes as one tree.
 *
 * Built once in a process from all domains; refuses to start when a route has
 * no policy, a path stands twice, a cacheable route asks for a caller, and
 * so on (route_check.c).
 */
#ifndef SHOP_ROUTE_H
#define SHOP_ROUTE_H

#include "core/core.h"
#include "shop.h"

#define PATH_PARAMS_MAX  4

struct routes;                          /* the tree                          */

/* All domains, in order, ended by NULL: libshop/domains.c. */
extern const struct domain *const domains[];

/* NULL when the tables are wrong; `error` then says where. */
const struct routes *routes_get(char *error, size_t size);

struct match {
    const struct route  *route;         /* NULL: none                        */
    unsigned             id;            /* its number, for counters          */
    unsigned             methods;       /* bits 1 << method of the path      */
    shop_str_t           param[PATH_PARAMS_MAX];        /* still encoded     */
    size_t               n_params;
};

/* Find by method and raw path; a path that exists under other methods has
 * `methods` set and no route.  HEAD matches GET. */
void route_find(const struct routes *r, enum method method, shop_str_t path,
                struct match *out);

size_t route_count(const struct routes *r);
const struct route *route_at(const struct routes *r, size_t id);

/* Check every route and shape: 0, or -1 with a sentence. */
int route_check(const struct route *route, char *error, size_t size);

/* Does it take `fields`, the members to show? */
static inline bool
route_shows_some(const struct route *r)
{
    return r->method == GET && r->view != NULL && !(r->flags & STREAM);
}

enum method method_parse(shop_str_t name);
const char *method_name(enum method method);

#endif
