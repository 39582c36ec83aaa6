/*
 * catalog_api.c - the catalogue as a storefront sees it.
 */
#include "catalog/catalog.h"

#include "catalog/catalog.sql.h"
#include "catalog/catalog_admin.h"

#define ID_FIRST  "00000000-0000-0000-0000-000000000000"
#define ID_LAST   "ffffffff-ffff-ffff-ffff-ffffffffffff"

static const char *const product_sorts[] = { "position", "newest", NULL };


/* What an answer is made from; a product's own tag comes beside. */
static const char *const list_tags[] = {
    "products", "categories", "slugs", "store", NULL
};
static const char *const product_tags[] = {
    "categories", "slugs", "store", NULL
};


static void
made_from(struct request *rq, const char *const *tags)
{
    for (; *tags != NULL; tags++)
        tag(rq, *tags);
}


/* GET /api/v1/products */
static void
product_list(struct request *rq)
{
    const struct product_filter *f = query(rq, product_filter);
    const struct context        *c = context(rq);
    const struct page           *p = page(rq);
    bool                         first = p->after.n != 2;
    struct product_card         *cards;
    size_t                       n;

    made_from(rq, list_tags);
    if (strcmp(p->sort, "newest") == 0)
        cards = sql_products_by_newest(
            rq, c->channel_id, c->locale, c->fallback, c->currency,
            f->category, f->tag, f->vendor,
            first ? "infinity" : p->after.v[0],
            first ? ID_LAST : p->after.v[1], p->limit, &n);
    else
        cards = sql_products_by_position(
            rq, c->channel_id, c->locale, c->fallback, c->currency,
            f->category, f->tag, f->vendor,
            first ? "" : p->after.v[0],
            first ? ID_FIRST : p->after.v[1], p->limit, &n);

    reply_page(rq, product_card, cards, n);
}


/* The product that a path names, by id or by slug; one that moved is where
 * its new slug says. */
static uuid
product_named(struct request *rq)
{
    const struct context     *c = context(rq);
    const char               *name = path_text(rq, "product");
    const struct product_ref *ref;
    uuid                      id;

    if (strncmp(name, "prod_", 5) == 0) {
        id = path_id(rq, "product", "prod");
        if (uuid_is_none(id))
            fail(rq, &not_found);       /* none means "moved" to the caller  */
        return id;
    }

    ref = sql_product_by_slug(rq, name, c->channel_id, c->locale,
                              c->fallback);
    if (ref == NULL)
        fail(rq, &not_found);
    if (ref->moved_to != NULL)
        reply_redirect(rq, 301, text_of(rq, "/api/v1/products/%s",
                                        ref->moved_to));

    return ref->moved_to != NULL ? UUID_NONE : ref->id;
}


/* GET /api/v1/products/:product - four statements in one round trip */
static void
product_show(struct request *rq)
{
    const struct context *c = context(rq);
    uuid                  id = product_named(rq);
    struct query          one, variants, pictures, path;
    struct product       *p;

    if (uuid_is_none(id))
        return;

    made_from(rq, product_tags);
    tag_id(rq, "product", id);
    start_product(rq, &one, id, c->channel_id, c->locale, c->fallback);
    start_variants(rq, &variants, id, c->channel_id, c->locale, c->currency);
    start_media(rq, &pictures, id);
    start_breadcrumb(rq, &path, id, c->channel_id, c->locale, c->fallback);

    p = rows_product(rq, &one);
    if (p == NULL)
        fail(rq, &not_found);

    p->variants.v = rows_variants(rq, &variants, &p->variants.n);
    p->media.v = rows_media(rq, &pictures, &p->media.n);
    p->breadcrumb.v = rows_breadcrumb(rq, &path, &p->breadcrumb.n);

    reply(rq, 200, product, p);
}


/* GET /api/v1/categories */
static void
category_list(struct request *rq)
{
    const struct context *c = context(rq);
    struct category      *all;
    size_t                n;

    made_from(rq, product_tags);
    all = sql_categories(rq, c->channel_id, c->locale, c->fallback, &n);
    reply_list(rq, category, all, n);
}


static const struct route catalog_routes[] = {
    { GET, "/api/v1/products", product_list, PUBLIC, PAGED | CACHED,
      .axes = BY_LOCALE | BY_CURRENCY, .query = product_filter,
      .view = product_card, .sorts = product_sorts,
      .summary = "Products, by category, tag or vendor" },
    { GET, "/api/v1/products/:product", product_show, PUBLIC, CACHED,
      .axes = BY_LOCALE | BY_CURRENCY, .view = product,
      .summary = "One product, by id or slug" },
    { GET, "/api/v1/categories", category_list, PUBLIC, CACHED,
      .axes = BY_LOCALE, .view = category,
      .summary = "The tree of categories, parents first" },
    END_ROUTES
};

const struct domain catalog_domain = {
    "catalog", .routes = catalog_routes, .statements = catalog_statements,
    .admin_routes = catalog_admin_routes,
    .admin_statements = catalog_admin_statements,
    .constraints = catalog_constraints,
};
