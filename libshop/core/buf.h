/*
 * buf.h - text that grows on an arena, and the JSON writer on top of it.
 *
 * Append-only.  When memory is short the buffer becomes `failed` and further
 * appends do nothing: check once, at the end.
 */
#ifndef SHOP_BUF_H
#define SHOP_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "core/value.h"

struct buf {
    struct arena  *arena;
    char          *data;
    size_t         len;
    size_t         size;
    bool           failed;
};

void buf_init(struct buf *b, struct arena *a, size_t size);
bool buf_more(struct buf *b, size_t n);         /* only for buf_room()       */
void buf_str(struct buf *b, const char *text);
void buf_int(struct buf *b, int64_t v);
void buf_format(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


/* Make room for n more: true promises that n bytes may be written at
 * data + len without another look.  These three are all over an answer, and
 * nearly always find the room there: they are expanded where they stand. */
static inline bool
buf_room(struct buf *b, size_t n)
{
    return (!b->failed && b->size - b->len >= n) || buf_more(b, n);
}


/* n of 0 is asked first: a buffer that took nothing yet has no data, and
 * memcpy() may not be given NULL even for no bytes. */
static inline void
buf_add(struct buf *b, const char *text, size_t n)
{
    if (n == 0 || !buf_room(b, n))
        return;
    memcpy(b->data + b->len, text, n);
    b->len += n;
}


/* Also how a text gets its NUL, which then counts in `len`. */
static inline void
buf_char(struct buf *b, char c)
{
    if (buf_room(b, 1))
        b->data[b->len++] = c;
}


/* JSON: the caller writes the commas and braces. */
void json_text(struct buf *b, const char *text, size_t n);  /* quoted        */
void json_key(struct buf *b, const char *name, bool *first); /* ,"name":     */
void json_uuid(struct buf *b, const char *prefix, uuid id); /* "prod_01..."  */
void json_stamp(struct buf *b, stamp at);       /* "2026-..T..:..:..ffffffZ" */
void json_money(struct buf *b, const struct money *m);

#endif
