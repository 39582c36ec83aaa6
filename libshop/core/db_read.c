/*
 * db_read.c - statements over a pipeline: queue, send, read, wake.
 *
 * The flush runs at the end of the loop's iteration, so that everything that
 * was asked for in it shares one Sync: that halves the cost of worker and
 * backend alike.
 *
 * Nothing here returns an error: outcomes go to the waiters.
 */
#include <stdio.h>

#include "core/db_lane.h"
#include "core/env.h"
#include "core/worker.h"


static uint64_t  batches;       /* sent by this process                      */


void
entry_push(struct entries *l, struct db_entry *e)
{
    e->next = NULL;
    if (l->last != NULL)
        l->last->next = e;
    else
        l->first = e;
    l->last = e;
    l->n++;
}


struct db_entry *
entry_pop(struct entries *l)
{
    struct db_entry *e = l->first;

    if (e == NULL)
        return NULL;
    l->first = e->next;
    if (l->first == NULL)
        l->last = NULL;
    l->n--;

    return e;
}


/* A field of an error, or "" when there is none. */
static void
error_field(char *out, size_t size, const PGresult *result, int field)
{
    const char *text = PQresultErrorField(result, field);

    snprintf(out, size, "%s", text == NULL ? "" : text);
}


void
error_first(struct db_lane *l, struct db_wait *w)
{
    memcpy(w->sqlstate, l->first_sqlstate, sizeof(w->sqlstate));
    memcpy(w->constraint, l->first_constraint, sizeof(w->constraint));
}


/* Statements that share a Sync with the one that failed are skipped without
 * a state; later ones are told 25P02. */
static void
error_keep(struct db_lane *l, struct db_wait *w)
{
    bool follows = w->sqlstate[0] == '\0'
                   || strcmp(w->sqlstate, "25P02") == 0;

    if (follows) {
        error_first(l, w);
    } else if (l->first_sqlstate[0] == '\0') {
        memcpy(l->first_sqlstate, w->sqlstate, sizeof(w->sqlstate));
        memcpy(l->first_constraint, w->constraint, sizeof(w->constraint));
    }
}


static void
error_take(struct db_lane *l, struct db_wait *w)
{
    error_field(w->sqlstate, sizeof(w->sqlstate), w->result,
                PG_DIAG_SQLSTATE);
    error_field(w->constraint, sizeof(w->constraint), w->result,
                PG_DIAG_CONSTRAINT_NAME);
    if (l->changed != NULL)
        error_keep(l, w);
}


void
entry_finish(struct db_entry *e, enum db_outcome outcome, PGresult *result)
{
    struct db_lane *l = e->lane;
    struct db_wait  gone = { 0 }, *w = e->w != NULL ? e->w : &gone;
    uint64_t        batch = e->batch;

    if (l->counted && l->ring == NULL
        && (outcome == DB_ROWS || outcome == DB_ERROR))
        overload_seen(l->shop, shop_now_ms(l->shop) - e->asked_ms);
    shop_env.release(e);
    w->entry = NULL;
    w->outcome = outcome;
    w->result = result;
    w->batch = batch;
    w->sqlstate[0] = w->constraint[0] = '\0';
    if (outcome == DB_ERROR)
        error_take(l, w);

    if (w == &gone)
        PQclear(result);
    else
        w->wake(w);
}


/* --- sending ------------------------------------------------------------- */


static struct db_entry *
mark_sent(struct db_lane *l, enum entry_kind kind)
{
    struct db_entry *e = shop_env.alloc(sizeof(struct db_entry));

    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof(*e));
    e->kind = kind;
    e->lane = l;
    entry_push(&l->sent, e);

    return e;
}


static bool
is_prepared(const struct db_lane *l, unsigned slot)
{
    return l->prepared[slot / 64] >> (slot % 64) & 1;
}


static void
set_prepared(struct db_lane *l, unsigned slot, bool on)
{
    uint64_t bit = 1ull << (slot % 64);

    if (on)
        l->prepared[slot / 64] |= bit;
    else
        l->prepared[slot / 64] &= ~bit;
}


static bool
send_one(struct db_lane *l, struct db_entry *e)
{
    const struct db_call *c = &e->call;

    if (!e->alone && !is_prepared(l, c->slot)) {
        struct db_entry *parse = mark_sent(l, ENTRY_PREPARE);

        if (parse == NULL || PQsendPrepare(l->pg, c->name, c->text,
                                           c->n_values, NULL) != 1)
        {
            entry_push(&l->queue, e);   /* for the next connection */
            return false;
        }
        parse->parse_of = e;
        parse->call.slot = c->slot;
        set_prepared(l, c->slot, true);
    }
    entry_push(&l->sent, e);
    e->batch = batches;
    e->sent_us = e->moved ? shop_env.mono_us() : 0;
    l->in_flight++;
    if (l->counted) {
        COUNT(l->shop, READ_SENT, 1);
        COUNT(l->shop, READ_FLIGHT, 1);
    }

    /* What a neighbour aborted goes without a name: whether that is prepared
     * is only known when all that is in flight has been read. */
    if (e->alone)
        return PQsendQueryParams(l->pg, c->text, c->n_values, NULL, c->values,
                                 NULL, NULL, 0) == 1;

    return PQsendQueryPrepared(l->pg, c->name, c->n_values, c->values, NULL,
                               NULL, 0) == 1;
}


/* One batch with its Sync; false when the connection cannot go on. */
static bool
send_batch(struct db_lane *l)
{
    batches++;
    for (unsigned n = 0; n < BATCH_MAX && l->queue.n != 0
                         && l->in_flight < l->flight_max; n++) {
        struct db_entry *e = l->queue.first;
        bool             alone = e->alone;

        if (alone && n != 0)
            break;
        entry_pop(&l->queue);
        if (e->w == NULL) {
            shop_env.release(e);
            continue;
        }
        if (!send_one(l, e))
            return false;
        if (alone)
            break;
    }
    if (l->counted)
        COUNT(l->shop, READ_SYNCS, 1);

    return mark_sent(l, ENTRY_SYNC) != NULL && PQpipelineSync(l->pg) == 1;
}


static void
flush(shop_post_t *p)
{
    struct db_lane *l = p->ctx;

    l->posted = false;
    if (l->closed) {
        db_release(l->db);
        return;
    }
    if (l->state == LANE_IDLE && l->queue.n != 0)
        lane_connect(l);
    if (l->state != LANE_UP)
        return;

    while (l->queue.n != 0 && l->in_flight < l->flight_max) {
        if (!send_batch(l)) {
            lane_lost(l);
            return;
        }
    }
    lane_pump(l);
}


void
lane_post(struct db_lane *l)
{
    l->flush.run = flush;
    l->flush.ctx = l;
    l->posted = true;
    l->shop->ops->post(l->shop->host, &l->flush);
}


/* --- reading ------------------------------------------------------------- */


/* On the same lane without a name: see send_one(). */
static void
send_again(struct db_lane *l, struct db_entry *e)
{
    e->alone = l == e->lane || e->call.name == NULL;
    e->moved = l != e->lane;
    e->answered = false;
    e->result = NULL;
    e->lane = l;
    COUNT(l->shop, READ_RETRIES, 1);
    entry_push(&l->queue, e);
    lane_post(l);
}


static bool
field_is(const PGresult *res, int field, const char *text)
{
    const char *value = PQresultErrorField(res, field);

    return value != NULL && strcmp(value, text) == 0;
}


/* Where a statement that failed has a second chance: on the lane of slow ones
 * when it took too long, here when a neighbour's failure aborted it or when
 * it is not prepared after all; NULL when it has none. */
static struct db_lane *
next_lane(struct db_lane *l, const struct db_entry *e)
{
    if (l->changed != NULL)
        return NULL;
    if (l->ring == NULL && field_is(e->result, PG_DIAG_SQLSTATE, "57014"))
        return db_slower(l->db, e->call.slot);

    return !e->alone && (PQresultStatus(e->result) == PGRES_PIPELINE_ABORTED
                         || field_is(e->result, PG_DIAG_SQLSTATE, "26000"))
           ? l : NULL;
}


/* What lapsed because the server stood still is quick where it runs by
 * itself, and need not crowd the slow lane for a minute. */
static void
judge(struct db_lane *l, const struct db_entry *e)
{
    if (e->moved && shop_env.mono_us() - e->sent_us < READ_MS * 1000)
        db_not_slow(l->db, e->call.slot);
}


/* All results of a query are read: what becomes of it? */
static void
query_done(struct db_lane *l, struct db_entry *e)
{
    PGresult       *res = e->result;
    ExecStatusType  s = PQresultStatus(res);
    struct db_lane *next;

    if (s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK) {
        judge(l, e);
        entry_finish(e, DB_ROWS, res);
        return;
    }
    if (field_is(res, PG_DIAG_SQLSTATE, "26000"))
        set_prepared(l, e->call.slot, false);
    next = next_lane(l, e);
    if (next == NULL || e->w == NULL) {
        entry_finish(e, DB_ERROR, res);
        return;
    }
    PQclear(res);
    send_again(next, e);
}


/* A failed Parse is the failure of the query it was for, which comes back
 * aborted: it keeps the Parse's words. */
static void
parse_done(struct db_lane *l, struct db_entry *e)
{
    const char *state = PQresultErrorField(e->result, PG_DIAG_SQLSTATE);

    if (PQresultStatus(e->result) != PGRES_COMMAND_OK)
        set_prepared(l, e->call.slot, false);

    /* An earlier batch made it after all: only the query is sent again. */
    if (state != NULL && strcmp(state, "42P05") == 0) {
        set_prepared(l, e->call.slot, true);
        e->parse_of->alone = false;
        PQclear(e->result);
    } else if (PQresultStatus(e->result) == PGRES_FATAL_ERROR) {
        e->parse_of->result = e->result;
        e->parse_of->alone = true;
    } else {
        PQclear(e->result);
    }
    shop_env.release(e);
}


static void
entry_done(struct db_lane *l)
{
    struct db_entry *e = entry_pop(&l->sent);

    if (e->kind == ENTRY_PREPARE) {
        parse_done(l, e);
        return;
    }
    l->in_flight--;
    if (l->counted)
        COUNT(l->shop, READ_FLIGHT, -1);
    query_done(l, e);
}


/* A plan whose columns changed can only be made anew on another connection.
 * The state is that of anything unsupported; who raised it tells.  A prepared
 * statement that is gone aborts a transaction, so there too a connection that
 * knows what it has prepared is the remedy. */
static bool
is_stale(const struct db_lane *l, const PGresult *res)
{
    return (field_is(res, PG_DIAG_SQLSTATE, "0A000")
            && field_is(res, PG_DIAG_SOURCE_FUNCTION, "RevalidateCachedQuery"))
           || (l->changed != NULL && field_is(res, PG_DIAG_SQLSTATE, "26000"));
}


/* An error of libpq's own, for want of memory, in place of what PostgreSQL has
 * said: perhaps that it is done. */
static bool
is_unread(const PGresult *res)
{
    return PQresultStatus(res) == PGRES_FATAL_ERROR
           && PQresultErrorField(res, PG_DIAG_SQLSTATE) == NULL;
}


/* Is this the end of the connection?  A FATAL comes without a Sync. */
static bool
is_last(const struct db_lane *l, const PGresult *res)
{
    if (is_unread(res))
        return true;
    if (PQstatus(l->pg) == CONNECTION_BAD)
        return PQresultStatus(res) == PGRES_FATAL_ERROR;

    return field_is(res, PG_DIAG_SEVERITY_NONLOCALIZED, "FATAL")
           || field_is(res, PG_DIAG_SEVERITY_NONLOCALIZED, "PANIC")
           || is_stale(l, res);
}


/* Take one result; false when there is nothing sensible to take. */
static bool
take(struct db_lane *l, PGresult *res)
{
    struct db_entry *e = l->sent.first;

    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
        PQclear(res);
        if (e->kind != ENTRY_SYNC)
            return false;
        shop_env.release(entry_pop(&l->sent));
        return true;
    }
    if (e->kind == ENTRY_SYNC || is_last(l, res)) {
        PQclear(res);
        return false;
    }
    if (e->result == NULL)
        e->result = res;
    else
        PQclear(res);
    e->answered = true;

    return true;
}


/* Read what has come, without ever waiting for more. */
static bool
drain(struct db_lane *l)
{
    unsigned nothing = 0;

    while (l->sent.n != 0 && !PQisBusy(l->pg)) {
        PGresult *res = PQgetResult(l->pg);

        if (res != NULL) {
            nothing = 0;
            if (!take(l, res))
                return false;
        } else if (l->sent.first->answered) {
            nothing = 0;
            entry_done(l);
        } else if (++nothing > 1 || PQstatus(l->pg) == CONNECTION_BAD) {
            break;
        }
        if (l->state != LANE_UP)
            return true;
    }

    return PQstatus(l->pg) != CONNECTION_BAD;
}


/* A slow one that has nothing to do takes what waits for another; not from one
 * that is about to send it, which would take it back for ever. */
static void
take_over(struct db_lane *l)
{
    for (struct db_lane *r = l->ring; r != l; r = r->ring) {
        bool             stuck = r->state != LANE_UP || r->in_flight != 0;
        struct db_entry *e = stuck ? entry_pop(&r->queue) : NULL;

        if (e != NULL) {
            e->lane = l;
            entry_push(&l->queue, e);
            return;
        }
    }
}


/* Flushing reads too when it cannot write, so draining comes after it. */
void
lane_pump(struct db_lane *l)
{
    int more = PQflush(l->pg);

    if (more < 0 || !drain(l)) {
        lane_lost(l);
        return;
    }
    if (l->state != LANE_UP)
        return;

    if (!lane_interest(l, more == 1 ? SHOP_RD | SHOP_WR : SHOP_RD)) {
        lane_lost(l);
        return;
    }
    if (l->sent.n != 0)
        lane_listen(l);
    if (l->ring != NULL && l->queue.n == 0 && l->in_flight == 0)
        take_over(l);
    if (l->queue.n != 0 && l->in_flight < l->flight_max)
        lane_post(l);
}
