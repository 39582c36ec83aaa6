/*
 * uv_clock.c - the timers of the host table, on one of libuv's.
 *
 * libuv wants the memory of a handle until its close callback, some time
 * after libshop has freed the object it belonged to; and the table has no way
 * to say that a timer cannot be set, so there may be no need of memory for
 * one.  So what is due when is kept here, in a pairing heap that runs through
 * the room in the timers themselves, and libuv is told of the first one.
 */
#include "uv/uv_clock.h"

#include <stdbool.h>
#include <stddef.h>

/* What a timer's room holds.  `before` is the elder sister, or the mother for
 * her first child. */
struct uv_alarm {
    struct uv_clock  *clock;    /* NULL: not set                            */
    uint64_t          due;
    struct uv_alarm  *child;
    struct uv_alarm  *next;
    struct uv_alarm  *before;
};

_Static_assert(sizeof(struct uv_alarm) <= SHOP_HOST_PRIV,
               "an alarm fits a timer");


static struct uv_alarm *
alarm_of(shop_timer_t *t)
{
    return (struct uv_alarm *) (void *) t->host;
}


static shop_timer_t *
timer_of(struct uv_alarm *a)
{
    return (shop_timer_t *) (void *) ((char *) a
                                      - offsetof(shop_timer_t, host));
}


/* --- the heap ------------------------------------------------------------ */


/* Two heaps, either of which may be empty, become one: the later root is the
 * first child of the earlier. */
static struct uv_alarm *
meld(struct uv_alarm *a, struct uv_alarm *b)
{
    struct uv_alarm  *later;

    if (a == NULL || b == NULL) {
        return a == NULL ? b : a;
    }

    if (b->due < a->due) {
        later = a;
        a = b;
        b = later;
    }

    b->next = a->child;
    if (b->next != NULL) {
        b->next->before = b;
    }

    b->before = a;
    a->child = b;

    return a;
}


/* Sisters in pairs, then the pairs from the last to the first: that is what
 * makes taking one out cheap in the long run. */
static struct uv_alarm *
meld_all(struct uv_alarm *sisters)
{
    struct uv_alarm  *a, *b, *pairs = NULL, *root = NULL;

    while ((a = sisters) != NULL) {
        b = a->next;
        sisters = b == NULL ? NULL : b->next;
        a->next = a->before = NULL;

        if (b != NULL) {
            b->next = b->before = NULL;
        }

        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }

    while ((a = pairs) != NULL) {
        pairs = a->next;
        a->next = NULL;
        root = meld(root, a);
    }

    return root;
}


static void
take_out(struct uv_clock *clock, struct uv_alarm *a)
{
    struct uv_alarm  *below = meld_all(a->child);

    if (a == clock->first) {
        clock->first = below;
    } else {
        if (a->before->child == a) {
            a->before->child = a->next;
        } else {
            a->before->next = a->next;
        }

        if (a->next != NULL) {
            a->next->before = a->before;
        }

        clock->first = meld(clock->first, below);
    }

    a->clock = NULL;
    a->child = a->next = a->before = NULL;
}


/* --- the clock ----------------------------------------------------------- */


static void ring(uv_timer_t *handle);


/* libuv is told when the first one is due; without one it is not to keep the
 * loop alive. */
static void
wind(struct uv_clock *clock)
{
    uint64_t  now = uv_now(clock->handle.loop);

    if (clock->first == NULL) {
        (void) uv_timer_stop(&clock->handle);
        return;
    }

    (void) uv_timer_start(&clock->handle, ring, clock->first->due > now
                          ? clock->first->due - now : 0, 0);
}


/* Taken out before it fires: the timer may be set again from within, or the
 * object that it is part of freed. */
static void
ring(uv_timer_t *handle)
{
    shop_timer_t     *t;
    struct uv_clock  *clock = (struct uv_clock *) handle;

    while (clock->first != NULL && clock->first->due <= uv_now(handle->loop)) {
        t = timer_of(clock->first);
        take_out(clock, clock->first);
        t->fire(t);
    }

    wind(clock);
}


void
uv_clock_open(struct uv_clock *clock, uv_loop_t *loop, unsigned kind)
{
    clock->first = NULL;
    (void) uv_timer_init(loop, &clock->handle);

    if (kind == SHOP_TIMER_BACKGROUND) {
        uv_unref((uv_handle_t *) &clock->handle);
    }
}


void
uv_clock_del(shop_timer_t *t)
{
    struct uv_alarm  *a = alarm_of(t);
    struct uv_clock  *clock = a->clock;
    bool              first;

    if (clock == NULL) {
        return;
    }

    first = clock->first == a;
    take_out(clock, a);

    if (first) {
        wind(clock);
    }
}


void
uv_clock_set(struct uv_clock *clock, shop_timer_t *t, uint32_t ms)
{
    struct uv_alarm  *a = alarm_of(t);

    uv_clock_del(t);
    a->clock = clock;
    a->due = uv_now(clock->handle.loop) + ms;
    clock->first = meld(clock->first, a);

    if (clock->first == a) {
        wind(clock);
    }
}
