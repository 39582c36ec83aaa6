/*
 * events_admin_api.c - the feed of events, and jobs, over HTTP.
 */
#include "events/events.h"

#include <stdlib.h>

#include "core/problem.h"
#include "events/events.sql.h"

#define ADMIN  "/api/admin/v1"

static const char *const seq_sorts[] = { "sequence", NULL };
static const char *const id_sorts[] = { "oldest", NULL };


/* GET /events: whoever remembers the number of the last one that he has read,
 * and asks behind it, misses nothing. */
static void
event_list(struct request *rq)
{
    const struct page        *p = page(rq);
    const struct feed_filter *f = query(rq, feed_filter);
    int64_t                   after = f->after;
    struct feed_event        *rows;
    size_t                    n;

    if (p->after.n == 1)
        after = strtoll(p->after.v[0], NULL, 10);
    feed_check(rq, after);
    rows = sql_feed(rq, f, after == INT_NONE ? 0 : after, p->limit, &n);
    reply_page(rq, feed_event, rows, n);
}


/* GET /stream: the same as it happens.  A client that was cut off says in
 * Last-Event-ID where, whatever its address says. */
static void
event_stream(struct request *rq)
{
    const struct stream_query *in = query(rq, stream_query);
    int64_t                    after = last_event_id(rq);

    feed_listen(rq, after == INT_NONE ? in->after : after, &in->types);
}


/* GET /jobs: those that are done are not among them, for nothing is left of
 * them but what they did. */
static void
job_list(struct request *rq)
{
    const struct page *p = page(rq);
    struct job_row    *rows;
    size_t             n;

    rows = sql_job_rows(rq, query(rq, job_filter),
                        p->after.n == 1 ? p->after.v[0] : NULL, p->limit, &n);
    reply_page(rq, job_row, rows, n);
}


/* GET /jobs/:job: what is done is gone. */
static void
job_show(struct request *rq)
{
    const struct job_row *j = sql_job_row(rq, path_id(rq, "job", "job"));

    if (j == NULL)
        fail(rq, &not_found);
    reply(rq, 200, job_row, j);
}


/* POST /jobs/:job/replay: for a fault that has been mended since. */
static void
replay_job(struct request *rq)
{
    uuid id = path_id(rq, "job", "job");

    job_replay(rq, id);
    reply(rq, 200, job_row, sql_job_row(rq, id));
}


/* POST /jobs/:job/discard: for good; a letter that nobody can use. */
static void
discard_job(struct request *rq)
{
    job_discard(rq, path_id(rq, "job", "job"));
    reply_none(rq);
}


static const struct problem *const feed_problems[] = { &events_trimmed, NULL };
static const struct problem *const stream_problems[] = {
    &events_trimmed, &bad_last_event_id, NULL
};
static const struct problem *const dead_problems[] = { &job_not_dead, NULL };

static const struct route admin_routes[] = {
    { GET, ADMIN "/events", event_list, MAY(events_read), PAGED,
      .query = feed_filter, .view = feed_event, .sorts = seq_sorts,
      .problems = feed_problems,
      .summary = "What has happened, in the order of commits" },
    { GET, ADMIN "/stream", event_stream, MAY(events_read), STREAM,
      .query = stream_query, .problems = stream_problems,
      .media_type = "text/event-stream",
      .summary = "Events as they happen, server-sent" },
    { GET, ADMIN "/jobs", job_list, MAY(jobs_read), PAGED,
      .query = job_filter, .view = job_row, .sorts = id_sorts,
      .summary = "Jobs that wait, run or are dead letters" },
    { GET, ADMIN "/jobs/:job", job_show, MAY(jobs_read), .view = job_row,
      .summary = "One job that is not done yet" },
    { POST, ADMIN "/jobs/:job/replay", replay_job, MAY(jobs_write), TX | ONCE,
      .view = job_row, .problems = dead_problems,
      .summary = "Try a dead letter again" },
    { POST, ADMIN "/jobs/:job/discard", discard_job, MAY(jobs_write),
      TX | ONCE, .status = 204, .problems = dead_problems,
      .summary = "Throw a dead letter away" },
    END_ROUTES
};

static const struct job_kind jobs[] = {
    { "events.trim", events_trim, NULL, 0, 0 },
    { .name = NULL }
};

const struct domain events_domain = {
    "events", .admin_routes = admin_routes, .statements = events_statements,
    .jobs = jobs,
};
