/*
 * far_reserve.h - memory for what libmemcached cannot do without.
 *
 * libmemcached notes what goes wrong in a block of its own, and where there is
 * none it ends the process (error.cc: "failed to allocate a
 * memcached_error_t").  So blocks of that size come from here when malloc()
 * has no more.
 */
#ifndef SHOP_FAR_RESERVE_H
#define SHOP_FAR_RESERVE_H

#include <stdbool.h>

#include <libmemcached/memcached.h>

struct far_reserve;

/* NULL when memory is short. */
struct far_reserve *far_reserve_open(void);
void                far_reserve_close(struct far_reserve *r);

/* The connection, and copies of it, take their memory through `r`, which must
 * outlive them.  From any thread. */
void far_reserve_for(struct far_reserve *r, memcached_st *m);

/* Is the block of the reserve, which free() does not know?  It is given back
 * to it then. */
bool far_reserve_took_back(struct far_reserve *r, void *block);

#endif
