/*
 * shop.c - the spine: open, submit, the coroutine's comings and goings, close.
 *
 * Read this first.  Everything here runs on the loop's stack, except
 * request_wait() and request_leave(), which run on a coroutine and leave it.
 *
 * Return codes: SHOP_OK, SHOP_AGAIN or a negative SHOP_E_*.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/env.h"
#include "core/pace.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/sql.h"
#include "core/worker.h"

#define OUTAGE_MS  1000         /* see patience_ms()                         */
#define STACKS     64           /* kept, however long they lie unused        */
#define TRIM_MS    10000


void
shop_log(const struct shop *shop, int level, const char *format, ...)
{
    char     line[1024];
    va_list  args;
    int      n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);

    if (n > 0)
        shop->ops->log(shop->host, level, line,
                       (size_t) n < sizeof(line) ? (size_t) n
                                                 : sizeof(line) - 1);
}


/* --- a request's comings and goings -------------------------------------- */


/* Undo what the attempt began and has not committed. */
static void
attempt_end(struct request *rq)
{
    rq->shop->ops->timer_del(rq->shop->host, &rq->pause);
    arena_reset(&rq->attempt);
    db_tx_end(&rq->tx);
}


/* From the start, with nothing left of the attempt before. */
static bool
attempt_again(struct request *rq)
{
    attempt_end(rq);
    rq->tx = (struct tx) { 0 };
    rq->in_tx = rq->tx_asked = rq->once_begun = rq->waiting = false;
    rq->answered = false;
    rq->once = (struct query) { 0 };
    rq->once_key = rq->cursor = rq->place = NULL;
    rq->page = (struct page) { 0 };
    rq->context = (struct context) { 0 };
    rq->answer = (struct staged) { 0 };
    rq->problem = NULL;
    rq->touch.n = 0;
    rq->touch.all = false;
    rq->faults.n = 0;
    rq->faults.status = 0;
    rq->state = RUNNING;
    rq->attempts++;

    rq->coro = coro_make(&rq->shop->coros, rq->story, rq);
    if (rq->coro == NULL)
        stage_problem(rq, &overloaded);

    return rq->coro != NULL;
}


/* The shop may have closed meanwhile. */
void
request_free(struct request *rq)
{
    arena_reset(&rq->attempt);
    arena_reset(&rq->perm);
    listener_free(rq->listener);
    shop_env.release(rq);
}


static void trim_later(struct shop *shop);


static void
trim(shop_timer_t *t)
{
    struct shop *shop = t->ctx;

    shop->trim.ctx = NULL;
    if (coro_pool_trim(&shop->coros, STACKS))
        trim_later(shop);
}


/* Only while there is something to give back: who is idle is not woken. */
static void
trim_later(struct shop *shop)
{
    if (shop->coros.spares <= STACKS || shop->trim.ctx != NULL)
        return;
    shop->trim.fire = trim;
    shop->trim.ctx = shop;
    shop->ops->timer_set(shop->host, &shop->trim, TRIM_MS,
                         SHOP_TIMER_BACKGROUND);
}


/* What its client is told; one who listens has been told, and will be. */
static enum fate
conclude(struct request *rq)
{
    if (rq->chain != NULL || rq->step_of != NULL)
        return ENDED;
    if (listener_stays(rq)) {
        listener_stay(rq);
        return STAYS;
    }
    answer_send(rq);

    return ENDED;
}


static enum fate
request_end(struct request *rq)
{
    struct shop          *shop = rq->shop;
    struct chain         *chain = rq->chain;
    struct listener      *waiter = rq->step_of;
    const struct problem *p = rq->problem;
    uint32_t              db_us = rq->db_us;
    enum fate             fate;

    shop->ops->timer_del(shop->host, &rq->deadline);
    fate = conclude(rq);
    *rq->prev = rq->next;
    if (rq->next != NULL)
        rq->next->prev = rq->prev;
    kept_leave(rq);
    if (!task_leave(rq)) {
        attempt_end(rq);
        request_free(rq);
    }
    shop->count[COUNT_CORO_LIVE] = shop->coros.live;
    trim_later(shop);
    if (chain != NULL)
        chain_ended(chain, p);
    if (waiter != NULL)
        listener_stepped(waiter, p, db_us);

    return fate;
}


/* What its coroutine asked the loop's stack to do. */
static void
work(struct request *rq)
{
    void (*fn)(void *) = rq->work;

    rq->work = NULL;
    fn(rq->work_arg);
}


/* Run it until it waits or has ended. */
static enum fate
request_run(struct request *rq)
{
    do {
        bool alive;

        while ((alive = coro_resume(rq->coro) == 1) && rq->work != NULL)
            work(rq);
        if (alive && rq->state == RUNNING)
            return WAITS;
        if (alive)
            coro_abandon(rq->coro);
        rq->coro = NULL;
    } while (rq->state == AGAIN && attempt_again(rq));

    return request_end(rq);
}


void
request_stop(struct request *rq, const struct problem *p)
{
    coro_abandon(rq->coro);
    rq->coro = NULL;
    if (!rq->answered)
        stage_problem(rq, p);
    request_end(rq);
}


static void
deadline_set(struct request *rq, uint32_t ms)
{
    struct shop *shop = rq->shop;

    shop->ops->timer_set(shop->host, &rq->deadline, ms,
                         SHOP_TIMER_FOREGROUND);
}


/* A stream may take hours, but no part of it does: what it waits for comes
 * within the time of a whole request, unless that is its client. */
void
request_wait(struct request *rq)
{
    struct shop *shop = rq->shop;
    bool         timed = rq->stream.open && !rq->stream.patient;

    if (timed) {
        rq->until_ms = shop_now_ms(shop) + shop->conf.deadline_ms;
        deadline_set(rq, shop->conf.deadline_ms);
    }
    rq->waiting = true;
    coro_yield();
    if (timed)
        shop->ops->timer_del(shop->host, &rq->deadline);
}


void
request_on_loop(struct request *rq, void (*work_of)(void *arg), void *arg)
{
    rq->work = work_of;
    rq->work_arg = arg;
    coro_yield();
}


void
request_wait_db(struct request *rq)
{
    rq->db_since_us = shop_env.mono_us();
    request_wait(rq);
    rq->db_us += (uint32_t) (shop_env.mono_us() - rq->db_since_us);
    rq->db_since_us = 0;
}


void
request_wake(struct request *rq)
{
    if (!rq->waiting)
        return;
    rq->waiting = false;
    request_run(rq);
}


static void
pause_over(shop_timer_t *t)
{
    struct request *rq = t->ctx;

    rq->pause.ctx = NULL;
    request_wake(rq);
}


void
request_pause(struct request *rq, uint32_t ms)
{
    rq->pause.fire = pause_over;
    rq->pause.ctx = rq;
    rq->shop->ops->timer_set(rq->shop->host, &rq->pause, ms,
                             SHOP_TIMER_FOREGROUND);
    while (rq->pause.ctx != NULL)
        request_wait(rq);
}


_Noreturn void
request_leave(struct request *rq, enum request_state state)
{
    rq->state = state;
    coro_yield();
    __builtin_unreachable();
}


/* With what is staged in the place of what it waits for. */
static void
request_answer(struct request *rq)
{
    coro_abandon(rq->coro);
    rq->coro = NULL;
    request_end(rq);
}


/* Between COMMIT and its outcome nobody can say that nothing was done. */
static bool
is_open(const struct request *rq)
{
    return rq->tx.committing && !rq->tx.rolling;
}


/* Who finds no old answer in the place of one that is late has the rest of his
 * time; see patience_ms(). */
static void
deadline_fired(shop_timer_t *t)
{
    struct request *rq = t->ctx;
    struct shop    *shop = rq->shop;
    uint64_t        now = shop_now_ms(shop);

    if (is_open(rq)) {
        request_stop(rq, &outcome_unknown);
    } else if (kept_serve_old(rq)) {
        request_answer(rq);
    } else if (now < rq->until_ms) {
        deadline_set(rq, (uint32_t) (rq->until_ms - now));
        return;
    } else {
        request_stop(rq, &deadline_exceeded);
    }
    COUNT(shop, DEADLINES, 1);
}


/* --- submit -------------------------------------------------------------- */


/* RFC 9110, 9.3.2: who serves GET serves HEAD; OPTIONS is served everywhere. */
static void
allow_text(char *out, size_t size, unsigned methods)
{
    size_t n = (size_t) snprintf(out, size, "OPTIONS");

    for (unsigned m = GET; m <= DELETE; m++) {
        if (methods & (1u << m))
            n += (size_t) snprintf(out + n, size - n, ", %s%s",
                                   method_name((enum method) m),
                                   m == GET ? ", HEAD" : "");
    }
}


/* An answer that needs no coroutine: no such address, no such method. */
static void
answer_at_once(struct request *rq, const struct problem *p)
{
    char allow[80];
    bool options = rq->in->method.len == 7
                   && memcmp(rq->in->method.data, "OPTIONS", 7) == 0;

    if (rq->match.methods == 0) {
        stage_problem(rq, p);
    } else {
        allow_text(allow, sizeof(allow), rq->match.methods);
        stage_problem(rq, &method_not_allowed);
        if (options) {
            rq->answer.status = 204;
            rq->answer.len = 0;
        }
        header(rq, "Allow", allow);
    }
    answer_send(rq);
    request_free(rq);
}


/* In one block, zeroed, which request_free() gives back: what a request needs
 * beside lies in its two arenas.  NULL without memory. */
static struct request *
request_make(struct shop *shop, const shop_request_t *in,
             const shop_sink_ops_t *sink, void *ctx)
{
    struct request *rq = shop_env.alloc(sizeof(struct request));

    if (rq == NULL)
        return NULL;

    memset(rq, 0, sizeof(*rq));
    rq->call.rq = rq;
    rq->story = serve;
    rq->shop = shop;
    rq->in = in;
    rq->sink = sink;
    rq->sink_ctx = ctx;
    rq->faults.arena = &rq->attempt;
    rq->keep.state = "-";
    rq->start_us = shop_env.mono_us();

    return rq;
}


/* Among those that live, which a shop that closes has to end. */
static void
request_link(struct request *rq)
{
    struct shop *shop = rq->shop;

    rq->next = shop->live;
    rq->prev = &shop->live;
    if (rq->next != NULL)
        rq->next->prev = &rq->next;
    shop->live = rq;

    rq->deadline.fire = deadline_fired;
    rq->deadline.ctx = rq;
}


/* The request outlives its client, so it keeps what it was sent. */
static int
own_copy(struct request *rq)
{
    shop_str_t  *parts[6 + SHOP_H_COUNT];
    size_t       n = 0;

    rq->own = *rq->in;
    parts[n++] = &rq->own.method;
    parts[n++] = &rq->own.path;
    parts[n++] = &rq->own.query;
    parts[n++] = &rq->own.body;
    parts[n++] = &rq->own.request_id;
    parts[n++] = &rq->own.address;
    for (unsigned i = 0; i < SHOP_H_COUNT; i++)
        parts[n++] = &rq->own.header[i];

    for (size_t i = 0; i < n; i++) {
        if (parts[i]->data == NULL)
            continue;
        parts[i]->data = arena_copy(&rq->perm, parts[i]->data, parts[i]->len);
        if (parts[i]->data == NULL)
            return SHOP_E_NOMEM;
    }
    rq->in = &rq->own;
    route_find(rq->shop->routes, rq->route->method, rq->in->path, &rq->match);

    return SHOP_OK;
}


static bool
tells_events(const struct route *r)
{
    return (r->flags & STREAM)
           && strcmp(r->media_type, "text/event-stream") == 0;
}


/* A coroutine for the request, or the problem that answers it at once. */
static const struct problem *
request_begin(struct request *rq)
{
    if (rq->route == NULL)
        return &not_found;

    if ((rq->route->flags & TX) && own_copy(rq) != SHOP_OK)
        return &out_of_memory;
    if (tells_events(rq->route) && rq->sink != NULL
        && (rq->listener = listener_make(rq)) == NULL)
        return &out_of_memory;

    rq->coro = coro_make(&rq->shop->coros, rq->story, rq);
    rq->attempts = 1;
    if (rq->coro == NULL)
        COUNT(rq->shop, CORO_REFUSED, 1);

    return rq->coro == NULL ? &overloaded : NULL;
}


/* While nothing is fresh PostgreSQL may be gone without a word: who has an
 * old answer to fall back on does not wait for long. */
static uint32_t
patience_ms(const struct request *rq)
{
    struct shop *shop = rq->shop;
    uint32_t     ms = shop->conf.deadline_ms;

    if (!(rq->route->flags & CACHED) || ms <= OUTAGE_MS
        || cache_lease_good(&shop->cache, shop_now_ms(shop)))
        return ms;

    return OUTAGE_MS;
}


/* Run what was begun. */
enum fate
request_go(struct request *rq)
{
    struct shop *shop = rq->shop;
    enum fate    fate;

    request_link(rq);
    shop->count[COUNT_CORO_LIVE] = shop->coros.live;
    shop->count[COUNT_CORO_PEAK] = shop->coros.peak;
    fate = request_run(rq);
    if (fate == WAITS && !rq->stream.open) {
        rq->until_ms = shop_now_ms(shop) + shop->conf.deadline_ms;
        deadline_set(rq, patience_ms(rq));
    }

    return fate;
}


static int
submit(struct request *rq, const struct problem *p, shop_call_t **out)
{
    bool         refused = p != NULL;
    struct call *call;

    if (!refused)
        p = request_begin(rq);
    if (p != NULL) {
        if (rq->route != NULL || refused)
            rq->match.methods = 0;
        answer_at_once(rq, p);
        return SHOP_OK;
    }

    call = rq->listener != NULL ? (struct call *) rq->listener : &rq->call;
    if (request_go(rq) == ENDED)
        return SHOP_OK;
    *out = (shop_call_t *) call;

    return SHOP_AGAIN;
}


/* What a client sends as JSON, the shop says to itself. */
bool
request_own(struct shop *shop, const struct route *route, shop_str_t body,
            const char *request_id, struct chain *chain)
{
    shop_request_t  in = { .path = { "", 0 }, .body = body };
    struct request *rq;

    in.header[SHOP_H_CONTENT_TYPE] = (shop_str_t) { "application/json", 16 };
    if (request_id != NULL)
        in.request_id = (shop_str_t) { request_id, strlen(request_id) };
    rq = request_make(shop, &in, NULL, NULL);
    if (rq == NULL)
        return false;

    rq->route = route;
    rq->chain = chain;
    rq->caller.kind = SYSTEM;
    if (own_copy(rq) != SHOP_OK || request_begin(rq) != NULL) {
        request_free(rq);
        return false;
    }
    request_go(rq);

    return true;
}


/* Beside a call of the host's, whose words it uses and which outlives it; it
 * has no sink, since what it finds out is for the call. */
struct request *
request_aside(struct shop *shop, const shop_request_t *in,
              const struct route *route, void (*story)(void *rq))
{
    struct request *rq = request_make(shop, in, NULL, NULL);

    if (rq == NULL)
        return NULL;
    rq->route = route;
    rq->story = story;
    if (request_begin(rq) != NULL) {
        request_free(rq);
        return NULL;
    }

    return rq;
}


/* In the order of what refusing costs: the rate first, then what is kept, which
 * even a shop that is late can hand out, then the load; and memory only for
 * what is let in. */
SHOP_API int
shop_submit(shop_t *shop, const shop_request_t *in,
            const shop_sink_ops_t *sink, void *ctx, shop_call_t **out)
{
    struct limit_state    limit = { 0 };
    struct match          m;
    struct request       *rq;
    const struct problem *p = NULL;

    COUNT(shop, REQUESTS, 1);
    route_find(shop->routes, method_parse(in->method), in->path, &m);
    if (!pace_admit(shop, &m, in, &limit))
        p = &too_many_requests;
    else if (m.route != NULL && (m.route->flags & CACHED)
             && kept_serve(shop, &m, in, &limit, sink, ctx))
        return SHOP_OK;
    else if (overload_refuses(shop, &m, in))
        p = &overloaded;

    rq = request_make(shop, in, sink, ctx);
    if (rq == NULL)
        return SHOP_E_NOMEM;

    rq->match = m;
    rq->route = m.route;
    rq->limit = limit;

    return submit(rq, p, out);
}


/* A write goes on, as whoever sent it may have meant it; a read has nobody left
 * to read for. */
SHOP_API void
shop_detach(shop_call_t *call)
{
    struct request *rq = ((struct call *) call)->rq;

    if (rq == NULL) {
        listener_leave((struct listener *) call);
        return;
    }
    COUNT(rq->shop, DETACHED, 1);
    rq->sink = NULL;
    if (!(rq->route->flags & TX))
        request_stop(rq, &shutting_down);
}


/* --- open and close ------------------------------------------------------ */


SHOP_API const char *
shop_version(void)
{
    return SHOP_VERSION;
}


/* Sizes beside the number: a struct that grew in a build of the same number
 * would be read beyond its end. */
SHOP_API int
shop_abi_check(uint32_t abi, size_t host_ops_size, size_t conf_size)
{
    return abi == SHOP_ABI && host_ops_size == sizeof(shop_host_ops_t)
           && conf_size == sizeof(shop_conf_t) ? SHOP_OK : SHOP_E_ABI;
}


SHOP_API size_t
shop_shm_min(unsigned workers)
{
    return cache_size_min(workers);
}


SHOP_API int
shop_shm_room(const void *shm, size_t size, unsigned workers)
{
    return cache_room(shm, size, workers);
}


static int
conf_wrong(char *error, size_t size, const char *sentence)
{
    snprintf(error, size, "%s", sentence);
    return SHOP_E_CONF;
}


SHOP_API int
shop_conf_check(const shop_conf_t *conf, char *error, size_t size)
{
    const char *wrong;

    if (conf->size != sizeof(shop_conf_t))
        return conf_wrong(error, size, "the configuration is of another "
                          "version of libshop");
    if (conf->database == NULL)
        return conf_wrong(error, size, "no database is named; a libpq "
                          "connection string is needed");
    wrong = database_wrong(conf->database);
    if (wrong != NULL)
        return conf_wrong(error, size, wrong);
    if (conf->cursor_secret[0].len < 32)
        return conf_wrong(error, size, "the cursor secret needs 32 bytes or "
                          "more");
    wrong = limit_wrong(conf->limit);
    if (wrong != NULL)
        return conf_wrong(error, size, wrong);
    if (conf->max_coroutines == 0 || conf->stack_size < 32768)
        return conf_wrong(error, size, "at least one coroutine with a stack "
                          "of 32768 bytes is needed");

    wrong = background_wrong();
    if (wrong != NULL)
        return conf_wrong(error, size, wrong);

    return routes_get(error, size) != NULL
           && sql_statements_check(error, size) == 0 ? SHOP_OK : SHOP_E_CONF;
}


/* The shop's own copies of what the caller may take away. */
static int
conf_copy(struct shop *shop, const shop_conf_t *conf)
{
    shop->conf = *conf;
    shop->conf.database = arena_copy(&shop->arena, conf->database,
                                     strlen(conf->database));
    if (conf->memcached != NULL)
        shop->conf.memcached = arena_copy(&shop->arena, conf->memcached,
                                          strlen(conf->memcached));
    for (int i = 0; i < 2; i++)
        shop->conf.cursor_secret[i].data =
            arena_copy(&shop->arena, conf->cursor_secret[i].data,
                       conf->cursor_secret[i].len);

    return shop->conf.database != NULL
           && shop->conf.cursor_secret[0].data != NULL
           && (conf->memcached == NULL || shop->conf.memcached != NULL)
           ? SHOP_OK : SHOP_E_NOMEM;
}


/* A program without shared memory has a cache of its own, as small as it can
 * be.  A worker that takes the slot of one that died takes its holds back. */
static int
memory_open(struct shop *shop)
{
    shop_conf_t *c = &shop->conf;
    int          rc;

    if (c->shm == NULL) {
        c->shm_size = cache_size_min(c->workers);
        c->shm = shop->own_shm = arena_zalloc(&shop->arena, c->shm_size);
        c->shm_fresh = 1;
        if (c->shm == NULL)
            return SHOP_E_NOMEM;
    }
    rc = cache_attach(&shop->cache, c->shm, c->shm_size, c->shm_fresh,
                      c->worker, c->workers);
    if (rc == SHOP_OK)
        rc = cache_adopt(&shop->cache);
    if (rc == SHOP_OK) {
        shop->count = cache_counters(&shop->cache);
        shop->by_route = cache_route_counters(&shop->cache);
    }

    return rc;
}


static int
database_open(struct shop *shop)
{
    int rc = db_open(&shop->db, shop);

    if (rc == SHOP_OK && db_may_lag(shop->db)) {
        shop->conf.cache_off = 1;
        shop_log(shop, SHOP_LOG_WARN, "no answers are kept: the database's "
                 "target_session_attrs allow servers that follow another");
    }

    return rc;
}


SHOP_API int
shop_open(shop_t **out, const shop_conf_t *conf, const shop_host_ops_t *ops,
          void *host)
{
    char         error[256];
    struct shop *shop;
    int          rc;

    if (shop_conf_check(conf, error, sizeof(error)) != SHOP_OK)
        return SHOP_E_CONF;
    shop = shop_env.alloc(sizeof(struct shop));
    if (shop == NULL)
        return SHOP_E_NOMEM;

    memset(shop, 0, sizeof(*shop));
    shop->ops = ops;
    shop->host = host;
    shop->routes = routes_get(error, sizeof(error));
    coro_pool_init(&shop->coros, conf->max_coroutines, conf->stack_size);

    rc = conf_copy(shop, conf);
    if (rc == SHOP_OK)
        rc = cursors_open(shop);
    if (rc == SHOP_OK)
        rc = memory_open(shop);
    if (rc == SHOP_OK)
        rc = far_open(&shop->far, shop);
    if (rc == SHOP_OK)
        rc = database_open(shop);
    if (rc != SHOP_OK) {
        far_close(shop->far);
        cursors_close(shop);
        cache_leave(&shop->cache);
        arena_reset(&shop->arena);
        shop_env.release(shop);
        return rc;
    }
    poll_open(&shop->poller, shop);
    background_open(&shop->background, shop);
    backlog_open(&shop->backlog, shop);
    *out = shop;

    return SHOP_OK;
}


SHOP_API void
shop_drain(shop_t *shop)
{
    shop->draining = true;
    backlog_close(&shop->backlog);
    hub_drain(&shop->hub, shop);
    db_drain(shop->db);
}


SHOP_API void
shop_close(shop_t *shop)
{
    background_close(&shop->background);
    hub_close(&shop->hub, shop);
    while (shop->live != NULL)
        request_stop(shop->live, is_open(shop->live) ? &outcome_unknown
                                                     : &shutting_down);
    hub_done(&shop->hub);
    shop->ops->timer_del(shop->host, &shop->trim);

    poll_close(&shop->poller);
    backlog_close(&shop->backlog);
    db_close(shop->db);
    far_close(shop->far);
    cursors_close(shop);
    cache_leave(&shop->cache);
    coro_pool_done(&shop->coros);
    background_done(&shop->background);
    arena_reset(&shop->settings.arena);
    arena_reset(&shop->arena);
    shop_env.release(shop);
}
