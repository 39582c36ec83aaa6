/*
 * job.c - jobs: written with the transaction, taken by one worker at a time,
 * run until they work or are dead.
 *
 * A round of the runner: look; turn schedules that are due into jobs; take a
 * few; run each in a transaction of its own.  To take one is to commit a lease:
 * until it is over nobody else takes the job, and then anybody may, for who
 * had it has gone.  The job's row is deleted in the transaction of its effect,
 * by its number of attempts, so the effect happens once even when two believe
 * that they have it.
 *
 * An attempt is counted when it begins: a job that kills its worker is a dead
 * letter in the end, too.
 *
 * Functions of handlers and steps fail the request.
 */
#include "core/job.h"

#include "core/job.sql.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#define ATTEMPTS   10
#define LEASE_S    60
#define TAKE_MOST  8            /* well within the shortest lease            */

const struct field jobs_look[] = {
    SHAPE(jobs_look, "JobsLook"),
    FIELD(jobs_look, due, BOOL),
    FIELD(jobs_look, scheduled, BOOL),
    END_SHAPE
};

const struct field job_taken[] = {
    SHAPE(job_taken, "JobTaken"),
    FIELD(job_taken, id, UUID),
    FIELD(job_taken, kind, TEXT),
    FIELD(job_taken, payload, JSON),
    FIELD(job_taken, attempts, INT),
    FIELD(job_taken, request_id, TEXT, .nullable = true),
    END_SHAPE
};

const struct field job_fate[] = {
    SHAPE(job_fate, "JobFate"),
    FIELD(job_fate, dead, BOOL),
    END_SHAPE
};


/* What a row of a domain's table leaves out. */
static int64_t
attempts_of(const struct job_kind *k)
{
    return k->attempts == 0 ? ATTEMPTS : k->attempts;
}


static int64_t
lease_of(const struct job_kind *k)
{
    return k->lease == 0 ? LEASE_S : k->lease;
}


/* Nobody waits for it: when it fails, COMMIT does. */
void
enqueue_once(struct request *rq, const struct job_kind *kind, const char *key,
             const char *payload, int64_t after)
{
    struct query *q = alloc(rq, sizeof(*q));

    start_job_insert(rq, q, kind->name, key, (json) { payload }, after,
                     attempts_of(kind), lease_of(kind), kind->yields,
                     trace(rq));
}


void
enqueue(struct request *rq, const struct job_kind *kind, const char *payload,
        int64_t after)
{
    enqueue_once(rq, kind, NULL, payload, after);
}


/* --- steps ---------------------------------------------------------------- */


/* Jobs of a version that knows more than this one are left to it. */
static struct texts
kinds(struct request *rq)
{
    struct texts           t = { 0, NULL };
    const struct job_kind *k;

    t.v = alloc(rq, KINDS_MAX * sizeof(*t.v));
    while ((k = job_kind_at(t.n)) != NULL)
        t.v[t.n++] = k->name;

    return t;
}


/* Kinds are few, and compared as seldom as jobs run. */
static const struct job_kind *
kind_named(const char *name)
{
    const struct job_kind *k;

    for (size_t i = 0; (k = job_kind_at(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0)
            return k;
    }

    return NULL;
}


/* A read: an idle shop writes nothing. */
static void
look(struct request *rq)
{
    struct runner          *r = (struct runner *) rq->chain;
    const struct jobs_look *found = sql_jobs_look(rq, kinds(rq));

    r->due = found->due;
    r->scheduled = found->scheduled;
    reply_none(rq);
}


/* How often and for how long jobs of a kind are tried is the code's to say;
 * names are plain, see background_wrong(). */
static void
schedule(struct request *rq)
{
    const char            *limits = "[";
    const struct job_kind *k;

    for (size_t i = 0; (k = job_kind_at(i)) != NULL; i++)
        limits = text_of(rq, "%s%s{\"kind\":\"%s\",\"attempts\":%lld,"
                         "\"lease\":%lld,\"yields\":%lld}", limits,
                         i == 0 ? "" : ",", k->name,
                         (long long) attempts_of(k), (long long) lease_of(k),
                         (long long) k->yields);
    sql_schedules_run(rq, kinds(rq), (json) { text_of(rq, "%s]", limits) });
    reply_none(rq);
}


/* What was taken outlives the request that took it. */
static void
keep(struct request *rq, struct runner *r, const struct job_taken *rows,
     size_t n)
{
    arena_reset(&r->arena);
    r->n = r->at = 0;
    r->jobs = arena_alloc(&r->arena, TAKE_MOST * sizeof(*r->jobs));
    for (size_t i = 0; r->jobs != NULL && i < n; i++) {
        struct job_taken *j = &r->jobs[i];

        *j = rows[i];
        j->kind = arena_copy(&r->arena, j->kind, strlen(j->kind));
        j->payload.text = arena_copy(&r->arena, j->payload.text,
                                     strlen(j->payload.text));
        if (j->request_id != NULL)
            j->request_id = arena_copy(&r->arena, j->request_id,
                                       strlen(j->request_id));
        if (j->kind == NULL || j->payload.text == NULL)
            fail(rq, &out_of_memory);
    }
    if (r->jobs == NULL)
        fail(rq, &out_of_memory);
    r->n = n;
}


/* A few at once share a commit; not many, for their leases run while they wait
 * for one another, and another worker may be idle. */
static void
take(struct request *rq)
{
    struct runner    *r = (struct runner *) rq->chain;
    struct job_taken *rows;
    size_t            n;

    r->dead = (int64_t) sql_jobs_bury(rq);
    rows = sql_jobs_take(rq, kinds(rq), TAKE_MOST, &n);
    keep(rq, r, rows, n);
    reply_none(rq);
}


/* The row goes first: its lock keeps others away until the commit, also when
 * the job takes longer than its lease. */
static void
run(struct request *rq)
{
    struct runner          *r = (struct runner *) rq->chain;
    const struct job_taken *j = &r->jobs[r->at];

    reply_none(rq);
    r->had = sql_job_finish(rq, j->id, j->attempts) != 0;
    if (r->had)
        kind_named(j->kind)->run(rq);
}


/* In a transaction of its own, for the attempt's is gone.  When the job was
 * done after all, and only the answer to COMMIT was lost, there is no row. */
static void
note_failure(struct request *rq)
{
    struct runner          *r = (struct runner *) rq->chain;
    const struct job_taken *j = &r->jobs[r->at];
    const struct job_fate  *fate;

    fate = sql_job_failed(rq, j->id, j->attempts, r->error,
                          backoff_ms(j->attempts));
    r->dead = fate != NULL && fate->dead;
    reply_none(rq);
}


/* What was taken and not begun.  Nobody waits for it: when it fails, COMMIT
 * does, and the leases tell the others when to begin. */
static void
give_back(struct request *rq)
{
    struct runner *r = (struct runner *) rq->chain;
    struct query  *q = alloc(rq, TAKE_MOST * sizeof(*q));

    for (size_t i = r->at; i < r->n; i++)
        start_job_give_back(rq, &q[i], r->jobs[i].id, r->jobs[i].attempts);
    reply_none(rq);
}


/* --- the round ------------------------------------------------------------ */

static const struct route steps[] = {
    [RUNNER_LOOK] = { GET, "jobs: look", look, PUBLIC },
    [RUNNER_SCHEDULE] = { POST, "jobs: schedule", schedule, PUBLIC, TX },
    [RUNNER_TAKE] = { POST, "jobs: take", take, PUBLIC, TX },
    [RUNNER_FAILED] = { POST, "jobs: failed", note_failure, PUBLIC, TX },
    [RUNNER_GIVE_BACK] = { POST, "jobs: give back", give_back, PUBLIC, TX },
};


static void
go(struct runner *r, unsigned step)
{
    r->step = step;
    chain_step(&r->chain, &steps[step], (shop_str_t) { NULL, 0 }, NULL);
}


/* Until the next look. */
static void
rest(struct runner *r, bool at_once)
{
    r->step = RUNNER_IDLE;
    chain_round(&r->chain, at_once);
}


/* The body is the payload: what does not fit its kind fails the attempt before
 * anything is done. */
static void
run_job(struct runner *r)
{
    const struct job_taken *j = &r->jobs[r->at];
    const struct job_kind  *k = kind_named(j->kind);
    shop_str_t              body = { NULL, 0 };

    if (k->payload != NULL)
        body = (shop_str_t) { j->payload.text, strlen(j->payload.text) };
    r->route = (struct route) {
        .method = POST, .path = k->name, .handler = run, .may = PUBLIC,
        .flags = TX, .body = k->payload,
    };
    r->step = RUNNER_RUN;
    chain_step(&r->chain, &r->route, body, j->request_id);
}


/* A worker that drains leaves the rest to those who stay, at once and not when
 * the leases are over. */
static void
run_next(struct runner *r)
{
    if (r->at == r->n)
        rest(r, r->n != 0);
    else if (r->chain.shop->draining)
        go(r, RUNNER_GIVE_BACK);
    else
        run_job(r);
}


/* Somebody has to look at those: an alert hangs on the counter. */
static void
buried(struct runner *r)
{
    if (r->dead == 0)
        return;
    COUNT(r->chain.shop, JOBS_DEAD, r->dead);
    shop_log(r->chain.shop, SHOP_LOG_ERROR, "%lld jobs are dead letters now",
             (long long) r->dead);
}


/* A failure that could not be noted is no reason to leave the others: the job's
 * lease will be over.  One that could not even be taken is looked for later. */
static void
failed(struct runner *r, const struct problem *p)
{
    const struct job_taken *j;

    if (r->step == RUNNER_FAILED) {
        r->at++;
        run_next(r);
        return;
    }
    if (r->step != RUNNER_RUN) {
        rest(r, false);
        return;
    }
    j = &r->jobs[r->at];
    COUNT(r->chain.shop, JOBS_FAILED, 1);
    shop_log(r->chain.shop, SHOP_LOG_WARN, "job %s failed, attempt %lld, of "
             "request %s: %s", j->kind, (long long) j->attempts,
             j->request_id == NULL ? "-" : j->request_id, p->code);
    r->error = p->code;
    go(r, RUNNER_FAILED);
}


/* Behind schedules there is always something to take. */
static void
looked(struct runner *r)
{
    if (r->chain.shop->draining)
        rest(r, false);
    else if (r->scheduled)
        go(r, RUNNER_SCHEDULE);
    else if (r->due)
        go(r, RUNNER_TAKE);
    else
        rest(r, false);
}


/* Which step follows which.  What a step found lies in *r: the request that
 * found it is gone by now. */
static void
next(struct chain *c, const struct problem *p)
{
    struct runner *r = (struct runner *) c;

    if (p != NULL) {
        failed(r, p);
        return;
    }
    switch (r->step) {
    case RUNNER_IDLE:
        go(r, RUNNER_LOOK);
        break;
    case RUNNER_LOOK:
        looked(r);
        break;
    case RUNNER_SCHEDULE:
        go(r, RUNNER_TAKE);
        break;
    case RUNNER_TAKE:
        buried(r);
        run_next(r);
        break;
    case RUNNER_RUN:
        COUNT(c->shop, JOBS_DONE, r->had);
        r->at++;
        run_next(r);
        break;
    case RUNNER_FAILED:
        buried(r);
        r->at++;
        run_next(r);
        break;
    case RUNNER_GIVE_BACK:
        rest(r, false);
        break;
    }
}


void
runner_open(struct runner *r)
{
    r->chain.next = next;
}
