/*
 * main.c - runs by seed: clients ask and leave, the server works, wires carry,
 * time passes, connections end; what happens next is drawn.
 *
 *     script FIRST RUNS [SECONDS]
 *
 * Runs from seed FIRST on, at most RUNS, and for so many seconds.  Exit status
 * 0: every run kept every promise.  1: one did not; its seed and what was
 * broken are printed, and script SEED 1 shows it again.  2: one crashed.
 */
#include "script.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/cache.h"
#include "core/env.h"
#include "core/worker.h"

#define STEPS_MAX   200000      /* of a run, which then never ends           */
#define WELL_MS     70000
#define BLOCKS_MAX  (1 << 16)
#define STAY_MAX    3           /* the columns of statements that give rows  */

bool troubled;

static unsigned long long  seed, state, steps, n_steps, asked;
static struct shop        *shop;


/* --- chance -------------------------------------------------------------- */


/* splitmix64: each seed gives a course of its own. */
static uint64_t
draw(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return z ^ (z >> 31);
}


unsigned
chance(unsigned n)
{
    return n == 0 ? 0 : (unsigned) (draw() % n);
}


bool
one_in(unsigned n)
{
    return chance(n) == 0;
}


_Noreturn void
broken(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("seed %llu, step %llu: ", seed, steps);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
    _exit(1);
}


/* Returns the end of what was written; for signals, where stdio is not. */
static char *
put_number(char *p, unsigned long long n)
{
    unsigned long long unit = 1;

    while (n / unit >= 10)
        unit *= 10;
    for (; unit != 0; unit /= 10)
        *p++ = (char) ('0' + n / unit % 10);

    return p;
}


static void
crashed(int signal)
{
    char  text[80] = "seed ";
    char *p = put_number(text + 5, seed);

    (void) signal;
    p = put_number(stpcpy(p, ", step "), steps);
    p = stpcpy(p, ": the shop crashed\n");
    if (write(1, text, (size_t) (p - text)) < 0)
        _exit(3);
    _exit(2);
}


/* --- memory, time, randomness -------------------------------------------- */

/* What was given back stays unused until the run is over, full of a pattern:
 * who looks at it crashes, who writes to it is found. */
#define FILLING  0xdb

static struct block { unsigned char *p; size_t size; bool gone; }
    blocks[BLOCKS_MAX];
static size_t n_blocks, n_stay;


static void *
take(size_t size)
{
    unsigned char *p = malloc(size + sizeof(size_t) * 2);

    if (p == NULL || n_blocks == BLOCKS_MAX)
        broken("memory is short");
    memcpy(p, &n_blocks, sizeof(n_blocks));
    blocks[n_blocks++] = (struct block) { p + 2 * sizeof(size_t), size,
                                          false };

    return p + 2 * sizeof(size_t);
}


static void
give(void *p)
{
    size_t i;

    if (p == NULL)
        return;
    memcpy(&i, (unsigned char *) p - 2 * sizeof(size_t), sizeof(i));
    if (blocks[i].gone || blocks[i].p != p)
        broken("memory is given back twice");
    blocks[i].gone = true;
    memset(p, FILLING, blocks[i].size);
}


static void *
resize(void *p, size_t size)
{
    void  *q = take(size);
    size_t i;

    if (p == NULL)
        return q;
    memcpy(&i, (unsigned char *) p - 2 * sizeof(size_t), sizeof(i));
    memcpy(q, p, blocks[i].size < size ? blocks[i].size : size);
    give(p);

    return q;
}


/* What is known of a statement's columns is the process's, and stays. */
static void
memory_stays(struct block b)
{
    if (n_stay == STAY_MAX)
        broken("%zu bytes were not given back", b.size);
    memcpy(b.p - 2 * sizeof(size_t), &n_stay, sizeof(n_stay));
    blocks[n_stay++] = b;
}


static void
memory_end(void)
{
    for (size_t i = n_stay; i < n_blocks; i++) {
        struct block b = blocks[i];

        if (!b.gone) {
            memory_stays(b);
            continue;
        }
        if (b.size != 0 && (b.p[0] != FILLING
                            || memcmp(b.p, b.p + 1, b.size - 1) != 0))
            broken("of %zu bytes some were written after they had been given "
                   "back", b.size);
        free(b.p - 2 * sizeof(size_t));
    }
    n_blocks = n_stay;
}


static int64_t
now_us(void)
{
    return (int64_t) host_now * 1000;
}


static uint64_t
mono_us(void)
{
    return host_now * 1000;
}


static int
random_bytes(void *buf, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *) buf)[i] = (unsigned char) chance(256);

    return 0;
}


/* --- what happens -------------------------------------------------------- */

enum deed {
    ASKS, LEAVES, SERVES, READABLE, FIRES, WORKS, DIES, FALLS, EVENTS
};


/* Time passes while others dawdle, and the more seldom the longer; when all is
 * to be well only if nothing else can happen. */
static unsigned
time_weight(void)
{
    bool idle = server_able() + host_readable() + host_jobs() == 0;

    if (!host_has_timer())
        return 0;
    if (!troubled)
        return idle;

    return idle || host_due_in() < 100 ? 2 : one_in(10);
}


/* How likely each is now, where it can be. */
static unsigned
weight(enum deed e, bool is_down)
{
    switch (e) {
    case ASKS:      return clients_want() && troubled ? 6 : 0;
    case LEAVES:    return clients_waiting() != 0 && troubled ? 1 : 0;
    case SERVES:    return server_able() != 0 ? 40 : 0;
    case READABLE:  return host_readable() != 0 ? 40 : 0;
    case FIRES:     return time_weight();
    case WORKS:     return host_jobs() != 0 ? 6 : 0;
    case DIES:      return troubled && server_sessions() != 0 ? 1 : 0;
    case FALLS:     return troubled && (is_down || one_in(8)) ? 1 : 0;
    default:        return 0;
    }
}


static enum deed
pick(bool is_down)
{
    unsigned w[EVENTS], sum = 0, at;

    for (enum deed e = 0; e < EVENTS; e++)
        sum += w[e] = weight(e, is_down);
    if (sum == 0)
        return EVENTS;
    at = chance(sum);
    for (enum deed e = 0; e < EVENTS; e++) {
        if (at < w[e])
            return e;
        at -= w[e];
    }

    return EVENTS;
}


static void
happen(enum deed e, bool *is_down)
{
    switch (e) {
    case ASKS:      clients_ask(); break;
    case LEAVES:    clients_leave(chance(clients_waiting())); break;
    case SERVES:    server_step(chance(server_able())); break;
    case READABLE:  host_ready(chance(host_readable())); break;
    case FIRES:     host_fire(); break;
    case WORKS:     host_job(chance(host_jobs())); break;
    case DIES:      server_kill(chance(server_sessions())); break;
    case FALLS:     server_set_down(*is_down = !*is_down); break;
    default:        break;
    }
    arena_trim();
}


/* Several things may happen in one iteration of a loop. */
static bool
step(bool *is_down)
{
    enum deed e = pick(*is_down);

    if (e == EVENTS)
        return false;
    if (++steps > STEPS_MAX)
        broken("it never ends");
    happen(e, is_down);
    if (one_in(2))
        host_posts();

    return true;
}


/* Nobody waits any more, and nothing is under way: only timers of what is
 * owed nothing are left. */
static void
until_quiet(void)
{
    bool is_down = false;

    host_posts();
    while (clients_waiting() != 0 || server_able() != 0
           || host_readable() != 0 || host_jobs() != 0
           || shop->live != NULL || shop->count[COUNT_TX_OPEN] != 0)
    {
        if (!step(&is_down))
            broken("nothing happens any more");
        host_posts();
    }
}


/* Connections that were lost are made again, and statements that were slow are
 * given another chance. */
static void
until_well(void)
{
    bool     is_down = false;
    uint64_t end = host_now + WELL_MS;

    while (host_now < end && step(&is_down))
        host_posts();
    if (host_now < end)
        host_now = end;
}


/* --- a run --------------------------------------------------------------- */


static void *
shared(size_t size)
{
    static void *memory;

    if (memory == NULL)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || madvise(memory, size, MADV_DONTNEED) != 0)
        broken("there is no shared memory");

    return memory;
}


/* Few connections and little patience, so that they are fought for. */
static void
open_shop(void)
{
    static const char  secret[] = "0123456789abcdef0123456789abcdef";
    shop_conf_t        conf = SHOP_CONF_INIT;

    conf.database = "host=/nowhere";
    conf.cursor_secret[0] = (shop_str_t) { secret, 32 };
    conf.worker = 1;                    /* which does not poll               */
    conf.workers = 2;
    conf.shm_size = shop_shm_min(2);
    conf.shm = shared(conf.shm_size);
    conf.shm_fresh = 1;
    conf.tx_connections = 1 + chance(3);
    conf.tx_queue = 1 + chance(8);
    conf.read_connections = 1 + chance(2);
    conf.max_coroutines = 8 + chance(8);
    if (shop_open(&shop, &conf, &host_ops, NULL) != SHOP_OK)
        broken("the shop does not open");
    cache_lease_set(&shop->cache, UINT64_MAX);
}


static void
run(void)
{
    bool is_down = false;

    state = seed;
    steps = 0;
    host_begin();
    server_begin();
    toy_begin();
    troubled = true;
    open_shop();
    clients_begin(shop);

    while (clients_want() && step(&is_down))
        continue;
    troubled = false;
    server_set_down(false);
    until_quiet();
    clients_judge();
    until_well();
    clients_probe(until_quiet);

    asked += shop->count[COUNT_REQUESTS];
    shop_close(shop);
    host_posts();
    server_end();
    host_end();
    arena_trim();
    memory_end();
    n_steps += steps;
}


static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


int
main(int argc, char **argv)
{
    unsigned long long first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    unsigned long long runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    double             limit = argc > 3 ? atof(argv[3]) : 1e9;
    double             began = seconds(), took;

    signal(SIGSEGV, crashed);
    signal(SIGBUS, crashed);
    signal(SIGABRT, crashed);
    shop_env.alloc = take;
    shop_env.resize = resize;
    shop_env.release = give;
    shop_env.now_us = now_us;
    shop_env.mono_us = mono_us;
    shop_env.random = random_bytes;

    for (seed = first; seed < first + runs
                       && seconds() - began < limit; seed++)
        run();
    took = seconds() - began;
    printf("%llu runs from seed %llu, each one order of things: %llu steps, "
           "each one thing that happens, and %llu requests; %.0f runs, that "
           "is %.0f steps, a second\n", seed - first, first, n_steps, asked,
           (double) (seed - first) / took, (double) n_steps / took);

    return 0;
}
