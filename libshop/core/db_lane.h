/*
 * db_lane.h - a lane from inside: one connection in pipeline mode.
 *
 * Invariants:
 *  1. `sent` holds, in order, what PostgreSQL still owes an answer for.
 *  2. A bit of `prepared` is set when the Parse was sent on this connection,
 *     and taken back when that Parse failed.
 *  3. Statements are read-only, so all of a batch may share one Sync and any
 *     of them may be sent again; one that was aborted by a neighbour is sent
 *     again once, without a name and with a Sync of its own.
 *
 * A slow lane has one statement in flight at a time, and takes over what waits
 * for another slow one when it has nothing to do itself.
 *
 * A lane with `changed` serves one transaction at a time instead: nothing on
 * it is ever sent again, and it does not connect by itself.
 */
#ifndef SHOP_DB_LANE_H
#define SHOP_DB_LANE_H

#include "core/db.h"
#include "core/names.h"

#define BATCH_MAX    64         /* statements a Sync                         */
#define FLIGHT_MAX   256        /* statements in flight                      */
#define QUEUE_MAX    32768      /* waiting: more than coroutines ask         */
#define READ_MS      100        /* of the lane of reads: statement_timeout   */

/* Settings of all connections.  No interval is ever read or shown: its style
 * is told back by PostgreSQL, is none that anybody else would choose, and so
 * tells whether the settings have arrived. */
#define SESSION  "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 "

/* Of those that only read. */
#define COMMON  SESSION                                                       \
                "-c default_transaction_read_only=on "                        \
                "-c default_transaction_isolation=repeatable\\ read "

/* Of several hosts the one that takes writes, unless the operator says else;
 * what is kept must not come from one that lags behind. */
#define ATTRS    "target_session_attrs"
#define PRIMARY  "primary"

enum {                          /* beside the statements of domains          */
    SLOT_BEGIN = SLOTS_MAX - 5, SLOT_XID, SLOT_COMMIT, SLOT_ROLLBACK, SLOT_ASK
};

enum entry_kind { ENTRY_QUERY, ENTRY_PREPARE, ENTRY_SYNC };

struct db_entry {
    struct db_entry   *next;
    struct db_lane    *lane;
    struct db_wait    *w;               /* NULL: nobody waits any more       */
    struct db_call     call;
    struct db_entry   *parse_of;        /* PREPARE: the query it is for      */
    PGresult          *result;          /* had, until the NULL behind it     */
    enum entry_kind    kind;
    bool               alone;           /* wants a Sync of its own           */
    bool               again;           /* sent again after a lost one       */
    bool               moved;           /* lapsed on the lane of reads       */
    uint64_t           batch;           /* that it was sent with             */
    uint64_t           asked_ms;        /* by the loop's clock               */
    uint64_t           sent_us;         /* set when moved                    */
    bool               answered;
};

struct entries {
    struct db_entry  *first;
    struct db_entry  *last;
    unsigned          n;
};

enum lane_state { LANE_IDLE, LANE_CONNECTING, LANE_UP, LANE_DOWN };

struct db_lane {
    struct shop       *shop;
    struct db_lane    *ring;            /* of slow ones; NULL: not slow      */
    const char        *name;
    const char        *options;
    struct db         *db;              /* whose it is                       */
    PGconn            *pg;
    enum lane_state    state;
    bool               draining;
    bool               closed;          /* by db_close(): only memory left   */
    bool               watching;
    bool               posted;          /* the host holds `flush`            */
    bool               setting;         /* session_set() is on its way       */
    bool               listening;       /* `retry` ends a silence            */
    bool               heard;           /* bytes came since it was set       */
    unsigned           interest;
    unsigned           failures;        /* in a row                          */
    struct name_wait   naming;          /* of its hosts, while connecting    */
    shop_watch_t       watch;
    shop_timer_t       retry;
    shop_post_t        flush;
    struct entries     queue;
    struct entries     sent;
    unsigned           in_flight;       /* queries among `sent`              */
    unsigned           flight_max;
    bool               counted;         /* among the statements of requests  */
    uint64_t           prepared[SLOTS_MAX / 64];

    /* Of transactions: DB_ROWS it is there, DB_DOWN it could not be made,
     * DB_LOST it went.  Called before those who wait are told. */
    void             (*changed)(struct db_lane *l, enum db_outcome what);

    /* The error that aborted the transaction; those after it only follow. */
    char               first_sqlstate[6];
    char               first_constraint[64];
};

void entry_push(struct entries *l, struct db_entry *e);
struct db_entry *entry_pop(struct entries *l);

/* The error of the transaction's own, in place of one that follows it. */
void error_first(struct db_lane *l, struct db_wait *w);

/* Tell the waiter, if there is one, and free the entry. */
void entry_finish(struct db_entry *e, enum db_outcome outcome,
                  PGresult *result);

/* db_conn.c */
PGconn *db_connect(struct db *db, const char *conninfo, const char *options,
                   const char *name);
bool lane_is_down(const struct db_lane *l);
void lane_connect(struct db_lane *l);
void lane_lost(struct db_lane *l);
bool lane_interest(struct db_lane *l, unsigned events);
void lane_listen(struct db_lane *l);
void lane_close(struct db_lane *l);

/* db_session.c: what a session asks for at its start, where a pooler dropped
 * that, is set by a statement.  False, or -1: it cannot be. */
bool session_is_set(const PGconn *pg);
bool session_set(PGconn *pg, const char *options);      /* sends             */
int  session_answer(PGconn *pg);        /* 1: it is set; 0: not all came yet */

/* db.c */
void db_release(struct db *db);         /* when no lane is posted           */
struct tx_pool *db_tx_pool(struct db *db);
struct names *db_names(struct db *db);
const char *db_attrs(struct db *db);    /* or NULL: as the operator says     */
void lane_add(struct db_lane *l, const struct db_call *call,
              struct db_wait *w);

/* The slow lane for a statement that was too slow for another, which it is
 * kept off for a while; NULL when no slow lane can be had. */
struct db_lane *db_slower(struct db *db, unsigned slot);
void db_not_slow(struct db *db, unsigned slot);

/* db_tx.c */
int  tx_pool_open(struct tx_pool **out, struct db *db, struct shop *shop);
void tx_pool_drain(struct tx_pool *p);
void tx_pool_close(struct tx_pool *p);
bool tx_pool_posted(const struct tx_pool *p);

/* db_read.c */
void lane_post(struct db_lane *l);
void lane_pump(struct db_lane *l);

#endif
