/*
 * host.c - a host whose time stands still until a timer is let fire, and whose
 * events happen when they are told to.
 */
#include "script.h"

#include <stdlib.h>

#define ARMED_MAX  128

uint64_t host_now;

static shop_watch_t  *watches[ARMED_MAX];
static unsigned       events[ARMED_MAX];
static shop_timer_t  *timers[ARMED_MAX];
static uint64_t       due[ARMED_MAX];
static shop_post_t   *posts[ARMED_MAX];
static shop_job_t    *jobs[ARMED_MAX];
static size_t         n_posts, n_jobs;


/* The place of `p`, or (NULL) of a free one. */
static size_t
place(void *const *list, const void *p)
{
    for (size_t i = 0; i < ARMED_MAX; i++) {
        if (list[i] == p)
            return i;
    }
    if (p == NULL)
        broken("more than %d of a kind are armed", ARMED_MAX);

    return ARMED_MAX;
}


static uint64_t
now_ms(void *host)
{
    (void) host;

    return host_now;
}


/* --- descriptors --------------------------------------------------------- */


static int
watch_add(void *host, shop_watch_t *w, unsigned what)
{
    size_t i = place((void *const *) watches, NULL);

    (void) host;
    watches[i] = w;
    events[i] = what;

    return SHOP_OK;
}


static int
watch_mod(void *host, shop_watch_t *w, unsigned what)
{
    (void) host;
    events[place((void *const *) watches, w)] = what;

    return SHOP_OK;
}


static void
watch_del(void *host, shop_watch_t *w, int closed)
{
    (void) host;
    (void) closed;
    watches[place((void *const *) watches, w)] = NULL;
}


static bool
is_ready(size_t i)
{
    return watches[i] != NULL && pq_ready(watches[i]->fd, events[i]);
}


unsigned
host_readable(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARMED_MAX; i++)
        n += is_ready(i);

    return n;
}


void
host_ready(unsigned i)
{
    for (size_t at = 0; at < ARMED_MAX; at++) {
        if (is_ready(at) && i-- == 0) {
            watches[at]->ready(watches[at], events[at]);
            return;
        }
    }
}


/* --- time ---------------------------------------------------------------- */


static void
timer_del(void *host, shop_timer_t *t)
{
    size_t i = place((void *const *) timers, t);

    (void) host;
    if (i < ARMED_MAX)
        timers[i] = NULL;
}


static void
timer_set(void *host, shop_timer_t *t, uint32_t ms, unsigned kind)
{
    size_t i;

    (void) kind;
    timer_del(host, t);
    i = place((void *const *) timers, NULL);
    timers[i] = t;
    due[i] = host_now + ms;
}


static size_t
earliest(void)
{
    size_t best = ARMED_MAX;

    for (size_t i = 0; i < ARMED_MAX; i++) {
        if (timers[i] != NULL && (best == ARMED_MAX || due[i] < due[best]))
            best = i;
    }

    return best;
}


bool
host_has_timer(void)
{
    return earliest() != ARMED_MAX;
}


uint64_t
host_due_in(void)
{
    uint64_t at = due[earliest()];

    return at > host_now ? at - host_now : 0;
}


void
host_fire(void)
{
    size_t        i = earliest();
    shop_timer_t *t = timers[i];

    if (due[i] > host_now)
        host_now = due[i];
    timers[i] = NULL;
    t->fire(t);
}


/* --- posts and threads --------------------------------------------------- */


static void
post(void *host, shop_post_t *p)
{
    (void) host;
    for (size_t i = 0; i < n_posts; i++) {
        if (posts[i] == p)
            return;
    }
    if (n_posts == ARMED_MAX)
        broken("too much is posted");
    posts[n_posts++] = p;
}


void
host_posts(void)
{
    while (n_posts != 0) {
        shop_post_t *p = posts[0];

        n_posts--;
        for (size_t i = 0; i < n_posts; i++)
            posts[i] = posts[i + 1];
        p->run(p);
    }
}


static int
offload(void *host, shop_job_t *j)
{
    (void) host;
    if (n_jobs == ARMED_MAX || (troubled && one_in(20)))
        return SHOP_E_BUSY;
    jobs[n_jobs++] = j;

    return SHOP_OK;
}


unsigned
host_jobs(void)
{
    return (unsigned) n_jobs;
}


void
host_job(unsigned i)
{
    shop_job_t *j = jobs[i];

    jobs[i] = jobs[--n_jobs];
    j->work(j);
    j->done(j);
}


/* --- the rest ------------------------------------------------------------ */


/* What the shop has to complain of is what chance did to it. */
static void
log_line(void *host, int level, const char *text, size_t n)
{
    (void) host;
    (void) level;
    (void) text;
    (void) n;
}


static int
draining(void *host)
{
    (void) host;

    return 0;
}


void
host_begin(void)
{
    host_now = 1000000;
}


void
host_end(void)
{
    host_posts();
    for (size_t i = 0; i < ARMED_MAX; i++) {
        if (watches[i] != NULL)
            broken("a descriptor is still watched");
        if (timers[i] != NULL)
            broken("a timer is still set");
    }
    if (n_jobs != 0)
        broken("a thread still works");
}


const shop_host_ops_t host_ops = {
    .abi       = SHOP_ABI,
    .size      = sizeof(shop_host_ops_t),
    .now_ms    = now_ms,
    .watch_add = watch_add,
    .watch_mod = watch_mod,
    .watch_del = watch_del,
    .timer_set = timer_set,
    .timer_del = timer_del,
    .post      = post,
    .offload   = offload,
    .log       = log_line,
    .draining  = draining,
};
