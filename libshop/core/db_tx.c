/*
 * db_tx.c - transactions: a connection each, BEGIN to COMMIT, and what became
 * of a COMMIT whose answer was lost.
 *
 * A transaction owns its connection from db_tx_acquire() until the answer to
 * COMMIT or ROLLBACK is read; then the next that waits gets it.  A connection
 * that goes parts from its transaction at once, before anybody is told, so
 * that no later statement of it can run outside of a transaction.
 *
 * COMMIT is not sent before the transaction's id is known: without the id
 * nobody could ask what became of it.
 *
 * Nothing here returns an error: outcomes go to the waiters.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/db_lane.h"
#include "core/env.h"
#include "core/worker.h"

#define ASK_AGAIN_MS   100
#define ASK_FOR_MS     5000

#define OPTIONS  SESSION                                                      \
                 "-c default_transaction_isolation=read\\ committed "         \
                 "-c statement_timeout=3000 -c lock_timeout=2000 "            \
                 "-c idle_in_transaction_session_timeout=10000"

struct tx_conn {
    struct db_lane    lane;             /* first: the lane's pointer is ours */
    struct tx_pool   *pool;
    struct tx        *tx;               /* whose it is, or NULL              */
    bool              ending;           /* ROLLBACK is on its way            */
    struct db_wait    begin;
    struct db_wait    xid;
    struct db_wait    end;
    char              name[24];
    char              who[64];          /* the same and tx->name; 63 bytes
                                           are the most of an identifier     */
    const char       *who_value;
};

struct tx_pool {
    struct db        *db;
    struct shop      *shop;
    struct tx        *first;            /* who waits for a connection        */
    struct tx       **last;
    unsigned          waiting;
    bool              draining;
    unsigned          n;
    struct tx_conn    conn[];
};

static const struct db_call  begin_call = { "shop_begin", "BEGIN", 0, NULL,
                                            SLOT_BEGIN };
static const struct db_call  commit_call = { "shop_commit", "COMMIT", 0, NULL,
                                             SLOT_COMMIT };
static const struct db_call  rollback_call = { "shop_rollback", "ROLLBACK", 0,
                                               NULL, SLOT_ROLLBACK };

/* A crash throws statistics away, and notes when: the time since which they
 * count tells whether there was one. */
#define BORN  "pg_stat_get_bgwriter_stat_reset_time()"

/* Whose transaction it is goes along, for pg_stat_activity and the server's
 * log: until its end, when the session has its own name again. */
static const struct db_call  xid_call = {
    "shop_xid", "SELECT pg_current_xact_id(), " BORN ", "
                "set_config('application_name', $1, true)", 1, NULL, SLOT_XID,
};
static const struct db_call  ask_call = {
    "shop_ask", "SELECT pg_xact_status($1::xid8), " BORN, 1, NULL, SLOT_ASK,
};

static void commit_send(struct tx *tx);


/* --- the pool ------------------------------------------------------------ */


static bool
is_free(const struct tx_conn *c)
{
    return c->tx == NULL && !c->ending && !lane_is_down(&c->lane);
}


/* One that is connected already, else one that can be. */
static struct tx_conn *
find_free(struct tx_pool *p)
{
    struct tx_conn *idle = NULL;

    for (unsigned i = 0; i < p->n; i++) {
        if (!is_free(&p->conn[i]))
            continue;
        if (p->conn[i].lane.state == LANE_UP)
            return &p->conn[i];
        if (idle == NULL)
            idle = &p->conn[i];
    }

    return idle;
}


/* Does any connection serve, or is any about to? */
static bool
all_down(const struct tx_pool *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (!lane_is_down(&p->conn[i].lane))
            return false;
    }

    return true;
}


static void
give(struct tx_conn *c, struct tx *tx)
{
    c->tx = tx;
    tx->conn = c;
    tx->outcome = DB_ROWS;
    COUNT(c->pool->shop, TX_OPEN, 1);
}


static struct tx *
next_waiting(struct tx_pool *p)
{
    struct tx *tx = p->first;

    p->first = tx->next;
    if (p->first == NULL)
        p->last = &p->first;
    p->waiting--;
    COUNT(p->shop, TX_WAITING, -1);

    return tx;
}


/* Connections that became free go to those who wait, in order; when there is
 * none to hope for they are told so. */
static void
serve_waiting(struct tx_pool *p)
{
    struct tx_conn *c;

    while (p->first != NULL && (c = find_free(p)) != NULL) {
        struct tx *tx = next_waiting(p);

        give(c, tx);
        tx->wake(tx);
    }
    while (p->first != NULL && all_down(p)) {
        struct tx *tx = next_waiting(p);

        tx->outcome = DB_DOWN;
        tx->wake(tx);
    }
}


static void
part(struct tx_conn *c)
{
    c->tx->conn = NULL;
    c->tx = NULL;
    COUNT(c->pool->shop, TX_OPEN, -1);
}


/* It can serve the next one; a draining worker has no need of idle ones, but
 * may yet open one for a request that it still has. */
static void
release(struct tx_conn *c)
{
    if (c->pool->draining && c->pool->first == NULL) {
        lane_close(&c->lane);
        c->lane.state = LANE_IDLE;
    }
    serve_waiting(c->pool);
}


static void
forget(struct db_wait *w)
{
    if (w->entry != NULL)
        db_forget(w);
}


/* A COMMIT that was not sent yet never will be.  If it was, its waiter is
 * told next and asks. */
static void
changed(struct db_lane *l, enum db_outcome what)
{
    struct tx_conn *c = (struct tx_conn *) l;
    struct tx      *tx = c->tx;

    if (what != DB_ROWS) {
        forget(&c->begin);
        forget(&c->xid);
        forget(&c->end);
        c->ending = false;
    }
    if (what != DB_ROWS && tx != NULL) {
        part(c);
        tx->outcome = what;
        if (tx->committing && tx->commit == TX_NONE && tx->wait.entry == NULL)
            tx->commit = TX_ABORTED;
        if (tx->commit == TX_ABORTED || tx->rolling)
            tx->wake(tx);
    }
    serve_waiting(c->pool);
}


/* --- opening and closing ------------------------------------------------- */


/* Without a BEGIN that worked nothing may run on the connection. */
static void
begin_done(struct db_wait *w)
{
    struct tx_conn *c = w->ctx;

    PQclear(w->result);
    w->result = NULL;
    if (w->outcome == DB_ERROR)
        lane_lost(&c->lane);
}


static void
xid_done(struct db_wait *w)
{
    struct tx_conn *c = w->ctx;
    struct tx      *tx = c->tx;

    if (tx != NULL && w->outcome == DB_ROWS) {
        tx->xid = strtoull(PQgetvalue(w->result, 0, 0), NULL, 10);
        snprintf(tx->born, sizeof(tx->born), "%s",
                 PQgetvalue(w->result, 0, 1));
    }
    PQclear(w->result);
    w->result = NULL;
    if (tx == NULL || !tx->committing)
        return;

    commit_send(tx);
    if (tx->commit != TX_NONE)
        tx->wake(tx);
}


static void
rollback_done(struct db_wait *w)
{
    struct tx_conn *c = w->ctx;
    struct tx      *tx = c->tx;

    PQclear(w->result);
    w->result = NULL;
    if (w->outcome == DB_ERROR) {
        lane_lost(&c->lane);
        return;
    }
    c->ending = false;
    if (tx != NULL)
        part(c);
    release(c);
    if (tx != NULL)
        tx->wake(tx);
}


static void
conn_init(struct tx_pool *p, struct tx_conn *c, unsigned i)
{
    c->pool = p;
    snprintf(c->name, sizeof(c->name), "shop-tx-%u", i);
    c->lane.shop = p->shop;
    c->lane.db = p->db;
    c->lane.name = c->name;
    c->lane.options = OPTIONS;
    c->lane.flight_max = FLIGHT_MAX;
    c->lane.changed = changed;
    c->begin.wake = begin_done;
    c->xid.wake = xid_done;
    c->end.wake = rollback_done;
    c->begin.ctx = c->xid.ctx = c->end.ctx = c;
}


int
tx_pool_open(struct tx_pool **out, struct db *db, struct shop *shop)
{
    unsigned         n = shop->conf.tx_connections;
    size_t           size = sizeof(struct tx_pool)
                            + n * sizeof(struct tx_conn);
    struct tx_pool  *p = shop_env.alloc(size);

    if (p == NULL)
        return SHOP_E_NOMEM;

    memset(p, 0, size);
    p->db = db;
    p->shop = shop;
    p->last = &p->first;
    p->n = n;
    for (unsigned i = 0; i < n; i++)
        conn_init(p, &p->conn[i], i);
    *out = p;

    return SHOP_OK;
}


void
tx_pool_drain(struct tx_pool *p)
{
    p->draining = true;
    for (unsigned i = 0; i < p->n; i++) {
        struct tx_conn *c = &p->conn[i];

        if (is_free(c) && c->lane.state == LANE_UP)
            release(c);
    }
}


void
tx_pool_close(struct tx_pool *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        lane_close(&p->conn[i].lane);
        p->conn[i].lane.closed = true;
    }
}


/* A post cannot be taken back. */
bool
tx_pool_posted(const struct tx_pool *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->conn[i].lane.posted)
            return true;
    }

    return false;
}


/* --- a transaction ------------------------------------------------------- */


void
db_tx_acquire(struct db *db, struct tx *tx)
{
    struct tx_pool *p = db_tx_pool(db);
    struct tx_conn *c = p->first == NULL ? find_free(p) : NULL;

    tx->db = db;
    if (c != NULL) {
        give(c, tx);
    } else if (all_down(p)) {
        tx->outcome = DB_DOWN;
    } else if (p->waiting >= p->shop->conf.tx_queue) {
        tx->outcome = DB_BUSY;
    } else {
        tx->next = NULL;
        *p->last = tx;
        p->last = &tx->next;
        p->waiting++;
        COUNT(p->shop, TX_WAITING, 1);
    }
}


static void
wait_reset(struct db_wait *w)
{
    w->outcome = DB_PENDING;
    w->result = NULL;
    w->sqlstate[0] = w->constraint[0] = '\0';
}


/* A transaction that could not even begin has a connection that is not worth
 * having: it answers as if it were lost.  The name is the connection's, as the
 * transaction may be gone before it is sent. */
static bool
begin(struct tx *tx)
{
    struct tx_conn *c = tx->conn;
    struct db_call  call = xid_call;

    wait_reset(&c->begin);
    wait_reset(&c->xid);
    c->lane.first_sqlstate[0] = c->lane.first_constraint[0] = '\0';
    snprintf(c->who, sizeof(c->who), "%s %s", c->name,
             tx->name == NULL ? "" : tx->name);
    c->who_value = c->who;
    call.values = &c->who_value;
    lane_add(&c->lane, &begin_call, &c->begin);
    lane_add(&c->lane, &call, &c->xid);
    tx->begun = true;
    COUNT(c->pool->shop, TX_BEGUN, 1);

    return c->begin.outcome == DB_PENDING && c->xid.outcome == DB_PENDING;
}


void
db_tx_query(struct tx *tx, const struct db_call *call, struct db_wait *w)
{
    if (tx->conn == NULL) {
        w->outcome = tx->outcome == DB_ROWS ? DB_LOST : tx->outcome;
        return;
    }
    if (!tx->begun && !begin(tx))
        w->outcome = DB_BUSY;
    else
        lane_add(&tx->conn->lane, call, w);
    tx->spoilt = tx->spoilt || w->outcome != DB_PENDING;
}


/* Behind what is in flight, on the loop's stack; those who waited for that
 * have been forgotten, so its results are read and dropped. */
static void
rollback(struct tx_conn *c)
{
    wait_reset(&c->end);
    c->ending = true;
    COUNT(c->pool->shop, TX_ROLLED, 1);
    lane_add(&c->lane, &rollback_call, &c->end);
    if (c->end.outcome != DB_PENDING)
        lane_lost(&c->lane);            /* no memory: the server rolls back */
}


static void
queue_leave(struct tx_pool *p, struct tx *tx)
{
    struct tx **at = &p->first;

    while (*at != tx)
        at = &(*at)->next;
    *at = tx->next;
    if (tx->next == NULL)
        p->last = at;
    p->waiting--;
    COUNT(p->shop, TX_WAITING, -1);
}


void
db_tx_end(struct tx *tx)
{
    struct tx_conn *c = tx->conn;
    struct tx_pool *p;

    if (tx->db == NULL)
        return;
    p = db_tx_pool(tx->db);
    tx->db = NULL;

    forget(&tx->wait);
    if (tx->asked_ms != 0)
        p->shop->ops->timer_del(p->shop->host, &tx->timer);
    if (tx->outcome == DB_PENDING) {
        queue_leave(p, tx);
    } else if (c != NULL) {
        part(c);
        if (tx->begun && !tx->rolling)
            rollback(c);
        else if (!tx->rolling)
            release(c);
    }
}


void
db_tx_rollback(struct tx *tx)
{
    if (tx->conn == NULL || !tx->begun)
        return;

    tx->rolling = true;
    rollback(tx->conn);
}


/* --- commit -------------------------------------------------------------- */


static void
settle(struct tx *tx, enum tx_outcome outcome)
{
    struct shop *shop = db_tx_pool(tx->db)->shop;

    if (outcome == TX_COMMITTED)
        COUNT(shop, TX_COMMITTED, 1);
    tx->commit = outcome;
    tx->wake(tx);
}


static void ask(shop_timer_t *t);


static void
ask_later(struct tx *tx)
{
    struct shop *shop = db_tx_pool(tx->db)->shop;

    tx->timer.fire = ask;
    tx->timer.ctx = tx;
    shop->ops->timer_set(shop->host, &tx->timer, ASK_AGAIN_MS,
                         SHOP_TIMER_FOREGROUND);
}


/* What PostgreSQL says of the transaction, or NULL when it says nothing. */
static const char *
status_of(const struct db_wait *w)
{
    if (w->outcome != DB_ROWS || PQgetisnull(w->result, 0, 0))
        return NULL;

    return PQgetvalue(w->result, 0, 0);
}


/* After a crash the id of a transaction that had left no trace is given to
 * another: whose COMMIT was done then is not known. */
static bool
is_ours(const struct tx *tx, const struct db_wait *w)
{
    return strcmp(tx->born, PQgetvalue(w->result, 0, 1)) == 0;
}


static void
asked(struct db_wait *w)
{
    struct tx       *tx = w->ctx;
    const char      *status = status_of(w);
    enum tx_outcome  outcome = TX_NONE;

    if (status != NULL && strcmp(status, "committed") == 0)
        outcome = is_ours(tx, w) ? TX_COMMITTED : TX_UNKNOWN;
    else if (status != NULL && strcmp(status, "aborted") == 0)
        outcome = TX_ABORTED;
    PQclear(w->result);
    w->result = NULL;

    if (outcome == TX_NONE)
        ask_later(tx);
    else
        settle(tx, outcome);
}


/* Any connection can tell, so the question goes to the read lane.  The server
 * may be starting, or may not have noticed yet that its client is gone. */
static void
ask(shop_timer_t *t)
{
    struct tx       *tx = t->ctx;
    struct shop     *shop = db_tx_pool(tx->db)->shop;
    struct db_call   call = ask_call;

    if (shop_now_ms(shop) - tx->asked_ms > ASK_FOR_MS) {
        settle(tx, TX_UNKNOWN);
        return;
    }
    snprintf(tx->xid_text, sizeof(tx->xid_text), "%llu",
             (unsigned long long) tx->xid);
    tx->xid_value = tx->xid_text;
    call.values = &tx->xid_value;
    wait_reset(&tx->wait);
    tx->wait.wake = asked;
    db_read(tx->db, LANE_READ, &call, &tx->wait);
    if (tx->wait.outcome != DB_PENDING)
        ask_later(tx);
}


/* Where a statement failed that nobody waited for, COMMIT is skipped with it,
 * or answered with ROLLBACK, which is no error. */
static bool
is_committed(const struct db_wait *w)
{
    return w->outcome == DB_ROWS
           && strcmp(PQcmdStatus(w->result), "COMMIT") == 0;
}


static void
commit_done(struct db_wait *w)
{
    struct tx       *tx = w->ctx;
    struct tx_conn  *c = tx->conn;
    bool             done = is_committed(w);

    if (c == NULL) {
        struct shop *shop = db_tx_pool(tx->db)->shop;

        COUNT(shop, TX_LOST, 1);
        tx->asked_ms = shop_now_ms(shop);
        tx->timer.ctx = tx;
        ask(&tx->timer);
        return;
    }
    PQclear(w->result);
    w->result = NULL;
    if (!done)
        error_first(&c->lane, w);
    if (w->outcome != DB_ERROR) {
        part(c);
        release(c);
    }
    settle(tx, done ? TX_COMMITTED : TX_REFUSED);
}


/* The outcome is TX_ABORTED at once when it cannot be sent. */
static void
commit_send(struct tx *tx)
{
    wait_reset(&tx->wait);
    tx->wait.wake = commit_done;
    tx->wait.ctx = tx;
    lane_add(&tx->conn->lane, &commit_call, &tx->wait);
    if (tx->wait.outcome != DB_PENDING)
        tx->commit = TX_ABORTED;
}


/* A statement of it may never have been sent, and nobody waited for that one:
 * without it the transaction is not what it was to be. */
void
db_tx_commit(struct tx *tx)
{
    tx->committing = true;
    if (!tx->begun)
        tx->commit = TX_COMMITTED;
    else if (tx->conn == NULL)
        tx->commit = TX_ABORTED;
    else if (tx->spoilt)
        tx->commit = TX_REFUSED;
    else if (tx->xid != 0)
        commit_send(tx);
}
