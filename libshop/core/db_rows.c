/*
 * db_rows.c - see db_rows.h.
 *
 * Not in pipeline mode, as there is nothing to be sent behind the statement;
 * in single-row mode, since otherwise libpq keeps all rows until the last.
 *
 * Nothing here returns an error: the outcome is in r->wait.
 */
#include "core/db_rows.h"

#include <stdio.h>

#include "core/db_lane.h"
#include "core/worker.h"

/* No time for the whole, whatever the server's usual one is: who reads slowly
 * may read for days.  A client that takes nothing is ended by the host, a
 * server that sends nothing by the request's deadline; that we have gone is
 * noticed also before the first row. */
#define OPTIONS                                                               \
    COMMON "-c statement_timeout=0 -c jit=off "                               \
           "-c client_connection_check_interval=2000"


/* A host that cannot watch is as good as no connection. */
static void
interest(struct db_rows *r, unsigned events)
{
    const shop_host_ops_t *ops = r->shop->ops;
    void                  *host = r->shop->host;
    int                    rc = SHOP_OK;

    if (r->watching && r->interest == events)
        return;
    r->interest = events;
    if (r->watching)
        rc = ops->watch_mod(host, &r->watch, events);
    else
        r->watching = (rc = ops->watch_add(host, &r->watch, events))
                      == SHOP_OK;
    if (rc != SHOP_OK)
        r->wait.outcome = DB_DOWN;
}


/* libpq may have closed the socket itself, so the watch goes without a system
 * call, behind it. */
static void
shut(struct db_rows *r)
{
    names_leave(db_names(r->shop->db), &r->naming);
    PQfinish(r->pg);
    r->pg = NULL;
    if (r->watching)
        r->shop->ops->watch_del(r->shop->host, &r->watch, 1);
    r->watching = false;
}


/* Told to the waiter by whoever called; the log has libpq's words. */
static void
failed_by(struct db_rows *r, enum db_outcome outcome, const char *why)
{
    shop_log(r->shop, SHOP_LOG_WARN, "connection of shop-stream %s: %s",
             r->sent ? "lost" : "not made", why);
    if (r->sent)
        COUNT(r->shop, DB_LOST, 1);
    else
        COUNT(r->shop, DB_FAILURES, 1);
    r->wait.outcome = outcome;
    shut(r);
}


static void
failed(struct db_rows *r, enum db_outcome outcome)
{
    failed_by(r, outcome, PQerrorMessage(r->pg));
}


/* --- rows ---------------------------------------------------------------- */


/* Whoever ended the session said so before the end. */
static bool
is_lost(const struct db_rows *r, const PGresult *res)
{
    const char *severity = PQresultErrorField(res,
                                              PG_DIAG_SEVERITY_NONLOCALIZED);

    return PQstatus(r->pg) == CONNECTION_BAD
           || (severity != NULL && strcmp(severity, "ERROR") != 0);
}


/* In single-row mode the last result has no row and says how it went. */
static void
take(struct db_rows *r, PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE:
        r->row[r->n++] = res;
        return;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        break;
    default:
        if (is_lost(r, res)) {
            failed(r, DB_LOST);
            break;
        }
        r->wait.outcome = DB_ERROR;
        snprintf(r->wait.sqlstate, sizeof(r->wait.sqlstate), "%s",
                 state == NULL ? "" : state);
    }
    PQclear(res);
}


/* What libpq has whole. */
static void
fetch(struct db_rows *r)
{
    while (r->n < ROWS_AHEAD && r->wait.outcome == DB_PENDING
           && !PQisBusy(r->pg))
    {
        PGresult *res = PQgetResult(r->pg);

        if (res == NULL)
            r->wait.outcome = DB_ROWS;
        else
            take(r, res);
    }
}


/* Without a name: it is planned for these values, and run once. */
static void
send(struct db_rows *r)
{
    const struct db_call *c = &r->call;

    COUNT(r->shop, DB_CONNECTS, 1);
    COUNT(r->shop, DB_OPEN, 1);
    r->sent = true;
    if (PQsendQueryParams(r->pg, c->text, c->n_values, NULL, c->values,
                             NULL, NULL, 0) != 1
        || PQsetSingleRowMode(r->pg) != 1 || PQflush(r->pg) < 0)
    {
        failed(r, DB_LOST);
        return;
    }
    interest(r, SHOP_RD | SHOP_WR);
}


static void
connected(struct db_rows *r)
{
    if (PQsetnonblocking(r->pg, 1) != 0)
        failed(r, DB_DOWN);
    else if (session_is_set(r->pg))
        send(r);
    else if (session_set(r->pg, OPTIONS))
        interest(r, SHOP_RD);
    else
        failed(r, DB_DOWN);
}


static void
setting_step(struct db_rows *r)
{
    int rc = session_answer(r->pg);

    if (rc < 0)
        failed(r, DB_DOWN);
    if (rc > 0)
        send(r);
}


/* A new socket each step, perhaps under the same number; see db_conn.c. */
static void
connect_step(struct db_rows *r)
{
    PostgresPollingStatusType s;

    r->shop->ops->watch_del(r->shop->host, &r->watch, 0);
    r->watching = false;
    s = PQconnectPoll(r->pg);
    r->watch.fd = PQsocket(r->pg);
    if (s == PGRES_POLLING_OK)
        connected(r);
    else if (s == PGRES_POLLING_READING)
        interest(r, SHOP_RD);
    else if (s == PGRES_POLLING_WRITING)
        interest(r, SHOP_WR);
    else
        failed(r, DB_DOWN);
}


static void
read_more(struct db_rows *r)
{
    int unsent = PQflush(r->pg);

    if (unsent < 0 || PQconsumeInput(r->pg) != 1) {
        failed(r, DB_LOST);
        return;
    }
    fetch(r);
    if (r->n == 0 && r->wait.outcome == DB_PENDING)
        interest(r, unsent == 1 ? SHOP_RD | SHOP_WR : SHOP_RD);
}


/* Silent as soon as there is something: that is what makes PostgreSQL wait
 * for the client. */
static void
ready(shop_watch_t *w, unsigned events)
{
    struct db_rows *r = w->ctx;

    (void) events;
    if (r->sent)
        read_more(r);
    else if (PQstatus(r->pg) == CONNECTION_OK)
        setting_step(r);
    else
        connect_step(r);
    if (r->n == 0 && r->wait.outcome == DB_PENDING)
        return;

    if (r->watching)
        interest(r, 0);
    r->wake(r);
}


/* --- asking -------------------------------------------------------------- */


static void
connect_begin(struct db_rows *r)
{
    r->pg = db_connect(r->shop->db, r->shop->conf.database, OPTIONS,
                       "shop-stream");
    if (r->pg == NULL || PQstatus(r->pg) == CONNECTION_BAD) {
        failed(r, DB_DOWN);
        return;
    }
    r->watch.fd = PQsocket(r->pg);
    interest(r, SHOP_WR);
}


static void
named(struct name_wait *w, const char *why)
{
    struct db_rows *r = w->ctx;

    if (why != NULL)
        failed_by(r, DB_DOWN, why);
    else
        connect_begin(r);
    if (r->wait.outcome != DB_PENDING)
        r->wake(r);
}


/* Nobody waits for one of these connections: an export may take hours. */
void
db_rows_open(struct db_rows *r, struct shop *shop, const struct db_call *call)
{
    if (shop->row_readers >= shop->conf.stream_connections) {
        r->wait.outcome = DB_BUSY;
        return;
    }
    r->shop = shop;
    shop->row_readers++;
    r->call = *call;
    r->watch.ready = ready;
    r->naming.ready = named;
    r->watch.ctx = r->naming.ctx = r;

    switch (names_ask(db_names(shop->db), &r->naming)) {
    case NAMES_KNOWN:
        connect_begin(r);
        break;
    case NAMES_FAILED:
        failed_by(r, DB_DOWN, "no thread is free to look its host up");
        break;
    case NAMES_ASKED:
        break;
    }
}


void
db_rows_more(struct db_rows *r)
{
    r->n = r->at = 0;
    if (!r->sent || r->wait.outcome != DB_PENDING)
        return;
    fetch(r);
    if (r->n == 0 && r->wait.outcome == DB_PENDING)
        interest(r, SHOP_RD);
}


/* The server notices by itself: a question that is under way ends when it has
 * somebody to tell no more. */
void
db_rows_close(struct db_rows *r)
{
    if (r->shop == NULL)
        return;

    while (r->at < r->n)
        PQclear(r->row[r->at++]);
    if (r->sent)
        COUNT(r->shop, DB_OPEN, -1);
    shut(r);
    r->shop->row_readers--;
    r->shop = NULL;
}
