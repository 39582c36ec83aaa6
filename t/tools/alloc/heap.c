/*
 * heap.c - see heap.h.
 *
 * What the executable calls malloc() is everybody's: libpq, yajl, zlib and
 * OpenSSL are bound to it by the dynamic linker, as glibc documents.  It is
 * glibc's own behind a counter, or the sanitizer's in a build with that.
 *
 * libuv is spared: where it cannot grow the table of its descriptors it ends
 * the process by itself.
 */
#include "heap.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <uv.h>

#if defined(__SANITIZE_ADDRESS__)
#define REAL(name)  __interceptor_##name
#else
#define REAL(name)  __libc_##name
#endif

#define EXPORTED  __attribute__((visibility("default")))

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
void  REAL(free)(void *p);

EXPORTED void *malloc(size_t size);
EXPORTED void *calloc(size_t n, size_t size);
EXPORTED void *realloc(void *p, size_t size);
EXPORTED void  free(void *p);

/* Pool threads allocate too. */
static _Atomic unsigned  asked, refused, fails_at;
static _Atomic bool      armed, for_good;
static _Atomic long      blocks;


/* May this one be had? */
static bool
may(void)
{
    unsigned  n;

    if (!armed) {
        return true;
    }

    n = ++asked;
    if (fails_at == 0 || n < fails_at || (n > fails_at && !for_good)) {
        return true;
    }

    refused++;
    errno = ENOMEM;

    return false;
}


static void *
counted(void *p)
{
    blocks += p != NULL;

    return p;
}


void *
malloc(size_t size)
{
    return may() ? counted(REAL(malloc)(size)) : NULL;
}


void *
calloc(size_t n, size_t size)
{
    return may() ? counted(REAL(calloc)(n, size)) : NULL;
}


void *
realloc(void *p, size_t size)
{
    if (!may()) {
        return NULL;
    }

    return p == NULL ? counted(REAL(realloc)(p, size))
                     : REAL(realloc)(p, size);
}


void
free(void *p)
{
    blocks -= p != NULL;
    REAL(free)(p);
}


void
heap_arm(unsigned n, bool all)
{
    asked = refused = 0;
    fails_at = n;
    for_good = all;
    armed = true;
}


struct heap_count
heap_disarm(void)
{
    armed = false;

    return (struct heap_count) { asked, refused };
}


long
heap_blocks(void)
{
    return blocks;
}


void
heap_spare_libuv(void)
{
    (void) uv_replace_allocator(REAL(malloc), REAL(realloc), REAL(calloc),
                                REAL(free));
}
