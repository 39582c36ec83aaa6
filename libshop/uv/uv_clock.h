/*
 * uv_clock.h - any number of timers on one of libuv's; inside of libshop-uv.
 */
#ifndef SHOP_UV_CLOCK_H
#define SHOP_UV_CLOCK_H

#include "uv/shop_uv.h"

/* Never moves while it is open. */
struct uv_clock {
    uv_timer_t       handle;    /* first: a handle is its clock             */
    struct uv_alarm *first;     /* of a heap: the one that is due first     */
};

/* SHOP_TIMER_*: whether its timers keep the loop alive. */
void uv_clock_open(struct uv_clock *clock, uv_loop_t *loop, unsigned kind);

/* Setting one that is set moves it; taking off one that is not is nothing.
 * They need no memory, and cannot fail. */
void uv_clock_set(struct uv_clock *clock, shop_timer_t *t, uint32_t ms);
void uv_clock_del(shop_timer_t *t);

#endif
