/*
 * far_reserve.c - see far_reserve.h.
 */
#include "core/far_reserve.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/banned.h"
#include "core/env.h"

/* A note is 2,048 bytes of text and a few members; a question that fails makes
 * some of them, and sixteen may be asked at once. */
#define NOTE_MIN  2049
#define NOTE_MAX  2560
#define NOTES     64

struct note {
    atomic_flag    taken;
    _Alignas(16) char  memory[NOTE_MAX];
};

struct far_reserve { struct note  note[NOTES]; };


struct far_reserve *
far_reserve_open(void)
{
    struct far_reserve  *r = shop_env.alloc(sizeof(*r));

    for (size_t i = 0; r != NULL && i < NOTES; i++)
        atomic_flag_clear(&r->note[i].taken);

    return r;
}


void
far_reserve_close(struct far_reserve *r)
{
    shop_env.release(r);
}


static void *
take(struct far_reserve *r, size_t size)
{
    if (size < NOTE_MIN || size > NOTE_MAX)
        return NULL;
    for (size_t i = 0; i < NOTES; i++) {
        if (!atomic_flag_test_and_set(&r->note[i].taken))
            return r->note[i].memory;
    }

    return NULL;
}


bool
far_reserve_took_back(struct far_reserve *r, void *block)
{
    for (size_t i = 0; i < NOTES; i++) {
        if (block == r->note[i].memory) {
            atomic_flag_clear(&r->note[i].taken);
            return true;
        }
    }

    return false;
}


/* --- as libmemcached asks ------------------------------------------------ */


static void *
get_block(const memcached_st *m, const size_t size, void *reserve)
{
    void  *block = malloc(size);

    (void) m;
    return block != NULL ? block : take(reserve, size);
}


static void
free_block(const memcached_st *m, void *block, void *reserve)
{
    (void) m;
    if (!far_reserve_took_back(reserve, block))
        free(block);
}


/* Notes are never resized. */
static void *
resize_block(const memcached_st *m, void *block, const size_t size,
             void *reserve)
{
    (void) m;
    (void) reserve;
    return realloc(block, size);
}


static void *
get_cleared(const memcached_st *m, size_t n, const size_t size, void *reserve)
{
    (void) m;
    (void) reserve;
    return calloc(n, size);
}


void
far_reserve_for(struct far_reserve *r, memcached_st *m)
{
    memcached_set_memory_allocators(m, get_block, free_block, resize_block,
                                    get_cleared, r);
}
