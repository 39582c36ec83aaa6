/*
 * loop.c - a shop on an event loop of the program's own.
 *
 *     loop CONNINFO PATH ...
 *
 * The loop is poll(2); what libshop borrows of it is the host table below.
 * docs/embedding.md goes through it line by line.  The paths are asked all at
 * once and printed as they are answered.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shop.h>

#define WATCHES_MAX  64
#define JOBS_MAX     8

struct loop {
    shop_watch_t  *watch[WATCHES_MAX];
    short          events[WATCHES_MAX];
    shop_timer_t  *timers;
    shop_post_t   *posts, **posts_end;
    int            jobs;
    int            done[2];     /* threads write the jobs they finish       */
    uint64_t       now;
};

/* What lies in the room that each object has for its host. */
struct armed {
    shop_timer_t  *next;
    uint64_t       due;
};

struct queued {
    shop_post_t   *next;
    bool           is_queued;
};

struct running {
    pthread_t      thread;
    struct loop   *loop;
};

#define ARMED(t)    ((struct armed *) (t)->host)
#define QUEUED(p)   ((struct queued *) (p)->host)
#define RUNNING(j)  ((struct running *) (j)->host)


/* --- the host table ------------------------------------------------------ */


/* The time of this turn, not of this moment: what is set within a turn is due
 * together. */
static uint64_t
now_ms(void *host)
{
    return ((struct loop *) host)->now;
}


static int
find_watch(struct loop *l, shop_watch_t *w)
{
    int  i = 0;

    while (i < WATCHES_MAX && l->watch[i] != w) {
        i++;
    }

    return i;
}


static int
watch_mod(void *host, shop_watch_t *w, unsigned events)
{
    struct loop  *l = host;

    l->events[find_watch(l, w)] = (short) ((events & SHOP_RD ? POLLIN : 0)
                                           | (events & SHOP_WR ? POLLOUT : 0));

    return SHOP_OK;
}


static int
watch_add(void *host, shop_watch_t *w, unsigned events)
{
    int           i;
    struct loop  *l = host;

    i = find_watch(l, NULL);
    if (i == WATCHES_MAX) {
        return SHOP_E_BUSY;
    }

    l->watch[i] = w;

    return watch_mod(l, w, events);
}


/* poll() keeps nothing between calls, so whether the descriptor is closed
 * already makes no difference. */
static void
watch_del(void *host, shop_watch_t *w, int closed)
{
    struct loop  *l = host;

    (void) closed;
    l->watch[find_watch(l, w)] = NULL;
}


/* Harmless when it is not set. */
static void
timer_del(void *host, shop_timer_t *t)
{
    shop_timer_t  **p;

    for (p = &((struct loop *) host)->timers; *p != NULL; p = &ARMED(*p)->next)
    {
        if (*p == t) {
            *p = ARMED(t)->next;
            return;
        }
    }
}


/* This loop ends when its answers are there, so it has no use for the kind. */
static void
timer_set(void *host, shop_timer_t *t, uint32_t ms, unsigned kind)
{
    struct loop  *l = host;

    (void) kind;
    timer_del(l, t);
    ARMED(t)->due = l->now + ms;
    ARMED(t)->next = l->timers;
    l->timers = t;
}


static void
post(void *host, shop_post_t *p)
{
    struct loop  *l = host;

    if (QUEUED(p)->is_queued) {
        return;
    }

    QUEUED(p)->is_queued = true;
    QUEUED(p)->next = NULL;
    *l->posts_end = p;
    l->posts_end = &QUEUED(p)->next;
}


/* The only code here that is not on the loop's thread. */
static void *
work(void *ctx)
{
    shop_job_t   *j = ctx;
    struct loop  *l = RUNNING(j)->loop;

    j->work(j);

    if (write(l->done[1], &j, sizeof(j)) != sizeof(j)) {
        abort();                /* nobody would ever learn of it            */
    }

    return NULL;
}


/* A thread a job; a program with many keeps a pool. */
static int
offload(void *host, shop_job_t *j)
{
    struct loop  *l = host;

    RUNNING(j)->loop = l;

    if (l->jobs == JOBS_MAX
        || pthread_create(&RUNNING(j)->thread, NULL, work, j) != 0)
    {
        return SHOP_E_BUSY;
    }

    l->jobs++;

    return SHOP_OK;
}


static void
log_line(void *host, int level, const char *text, size_t len)
{
    (void) host;

    if (level <= SHOP_LOG_WARN) {
        fprintf(stderr, "loop: %.*s\n", (int) len, text);
    }
}


static int
draining(void *host)
{
    (void) host;
    return 0;
}


static const shop_host_ops_t  ops = {
    SHOP_ABI, sizeof(shop_host_ops_t), now_ms, watch_add, watch_mod, watch_del,
    timer_set, timer_del, post, offload, log_line, draining
};


/* --- a turn of the loop -------------------------------------------------- */


static void
read_clock(struct loop *l)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    l->now = (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}


/* What one posts runs in the same turn. Its memory may be gone after run(). */
static void
run_posts(struct loop *l)
{
    shop_post_t  *p;

    while ((p = l->posts) != NULL) {
        l->posts = QUEUED(p)->next;

        if (l->posts == NULL) {
            l->posts_end = &l->posts;
        }

        QUEUED(p)->is_queued = false;
        p->run(p);
    }
}


/* From the start after each: fire() may set and delete any of them. */
static void
fire_timers(struct loop *l)
{
    shop_timer_t  *t = l->timers;

    while (t != NULL) {
        if (ARMED(t)->due > l->now) {
            t = ARMED(t)->next;
            continue;
        }

        timer_del(l, t);
        t->fire(t);
        t = l->timers;
    }
}


static int
patience(const struct loop *l)
{
    uint64_t       ms = 60000;
    shop_timer_t  *t;

    for (t = l->timers; t != NULL; t = ARMED(t)->next) {
        if (ARMED(t)->due <= l->now) {
            return 0;
        }

        if (ARMED(t)->due - l->now < ms) {
            ms = ARMED(t)->due - l->now;
        }
    }

    return (int) ms;
}


/* Errors and hang-ups are told as readiness: whoever then reads or writes
 * learns what it is. One that was called before may have ended this watch, or
 * put another in its place. */
static void
tell_ready(struct loop *l, const struct pollfd *fds)
{
    int       i;
    short     got;
    unsigned  events;

    for (i = 0; i < WATCHES_MAX; i++) {
        got = fds[i].revents;

        if (got == 0 || l->watch[i] == NULL || l->watch[i]->fd != fds[i].fd) {
            continue;
        }

        events = (got & POLLIN ? SHOP_RD : 0) | (got & POLLOUT ? SHOP_WR : 0);

        if (got & (POLLERR | POLLHUP | POLLNVAL)) {
            events = SHOP_RD | SHOP_WR;
        }

        l->watch[i]->ready(l->watch[i], events);
    }
}


static void
finish_job(struct loop *l)
{
    shop_job_t  *j;

    if (read(l->done[0], &j, sizeof(j)) == sizeof(j)) {
        pthread_join(RUNNING(j)->thread, NULL);
        l->jobs--;
        j->done(j);
    }
}


/* The order is the contract: descriptors and timers, then what they posted. */
static void
turn(struct loop *l)
{
    int            i;
    struct pollfd  fds[WATCHES_MAX + 1];

    run_posts(l);

    for (i = 0; i < WATCHES_MAX; i++) {
        fds[i].fd = l->watch[i] != NULL && l->events[i] ? l->watch[i]->fd : -1;
        fds[i].events = l->events[i];
        fds[i].revents = 0;
    }

    fds[i].fd = l->done[0];
    fds[i].events = POLLIN;
    fds[i].revents = 0;

    if (poll(fds, WATCHES_MAX + 1, patience(l)) < 0 && errno != EINTR) {
        abort();                /* no memory, or a descriptor that is none  */
    }

    read_clock(l);
    tell_ready(l, fds);

    if (fds[i].revents != 0) {
        finish_job(l);
    }

    fire_timers(l);
    run_posts(l);
}


/* --- the program --------------------------------------------------------- */


#define PIECES_MAX  8

/* A request of ours, and the memory that libshop asked for to answer it. */
struct asked {
    shop_request_t  request;
    void           *piece[PIECES_MAX];
    int             n_pieces;
};

static int  waiting, failures;


/* Lives as long as the request does: here, until the program ends. */
static void *
give_memory(void *rq, size_t size)
{
    struct asked  *asked = rq;

    if (asked->n_pieces == PIECES_MAX) {
        return NULL;
    }

    return asked->piece[asked->n_pieces++] = malloc(size);
}


static void
take_answer(void *rq, const shop_answer_t *answer)
{
    const shop_str_t  *path = &((struct asked *) rq)->request.path;

    printf("%.*s: %d %.*s\n", (int) path->len, path->data, answer->status,
           (int) answer->body.len, answer->body.data);
    waiting--;
    failures += answer->status != 200;
}


static const shop_sink_ops_t  sink = {
    .size = sizeof(shop_sink_ops_t),
    .alloc = give_memory,
    .respond = take_answer
};


/* The strings are the command line's, so they outlive every request. */
static void
ask(shop_t *shop, struct asked *asked, const char *path)
{
    shop_call_t     *call;
    const char      *mark = strchr(path, '?');
    shop_request_t  *request = &asked->request;

    request->method = (shop_str_t) { "GET", 3 };
    request->path = (shop_str_t) { path, strcspn(path, "?") };

    if (mark != NULL) {
        request->query = (shop_str_t) { mark + 1, strlen(mark + 1) };
    }

    waiting++;

    if (shop_submit(shop, request, &sink, asked, &call) < SHOP_OK) {
        waiting--;
        failures++;
    }
}


/* No job may be running when the shop closes, and what it posts while closing
 * frees memory: so the order here. */
static void
end(struct loop *l, shop_t *shop)
{
    while (l->jobs != 0) {
        turn(l);
    }

    shop_close(shop);
    run_posts(l);
    close(l->done[0]);
    close(l->done[1]);
}


int
main(int argc, char **argv)
{
    int            i;
    char           secret[32];
    shop_t        *shop;
    shop_conf_t    conf = SHOP_CONF_INIT;
    struct loop    loop = { .posts_end = &loop.posts };
    struct asked  *asked;

    if (argc < 3) {
        fprintf(stderr, "usage: loop CONNINFO PATH ...\n");
        return 2;
    }

    asked = calloc((size_t) argc, sizeof(struct asked));
    conf.database = argv[1];
    conf.cursor_secret[0] = (shop_str_t) { secret, sizeof(secret) };
    read_clock(&loop);

    if (asked == NULL || getentropy(secret, sizeof(secret)) != 0
        || pipe(loop.done) != 0
        || shop_open(&shop, &conf, &ops, &loop) != SHOP_OK)
    {
        fprintf(stderr, "loop: the shop did not open\n");
        return 2;
    }

    for (i = 2; i < argc; i++) {
        ask(shop, &asked[i], argv[i]);
    }

    while (waiting != 0) {
        turn(&loop);
    }

    end(&loop, shop);

    for (i = 2; i < argc; i++) {
        while (asked[i].n_pieces != 0) {
            free(asked[i].piece[--asked[i].n_pieces]);
        }
    }

    free(asked);

    return failures == 0 ? 0 : 1;
}
