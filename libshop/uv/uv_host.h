/*
 * uv_host.h - a libuv loop as libshop's host; inside of libshop-uv.
 */
#ifndef SHOP_UV_HOST_H
#define SHOP_UV_HOST_H

#include <stdbool.h>

#include "uv/shop_uv.h"
#include "uv/uv_clock.h"

#define UV_HOST_JOBS_MAX  1024  /* waiting or running, before SHOP_E_BUSY   */

struct uv_host {
    uv_loop_t        *loop;
    shop_uv_log_t     log;
    uv_prepare_t      prepare;  /* these two run what was posted ...        */
    uv_check_t        check;    /* ... before and after the loop polls      */
    shop_post_t      *posts;    /* first and ...                            */
    shop_post_t     **posts_end;        /* ... end of the queue             */
    struct uv_clock   clocks[2];        /* of timers, by SHOP_TIMER_*       */
    unsigned          handles;  /* that libuv still knows                   */
    unsigned          jobs;
    bool              closing;
};

extern const shop_host_ops_t  uv_host_ops;

/* `h` stays where it is until it is closed. */
void uv_host_open(struct uv_host *h, uv_loop_t *loop,
                  const shop_uv_log_t *log);

/* Runs the loop until the pool threads have finished; no job is taken any
 * more.  Before shop_close(), for a job's memory is the shop's. */
void uv_host_finish_jobs(struct uv_host *h);

/* Runs the loop until it has forgotten us. */
void uv_host_close(struct uv_host *h);

#endif
