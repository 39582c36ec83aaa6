/*
 * once.h - what an Idempotency-Key remembers.
 */
#ifndef SHOP_ONCE_H
#define SHOP_ONCE_H

#include "core/core.h"

struct once_lock {
    bool         locked;
};

struct once_answer {            /* the request, then what it was answered    */
    const char  *method;
    const char  *path;          /* with the query                            */
    const char  *body_hash;     /* SHA-256, hex                              */
    int64_t      status;
    const char  *etag;
    const char  *location;
    const char  *type;
    const char  *body;
};

extern const struct field once_lock[];
extern const struct field once_answer[];

#endif
