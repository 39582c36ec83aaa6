/*
 * utf8.c - is it UTF-8, how many characters, and its normal form.
 *
 * What this file lets through is what the rest of the library trusts.
 * Return codes; nothing here leaves by fail().
 */
#include "core/text.h"

#include <utf8proc.h>

#include "core/banned.h"
#include "core/word.h"

/* Unicode's Stream-Safe Text Format (UAX 15): more marks in a row than this
 * occur in no language, and ordering them costs their square. */
#define MARKS_MAX   30


/* A continuation byte, 0x80 to 0xbf.  char may be signed, so callers hand over
 * unsigned bytes. */
static bool
is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}


/* Overlong forms, surrogates and what lies above U+10FFFF are refused by the
 * second byte.  NUL is none, though one byte: our texts end with it in
 * PostgreSQL and in C. */
size_t
utf8_character(const char *text, size_t n)
{
    const unsigned char  *p = (const unsigned char *) text;
    unsigned char         c = p[0];

    if (c < 0x80)
        return c != 0;
    if (c < 0xc2 || c > 0xf4 || n < 2 || !is_tail(p[1]))
        return 0;
    if (c < 0xe0)
        return 2;
    if (n < 3 || !is_tail(p[2]))
        return 0;
    if (c < 0xf0) {
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    if (n < 4 || !is_tail(p[3]))
        return 0;
    if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}


/* A word of ASCII without NUL counts eight; most of most texts.  The text is
 * looked at whole even when the caller only asks whether it is valid: both are
 * one pass. */
ssize_t
utf8_length(const char *text, size_t n)
{
    size_t    i = 0, len;
    ssize_t   count = 0;
    uint64_t  w;

    while (i < n) {
        if (n - i >= 8) {
            w = word_load(text + i);
            if (word_is_ascii(w) && word_zeros(w) == 0) {
                i += 8;
                count += 8;
                continue;
            }
        }
        len = utf8_character(text + i, n - i);
        if (len == 0)
            return -1;
        i += len;
        count++;
    }
    return count;
}


/* Nothing below U+0300 changes in NFC, nor joins with what stands before;
 * the lead bytes of U+0300 and above are 0xcc and above. */
static bool
surely_normal(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n) {
        if (n - i >= 8 && word_is_ascii(word_load(text + i)))
            i += 8;
        else if ((unsigned char) text[i++] >= 0xcc)
            return false;
    }
    return true;
}


/* A character that does not start a new one is a mark here.  False for what is
 * not UTF-8 as well. */
bool
utf8_stream_safe(const char *text, size_t n)
{
    const utf8proc_uint8_t  *p = (const utf8proc_uint8_t *) text;
    utf8proc_int32_t         c;
    utf8proc_ssize_t         len;
    unsigned                 marks = 0;

    if (surely_normal(text, n))
        return true;
    for (size_t i = 0; i < n; i += (size_t) len) {
        len = utf8proc_iterate(p + i, (utf8proc_ssize_t) (n - i), &c);
        if (len <= 0)
            return false;
        if (utf8proc_get_property(c)->combining_class == 0)
            marks = 0;
        else if (++marks > MARKS_MAX)
            return false;
    }
    return true;
}


/* What is not UTF-8 or not stream-safe comes back as it is: value_text() has
 * refused it before.  NULL is lack of memory only, and the text itself is not
 * a copy. */
const char *
text_nfc(struct arena *a, const char *text, size_t n)
{
    const int          how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_int32_t  *wide;
    utf8proc_ssize_t   len;

    if (surely_normal(text, n) || !utf8_stream_safe(text, n))
        return text;

    /* A character decomposes into at most four, and each takes four bytes
     * while it is being worked on, in place. */
    if (n > SIZE_MAX / 32)
        return NULL;
    wide = arena_alloc(a, (n * 4 + 1) * sizeof(*wide));
    if (wide == NULL)
        return NULL;
    len = utf8proc_decompose((const utf8proc_uint8_t *) text,
                             (utf8proc_ssize_t) n, wide,
                             (utf8proc_ssize_t) n * 4, how);
    if (len < 0 || len > (utf8proc_ssize_t) n * 4)
        return text;
    len = utf8proc_reencode(wide, len, how);
    return len < 0 ? text : (const char *) wide;
}
