/*
 * price.c - the rules of prices and price lists.
 *
 * That prices of a list do not overlap, and are in its currency, the database
 * sees to: no two transactions can be seen from here at once.
 */
#include "pricing/pricing.h"

#include "pricing/pricing.sql.h"

/* The list that the first migration made. */
static const uuid default_list = {
    { 0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 3 }
};


/* --- prices -------------------------------------------------------------- */


/* A former price that is not above the present one would mislead customers;
 * the database only knows that it is an amount. */
void
price_check(struct request *rq, const struct price *p, const char *place)
{
    if (p->compare_at != INT_NONE && p->compare_at <= p->price.amount)
        fault(rq, text_of(rq, "%s/compare_at", place), "not_above_price",
              "must be above the price, or null");
    if (p->valid_from.us != STAMP_NONE.us
        && p->valid_until.us != STAMP_NONE.us
        && p->valid_until.us <= p->valid_from.us)
        fault(rq, text_of(rq, "%s/valid_until", place), "not_after_start",
              "must be after valid_from");
}


/* In the order of locks: lists, product, prices. */
static void
surroundings_hold(struct request *rq, struct uuids lists, uuid variant)
{
    size_t             n;
    const struct found_id *product;

    sql_price_lists_share(rq, lists, &n);
    product = sql_product_of_variant(rq, variant);
    if (product == NULL)
        fail_at(rq, &unknown_variant, "/variant_id", unknown_variant.title);

    touch_id(rq, "product", product->id);
    touch(rq, "products");
}


/* Whose it is never changes, so it is read before anything is locked; one that
 * was never meant may be deleted meanwhile. */
struct price *
price_hold(struct request *rq, uuid id)
{
    struct price *p = sql_price(rq, id);

    if (p == NULL)
        fail(rq, &not_found);
    surroundings_hold(rq, (struct uuids) { 1, &p->price_list_id },
                      p->variant_id);

    p = sql_price_hold(rq, id);
    if (p == NULL)
        fail(rq, &not_found);

    return p;
}


/* What the price is for; how much it is now, whoever hears of it reads. */
static void
price_event(struct request *rq, const char *type, const struct price *p)
{
    emit(rq, type, id_of(rq, "price", p->id),
         text_of(rq, "{\"variant_id\":\"%s\",\"price_list_id\":\"%s\"}",
                 id_of(rq, "var", p->variant_id),
                 id_of(rq, "plist", p->price_list_id)));
}


/* Several at once are all made or none: a base price without its sale price
 * would be seen by customers. */
void
prices_insert(struct request *rq, uuid variant, struct list *list)
{
    struct price *p = list->v;
    struct uuids  lists = { list->n, alloc(rq, list->n * sizeof(uuid)) };

    for (size_t i = 0; i < list->n; i++) {
        price_check(rq, &p[i], text_of(rq, "/prices/%zu", i));
        if (uuid_is_none(p[i].price_list_id))
            p[i].price_list_id = default_list;
        p[i].variant_id = variant;
        p[i].id = new_id(rq);
        lists.v[i] = p[i].price_list_id;
    }
    faults_check(rq);

    surroundings_hold(rq, lists, variant);
    for (size_t i = 0; i < list->n; i++) {
        within(rq, "/prices/%zu", i);
        sql_price_insert(rq, &p[i]);
        price_event(rq, "price.created", &p[i]);
    }
}


void
price_update(struct request *rq, const struct price *p)
{
    price_check(rq, p, "");
    faults_check(rq);
    sql_price_update(rq, p);
    price_event(rq, "price.updated", p);
}


/* Closed, not deleted: what was asked for in the past can be told. */
void
price_end(struct request *rq, const struct price *p)
{
    if (sql_price_end(rq, p->id) == 0)
        fail(rq, &price_not_current);
    price_event(rq, "price.ended", p);
}


/* --- price lists --------------------------------------------------------- */


/* Currency, channel and market are the database's to know. */
void
price_list_check(struct request *rq, const struct price_list *l)
{
    if (l->starts_at.us != STAMP_NONE.us && l->ends_at.us != STAMP_NONE.us
        && l->ends_at.us <= l->starts_at.us)
        fault(rq, "/ends_at", "not_after_start", "must be after starts_at");
    faults_check(rq);
}


struct price_list *
price_list_hold(struct request *rq, uuid id)
{
    struct price_list *l = sql_price_list_hold(rq, id);

    if (l == NULL)
        fail(rq, &not_found);

    return l;
}


/* The tags of the trigger on price lists. */
static void
price_list_touch(struct request *rq)
{
    touch(rq, "store");
    touch(rq, "products");
    touch(rq, "product:*");
}


/* A code has nothing in it that JSON would want escaped. */
static void
price_list_event(struct request *rq, const char *type,
                 const struct price_list *l)
{
    emit(rq, type, id_of(rq, "plist", l->id),
         text_of(rq, "{\"code\":\"%s\"}", l->code));
}


void
price_list_insert(struct request *rq, const struct price_list *l)
{
    price_list_check(rq, l);
    sql_price_list_insert(rq, l);
    price_list_touch(rq);
    price_list_event(rq, "price_list.created", l);
}


void
price_list_update(struct request *rq, const struct price_list *l)
{
    price_list_check(rq, l);
    sql_price_list_update(rq, l);
    price_list_touch(rq);
    price_list_event(rq, "price_list.updated", l);
}
