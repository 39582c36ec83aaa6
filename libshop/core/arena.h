/*
 * arena.h - bump memory with a lifetime, and what must be undone at its end.
 *
 * Two arenas a request: `request` lives as long as the request, `attempt` is
 * dropped when a transaction is retried.  Nothing is freed by hand.  What is
 * not memory (a result, a place in a queue) registers a cleanup; cleanups run
 * last in, first out, before the memory goes, and neither wait nor fail.
 *
 * Under AddressSanitizer memory not given out is poisoned.
 * Functions return NULL or -1 when memory is short.
 */
#ifndef SHOP_ARENA_H
#define SHOP_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct cleanup {
    void           (*run)(void *data);          /* NULL: called off          */
    void            *data;
    struct cleanup  *next;
};

struct arena {
    struct arena_chunk  *chunk;         /* the one being filled              */
    char                *at;            /* next free byte of it              */
    char                *end;
    struct cleanup      *cleanups;
    size_t               size;          /* taken from shop_env in all        */
};

/* Aligned to 16 bytes; the memory is not zeroed. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);

char *arena_copy(struct arena *a, const char *text, size_t len); /* + NUL */

/* Grow the last block in place where possible, else copy. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t size);

struct cleanup *arena_cleanup(struct arena *a, void (*run)(void *),
                              void *data);

/* Run the cleanups and give the memory back; the arena is empty and usable
 * again.  A zeroed struct arena is an empty one. */
void arena_reset(struct arena *a);

/* How far it has come: arena_rewind() undoes what was done since, as if that
 * part were an arena of its own. */
struct arena_mark {
    struct arena_chunk  *chunk;
    struct arena_chunk  *next;
    char                *at;
    char                *end;
    struct cleanup      *cleanups;
    size_t               size;
};

void arena_mark(const struct arena *a, struct arena_mark *out);
void arena_rewind(struct arena *a, const struct arena_mark *m);

/* Give spare chunks back to the system (background trimming, tests). */
void arena_trim(void);

#endif
