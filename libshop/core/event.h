/*
 * event.h - rows of the relay's statements.
 */
#ifndef SHOP_EVENT_H
#define SHOP_EVENT_H

#include "core/core.h"

struct relay_look {             /* is there anything to do?                  */
    bool          pending;      /* numbers to give, or cursors to make       */
    struct texts  behind;       /* subscribers that have not had all         */
};

struct relay_lock {
    bool          locked;
};

struct relay_numbered {
    int64_t       n;
};

struct event_cursor {
    int64_t       seq;          /* the last that the subscriber has had      */
    int64_t       failures;     /* of the one behind it                      */
};

extern const struct field relay_look[];
extern const struct field relay_lock[];
extern const struct field relay_numbered[];
extern const struct field event_cursor[];
extern const struct field event[];

/* "product.*" means all that begins so. */
bool event_matches(const char *pattern, const char *type, size_t n);

#endif
