/*
 * frame.c - where messages end, in the protocols that faultproxy knows.
 *
 * A function a protocol: it says how long the first message is, keeps what it
 * must remember in the talk, and labels what it found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "t/tools/proxy/proxy.h"

#define PG_SSL     80877103
#define PG_GSS     80877104
#define PG_CANCEL  80877102


static void
label(struct talk *t, const char *what, const char *of, size_t n)
{
    size_t at = (size_t) snprintf(t->label, sizeof(t->label), "%s", what);

    if (n != 0 && at + 2 < sizeof(t->label))
        snprintf(t->label + at, sizeof(t->label) - at, ":%.*s", (int) n, of);
}


static size_t
all_of_it(struct talk *t, enum way_of way, const char *data, size_t n)
{
    (void) way;
    (void) data;
    label(t, "bytes", "", 0);

    return n;
}


/* --- PostgreSQL ---------------------------------------------------------- */


static size_t
be32(const char *p)
{
    const unsigned char *u = (const unsigned char *) p;

    return (size_t) u[0] << 24 | (size_t) u[1] << 16 | (size_t) u[2] << 8
           | u[3];
}


/* The client's name for itself is among the pairs of texts. */
static void
pg_name(struct talk *t, const char *data, size_t n)
{
    const char *at = data + 8, *end = data + n;

    while (at < end && *at != '\0') {
        const char *value = at + strnlen(at, (size_t) (end - at)) + 1;

        if (value >= end)
            return;
        if (strcmp(at, "application_name") == 0)
            snprintf(t->name, sizeof(t->name), "%.*s", (int) (end - value),
                     value);
        at = value + strnlen(value, (size_t) (end - value)) + 1;
    }
}


/* Packets before the first message have no type. */
static size_t
pg_first(struct talk *t, const char *data, size_t n)
{
    size_t  size, code;

    if (n < 8 || n < (size = be32(data)))
        return 0;

    code = be32(data + 4);
    if (code == PG_SSL || code == PG_GSS) {
        t->byte_due = true;
        label(t, "encrypt", "", 0);
    } else if (code == PG_CANCEL) {
        label(t, "cancel", "", 0);
    } else {
        t->started = true;
        pg_name(t, data, size);
        label(t, "startup", "", 0);
    }

    return size < 8 ? 8 : size;
}


/* Statements by their names; what was done by its tag. */
static void
pg_label(struct talk *t, enum way_of way, const char *data, size_t size)
{
    char        type[2] = { data[0], '\0' };
    const char *text = data + 5, *end = data + size;

    if (way == THERE && data[0] == 'B')
        text += strnlen(text, (size_t) (end - text)) + 1;
    if (text < end && strchr(way == THERE ? "PB" : "C", data[0]) != NULL)
        label(t, type, text, strnlen(text, (size_t) (end - text)));
    else
        label(t, type, "", 0);
}


static size_t
pg(struct talk *t, enum way_of way, const char *data, size_t n)
{
    size_t size;

    if (t->opaque)
        return all_of_it(t, way, data, n);
    if (way == THERE && !t->started)
        return n == 0 ? 0 : pg_first(t, data, n);

    if (way == BACK && t->byte_due && n > 0) {
        t->byte_due = false;
        t->opaque = data[0] != 'N';
        label(t, "encrypted", data, 1);
        return 1;
    }
    if (n < 5 || n < (size = 1 + be32(data + 1)))
        return 0;
    pg_label(t, way, data, size);

    return size;
}


/* --- memcached ----------------------------------------------------------- */


/* Which word of the line says how much data follows it, counted from 0; 0
 * where none does. */
static const struct {
    const char  *word;
    enum way_of  way;
    int          size_at;
} with_data[] = {
    { "set", THERE, 4 }, { "add", THERE, 4 }, { "replace", THERE, 4 },
    { "append", THERE, 4 }, { "prepend", THERE, 4 }, { "cas", THERE, 4 },
    { "ms", THERE, 2 }, { "VALUE", BACK, 3 }, { "VA", BACK, 1 },
};


static int
size_word(enum way_of way, const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof(with_data) / sizeof(with_data[0]); i++) {
        if (with_data[i].way == way && strlen(with_data[i].word) == n
            && memcmp(with_data[i].word, word, n) == 0)
            return with_data[i].size_at;
    }

    return 0;
}


/* A line, and the data that it announces. */
static size_t
memcached(struct talk *t, enum way_of way, const char *data, size_t n)
{
    const char *end = memchr(data, '\n', n), *at = data;
    size_t      word = strcspn(data, " \r\n"), line;
    int         size_at;

    if (end == NULL)
        return 0;
    line = (size_t) (end - data) + 1;
    size_at = size_word(way, data, word);
    label(t, "", data, word);
    if (size_at == 0)
        return line;

    while (size_at-- > 0 && at < end) {
        at += strcspn(at, " \n");
        at += strspn(at, " ");
    }
    line += strtoul(at, NULL, 10) + 2;

    return n < line ? 0 : line;
}


/* --- HTTP ---------------------------------------------------------------- */


/* The value of a header, or NULL; names are found in any case. */
static const char *
header_value(const char *head, size_t n, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = head; at < head + n; ) {
        const char *eol = memchr(at, '\n', (size_t) (head + n - at));

        if (eol == NULL)
            return NULL;
        if ((size_t) (eol - at) > len && at[len] == ':'
            && strncasecmp(at, name, len) == 0)
            return at + len + 1 + strspn(at + len + 1, " \t");
        at = eol + 1;
    }

    return NULL;
}


static bool
answer_has_body(struct talk *t, const char *head)
{
    int   status = atoi(head + 9);
    bool  head_only = t->heads[t->answered % HEADS_MAX];

    if (status >= 100 && status < 200)
        return false;
    t->answered++;

    return !head_only && status != 204 && status != 304;
}


static void
body_begin(struct talk *t, enum way_of way, const char *head, size_t n)
{
    const char *length = header_value(head, n, "Content-Length");
    const char *coding = header_value(head, n, "Transfer-Encoding");
    bool        none = false;

    if (way == THERE)
        t->heads[t->asked++ % HEADS_MAX] = strncmp(head, "HEAD ", 5) == 0;
    else
        none = !answer_has_body(t, head);

    t->body[way].left = length == NULL ? 0 : strtoul(length, NULL, 10);
    if (none)
        t->body[way].kind = NO_BODY;
    else if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0)
        t->body[way].kind = CHUNKED;
    else if (length != NULL)
        t->body[way].kind = t->body[way].left == 0 ? NO_BODY : SIZED;
    else
        t->body[way].kind = way == THERE ? NO_BODY : TO_THE_END;
}


/* The last one has no data, but perhaps trailers. */
static size_t
chunk(struct talk *t, enum way_of way, const char *data, size_t n)
{
    const char *eol = memchr(data, '\n', n);
    size_t      size = strtoul(data, NULL, 16), whole;

    if (eol == NULL)
        return 0;
    label(t, "chunk", "", 0);
    whole = (size_t) (eol - data) + 1 + size + 2;
    if (size == 0) {
        const char *end = memmem(eol - 1, n - (size_t) (eol - 1 - data),
                                 "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        t->body[way].kind = NO_BODY;
        whole = (size_t) (end - data) + 4;
    }

    return n < whole ? 0 : whole;
}


/* A head is a message, a body another, each of its chunks as well. */
static size_t
http(struct talk *t, enum way_of way, const char *data, size_t n)
{
    const char *end;
    size_t      left = t->body[way].left;

    switch (t->body[way].kind) {
    case TO_THE_END:
        return all_of_it(t, way, data, n);
    case CHUNKED:
        return chunk(t, way, data, n);
    case SIZED:
        if (n < left)
            return 0;
        t->body[way].kind = NO_BODY;
        label(t, "body", "", 0);
        return left;
    case NO_BODY:
        break;
    }
    end = memmem(data, n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    body_begin(t, way, data, (size_t) (end - data) + 2);
    label(t, "head", data, strcspn(data, "\r\n"));

    return (size_t) (end - data) + 4;
}


frame_pt
frame_of(const char *protocol)
{
    static const struct { const char *name; frame_pt frame; } known[] = {
        { "pg", pg }, { "memcached", memcached }, { "http", http },
        { "none", all_of_it },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, protocol) == 0)
            return known[i].frame;
    }

    return NULL;
}
