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
 * are put into struct db_wait or struct tx and the waiter is woken.
 */
#ifndef SHOP_DB_H
#define SHOP_DB_H

#include <libpq-fe.h>

#include "core/core.h"
#include "shop.h"

#define SLOTS_MAX  2048         /* numbers of prepared statements            */

struct db;                      /* all connections of one worker             */
struct db_entry;

enum db_outcome {
    DB_PENDING,
    DB_ROWS,                    /* result holds rows                         */
    DB_ERROR,                   /* refused by PostgreSQL: sqlstate is set    */
    DB_LOST,                    /* the connection went; a read's, twice      */
    DB_DOWN,                    /* no connection can be had now              */
    DB_BUSY                     /* the bounded queue is full                 */
};

/* One who waits for one statement; zeroed but for wake and ctx.  db_forget()
 * must be called before it dies, unless `entry` is NULL. */
struct db_wait {
    enum db_outcome    outcome;
    PGresult          *result;          /* the waiter's to PQclear           */
    char               sqlstate[6];
    char               constraint[64];  /* that was broken, or ""            */
    uint64_t           batch;           /* who shares it shares a snapshot   */
    void             (*wake)(struct db_wait *w);        /* on the loop       */
    void              *ctx;
    struct db_entry   *entry;           /* the lane's; NULL when it is done  */
};

/* What to send.  Name, text and values are the waiter's, and stay until the
 * result is there: the statement may be sent again. */
struct db_call {
    const char          *name;          /* of the prepared statement; NULL:
                                           unprepared, with its own Sync     */
    const char          *text;
    int                  n_values;
    const char *const   *values;        /* NULL is SQL's                     */
    unsigned             slot;          /* number of the statement, or of
                                           several that have no name         */
};

/* NULL, or a sentence about a connection string that no shop works with. */
const char *database_wrong(const char *conninfo);

/* Nothing connects before the first use.  SHOP_E_CONF: database_wrong() says
 * why, or the list of hosts is longer than a thousand letters. */
int  db_open(struct db **out, struct shop *shop);
void db_drain(struct db *db);           /* no reconnecting from now on       */
void db_close(struct db *db);

/* May the operator's target_session_attrs lead to a standby?  It shows what is
 * old by now, and the poll may be with another server than a read: nothing is
 * kept then. */
bool db_may_lag(const struct db *db);

/* As the last attempt saw it. */
bool db_is_up(const struct db *db);

/* The waiter is never woken from within: the outcome may be there already
 * when the call returns (DB_DOWN, DB_BUSY). */
void db_read(struct db *db, enum lane lane, const struct db_call *call,
             struct db_wait *w);

/* How long the oldest short read that is not answered has waited. */
uint64_t db_read_waits_ms(const struct db *db);

/* The same for the poller, on a connection of its own that may write. */
void db_poll(struct db *db, const struct db_call *call, struct db_wait *w);

/* It does not answer: make another connection. */
void db_poll_reset(struct db *db);

/* The waiter goes: what is sent is read and dropped when its result comes. */
void db_forget(struct db_wait *w);


/* --- transactions -------------------------------------------------------- */

/*
 * One transaction on a connection of its own.  BEGIN and the question for the
 * transaction's id travel with the first statement; statements queued in one
 * iteration of the loop share a flush and a Sync.
 */
enum tx_outcome {
    TX_NONE,                            /* not known yet                     */
    TX_COMMITTED,
    TX_ABORTED,                         /* nothing happened: run it again    */
    TX_REFUSED,                         /* it, or a statement before it,
                                           failed: wait.sqlstate             */
    TX_UNKNOWN                          /* COMMIT was lost, and nobody knows */
};

struct tx {
    struct db        *db;               /* NULL: not acquired                */
    struct tx_conn   *conn;             /* NULL: waits for one, or it went   */
    enum db_outcome   outcome;          /* DB_ROWS: has one; else why not    */
    enum tx_outcome   commit;
    uint64_t          xid;              /* 0 until known                     */
    char              born[40];         /* the server's, as xid was given    */
    bool              begun;            /* BEGIN is sent or queued           */
    bool              committing;
    bool              rolling;          /* ROLLBACK is waited for            */
    bool              spoilt;           /* a statement could not be queued   */
    struct db_wait    wait;             /* for COMMIT, then for its outcome  */
    shop_timer_t      timer;
    uint64_t          asked_ms;         /* since when for the outcome        */
    char              xid_text[24];
    const char       *xid_value;
    void            (*wake)(struct tx *tx);     /* acquired, or ended        */
    void             *ctx;
    const char       *name;             /* for who looks at PostgreSQL       */
    struct tx        *next;             /* in the queue                      */
};

/* Ask for a connection.  tx is zeroed but for wake, ctx and name; DB_PENDING
 * afterwards means that wake() will come, anything else that it will not. */
void db_tx_acquire(struct db *db, struct tx *tx);

/* Queue a statement.  The outcome may be there already when the call returns
 * (DB_LOST, DB_DOWN, DB_BUSY), and then nothing is committed, whether or not
 * anybody looks at it. */
void db_tx_query(struct tx *tx, const struct db_call *call,
                 struct db_wait *w);

/* Send COMMIT behind what is queued.  wake() comes unless `commit` is set
 * when the call returns; until then the transaction cannot be abandoned,
 * except by db_tx_end() when the shop closes. */
void db_tx_commit(struct tx *tx);

/* ROLLBACK, and wake() when it is done.  It is when the call returns if
 * `conn` is NULL then or nothing was begun.  Who begins anew before it is done
 * meets his own locks: PostgreSQL tells of an error first, and lets go of them
 * then. */
void db_tx_rollback(struct tx *tx);

/* However it stands: leave the queue, or ROLLBACK behind what is in flight.
 * Never waits; the connection serves the next when it is clean. */
void db_tx_end(struct tx *tx);

#endif
