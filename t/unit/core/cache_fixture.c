/*
 * cache_fixture.c - see cache_fixture.h.  Assertions end the test; a child
 * that goes wrong ends with a status, which its parent asserts on.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_fixture.h"

static int stay_fd = -1;


int
fixture_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(struct fixture));

    f->memory = mmap(NULL, FIXTURE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    f->answer_size = sizeof(f->answer);
    *state = f;

    if (f->memory == MAP_FAILED
        || cache_attach(&f->cache, f->memory, FIXTURE_SIZE, 1, 0,
                        FIXTURE_WORKERS) != SHOP_OK
        || cache_adopt(&f->cache) != SHOP_OK)
    {
        return -1;
    }

    cache_lease_set(&f->cache, UINT64_MAX);
    return 0;
}


int
fixture_down(void **state)
{
    struct fixture  *f = *state;
    char             error[200];
    int              rc = cache_check(&f->cache, error, sizeof(error));

    if (rc != 0) {
        print_error("%s\n", error);
    }

    munmap(f->memory, FIXTURE_SIZE);
    free(f);
    return rc;
}


void *
fixture_alloc(void *fixture, size_t size)
{
    struct fixture *f = fixture;

    return size <= f->answer_size ? f->answer : NULL;
}


bool
put_born(struct cache *c, const char *key, const char *body, uint64_t born,
         const cache_tag_t *tags, size_t n)
{
    struct cache_key    k;
    struct cache_entry  e = {
        .status = 200, .born = born, .expires_ms = UINT64_MAX,
        .stored_ms = 1000, .head = { "head", 4 },
        .body = { body, strlen(body) }, .tags = tags, .n_tags = n
    };

    cache_key_init(c, &k, key, strlen(key));

    return cache_put(c, &k, &e);
}


bool
put(struct cache *c, const char *key, const char *body,
    const cache_tag_t *tags, size_t n)
{
    return put_born(c, key, body, cache_clock(c), tags, n);
}


enum cache_state
get(struct fixture *f, const char *key)
{
    struct cache_key k;

    cache_key_init(&f->cache, &k, key, strlen(key));

    return cache_get(&f->cache, &k, 1000, 0, fixture_alloc, f, &f->out);
}


void
assert_body(struct fixture *f, const char *key, const char *body)
{
    assert_int_equal(get(f, key), CACHE_FRESH);
    assert_int_equal(f->out.body.len, strlen(body));
    assert_memory_equal(f->out.body.data, body, strlen(body));
}


cache_tag_t
tag_of(const char *name)
{
    return cache_tag(name, strlen(name));
}


struct child
child_start(struct fixture *f, unsigned worker, void (*fn)(struct cache *c))
{
    struct child  ch;
    struct cache  c;
    int           fds[2];
    char          byte;

    assert_int_equal(pipe(fds), 0);
    ch.pid = fork();

    if (ch.pid == 0) {
        stay_fd = fds[1];

        if (cache_attach(&c, f->memory, FIXTURE_SIZE, 0, worker,
                         FIXTURE_WORKERS) != SHOP_OK
            || cache_adopt(&c) != SHOP_OK)
        {
            _exit(1);
        }

        fn(&c);
        _exit(0);
    }

    assert_true(ch.pid > 0);
    close(fds[1]);

    /* Until it stays, or has ended: then the pipe is closed. */
    (void) !read(fds[0], &byte, 1);
    ch.up = fds[0];

    return ch;
}


void
child_stay(void)
{
    (void) !write(stay_fd, "x", 1);

    for ( ;; ) {
        pause();
    }
}


void
child_stop(struct child *ch)
{
    siginfo_t info;

    kill(ch->pid, SIGKILL);
    waitid(P_PID, (id_t) ch->pid, &info, WEXITED | WNOWAIT);
}


void
child_kill(struct child *ch)
{
    kill(ch->pid, SIGKILL);
    waitpid(ch->pid, NULL, 0);
    close(ch->up);
}
