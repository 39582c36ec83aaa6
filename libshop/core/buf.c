/*
 * buf.c - text that grows on an arena.
 *
 * Appending never reports: a buffer that ran out of memory is `failed`, keeps
 * what it has and ignores the rest, so that a writer of a hundred appends
 * checks once.  Return codes; nothing here leaves by fail().
 */
#include "core/buf.h"

#include <stdarg.h>

#include "core/banned.h"

#define BUF_MIN  256


/* A first size that fits saves the growing; 0 takes nothing yet.  Lack of
 * memory shows as `failed`, like that of every append. */
void
buf_init(struct buf *b, struct arena *a, size_t size)
{
    *b = (struct buf) { .arena = a };
    if (size > 0)
        buf_room(b, size);
}


/* Doubling keeps the cost of growth constant a byte; in the usual case the
 * buffer is the arena's last block and nothing is copied. */
static bool
buf_grow(struct buf *b, size_t n)
{
    size_t  size = b->size < BUF_MIN ? BUF_MIN : b->size;
    char   *data;

    while (size - b->len < n) {
        if (size > SIZE_MAX / 2)
            return false;
        size *= 2;
    }
    data = b->data == NULL ? arena_alloc(b->arena, size)
                           : arena_grow(b->arena, b->data, b->size, size);
    if (data == NULL)
        return false;
    b->data = data;
    b->size = size;
    return true;
}


/* Everything that appends and finds no room comes through here, so this is
 * where a buffer fails, and where a failed one stays as it is. */
bool
buf_more(struct buf *b, size_t n)
{
    if (!b->failed && !buf_grow(b, n))
        b->failed = true;
    return !b->failed;
}


/* Without the NUL: a buffer has a length, and who needs a C string adds its
 * end by buf_char(). */
void
buf_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}


/* By hand, as an answer is full of integers and snprintf() costs ten times as
 * much.  INT64_MIN has no positive: its digits are taken unsigned. */
void
buf_int(struct buf *b, int64_t v)
{
    char      digits[20];
    char     *at = digits + sizeof(digits);
    uint64_t  rest = v < 0 ? 0 - (uint64_t) v : (uint64_t) v;

    do {
        *--at = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);

    if (v < 0)
        *--at = '-';        /* 19 digits and a sign at most */
    buf_add(b, at, (size_t) (digits + sizeof(digits) - at));
}


/* Tried in the room there is; printed again when that was too little.  For
 * what is rare: answers are written by the functions above, which do not parse
 * a format. */
void
buf_format(struct buf *b, const char *format, ...)
{
    va_list  args;
    int      n;

    if (!buf_room(b, 128))
        return;
    va_start(args, format);
    n = vsnprintf(b->data + b->len, b->size - b->len, format, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }

    if ((size_t) n >= b->size - b->len) {
        if (!buf_room(b, (size_t) n + 1))
            return;
        va_start(args, format);
        vsnprintf(b->data + b->len, b->size - b->len, format, args);
        va_end(args);
    }
    b->len += (size_t) n;
}
