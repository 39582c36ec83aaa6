/*
 * poll.h - the poller of a machine, which runs in worker 0.
 */
#ifndef SHOP_POLL_H
#define SHOP_POLL_H

#include "core/db.h"
#include "shop.h"

struct poller {
    struct shop     *shop;              /* NULL: another worker polls        */
    shop_timer_t     timer;             /* the next poll, or too late        */
    struct db_wait   wait;
    const char      *values[1];
    char             snapshot[512];     /* of the last poll; "" none yet     */
    uint64_t         xmin;
    uint64_t         epoch;             /* of ids; see cache_far.c           */
    uint64_t         database;          /* which one                         */
    uint64_t         sent_ms;
    uint64_t         answered_ms;
    uint64_t         polls;
    unsigned         trims;             /* done of this minute's             */
    char             horizon[24];       /* what may be trimmed; "0": nothing */
    const char      *horizons[1];
    unsigned         slot;
};

/* Deletes what no machine will ask for any more; $1: the horizon. */
extern const char poll_trim[];

void poll_open(struct poller *p, struct shop *shop);
void poll_close(struct poller *p);

#endif
