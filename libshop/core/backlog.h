/*
 * backlog.h - how much waits in the database, for the metrics: events without
 * a number, subscribers that are behind, jobs that are due, dead letters, and
 * sessions of the shop's that wait for a lock.
 */
#ifndef SHOP_BACKLOG_H
#define SHOP_BACKLOG_H

#include "core/db.h"
#include "shop.h"

struct backlog {
    struct shop     *shop;              /* NULL: it does not look            */
    shop_timer_t     timer;
    struct db_wait   wait;
    const char      *subscribers;       /* an array of PostgreSQL's          */
    unsigned         slot;
};

/* Worker 0 of a machine looks once a second, whether jobs run there or not: of
 * work that nobody does somebody must tell. */
void backlog_open(struct backlog *b, struct shop *shop);
void backlog_close(struct backlog *b);

#endif
