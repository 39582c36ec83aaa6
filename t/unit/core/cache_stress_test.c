/*
 * cache_stress_test.c - many processes at once, some of them killed.
 *
 * A row per key stands for the database.  A worker writes its own keys: hold,
 * write the row, release, and then say which value everybody must see by
 * now.  All read all keys through the cache, also keys made from two rows.
 * A value older than what was released before the reading began is a lie, and
 * so is one older than the same reader has seen before.  Meanwhile workers
 * are killed with -9 wherever they happen to be, and others take their place.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache_fixture.h"

#define WORKERS    4
#define KEYS       16           /* rows; row k is written by worker k % 4    */
#define KILLS      60
#define READS      6000         /* between two kills                         */
#define BODY       1500
#define PATIENCE   60           /* seconds; only fails                       */

struct world {
    _Atomic uint64_t  row[KEYS];
    _Atomic uint64_t  released[KEYS];
    _Atomic uint64_t  reads, hits, writes, lies;
    void             *memory;
};

static struct world *world;
static char          answer[BODY + 64];


static void *
answer_alloc(void *ctx, size_t size)
{
    (void) ctx;
    return size <= sizeof(answer) ? answer : NULL;
}


/* From the cache, else from the rows: of k, and of the next for odd k. */
static void
value_read(struct cache *c, unsigned k, uint64_t value[2])
{
    struct cache_key    key;
    struct cache_entry  e = { 0 };
    char                body[BODY] = { 0 };
    cache_tag_t         tags[2] = { k, (k + 1) % KEYS };

    cache_key_init(c, &key, (const char *) &k, sizeof(k));

    if (cache_get(c, &key, 1, 0, answer_alloc, NULL, &e) == CACHE_FRESH) {
        memcpy(value, e.body.data, 2 * sizeof(uint64_t));
        world->hits++;
        return;
    }

    e.born = cache_clock(c);
    value[0] = world->row[k];
    value[1] = world->row[(k + 1) % KEYS];

    memcpy(body, value, 2 * sizeof(uint64_t));
    e.expires_ms = UINT64_MAX;
    e.body = (shop_str_t) { body, sizeof(body) };
    e.tags = tags;
    e.n_tags = 1 + k % 2;

    if (cache_fill_begin(c, &key, 1, 1000)) {
        (void) cache_put(c, &key, &e);
        cache_fill_end(c, &key);
    }
}


static void
check_read(struct cache *c, unsigned k, uint64_t seen[KEYS])
{
    unsigned  i, row;
    uint64_t  value[2], least[2];

    for (i = 0; i < 1 + k % 2; i++) {
        least[i] = world->released[(k + i) % KEYS];
    }

    value_read(c, k, value);

    for (i = 0; i < 1 + k % 2; i++) {
        row = (k + i) % KEYS;
        if (value[i] < least[i] || value[i] < seen[row]) {
            world->lies++;
        }
        seen[row] = value[i];
    }

    world->reads++;
}


static void
linger(void)
{
    if (random() % 4 == 0) {
        sched_yield();
    }
}


/* How: by its tag, by everything, or as somebody who only bumps. */
static void
write_row(struct cache *c, unsigned k)
{
    cache_tag_t  tag = k;
    unsigned     how = (unsigned) random() % 16;
    uint64_t     value;

    if (how == 0) {
        cache_hold_all(c);
    } else if (cache_hold(c, &tag, 1) != SHOP_OK) {
        world->lies++;
    }

    linger();
    value = ++world->row[k];
    linger();

    if (how == 0) {
        cache_release_all(c, 1);
    } else {
        cache_release(c, &tag, 1, 1);
    }

    world->released[k] = value;
    world->writes++;
}


static void
work(unsigned worker)
{
    struct cache  c;
    uint64_t      seen[KEYS] = { 0 };

    srandom((unsigned) getpid());

    if (cache_attach(&c, world->memory, FIXTURE_SIZE, 0, worker, WORKERS)
        || cache_adopt(&c))
    {
        _exit(1);
    }

    for ( ;; ) {
        if (random() % 64 == 0) {
            write_row(&c, (unsigned) random() % (KEYS / WORKERS) * WORKERS
                          + worker);
        }

        check_read(&c, (unsigned) random() % KEYS, seen);
    }
}


static pid_t
work_start(unsigned worker)
{
    pid_t pid = fork();

    if (pid == 0) {
        alarm(PATIENCE);
        work(worker);
    }

    return pid;
}


static void
wait_for_reads(uint64_t n)
{
    unsigned ms;

    for (ms = 0; world->reads < n; ms++) {
        assert_true(ms < PATIENCE * 1000);
        usleep(1000);
    }
}


static void
nobody_is_served_the_past(void **state)
{
    struct fixture  *f = *state;
    pid_t            pids[WORKERS];
    unsigned         i, worker, wipes = 0;

    world = mmap(NULL, sizeof(struct world), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(world != MAP_FAILED);
    world->memory = f->memory;

    for (i = 0; i < WORKERS; i++) {
        pids[i] = work_start(i);
    }

    for (i = 0; i < KILLS; i++) {
        wait_for_reads(world->reads + READS);
        worker = i % WORKERS;
        kill(pids[worker], SIGKILL);
        waitpid(pids[worker], NULL, 0);
        pids[worker] = work_start(worker);
    }

    for (i = 0; i < WORKERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }

    for (i = 0; i < CACHE_SHARDS; i++) {
        wipes += (unsigned) cache_shard(&f->cache, i)->wipes;
    }

    print_message("%llu reads, %llu hits, %llu writes, %u wipes\n",
                  (unsigned long long) world->reads,
                  (unsigned long long) world->hits,
                  (unsigned long long) world->writes, wipes);

    assert_int_equal(world->lies, 0);
    assert_true(world->hits > world->reads / 10);
    assert_true(world->writes > KILLS);
    munmap(world, sizeof(struct world));
}


int core_cache_stress_tests(void);


int
core_cache_stress_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(nobody_is_served_the_past)
    };

    return cmocka_run_group_tests_name("core/cache_stress", tests, NULL, NULL);
}
