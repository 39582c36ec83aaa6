/*
 * hash.c - two lanes of multiply and fold over 16 bytes a step.
 *
 * The step is wyhash's: the full product of two words, its halves xored.
 * Each lane sees both words, so that the lanes differ wherever a product
 * happens to lose one.  Nothing here fails.
 */
#include <string.h>

#include "core/hash.h"

__extension__ typedef unsigned __int128 wide;

/* wyhash's constants. Other ones would give every tag another slot: builds
 * before and after such a change must not share a zone. */
const struct hash_seed hash_fixed = { {
    0xa0761d6478bd642full, 0xe7037ed1a0b428dbull,
    0x8ebc6af09c88c6e3ull, 0x589965cc75374cc3ull
} };


/* The full product keeps every input bit's influence on the result; the low
 * half alone would not see the high bits move down. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    wide product = (wide) a * b;

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


/* Not cryptographic: the seed keeps outsiders from choosing collisions, but
 * callers that must be sure compare the text as well. The words are read in
 * the machine's byte order, so the result is for its own memory. */
void
hash128(const struct hash_seed *seed, const void *data, size_t len,
        uint64_t out[2])
{
    const uint64_t *s = seed->word;
    const char     *p = data;
    uint64_t        x = s[0], y = s[1], w[2];
    size_t          left;

    for (left = len; left >= 16; left -= 16, p += 16) {
        memcpy(w, p, 16);
        x = fold(w[0] ^ s[2], w[1] ^ x);
        y = fold(w[1] ^ s[3], w[0] ^ y);
    }

    /* The rest is filled up with zeros; `len` tells "a" from "a\0". */
    w[0] = w[1] = 0;
    memcpy(w, p, left);
    x = fold(w[0] ^ s[2], w[1] ^ x);
    y = fold(w[1] ^ s[3], w[0] ^ y);

    out[0] = fold(x ^ s[1], y ^ s[2] ^ len);
    out[1] = fold(y ^ s[0], x ^ s[3] ^ len);
}
