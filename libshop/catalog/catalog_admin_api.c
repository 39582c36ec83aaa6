/*
 * catalog_admin_api.c - products, variants and categories over HTTP, for
 * staff and machines.
 *
 * A change reads the same everywhere: lock, compare the version, lay the patch
 * over what is there, check, write, show.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"
#include "core/problem.h"

#define ADMIN  "/api/admin/v1"

static const char *const product_sorts[] = {
    "newest", "oldest", "updated", NULL
};
static const char *const position_sorts[] = { "position", NULL };


/* --- products ------------------------------------------------------------ */


/* GET /products: the keys of a page are those of every sort, the statement
 * takes what its sort needs. */
static void
product_list(struct request *rq)
{
    const struct page    *p = page(rq);
    bool                  first = p->after.n != 2;
    struct staff_product *rows;
    size_t                n;

    rows = sql_staff_products(rq, query(rq, staff_product_filter),
                              caller(rq)->channel_id, p->sort,
                              first ? NULL : p->after.v[0],
                              first ? NULL : p->after.v[1], p->limit, &n);
    reply_page(rq, staff_product, rows, n);
}


/* GET /products/:product */
static void
product_show(struct request *rq)
{
    uuid id = path_id(rq, "product", "prod");

    reply(rq, 200, staff_product, product_view(rq, id));
}


/* POST /products: the HTML waits for a thread, so it is cleaned before the
 * transaction begins, and last, as nothing costs more; categories are locked
 * before the product is there. */
static void
product_create(struct request *rq)
{
    struct staff_product        p = *body(rq, staff_product);
    const struct staff_product *made;

    product_check(rq, &p);
    wordings_complete(rq, "title", &p.text, &p.translations);
    wordings_clean(rq, &p.text, &p.translations);

    p.id = new_id(rq);
    sql_categories_share(rq, p.category_ids);
    product_insert(rq, &p);

    made = product_view(rq, p.id);
    reply_created(rq, staff_product, made,
                  text_of(rq, ADMIN "/products/%s",
                          id_of(rq, "prod", p.id)));
}


/* PATCH /products/:product: a list that is not named is not written either,
 * so that a change of the title costs no look at pictures and categories. */
static void
product_edit(struct request *rq)
{
    struct staff_product  in = *body(rq, staff_product);
    uuid                  id = path_id(rq, "product", "prod");
    struct staff_product *p;

    product_check(rq, &in);
    wordings_clean(rq, &in.text, &in.translations);

    sql_categories_share(rq, in.category_ids);
    p = product_hold(rq, id);
    check_version(rq, p->version);
    patch(rq, staff_product_patch, p);
    wordings_lay(&in.text, &in.translations, &p->text, &p->translations);
    wordings_complete(rq, "title", &p->text, &p->translations);
    faults_check(rq);

    product_update(rq, p);
    if (request_has(rq, "options"))
        product_options_put(rq, p);
    if (request_has(rq, "media"))
        product_media_put(rq, p);
    if (request_has(rq, "category_ids"))
        product_categories_put(rq, p);

    reply(rq, 200, staff_product, product_view(rq, id));
}


/* What POST /products/:product/archive and /restore have in common. */
static void
product_step(struct request *rq, void (*step)(struct request *rq,
                                              const struct staff_product *p))
{
    uuid                  id = path_id(rq, "product", "prod");
    struct staff_product *p = product_hold(rq, id);

    check_version(rq, p->version);
    step(rq, p);
    reply(rq, 200, staff_product, product_view(rq, id));
}


/* POST /products/:product/archive: orders keep what they say of it. */
static void
archive_product(struct request *rq)
{
    product_step(rq, product_archive);
}


/* POST /products/:product/restore */
static void
restore_product(struct request *rq)
{
    product_step(rq, product_restore);
}


/* --- variants ------------------------------------------------------------ */


/* GET /products/:product/variants: whether the product is there is asked in
 * the same round trip; an empty list would not tell. */
static void
variant_list(struct request *rq)
{
    const struct page    *p = page(rq);
    bool                  first = p->after.n != 2;
    uuid                  id = path_id(rq, "product", "prod");
    struct query          product, list;
    struct staff_variant *rows;
    size_t                n;

    start_staff_product(rq, &product, id, caller(rq)->channel_id);
    start_staff_variants(rq, &list, id,
                         first ? "0" : p->after.v[0],
                         first ? FIRST_ID : p->after.v[1], p->limit);
    if (rows_staff_product(rq, &product) == NULL)
        fail(rq, &not_found);
    rows = rows_staff_variants(rq, &list, &n);
    reply_page(rq, staff_variant, rows, n);
}


/* GET /variants/:variant */
static void
variant_show(struct request *rq)
{
    uuid id = path_id(rq, "variant", "var");

    reply(rq, 200, staff_variant, variant_view(rq, id));
}


/* POST /products/:product/variants: the product is locked, so that counting
 * its variants and finding the last place hold. */
static void
variant_create(struct request *rq)
{
    struct staff_variant v = *body(rq, staff_variant);

    v.product_id = path_id(rq, "product", "prod");
    product_change(rq, v.product_id);
    variant_insert(rq, &v);

    reply_created(rq, staff_variant, variant_view(rq, v.id),
                  text_of(rq, ADMIN "/variants/%s", id_of(rq, "var", v.id)));
}


/* PATCH /variants/:variant */
static void
variant_edit(struct request *rq)
{
    uuid                  id = path_id(rq, "variant", "var");
    struct staff_variant *v = variant_hold(rq, id);

    check_version(rq, v->version);
    patch(rq, staff_variant, v);
    variant_update(rq, v);

    reply(rq, 200, staff_variant, variant_view(rq, id));
}


/* What POST /variants/:variant/archive and /restore have in common. */
static void
variant_step(struct request *rq, void (*step)(struct request *rq,
                                              const struct staff_variant *v))
{
    uuid                  id = path_id(rq, "variant", "var");
    struct staff_variant *v = variant_hold(rq, id);

    check_version(rq, v->version);
    step(rq, v);
    reply(rq, 200, staff_variant, variant_view(rq, id));
}


/* POST /variants/:variant/archive */
static void
archive_variant(struct request *rq)
{
    variant_step(rq, variant_archive);
}


/* POST /variants/:variant/restore */
static void
restore_variant(struct request *rq)
{
    variant_step(rq, variant_restore);
}


/* --- categories ---------------------------------------------------------- */


/* GET /categories: the whole tree in pages, so that who reads them in order
 * always knows a category's parent already. */
static void
category_list(struct request *rq)
{
    const struct page     *p = page(rq);
    bool                   first = p->after.n != 3;
    struct staff_category *rows;
    size_t                 n;

    rows = sql_staff_categories(rq, query(rq, staff_category_filter),
                                caller(rq)->channel_id,
                                first ? "0" : p->after.v[0],
                                first ? "" : p->after.v[1],
                                first ? FIRST_ID : p->after.v[2], p->limit,
                                &n);
    reply_page(rq, staff_category, rows, n);
}


/* GET /categories/:category */
static void
category_show(struct request *rq)
{
    uuid id = path_id(rq, "category", "cat");

    reply(rq, 200, staff_category, category_view(rq, id));
}


/* POST /categories */
static void
category_create(struct request *rq)
{
    struct staff_category c = *body(rq, staff_category);

    if (!languages_check(rq, &c.translations))
        fail(rq, &unknown_language);
    wordings_complete(rq, "name", &c.text, &c.translations);
    wordings_clean(rq, &c.text, &c.translations);

    c.id = new_id(rq);
    category_insert(rq, &c);

    reply_created(rq, staff_category, category_view(rq, c.id),
                  text_of(rq, ADMIN "/categories/%s",
                          id_of(rq, "cat", c.id)));
}


/* PATCH /categories/:category: naming a parent or a place moves it, by the
 * same rules as /move. */
static void
category_edit(struct request *rq)
{
    struct staff_category  in = *body(rq, staff_category);
    uuid                   id = path_id(rq, "category", "cat");
    struct staff_category *c;
    uuid                   parent;

    if (!languages_check(rq, &in.translations))
        fail(rq, &unknown_language);
    wordings_clean(rq, &in.text, &in.translations);

    c = category_hold(rq, id);
    parent = c->parent_id;
    check_version(rq, c->version);
    patch(rq, staff_category_patch, c);
    wordings_lay(&in.text, &in.translations, &c->text, &c->translations);
    wordings_complete(rq, "name", &c->text, &c->translations);
    faults_check(rq);

    category_update(rq, c, parent);
    reply(rq, 200, staff_category, category_view(rq, id));
}


/* POST /categories/:category/move: says all of the place and nothing else, so
 * it needs no If-Match; who sends one is held to it. */
static void
move_category(struct request *rq)
{
    const struct staff_category *in = body(rq, staff_category);
    uuid                         id = path_id(rq, "category", "cat");
    struct staff_category       *c = category_hold(rq, id);
    uuid                         parent = c->parent_id;

    check_version(rq, c->version);
    c->parent_id = in->parent_id;
    c->place = in->place;
    category_move(rq, c, parent);

    reply(rq, 200, staff_category, category_view(rq, id));
}


/* What POST /categories/:category/archive and /restore have in common. */
static void
category_step(struct request *rq, void (*step)(struct request *rq,
                                               const struct staff_category *))
{
    uuid                   id = path_id(rq, "category", "cat");
    struct staff_category *c = category_hold(rq, id);

    check_version(rq, c->version);
    step(rq, c);
    reply(rq, 200, staff_category, category_view(rq, id));
}


/* POST /categories/:category/archive */
static void
archive_category(struct request *rq)
{
    category_step(rq, category_archive);
}


/* POST /categories/:category/restore */
static void
restore_category(struct request *rq)
{
    category_step(rq, category_restore);
}


/* GET /categories/:category/products: its own, drafts too, as they are sorted
 * here; what lies below is sorted there. */
static void
category_product_list(struct request *rq)
{
    const struct page    *p = page(rq);
    bool                  more = p->after.n == 2;
    uuid                  id = path_id(rq, "category", "cat");
    struct query          category, list;
    struct staff_product *rows;
    size_t                n;

    start_staff_category(rq, &category, id, caller(rq)->channel_id);
    start_category_products(rq, &list, id, caller(rq)->channel_id,
                            more ? p->after.v[0] : NULL,
                            more ? p->after.v[1] : NULL, p->limit);
    if (rows_staff_category(rq, &category) == NULL)
        fail(rq, &not_found);
    rows = rows_category_products(rq, &list, &n);
    reply_page(rq, staff_product, rows, n);
}


/* POST /categories/:category/products/:product/move: says all of the place and
 * names a neighbour, not a number, so it needs no version. */
static void
move_category_product(struct request *rq)
{
    const struct product_place *in = body(rq, product_place);
    uuid                        category = path_id(rq, "category", "cat");
    uuid                        id = path_id(rq, "product", "prod");

    if (!request_has(rq, "after") && !request_has(rq, "before"))
        fault(rq, "/after", "required", "must be given, or before");
    if (request_has(rq, "after") && request_has(rq, "before"))
        fault(rq, "/before", "excluded", "cannot stand beside after");
    faults_check(rq);

    category_place(rq, category, id, in);
    reply_none(rq);
}


/* --- routes -------------------------------------------------------------- */

static const struct problem *const product_problems[] = {
    &slug_taken, &sku_taken, &combination_taken, &option_in_use,
    &product_archived, &unknown_language, &unknown_category, NULL
};
static const struct problem *const product_step_problems[] = {
    &product_archived, &product_not_archived, NULL
};
static const struct problem *const variant_problems[] = {
    &sku_taken, &combination_taken, &too_many_variants, &unknown_media,
    &product_archived, &variant_archived, NULL
};
static const struct problem *const variant_step_problems[] = {
    &product_archived, &variant_archived, &variant_not_archived,
    &variant_is_only, &combination_taken, NULL
};
static const struct problem *const category_problems[] = {
    &slug_taken, &unknown_language, &unknown_category, &category_cycle,
    &category_too_deep, &category_archived, NULL
};
static const struct problem *const category_step_problems[] = {
    &category_has_children, &category_archived, &category_not_archived, NULL
};

static const struct problem *const place_problems[] = {
    &unknown_product, &category_archived, NULL
};

static const struct problem *const table_problems[] = {
    &unknown_currency, &unknown_locale, NULL
};

const struct route catalog_admin_routes[] = {
    { GET, ADMIN "/products", product_list, MAY(products_read),
      PAGED | BRIEF, .query = staff_product_filter, .view = staff_product,
      .sorts = product_sorts,
      .summary = "Products, drafts and archived ones too" },
    { POST, ADMIN "/products", product_create, MAY(products_write),
      TX | ONCE | LANGUAGES, .status = 201, .body = staff_product_new,
      .view = staff_product,
      .problems = product_problems,
      .summary = "Make a product with its options and variants" },
    { GET, ADMIN "/products/export.csv", products_export_csv,
      MAY(products_read), STREAM, .cost = 10, .query = export_table_query,
      .problems = table_problems, .media_type = "text/csv",
      .summary = "All products as a table, in the form that Shopify exports" },
    { GET, ADMIN "/products/export.ndjson", products_export_ndjson,
      MAY(products_read), STREAM, .cost = 10, .query = export_query,
      .media_type = "application/x-ndjson",
      .summary = "All products, one a line as GET of one answers" },
    { GET, ADMIN "/products/:product", product_show, MAY(products_read),
      .view = staff_product, .summary = "One product with all its parts" },
    { PATCH, ADMIN "/products/:product", product_edit, MAY(products_write),
      TX | ONCE | IF_MATCH | LANGUAGES, .body = staff_product_patch,
      .view = staff_product,
      .problems = product_problems, .summary = "Change a product" },
    { POST, ADMIN "/products/:product/archive", archive_product,
      MAY(products_write), TX | ONCE, .view = staff_product,
      .problems = product_step_problems,
      .summary = "Take a product out of the shop for good" },
    { POST, ADMIN "/products/:product/restore", restore_product,
      MAY(products_write), TX | ONCE, .view = staff_product,
      .problems = product_step_problems,
      .summary = "Make a draft of an archived product" },

    { GET, ADMIN "/products/:product/variants", variant_list,
      MAY(products_read), PAGED, .view = staff_variant,
      .sorts = position_sorts, .summary = "The variants of a product" },
    { POST, ADMIN "/products/:product/variants", variant_create,
      MAY(products_write), TX | ONCE, .status = 201, .body = staff_variant,
      .view = staff_variant, .problems = variant_problems,
      .summary = "Add a variant to a product" },
    { GET, ADMIN "/variants/:variant", variant_show, MAY(products_read),
      .view = staff_variant, .summary = "One variant" },
    { PATCH, ADMIN "/variants/:variant", variant_edit, MAY(products_write),
      TX | ONCE | IF_MATCH, .body = staff_variant, .view = staff_variant,
      .problems = variant_problems, .summary = "Change a variant" },
    { POST, ADMIN "/variants/:variant/archive", archive_variant,
      MAY(products_write), TX | ONCE, .view = staff_variant,
      .problems = variant_step_problems, .summary = "Archive a variant" },
    { POST, ADMIN "/variants/:variant/restore", restore_variant,
      MAY(products_write), TX | ONCE, .view = staff_variant,
      .problems = variant_step_problems,
      .summary = "Bring an archived variant back" },

    { GET, ADMIN "/categories", category_list, MAY(categories_read),
      PAGED | BRIEF, .query = staff_category_filter, .view = staff_category,
      .sorts = position_sorts,
      .summary = "Categories, parents before children" },
    { POST, ADMIN "/categories", category_create, MAY(categories_write),
      TX | ONCE | LANGUAGES, .status = 201, .body = staff_category_new,
      .view = staff_category,
      .problems = category_problems, .summary = "Make a category" },
    { GET, ADMIN "/categories/:category", category_show,
      MAY(categories_read), .view = staff_category,
      .summary = "One category" },
    { PATCH, ADMIN "/categories/:category", category_edit,
      MAY(categories_write), TX | ONCE | IF_MATCH | LANGUAGES,
      .body = staff_category_patch, .view = staff_category,
      .problems = category_problems,
      .summary = "Change a category, its place too" },
    { POST, ADMIN "/categories/:category/move", move_category,
      MAY(categories_write), TX | ONCE, .body = staff_category_move,
      .view = staff_category, .problems = category_problems,
      .summary = "Move a category with all that is below it" },
    { POST, ADMIN "/categories/:category/archive", archive_category,
      MAY(categories_write), TX | ONCE, .view = staff_category,
      .problems = category_step_problems,
      .summary = "Archive a category that has none below it" },
    { POST, ADMIN "/categories/:category/restore", restore_category,
      MAY(categories_write), TX | ONCE, .view = staff_category,
      .problems = category_step_problems,
      .summary = "Bring an archived category back" },
    { GET, ADMIN "/categories/:category/products", category_product_list,
      MAY(categories_read), PAGED | BRIEF, .view = staff_product,
      .sorts = position_sorts,
      .summary = "The products of a category itself, as they are sorted" },
    { POST, ADMIN "/categories/:category/products/:product/move",
      move_category_product, MAY(categories_write), TX | ONCE, .status = 204,
      .body = product_place, .problems = place_problems,
      .summary = "Move a product within a category" },
    END_ROUTES
};
