/*
 * pgdelay.c - a distant database: stands between a program and PostgreSQL's
 * socket, and hands on every byte so many milliseconds later, each way.
 *
 *     pgdelay LISTEN TARGET MS [NAME]
 *
 * With NAME only connections whose first words contain it are late; the
 * startup packet has the application's name.
 *
 * What is read is noted with the time at which it is due; bytes keep their
 * order, and nothing is lost when an end closes.  It ends by a signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE             /* memmem() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX  256
#define PIECE            16384

/* Bytes that were read together, and are due together. */
struct piece {
    struct piece  *next;
    uint64_t       due;
    size_t         at;          /* written so far                            */
    size_t         n;
    char           data[PIECE];
};

/* One way of a connection. */
struct way {
    int            from;
    int            to;
    bool           ended;       /* nothing more will be read                 */
    uint64_t       delay;       /* ms                                        */
    struct piece  *first;
    struct piece **last;
};

struct pair {
    struct way  there;
    struct way  back;
    bool        heard;          /* something has been read                   */
};

static struct pair  pairs[CONNECTIONS_MAX];
static size_t       n_pairs;
static uint64_t     delay;
static const char  *name;
static const char  *listen_path;


static void
die(const char *what)
{
    fprintf(stderr, "pgdelay: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
on_signal(int signo)
{
    (void) signo;
    unlink(listen_path);
    _exit(0);
}


static uint64_t
now_ms(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}


static struct sockaddr_un
address(const char *path)
{
    struct sockaddr_un  a = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(a.sun_path)) {
        fprintf(stderr, "pgdelay: %s: too long for a socket\n", path);
        exit(2);
    }
    memcpy(a.sun_path, path, strlen(path) + 1);

    return a;
}


/* Anybody may connect, as with PostgreSQL's own: it asks who it is. */
static int
listen_on(const char *path)
{
    struct sockaddr_un  a = address(path);
    int                 fd = socket(AF_UNIX, SOCK_STREAM, 0);

    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) != 0
        || chmod(path, 0777) != 0 || listen(fd, CONNECTIONS_MAX) != 0)
        die(path);

    return fd;
}


static void
way_open(struct way *w, int from, int to)
{
    *w = (struct way) { .from = from, .to = to, .delay = delay };
    w->last = &w->first;
    fcntl(from, F_SETFL, O_NONBLOCK);
}


static void
pair_open(int listener, const struct sockaddr_un *target)
{
    int  near = accept(listener, NULL, NULL);
    int  far = socket(AF_UNIX, SOCK_STREAM, 0);

    if (near < 0 || far < 0)
        die("accept");
    if (n_pairs == CONNECTIONS_MAX
        || connect(far, (const struct sockaddr *) target, sizeof(*target)))
    {
        close(near);
        close(far);
        return;
    }
    pairs[n_pairs].heard = false;
    way_open(&pairs[n_pairs].there, near, far);
    way_open(&pairs[n_pairs].back, far, near);
    n_pairs++;
}


/* --- one way -------------------------------------------------------------- */


static void
way_read(struct way *w)
{
    struct piece *p = malloc(sizeof(*p));
    ssize_t       n;

    if (p == NULL)
        die("malloc");
    n = read(w->from, p->data, sizeof(p->data));
    if (n <= 0) {
        w->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
        free(p);
        return;
    }
    p->next = NULL;
    p->due = now_ms() + w->delay;
    p->at = 0;
    p->n = (size_t) n;
    *w->last = p;
    w->last = &p->next;
}


/* The first words tell whether the connection is one of those meant. */
static void
choose(struct pair *p)
{
    const struct piece *first = p->there.first;

    if (p->heard || first == NULL)
        return;

    p->heard = true;
    if (name != NULL
        && memmem(first->data, first->n, name, strlen(name)) == NULL)
    {
        p->there.delay = p->back.delay = 0;
        p->there.first->due = 0;
    }
}


/* False when the other end is gone: what is left for it is dropped. */
static bool
way_write(struct way *w)
{
    uint64_t  now = now_ms();

    while (w->first != NULL && w->first->due <= now) {
        struct piece *p = w->first;
        ssize_t       n = send(w->to, p->data + p->at, p->n - p->at,
                               MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        p->at += (size_t) n;
        if (p->at < p->n)
            return true;
        w->first = p->next;
        if (w->first == NULL)
            w->last = &w->first;
        free(p);
    }

    return true;
}


static void
way_drop(struct way *w)
{
    struct piece *p;

    while ((p = w->first) != NULL) {
        w->first = p->next;
        free(p);
    }
}


/* --- all of them ---------------------------------------------------------- */


/* An end that closed closes the other, once that has been told everything. */
static bool
is_over(const struct pair *p)
{
    return (p->there.ended && p->there.first == NULL)
           || (p->back.ended && p->back.first == NULL);
}


static void
pair_close(size_t i)
{
    struct pair *p = &pairs[i];

    way_drop(&p->there);
    way_drop(&p->back);
    close(p->there.from);
    close(p->there.to);

    pairs[i] = pairs[--n_pairs];
    if (pairs[i].there.first == NULL)
        pairs[i].there.last = &pairs[i].there.first;
    if (pairs[i].back.first == NULL)
        pairs[i].back.last = &pairs[i].back.first;
}


static void
pair_pump(size_t i, const struct pollfd *polled)
{
    struct pair *p = &pairs[i];

    if (polled[0].revents != 0)
        way_read(&p->there);
    choose(p);
    if (polled[1].revents != 0)
        way_read(&p->back);
    if (!way_write(&p->there) || !way_write(&p->back) || is_over(p))
        pair_close(i);
}


/* What poll() may wait: until the first piece is due; a piece that is due
 * already could not be written, and is tried again soon. */
static int
patience(void)
{
    uint64_t  now = now_ms(), first = UINT64_MAX;

    for (size_t i = 0; i < n_pairs; i++) {
        const struct piece *there = pairs[i].there.first;
        const struct piece *back = pairs[i].back.first;

        if (there != NULL && there->due < first)
            first = there->due;
        if (back != NULL && back->due < first)
            first = back->due;
    }
    if (first == UINT64_MAX)
        return -1;

    return first <= now ? 1 : (int) (first - now);
}


static void
watch(struct pollfd *fd, const struct way *w)
{
    *fd = (struct pollfd) { .fd = w->ended ? -1 : w->from, .events = POLLIN };
}


static void
serve(int listener, const struct sockaddr_un *target)
{
    static struct pollfd  fds[1 + 2 * CONNECTIONS_MAX];

    for ( ;; ) {
        fds[0] = (struct pollfd) { .fd = listener, .events = POLLIN };
        for (size_t i = 0; i < n_pairs; i++) {
            watch(&fds[1 + 2 * i], &pairs[i].there);
            watch(&fds[2 + 2 * i], &pairs[i].back);
        }
        if (poll(fds, 1 + 2 * n_pairs, patience()) < 0 && errno != EINTR)
            die("poll");

        /* From the end: closing one moves the last into its place. */
        for (size_t i = n_pairs; i-- > 0; )
            pair_pump(i, &fds[1 + 2 * i]);
        if (fds[0].revents != 0)
            pair_open(listener, target);
    }
}


int
main(int argc, char **argv)
{
    struct sockaddr_un  target;

    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: pgdelay LISTEN TARGET MS [NAME]\n");
        return 2;
    }
    target = address(argv[2]);
    delay = strtoul(argv[3], NULL, 10);
    name = argv[4];
    listen_path = argv[1];
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    serve(listen_on(listen_path), &target);
}
