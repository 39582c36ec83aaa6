/*
 * shm_lock.h - a lock between processes that survives the death of its owner.
 *
 * The lock word is the owner: its process id and when it started, so that a
 * process id used again is not taken for the old one.  Who waits for long
 * looks whether the owner lives, and takes the lock from a dead one; only one
 * can, because the word changes by compare and swap and no two processes
 * share an identity.
 *
 * What is protected is marked while it is half written.  A lock taken from an
 * owner that died in mid-write says so, and what it protects must be mended
 * before it is used.
 */
#ifndef SHOP_SHM_LOCK_H
#define SHOP_SHM_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct shm_lock {
    _Atomic uint64_t  owner;            /* 0: free                           */
    _Atomic uint32_t  dirty;            /* its owner is writing              */
    uint32_t          stolen;           /* times taken from a dead process   */
};

enum shm_locked {
    SHM_BUSY,                           /* not locked: patience ran out      */
    SHM_LOCKED,
    SHM_BROKEN                          /* locked, and half written          */
};

#define SHM_FOR_EVER  UINT32_MAX

/* Who this process is: never 0; to be asked again after fork(). */
uint64_t shm_self(void);

/* False when that process has ended (a zombie has). */
bool shm_alive(uint64_t process);

enum shm_locked shm_lock_wait(struct shm_lock *l, uint64_t self,
                              uint32_t patience);


/* Not recursive.  `patience` is a number of looks: a short spin, then the
 * processor is yielded between them. */
static inline enum shm_locked
shm_lock(struct shm_lock *l, uint64_t self, uint32_t patience)
{
    uint64_t free = 0;

    /* Acquire: what the last owner wrote is seen. */
    if (atomic_compare_exchange_strong_explicit(&l->owner, &free, self,
                                                memory_order_acquire,
                                                memory_order_relaxed))
    {
        return SHM_LOCKED;
    }

    return shm_lock_wait(l, self, patience);
}


static inline void
shm_unlock(struct shm_lock *l)
{
    atomic_store_explicit(&l->owner, 0, memory_order_release);
}


/*
 * Around every change of what the lock protects.  The mark must be set by an
 * earlier instruction than the first change, and cleared by a later one than
 * the last: a killed process has executed its instructions up to some point
 * of the program, and all that it has stored is seen by who takes its lock.
 * So only the compiler has to keep the order, not the processor.
 */
static inline void
shm_write_begin(struct shm_lock *l)
{
    atomic_store_explicit(&l->dirty, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}


static inline void
shm_write_end(struct shm_lock *l)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&l->dirty, 0, memory_order_relaxed);
}

#endif
