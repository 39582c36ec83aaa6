/*
 * catalog_api.c - the catalogue as a storefront sees it.
 *
 * Statements that do not wait for each other are started together and share a
 * round trip.
 */
#include "catalog/catalog.h"

#include "catalog/catalog.sql.h"
#include "catalog/catalog_admin.h"

/* Clients and search engines forget what is gone, and ask again for what was
 * not found. */
static const struct problem gone = {
    410, "gone", "This was here, and is not any more.",
};

static const struct problem *const may_be_gone[] = { &gone, NULL };

struct availability_query {
    uuid  variant;
};

static const struct field availability_query[] = {
    SHAPE(availability_query, "AvailabilityQuery"),
    FIELD(availability_query, variant, UUID, .prefix = "var",
          .doc = "Of this variant alone"),
    END_SHAPE
};


/* What an answer is made from; a product's own tag comes beside. */
static const char *const list_tags[] = {
    "products", "categories", "store", NULL
};
static const char *const own_tags[] = {
    "categories", "store", NULL
};


/* Before anything is read: a change that comes in between must make the answer
 * stale. */
static void
made_from(struct request *rq, const char *const *tags)
{
    for (; *tags != NULL; tags++)
        tag(rq, *tags);
}


/* Prices change by themselves when their time comes. */
static void
good_until(struct request *rq, struct query *q)
{
    const struct price_term *term = rows_prices_until(rq, q);

    valid_for(rq, term == NULL ? INT_NONE : term->seconds);
}


/* --- finding ------------------------------------------------------------- */


/* A slug may hold any letter; an address holds bytes of ASCII. */
static const char *
percent_encoded(struct request *rq, const char *text)
{
    char *out = alloc(rq, strlen(text) * 3 + 1), *at = out;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (c >= 0x80 || strchr("\"<>\\^`{|}", c) != NULL) {
            *at++ = '%';
            *at++ = "0123456789ABCDEF"[c >> 4];
            *at++ = "0123456789ABCDEF"[c & 15];
        } else {
            *at++ = *text;
        }
    }

    return out;
}


/* Its tags come first: what is read under a slug is true until that slug is
 * taken, given up or leads elsewhere. */
static const struct slug_ref *
found_by(struct request *rq, const char *kind, const char *slug)
{
    const struct context  *c = context(rq);
    const struct slug_ref *ref;

    tag(rq, text_of(rq, "slug:%s:%s", kind, slug));
    tag(rq, "slug:*");
    ref = sql_by_slug(rq, kind, slug, c->channel_id, c->locale, c->fallback);
    if (ref == NULL)
        fail(rq, &not_found);

    return ref;
}


/* What a path names, by id or by slug; the answer has its tag.  For what moved
 * it is staged already: the same part (`below`) of its new address. */
static bool
named(struct request *rq, const char *kind, const char *prefix,
      const char *folder, const char *below, uuid *out)
{
    const char            *name = path_text(rq, kind);
    const struct slug_ref *ref;

    /* Every id has an underscore, and no slug has. */
    if (strchr(name, '_') != NULL) {
        *out = path_id(rq, kind, prefix);
        if (uuid_is_none(*out))
            fail(rq, &not_found);       /* no parameter, no piece of a list  */
        tag_id(rq, kind, *out);
        return true;
    }

    ref = found_by(rq, kind, name);
    tag_id(rq, kind, ref->id);
    if (ref->moved_to != NULL)
        reply_redirect(rq, 301, text_of(rq, "/api/v1/%s/%s%s", folder,
                                        percent_encoded(rq, ref->moved_to),
                                        below));

    *out = ref->id;
    return ref->moved_to == NULL;
}


static bool
product_named(struct request *rq, const char *below, uuid *out)
{
    made_from(rq, own_tags);
    return named(rq, "product", "prod", "products", below, out);
}


/* The row of a thing that must be there: drafts are not, as if they had never
 * been; of what is archived it may be said that it was. */
static void
check_status(struct request *rq, const char *status)
{
    if (status == NULL)
        fail(rq, &not_found);
    if (strcmp(status, "archived") == 0)
        fail(rq, &gone);
}


/* --- products ------------------------------------------------------------- */


/* GET /api/v1/products - one statement, made of the pieces that the search
 * needs, and the time until which prices hold */
static void
product_list(struct request *rq)
{
    struct product_search *s = alloc(rq, sizeof(*s));
    struct product_card   *cards;
    struct query           list, until;
    size_t                 n;

    made_from(rq, list_tags);
    *s = product_search_of(query(rq, product_filter), context(rq), page(rq));
    start_products(rq, &list, s);
    start_prices_until(rq, &until);

    cards = rows_products(rq, &list, &n);
    good_until(rq, &until);
    reply_page(rq, product_card, cards, n);
}


/* One more than is shown was asked for. */
static void
take_variants(struct request *rq, struct query *q, struct product *p)
{
    p->variants.v = rows_variants(rq, q, &p->variants.n);
    p->more_variants = p->variants.n > PRODUCT_VARIANTS;
    if (p->more_variants)
        p->variants.n = PRODUCT_VARIANTS;
}


/* GET /api/v1/products/:product - all of it in one round trip */
static void
product_show(struct request *rq)
{
    static const struct variant_filter  all = { NULL, NULL, NULL };
    const struct context *c = context(rq);
    struct query          one, options, variants, pictures, path, until,
                          others;
    struct product       *p;
    uuid                  id;

    if (!product_named(rq, "", &id))
        return;

    start_product(rq, &one, id, c->channel_id, c->locale, c->fallback);
    start_options(rq, &options, id, c->locale);
    start_variants(rq, &variants, &all, id, c->channel_id, c->locale,
                   c->currency, NULL, NULL, PRODUCT_VARIANTS + 1);
    start_media(rq, &pictures, id);
    start_breadcrumb(rq, &path, id, UUID_NONE, c->channel_id, c->locale,
                     c->fallback);
    start_alternates(rq, &others, "product", id, c->channel_id);
    start_prices_until(rq, &until);

    p = rows_product(rq, &one);
    check_status(rq, p == NULL ? NULL : p->status);

    p->options.v = rows_options(rq, &options, &p->options.n);
    take_variants(rq, &variants, p);
    p->media.v = rows_media(rq, &pictures, &p->media.n);
    p->breadcrumb.v = rows_breadcrumb(rq, &path, &p->breadcrumb.n);
    p->alternates.v = rows_alternates(rq, &others, &p->alternates.n);
    good_until(rq, &until);

    reply(rq, 200, product, p);
}


/* GET /api/v1/products/:product/variants - in pages, as there may be
 * thousands */
static void
variant_list(struct request *rq)
{
    const struct context      *c = context(rq);
    const struct page         *p = page(rq);
    bool                       more = p->after.n == 2;
    const struct owner_status *owner;
    struct variant            *rows;
    struct query               status, variants, until;
    uuid                       id;
    size_t                     n;

    if (!product_named(rq, "/variants", &id))
        return;

    start_product_status(rq, &status, id);
    start_variants(rq, &variants, query(rq, variant_filter), id,
                   c->channel_id, c->locale, c->currency,
                   more ? p->after.v[0] : NULL, more ? p->after.v[1] : NULL,
                   p->limit);
    start_prices_until(rq, &until);

    owner = rows_product_status(rq, &status);
    check_status(rq, owner == NULL ? NULL : owner->status);
    rows = rows_variants(rq, &variants, &n);
    good_until(rq, &until);
    reply_page(rq, variant, rows, n);
}


/* GET /api/v1/products/:product/availability - by ids alone, as whoever asks
 * has seen the product; and never from the cache, as he wants to know now */
static void
availability_show(struct request *rq)
{
    const struct availability_query *in = query(rq, availability_query);
    struct availability             *rows;
    uuid                             id = path_id(rq, "product", "prod");
    size_t                           n;

    rows = sql_availability(rq, id, in->variant, &n);
    check_status(rq, n == 0 ? NULL : rows[0].product_status);

    /* The product's row came without a variant: it has none, or not that. */
    if (uuid_is_none(rows[0].variant_id)) {
        if (!uuid_is_none(in->variant))
            fail(rq, &not_found);
        n = 0;
    }
    reply_list(rq, availability, rows, n);
}


/* Rows to letters; they lie where the rows do. */
static const char *
cells_of(struct request *rq, struct query *of_values, struct query *of_variants)
{
    struct matrix_value   *values;
    struct matrix_variant *variants;
    size_t                 n, n_variants;
    int64_t                cells;
    char                  *letters;

    values = rows_matrix_values(rq, of_values, &n);
    variants = rows_matrix_variants(rq, of_variants, &n_variants);
    cells = matrix_number(values, n);
    if (cells > MATRIX_CELLS)
        return NULL;

    letters = alloc(rq, (size_t) cells + 1);
    matrix_fill(letters, cells, values, n, variants, n_variants);
    return letters;
}


/* GET /api/v1/products/:product/matrix - the same for who lets choose option by
 * option: one round trip and a letter a combination, not a line a variant */
static void
matrix_show(struct request *rq)
{
    uuid                       id = path_id(rq, "product", "prod");
    struct query               status, options, values, variants;
    struct matrix              m = { { 0, NULL }, NULL };
    const struct owner_status *owner;

    start_product_status(rq, &status, id);
    start_options(rq, &options, id, context(rq)->locale);
    start_matrix_values(rq, &values, id);
    start_matrix_variants(rq, &variants, id);

    owner = rows_product_status(rq, &status);
    check_status(rq, owner == NULL ? NULL : owner->status);
    m.options.v = rows_options(rq, &options, &m.options.n);
    m.cells = cells_of(rq, &values, &variants);
    reply(rq, 200, matrix, &m);
}


/* --- categories ----------------------------------------------------------- */


/* GET /api/v1/categories - whole: a menu needs all of it, and caches keep it */
static void
category_list(struct request *rq)
{
    const struct context *c = context(rq);
    struct category      *all;
    size_t                n;

    made_from(rq, own_tags);
    all = sql_categories(rq, UUID_NONE, c->channel_id, c->locale, c->fallback,
                         &n);
    reply_list(rq, category, all, n);
}


/* GET /api/v1/categories/:category - with the way to it and what lies under
 * it, so that a page of it needs no second request */
static void
category_show(struct request *rq)
{
    const struct context   *c = context(rq);
    struct query            one, path, children, others;
    struct category_detail *d;
    uuid                    id;

    made_from(rq, own_tags);
    if (!named(rq, "category", "cat", "categories", "", &id))
        return;

    start_category_detail(rq, &one, id, c->channel_id, c->locale,
                          c->fallback);
    start_breadcrumb(rq, &path, UUID_NONE, id, c->channel_id, c->locale,
                     c->fallback);
    start_categories(rq, &children, id, c->channel_id, c->locale,
                     c->fallback);
    start_alternates(rq, &others, "category", id, c->channel_id);

    d = rows_category_detail(rq, &one);
    check_status(rq, d == NULL ? NULL : d->status);

    d->breadcrumb.v = rows_breadcrumb(rq, &path, &d->breadcrumb.n);
    d->children.v = rows_categories(rq, &children, &d->children.n);
    d->alternates.v = rows_alternates(rq, &others, &d->alternates.n);
    reply(rq, 200, category_detail, d);
}


/* --- routes --------------------------------------------------------------- */


/* As the merchant has put them; a cursor needs an order, and this is the one
 * that has an index. */
static const char *const variant_sorts[] = { "position", NULL };

static const struct route catalog_routes[] = {
    { GET, "/api/v1/products", product_list, PUBLIC, PAGED | CACHED,
      .axes = BY_LOCALE | BY_CURRENCY, .query = product_filter,
      .view = product_card, .sorts = product_sorts,
      .summary = "Products; by price only those that have one" },
    { GET, "/api/v1/products/:product", product_show, PUBLIC, MOVES | CACHED,
      .axes = BY_LOCALE | BY_CURRENCY, .view = product,
      .problems = may_be_gone, .summary = "One product, by id or slug" },
    { GET, "/api/v1/products/:product/variants", variant_list, PUBLIC,
      PAGED | MOVES | CACHED, .axes = BY_LOCALE | BY_CURRENCY,
      .query = variant_filter, .view = variant, .sorts = variant_sorts,
      .problems = may_be_gone,
      .summary = "The variants of a product" },
    { GET, "/api/v1/products/:product/availability", availability_show,
      PUBLIC, WHOLE_LIST, .query = availability_query, .view = availability,
      .problems = may_be_gone,
      .summary = "Which variants of a product can be bought" },
    { GET, "/api/v1/products/:product/matrix", matrix_show, PUBLIC,
      .axes = BY_LOCALE, .view = matrix, .problems = may_be_gone,
      .summary = "Which combinations of options can be bought" },
    { GET, "/api/v1/categories", category_list, PUBLIC, WHOLE_LIST | CACHED,
      .axes = BY_LOCALE, .view = category,
      .summary = "The tree of categories, parents first" },
    { GET, "/api/v1/categories/:category", category_show, PUBLIC,
      MOVES | CACHED, .axes = BY_LOCALE, .view = category_detail,
      .problems = may_be_gone, .summary = "One category, by id or slug" },
    END_ROUTES
};

const struct domain catalog_domain = {
    "catalog", .routes = catalog_routes, .statements = catalog_statements,
    .admin_routes = catalog_admin_routes,
    .admin_statements = catalog_admin_statements,
    .constraints = catalog_constraints,
};
