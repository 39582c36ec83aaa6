/*
 * env.c - the surroundings as they really are: libc, the clocks, OpenSSL.
 */
#include "core/env.h"
#include "core/crypto.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <time.h>


static int64_t
real_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}


static uint64_t
mono_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}


static int
random_bytes(void *buf, size_t n)
{
    return crypto_done(RAND_bytes(buf, (int) n) == 1) ? 0 : -1;
}


struct shop_env shop_env = {
    .alloc   = malloc,
    .resize  = realloc,
    .release = free,
    .now_us  = real_us,
    .mono_us = mono_us,
    .random  = random_bytes,
};
