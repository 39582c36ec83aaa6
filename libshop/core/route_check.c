/*
 * route_check.c - what a route must be to be served at all.
 *
 * Mistakes in a table are found when a shop opens, not by its clients.
 *
 * Return codes: 0, or -1 with a sentence.
 */
#include "core/route.h"

#include <stdio.h>

#include "core/shape.h"


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
        { (f & LANGUAGES) && !(f & TX), "LANGUAGES goes with TX" },
        { (f & CACHED) && (!get || r->may != PUBLIC),
          "CACHED is for GET by everyone" },
        { (f & CACHED) && (f & NO_DB), "CACHED is for what is in PostgreSQL" },
        { get && r->body != NULL, "GET has no body" },
        { (f & STREAM) && (f & ~(unsigned) (STREAM | FREE)),
          "STREAM goes with nothing else" },
        { (f & STREAM) && r->media_type == NULL,
          "STREAM says what its media type is" },
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
