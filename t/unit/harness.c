/*
 * harness.c - a host for tests, as small as one can be.
 */
#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


/* The place of `p` in a list, or of the first free one (p NULL). */
static size_t
find(void *const *list, const void *p)
{
    for (size_t i = 0; i < HARNESS_MAX; i++) {
        if (list[i] == p)
            return i;
    }
    if (p == NULL)
        abort();                /* the test needs a larger HARNESS_MAX */

    return HARNESS_MAX;
}


static uint64_t
now_ms(void *host)
{
    const struct harness *h = host;
    struct timespec       t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000
           + h->ahead_ms;
}


static int
watch_add(void *host, shop_watch_t *w, unsigned events)
{
    struct harness *h = host;
    size_t          i = find((void *const *) h->watch, NULL);

    if (h->fail_watch != 0 && --h->fail_watch == 0)
        return SHOP_E_IO;
    h->watch[i] = w;
    h->events[i] = events;
    return SHOP_OK;
}


static int
watch_mod(void *host, shop_watch_t *w, unsigned events)
{
    struct harness *h = host;

    h->events[find((void *const *) h->watch, w)] = events;
    return SHOP_OK;
}


static void
watch_del(void *host, shop_watch_t *w, int closed)
{
    struct harness *h = host;

    (void) closed;
    h->watch[find((void *const *) h->watch, w)] = NULL;
}


static void
timer_del(void *host, shop_timer_t *t)
{
    struct harness *h = host;
    size_t          i = find((void *const *) h->timer, t);

    if (i < HARNESS_MAX)
        h->timer[i] = NULL;
}


static void
timer_set(void *host, shop_timer_t *t, uint32_t ms, unsigned kind)
{
    struct harness *h = host;
    size_t          i;

    (void) kind;
    timer_del(host, t);
    i = find((void *const *) h->timer, NULL);
    h->timer[i] = t;
    h->due[i] = now_ms(host) + ms;
}


static void
post(void *host, shop_post_t *p)
{
    struct harness *h = host;

    if (find((void *const *) h->post, p) == HARNESS_MAX)
        h->post[find((void *const *) h->post, NULL)] = p;
}


static void
log_line(void *host, int level, const char *text, size_t len)
{
    const struct harness *h = host;

    if (h->verbose)
        fprintf(stderr, "[%d] %.*s\n", level, (int) len, text);
}


bool
harness_is_idle(const struct harness *h)
{
    for (size_t i = 0; i < HARNESS_MAX; i++) {
        if (h->watch[i] != NULL || h->timer[i] != NULL || h->post[i] != NULL)
            return false;
    }

    return true;
}


void
harness_turn(struct harness *h)
{
    struct pollfd  p[HARNESS_MAX];

    for (size_t i = 0; i < HARNESS_MAX; i++) {
        p[i].fd = h->watch[i] == NULL ? -1 : h->watch[i]->fd;
        p[i].events = (short) ((h->events[i] & SHOP_RD ? POLLIN : 0)
                               | (h->events[i] & SHOP_WR ? POLLOUT : 0));
    }
    poll(p, HARNESS_MAX, 1);

    for (size_t i = 0; i < HARNESS_MAX; i++) {
        shop_watch_t *w = h->watch[i];

        if (w != NULL && w->fd == p[i].fd
            && (p[i].revents != 0 || h->spurious))
            w->ready(w, h->events[i]);
    }
    for (size_t i = 0; i < HARNESS_MAX; i++) {
        shop_timer_t *t = h->timer[i];

        if (t != NULL && h->due[i] <= now_ms(h)) {
            h->timer[i] = NULL;
            t->fire(t);
        }
    }
    for (size_t i = 0; i < HARNESS_MAX; i++) {
        shop_post_t *q = h->post[i];

        h->post[i] = NULL;
        if (q != NULL)
            q->run(q);
    }
}


const shop_host_ops_t harness_ops = {
    .abi       = SHOP_ABI,
    .size      = sizeof(shop_host_ops_t),
    .now_ms    = now_ms,
    .watch_add = watch_add,
    .watch_mod = watch_mod,
    .watch_del = watch_del,
    .timer_set = timer_set,
    .timer_del = timer_del,
    .post      = post,
    .log       = log_line,
};
