/*
 * pg_array.c - PostgreSQL's text form of arrays of texts, in and out.
 *
 * One dimension, as our schema has them: {a,"b c",NULL}.  A NULL element is a
 * NULL text.  Return codes; nothing here leaves by fail().
 */
#include "core/text.h"

#include <strings.h>

#include "core/banned.h"

struct scan {
    const char  *at;
    const char  *end;
    char        *out;           /* where the next element's text goes        */
};


/* Takes it if it is there, else stays: the same call serves for what must be
 * there and for what may be. */
static bool
scan_char(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}


/* Behind the opening quote, up to and with the closing one.  What is written
 * is never longer than what was read, so `out` needs no bound of its own. */
static bool
scan_quoted(struct scan *s)
{
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\' && ++s->at == s->end)
            return false;
        *s->out++ = *s->at++;
    }
    return scan_char(s, '"');
}


/* Without quotes there is no comma, brace or quote, and something.  A brace
 * that opens would be an array within, which no column of ours has.  Every
 * row of a list has such an array, so what is plain is copied as a whole. */
static bool
scan_bare(struct scan *s)
{
    static const bool  stops[256] = {
        [','] = true, ['}'] = true, ['"'] = true, ['{'] = true,
        ['\\'] = true,
    };
    const char        *start = s->at, *at = start;

    for (;;) {
        const char  *from = at;

        while (at < s->end && !stops[(uint8_t) *at])
            at++;
        memcpy(s->out, from, (size_t) (at - from));
        s->out += at - from;
        if (at == s->end || *at == ',' || *at == '}')
            break;
        if (*at != '\\' || ++at == s->end)
            return false;       /* a second dimension, or half an escape */
        *s->out++ = *at++;
    }
    s->at = at;
    return at > start;
}


/* NULL without quotes is no text; with them it is one of four letters.  A text
 * is copied while it is read, as backslashes go away. */
static bool
scan_element(struct scan *s, const char **text)
{
    const char  *start = s->at;
    char        *out = s->out;
    bool         quoted = scan_char(s, '"');

    if (!(quoted ? scan_quoted(s) : scan_bare(s)))
        return false;
    *s->out++ = '\0';
    *text = out;
    if (!quoted && s->at - start == 4 && strncasecmp(start, "NULL", 4) == 0)
        *text = NULL;
    return true;
}


/* Never more elements than commas and one.  Commas within quotes count too: a
 * few pointers too many, but no second parse. */
static size_t
elements_at_most(const char *text, size_t n)
{
    const char  *end = text + n;
    size_t       count = 1;

    while ((text = memchr(text, ',', (size_t) (end - text))) != NULL) {
        text++;
        count++;
    }
    return count;
}


/* PostgreSQL wrote it, so anything unexpected is a wrong type of column and
 * refused whole.  *out is written on success only; what was taken from the
 * arena goes with the request. */
bool
pg_array_parse(struct arena *a, struct texts *out, const char *text, size_t n)
{
    struct scan    s = { .at = text, .end = text + n };
    struct texts   list = { 0 };

    if (!scan_char(&s, '{'))
        return false;
    if (scan_char(&s, '}')) {
        if (s.at != s.end)
            return false;
        *out = list;
        return true;
    }
    list.v = arena_alloc(a, elements_at_most(text, n) * sizeof(*list.v));
    /* Each element ends with a comma or brace, whose place its NUL takes. */
    s.out = arena_alloc(a, n + 1);
    if (list.v == NULL || s.out == NULL)
        return false;
    do {
        if (!scan_element(&s, &list.v[list.n++]))
            return false;
    } while (scan_char(&s, ','));

    if (!scan_char(&s, '}') || s.at != s.end)
        return false;
    *out = list;
    return true;
}


/* Always quoted: then nothing depends on what a bare element may hold.  At
 * most two bytes for one and two quotes: that is what pg_array_text() reckons
 * with. */
static char *
quote(char *at, const char *text)
{
    *at++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at++ = '"';
    return at;
}


/* The room for the worst case is known, so it is taken once. */
const char *
pg_array_text(struct arena *a, const struct texts *in)
{
    size_t   size = 3;
    char    *out, *at;

    for (size_t i = 0; i < in->n; i++)
        size += in->v[i] == NULL ? 5 : 2 * strlen(in->v[i]) + 3;
    out = at = arena_alloc(a, size);
    if (out == NULL)
        return NULL;
    *at++ = '{';
    for (size_t i = 0; i < in->n; i++) {
        if (i > 0)
            *at++ = ',';
        if (in->v[i] == NULL) {
            memcpy(at, "NULL", 4);
            at += 4;
        } else {
            at = quote(at, in->v[i]);
        }
    }
    *at++ = '}';
    *at = '\0';
    return out;
}
