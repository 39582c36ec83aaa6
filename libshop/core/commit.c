/*
 * commit.c - the transaction of a request: its connection, its end, and what
 * the errors of PostgreSQL mean to a client.
 *
 * Tags that the transaction touches are held from before COMMIT is sent until
 * its outcome is known, so no reader of this machine sees the old after the
 * writer has seen the new.
 *
 * This side of the convention: functions fail() the request, or have it run
 * again.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#include <stdio.h>

enum meaning { REFUSED, ONCE_MORE };

/* What a state of PostgreSQL means, whatever the statement. */
static const struct {
    const char            *state;
    enum meaning           meaning;
    const struct problem  *problem;
} states[] = {
    { "40001", ONCE_MORE, &contention },
    { "40P01", ONCE_MORE, &contention },
    { "55P03", REFUSED, &contention },
    { "57014", REFUSED, &database_timeout },
    { "42P01", REFUSED, &not_migrated },
    { "42703", REFUSED, &not_migrated },
    { "42883", REFUSED, &not_migrated },
    { "42501", REFUSED, &not_migrated },
    { "25006", REFUSED, &database_unavailable },
    { "53100", REFUSED, &database_unavailable },        /* its disk is full */
    { "53200", REFUSED, &database_unavailable },        /* so is its memory */
    { "53400", REFUSED, &database_unavailable },        /* temp_file_limit  */
};


/* --- a transaction's connection ------------------------------------------ */


static void
woken(struct tx *tx)
{
    request_wake(tx->ctx);
}


/* The connection is asked for with the first statement: what is refused
 * before costs none. */
struct tx *
request_tx(struct request *rq)
{
    struct tx *tx = &rq->tx;

    if (!rq->tx_asked) {
        rq->tx_asked = true;
        tx->wake = woken;
        tx->ctx = rq;
        tx->name = trace(rq);
        if (tx->name == NULL)
            tx->name = rq->route->path;
        db_tx_acquire(rq->shop->db, tx);
    }
    while (tx->outcome == DB_PENDING)
        request_wait_db(rq);

    if (tx->outcome == DB_BUSY)
        fail(rq, &overloaded);
    if (tx->outcome == DB_DOWN)
        fail(rq, &database_unavailable);

    return tx;
}


/* Without memory the connection goes, and whoever waits for one is run. */
static void
roll_back(void *tx)
{
    db_tx_rollback(tx);
}


/* Not left to the end of the request: PostgreSQL keeps the locks until then,
 * and whoever asks next would meet them. */
void
rollback(struct request *rq)
{
    request_on_loop(rq, roll_back, &rq->tx);
    while (rq->tx.rolling && rq->tx.conn != NULL)
        request_wait_db(rq);
}


static _Noreturn void
run_again(struct request *rq, const struct problem *p)
{
    if (rq->answered || rq->attempts >= TX_ATTEMPTS)
        fail(rq, p);

    COUNT(rq->shop, TX_AGAIN, 1);
    rollback(rq);
    request_leave(rq, AGAIN);
}


static const struct constraint *
constraint_named(const char *name)
{
    for (size_t d = 0; domains[d] != NULL; d++) {
        const struct constraint *c = domains[d]->constraints;

        for (; c != NULL && c->name != NULL; c++) {
            if (strcmp(c->name, name) == 0)
                return c;
        }
    }

    return NULL;
}


void
within(struct request *rq, const char *format, ...)
{
    char     place[256];
    va_list  args;

    va_start(args, format);
    vsnprintf(place, sizeof(place), format, args);
    va_end(args);
    rq->place = text_copy(rq, place);
}


static _Noreturn void
fail_constraint(struct request *rq, const struct constraint *c)
{
    const char *place = rq->place == NULL ? "" : rq->place;

    if (c->pointer == NULL)
        fail(rq, c->problem);
    fail_at(rq, c->problem, text_of(rq, "%s%s", place, c->pointer),
            c->problem->title);
}


/* PostgreSQL's words never reach a client: they may hold values. */
_Noreturn void
fail_database(struct request *rq, const char *statement,
              const struct db_wait *w)
{
    const struct constraint *c = constraint_named(w->constraint);

    if (w->outcome == DB_BUSY)
        fail(rq, &overloaded);
    if (w->outcome == DB_LOST && rq->in_tx)
        run_again(rq, &database_unavailable);
    if (w->outcome != DB_ERROR)
        fail(rq, &database_unavailable);

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(states[i].state, w->sqlstate) != 0)
            continue;
        if (states[i].meaning == ONCE_MORE && rq->in_tx)
            run_again(rq, states[i].problem);
        fail(rq, states[i].problem);
    }
    if (c != NULL)
        fail_constraint(rq, c);

    shop_log(rq->shop, SHOP_LOG_ERROR, "%s failed with %s%s%s", statement,
             w->sqlstate, w->constraint[0] != '\0' ? ", constraint " : "",
             w->constraint);
    fail(rq, &internal_error);
}


/* --- tags ---------------------------------------------------------------- */


void
touch(struct request *rq, const char *kind)
{
    struct touching *t = &rq->touch;

    if (t->n < CACHE_MAX_TAGS)
        t->tags[t->n++] = cache_tag(kind, strlen(kind));
    else
        t->all = true;
}


void
touch_id(struct request *rq, const char *kind, uuid id)
{
    touch(rq, tag_text(rq, kind, id));
}


/* Who leaves while COMMIT is under way lets go of what it holds. */
static void
let_go(void *data)
{
    struct request *rq = data;

    if (!rq->touch.held)
        return;
    rq->touch.held = false;
    if (rq->touch.all)
        cache_release_all(&rq->shop->cache, rq->tx.xid);
    else
        cache_release(&rq->shop->cache, rq->touch.tags, rq->touch.n,
                      rq->tx.xid);
}


static void
hold(struct request *rq)
{
    struct touching *t = &rq->touch;

    if (t->n == 0)
        return;
    if (arena_cleanup(&rq->attempt, let_go, rq) == NULL)
        fail(rq, &out_of_memory);

    t->all = t->all || cache_hold(&rq->shop->cache, t->tags, t->n) != SHOP_OK;
    if (t->all)
        cache_hold_all(&rq->shop->cache);
    t->held = true;
}


/* --- commit -------------------------------------------------------------- */


/* COMMIT did not happen: whoever stored the key first has the answer; a
 * statement that nobody waited for has failed, or could not even be sent; or a
 * constraint that is checked at the end is broken. */
static _Noreturn void
refused(struct request *rq)
{
    const char *constraint = rq->tx.wait.constraint;

    if (rq->tx.commit == TX_ABORTED
        || strcmp(constraint, "idempotency_keys_pkey") == 0)
        run_again(rq, &contention);
    rq->tx.wait.outcome = rq->tx.spoilt ? DB_BUSY : DB_ERROR;
    fail_database(rq, "COMMIT", &rq->tx.wait);
}


void
commit(struct request *rq)
{
    struct tx *tx = &rq->tx;

    if (!rq->in_tx || !tx->begun)
        return;

    hold(rq);
    db_tx_commit(tx);
    while (tx->commit == TX_NONE)
        request_wait_db(rq);
    let_go(rq);

    if (tx->commit == TX_UNKNOWN)
        fail(rq, &outcome_unknown);
    if (tx->commit != TX_COMMITTED)
        refused(rq);
    rq->in_tx = false;
}
