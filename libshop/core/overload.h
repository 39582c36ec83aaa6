/*
 * overload.h - who is refused when more is asked for than PostgreSQL answers.
 *
 * Measured is how long short reads wait for their answer.  A moment's crowd, or
 * one slow statement, is waited out; when answers have been late for a while,
 * new requests are refused at once until they are not, for what is refused
 * costs next to nothing, and what is begun and given up costs all.  Requests
 * that may go first (bots, exports) have less patience shown to them, so they
 * are refused while those of shoppers are not yet.
 *
 * Nothing here returns an error.
 */
#ifndef SHOP_OVERLOAD_H
#define SHOP_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "shop.h"

struct match;

enum { SHED_LAST, SHED_FIRST, SHED_CLASSES };

struct overload {
    uint64_t  since_ms[SHED_CLASSES];   /* answers are late; 0: they are not */
    uint64_t  refused_ms[SHED_CLASSES]; /* last                              */
};

/* A short read was answered after so long. */
void overload_seen(struct shop *shop, uint64_t waited_ms);

/* Not what was begun already, what watches, what needs no database, nor a
 * write, which has a queue of its own. */
bool overload_refuses(struct shop *shop, const struct match *m,
                      const shop_request_t *in);

#endif
