/*
 * json.c - JSON out: texts, ids, times and money appended to a buffer.
 *
 * Texts come from PostgreSQL or were checked on their way in, so they are
 * UTF-8 already; only what JSON itself forbids is escaped.  A "none" is
 * written as null.  Return codes; nothing here leaves by fail().
 */
#include "core/buf.h"

#include "core/banned.h"
#include "core/text.h"
#include "core/word.h"

/* How a byte is escaped: 0 not at all, 'u' as \u00XX, else by that letter. */
static const char escapes[256] = {
    [0x00 ... 0x07] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
    [0x0b] = 'u', ['\f'] = 'f', ['\r'] = 'r', [0x0e ... 0x1f] = 'u',
    ['"'] = '"', ['\\'] = '\\',
};


/* How many bytes stand in JSON as they are.  A word may be called special by
 * mistake (word.h), so eight bytes are looked at one by one before the next is
 * tried. */
static size_t
plain_run(const char *text, size_t n)
{
    size_t  i = 0;

    for ( ;; ) {
        while (n - i >= 8 && word_is_plain(word_load(text + i)))
            i += 8;
        /* Not more than a word by bytes, then words again. */
        for (size_t end = n - i > 8 ? i + 8 : n; i < end; i++) {
            if (escapes[(unsigned char) text[i]] != 0)
                return i;
        }
        if (i == n)
            return n;
    }
}


/* Only C0 is written as \u00XX, so the first two digits are always 0; bytes
 * above are UTF-8 and stand as they are. */
static void
escape(struct buf *b, unsigned char c)
{
    static const char  hex[] = "0123456789abcdef";
    char               out[6] = { '\\', escapes[c], '0', '0',
                                  hex[c >> 4], hex[c & 15] };

    buf_add(b, out, out[1] == 'u' ? 6 : 2);
}


/* Room for the usual case, nothing to escape, is made at once; what an escape
 * adds is asked for as it comes.  NULL is null, whatever n is.  On lack of
 * memory the buffer is `failed` and holds a part, which nobody sends. */
void
json_text(struct buf *b, const char *text, size_t n)
{
    size_t  i, run;

    if (text == NULL) {
        buf_add(b, "null", 4);
        return;
    }
    if (n > SIZE_MAX - 2 || !buf_room(b, n + 2))
        return;
    b->data[b->len++] = '"';
    for (i = 0; i < n; i++) {
        run = plain_run(text + i, n - i);
        buf_add(b, text + i, run);
        i += run;
        if (i < n)
            escape(b, (unsigned char) text[i]);
    }
    buf_char(b, '"');
}


/* The names of members are ours (shape_check() holds them to a-z 0-9 _), so
 * they need no escaping. */
void
json_key(struct buf *b, const char *name, bool *first)
{
    size_t  n = strlen(name);
    char   *at;

    if (!buf_room(b, n + 4))
        return;
    at = b->data + b->len;
    if (!*first)
        *at++ = ',';
    *first = false;
    *at++ = '"';
    memcpy(at, name, n);
    at += n;
    *at++ = '"';
    *at++ = ':';
    b->len = (size_t) (at - b->data);
}


/* Written in place: an id is in every row of every answer. */
void
json_uuid(struct buf *b, const char *prefix, uuid id)
{
    static const uuid  none;
    size_t             n = prefix == NULL ? 0 : strlen(prefix);
    char              *at;

    if (memcmp(&id, &none, sizeof(id)) == 0) {
        buf_add(b, "null", 4);
        return;
    }
    if (!buf_room(b, n + 40))
        return;
    at = b->data + b->len;
    *at++ = '"';
    if (prefix == NULL) {
        uuid_text(at, id);
        at += 36;

    } else {
        memcpy(at, prefix, n);
        at += n;
        *at++ = '_';
        uuid_base32(at, id);
        at += 26;
    }
    *at++ = '"';
    b->len = (size_t) (at - b->data);
}


/* Quotes and the 27 bytes of stamp_text(), in place: every row has a time or
 * two.  INT64_MIN is STAMP_NONE. */
void
json_stamp(struct buf *b, stamp at)
{
    if (at.us == INT64_MIN) {
        buf_add(b, "null", 4);
        return;
    }
    if (!buf_room(b, 29))
        return;
    b->data[b->len] = '"';
    stamp_text(b->data + b->len + 1, at);
    b->data[b->len + 28] = '"';
    b->len += 29;
}


/* Both members or null: an amount without its currency says nothing. */
void
json_money(struct buf *b, const struct money *m)
{
    if (m->currency[0] == '\0') {
        buf_add(b, "null", 4);
        return;
    }
    buf_add(b, "{\"amount\":", 10);
    buf_int(b, m->amount);
    buf_add(b, ",\"currency\":\"", 13);
    buf_add(b, m->currency, strnlen(m->currency, sizeof(m->currency)));
    buf_add(b, "\"}", 2);
}
