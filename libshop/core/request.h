/*
 * request.h - one request from submit to answer, as core sees it.
 *
 * Life: shop_submit() (shop.c) finds the route, checks the query and looks
 * into the cache; on a miss a coroutine runs serve() (serve.c): caller,
 * policy, body, idempotency, handler, commit.  It ends in one of three ways,
 * all on the loop's stack in request_end(): answered, failed (the coroutine
 * is abandoned, the staged problem is the answer), or gone.
 *
 * Invariants:
 *  1. Nothing but the attempt arena's cleanups undoes what a handler began.
 *  2. `answer` is sent once, after the commit.
 *  3. From db_tx_commit() to its outcome `committing` is set and nobody
 *     abandons the request.
 *  4. A suspended request has its deadline timer armed.
 */
#ifndef SHOP_REQUEST_H
#define SHOP_REQUEST_H

#include "core/buf.h"
#include "core/cache.h"
#include "core/core.h"
#include "core/coro.h"
#include "core/db.h"
#include "core/route.h"
#include "core/shape.h"
#include "shop.h"

#define HEADERS_MAX  12         /* that a handler may add                    */
#define TX_ATTEMPTS  3

struct worker;

/* The staged answer. */
struct staged {
    int            status;
    const char    *type;
    const char    *body;
    size_t         len;
    size_t         n_headers;
    shop_header_t  headers[HEADERS_MAX];
    const char    *etag;                /* quoted, or NULL                   */
    bool           set;
};

enum request_state { RUNNING, DONE, FAILED, RETRY };

struct request {
    struct shop            *shop;
    const shop_request_t   *in;         /* the host's                        */
    const shop_sink_ops_t  *sink;       /* NULL: the client is gone          */
    void                   *sink_ctx;

    struct arena            perm;       /* the request's                     */
    struct arena            attempt;
    struct coro            *coro;
    enum request_state      state;
    unsigned                attempts;
    bool                    waiting;    /* yielded, to be woken              */
    bool                    committing;
    bool                    in_tx;      /* a statement was sent              */

    const struct route     *route;
    const char             *path[PATH_PARAMS_MAX];
    const void             *query;      /* parsed                            */
    const void             *body;       /* parsed, or NULL                   */
    uint64_t                given;      /* members of the body               */
    struct page             page;
    struct caller           caller;
    struct context          context;
    struct faults           faults;

    struct staged           answer;
    struct tx               tx;
    struct query           *queries;    /* not yet taken                     */

    /* cache */
    struct cache_key        key;        /* CACHED routes                     */
    uint64_t                born;
    cache_tag_t             tags[CACHE_MAX_TAGS];       /* of the answer     */
    size_t                  n_tags;
    cache_tag_t             touched[CACHE_MAX_TAGS];    /* by the writes     */
    size_t                  n_touched;
    bool                    holding;
    bool                    filling;    /* this request fills the key        */
    int64_t                 valid_s;    /* INT_NONE: no bound                */
    const char             *cache_state;

    shop_timer_t            deadline;
    shop_timer_t            timer;      /* waits of other kinds              */
    uint64_t                start_us;
    uint64_t                wait_us;    /* since when for the database       */
    uint32_t                db_us;

    struct request         *next;       /* of the worker's list              */
    struct request        **prev;
};

/* --- the scheduler (shop.c) --- */

/* On the coroutine: wait until request_wake().  The loop's side may abandon
 * the request instead, and then this does not return. */
void request_wait(struct request *rq);
void request_wake(struct request *rq);

/* On the coroutine: leave it for ever with that state. */
_Noreturn void request_leave(struct request *rq, enum request_state state);

/* --- stages (serve.c) --- */
void serve(void *rq);

/* --- answers (reply.c) --- */
void stage_problem(struct request *rq, const struct problem *p,
                   const struct faults *faults);
void answer_send(struct request *rq);

#endif
