/*
 * pair.c - a connection through faultproxy: its two ends, and what is under
 * way between them.
 *
 * Messages keep their order, and nothing is lost but by a fault: an end that
 * closes is reported to the other after everything that it said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/tools/proxy/proxy.h"

#define READ_SIZE    65536
#define QUEUED_MAX   (8 << 20)      /* then it is not read from any more     */
#define MESSAGE_MAX  (64 << 20)     /* what is longer is handed on in pieces */

struct piece {
    struct piece  *next;
    uint64_t       due;
    size_t         at;              /* written so far                        */
    size_t         n;
    char           data[];
};


static void *
must(void *p)
{
    if (p == NULL)
        abort();

    return p;
}


/* --- opening and closing ------------------------------------------------- */


static void
way_open(struct way *w, int from, int to)
{
    *w = (struct way) { .from = from, .to = to };
    w->last = &w->first;
    fcntl(from, F_SETFL, O_NONBLOCK);
}


struct pair *
pair_new(int near, int far)
{
    struct pair *p = must(calloc(1, sizeof(*p)));

    way_open(&p->way[THERE], near, far);
    way_open(&p->way[BACK], far, near);
    fault_match(p);

    return p;
}


static void
way_drop(struct way *w)
{
    struct piece *piece;

    while ((piece = w->first) != NULL) {
        w->first = piece->next;
        free(piece);
    }
    w->last = &w->first;
    w->queued = w->n_in = 0;
}


void
pair_free(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        way_drop(&p->way[i]);
        free(p->way[i].in);
        close(p->way[i].from);
    }
    free(p);
}


/* --- reading ------------------------------------------------------------- */


static void
way_push(const struct pair *p, struct way *w, const char *data, size_t n)
{
    struct piece         *piece = must(malloc(sizeof(*piece) + n));
    const struct weather *now = &weather[w == &p->way[BACK]];

    *piece = (struct piece) { .n = n };
    if (p->matched)
        piece->due = now_ms() + now->delay + fault_random(now->jitter);
    memcpy(piece->data, data, n);
    *w->last = piece;
    w->last = &piece->next;
    w->queued += n;
}


/* False: nothing after this message passes. */
static bool
message(struct pair *p, enum way_of way, const char *data, size_t n)
{
    struct way   *w = &p->way[way];
    enum verdict  v = fault_judge(p, way);

    if (v == HANG) {
        p->hung = true;
        return false;
    }
    if (v == CUT_MIDDLE)
        way_push(p, w, data, n / 2);
    else if (v != CUT_BEFORE)
        way_push(p, w, data, n);
    w->cut = v != DELIVER;

    return !w->cut;
}


static void
messages(struct pair *p, enum way_of way, frame_pt frame)
{
    struct way *w = &p->way[way];
    size_t      at = 0, n;

    while (at < w->n_in) {
        n = frame(&p->talk, way, w->in + at, w->n_in - at);
        if (n == 0 && w->n_in - at > MESSAGE_MAX)
            n = w->n_in - at;
        if (n == 0)
            break;
        if (!message(p, way, w->in + at, n)) {
            w->n_in = 0;
            return;
        }
        at += n;
    }
    w->n_in -= at;
    memmove(w->in, w->in + at, w->n_in);
}


/* What was said is ended with a NUL, so that texts in it can be read. */
static void
way_read(struct pair *p, enum way_of way, frame_pt frame)
{
    struct way *w = &p->way[way];
    ssize_t     n;

    if (w->n_in + READ_SIZE + 1 > w->room) {
        w->room = 2 * (w->n_in + READ_SIZE + 1);
        w->in = must(realloc(w->in, w->room));
    }
    n = read(w->from, w->in + w->n_in, READ_SIZE);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        w->ended = true;
        if (w->n_in != 0 && !p->hung)
            way_push(p, w, w->in, w->n_in);
        w->n_in = 0;
        return;
    }
    if (p->hung || w->cut)
        return;
    w->n_in += (size_t) n;
    w->in[w->n_in] = '\0';
    messages(p, way, frame);
}


/* --- writing ------------------------------------------------------------- */


/* How much of a piece may go now. */
static size_t
allowed(const struct pair *p, struct way *w, const struct piece *piece)
{
    size_t    left = piece->n - piece->at;
    uint64_t  rate = p->matched ? weather[w == &p->way[BACK]].rate : 0;

    if (rate == 0)
        return left;
    if (w->next_ms > now_ms())
        return 0;
    w->next_ms = now_ms() + (rate < 1000 ? 1000 / rate : 1);
    rate = rate < 1000 ? 1 : rate / 1000;

    return left < rate ? left : rate;
}


/* False when the other end is gone: what is left for it is dropped. */
static bool
way_write(struct pair *p, enum way_of way)
{
    struct way   *w = &p->way[way];
    struct piece *piece;

    while ((piece = w->first) != NULL && piece->due <= now_ms()) {
        size_t   may = allowed(p, w, piece);
        ssize_t  n;

        if (may == 0)
            return true;
        n = send(w->to, piece->data + piece->at, may, MSG_NOSIGNAL);
        w->blocked = n < 0 && (errno == EAGAIN || errno == EINTR
                               || errno == ENOTCONN);
        if (n < 0)
            return w->blocked;
        piece->at += (size_t) n;
        w->queued -= (size_t) n;
        if (piece->at < piece->n)
            continue;
        w->first = piece->next;
        if (w->first == NULL)
            w->last = &w->first;
        free(piece);
    }

    return true;
}


/* --- both ways ----------------------------------------------------------- */


static bool
stands(const struct pair *p)
{
    return holding && p->matched;
}


static void
watch_end(const struct pair *p, struct pollfd *fd, enum way_of in)
{
    const struct way *w = &p->way[in], *out = &p->way[!in];

    *fd = (struct pollfd) { .fd = -1 };
    if (stands(p))
        return;
    if (!w->ended && w->queued < QUEUED_MAX)
        fd->events |= POLLIN;
    if (out->blocked && out->first != NULL)
        fd->events |= POLLOUT;
    if (fd->events != 0)
        fd->fd = w->from;
}


void
pair_watch(const struct pair *p, struct pollfd *near, struct pollfd *far)
{
    watch_end(p, near, THERE);
    watch_end(p, far, BACK);
}


/* Half of a connection may close before the other; when an end has gone
 * altogether there is nobody left to tell. */
static bool
is_over(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct way *w = &p->way[i];

        if (w->first != NULL)
            continue;
        if (w->cut)
            return true;
        if (w->ended && !w->told && !p->hung) {
            shutdown(w->to, SHUT_WR);
            w->told = true;
        }
    }

    return p->way[THERE].ended && p->way[BACK].ended
           && p->way[THERE].first == NULL && p->way[BACK].first == NULL;
}


/* An end that has gone, with all that it said delivered.  Where a connection
 * hangs the other end never hears of it. */
static bool
is_gone(const struct pair *p, enum way_of way, short events)
{
    return (events & (POLLHUP | POLLERR)) && p->way[way].ended
           && p->way[way].first == NULL && !p->hung;
}


bool
pair_pump(struct pair *p, short near, short far, frame_pt frame)
{
    if (stands(p))
        return true;
    if (near & (POLLIN | POLLHUP | POLLERR))
        way_read(p, THERE, frame);
    if (far & (POLLIN | POLLHUP | POLLERR))
        way_read(p, BACK, frame);

    return way_write(p, THERE) && way_write(p, BACK) && !is_over(p)
           && !is_gone(p, THERE, near) && !is_gone(p, BACK, far);
}


/* When something is to be done for it, without any event. */
uint64_t
pair_due(const struct pair *p)
{
    uint64_t due = UINT64_MAX;

    for (int i = 0; i < 2 && !stands(p); i++) {
        const struct way *w = &p->way[i];
        uint64_t          at;

        if (w->first == NULL || w->blocked)
            continue;
        at = w->first->due > w->next_ms ? w->first->due : w->next_ms;
        if (at < due)
            due = at;
    }

    return due;
}
