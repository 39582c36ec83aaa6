/*
 * toy.h - a domain for the tests of core/: it can be made to do what a
 * handler of a shop may do, and what none should.
 *
 * t/lib/Shop/Toy.pm puts it into a copy of the tree as docs/adding-a-domain.md
 * says; the library that is installed knows nothing of it.
 */
#ifndef SHOP_TOY_H
#define SHOP_TOY_H

#include "core/core.h"

struct toy {
    uuid          id;
    const char   *name;         /* unique, checked at once                   */
    const char   *label;        /* unique, checked at COMMIT                 */
    const char   *note;
    int64_t       quantity;     /* never below nought                        */
    int64_t       fresh_for;    /* seconds; INT_NONE: no bound               */
    int64_t       version;
};

struct transfer {
    uuid          to;
    int64_t       amount;
};

struct job {                    /* what a pool thread does                   */
    const char   *text;         /* to be written in capitals ...             */
    const char   *gate;         /* ... when there is such a file             */
};

struct series {                 /* what a stream is made of                  */
    int64_t       rows;
    int64_t       width;        /* bytes of each                             */
    int64_t       fail_at;
};

struct counted {
    int64_t       n;
    const char   *text;
};

struct effect {                 /* what a subscriber or a job leaves behind  */
    const char   *subject;
    int64_t       n;
};

extern const struct field toy[];
extern const struct field effect[];
extern const struct field counted[];

#endif
