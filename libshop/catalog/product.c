/*
 * product.c - the rules of products, and how one is put together from its
 * tables and taken apart again.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"


/* --- reading ------------------------------------------------------------- */


/* The lock is a statement of its own, before the others in the same round
 * trip: under READ COMMITTED each of them then sees what the last holder of
 * the lock committed.  A join in the locking statement would not. */
struct staff_product *
product_hold(struct request *rq, uuid id)
{
    struct query          held, one, texts, media;
    struct staff_product *p;

    start_product_hold(rq, &held, id);
    start_staff_product(rq, &one, id, caller(rq)->channel_id);
    start_product_wordings(rq, &texts, id, caller(rq)->channel_id);
    start_staff_media(rq, &media, id);

    if (rows_product_hold(rq, &held) == NULL)
        fail(rq, &not_found);
    p = rows_staff_product(rq, &one);
    p->translations.v = rows_product_wordings(rq, &texts, &p->translations.n);
    p->media.v = rows_staff_media(rq, &media, &p->media.n);

    return p;
}


/* Eight statements in one round trip. */
static struct staff_product *
product_read(struct request *rq, uuid id)
{
    struct query           one, texts, variants, media;
    struct options_reading options;
    struct staff_product  *p;

    snapshot_begin(rq);
    start_staff_product(rq, &one, id, caller(rq)->channel_id);
    start_product_wordings(rq, &texts, id, caller(rq)->channel_id);
    options_start(rq, &options, id);
    start_staff_variants(rq, &variants, id, "0", FIRST_ID, BODY_VARIANTS_MAX);
    start_staff_media(rq, &media, id);

    p = rows_staff_product(rq, &one);
    if (p == NULL)
        fail(rq, &not_found);
    p->translations.v = rows_product_wordings(rq, &texts, &p->translations.n);
    p->options = options_end(rq, &options);
    p->variants.v = rows_staff_variants(rq, &variants, &p->variants.n);
    p->media.v = rows_staff_media(rq, &media, &p->media.n);

    return p;
}


/* A version with the contents of another would let a change be undone unseen:
 * what was not read at once is right when the version was the same before. */
struct staff_product *
product_view(struct request *rq, uuid id)
{
    const struct staff_product *before = NULL;
    struct staff_product       *p = product_read(rq, id);

    while (!snapshot_is_one(rq)
           && (before == NULL || before->version != p->version))
    {
        before = sql_staff_product(rq, id, caller(rq)->channel_id);
        if (before == NULL)
            fail(rq, &not_found);
        p = product_read(rq, id);
    }
    etag_version(rq, p->version);

    return p;
}


/* --- rules --------------------------------------------------------------- */


static bool
is_there(const struct texts *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list->v[i], text) == 0)
            return true;
    }

    return false;
}


/* How long they are the shape has said. */
static void
texts_check(struct request *rq, const struct texts *list, const char *place)
{
    for (size_t i = 0; i < list->n; i++) {
        if (is_there(list, i, list->v[i]))
            fault(rq, text_of(rq, "%s/%zu", place, i), "duplicate",
                  "is in the list already");
    }
}


/* In one product names and values are what variants are told apart by, so
 * they cannot be there twice. */
static void
options_check(struct request *rq, const struct staff_product *p)
{
    const struct staff_option *o = p->options.v;

    for (size_t i = 0; i < p->options.n; i++) {
        texts_check(rq, &o[i].values,
                    text_of(rq, "/options/%zu/values", i));
        for (size_t j = 0; j < i; j++) {
            if (strcmp(o[i].name, o[j].name) == 0)
                fault(rq, text_of(rq, "/options/%zu/name", i), "duplicate",
                      "is the name of another option");
        }
    }
}


/* A picture is known by its address, so that a patch of the whole list keeps
 * the ids to which variants refer. */
static void
media_check(struct request *rq, const struct staff_product *p)
{
    const struct staff_media *m = p->media.v;

    for (size_t i = 0; i < p->media.n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(m[i].url, m[j].url) != 0)
                continue;
            fault(rq, text_of(rq, "/media/%zu/url", i), "duplicate",
                  "is the address of another picture of the product");
            break;
        }
    }
}


/* What can be told of a body without the database, all of it at once and
 * before its HTML is parsed; a language that the shop does not speak is a
 * problem of its own.  What needs the rows of others is told by constraints,
 * one at a time. */
void
product_check(struct request *rq, const struct staff_product *p)
{
    bool good = languages_check(rq, &p->translations);

    good &= options_languages_check(rq, &p->options);
    if (!good)
        fail(rq, &unknown_language);
    texts_check(rq, &p->tags, "/tags");
    options_check(rq, p);
    variants_check(rq, p);
    media_check(rq, p);
}


/* --- writing ------------------------------------------------------------- */


/* The tags of the triggers on products and most of their parts. */
static void
product_touch(struct request *rq, uuid id)
{
    touch_id(rq, "product", id);
    touch(rq, "products");
}


/* The thing may be read when the event is: what it says is what a consumer
 * would choose by. */
static void
product_event(struct request *rq, const char *type, uuid id,
              const char *status)
{
    emit(rq, type, id_of(rq, "prod", id),
         text_of(rq, "{\"status\":\"%s\"}", status));
}


/* Values that only variants name come with those. */
static void
options_insert(struct request *rq, const struct staff_product *p)
{
    struct staff_option *o = p->options.v;

    for (size_t i = 0; i < p->options.n; i++) {
        o[i].id = new_id(rq);
        sql_option_insert(rq, &o[i], p->id, (int64_t) i + 1);
        sql_option_values_insert(rq, &o[i], p->id);
    }
}


/* What has no options has one variant all the same. */
static void
variants_insert(struct request *rq, const struct staff_product *p)
{
    struct staff_variant *v = p->variants.v;

    if (p->options.n == 0 && p->variants.n == 0)
        variant_insert_only(rq, p->id);

    for (size_t i = 0; i < p->variants.n; i++) {
        within(rq, "/variants/%zu", i);
        v[i].product_id = p->id;
        if (v[i].position == INT_NONE)
            v[i].position = (int64_t) i + 1;
        variant_insert(rq, &v[i]);
    }
    within(rq, "%s", "");
}


/* The lists are made once, at the end: left to the triggers, they would be
 * made again for each statement. */
void
product_insert(struct request *rq, const struct staff_product *p)
{
    sql_lists_by_hand(rq);
    sql_product_insert(rq, p);
    product_wordings_put(rq, p);
    options_insert(rq, p);
    variants_insert(rq, p);
    product_media_put(rq, p);
    product_categories_put(rq, p);
    sql_lists_refresh(rq, p->id);
    sql_lists_by_price_refresh(rq, p->id);
    product_touch(rq, p->id);
    product_event(rq, "product.created", p->id,
                  p->status == NULL ? "draft" : p->status);
}


/* What is archived is restored first, so that nothing is sold again by a
 * change of something else. */
void
product_update(struct request *rq, const struct staff_product *p)
{
    if (strcmp(p->status, "archived") == 0)
        fail(rq, &product_archived);

    sql_product_update(rq, p);
    product_wordings_put(rq, p);
    product_touch(rq, p->id);
    product_event(rq, "product.updated", p->id, p->status);
}


/* What is not in the list any more goes first: the places of the others are
 * then written in order. */
void
product_media_put(struct request *rq, const struct staff_product *p)
{
    const struct staff_media *m = p->media.v;
    struct texts              urls = { 0, NULL };

    urls.v = alloc(rq, p->media.n * sizeof(*urls.v) + 1);
    for (; urls.n < p->media.n; urls.n++)
        urls.v[urls.n] = m[urls.n].url;

    sql_media_keep(rq, p->id, urls);
    for (size_t i = 0; i < p->media.n; i++)
        sql_media_put(rq, &m[i], p->id, (int64_t) i + 1);
}


/* Only categories that gained or lost it are touched. */
void
product_categories_put(struct request *rq, const struct staff_product *p)
{
    struct found_id *changed;
    size_t       n;

    changed = sql_product_categories_put(rq, p->id, p->category_ids, &n);
    for (size_t i = 0; i < n; i++)
        touch_id(rq, "category", changed[i].id);
}


/* The columns that go with a status are the statement's to set. */
static void
status_set(struct request *rq, const struct staff_product *p,
           const char *status)
{
    struct staff_product changed = *p;

    changed.status = status;
    sql_product_update(rq, &changed);
    product_touch(rq, p->id);
}


void
product_archive(struct request *rq, const struct staff_product *p)
{
    if (strcmp(p->status, "archived") == 0)
        fail(rq, &product_archived);

    status_set(rq, p, "archived");
    product_event(rq, "product.archived", p->id, "archived");
}


/* To a draft: whoever brings it back looks at it before customers do. */
void
product_restore(struct request *rq, const struct staff_product *p)
{
    if (strcmp(p->status, "archived") != 0)
        fail(rq, &product_not_archived);

    status_set(rq, p, "draft");
    product_event(rq, "product.restored", p->id, "draft");
}


/* The update is the lock, too: whoever changes a part of the same product
 * waits here. */
void
product_change(struct request *rq, uuid id)
{
    const struct product_held *p = sql_product_change(rq, id);

    if (p == NULL)
        fail(rq, &not_found);
    if (strcmp(p->status, "archived") == 0)
        fail(rq, &product_archived);

    product_touch(rq, id);
}
