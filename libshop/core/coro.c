/*
 * coro.c - coroutines: guarded stacks, a pool, and two ways to switch.
 *
 * The switch in assembly (coro_switch.S) saves the callee-saved registers
 * and swaps stack pointers: 21 ns a pair where ucontext, which makes two
 * system calls, takes 2,476 ns.  Each use of a stack begins at its top again,
 * so a coroutine that is abandoned in the middle leaves nothing behind.
 *
 * Return codes: NULL when stacks are used up or memory is short.
 */
#include "core/coro.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "core/env.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !SHOP_CORO_ASM
#include <ucontext.h>
#endif

#define PAINT  0xa5

struct coro {
#if SHOP_CORO_ASM
    void              *sp;              /* saved stack pointer               */
#else
    ucontext_t         own;
    ucontext_t         loop;
#endif
    struct coro_pool  *pool;
    struct coro       *next;            /* on the spare list                 */
    char              *base;            /* lowest usable byte                */
    void             (*fn)(void *);
    void              *arg;
    bool               ended;
};

static struct coro *current;

#if SHOP_CORO_ASM
static void *loop_sp;

/* coro_switch.S: save into *from, continue at `to`. */
void shop_coro_switch(void **from, void *to);
void shop_coro_entry(void);
#endif

#if defined(__SANITIZE_ADDRESS__)
static const void *loop_bottom;         /* the loop's stack, as ASan saw it  */
static size_t      loop_size;
#endif


static void
switch_in(struct coro *co)
{
#if defined(__SANITIZE_ADDRESS__)
    void *fake;

    __sanitizer_start_switch_fiber(&fake, co->base, co->pool->stack_size);
#endif
#if SHOP_CORO_ASM
    shop_coro_switch(&loop_sp, co->sp);
#else
    swapcontext(&co->loop, &co->own);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}


static void
switch_out(struct coro *co)
{
#if defined(__SANITIZE_ADDRESS__)
    void *fake;

    __sanitizer_start_switch_fiber(&fake, loop_bottom, loop_size);
#endif
#if SHOP_CORO_ASM
    shop_coro_switch(&co->sp, loop_sp);
#else
    swapcontext(&co->own, &co->loop);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, &loop_bottom, &loop_size);
#endif
}


/* The first function on every stack. */
__attribute__((noreturn)) void shop_coro_main(void);


void
shop_coro_main(void)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(NULL, &loop_bottom, &loop_size);
#endif
    current->fn(current->arg);
    current->ended = true;
    switch_out(current);

    __builtin_unreachable();
}


/* Set the stack up as if it had just been left, about to enter
 * shop_coro_main(): at function entry rsp is 8 modulo 16. */
static void
stack_reset(struct coro *co)
{
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(co->base, co->pool->stack_size);
#endif
#if SHOP_CORO_ASM
    void **top = (void **) (void *) (co->base + co->pool->stack_size);

#if defined(__x86_64__)
    *--top = NULL;                      /* return address of the outermost   */
    *--top = NULL;
    *--top = (void *) shop_coro_entry;
    top -= 6;                           /* rbp rbx r12 r13 r14 r15           */
#else
    top -= 20;                          /* x19-x30, d8-d15                   */
    top[11] = (void *) shop_coro_entry; /* x30                               */
#endif
    co->sp = top;
#else
    getcontext(&co->own);
    co->own.uc_stack.ss_sp = co->base;
    co->own.uc_stack.ss_size = co->pool->stack_size;
    co->own.uc_link = NULL;
    makecontext(&co->own, (void (*)(void)) shop_coro_main, 0);
#endif
}


static struct coro *
stack_map(struct coro_pool *pool)
{
    size_t        page = (size_t) sysconf(_SC_PAGESIZE);
    struct coro  *co = shop_env.alloc(sizeof(struct coro));
    char         *map;

    if (co == NULL)
        return NULL;

    map = mmap(NULL, page + pool->stack_size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED || mprotect(map, page, PROT_NONE) != 0) {
        if (map != MAP_FAILED)
            munmap(map, page + pool->stack_size);
        shop_env.release(co);
        return NULL;
    }

    memset(co, 0, sizeof(*co));
    co->pool = pool;
    co->base = map + page;
#ifdef SHOP_CORO_PAINT
    memset(co->base, PAINT, pool->stack_size);
#endif
    pool->made++;

    return co;
}


void
coro_pool_init(struct coro_pool *pool, unsigned max, size_t stack_size)
{
    memset(pool, 0, sizeof(*pool));
    pool->max = max;
    pool->stack_size = (stack_size + 4095) & ~(size_t) 4095;
#if defined(__SANITIZE_ADDRESS__)
    /* Redzones make frames several times as large. */
    if (pool->stack_size < 256 * 1024)
        pool->stack_size = 256 * 1024;
#endif
}


/* The shadow of what an abandoned coroutine left would outlast the mapping. */
static void
stack_unmap(struct coro *co)
{
    size_t             page = (size_t) sysconf(_SC_PAGESIZE);
    struct coro_pool  *pool = co->pool;

#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(co->base, pool->stack_size);
#endif
    munmap(co->base - page, page + pool->stack_size);
    shop_env.release(co);
    pool->made--;
}


/* All of a list but the first of it. */
static void
spares_unmap(struct coro_pool *pool, unsigned keep)
{
    struct coro **at = &pool->spare;
    struct coro  *co;

    for (unsigned i = 0; i < keep; i++)
        at = &(*at)->next;
    while ((co = *at) != NULL) {
        *at = co->next;
        stack_unmap(co);
    }
    pool->spares = pool->unused = keep;
}


void
coro_pool_done(struct coro_pool *pool)
{
    spares_unmap(pool, 0);
}


/* The ones used last come first, so what is cold stands behind. */
bool
coro_pool_trim(struct coro_pool *pool, unsigned keep)
{
    unsigned needed = pool->spares - pool->unused;

    if (pool->spares > keep)
        spares_unmap(pool, needed > keep ? needed : keep);
    else
        pool->unused = pool->spares;

    return pool->spares > keep;
}


struct coro *
coro_make(struct coro_pool *pool, void (*fn)(void *), void *arg)
{
    struct coro *co = pool->spare;

    if (co != NULL) {
        pool->spare = co->next;
        pool->spares--;
        if (pool->spares < pool->unused)
            pool->unused = pool->spares;
    } else if (pool->live >= pool->max || (co = stack_map(pool)) == NULL) {
        return NULL;
    }

    co->fn = fn;
    co->arg = arg;
    co->ended = false;
    stack_reset(co);

    if (++pool->live > pool->peak)
        pool->peak = pool->live;

    return co;
}


void
coro_abandon(struct coro *co)
{
    struct coro_pool *pool = co->pool;

    co->next = pool->spare;
    pool->spare = co;
    pool->spares++;
    pool->live--;
}


int
coro_resume(struct coro *co)
{
    assert(current == NULL);    /* only the loop's stack resumes */

    current = co;
    switch_in(co);
    current = NULL;

    if (!co->ended)
        return 1;

    coro_abandon(co);
    return 0;
}


void
coro_yield(void)
{
    switch_out(current);
}


struct coro *
coro_self(void)
{
    return current;
}


size_t
coro_high_water(const struct coro *co)
{
#ifdef SHOP_CORO_PAINT
    size_t untouched = 0;

    while (untouched < co->pool->stack_size
           && (unsigned char) co->base[untouched] == PAINT)
        untouched++;

    return co->pool->stack_size - untouched;
#else
    (void) co;
    return 0;
#endif
}
