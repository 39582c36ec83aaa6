/*
 * word.h - eight bytes of text at once.
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


/* The bytes before the first special one, 8 when there is none.  Exact, as a
 * borrow spills into later bytes only; of a machine that has the first byte
 * lowest, as all have that we build for. */
static inline unsigned
word_plain_bytes(uint64_t w)
{
    uint64_t special = ((w - WORD_EACH(0x20)) | w) & WORD_EACH(0x80);

    special |= word_zeros(w ^ WORD_EACH('"')) | word_zeros(w ^ WORD_EACH('\\'));
    return special == 0 ? 8 : (unsigned) __builtin_ctzll(special) / 8;
}


/* A control character of ASCII. */
static inline bool
word_has_control(uint64_t w)
{
    return ((((w - WORD_EACH(0x20)) & ~w) | word_zeros(w ^ WORD_EACH(0x7f)))
            & WORD_EACH(0x80)) != 0;
}


/* The high bit of every byte of 0xf8 or more, which no UTF-8 has: five bits in
 * a row. */
static inline uint64_t
word_stand_ins(uint64_t w)
{
    return w & w << 1 & w << 2 & w << 3 & w << 4 & WORD_EACH(0x80);
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

#endif
