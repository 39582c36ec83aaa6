/*
 * events.c - the rules of the feed and of dead letters.
 */
#include "events/events.h"

#include "events/events.sql.h"

#define TRIM_ROWS    5000       /* in one transaction                        */

static const char *const states[] = { "waiting", "running", "dead", NULL };

const struct field feed_event[] = {
    SHAPE(feed_event, "Event"),
    FIELD(feed_event, seq, INT,
          .doc = "In the order of commits, without a gap"),
    FIELD(feed_event, type, TEXT, .doc = "Such as product.updated"),
    FIELD(feed_event, subject, TEXT, .doc = "The id of what it happened to"),
    FIELD(feed_event, payload, JSON),
    FIELD(feed_event, occurred_at, STAMP),
    FIELD(feed_event, recorded_at, STAMP),
    FIELD(feed_event, request_id, TEXT, .nullable = true,
          .doc = "X-Request-Id of the request that made it"),
    FIELD(feed_event, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field feed_filter[] = {
    SHAPE(feed_filter, "EventFilter"),
    FIELD(feed_filter, after, INT, .min = 0,
          .doc = "Only events with a larger number"),
    FIELD(feed_filter, subject, TEXT, .min = 1, .max = 100,
          .doc = "Only events of this"),
    END_SHAPE
};

const struct field stream_query[] = {
    SHAPE(stream_query, "EventStreamQuery"),
    FIELD(stream_query, after, INT, .min = 0,
          .doc = "The last event that is known; Last-Event-ID comes first. "
                 "From now on when neither is given"),
    FIELD(stream_query, types, TEXTS, .max = 20, .item_max = 81,
          .doc = "Such as product.created, or product.* for all of these"),
    END_SHAPE
};

const struct field feed_bounds[] = {
    SHAPE(feed_bounds, "EventBounds"),
    FIELD(feed_bounds, first, INT),
    FIELD(feed_bounds, last, INT),
    END_SHAPE
};

const struct field job_row[] = {
    SHAPE(job_row, "Job"),
    FIELD(job_row, id, UUID, .prefix = "job"),
    FIELD(job_row, kind, TEXT),
    FIELD(job_row, payload, JSON),
    FIELD(job_row, state, TEXT, .one_of = states),
    FIELD(job_row, attempts, INT, .doc = "How often it was begun"),
    FIELD(job_row, max_attempts, INT, .doc = "So often, then it is dead"),
    FIELD(job_row, error, TEXT, .nullable = true,
          .doc = "Code of the problem with which the last attempt ended"),
    FIELD(job_row, run_at, STAMP, .doc = "Not before"),
    FIELD(job_row, leased_until, STAMP, .nullable = true,
          .doc = "A worker has it until then"),
    FIELD(job_row, dead_at, STAMP, .nullable = true),
    FIELD(job_row, created_at, STAMP),
    FIELD(job_row, request_id, TEXT, .nullable = true,
          .doc = "X-Request-Id of the request that asked for it"),
    FIELD(job_row, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field job_filter[] = {
    SHAPE(job_filter, "JobFilter"),
    FIELD(job_filter, state, TEXT, .one_of = states),
    FIELD(job_filter, kind, TEXT, .min = 1, .max = 100),
    END_SHAPE
};

const struct problem events_trimmed = {
    410, "events_trimmed",
    "Events behind this number are gone; read everything anew.",
};
const struct problem job_not_dead = {
    409, "job_not_dead", "The job is not a dead letter.",
};


/* Behind the number 0 everything that is kept may be asked for. */
void
feed_check(struct request *rq, int64_t after)
{
    const struct feed_bounds *b;

    if (after == INT_NONE || after == 0)
        return;
    b = sql_feed_bounds(rq);
    if (after + 1 < b->first)
        fail(rq, &events_trimmed);
}


void
feed_listen(struct request *rq, int64_t after, const struct texts *types)
{
    const struct feed_bounds *b = sql_feed_bounds(rq);

    if (after == INT_NONE)
        after = b->last;
    if (after == 0 && b->first > 1)
        after = b->first - 1;
    if (after + 1 < b->first)
        fail(rq, &events_trimmed);
    stream_events(rq, after, b->last, types);
}


/* The statement decides; why it did nothing is asked afterwards. */
static _Noreturn void
refuse(struct request *rq, uuid id)
{
    if (sql_job_row(rq, id) == NULL)
        fail(rq, &not_found);
    fail(rq, &job_not_dead);
}


void
job_replay(struct request *rq, uuid id)
{
    if (sql_job_replay(rq, id) == 0)
        refuse(rq, id);
}


void
job_discard(struct request *rq, uuid id)
{
    if (sql_job_discard(rq, id) == 0)
        refuse(rq, id);
}


/* In portions, each a job of its own, so that no transaction is long. */
void
events_trim(struct request *rq)
{
    static const struct job_kind again = { "events.trim", events_trim };

    if (sql_events_trim(rq, TRIM_ROWS) == TRIM_ROWS)
        enqueue(rq, &again, "{}", 0);
}
