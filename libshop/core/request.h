/*
 * request.h - one request from submit to answer, as core sees it.
 *
 * Life: shop_submit() (shop.c) finds the route; a coroutine runs serve()
 * (serve.c): policy, query, context, handler.  It ends in one of three ways,
 * all on the loop's stack in request_end(): answered, failed (the coroutine
 * is abandoned, the staged problem is the answer), or gone.
 *
 * Invariants:
 *  1. Nothing but the attempt arena's cleanups undoes what a handler began.
 *  2. `answer` is sent once, when the handler has returned.
 *  3. A suspended request has its deadline timer armed.
 */
#ifndef SHOP_REQUEST_H
#define SHOP_REQUEST_H

#include "core/buf.h"
#include "core/core.h"
#include "core/coro.h"
#include "core/db.h"
#include "core/route.h"
#include "core/shape.h"
#include "shop.h"

#define HEADERS_MAX  12         /* that a handler may add                    */

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

enum request_state { RUNNING, DONE, FAILED };

struct request {
    struct shop            *shop;
    const shop_request_t   *in;         /* the host's                        */
    const shop_sink_ops_t  *sink;       /* NULL: the client is gone          */
    void                   *sink_ctx;

    struct arena            attempt;
    struct coro            *coro;
    enum request_state      state;
    bool                    waiting;    /* yielded, to be woken              */
    bool                    in_submit;  /* shop_submit() has not returned    */

    struct match            match;
    const struct route     *route;
    const void             *query;      /* parsed                            */
    struct page             page;
    const char             *cursor;     /* as given, or NULL                 */
    struct caller           caller;
    struct context          context;
    struct faults           faults;
    struct staged           answer;

    shop_timer_t            deadline;
    uint64_t                start_us;
    uint32_t                db_us;      /* waited for PostgreSQL             */

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
const struct problem *query_parse(struct request *rq);
const struct problem *context_choose(struct request *rq);

/* --- answers (reply.c) --- */
void stage_problem(struct request *rq, const struct problem *p);
void answer_send(struct request *rq);

/* --- cursors (page.c) --- */
void page_parse(struct request *rq, const char *name, const char *value,
                size_t n);
const struct problem *cursor_parse(struct request *rq);
const char *cursor_make(struct request *rq, const struct texts *key);

#endif
