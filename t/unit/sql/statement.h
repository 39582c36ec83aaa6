/*
 * statement.h - what can be wrong between a named statement and the database.
 */
#ifndef SHOP_TEST_STATEMENT_H
#define SHOP_TEST_STATEMENT_H

#include <libpq-fe.h>

#include "core/buf.h"
#include "core/sql.h"

/* Which members some statement fills, by shape. */
#define SHAPES_MAX  256

struct filled {
    unsigned             n;
    const struct field  *shape[SHAPES_MAX];
    uint64_t             member[SHAPES_MAX];    /* bit i: shape[i]           */
};

/* Prepare every choice of pieces and compare what PostgreSQL says of it with
 * the shapes.  A line of `out` for each thing that is wrong; returns how many
 * texts were prepared. */
unsigned statement_check(PGconn *pg, const struct stmt *st,
                         struct filled *filled, struct buf *out);

/* A line for each member that could be filled from a column, and is not. */
void statement_unfilled(const struct filled *filled, struct buf *out);

#endif
