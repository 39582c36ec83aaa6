/*
 * shape_map.c - lists that are objects in JSON: each key is a member of its
 * item, such as the language of a translation.
 *
 * A merge patch can so say which item it means: an item that is given is
 * patched, or made, null drops it, and what is not named stays.  An array
 * could only be replaced.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_read.h"

#include "core/banned.h"


bool
map_is(const struct frame *f)
{
    return f->shape == NULL && f->field != NULL && f->field->key != NULL;
}


char *
map_item(const struct frame *f)
{
    return f->at == MAP_NONE ? NULL : f->items + f->at * f->field->of->size;
}


static const struct field *
key_field(const struct frame *f)
{
    return shape_find(f->field->of, f->field->key, strlen(f->field->key));
}


/* Where the item keeps its key. */
const char **
map_name(const struct frame *f, char *item)
{
    return (const char **) (item + key_field(f)->at);
}


/* Begins with the items that are there already when it is a patch. */
void
map_open(struct reader *r, const struct target *t)
{
    struct list   *list = t->at;
    bool           partial = read_top(r)->partial;
    struct frame  *f = &r->stack[r->depth++];

    *f = (struct frame) { .field = t->field, .into = list, .at = MAP_NONE,
                          .partial = partial };
    if (partial && list->n <= MAP_MAX) {
        f->items = list->v;
        f->n = f->room = list->n;
    }
}


/* Languages are few: a look at each costs less than a table would. */
static size_t
find(const struct frame *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++) {
        const char *name = *map_name(f, f->items + i * f->field->of->size);

        if (name != NULL && strcmp(name, key) == 0)
            return i;
    }

    return MAP_NONE;
}


/* A new item is cleared by read_item(), so that it has no wild member when a
 * fault ends it half read. */
static int
add(struct reader *r, struct frame *f, const char *key)
{
    int64_t         max = field_max(f->field);
    struct refusal  no;
    char           *item;

    if ((int64_t) f->n >= max || f->n >= MAP_MAX) {
        refuse(&no, "too_many_items", "must have at most %lld members",
               (long long) (max < MAP_MAX ? max : MAP_MAX));
        return read_fault(r, key, strlen(key), &no);
    }
    f->n++;
    item = read_item(r, f);
    if (item == NULL)
        return read_no_memory(r);
    *map_name(f, item) = key;
    f->at = f->n - 1;

    return 1;
}


/* A key has the rules of the member that it is. */
int
map_key(struct reader *r, const char *key, size_t n)
{
    struct frame        *f = read_top(r);
    const struct field  *m = key_field(f);
    const char          *name;
    struct refusal       no;
    int                  rc;

    f->at = MAP_NONE;
    rc = value_text(m, m->min, field_max(m), key, n, r->arena, &name, &no);
    if (rc == SHOP_E_NOMEM)
        return read_no_memory(r);
    if (rc != 0)
        return read_fault(r, key, n, &no);

    f->at = find(f, name);
    if (f->at == MAP_NONE) {
        rc = add(r, f, name);
        if (f->at == MAP_NONE)
            return rc;
    } else if (f->seen & 1ull << f->at) {
        f->at = MAP_NONE;
        r->bad_syntax = true;
        refuse(&no, "duplicate", "is there twice");
        return read_fault(r, key, n, &no);
    }
    f->seen |= 1ull << f->at;

    return read_go_on(r);
}


/* Null in a patch: what has no name is left out at the end. */
int
map_drop(struct reader *r)
{
    struct frame  *f = read_top(r);

    *map_name(f, map_item(f)) = NULL;
    f->at = MAP_NONE;
    return 1;
}


/* Only here is the member written, as with arrays: a map that is not read to
 * its end leaves it as it was. */
int
map_close(struct reader *r)
{
    struct frame  *f = read_top(r);
    size_t         size = f->field->of->size, kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        char  *item = f->items + i * size;

        if (*map_name(f, item) != NULL)
            memmove(f->items + kept++ * size, item, size);
    }
    *(struct list *) f->into = (struct list) { kept, f->items };
    r->depth--;
    return read_go_on(r);
}
