/*
 * uv_host.c - the host table on a libuv loop.
 *
 * libuv wants the memory of a handle until its close callback, some time
 * after libshop has freed the object it belonged to.  So the handle of a
 * descriptor is made of its own, and the object's room holds a pointer to it;
 * timers share two handles (uv_clock.c).  Returns SHOP_*.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uv/uv_host.h"

/* What a job's room holds. */
struct uv_task {
    uv_work_t        work;      /* first: a work is its task                */
    struct uv_host  *host;
};

_Static_assert(sizeof(struct uv_task) <= SHOP_HOST_PRIV, "a task fits a job");


/* The time that libuv keeps for one iteration, monotonic. It stands still
 * while the loop does not run, so whoever enters the loop from outside calls
 * uv_update_time() first. */
static uint64_t
now_ms(void *host)
{
    return uv_now(((struct uv_host *) host)->loop);
}


/* --- descriptors --------------------------------------------------------- */


/* Neither UV_DISCONNECT nor UV_PRIORITIZED: a peer that goes away is readable,
 * and the read says why. */
static int
uv_events(unsigned events)
{
    return (events & SHOP_RD ? UV_READABLE : 0)
           | (events & SHOP_WR ? UV_WRITABLE : 0);
}


/* On an error libuv stops polling, and there may be bytes to read before the
 * error: so it is started again, for whoever reads but a part of them must be
 * told once more. The watch may be gone when ready() returns. */
static void
on_poll(uv_poll_t *poll, int status, int events)
{
    shop_watch_t  *w = poll->data;

    if (status < 0) {
        (void) uv_poll_start(poll, (int) (intptr_t) w->host[1], on_poll);
        events = UV_READABLE | UV_WRITABLE;
    }

    w->ready(w, (events & UV_READABLE ? SHOP_RD : 0)
                | (events & UV_WRITABLE ? SHOP_WR : 0));
}


/* By now the watch may be freed: watch_del() has turned `data` from the watch
 * to the host. */
static void
on_poll_closed(uv_handle_t *handle)
{
    ((struct uv_host *) handle->data)->handles--;
    free(handle);
}


/* `closed` makes no difference here: libuv asks epoll to forget the number
 * and does not mind if that was forgotten already. */
static void
watch_del(void *host, shop_watch_t *w, int closed)
{
    uv_poll_t  *poll = w->host[0];

    (void) closed;

    if (poll == NULL) {
        return;
    }

    w->host[0] = NULL;
    poll->data = host;
    uv_close((uv_handle_t *) poll, on_poll_closed);
}


/* libuv takes a start of what is started as a change; what is watched is kept
 * in host[1] for on_poll() alone. */
static int
watch_mod(void *host, shop_watch_t *w, unsigned events)
{
    uv_poll_t  *poll = w->host[0];

    (void) host;

    /* uv_poll_start() with no event would still report errors, for ever. */
    if (events == 0) {
        return uv_poll_stop(poll) == 0 ? SHOP_OK : SHOP_E_IO;
    }

    w->host[1] = (void *) (intptr_t) uv_events(events);

    return uv_poll_start(poll, uv_events(events), on_poll) == 0 ? SHOP_OK
                                                                : SHOP_E_IO;
}


/* A connection that idles keeps no program alive; the timer of a request
 * that waits for it does. */
static int
watch_add(void *host, shop_watch_t *w, unsigned events)
{
    uv_poll_t       *poll;
    struct uv_host  *h = host;

    poll = malloc(sizeof(uv_poll_t));
    if (poll == NULL) {
        return SHOP_E_NOMEM;
    }

    if (uv_poll_init(h->loop, poll, w->fd) != 0) {
        free(poll);
        return SHOP_E_IO;
    }

    h->handles++;
    poll->data = w;
    w->host[0] = poll;
    uv_unref((uv_handle_t *) poll);

    if (watch_mod(host, w, events) != SHOP_OK) {
        watch_del(host, w, 0);
        return SHOP_E_IO;
    }

    return SHOP_OK;
}


/* --- timers -------------------------------------------------------------- */


/* Set again, it moves, also from one clock to the other. */
static void
timer_set(void *host, shop_timer_t *t, uint32_t ms, unsigned kind)
{
    struct uv_host  *h = host;

    uv_clock_set(&h->clocks[kind], t, ms);
}


/* Harmless for a timer that is not set. */
static void
timer_del(void *host, shop_timer_t *t)
{
    (void) host;
    uv_clock_del(t);
}


/* --- posted work --------------------------------------------------------- */


/* Until the queue is empty: what one posts runs in the same iteration. */
static void
run_posts(struct uv_host *h)
{
    shop_post_t  *p;

    while ((p = h->posts) != NULL) {
        h->posts = p->host[0];

        if (h->posts == NULL) {
            h->posts_end = &h->posts;
        }

        p->host[1] = NULL;
        p->run(p);
    }

    uv_unref((uv_handle_t *) &h->prepare);
}


/* Before libuv sleeps: what was posted by timers, or by the program before it
 * ran the loop, must not wait for a socket to wake it. */
static void
on_prepare(uv_prepare_t *prepare)
{
    run_posts(prepare->data);
}


/* After the sockets of an iteration: what their callbacks posted runs at once,
 * not after the timers of the next. */
static void
on_check(uv_check_t *check)
{
    run_posts(check->data);
}


/* host[0] is the next in the queue, host[1] tells that it is in it. */
static void
post(void *host, shop_post_t *p)
{
    struct uv_host  *h = host;

    if (p->host[1] != NULL) {
        return;
    }

    p->host[0] = NULL;
    p->host[1] = h;
    *h->posts_end = p;
    h->posts_end = (shop_post_t **) &p->host[0];

    uv_ref((uv_handle_t *) &h->prepare);
}


/* --- jobs ---------------------------------------------------------------- */


/* In a thread of libuv's pool: no part of the host table may be called from
 * here, nor the cache. */
static void
on_work(uv_work_t *work)
{
    shop_job_t  *j = work->data;

    j->work(j);
}


/* Back in the loop's thread. The job is counted off first, and its room not
 * touched after: done() may free it or offload it again. The status says
 * "cancelled" only after uv_cancel(), which nobody calls. */
static void
on_worked(uv_work_t *work, int status)
{
    shop_job_t  *j = work->data;

    (void) status;
    ((struct uv_task *) work)->host->jobs--;
    j->done(j);
}


/* Either SHOP_OK, and done() will be called once, or SHOP_E_BUSY and neither
 * function is. Bounded, because libuv's queue is not and is shared with the
 * rest of the program. */
static int
offload(void *host, shop_job_t *j)
{
    struct uv_host  *h = host;
    struct uv_task  *task = (struct uv_task *) j->host;

    if (h->closing || h->jobs == UV_HOST_JOBS_MAX) {
        return SHOP_E_BUSY;
    }

    task->work.data = j;
    task->host = h;

    if (uv_queue_work(h->loop, &task->work, on_work, on_worked) != 0) {
        return SHOP_E_BUSY;
    }

    h->jobs++;

    return SHOP_OK;
}


/* --- the rest ------------------------------------------------------------ */


/* For programs that pass no log: what an operator should see, and nothing that
 * would drown a tool's own output. */
static void
log_to_stderr(void *ctx, int level, const char *text, size_t len)
{
    static const char  *const names[] = {
        [SHOP_LOG_ERROR] = "error",
        [SHOP_LOG_WARN] = "warning"
    };

    (void) ctx;

    if (level == SHOP_LOG_ERROR || level == SHOP_LOG_WARN) {
        fprintf(stderr, "shop: %s: %.*s\n", names[level], (int) len, text);
    }
}


/* The text has no NUL at its end, and is libshop's: a program's log that wants
 * to keep it copies it. */
static void
host_log(void *host, int level, const char *text, size_t len)
{
    struct uv_host  *h = host;

    h->log.write(h->log.ctx, level, text, len);
}


/* A libuv program has no reload: it drains only while its shop is being
 * closed. */
static int
draining(void *host)
{
    return ((struct uv_host *) host)->closing;
}


/* All of it is called in the loop's thread, most of it from within our own
 * callbacks: nothing here may run the loop. */
const shop_host_ops_t  uv_host_ops = {
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


/* --- open and close ------------------------------------------------------ */


/* Nothing here can fail: libuv's init and start of these kinds of handle
 * return 0. Unreferenced, they leave the loop free to end. The address is in
 * their `data`, so the host must not move. */
void
uv_host_open(struct uv_host *h, uv_loop_t *loop, const shop_uv_log_t *log)
{
    unsigned  kind;

    memset(h, 0, sizeof(struct uv_host));

    h->loop = loop;
    h->log.write = log_to_stderr;
    h->posts_end = &h->posts;

    if (log != NULL) {
        h->log = *log;
    }

    (void) uv_prepare_init(loop, &h->prepare);
    (void) uv_check_init(loop, &h->check);
    h->prepare.data = h;
    h->check.data = h;
    h->handles = 4;

    for (kind = 0; kind < 2; kind++) {
        uv_clock_open(&h->clocks[kind], loop, kind);
        h->clocks[kind].handle.data = h;
    }

    (void) uv_prepare_start(&h->prepare, on_prepare);
    (void) uv_check_start(&h->check, on_check);
    uv_unref((uv_handle_t *) &h->prepare);
    uv_unref((uv_handle_t *) &h->check);
    uv_update_time(loop);
}


/* Before shop_close(): a job's thread reads memory of the shop. New jobs are
 * refused from here on, so the wait ends; the loop runs, and other callbacks
 * of the program with it. */
void
uv_host_finish_jobs(struct uv_host *h)
{
    h->closing = true;

    while (h->jobs != 0) {
        (void) uv_run(h->loop, UV_RUN_ONCE);
    }
}


/* Only when libuv has called back may the memory of a handle go; the count is
 * what uv_host_close() waits for. */
static void
on_closed(uv_handle_t *handle)
{
    ((struct uv_host *) handle->data)->handles--;
}


/* After shop_close(), when no timer or watch is libshop's any more. What it
 * has posted frees what it works on, so it runs, here for the last time. Runs
 * the loop until every handle has been closed: on return the host's memory may
 * go, and the loop, with the program's handles, goes on. */
void
uv_host_close(struct uv_host *h)
{
    unsigned  i;

    run_posts(h);

    for (i = 0; i < 2; i++) {
        uv_close((uv_handle_t *) &h->clocks[i].handle, on_closed);
    }

    uv_close((uv_handle_t *) &h->prepare, on_closed);
    uv_close((uv_handle_t *) &h->check, on_closed);

    while (h->handles != 0) {
        (void) uv_run(h->loop, UV_RUN_ONCE);
    }
}
