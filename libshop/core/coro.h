/*
 * coro.h - stackful coroutines: a function that can be left and entered.
 *
 * A coroutine runs on a stack of its own with a guard page below it.  Stacks
 * are pooled, last used first; coro_pool_trim() unmaps what lies unused.
 * A coroutine that ends, or is abandoned, gives its stack back; nothing on an
 * abandoned stack is unwound, so nothing on it may own anything.
 *
 * Return codes: NULL or -1 when stacks are used up or memory is short.
 */
#ifndef SHOP_CORO_H
#define SHOP_CORO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coro;

struct coro_pool {
    size_t        stack_size;           /* bytes, without the guard page     */
    unsigned      max;
    unsigned      live;
    unsigned      made;                 /* mapped, in use or spare           */
    unsigned      peak;
    unsigned      spares;
    unsigned      unused;               /* spares that nobody has needed ... */
    struct coro  *spare;                /* ... since the last trim           */
};

void coro_pool_init(struct coro_pool *pool, unsigned max, size_t stack_size);
void coro_pool_done(struct coro_pool *pool);

/* Unmap the spare stacks that were not needed since it was called last, except
 * for so many: what a rush took is not kept for ever, and what is used again
 * and again is.  False: there is nothing to come back for. */
bool coro_pool_trim(struct coro_pool *pool, unsigned keep);

/* Make a coroutine that will run fn(arg) when first resumed. */
struct coro *coro_make(struct coro_pool *pool, void (*fn)(void *), void *arg);

/* From the loop's stack: run it until it yields or ends.  Returns 1 while it
 * lives, 0 when its function returned (the coroutine is given back). */
int coro_resume(struct coro *co);

/* From inside: back to the resumer. */
void coro_yield(void);

/* From the loop's stack: never to be resumed; its stack is given back. */
void coro_abandon(struct coro *co);

/* The one running, or NULL on the loop's stack. */
struct coro *coro_self(void);

/* Bytes of its stack that were ever touched since the last paint; only in
 * builds with -DSHOP_CORO_PAINT, else 0. */
size_t coro_high_water(const struct coro *co);

#endif
