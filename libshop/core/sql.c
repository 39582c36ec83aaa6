/*
 * sql.c - statements as handlers see them: send, wait, rows as structs.
 *
 * This side of the convention: functions fail() the request, with the problem
 * that PostgreSQL's answer means.
 */
#include "core/sql.h"

#include <stdlib.h>

#include "core/db_rows.h"
#include "core/env.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

/* A statement on its way; `wait` first, so that the lane's pointer is ours. */
struct running {
    struct db_wait   wait;
    struct request  *rq;
    const char      *name;
    uint64_t         since_us;
    const char      *values[PARAMS_MAX];
    unsigned         slot;
};

/* Core's own, beside those of the domains. */
extern const struct stmt *const once_statements[];
extern const struct stmt *const event_statements[];
extern const struct stmt *const job_statements[];

static const struct stmt *const *const own[] = {
    once_statements, event_statements, job_statements,
};

#define OWN  (sizeof(own) / sizeof(own[0]))


static int
statements_check(const struct stmt *const *s, char *error, size_t size)
{
    for (; s != NULL && *s != NULL; s++) {
        if (sql_bind_check(*s, error, size) != 0)
            return -1;
        if (*(*s)->slot == 0)
            *(*s)->slot = sql_next_slot();
    }

    return 0;
}


bool
sql_statements(size_t i, const struct stmt *const **out)
{
    const struct domain *d = i < OWN ? NULL : domains[(i - OWN) / 2];

    *out = i < OWN ? own[i]
           : d == NULL ? NULL
           : (i - OWN) % 2 == 0 ? d->statements : d->admin_statements;

    return i < OWN || d != NULL;
}


int
sql_statements_check(char *error, size_t size)
{
    const struct stmt *const *s;
    int                       rc = 0;

    for (size_t i = 0; rc == 0 && sql_statements(i, &s); i++)
        rc = statements_check(s, error, size);

    return rc;
}


static void
wake(struct db_wait *w)
{
    struct running *r = w->ctx;

    measure_statement(r->rq, r->name, r->since_us, true);
    request_wake(r->rq);
}


static void
forget(void *data)
{
    struct running *r = data;

    if (r->wait.entry != NULL) {
        measure_statement(r->rq, r->name, r->since_us, false);
        db_forget(&r->wait);
    }
    if (r->wait.result != NULL)
        PQclear(r->wait.result);
}


/* caller() refuses where the answer is kept for everyone.  NULL is nobody. */
static const uuid *
asker(struct request *rq, const struct stmt *st)
{
    const struct caller *c = st->by_caller ? caller(rq) : NULL;

    return c == NULL || c->kind == ANONYMOUS ? NULL : &c->id;
}


/* What changes something without a transaction would be lost to it. */
static void
send(struct request *rq, const struct stmt *st, const struct db_call *call,
     struct db_wait *w)
{
    if (rq->in_tx) {
        once_begin(rq);
        db_tx_query(request_tx(rq), call, w);
    } else if (!st->writes) {
        db_read(rq->shop->db, st->lane, call, w);
    } else {
        shop_log(rq->shop, SHOP_LOG_ERROR, "statement %s writes, but %s %s "
                 "has no transaction", st->name,
                 method_name(rq->route->method), rq->route->path);
        fail(rq, &internal_error);
    }
}


void
sql_start(struct request *rq, struct query *q, const struct stmt *st,
          const void *in, const struct arg *args)
{
    struct running  *r = alloc(rq, sizeof(struct running));
    struct db_call   call;

    if (sql_bind(st, in, args, asker(rq, st), &rq->attempt, r->values,
                 &call) != 0
        || arena_cleanup(&rq->attempt, forget, r) == NULL)
        fail(rq, &out_of_memory);

    *q = (struct query) { .rq = rq, .entry = r, .stmt = st };
    r->rq = rq;
    r->slot = call.slot;
    r->wait.wake = wake;
    r->wait.ctx = r;
    r->name = st->name;
    rq->keep.by_clock |= st->by_clock;
    send(rq, st, &call, &r->wait);
    r->since_us = shop_env.mono_us();
}


void
snapshot_begin(struct request *rq)
{
    rq->batch = 0;
    rq->split = false;
}


bool
snapshot_is_one(const struct request *rq)
{
    return rq->in_tx || !rq->split;
}


static void
batch_note(uint64_t *first, bool *split, uint64_t batch)
{
    if (*first == 0)
        *first = batch;
    *split |= *first != batch;
}


static PGresult *
result_of(struct request *rq, struct query *q)
{
    struct running *r = q->entry;

    while (r->wait.outcome == DB_PENDING)
        request_wait_db(rq);

    if (r->wait.outcome != DB_ROWS)
        fail_database(rq, q->stmt->name, &r->wait);

    batch_note(&rq->batch, &rq->split, r->wait.batch);
    if (q->stmt->by_clock)
        batch_note(&rq->keep.clock_batch, &rq->keep.clock_split,
                   r->wait.batch);

    return r->wait.result;
}


/* What does not fit is for us to repair: the client is told nothing of it. */
static void
check(struct request *rq, const struct stmt *st, int rc, const char *why)
{
    if (rc == 0)
        return;
    if (rc == SHOP_E_NOMEM)
        fail(rq, &out_of_memory);
    shop_log(rq->shop, SHOP_LOG_ERROR, "statement %s: %s", st->name, why);
    fail(rq, &internal_error);
}


void *
sql_rows(struct request *rq, struct query *q, size_t *n)
{
    PGresult              *res = result_of(rq, q);
    const struct running  *r = q->entry;
    const struct stmt     *st = q->stmt;
    const struct columns  *columns;
    char                   why[128], *rows;

    *n = (size_t) PQntuples(res);
    check(rq, st, sql_columns(&columns, r->slot, st->out, res, why,
                              sizeof(why)), why);

    rows = alloc(rq, *n * st->out->size + 1);
    for (size_t i = 0; i < *n; i++)
        check(rq, st, sql_row_read(columns, res, (int) i,
                                   rows + i * st->out->size, &rq->attempt,
                                   why, sizeof(why)), why);

    return rows;
}


void *
sql_row(struct request *rq, struct query *q)
{
    size_t  n;
    void   *rows = sql_rows(rq, q, &n);

    return n == 0 ? NULL : rows;
}


size_t
sql_done(struct request *rq, struct query *q)
{
    return strtoul(PQcmdTuples(result_of(rq, q)), NULL, 10);
}


/* --- row by row ---------------------------------------------------------- */


/* `rows` first, so that the connection's pointer is ours. */
struct reading {
    struct db_rows     rows;
    struct request    *rq;
    struct db_call     call;
    const char        *values[PARAMS_MAX];
    PGresult          *row;             /* whose texts are in use            */
    struct arena_mark  mark;            /* before the row                    */
};


static void
rows_wake(struct db_rows *r)
{
    request_wake(((struct reading *) r)->rq);
}


/* Also from within the loop's stack, when the request is abandoned. */
static void
rows_forget(void *data)
{
    struct reading *r = data;

    PQclear(r->row);
    r->row = NULL;
    db_rows_close(&r->rows);
}


static void
rows_open(void *data)
{
    struct reading *r = data;

    db_rows_open(&r->rows, r->rq->shop, &r->call);
}


static void
rows_more(void *data)
{
    db_rows_more(data);
}


/* Until there are rows or there will be none. */
static void
rows_wait(struct request *rq, struct query *q)
{
    struct db_rows *rows = &((struct reading *) q->entry)->rows;
    uint64_t        since = shop_env.mono_us();

    while (rows->n == 0 && rows->wait.outcome == DB_PENDING)
        request_wait(rq);

    rq->db_us += (uint32_t) (shop_env.mono_us() - since);
    if (rows->n == 0 && rows->wait.outcome != DB_ROWS)
        fail_database(rq, q->stmt->name, &rows->wait);
}


/* The first rows are waited for here, so that what fails still has an answer:
 * the handler's stream begins behind this. */
void
sql_each(struct request *rq, struct query *q, const struct stmt *st,
         const void *in, const struct arg *args)
{
    struct reading *r = alloc(rq, sizeof(*r));
    uint64_t        since = shop_env.mono_us();

    if (sql_bind(st, in, args, asker(rq, st), &rq->attempt, r->values,
                 &r->call) != 0
        || arena_cleanup(&rq->attempt, rows_forget, r) == NULL)
        fail(rq, &out_of_memory);

    *q = (struct query) { .rq = rq, .entry = r, .stmt = st };
    r->rq = rq;
    r->rows.wake = rows_wake;
    request_on_loop(rq, rows_open, r);
    rows_wait(rq, q);
    measure_statement(rq, st->name, since, true);
    arena_mark(&rq->attempt, &r->mark);
}


/* The next row as libpq has it, or NULL at the end. */
static PGresult *
row_take(struct request *rq, struct query *q)
{
    struct db_rows *rows = &((struct reading *) q->entry)->rows;

    if (rows->at == rows->n) {
        request_on_loop(rq, rows_more, rows);
        rows_wait(rq, q);
    }

    return rows->at < rows->n ? rows->row[rows->at++] : NULL;
}


void *
sql_next(struct request *rq, struct query *q)
{
    struct reading       *r = q->entry;
    const struct stmt    *st = q->stmt;
    const struct columns *columns;
    char                  why[128];
    void                 *into;

    arena_rewind(&rq->attempt, &r->mark);
    PQclear(r->row);
    r->row = NULL;
    r->row = row_take(rq, q);
    if (r->row == NULL) {
        request_on_loop(rq, rows_forget, r);
        return NULL;
    }
    check(rq, st, sql_columns(&columns, r->call.slot, st->out, r->row, why,
                              sizeof(why)), why);
    into = alloc(rq, st->out->size);
    check(rq, st, sql_row_read(columns, r->row, 0, into, &rq->attempt, why,
                               sizeof(why)), why);

    return into;
}
