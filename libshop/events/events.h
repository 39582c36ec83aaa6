/*
 * events.h - what has happened in the shop, and the work that is still to be
 * done, as staff and machines see them.
 *
 * How both come about is core's: see core/event.c and core/job.c.
 */
#ifndef SHOP_EVENTS_H
#define SHOP_EVENTS_H

#include "core/core.h"

/* An event with its number, by which whoever reads the feed goes on. */
struct feed_event {
    int64_t       seq;
    const char   *type;
    const char   *subject;
    json          payload;
    stamp         occurred_at;
    stamp         recorded_at;
    const char   *request_id;   /* of the request that made it, or NULL      */
    const char   *page_key;
};

struct feed_filter {
    int64_t       after;        /* INT_NONE: from the first that is kept     */
    const char   *subject;
};

/* The query of the live feed. */
struct stream_query {
    int64_t       after;        /* INT_NONE: from now on                     */
    struct texts  types;
};

/* The numbers between which the feed can be read. */
struct feed_bounds {
    int64_t       first;        /* the oldest that is kept                   */
    int64_t       last;
};

struct job_row {
    uuid          id;
    const char   *kind;
    json          payload;
    const char   *state;        /* waiting, running or dead                  */
    int64_t       attempts;
    int64_t       max_attempts;
    const char   *error;
    stamp         run_at;
    stamp         leased_until;
    stamp         dead_at;
    stamp         created_at;
    const char   *request_id;   /* of the request that asked for it, or NULL */
    const char   *page_key;
};

struct job_filter {
    const char   *state;
    const char   *kind;
};

extern const struct field feed_event[];
extern const struct field feed_filter[];
extern const struct field feed_bounds[];
extern const struct field stream_query[];
extern const struct field job_row[];
extern const struct field job_filter[];

extern const struct problem events_trimmed;
extern const struct problem job_not_dead;

/* Nothing that anybody still asks for is lost without a word: 410 when events
 * behind the number have been trimmed. */
void feed_check(struct request *rq, int64_t after);

/* The same for whoever wants to hear what comes. */
void feed_listen(struct request *rq, int64_t after, const struct texts *types);

/* A dead letter is tried again from the start, or thrown away. */
void job_replay(struct request *rq, uuid id);
void job_discard(struct request *rq, uuid id);

/* The job that trims the feed. */
void events_trim(struct request *rq);

#endif
