/*
 * request.h - one request from submit to answer, as core sees it.
 *
 * Life: shop_submit() (shop.c) finds the route, and perhaps the answer in the
 * cache (kept.c); else a coroutine runs serve() (serve.c): caller, query,
 * context, body, handler, commit.  It ends in one of four ways, all on the
 * loop's stack: answered, failed (the coroutine is abandoned, the staged
 * problem is the answer), to be run again (abandoned too, but with a new
 * attempt), or gone.
 *
 * Invariants:
 *  1. Nothing but the attempt arena's cleanups and db_tx_end() undoes what a
 *     handler began; both run in attempt_end().
 *  2. `answer` is sent once, when the handler has returned and, in a TX
 *     route, its transaction is committed.
 *  3. A suspended request has its deadline timer armed; one whose stream is
 *     open only while it waits for PostgreSQL, anew each time.
 *  4. A request that writes reads nothing of the host's: `own` is its copy,
 *     so it can run to its end when the client has gone.
 */
#ifndef SHOP_REQUEST_H
#define SHOP_REQUEST_H

#include "core/arena.h"
#include "core/background.h"
#include "core/buf.h"
#include "core/cache.h"
#include "core/core.h"
#include "core/coro.h"
#include "core/db.h"
#include "core/hub.h"
#include "core/limit.h"
#include "core/pace.h"
#include "core/route.h"
#include "core/shape.h"
#include "core/stream.h"
#include "shop.h"

#define HEADERS_MAX  16         /* of an answer, beside type and length      */
#define TX_ATTEMPTS  3          /* of a transaction, in all                  */

/* The staged answer. */
struct staged {
    int            status;
    const char    *type;
    const char    *body;
    size_t         len;
    size_t         n_headers;
    shop_header_t  headers[HEADERS_MAX];
    const char    *etag;                /* quoted, or NULL                   */
    bool           versioned;           /* which is an object's version      */
    const char    *location;            /* of what was made, or NULL         */
    const char    *file;                /* instead of the body, or NULL      */
    bool           finished;            /* has the headers of all answers    */
};

/* What a request has to do with the cache of answers. */
struct keeping {
    struct cache_key  key;              /* text NULL: nothing                */
    uint64_t          born;             /* clock before the first row        */
    struct cache_far  far;              /* the same for other machines       */
    uint64_t          settings_born;    /* of the settings that it follows   */
    uint64_t          until_ms;         /* UINT64_MAX: no bound              */
    bool              by_clock;         /* a statement asked what time it is */
    bool              timed;            /* valid_for() was called            */
    uint64_t          clock_batch;      /* of those that asked, or ...       */
    bool              clock_split;      /* ... they did at different times   */
    uint64_t          begun_ms;         /* before they did                   */
    cache_tag_t       tags[CACHE_MAX_TAGS];
    size_t            n;                /* more than CACHE_MAX_TAGS: too many */
    struct cache_key  fill_key;         /* claimed                           */
    bool              old_only;         /* the key may be of old settings    */
    bool              gzip;             /* the client takes it               */
    const char       *state;            /* "hit", "far", "miss", "stale", "-" */
};

/* Tags that a transaction touches, and whether they are held. */
struct touching {
    cache_tag_t  tags[CACHE_MAX_TAGS];
    size_t       n;
    bool         all;                   /* too many to name                  */
    bool         held;
};

enum request_state { RUNNING, DONE, FAILED, AGAIN };

/* What the host has of a request, its shop_call_t: the first member of it, or
 * of a listener, who outlives it. */
struct call {
    struct request  *rq;                /* NULL: he listens                  */
};

struct request {
    struct call             call;
    struct shop            *shop;
    const shop_request_t   *in;         /* the host's                        */
    const shop_sink_ops_t  *sink;       /* NULL: the client is gone          */
    void                   *sink_ctx;

    shop_request_t          own;        /* copies, where it writes           */
    struct arena            perm;       /* lives as long as the request      */
    struct arena            attempt;    /* dropped when it is run again      */
    struct coro            *coro;
    void                  (*story)(void *rq);   /* that it runs: serve()     */
    enum request_state      state;
    unsigned                attempts;   /* begun                             */
    bool                    waiting;    /* yielded, to be woken              */
    void                  (*work)(void *arg);   /* see request_on_loop()     */
    void                   *work_arg;
    struct stream           stream;
    bool                    in_tx;      /* statements go to `tx`             */
    bool                    answered;   /* what fails now is not told        */
    bool                    tx_asked;   /* `tx` was acquired, or refused     */
    struct tx               tx;
    struct task            *task;       /* on a pool thread, or NULL         */
    struct chain           *chain;      /* whose step it is; NULL: a client's */
    struct listener        *listener;   /* that it may become, or NULL       */
    struct listener        *step_of;    /* who waits for its end, or NULL    */

    struct match            match;
    const struct route     *route;
    const void             *query;      /* parsed                            */
    void                   *body;       /* parsed, or NULL                   */
    uint64_t                given;      /* members of the body               */
    uint64_t                some;       /* members to show; 0: all           */
    struct page             page;
    const char             *cursor;     /* as given, or NULL                 */
    struct caller           caller;
    struct context          context;
    struct faults           faults;
    struct staged           answer;
    const struct problem   *problem;    /* the answer is that                */
    char                    last_words[256];    /* of it, without memory     */
    struct keeping          keep;
    struct touching         touch;
    const char             *once_key;   /* Idempotency-Key, or NULL          */
    bool                    once_begun; /* the key was looked up             */
    uint64_t                batch;      /* since snapshot_begin()            */
    bool                    split;      /* not all since were of one         */
    struct query            once;       /* that stores the answer            */
    const char             *place;      /* before a constraint's pointer     */

    shop_timer_t            deadline;
    uint64_t                until_ms;   /* the deadline, on the loop's clock */
    shop_timer_t            pause;      /* waits that are nobody's answer    */
    uint64_t                start_us;
    struct limit_state      limit;      /* that it was paid from             */
    uint32_t                db_us;      /* waited for PostgreSQL             */
    uint64_t                db_since_us;        /* waits since; 0: does not  */
    uint32_t                cache_us;   /* on kept answers, waits included   */

    struct request         *next;       /* of the worker's list              */
    struct request        **prev;
};

/* --- the scheduler (shop.c) --- */

/* On the coroutine: wait until request_wake().  The loop's side may abandon
 * the request instead, and then this does not return. */
void request_wait(struct request *rq);
void request_wait_db(struct request *rq);       /* for PostgreSQL            */
void request_wake(struct request *rq);

/* On the coroutine: leave it for ever with that state. */
_Noreturn void request_leave(struct request *rq, enum request_state state);

/* On the coroutine: have it done on the loop's stack, at once.  For libraries
 * that may want more stack than a coroutine has; what is done there neither
 * waits nor ends this request. */
void request_on_loop(struct request *rq, void (*work)(void *arg), void *arg);

/* On the coroutine: wait so long. */
void request_pause(struct request *rq, uint32_t ms);

/* A request of the shop's own, a step of the chain: nobody waits for its
 * answer.  The route outlives it, the body need not.  False: it could not
 * begin, and chain_ended() will not be called. */
bool request_own(struct shop *shop, const struct route *route,
                 shop_str_t body, const char *request_id, struct chain *chain);

/* Beside one that a client has sent, and with the same words: what must wait is
 * done by `story`, and nothing is answered.  NULL: it could not begin; else
 * request_go() runs it. */
struct request *request_aside(struct shop *shop, const shop_request_t *in,
                              const struct route *route,
                              void (*story)(void *rq));

enum fate { WAITS, ENDED, STAYS };      /* STAYS: as a listener              */
enum fate request_go(struct request *rq);

/* End one that waits, with a problem, unless its answer is ready and it waits
 * for something that is nobody's answer. */
void request_stop(struct request *rq, const struct problem *p);

/* The request is over: true when its task is not, and will free it
 * (offload.c). */
bool task_leave(struct request *rq);
void request_free(struct request *rq);

/* False: no thread can be had now. */
bool offload_try(struct request *rq, void (*work)(void *arg), void *arg);

/* --- stages (serve.c, context.c, body.c) --- */
void serve(void *rq);
const struct problem *caller_find(struct request *rq);
/* Its id, as PostgreSQL takes it; NULL: it has none. */
const char *trace(struct request *rq);
const struct problem *query_parse(struct request *rq);
const struct problem *context_choose(struct request *rq);
const struct problem *body_parse(struct request *rq);
const struct problem *once_parse(struct request *rq);

/* --- settings (settings.c) --- */

/* Who has them; NULL: nobody. */
const struct domain *settings_domain(void);

/* Are they as they are in the database, as far as this machine knows? */
bool settings_good(const struct shop *shop);

/* Read unless they are good, or somebody does already: waits, may fail.  In a
 * transaction it would be the first read, so before that. */
void settings_refresh(struct request *rq);

/* For a worker without any: those that are kept, be they old, if there are. */
void settings_recall(struct shop *shop);

/* They are kept still, with each poll. */
void settings_stay(struct shop *shop);

const struct problem *context_of(const struct shop *shop,
                                 const struct route *route, shop_str_t accept,
                                 const char *locale, const char *currency,
                                 struct context *out, const char **wrong);

/* --- transactions (commit.c, once.c) --- */
struct tx *request_tx(struct request *rq);      /* waits; fails              */
void once_begin(struct request *rq);            /* may send a stored answer  */
void once_store(struct request *rq);
void commit(struct request *rq);
void rollback(struct request *rq);
_Noreturn void fail_database(struct request *rq, const char *statement,
                             const struct db_wait *w);

/* --- kept answers (kept.c) --- */

/* True: answered from the cache, on the loop's stack. */
bool kept_serve(struct shop *shop, const struct match *m,
                const shop_request_t *in, const struct limit_state *limit,
                const shop_sink_ops_t *sink, void *ctx);
void kept_key(struct request *rq);
const char *tag_text(struct request *rq, const char *kind, uuid id);

/* PostgreSQL cannot answer: stage an old answer if there is one. */
bool kept_serve_old(struct request *rq);

/* On the coroutine: wait while somebody else makes the same answer; true when
 * it is staged. */
bool kept_fill(struct request *rq);

/* Somebody else may make it. */
void kept_leave(struct request *rq);

void kept_store(struct request *rq);
void kept_gzip(struct request *rq);             /* waits                     */
bool takes_gzip(shop_str_t accept_encoding);

/* --- answers (reply.c) --- */
void stage_problem(struct request *rq, const struct problem *p);
void header_add(struct request *rq, const char *name, const char *value);
const char *answer_etag(struct request *rq);
void answer_finish(struct request *rq);
bool prefers(const struct request *rq, const char *what);   /* RFC 7240      */
void reply_as_preferred(struct request *rq);
void answer_send(struct request *rq);

/* The answer as the host is given it; the text of some headers lies in
 * `text`. */
void answer_fill(struct request *rq, shop_answer_t *a, char text[PACE_TEXT]);
bool etag_known(shop_str_t if_none_match, shop_str_t etag);

/* --- what logs and metrics are told (measure.c) --- */
#define CALLER_ID  17           /* room for a digest's text, with its NUL    */
void measure_answer(struct request *rq, shop_answer_t *a, char *caller_id);
/* One that was sent then has its answer, or is not waited for any more. */
void measure_statement(struct request *rq, const char *name,
                       uint64_t since_us, bool answered);
void measure_fill(struct request *rq, shop_answer_t *a, char *caller_id);
void measure_end(struct shop *shop, unsigned route, shop_answer_t *a,
                 uint64_t start_us);
void measure_hit(struct shop *shop, const struct match *m, shop_answer_t *a,
                 uint64_t start_us);

/* --- cursors (page.c) --- */
int cursors_open(struct shop *shop);
void cursors_close(struct shop *shop);
void page_parse(struct request *rq, const char *name, const char *value,
                size_t n);
const struct problem *cursor_parse(struct request *rq);
const char *cursor_make(struct request *rq, const struct texts *key);

#endif
