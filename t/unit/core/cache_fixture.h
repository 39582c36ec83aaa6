/*
 * cache_fixture.h - a cache in memory shared with forked processes, for the
 * tests of cache*.c.
 */
#ifndef SHOP_CACHE_FIXTURE_H
#define SHOP_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <sys/types.h>

#include <cmocka.h>

#include "core/cache_map.h"

#define FIXTURE_SIZE     (24u * 1024 * 1024)
#define FIXTURE_WORKERS  2

struct fixture {
    struct cache  cache;                /* worker 0, adopted, lease good     */
    void         *memory;               /* shared                            */
    char          answer[512 * 1024];   /* what the last get() copied        */
    size_t        answer_size;          /* room in it; 0 fails               */
    struct cache_entry  out;
};

/* cmocka's setup and teardown; *state becomes a struct fixture. */
int fixture_up(void **state);
int fixture_down(void **state);

#define WITH_CACHE(f)                                                         \
    cmocka_unit_test_setup_teardown(f, fixture_up, fixture_down)

void *fixture_alloc(void *fixture, size_t size);

/* One entry of a body and tags, born now. */
bool put(struct cache *c, const char *key, const char *body,
         const cache_tag_t *tags, size_t n);
bool put_born(struct cache *c, const char *key, const char *body,
              uint64_t born, const cache_tag_t *tags, size_t n);
enum cache_state get(struct fixture *f, const char *key);

/* Is the entry there, fresh, and this its body? */
void assert_body(struct fixture *f, const char *key, const char *body);

cache_tag_t tag_of(const char *name);

/* A process that attaches as `worker`, adopts, runs fn and ends; or stays
 * until it is killed when fn calls child_stay(). */
struct child {
    pid_t  pid;
    int    up;                          /* written to by child_stay()        */
};
struct child child_start(struct fixture *f, unsigned worker,
                         void (*fn)(struct cache *c));
void child_stay(void);
void child_kill(struct child *ch);      /* -9, and waited for                */
void child_stop(struct child *ch);      /* killed, but left a zombie         */

#endif
