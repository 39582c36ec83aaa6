/*
 * variant.c - the rules of variants: one value of each option, no combination
 * and no SKU twice.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"


/* --- within one body ----------------------------------------------------- */


static bool
same_texts(const struct texts *a, const struct texts *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->v[i], b->v[i]) == 0;

    return same;
}


static void
twice(struct request *rq, size_t i, const char *member, const char *what)
{
    fault(rq, text_of(rq, "/variants/%zu/%s", i, member), "duplicate", what);
}


/* With each before it: a body has 250 of them at most.  Variants of the shop
 * that have the SKU are found by its constraint. */
static void
compare(struct request *rq, const struct staff_variant *v, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (v[i].sku != NULL && v[j].sku != NULL
            && strcmp(v[i].sku, v[j].sku) == 0)
            twice(rq, i, "sku", "is the SKU of another variant");
        if (same_texts(&v[i].options, &v[j].options))
            twice(rq, i, "options", "are the options of another variant");
    }
}


/* A product without options has exactly one variant, which stands for it. */
void
variants_check(struct request *rq, const struct staff_product *p)
{
    const struct staff_variant *v = p->variants.v;

    if (p->options.n == 0 && p->variants.n > 1) {
        fault(rq, "/variants", "too_many_items",
              "may be one only, as the product has no options");
        return;
    }
    for (size_t i = 0; i < p->variants.n; i++) {
        const char *at = text_of(rq, "/variants/%zu", i);

        if (v[i].options.n != p->options.n)
            fault(rq, text_of(rq, "%s/options", at), "wrong_number",
                  "must be one value of each option");
        if (!uuid_is_none(v[i].media_id))
            fault(rq, text_of(rq, "%s/media_id", at), "unknown",
                  "has no id yet: set it when the product is there");
        compare(rq, v, i);
    }
}


/* --- reading ------------------------------------------------------------- */


struct staff_variant *
variant_view(struct request *rq, uuid id)
{
    struct staff_variant *v = sql_staff_variant(rq, id);

    if (v == NULL)
        fail(rq, &not_found);
    etag_version(rq, v->version);

    return v;
}


/* Whose it is never changes, so it is read before anything is locked; the
 * product's lock is every variant's. */
struct staff_variant *
variant_hold(struct request *rq, uuid id)
{
    const struct staff_variant *v = variant_view(rq, id);

    product_change(rq, v->product_id);
    sql_variant_hold(rq, id);
    return sql_staff_variant(rq, id);
}


/* --- writing ------------------------------------------------------------- */


/* Values by name to values by id. */
static const struct variant_values *
find_values(struct request *rq, struct staff_variant *v)
{
    const struct variant_values *found;

    found = sql_variant_values(rq, v->product_id, v->options);
    if (found->n_options != (int64_t) v->options.n)
        fault(rq, "/options", "wrong_number",
              text_of(rq, "must be one value of each of the %lld options",
                      (long long) found->n_options));
    faults_check(rq);
    v->value_ids = found->value_ids;

    return found;
}


/* The product is named, too, for those who keep products whole. */
static void
variant_event(struct request *rq, const char *type,
              const struct staff_variant *v)
{
    emit(rq, type, id_of(rq, "var", v->id),
         text_of(rq, "{\"product_id\":\"%s\"}",
                 id_of(rq, "prod", v->product_id)));
}


/* In a product that this transaction has locked or made. */
void
variant_insert(struct request *rq, struct staff_variant *v)
{
    const struct variant_values *found = find_values(rq, v);

    if (found->n_variants >= PRODUCT_VARIANTS_MAX)
        fail(rq, &too_many_variants);

    v->id = new_id(rq);
    sql_variant_insert(rq, v);
    variant_event(rq, "variant.created", v);
}


void
variant_insert_only(struct request *rq, uuid product)
{
    struct staff_variant only = {
        .product_id = product, .position = 1, .weight_grams = INT_NONE,
        .taxable = true, .requires_shipping = true, .in_stock = true,
    };

    variant_insert(rq, &only);
}


/* Options may change, too: a combination that another has is refused by its
 * constraint. */
void
variant_update(struct request *rq, struct staff_variant *v)
{
    if (strcmp(v->status, "archived") == 0)
        fail(rq, &variant_archived);

    find_values(rq, v);
    sql_variant_update(rq, v);
    variant_event(rq, "variant.updated", v);
}


/* Whether it may go is decided by the statement that does it. */
void
variant_archive(struct request *rq, const struct staff_variant *v)
{
    if (strcmp(v->status, "archived") == 0)
        fail(rq, &variant_archived);
    if (sql_variant_archive(rq, v->id) == 0)
        fail(rq, &variant_is_only);
    variant_event(rq, "variant.archived", v);
}


/* Its combination is still its own: the constraint counts archived ones. */
void
variant_restore(struct request *rq, const struct staff_variant *v)
{
    struct staff_variant changed = *v;

    if (strcmp(v->status, "archived") != 0)
        fail(rq, &variant_not_archived);

    changed.status = "active";
    sql_variant_update(rq, &changed);
    variant_event(rq, "variant.restored", v);
}
