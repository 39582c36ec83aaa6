/*
 * plan.h - what a statement touches, as its plan tells.
 */
#ifndef SHOP_TEST_PLAN_H
#define SHOP_TEST_PLAN_H

#include <libpq-fe.h>

#include "core/buf.h"

struct plan {
    bool        failed;         /* `owned` says why                          */
    bool        writes;         /* it changes or locks rows                  */
    const char *owned;          /* tables of customers' rows, "" for none    */
};

/* The generic plan of the prepared statement `name`, which takes `n`
 * parameters; texts lie on the arena.  A table says whose its rows are by
 * "@owner COLUMN" in its comment. */
void plan_read(PGconn *pg, const char *name, int n, struct arena *a,
               struct plan *out);

#endif
