/*
 * category.c - the rules of the tree of categories.
 *
 * Whatever changes the tree locks it as a whole, before any row: changes come
 * one after the other, so no two moves can make a cycle between them, and a
 * place among siblings is still there when it is taken.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"


/* What a category is read with, sent together with what goes before. */
struct reading {
    struct query  one;
    struct query  texts;
};


static void
reading_start(struct request *rq, struct reading *r, uuid id)
{
    start_staff_category(rq, &r->one, id, caller(rq)->channel_id);
    start_category_wordings(rq, &r->texts, id, caller(rq)->channel_id);
}


static struct staff_category *
reading_end(struct request *rq, struct reading *r)
{
    struct staff_category *c = rows_staff_category(rq, &r->one);

    if (c == NULL)
        fail(rq, &not_found);
    c->translations.v = rows_category_wordings(rq, &r->texts,
                                               &c->translations.n);
    c->place = INT_NONE;
    etag_version(rq, c->version);

    return c;
}


static struct staff_category *
category_read(struct request *rq, uuid id)
{
    struct reading r;

    snapshot_begin(rq);
    reading_start(rq, &r, id);
    return reading_end(rq, &r);
}


/* As product_view(). */
struct staff_category *
category_view(struct request *rq, uuid id)
{
    const struct staff_category *before = NULL;
    struct staff_category       *c = category_read(rq, id);

    while (!snapshot_is_one(rq)
           && (before == NULL || before->version != c->version))
    {
        before = sql_staff_category(rq, id, caller(rq)->channel_id);
        if (before == NULL)
            fail(rq, &not_found);
        c = category_read(rq, id);
    }

    return c;
}


/* The whole tree waits meanwhile, so round trips are few. */
struct staff_category *
category_hold(struct request *rq, uuid id)
{
    struct query   tree, row;
    struct reading r;

    start_categories_lock_tree(rq, &tree);
    start_category_hold(rq, &row, id);
    reading_start(rq, &r, id);

    rows_categories_lock_tree(rq, &tree);
    rows_category_hold(rq, &row);
    return reading_end(rq, &r);
}


/* The tags of the triggers on categories and their texts. */
static void
category_touch(struct request *rq, uuid id)
{
    touch_id(rq, "category", id);
    touch(rq, "categories");
    touch(rq, "products");
}


/* Those below are told of by none of their own: their paths follow. */
static void
category_event(struct request *rq, const char *type, uuid id, uuid parent)
{
    emit(rq, type, id_of(rq, "cat", id),
         uuid_is_none(parent) ? "{\"parent_id\":null}"
         : text_of(rq, "{\"parent_id\":\"%s\"}", id_of(rq, "cat", parent)));
}


/* With all below it, whose paths change too. */
static void
below_move(struct request *rq, const struct staff_category *c)
{
    struct query     moving, below;
    size_t           n;
    struct found_id *found;

    start_category_move(rq, &moving, c);
    start_categories_below(rq, &below, c->id);

    rows_category_move(rq, &moving);
    found = rows_categories_below(rq, &below, &n);
    for (size_t i = 0; i < n; i++)
        touch_id(rq, "category", found[i].id);
}


/* Nothing new below what is gone. */
static void
parent_check(struct request *rq, uuid parent)
{
    const struct category_held *p;

    if (uuid_is_none(parent))
        return;
    p = sql_category_hold(rq, parent);
    if (p == NULL)
        fail_at(rq, &unknown_category, "/parent_id", unknown_category.title);
    if (strcmp(p->status, "archived") == 0)
        fail_at(rq, &category_archived, "/parent_id",
                "The category above is archived.");
}


/* A key between its neighbours' keys: no sibling is written. */
static const char *
position_of(struct request *rq, const struct staff_category *c)
{
    return sql_category_position(rq, c->id, c->parent_id, c->place)->position;
}


/* Under the tree's lock from the first statement on, as the place is. */
void
category_insert(struct request *rq, struct staff_category *c)
{
    sql_categories_lock_tree(rq);
    parent_check(rq, c->parent_id);
    c->position = position_of(rq, c);
    sql_category_insert(rq, c);
    category_wordings_put(rq, c);
    category_touch(rq, c->id);
    category_event(rq, "category.created", c->id, c->parent_id);
}


/* Below another parent without a place: at its end.  The order of the two
 * updates is of no matter to readers, who see both or none. */
void
category_move(struct request *rq, struct staff_category *c, uuid old_parent)
{
    bool moved = !uuid_equal(c->parent_id, old_parent);

    if (strcmp(c->status, "archived") == 0)
        fail(rq, &category_archived);

    if (moved)
        parent_check(rq, c->parent_id);
    if (moved || c->place != INT_NONE || request_has(rq, "position"))
        c->position = position_of(rq, c);
    sql_category_update(rq, c);
    if (moved)
        below_move(rq, c);
    category_touch(rq, c->id);
    category_event(rq, "category.updated", c->id, c->parent_id);
}


/* A patch may move and rename at once. */
void
category_update(struct request *rq, struct staff_category *c, uuid old_parent)
{
    category_move(rq, c, old_parent);
    category_wordings_put(rq, c);
}


/* Its products stay linked, and are listed above as before.  What lies below
 * must have been moved or archived: it would have no way to it. */
void
category_archive(struct request *rq, const struct staff_category *c)
{
    if (strcmp(c->status, "archived") == 0)
        fail(rq, &category_archived);
    if (sql_category_archive(rq, c->id) == 0)
        fail(rq, &category_has_children);

    category_touch(rq, c->id);
    category_event(rq, "category.archived", c->id, c->parent_id);
}


/* Where it was, unless what is above it is archived. */
void
category_restore(struct request *rq, const struct staff_category *c)
{
    struct staff_category changed = *c;

    if (strcmp(c->status, "archived") != 0)
        fail(rq, &category_not_archived);

    parent_check(rq, c->parent_id);
    changed.status = "active";
    sql_category_update(rq, &changed);
    category_touch(rq, c->id);
    category_event(rq, "category.restored", c->id, c->parent_id);
}


/* --- its products -------------------------------------------------------- */


/* Whose lists change.  The category itself is as it was: whoever edits its
 * texts meanwhile is not in the way. */
static void
place_told(struct request *rq, uuid category, uuid product)
{
    touch_id(rq, "product", product);
    touch_id(rq, "category", category);
    touch(rq, "products");
    emit(rq, "category.sorted", id_of(rq, "cat", category),
         text_of(rq, "{\"product_id\":\"%s\"}",
                 id_of(rq, "prod", product)));
}


/* The category's lock is that of its places: of two that sort at once the
 * second sees what the first did. */
void
category_place(struct request *rq, uuid category, uuid product,
               const struct product_place *place)
{
    bool                         before = request_has(rq, "before");
    const struct category_held  *c = sql_category_hold(rq, category);
    const struct product_placed *done;

    if (c == NULL)
        fail(rq, &not_found);
    if (strcmp(c->status, "archived") == 0)
        fail(rq, &category_archived);

    within(rq, before ? "/before" : "/after");
    done = sql_product_place(rq, category, product,
                             before ? place->before : place->after, before);
    if (done->moved == INT_NONE)
        fail(rq, &not_found);
    if (done->moved > 0)
        place_told(rq, category, product);
}
