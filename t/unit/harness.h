/*
 * harness.h - a host for tests: poll() over real descriptors, turned by hand.
 */
#ifndef SHOP_TEST_HARNESS_H
#define SHOP_TEST_HARNESS_H

#include <stdbool.h>

#include "shop.h"

#define HARNESS_MAX  256

struct harness {
    shop_watch_t  *watch[HARNESS_MAX];
    unsigned       events[HARNESS_MAX];
    shop_timer_t  *timer[HARNESS_MAX];
    uint64_t       due[HARNESS_MAX];
    shop_post_t   *post[HARNESS_MAX];
    unsigned       fail_watch;          /* the n-th watch_add() fails        */
    uint64_t       ahead_ms;            /* what its clock is ahead           */
    bool           spurious;            /* calls when nothing is ready, too  */
    bool           verbose;
};

extern const shop_host_ops_t harness_ops;

/* Is nothing watched, due or posted? */
bool harness_is_idle(const struct harness *h);

/* One iteration: what is ready, what is due, what was posted. */
void harness_turn(struct harness *h);

#endif
