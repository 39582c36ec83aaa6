/*
 * json_string.c - what becomes of a body's strings before yajl reads it.
 *
 * Escapes are undone as they are found, into memory of the string's own.  A
 * short string goes where it was.  Of a long one yajl sees a stub only, as it
 * would look at each byte for nothing: the callbacks take the text itself.
 * Nothing here leaves by fail().
 */
#include "core/json_scan.h"

#include "core/banned.h"
#include "core/shape.h"

#define PAIR      12            /* bytes of the longest escape               */
#define STUB      0xfb          /* no UTF-8, and nobody's stand-in           */
#define STUB_LEN  7             /* and six letters of four bits each         */


static bool
room(struct scan *s, char **memory)
{
    if (*memory == NULL)
        *memory = arena_alloc(s->arena, s->n);
    s->no_memory = *memory == NULL;
    return *memory != NULL;
}


/* What stands before byte `at` and is not in `out` yet. */
void
scan_copy_run(struct scan *s, size_t at)
{
    size_t run = at - s->done;

    if (run > 0)
        memcpy(s->out + s->plain->n, s->text + s->done, run);
    s->plain->n += run;
    s->done = at;
}


/* What is left out has JSON_LONG bytes at least, so there are no more of
 * them. */
static bool
cut(struct scan *s, const char *text, size_t n)
{
    struct json_plain  *p = s->plain;

    if (p->cut == NULL)
        p->cut = arena_alloc(s->arena,
                             (s->n / JSON_LONG + 1) * sizeof(*p->cut));
    s->no_memory = p->cut == NULL;
    if (s->no_memory)
        return false;
    p->cut[p->cuts++] = (struct json_cut) {
        .text = text, .n = n, .out = p->n, .in = s->done
    };
    return true;
}


bool
scan_cut_blanks(struct scan *s, size_t end)
{
    if (!room(s, &s->out))
        return false;
    scan_copy_run(s, s->i + 1);
    s->done = end;
    return cut(s, NULL, 0);
}


void
string_begin(struct scan *s, size_t start)
{
    s->string.start = s->string.done = start;
    s->string.first = s->letters_n;
    s->string.marks = s->plain->marks;
    s->string.kept = false;
}


static void
copy_letters(struct scan *s, size_t at)
{
    size_t run = at - s->string.done;

    if (run > 0)
        memcpy(s->letters + s->letters_n, s->text + s->string.done, run);
    s->letters_n += run;
    s->string.done = at;
}


/* Every so often it is noted where what was sent will be. */
static void
mark(struct scan *s)
{
    struct json_plain  *p = s->plain;
    size_t              in = s->string.done;

    if (p->marks == JSON_MARKS || in < p->marks * (s->n / JSON_MARKS))
        return;
    p->mark[p->marks].out = p->n + s->string.start - s->done
                            + s->letters_n - s->string.first;
    p->mark[p->marks++].in = in;
}


/* Where one escape is, more will be.  With the one before it a row is no longer
 * than from one mark to the next, or a fault would be far from any. */
static void
row(struct scan *s)
{
    size_t  n = s->n - s->i, most = s->n / JSON_MARKS, put;
    size_t  names = ESCAPES_MAX - s->escapes, left = names;

    most -= most < PAIR ? most : PAIR;
    s->i += json_letters_put(s->letters + s->letters_n, s->text + s->i,
                             n < most ? n : most, &put, &left);
    s->escapes += names - left;
    s->letters_n += put;
    s->string.done = s->i;
}


/* A letter is never longer than its escape, so n bytes are enough for those of
 * all strings. */
bool
string_letter(struct scan *s, int32_t c, size_t at)
{
    if (!room(s, &s->letters))
        return false;
    copy_letters(s, at);
    mark(s);
    s->letters_n += json_letter_put(s->letters + s->letters_n, c);
    s->string.done = s->i;
    row(s);
    return true;
}


static void
stub(struct scan *s)
{
    char    *to = s->out + s->plain->n;
    size_t   n = s->plain->cuts;

    *to++ = (char) STUB;
    for (size_t i = 1; i < STUB_LEN; i++, n >>= 4)
        *to++ = (char) ('a' + (n & 15));
    s->plain->n += STUB_LEN;
}


/* What was marked in it is not there. */
static bool
cut_string(struct scan *s, const char *text, size_t n)
{
    scan_copy_run(s, s->string.start);
    stub(s);
    s->done = s->i;
    s->plain->marks = s->string.marks;
    return cut(s, text, n);
}


/* Its letters are in `out` when it has been put, and their place is free. */
static void
put_string(struct scan *s, const char *text, size_t n)
{
    scan_copy_run(s, s->string.start);
    memcpy(s->out + s->plain->n, text, n);
    s->plain->n += n;
    s->done = s->i;
    s->letters_n = s->string.first;
}


/* A string whose escapes stay is for yajl to read: it needs a buffer for those
 * only, and json_read() reserves it. */
bool
string_end(struct scan *s)
{
    size_t       len = s->i - s->string.start, n = len;
    bool         undone = s->string.done > s->string.start;
    const char  *text = s->text + s->string.start;

    if (s->string.kept && len > s->plain->escaped)
        s->plain->escaped = len;
    if (undone) {
        copy_letters(s, s->i);
        text = s->letters + s->string.first;
        n = s->letters_n - s->string.first;
    }
    if (!undone && (len < JSON_LONG || s->string.kept))
        return true;
    if (!room(s, &s->out))
        return false;
    if (len < JSON_LONG || s->string.kept) {
        put_string(s, text, n);
        return true;
    }
    if (undone)
        json_stand_down(s->letters + s->string.first, n);
    return cut_string(s, text, n);
}


static size_t
stub_number(const char *text)
{
    size_t  n = 0;

    for (size_t i = STUB_LEN - 1; i > 0; i--)
        n = n << 4 | (size_t) (text[i] - 'a');
    return n;
}


/* Nobody can send what a stub begins with. */
void
json_string(const struct json_plain *plain, const char **text, size_t *n)
{
    if (*n == STUB_LEN && (unsigned char) (*text)[0] == STUB) {
        const struct json_cut  *cut = &plain->cut[stub_number(*text)];

        *text = cut->text;
        *n = cut->n;
    } else {
        json_stand_down((char *) (uintptr_t) *text, *n);
    }
}
