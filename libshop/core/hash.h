/*
 * hash.h - a fast 128-bit hash of short texts, keyed.
 *
 * For tables in memory, not for signatures: who does not know the seed cannot
 * aim at a bucket, and that is all that is promised.  Callers that must be
 * right compare the whole text.
 */
#ifndef SHOP_HASH_H
#define SHOP_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
    uint64_t  word[4];
};

/* The seed of what must hash alike in every process and release. */
extern const struct hash_seed hash_fixed;

void hash128(const struct hash_seed *seed, const void *data, size_t len,
             uint64_t out[2]);

#endif
