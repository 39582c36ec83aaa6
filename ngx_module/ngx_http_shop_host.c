/*
 * ngx_http_shop_host.c - nginx's event loop, lent to libshop.
 *
 * libshop's objects carry room for the host; the nginx event, or the thread
 * task, of each lies in there, so nothing here allocates.  Returns SHOP_*.
 */
#include "ngx_http_shop.h"

/* The room is fixed by libshop's ABI, nginx's structures grow with its build
 * options: better no build than an overrun. */
_Static_assert(sizeof(ngx_event_t) <= SHOP_HOST_PRIV, "event fits");
_Static_assert(sizeof(ngx_thread_task_t) <= SHOP_HOST_PRIV, "task fits");

#define ngx_http_shop_owner(place, type)                                      \
    ((type *) ((u_char *) (place) - offsetof(type, host)))

/* nginx's debug log reads the data of an event as a connection. */
ngx_connection_t  ngx_http_shop_no_connection = { .fd = -1 };


/* The clock of nginx's timers, kept once an iteration: what libshop computes
 * from it agrees with when nginx will fire. Monotonic, from no date. */
static uint64_t
now_ms(void *host)
{
    return ngx_current_msec;
}


/* --- descriptors --------------------------------------------------------- */


/* ready() may delete the watch, and the connection with it: nothing is touched
 * after it. */
static void
watch_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c = ev->data;
    shop_watch_t      *w = c->data;

    /* worker_shutdown_timeout calls every connection's handler with `close`
     * set; descriptors are libshop's to close, when it has drained. */
    if (c->close) {
        c->close = 0;
        return;
    }

    w->ready(w, ev->write ? SHOP_WR : SHOP_RD);
}


/*
 * Flags are 0, level triggered, in every call: libpq may leave bytes in the
 * socket, and epoll's module passes the flags of the last call for both
 * directions.
 */
static ngx_int_t
watch_set(ngx_event_t *ev, ngx_int_t kind, unsigned wanted)
{
    if (wanted && !ev->active) {
        return ngx_add_event(ev, kind, 0);
    }

    if (!wanted && ev->active) {
        return ngx_del_event(ev, kind, 0);
    }

    return NGX_OK;
}


/* May be called from within ready(). An error leaves the watch half set, so
 * libshop must give it up. */
static int
watch_mod(void *host, shop_watch_t *w, unsigned events)
{
    ngx_connection_t  *c = w->host[0];

    if (watch_set(c->read, NGX_READ_EVENT, events & SHOP_RD) != NGX_OK
        || watch_set(c->write, NGX_WRITE_EVENT, events & SHOP_WR) != NGX_OK)
    {
        return SHOP_E_IO;
    }

    return SHOP_OK;
}


/* ngx_close_connection() does not remove the events of a `shared` connection:
 * left there, they would fire for whoever gets it next. With `closed` the
 * descriptor is gone (its number perhaps in use again) and epoll must not be
 * called for it. Harmless when nothing is watched. */
static void
watch_del(void *host, shop_watch_t *w, int closed)
{
    ngx_int_t          flags = closed ? NGX_CLOSE_EVENT : 0;
    ngx_connection_t  *c = w->host[0];

    if (c == NULL) {
        return;
    }

    if (ngx_del_conn && (c->read->active || c->write->active)) {
        (void) ngx_del_conn(c, flags);
    }

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    w->host[0] = NULL;
    ngx_close_connection(c);
}


/* Takes one of worker_connections, without the client it serves: the count
 * must be enough for both. Logs go to the cycle's log, since a connection to
 * the database outlives any request. */
static int
watch_add(void *host, shop_watch_t *w, unsigned events)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(w->fd, ngx_cycle->log);
    if (c == NULL) {
        return SHOP_E_BUSY;
    }

    c->data = w;
    c->shared = 1;              /* ngx_close_connection() leaves the fd open */
    c->read->handler = watch_handler;
    c->read->log = c->log;
    c->write->handler = watch_handler;
    c->write->log = c->log;
    w->host[0] = c;

    if (watch_mod(host, w, events) != SHOP_OK) {
        watch_del(host, w, 0);
        return SHOP_E_IO;
    }

    return SHOP_OK;
}


/* --- timers, posted work ------------------------------------------------- */


/* nginx has taken it off its tree by now: fire() may set it again, or free the
 * object that it lies in. */
static void
timer_handler(ngx_event_t *ev)
{
    shop_timer_t  *t = ngx_http_shop_owner(ev, shop_timer_t);

    t->fire(t);
}


/* Must come before the object's memory goes: nginx's tree links through the
 * event inside it. */
static void
timer_del(void *host, shop_timer_t *t)
{
    ngx_event_t  *ev = (ngx_event_t *) t->host;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
}


/* Background timers are `cancelable`: nginx does not wait for those when a
 * worker is to exit, but for all others it does. */
static void
timer_set(void *host, shop_timer_t *t, uint32_t ms, unsigned kind)
{
    ngx_event_t  *ev = (ngx_event_t *) t->host;

    /* nginx would leave an armed timer alone if it moves by little. */
    timer_del(host, t);

    ev->handler = timer_handler;
    ev->data = &ngx_http_shop_no_connection;
    ev->log = ngx_cycle->log;
    ev->timedout = 0;
    ev->cancelable = (kind == SHOP_TIMER_BACKGROUND);

    ngx_add_timer(ev, ms);
}


/* nginx takes an event off the queue before it calls: run() may post it again
 * or free it. */
static void
post_handler(ngx_event_t *ev)
{
    shop_post_t  *p = ngx_http_shop_owner(ev, shop_post_t);

    p->run(p);
}


/* This queue is run until empty after sockets and timers of an iteration. */
static void
post(void *host, shop_post_t *p)
{
    ngx_event_t  *ev = (ngx_event_t *) p->host;

    ev->handler = post_handler;
    ev->data = &ngx_http_shop_no_connection;
    ev->log = ngx_cycle->log;

    ngx_post_event(ev, &ngx_posted_events);
}


/* --- jobs ---------------------------------------------------------------- */


/* In a thread of the pool: nginx's pools, timers and events are not for
 * threads, and neither is libshop's host table. */
static void
job_work(void *data, ngx_log_t *log)
{
    shop_job_t  *j = data;

    j->work(j);
}


/* In the worker's loop again, woken by nginx's notification. nginx has read
 * the next task before this call, so done() may free this one. */
static void
job_done(ngx_event_t *ev)
{
    shop_job_t  *j = ev->data;

    j->done(j);
}


/* SHOP_OK: done() will be called, once. The task is zeroed every time, because
 * nginx refuses one whose event looks active. */
static int
offload(void *host, shop_job_t *j)
{
    ngx_http_shop_worker_t  *worker = host;
    ngx_thread_task_t       *task = (ngx_thread_task_t *) j->host;

    /* When a process ends, its threads end before its shop. */
    if (worker->closing) {
        return SHOP_E_BUSY;
    }

    ngx_memzero(task, sizeof(ngx_thread_task_t));
    task->ctx = j;
    task->handler = job_work;
    task->event.data = j;
    task->event.handler = job_done;
    task->event.log = ngx_cycle->log;

    if (ngx_thread_task_post(worker->conf->thread_pool, task) != NGX_OK) {
        return SHOP_E_BUSY;
    }

    return SHOP_OK;
}


/* --- the rest ------------------------------------------------------------ */


/* To the cycle's log: a message may come from work that no request waits for.
 * A level from a newer libshop is not an index to trust. */
static void
host_log(void *host, int level, const char *text, size_t len)
{
    static const ngx_uint_t  levels[] = {
        [SHOP_LOG_ERROR] = NGX_LOG_ERR,
        [SHOP_LOG_WARN] = NGX_LOG_WARN,
        [SHOP_LOG_INFO] = NGX_LOG_INFO,
        [SHOP_LOG_DEBUG] = NGX_LOG_DEBUG
    };

    if (level < SHOP_LOG_ERROR || level > SHOP_LOG_DEBUG) {
        level = SHOP_LOG_ERROR;
    }

    ngx_log_error(levels[level], ngx_cycle->log, 0, "shop: %*s", len, text);
}


/* Both: a fast shutdown sets only ngx_terminate, a graceful one only
 * ngx_exiting. */
static int
draining(void *host)
{
    return ngx_exiting || ngx_terminate;
}


/* Called in the worker's thread only, for nginx's timers and events have no
 * locks. */
const shop_host_ops_t  ngx_http_shop_host_ops = {
    .abi = SHOP_ABI,
    .size = sizeof(shop_host_ops_t),
    .now_ms = now_ms,
    .watch_add = watch_add,
    .watch_mod = watch_mod,
    .watch_del = watch_del,
    .timer_set = timer_set,
    .timer_del = timer_del,
    .post = post,
    .offload = offload,
    .log = host_log,
    .draining = draining
};


/* --- learning that nginx exits ------------------------------------------- */


/* The mark is cleared so that nginx calls once only. This is the only hint
 * that a worker gets before its loop ends. */
static void
exit_handler(ngx_event_t *rev)
{
    ngx_connection_t  *c = rev->data;

    c->idle = 0;
    shop_drain(ngx_http_shop_worker.shop);
}


/*
 * When a worker begins to exit, nginx calls the read handler of every idle
 * connection.  This one has no descriptor: -2 is neither open nor "free".
 */
ngx_int_t
ngx_http_shop_watch_exit(ngx_cycle_t *cycle)
{
    ngx_connection_t  *c, *saved;

    /* Descriptor 0 lends its number; its entry in the table is put back. */
    saved = cycle->files ? cycle->files[0] : NULL;
    c = ngx_get_connection(0, cycle->log);

    if (cycle->files) {
        cycle->files[0] = saved;
    }

    if (c == NULL) {
        return NGX_ERROR;
    }

    c->fd = (ngx_socket_t) -2;
    c->idle = 1;
    c->read->handler = exit_handler;
    c->read->log = cycle->log;
    ngx_http_shop_worker.watcher = c;

    return NGX_OK;
}


/* Freeing looks up files[fd], so fd must be an index for a moment; that entry
 * is another's and stays. Left at anything but -1, nginx would report an open
 * socket when the worker exits. */
void
ngx_http_shop_unwatch_exit(void)
{
    ngx_connection_t  *c = ngx_http_shop_worker.watcher;

    c->fd = 0;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}
