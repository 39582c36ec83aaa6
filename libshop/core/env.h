/*
 * env.h - all that libshop takes from its surroundings, in one table.
 *
 * Allocator, clocks and random source go through shop_env, so that a test
 * can fail the n-th allocation, turn the clock and replay a seed.  Nothing in
 * libshop calls malloc(), time() or RAND_bytes() by itself.
 */
#ifndef SHOP_ENV_H
#define SHOP_ENV_H

#include <stddef.h>
#include <stdint.h>

struct shop_env {
    void     *(*alloc)(size_t size);            /* NULL when memory is short */
    void     *(*resize)(void *p, size_t size);
    void      (*release)(void *p);
    int64_t   (*now_us)(void);                  /* since 1970, UTC           */
    uint64_t  (*mono_us)(void);                 /* for deadlines, durations  */
    int       (*random)(void *buf, size_t n);   /* 0, or -1                  */
};

extern struct shop_env shop_env;

#endif
