/*
 * heap.h - malloc() and its like for the whole process, libraries too, which
 * fail when they are told to.
 */
#ifndef SHOP_TEST_HEAP_H
#define SHOP_TEST_HEAP_H

#include <stdbool.h>

/* Before libuv is used: what it asks for is not counted and does not fail. */
void heap_spare_libuv(void);

/* From now on count; the n-th fails, and if `for_good` all after it.  With
 * n = 0 none does. */
void heap_arm(unsigned n, bool for_good);

struct heap_count {
    unsigned  asked;            /* since heap_arm()                         */
    unsigned  refused;
};
struct heap_count heap_disarm(void);

/* Blocks that are allocated now. */
long heap_blocks(void);

#endif
