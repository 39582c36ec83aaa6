/*
 * sql_row.c - rows as structs: columns find their members once a statement.
 *
 * A statement's columns are the same each time, unless the table behind a
 * SELECT * changed or other pieces were chosen; so what was found last is
 * kept, and used again when the names still agree.
 *
 * Return codes: 0, SHOP_E_NOMEM, or SHOP_E_CONF with a sentence about what
 * does not fit.
 */
#include <stdio.h>

#include "core/env.h"
#include "core/shape.h"
#include "core/sql.h"

struct column {
    const struct field  *member;
    unsigned             part;
};

struct columns {
    const struct field  *shape;
    int                  n;
    struct column        v[];
};

static struct columns *known[SLOTS_MAX];        /* by statement              */


static bool
is_same(const struct column *c, const char *name)
{
    size_t n;

    if (c->part == 0)
        return strcmp(c->member->name, name) == 0;

    n = strlen(c->member->name);
    return strncmp(c->member->name, name, n) == 0
           && strcmp(name + n, c->part == 1 ? "_amount" : "_currency") == 0;
}


static bool
still_fits(const struct columns *c, const struct field *shape,
           const PGresult *res)
{
    if (c == NULL || c->shape != shape || c->n != PQnfields(res))
        return false;
    for (int i = 0; i < c->n; i++) {
        if (!is_same(&c->v[i], PQfname(res, i)))
            return false;
    }

    return true;
}


static int
match(struct columns *c, const PGresult *res, char *error, size_t size)
{
    for (int i = 0; i < c->n; i++) {
        const char *name = PQfname(res, i);

        c->v[i].member = sql_member(c->shape, name, strlen(name),
                                    &c->v[i].part);
        if (c->v[i].member == NULL) {
            snprintf(error, size, "no member for column %s", name);
            return SHOP_E_CONF;
        }
    }

    return 0;
}


int
sql_columns(const struct columns **out, unsigned slot,
            const struct field *shape, const PGresult *res, char *error,
            size_t size)
{
    int             n = PQnfields(res), rc;
    struct columns *c = known[slot];

    if (still_fits(c, shape, res)) {
        *out = c;
        return 0;
    }
    c = shop_env.alloc(sizeof(*c) + (size_t) n * sizeof(c->v[0]));
    if (c == NULL)
        return SHOP_E_NOMEM;

    c->shape = shape;
    c->n = n;
    rc = match(c, res, error, size);
    if (rc != 0) {
        shop_env.release(c);
        return rc;
    }
    if (known[slot] != NULL)
        shop_env.release(known[slot]);
    *out = known[slot] = c;

    return 0;
}


/* Most are not empty, and only of an empty one libpq is asked whether it is
 * NULL. */
static const char *
value(const PGresult *res, int row, int column, int n)
{
    return n == 0 && PQgetisnull(res, row, column)
           ? NULL : PQgetvalue(res, row, column);
}


int
sql_row_read(const struct columns *c, const PGresult *res, int row,
             void *into, struct arena *a, char *error, size_t size)
{
    shape_clear(c->shape, into);
    for (int i = 0; i < c->n; i++) {
        int n = PQgetlength(res, row, i);

        if (shape_from_text(c->v[i].member, into, value(res, row, i, n),
                            (size_t) n, c->v[i].part, a) != 0)
        {
            snprintf(error, size, "column %s does not fit", PQfname(res, i));
            return SHOP_E_CONF;
        }
    }

    return 0;
}
