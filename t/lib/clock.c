/*
 * clock.c - for LD_PRELOAD: the clock on the wall is off by the seconds that
 * the file $TEST_CLOCK holds; the monotonic one goes on as it does.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


/* Read each time: the test may turn it at any moment. */
static long
off(void)
{
    const char *path = getenv("TEST_CLOCK");
    FILE       *in = path == NULL ? NULL : fopen(path, "re");
    long        n = 0;

    if (in != NULL) {
        if (fscanf(in, "%ld", &n) != 1)
            n = 0;
        fclose(in);
    }

    return n;
}


int
clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int) syscall(SYS_clock_gettime, id, t);

    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += off();

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec t;

    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *out)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL)
        *out = t.tv_sec;

    return t.tv_sec;
}
