/*
 * db.h - PostgreSQL without waiting: connections, lanes and transactions.
 *
 * libpq runs on the loop's stack only.  A coroutine queues a statement and
 * yields; the lane sends what was queued in one loop iteration with one Sync,
 * reads the results, and wakes whoever waits.  An entry in flight belongs to
 * its lane, never to an arena: when its waiter is gone the lane reads the
 * result and drops it.
 *
 * This side of the error convention: nothing here fails a request.  Outcomes
 * are put into struct query (or struct tx) and the waiter is woken.
 */
#ifndef SHOP_DB_H
#define SHOP_DB_H

#include <libpq-fe.h>

#include "core/core.h"
#include "shop.h"

struct db;                      /* all connections of one worker             */
struct shop;

/* What became of a statement; in struct db_wait. */
enum db_outcome {
    DB_PENDING,
    DB_ROWS,                    /* result holds rows or a row count          */
    DB_ERROR,                   /* refused by PostgreSQL: sqlstate is set    */
    DB_LOST,                    /* the connection went, nothing is known of
                                   it; for a read: after its retries         */
    DB_DOWN,                    /* no connection can be had now              */
    DB_BUSY                     /* a bounded queue is full                   */
};

/* One who waits for one statement.  Lives on an arena or stack; db_forget()
 * must be called before it dies, unless `entry` is NULL. */
struct db_wait {
    enum db_outcome    outcome;
    PGresult          *result;          /* the waiter's to PQclear           */
    char               sqlstate[6];
    const char        *constraint;      /* inside result                     */
    void             (*wake)(struct db_wait *w);        /* on the loop       */
    void              *ctx;
    struct db_entry   *entry;           /* the lane's; NULL when it is done  */
    uint64_t           sent_us;
};

/* What to send: a prepared statement by name, or an unprepared text.  Values
 * are copied when the statement is sent; until then, and for reads until the
 * result is there (they may be sent again), they are the waiter's. */
struct db_call {
    const char          *name;          /* of the prepared statement, or ""  */
    const char          *text;
    int                  n_values;
    const char *const   *values;
    unsigned             slot;          /* number of the prepared statement  */
};

/* Open: nothing connects before the first use. */
int  db_open(struct db **out, struct shop *shop);
void db_drain(struct db *db);           /* close what is idle                */
void db_close(struct db *db);           /* everything in flight: DB_DOWN     */

/* Can PostgreSQL be reached?  As the last attempt saw it. */
bool db_is_up(const struct db *db);

/* Read lanes: shared pipelines; `lane` LANE_SLOW: exclusive connections. */
void db_read(struct db *db, enum lane lane, const struct db_call *call,
             struct db_wait *w);

/* The waiter goes: queued and unsent is taken back, sent is dropped when its
 * result comes. */
void db_forget(struct db_wait *w);


/* --- transactions -------------------------------------------------------- */

/*
 * One transaction on an exclusive connection.  BEGIN travels with the first
 * statement together with pg_current_xact_id().  Statements queued before a
 * wait share one flush and one Sync.  COMMIT goes with what was queued before
 * it; its outcome is TX_COMMITTED, TX_ABORTED (nothing happened: run it
 * again), TX_UNKNOWN after 5 s of asking pg_xact_status() of a lost one.
 */
enum tx_outcome { TX_NONE, TX_COMMITTED, TX_ABORTED, TX_UNKNOWN };

struct tx {
    struct db        *db;
    struct db_conn   *conn;             /* NULL until one is had             */
    enum db_outcome   outcome;          /* of acquiring: DB_ROWS is "have it" */
    enum tx_outcome   commit;
    uint64_t          xid;              /* 0 until known                     */
    bool              begun;
    bool              failed;           /* a statement failed: only rollback */
    bool              lost;             /* the connection went               */
    void            (*wake)(struct tx *tx);     /* acquired, or committed    */
    void             *ctx;
    struct tx        *next;             /* in the queue                      */
};

/* Ask for a connection: at once (tx->conn set, returns true), or later by
 * wake().  outcome DB_BUSY or DB_DOWN says why not. */
bool db_tx_acquire(struct db *db, struct tx *tx);

/* Queue a statement; sent with the others at the end of the iteration. */
void db_tx_query(struct tx *tx, const struct db_call *call,
                 struct db_wait *w);

/* Send COMMIT behind what is queued; wake() when the outcome is known.  From
 * here to the outcome the transaction cannot be abandoned. */
void db_tx_commit(struct tx *tx);

/* Give up: leave the queue, or ROLLBACK behind what is in flight.  Never
 * waits; the connection goes back to the pool when it is clean. */
void db_tx_rollback(struct tx *tx);


/* --- a connection of one's own: the poller ---------------------------------- */

/* One statement at a time on the poll connection. */
void db_poll(struct db *db, const struct db_call *call, struct db_wait *w);

#endif
