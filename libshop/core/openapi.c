/*
 * openapi.c - the document: paths, operations and their parameters.
 *
 * The order is that of the tables, so that two builds of one source give the
 * same bytes.  Paths of several methods stand where the first of them does.
 *
 * This side of the convention: a buffer that failed says so once, at the end.
 */
#include "core/openapi.h"

#include "core/banned.h"
#include "core/env.h"
#include "core/route.h"

static const char *const scopes[] = {
#define SCOPE(id, name, doc)  name,
#include "core/scopes.def"
#undef SCOPE
};

/* Who walks over all routes of all domains. */
struct walk {
    struct buf                  *b;
    const struct domain *const  *list;
    bool                         first;
};

typedef void (*visitor)(struct walk *w, const struct domain *d,
                        const struct route *r);


/* Names of this document hold what a shape's cannot: slashes, hyphens, capital
 * letters; so they are escaped like any text. */
void
openapi_key(struct buf *b, const char *name, bool *first)
{
    if (!*first)
        buf_char(b, ',');
    *first = false;
    json_text(b, name, strlen(name));
    buf_char(b, ':');
}


void
openapi_text(struct buf *b, const char *name, const char *text, bool *first)
{
    openapi_key(b, name, first);
    json_text(b, text, strlen(text));
}


/* The order of the tables, storefront before admin: that of the document. */
static void
each_route(struct walk *w, visitor visit)
{
    for (size_t i = 0; w->list[i] != NULL; i++) {
        const struct route *tables[] = { w->list[i]->routes,
                                         w->list[i]->admin_routes };

        for (size_t t = 0; t < 2; t++) {
            for (const struct route *r = tables[t]; r && r->method; r++)
                visit(w, w->list[i], r);
        }
    }
}


/* --- parameters ---------------------------------------------------------- */


/* Described once, among the components, and named here. */
static void
common_parameter(struct buf *b, const char *name, bool *first)
{
    buf_format(b, "%s{\"$ref\":\"#/components/parameters/%s\"}",
               *first ? "" : ",", name);
    *first = false;
}


/* An id or a slug: the route's summary says which. */
static void
path_parameters(struct buf *b, const char *path, bool *first)
{
    while ((path = strstr(path, "/:")) != NULL) {
        size_t n = strcspn(path += 2, "/");

        buf_str(b, *first ? "{\"name\":" : ",{\"name\":");
        json_text(b, path, n);
        buf_str(b, ",\"in\":\"path\",\"required\":true,"
                   "\"schema\":{\"type\":\"string\",\"minLength\":1}}");
        *first = false;
    }
}


/* A list is one parameter with commas, which is what explode false says.
 * Bounds are those of a body: what a query may hold is checked as strictly. */
static void
query_parameters(struct buf *b, const struct field *shape, bool *first)
{
    for (const struct field *f = shape ? shape + 1 : NULL;
         f && f->type != END_OF_SHAPE; f++)
    {
        if (!shape_field_shown(f, SCHEMA_BODY))
            continue;
        buf_str(b, *first ? "{\"name\":" : ",{\"name\":");
        json_text(b, f->name, strlen(f->name));
        buf_format(b, ",\"in\":\"query\",\"required\":%s,\"explode\":false,"
                   "\"schema\":", f->required ? "true" : "false");
        shape_field_schema(b, f, SCHEMA_BODY);
        buf_char(b, '}');
        *first = false;
    }
}


/* Which sorts there are is the route's, unlike limit and cursor. */
static void
sort_parameter(struct buf *b, const char *const *sorts, bool *first)
{
    buf_str(b, *first ? "" : ",");
    buf_str(b, "{\"name\":\"sort\",\"in\":\"query\",\"schema\":{\"type\":"
               "\"string\",\"enum\":[");
    for (size_t i = 0; sorts[i] != NULL; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_text(b, sorts[i], strlen(sorts[i]));
    }
    buf_str(b, "],\"default\":");
    json_text(b, sorts[0], strlen(sorts[0]));
    buf_str(b, "}}");
    *first = false;
}


/* What the row's flags bring with them is described once, for all routes. */
static void
parameters(struct buf *b, const struct route *r)
{
    const struct { bool used; const char *name; } common[] = {
        { r->flags & PAGED,                                "limit" },
        { r->flags & PAGED,                                "cursor" },
        { route_shows_some(r),                             "fields" },
        { r->axes & BY_LOCALE,                             "locale" },
        { r->axes & BY_LOCALE,                             "accept_language" },
        { r->axes & BY_CURRENCY,                           "currency" },
        { r->method == GET && !(r->flags & (NO_DB | STREAM)), "if_none_match" },
        { r->flags & IF_MATCH,                             "if_match" },
        { openapi_versioned(r) && !(r->flags & IF_MATCH), "if_match_maybe" },
        { r->flags & ONCE,                                 "idempotency_key" },
        { r->flags & TX,                                   "prefer" },
    };
    bool first = true;

    buf_str(b, ",\"parameters\":[");
    path_parameters(b, r->path, &first);
    query_parameters(b, r->query, &first);
    if (r->sorts != NULL)
        sort_parameter(b, r->sorts, &first);
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        if (common[i].used)
            common_parameter(b, common[i].name, &first);
    }
    buf_char(b, ']');
}


/* --- operations ---------------------------------------------------------- */


/* "GET /api/v1/products/:product" is get_products_product. */
static void
operation_id(struct buf *b, const struct route *r)
{
    const char *at = r->path;

    for (const char *m = method_name(r->method); *m != '\0'; m++)
        buf_char(b, (char) (*m | 0x20));

    while (*at != '\0') {
        size_t n = strcspn(++at, "/");
        bool   said = (n == 3 && memcmp(at, "api", n) == 0)
                      || (n == 2 && memcmp(at, "v1", n) == 0);

        if (!said)
            buf_char(b, '_');
        for (size_t i = 0; !said && i < n; i++) {
            if (at[i] != ':')
                buf_char(b, strchr(".-", at[i]) != NULL ? '_' : at[i]);
        }
        at += n;
    }
}


/* Scopes are named beside a scheme that is not OAuth, which 3.1 allows: a key
 * has them without asking for them.
 * Any one of the scopes is enough, so each is a choice of its own. */
static void
security(struct buf *b, const struct route *r)
{
    bool first = true;

    buf_str(b, ",\"security\":[");
    for (unsigned i = 0; r->may != PUBLIC && i < SCOPE_COUNT; i++) {
        if (!(r->may >> i & 1))
            continue;
        buf_format(b, "%s{\"key\":[\"%s\"]}", first ? "" : ",", scopes[i]);
        first = false;
    }
    buf_char(b, ']');
}


/* A merge patch may say that it is one. */
static void
body_schema(struct buf *b, const struct route *r)
{
    enum schema_use use = r->method == PATCH ? SCHEMA_PATCH : SCHEMA_BODY;

    if (r->body == NULL)
        return;

    buf_str(b, ",\"requestBody\":{\"required\":true,\"content\":{");
    if (r->method == PATCH) {
        buf_str(b, "\"application/merge-patch+json\":{\"schema\":");
        openapi_ref(b, r->body, use);
        buf_str(b, "},");
    }
    buf_str(b, "\"application/json\":{\"schema\":");
    openapi_ref(b, r->body, use);
    buf_str(b, "}}}");
}


/* The order of members is that of reading: what it is, what goes in, who may,
 * what comes out. */
static void
operation(struct buf *b, const struct domain *d, const struct route *r)
{
    buf_str(b, "{\"operationId\":\"");
    operation_id(b, r);
    buf_str(b, "\",\"tags\":[");
    json_text(b, d->name, strlen(d->name));
    buf_char(b, ']');
    if (r->summary != NULL) {
        buf_str(b, ",\"summary\":");
        json_text(b, r->summary, strlen(r->summary));
    }
    parameters(b, r);
    body_schema(b, r);
    security(b, r);
    buf_char(b, ',');
    openapi_responses(b, r);
    buf_char(b, '}');
}


/* --- paths --------------------------------------------------------------- */


/* All methods of one path.  The walk comes first, so that a visitor who is
 * given the one has the other. */
struct item {
    struct walk          walk;
    const struct route  *route;         /* the first that has the path       */
    bool                 earlier;       /* it was not the first after all    */
    bool                 reached;
};


/* Did a route before this one have the path?  Then it stands there already.
 * Before is: until the walk has reached the route itself. */
static void
find_earlier(struct walk *w, const struct domain *d, const struct route *r)
{
    struct item *item = (struct item *) w;

    (void) d;
    item->reached |= r == item->route;
    if (!item->reached && strcmp(r->path, item->route->path) == 0)
        item->earlier = true;
}


/* A method of the item's path; routes of other paths are passed by. */
static void
method_of_path(struct walk *w, const struct domain *d, const struct route *r)
{
    struct item *item = (struct item *) w;

    if (strcmp(r->path, item->route->path) != 0)
        return;

    buf_str(w->b, w->first ? "\"" : ",\"");
    w->first = false;
    for (const char *m = method_name(r->method); *m != '\0'; m++)
        buf_char(w->b, (char) (*m | 0x20));
    buf_str(w->b, "\":");
    operation(w->b, d, r);
}


/* "/products/:product" is "/products/{product}" there. */
static void
path_template(struct buf *b, const char *path)
{
    buf_char(b, '"');
    for (; *path != '\0'; path++) {
        size_t n = *path == ':' ? strcspn(path, "/") : 0;

        if (n == 0) {
            buf_char(b, *path);
        } else {
            buf_format(b, "{%.*s}", (int) n - 1, path + 1);
            path += n - 1;
        }
    }
    buf_str(b, "\":{");
}


/* Tables may have the methods of one path apart. */
static void
path_item(struct walk *w, const struct domain *d, const struct route *r)
{
    struct item item = { { w->b, w->list, true }, r, false, false };

    (void) d;
    each_route(&item.walk, find_earlier);
    if (item.earlier)
        return;

    if (!w->first)
        buf_char(w->b, ',');
    w->first = false;
    path_template(w->b, r->path);
    each_route(&item.walk, method_of_path);
    buf_char(w->b, '}');
}


/* The dialect is named, so that a reader of schemas need not guess it; servers
 * is the host that the document came from, whatever its name is. */
void
openapi_make(struct buf *b, const struct domain *const *list)
{
    struct walk w = { b, list, true };

    buf_str(b, "{\"openapi\":\"3.1.0\",\"jsonSchemaDialect\":"
               "\"https://json-schema.org/draft/2020-12/schema\","
               "\"info\":{\"title\":\"Shop\",\"version\":\"" SHOP_VERSION
               "\",\"license\":{\"name\":\"BSD-2-Clause\",\"identifier\":"
               "\"BSD-2-Clause\"}},\"servers\":[{\"url\":\"/\"}],"
               "\"paths\":{");
    each_route(&w, path_item);
    buf_str(b, "},\"components\":{\"schemas\":{");
    buf_str(b, openapi_problem);
    openapi_schemas(b, list);
    buf_str(b, "},\"responses\":{\"Host\":");
    openapi_host(b);
    buf_str(b, "},");
    buf_str(b, openapi_common);
    buf_str(b, "}}");
}


/* A worker makes it when it is first asked for, in a millisecond or two; who
 * has asked once has it in the cache of his own, by its ETag. */
const char *
openapi_document(size_t *n)
{
    static char   *kept;
    static size_t  size;
    struct arena   a = { 0 };
    struct buf     b;

    if (kept == NULL) {
        buf_init(&b, &a, 65536);
        openapi_make(&b, domains);
        kept = b.failed ? NULL : shop_env.alloc(b.len);
        if (kept != NULL)
            memcpy(kept, b.data, size = b.len);
        arena_reset(&a);
    }

    *n = size;
    return kept;
}
