/*
 * shm_lock.c - waiting for a lock between processes, and taking it from the
 * dead.
 *
 * Return codes, see the header; nothing here blocks in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/banned.h"
#include "core/shm_lock.h"

/* Locks are held for less than a microsecond, so a spin is nearly always
 * enough.  The kernel is asked late, as that costs several system calls, but
 * before the patience of the cache runs out. */
#define SPINS        128        /* looks before the processor is yielded     */
#define ALIVE_FIRST  144        /* look at which the kernel is asked ...     */
#define ALIVE_EVERY  256        /* ... and every so many from there          */


/* Tells the processor that this is a spin: the sibling thread, which may be
 * the lock's owner, gets the core's resources. */
static inline void
relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile ("yield");
#endif
}


/* State and start time (in ticks since boot) from /proc; false when it cannot
 * be read.  The name in parentheses may hold anything, also ") R". */
static bool
process_stat(pid_t pid, char *state, uint32_t *start)
{
    char     path[32], text[1024];
    char    *p, *save = NULL;
    int      fd, field;
    ssize_t  n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return false;
    }

    n = read(fd, text, sizeof(text) - 1);
    close(fd);

    if (n <= 0) {
        return false;
    }

    text[n] = '\0';
    p = strrchr(text, ')');
    p = p ? strtok_r(p + 1, " ", &save) : NULL;

    if (p == NULL) {
        return false;
    }

    *state = *p;

    for (field = 3; field < 22 && p != NULL; field++) {
        p = strtok_r(NULL, " ", &save);
    }

    *start = p ? (uint32_t) strtoull(p, NULL, 10) : 0;
    return p != NULL;
}


/* The start time is what makes it safe: pids are used again, and a lock whose
 * dead owner's pid a stranger now has would never be given up. */
uint64_t
shm_self(void)
{
    pid_t     pid = getpid();
    char      state;
    uint32_t  start;

    /* Without /proc the process id alone must do. */
    if (!process_stat(pid, &state, &start)) {
        start = 0;
    }

    return (uint64_t) pid << 32 | start;
}


/* In doubt, alive: a lock taken from a living owner corrupts, one left with a
 * dead owner only costs time. So a process that may not be signalled (EPERM)
 * counts, and so does one that /proc does not show. */
bool
shm_alive(uint64_t process)
{
    pid_t     pid = (pid_t) (process >> 32);
    char      state;
    uint32_t  start;

    if (kill(pid, 0) == -1 && errno == ESRCH) {
        return false;
    }

    if ((uint32_t) process == 0 || !process_stat(pid, &state, &start)) {
        return true;
    }

    return state != 'Z' && state != 'X' && start == (uint32_t) process;
}


/* The owner's word is swapped for ours: of all that find it dead one wins,
 * and a word that has moved on meanwhile is nobody's to take. */
static bool
take_from_dead(struct shm_lock *l, uint64_t owner, uint64_t self)
{
    if (shm_alive(owner)
        || !atomic_compare_exchange_strong_explicit(&l->owner, &owner, self,
                                                    memory_order_acq_rel,
                                                    memory_order_relaxed))
    {
        return false;
    }

    /* A plain increment will do: the lock is ours by now. */
    l->stolen++;
    return true;
}


/* The slow half of shm_lock(). It looks with a plain load before it swaps, so
 * that waiters share the line instead of tearing it from the owner. After
 * SHM_BROKEN the mark is still set: the caller mends, then clears it. */
enum shm_locked
shm_lock_wait(struct shm_lock *l, uint64_t self, uint32_t patience)
{
    uint64_t  owner;
    uint32_t  n;

    for (n = 0; n < patience || patience == SHM_FOR_EVER; n++) {
        owner = atomic_load_explicit(&l->owner, memory_order_relaxed);

        if (owner == 0) {
            if (atomic_compare_exchange_strong_explicit(&l->owner, &owner,
                    self, memory_order_acquire, memory_order_relaxed))
            {
                return SHM_LOCKED;
            }

        } else if (n % ALIVE_EVERY == ALIVE_FIRST
                   && take_from_dead(l, owner, self))
        {
            return atomic_load_explicit(&l->dirty, memory_order_relaxed)
                   ? SHM_BROKEN : SHM_LOCKED;
        }

        if (n < SPINS) {
            relax();
        } else {
            sched_yield();
        }
    }

    return SHM_BUSY;
}
