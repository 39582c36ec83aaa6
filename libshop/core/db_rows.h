/*
 * db_rows.h - the rows of one statement as they come, however many.
 *
 * A connection of its own for each, made when it is asked for and closed when
 * it is done: a reader who takes hours takes nothing from the lanes.  While
 * nobody asks for rows the socket is not read, so PostgreSQL stops too when
 * the pipe is full; here lie a few rows at most.
 *
 * All of it runs on the loop's stack, as everything of libpq.
 */
#ifndef SHOP_DB_ROWS_H
#define SHOP_DB_ROWS_H

#include "core/db.h"
#include "core/names.h"

#define ROWS_AHEAD  64          /* had from libpq at a time                  */

struct db_rows {
    struct shop      *shop;             /* NULL: closed                      */
    PGconn           *pg;
    struct db_call    call;             /* the waiter's, until it is sent    */
    bool              sent;
    bool              watching;
    unsigned          interest;
    struct name_wait  naming;           /* of the host, before it connects   */
    shop_watch_t      watch;
    PGresult         *row[ROWS_AHEAD];
    unsigned          n;
    unsigned          at;               /* the next one to be taken          */

    /* DB_PENDING: there may be more; DB_ROWS: that was all. */
    struct db_wait    wait;
    void            (*wake)(struct db_rows *r);     /* rows, or an outcome   */
    void             *ctx;
};

/* Ask; r is zeroed but for wake and ctx.  DB_BUSY when all connections for
 * this are taken. */
void db_rows_open(struct db_rows *r, struct shop *shop,
                  const struct db_call *call);

/* The rows that were had are taken: those that are there come at once, else
 * wake() comes unless there is an outcome. */
void db_rows_more(struct db_rows *r);

/* At any time, and any number of times. */
void db_rows_close(struct db_rows *r);

#endif
