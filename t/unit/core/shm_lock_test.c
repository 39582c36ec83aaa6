/*
 * shm_lock_test.c - the lock that outlives its owner.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/shm_lock.h"

#define PATIENCE  4096

struct shared {
    struct shm_lock  lock;
    uint64_t         count;
    uint64_t         started;
};


static int
map_up(void **state)
{
    *state = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return *state == MAP_FAILED ? -1 : 0;
}


static int
map_down(void **state)
{
    return munmap(*state, sizeof(struct shared));
}


/* Take the lock in a process that is then killed; a zombie when not reaped. */
static pid_t
die_with_lock(struct shared *sh, int dirty, int reap)
{
    siginfo_t  info;
    pid_t      pid = fork();

    if (pid == 0) {
        (void) shm_lock(&sh->lock, shm_self(), PATIENCE);
        if (dirty) {
            shm_write_begin(&sh->lock);
        }
        raise(SIGKILL);
    }

    waitid(P_PID, (id_t) pid, &info, WEXITED | (reap ? 0 : WNOWAIT));
    return pid;
}


static void
locks_once(void **state)
{
    struct shared *sh = *state;

    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_LOCKED);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_BUSY);
    shm_unlock(&sh->lock);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_LOCKED);
    assert_int_equal(sh->lock.stolen, 0);
}


static void
knows_the_dead(void **state)
{
    uint64_t   self = shm_self();
    siginfo_t  info;
    pid_t      pid;

    (void) state;
    assert_true(shm_alive(self));

    /* The same process id, started at another time, is another process. */
    assert_false(shm_alive(self ^ 1));

    pid = fork();
    if (pid == 0) {
        _exit(0);
    }

    waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT);
    assert_false(shm_alive((uint64_t) pid << 32 | 1));
    waitpid(pid, NULL, 0);
    assert_false(shm_alive((uint64_t) pid << 32));
}


static void
is_taken_from_the_dead(void **state)
{
    struct shared *sh = *state;

    (void) die_with_lock(sh, 0, 1);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_LOCKED);
    assert_int_equal(sh->lock.stolen, 1);
    shm_unlock(&sh->lock);
}


static void
says_that_a_write_was_cut_short(void **state)
{
    struct shared *sh = *state;

    waitpid(die_with_lock(sh, 1, 0), NULL, 0);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_BROKEN);

    /* Who dies while mending leaves it broken. */
    shm_unlock(&sh->lock);
    (void) die_with_lock(sh, 0, 1);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_BROKEN);

    shm_write_end(&sh->lock);
    shm_unlock(&sh->lock);
    (void) die_with_lock(sh, 0, 1);
    assert_int_equal(shm_lock(&sh->lock, shm_self(), PATIENCE), SHM_LOCKED);
}


static void
count_for_a_while(struct shared *sh)
{
    uint64_t  self = shm_self();
    int       i;

    for (i = 0; i < 100000; i++) {
        if (shm_lock(&sh->lock, self, SHM_FOR_EVER) != SHM_LOCKED) {
            _exit(1);
        }

        sh->count = sh->count + 1;
        shm_unlock(&sh->lock);
    }

    _exit(0);
}


static void
keeps_others_out(void **state)
{
    struct shared  *sh = *state;
    int             i, status;

    for (i = 0; i < 4; i++) {
        if (fork() == 0) {
            count_for_a_while(sh);
        }
    }

    for (i = 0; i < 4; i++) {
        wait(&status);
        assert_int_equal(status, 0);
    }

    assert_int_equal(sh->count, 400000);
}


int core_shm_lock_tests(void);


int
core_shm_lock_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(locks_once, map_up, map_down),
        cmocka_unit_test(knows_the_dead),
        cmocka_unit_test_setup_teardown(is_taken_from_the_dead,
                                        map_up, map_down),
        cmocka_unit_test_setup_teardown(says_that_a_write_was_cut_short,
                                        map_up, map_down),
        cmocka_unit_test_setup_teardown(keeps_others_out, map_up, map_down)
    };

    return cmocka_run_group_tests_name("core/shm_lock", tests, NULL, NULL);
}
