/*
 * openapi_schema.c - the shapes that routes take and give, each name once.
 *
 * This side of the convention: a buffer that failed says so once, at the end.
 */
#include "core/openapi.h"

#include "core/banned.h"

#define NAMES_MAX  512

/* A shape in one of its uses; two uses that show the same have one name. */
struct named {
    const struct field  *shape;
    enum schema_use      use;
};

/* Found by going through them: a few dozen shapes, once a process. */
struct names {
    struct buf    *b;
    size_t         n;
    struct named   v[NAMES_MAX];
};


/* As reference() of shape_schema.c writes it for shapes within others. */
void
openapi_ref(struct buf *b, const struct field *shape, enum schema_use use)
{
    buf_str(b, "{\"$ref\":\"#/components/schemas/");
    shape_schema_name(b, shape, use);
    buf_str(b, "\"}");
}


/* Names are compared as they are written: that is what must be unique. */
static bool
same_name(struct buf *b, const struct named *x, const struct named *y)
{
    size_t at = b->len, n;
    bool   same;

    shape_schema_name(b, x->shape, x->use);
    n = b->len - at;
    shape_schema_name(b, y->shape, y->use);
    same = !b->failed && b->len - at == 2 * n
           && memcmp(b->data + at, b->data + at + n, n) == 0;
    b->len = at;

    return same;
}


/* False when it is there already.  Two shapes of one name would be one schema,
 * and wrong for one of them: there is no document then, which the unit tests
 * find before anybody else does. */
static bool
is_new(struct names *names, const struct named *one)
{
    for (size_t i = 0; i < names->n; i++) {
        if (same_name(names->b, &names->v[i], one)) {
            if (names->v[i].shape != one->shape)
                names->b->failed = true;
            return false;
        }
    }

    return names->n < NAMES_MAX;
}


/* With all that lies within, which ends for shapes that hold themselves. */
static void
add(struct names *names, const struct field *shape, enum schema_use use)
{
    struct named one = { shape, use };

    if (shape == NULL || !is_new(names, &one))
        return;

    names->v[names->n++] = one;
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (f->of != NULL && shape_field_shown(f, use))
            add(names, f->of, shape_use_within(f, use));
    }
}


/* Queries are no schemas of their own: their members are parameters. */
static void
add_routes(struct names *names, const struct route *r)
{
    for (; r != NULL && r->method != 0; r++) {
        add(names, r->body, r->method == PATCH ? SCHEMA_PATCH : SCHEMA_BODY);
        add(names, r->view, r->flags & BRIEF ? SCHEMA_BRIEF : SCHEMA_ANSWER);
    }
}


/* In the order in which the routes first need them.  The list of names is
 * large, so it lies on the arena and not on a coroutine's stack. */
void
openapi_schemas(struct buf *b, const struct domain *const *list)
{
    struct names  *names = arena_zalloc(b->arena, sizeof(*names));

    if (names == NULL) {
        b->failed = true;
        return;
    }

    names->b = b;
    for (size_t i = 0; list[i] != NULL; i++) {
        add_routes(names, list[i]->routes);
        add_routes(names, list[i]->admin_routes);
    }
    for (size_t i = 0; i < names->n; i++) {
        buf_str(b, ",\"");
        shape_schema_name(b, names->v[i].shape, names->v[i].use);
        buf_str(b, "\":");
        shape_schema(b, names->v[i].shape, names->v[i].use);
    }
}
