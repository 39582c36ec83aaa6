/*
 * arena.c - bump memory with a lifetime.
 *
 * Chunks of 8 KiB are kept on a spare list of the process, so that a request
 * of ordinary size takes nothing from malloc; a larger need gets a chunk of
 * its own size, which is given back at the reset.
 *
 * Return codes: NULL when memory is short.
 */
#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/env.h"

#define CHUNK      8192
#define SPARE_MAX  512          /* 4 MiB kept at most                        */
#define ALIGN      16

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)    ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n)  ASAN_UNPOISON_MEMORY_REGION(p, n)
#define REDZONE         16      /* between blocks, so that overruns are seen */
#else
#define POISON(p, n)    ((void) (p), (void) (n))
#define UNPOISON(p, n)  ((void) (p), (void) (n))
#define REDZONE         0
#endif

struct arena_chunk {
    struct arena_chunk  *next;
    size_t               size;          /* with this head                    */
};

#define HEAD  ((sizeof(struct arena_chunk) + ALIGN - 1) & ~(size_t) (ALIGN - 1))

static struct arena_chunk  *spare;
static size_t               n_spare;


static struct arena_chunk *
chunk_take(size_t size)
{
    struct arena_chunk *c = NULL;

    if (size == CHUNK && spare != NULL) {
        c = spare;
        UNPOISON(c, CHUNK);
        spare = c->next;
        n_spare--;
    } else {
        c = shop_env.alloc(size);
    }
    if (c != NULL)
        c->size = size;

    return c;
}


static void
chunk_give(struct arena_chunk *c)
{
    UNPOISON(c, c->size);

    if (c->size != CHUNK || n_spare >= SPARE_MAX) {
        shop_env.release(c);
        return;
    }
    c->next = spare;
    spare = c;
    n_spare++;
    POISON((char *) c + HEAD, CHUNK - HEAD);
}


/* A block that fills more than half a chunk gets one of its own, behind the
 * current one, so that the rest of the current one is not lost. */
static void *
alloc_large(struct arena *a, size_t size)
{
    struct arena_chunk *c = chunk_take(HEAD + size);

    if (c == NULL)
        return NULL;

    if (a->chunk != NULL) {
        c->next = a->chunk->next;
        a->chunk->next = c;
    } else {
        c->next = NULL;
        a->chunk = c;
        a->at = a->end = (char *) c + HEAD + size;
    }
    a->size += c->size;

    return (char *) c + HEAD;
}


static bool
chunk_open(struct arena *a)
{
    struct arena_chunk *c = chunk_take(CHUNK);

    if (c == NULL)
        return false;

    c->next = a->chunk;
    a->chunk = c;
    a->at = (char *) c + HEAD;
    a->end = (char *) c + CHUNK;
    a->size += CHUNK;
    POISON(a->at, CHUNK - HEAD);

    return true;
}


void *
arena_alloc(struct arena *a, size_t size)
{
    char   *p;
    size_t  need;

    if (size > SIZE_MAX / 2)
        return NULL;

    /* Nothing is a block too: an arena that took none would say NULL. */
    need = ((size + (size == 0) + ALIGN - 1) & ~(size_t) (ALIGN - 1))
           + REDZONE;

    if ((size_t) (a->end - a->at) < need) {
        if (need > CHUNK / 2)
            return alloc_large(a, need);
        if (!chunk_open(a))
            return NULL;
    }
    p = a->at;
    a->at += need;
    UNPOISON(p, size);

    return p;
}


void *
arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);

    return p == NULL ? NULL : memset(p, 0, size);
}


char *
arena_copy(struct arena *a, const char *text, size_t len)
{
    char *p = arena_alloc(a, len + 1);

    if (p == NULL)
        return NULL;

    if (len != 0)
        memcpy(p, text, len);
    p[len] = '\0';

    return p;
}


void *
arena_grow(struct arena *a, void *old, size_t old_size, size_t size)
{
    size_t  had = ((old_size + ALIGN - 1) & ~(size_t) (ALIGN - 1)) + REDZONE;
    size_t  need = ((size + ALIGN - 1) & ~(size_t) (ALIGN - 1)) + REDZONE;
    void   *p;

    if (old != NULL && (char *) old + had == a->at
        && size < SIZE_MAX / 2
        && (size_t) (a->end - (char *) old) >= need)
    {
        a->at = (char *) old + need;
        UNPOISON(old, size);
        return old;
    }

    p = arena_alloc(a, size);
    if (p != NULL && old != NULL)
        memcpy(p, old, old_size < size ? old_size : size);

    return p;
}


struct cleanup *
arena_cleanup(struct arena *a, void (*run)(void *), void *data)
{
    struct cleanup *c = arena_alloc(a, sizeof(struct cleanup));

    if (c == NULL)
        return NULL;

    c->run = run;
    c->data = data;
    c->next = a->cleanups;
    a->cleanups = c;

    return c;
}


/* Down to one that stays, or NULL. */
static void
clean(struct arena *a, const struct cleanup *last)
{
    while (a->cleanups != last) {
        struct cleanup *up = a->cleanups;

        a->cleanups = up->next;
        if (up->run != NULL)
            up->run(up->data);
    }
}


static void
chunks_give(struct arena_chunk *c, const struct arena_chunk *last)
{
    struct arena_chunk *next;

    for (; c != last; c = next) {
        next = c->next;
        chunk_give(c);
    }
}


void
arena_reset(struct arena *a)
{
    clean(a, NULL);
    chunks_give(a->chunk, NULL);
    memset(a, 0, sizeof(*a));
}


void
arena_mark(const struct arena *a, struct arena_mark *out)
{
    *out = (struct arena_mark) {
        a->chunk, a->chunk == NULL ? NULL : a->chunk->next, a->at, a->end,
        a->cleanups, a->size,
    };
}


/* Large blocks were put behind the chunk that was being filled. */
void
arena_rewind(struct arena *a, const struct arena_mark *m)
{
    clean(a, m->cleanups);
    chunks_give(a->chunk, m->chunk);
    if (m->chunk != NULL) {
        chunks_give(m->chunk->next, m->next);
        m->chunk->next = m->next;
        POISON(m->at, (size_t) (m->end - m->at));
    }
    *a = (struct arena) { m->chunk, m->at, m->end, m->cleanups, m->size };
}


void
arena_trim(void)
{
    struct arena_chunk *c;

    while ((c = spare) != NULL) {
        UNPOISON(c, CHUNK);
        spare = c->next;
        n_spare--;
        shop_env.release(c);
    }
}
