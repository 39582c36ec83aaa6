/*
 * variants.h - every text that the pieces of a statement can make.
 */
#ifndef SHOP_TEST_VARIANTS_H
#define SHOP_TEST_VARIANTS_H

#include "core/sql.h"

#define VARIANTS_TRIED  1024    /* of one statement                          */

/* Call `see` for each choice of pieces that arguments can bring about.  Where
 * there are more than VARIANTS_TRIED, each name of a condition is tried in
 * each of its states with all others absent, and with all others given.
 * Returns how many there were. */
unsigned variants_each(const struct stmt *st,
                       void (*see)(void *ctx, uint64_t chosen), void *ctx);

#endif
