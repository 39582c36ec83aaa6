/*
 * word.h - eight bytes of text at once, or sixteen.
 *
 * Most text is ASCII without anything to escape; looking at a word instead
 * of a byte is what makes reading and writing it cheap.  The tests may say
 * "special" for a word that is not (a borrow spills into its neighbour),
 * never the reverse; callers look at the bytes then.
 */
#ifndef SHOP_WORD_H
#define SHOP_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_EACH(byte)  (0x0101010101010101ull * (byte))
#define BLOCK            16

/* What is said of a block is said of each byte: comparisons give 0xff or 0. */
typedef unsigned char block __attribute__((vector_size(BLOCK)));


static inline uint64_t
word_load(const char *p)
{
    uint64_t  w;

    memcpy(&w, p, sizeof(w));
    return w;
}


/* The high bit of every byte that is 0. */
static inline uint64_t
word_zeros(uint64_t w)
{
    return (w - WORD_EACH(1)) & ~w & WORD_EACH(0x80);
}


/* No quote, no backslash, nothing below 0x20: as it stands in JSON. */
static inline bool
word_is_plain(uint64_t w)
{
    return (((w - WORD_EACH(0x20)) & ~w & WORD_EACH(0x80))
            | word_zeros(w ^ WORD_EACH('"'))
            | word_zeros(w ^ WORD_EACH('\\'))) == 0;
}


/* The high bit of the first special byte, and of others behind it: a borrow
 * spills into later bytes only.  0: there is none, and no byte beyond ASCII. */
static inline uint64_t
word_special(uint64_t w)
{
    return (((w - WORD_EACH(0x20)) | w) & WORD_EACH(0x80))
           | word_zeros(w ^ WORD_EACH('"')) | word_zeros(w ^ WORD_EACH('\\'));
}


/* The bytes before the first that has its high bit set; of a machine that has
 * the first byte lowest, as all have that we build for. */
static inline unsigned
word_first(uint64_t high)
{
    return (unsigned) __builtin_ctzll(high) / 8;
}


static inline bool
word_is_ascii(uint64_t w)
{
    return (w & WORD_EACH(0x80)) == 0;
}


/* How many bytes are 10xxxxxx, which begin no character of UTF-8.  Exact: the
 * product adds up eight bytes of 0 or 1 in its highest. */
static inline unsigned
word_inner_bytes(uint64_t w)
{
    return (unsigned) ((((w >> 7) & ~(w >> 6) & WORD_EACH(1))
                        * WORD_EACH(1)) >> 56);
}


static inline block
block_load(const char *p)
{
    block  b;

    memcpy(&b, p, sizeof(b));
    return b;
}


/* The last n bytes, fewer than a block; blanks are behind them. */
static inline block
block_load_rest(const char *p, size_t n)
{
    block  b = (block) { 0 } + ' ';

    memcpy(&b, p, n);
    return b;
}


static inline bool
block_has(block is)
{
    uint64_t  half[2];

    memcpy(half, &is, sizeof(half));
    return (half[0] | half[1]) != 0;
}

#endif
