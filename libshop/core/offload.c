/*
 * offload.c - a handler's work on a pool thread.
 *
 * A request may be abandoned while the thread still works on what lies in its
 * arenas, or in rows that it read: then it is answered at once, and its memory
 * goes when the thread is done.
 *
 * offload() fails the request; the rest returns nothing.
 */
#include "core/env.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

struct task {
    shop_job_t        job;
    void            (*work)(void *arg);
    void             *arg;
    struct request   *rq;
    bool              left;             /* nothing but its memory is there   */
};


static void
work(shop_job_t *j)
{
    struct task *t = j->ctx;

    t->work(t->arg);
}


static void
done(shop_job_t *j)
{
    struct task    *t = j->ctx;
    struct request *rq = t->rq;
    bool            left = t->left;

    shop_env.release(t);
    rq->task = NULL;
    if (left)
        request_free(rq);
    else
        request_wake(rq);
}


bool
task_leave(struct request *rq)
{
    if (rq->task == NULL)
        return false;

    rq->task->left = true;
    rq->waiting = false;

    return true;
}


/* A transaction that waited for a thread would hold locks meanwhile. */
bool
offload_try(struct request *rq, void (*job)(void *arg), void *arg)
{
    struct shop *shop = rq->shop;
    struct task *t;

    if (rq->tx_asked) {
        shop_log(shop, SHOP_LOG_ERROR, "%s offloads within its transaction",
                 rq->route->path);
        fail(rq, &internal_error);
    }
    t = shop_env.alloc(sizeof(*t));
    if (t == NULL)
        fail(rq, &out_of_memory);

    memset(t, 0, sizeof(*t));
    t->job.work = work;
    t->job.done = done;
    t->job.ctx = t;
    t->work = job;
    t->arg = arg;
    t->rq = rq;
    if (shop->ops->offload(shop->host, &t->job) != SHOP_OK) {
        shop_env.release(t);
        return false;
    }
    rq->task = t;
    while (rq->task != NULL)
        request_wait(rq);

    return true;
}


void
offload(struct request *rq, void (*job)(void *arg), void *arg)
{
    if (!offload_try(rq, job, arg))
        fail(rq, &overloaded);
}
