/*
 * uuid.c - ids: UUIDv7 inside, a prefix and 26 letters outside.
 *
 * The letters are TypeID's: Crockford's base 32 in lower case, 130 bits of
 * which the first two are zero.  One id has one spelling; capitals and the
 * letters that Crockford forgives are refused.
 * Return codes; nothing here leaves by fail().
 */
#include "core/text.h"

#include "core/banned.h"

static const char base32[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* The value of a letter plus one; 0 is none. */
static const uint8_t digits[256] = {
    ['0'] =  1, ['1'] =  2, ['2'] =  3, ['3'] =  4, ['4'] =  5, ['5'] =  6,
    ['6'] =  7, ['7'] =  8, ['8'] =  9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['g'] = 17, ['h'] = 18,
    ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30,
    ['y'] = 31, ['z'] = 32,
};


/* The value of a hexadecimal digit plus one; 0 is none.  Both cases: RFC 9562
 * has ids written in lower case but read in either. */
static const uint8_t hex_digits[256] = {
    ['0'] =  1, ['1'] =  2, ['2'] =  3, ['3'] =  4, ['4'] =  5, ['5'] =  6,
    ['6'] =  7, ['7'] =  8, ['8'] =  9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};


/* Hyphens where they belong; capitals as RFC 9562 allows.  *out is written on
 * success only: whether a digit was none is asked once, behind the last. */
bool
uuid_parse(uuid *out, const char *text, size_t n)
{
    static const uint8_t  at[16] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26,
                                     28, 30, 32, 34 };
    uuid                  id;
    unsigned              none = 0;

    if (n != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-'
        || text[23] != '-')
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned  high = hex_digits[(unsigned char) text[at[i]]];
        unsigned  low = hex_digits[(unsigned char) text[at[i] + 1]];

        none |= (high == 0) | (low == 0);
        id.b[i] = (uint8_t) ((high - 1) << 4 | (low - 1));
    }
    if (none != 0)
        return false;
    *out = id;
    return true;
}


/* Lower case, as RFC 9562 wants it written.  36 bytes and no NUL, so that it
 * can be written into the middle of a buffer. */
void
uuid_text(char out[36], uuid id)
{
    static const char  hex[] = "0123456789abcdef";
    char              *at = out;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[id.b[i] >> 4];
        *at++ = hex[id.b[i] & 15];
    }
}


/* 130 bits of letters for 128: the first letter is 0 to 7.  No NUL.  Letters
 * sort as the bits do, so ids as text keep the order of their making.  By
 * halves, as shifting 128 bits costs twice as much: 12 letters are the low 60
 * bits, one has its bits in both halves, and 63 bits are left for 13. */
void
uuid_base32(char out[26], uuid id)
{
    uint64_t  high = 0, low = 0;

    for (size_t i = 0; i < 8; i++) {
        high = high << 8 | id.b[i];
        low = low << 8 | id.b[8 + i];
    }
    for (size_t i = 26; i-- > 14; low >>= 5)
        out[i] = base32[low & 31];
    out[13] = base32[(high << 4 | low) & 31];
    high >>= 1;
    for (size_t i = 13; i-- > 0; high >>= 5)
        out[i] = base32[high & 31];
}


/* A first letter above 7 would not fit into 128 bits.  *out is written on
 * success only; 'i', 'l', 'o' and 'u' are not in the alphabet and refused. */
bool
uuid_from_base32(uuid *out, const char *text, size_t n)
{
    unsigned __int128  v = 0;
    uint8_t            digit;

    if (n != 26 || text[0] > '7')
        return false;
    for (size_t i = 0; i < 26; i++) {
        digit = digits[(unsigned char) text[i]];
        if (digit == 0)
            return false;
        v = v << 5 | (uint8_t) (digit - 1);
    }
    for (size_t i = 16; i-- > 0; v >>= 8)
        out->b[i] = (uint8_t) v;
    return true;
}


/* The prefix is part of the id: an order's id is no product's.  27 is the
 * underscore and 26 letters.  The length is compared first, so nothing is read
 * behind the text. */
bool
id_parse(uuid *out, const char *prefix, const char *text, size_t n)
{
    size_t  len = strlen(prefix);

    return n == len + 27
           && memcmp(text, prefix, len) == 0
           && text[len] == '_'
           && uuid_from_base32(out, text + len + 1, 26);
}


/* RFC 9562: 48 bits of milliseconds, version, 12 bits, variant, 62 bits.
 * The 12 bits are the fraction of the millisecond, so that ids made by one
 * process sort by their time to a quarter of a microsecond (method 3). */
uuid
uuid_v7(int64_t now_us, const uint8_t random[10])
{
    uint64_t  us = now_us < 0 ? 0 : (uint64_t) now_us;
    uint64_t  ms = us / 1000;
    unsigned  fraction = (unsigned) (us % 1000 * 4096 / 1000);
    uuid      id;

    for (size_t i = 0; i < 6; i++)
        id.b[i] = (uint8_t) (ms >> (40 - 8 * i));
    id.b[6] = (uint8_t) (0x70 | fraction >> 8);
    id.b[7] = (uint8_t) fraction;
    memcpy(id.b + 8, random, 8);
    id.b[8] = (uint8_t) (0x80 | (id.b[8] & 0x3f));
    return id;
}
