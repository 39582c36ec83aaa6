/*
 * background.h - what a worker does without being asked: it puts events into
 * their order, delivers them, and runs jobs.
 *
 * A chain is a row of requests of the shop's own, one after the other: a step
 * ends, and what it found decides which comes next.  Each worker has two, so
 * that a long job does not hold up the events.
 */
#ifndef SHOP_BACKGROUND_H
#define SHOP_BACKGROUND_H

#include "core/arena.h"
#include "core/core.h"
#include "shop.h"

#define SUBSCRIBERS_MAX  64
#define KINDS_MAX        64

struct chain {
    struct shop   *shop;                /* NULL: it does not run             */
    shop_timer_t   timer;
    unsigned       failures;            /* since a step succeeded            */

    /* On the loop's stack: what is the next step?  `p` is the problem of the
     * one that has ended, NULL when it succeeded; at the beginning of a round
     * there was none. */
    void         (*next)(struct chain *c, const struct problem *p);
};

/* Events (event.c).  What a step learns is left here for the next one, since
 * nothing of a request outlives it. */
struct relay {
    struct chain   chain;
    enum { RELAY_IDLE, RELAY_LOOK, RELAY_NUMBER, RELAY_DELIVER, RELAY_FAILED }
                   step;
    bool           pending;             /* there are some without a number   */
    uint64_t       behind;              /* subscribers that have not all     */
    unsigned       subscriber;          /* whose turn it is                  */
    int64_t        seq;                 /* where it stood                    */
    int64_t        failures;
    int64_t        moved;               /* events that the step dealt with   */
    int64_t        at;                  /* so many went well before it       */
    int64_t        most;                /* no more than these; 0: any        */
    bool           worked;              /* this round found something        */
    const char    *error;
    char           id[64];              /* of whose request the event is     */
};

/* Jobs (job.c).  What was taken is run one after the other: two workers are
 * two at once. */
struct runner {
    struct chain       chain;
    enum { RUNNER_IDLE, RUNNER_LOOK, RUNNER_SCHEDULE, RUNNER_TAKE, RUNNER_RUN,
           RUNNER_FAILED, RUNNER_GIVE_BACK } step;
    bool               due;
    bool               scheduled;
    struct arena       arena;           /* of what was taken                 */
    struct job_taken  *jobs;
    size_t             n;
    size_t             at;              /* the one whose turn it is          */
    int64_t            dead;            /* that the step buried              */
    bool               had;             /* it was still ours                 */
    struct route       route;           /* of the job's kind                 */
    const char        *error;
};

struct background {
    struct relay    relay;
    struct runner   runner;
};

void background_open(struct background *b, struct shop *shop);
void background_close(struct background *b);    /* before its requests end   */
void background_done(struct background *b);     /* when they have            */

/* What domains' tables hold, in order; NULL behind the last. */
const struct subscriber *subscriber_at(size_t i);
const struct job_kind *job_kind_at(size_t i);

/* NULL, or a sentence about what is wrong with those tables. */
const char *background_wrong(void);

/* --- for chains --- */

/* The next step, or a new round later when it cannot begin.  The id is of the
 * request that it is done for, or NULL. */
void chain_step(struct chain *c, const struct route *route, shop_str_t body,
                const char *request_id);

/* From nothing to its first round, and to its end: what it has under way is
 * ended by others, or not followed. */
void chain_open(struct chain *c, struct shop *shop);
void chain_close(struct chain *c);

/* A new round: at once when there may be more to do. */
void chain_round(struct chain *c, bool at_once);

/* A request of the chain has ended (shop.c). */
void chain_ended(struct chain *c, const struct problem *p);

/* How long to wait after so many failures, in ms: doubled each time, an hour
 * at most, and up to half more by chance, so that what failed together does
 * not come back together. */
int64_t backoff_ms(int64_t failures);

void relay_open(struct relay *r);
void runner_open(struct runner *r);

#endif
