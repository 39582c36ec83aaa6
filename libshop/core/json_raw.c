/*
 * json_raw.c - a JSON value of any kind, kept as its compact text.
 *
 * It goes into a jsonb column as it is, so it is held to what jsonb takes:
 * numbers that numeric can hold, and no key twice (jsonb would keep the last
 * without a word).
 * Return codes; nothing here leaves by fail().
 */
#include "core/json_raw.h"

#include <stdlib.h>

#include "core/banned.h"

#define NUMBER_MAX    40        /* bytes                                     */
#define EXPONENT_MAX  3         /* digits                                    */


/* `first` needs no clearing: an entry is written when its bracket opens,
 * before any close reads it.  Memory of an earlier value stays with the
 * arena. */
void
json_raw_start(struct json_raw *r, struct arena *a, size_t max)
{
    r->active = true;
    r->comma = false;
    r->depth = 0;
    r->max = max;
    r->keys = NULL;
    r->n_keys = r->size = 0;
    r->error = NULL;
    buf_init(&r->out, a, 0);
}


/* The first thing that is wrong is what is reported.  The codes are constants
 * and go into the answer as they are; read_raw_end() puts the sentence to
 * them. */
static void
wrong(struct json_raw *r, const char *code)
{
    if (r->error == NULL)
        r->error = code;
}


/* Before every value; false when nothing more is worth writing.  No value is
 * written after the first fault, so a hostile one costs no more than `max` and
 * its last scalar. */
static bool
next(struct json_raw *r)
{
    if (r->out.len > r->max)
        wrong(r, "too_long");
    if (r->error != NULL)
        return false;
    if (r->comma)
        buf_char(&r->out, ',');
    r->comma = true;
    return true;
}


/* true, false, null, and numbers, as they were written. */
void
json_raw_scalar(struct json_raw *r, const char *text, size_t n)
{
    if (next(r))
        buf_add(&r->out, text, n);
}


/* A string; escaped again, the shortest way. */
void
json_raw_text(struct json_raw *r, const char *text, size_t n)
{
    if (next(r))
        json_text(&r->out, text, n);
}


/* Digits behind the e, 0 without one.  The text is a number by yajl's grammar,
 * so digits at the end belong to the exponent when there is an e at all. */
static size_t
exponent_digits(const char *text, size_t n)
{
    size_t  digits = 0;

    while (digits < n && text[n - 1 - digits] >= '0'
           && text[n - 1 - digits] <= '9')
        digits++;
    for (size_t i = 0; i < n; i++) {
        if ((text[i] | 0x20) == 'e')
            return digits;
    }
    return 0;
}


/* numeric keeps all digits of what is written: a few bytes such as 1e99999
 * would be a hundred thousand of them in the column. */
void
json_raw_number(struct json_raw *r, const char *text, size_t n)
{
    if (n > NUMBER_MAX || exponent_digits(text, n) > EXPONENT_MAX)
        wrong(r, "out_of_range");
    json_raw_scalar(r, text, n);
}


/* Keys are copied: the parser's text is gone at the next event.  Old room is
 * left to the arena: doubling makes that no more than what is kept. */
static bool
keep_key(struct json_raw *r, const char *text, size_t n)
{
    struct json_raw_key  *keys = r->keys;
    size_t                size = r->size == 0 ? 16 : r->size * 2;

    if (r->n_keys == r->size) {
        keys = arena_alloc(r->out.arena, size * sizeof(*keys));
        if (keys == NULL)
            return false;
        if (r->n_keys > 0)
            memcpy(keys, r->keys, r->n_keys * sizeof(*keys));
        r->keys = keys;
        r->size = size;
    }
    text = arena_copy(r->out.arena, text, n);
    keys[r->n_keys++] = (struct json_raw_key) { text, n };
    return text != NULL;
}


/* A key is a value's beginning: what follows the colon has no comma. */
void
json_raw_key(struct json_raw *r, const char *text, size_t n)
{
    if (!next(r))
        return;
    json_text(&r->out, text, n);
    buf_char(&r->out, ':');
    r->comma = false;
    if (!keep_key(r, text, n))
        r->out.failed = true;
}


/* Brackets of both kinds remember where their keys begin; an array has none. */
void
json_raw_open(struct json_raw *r, char bracket)
{
    if (next(r))
        buf_char(&r->out, bracket);
    r->comma = false;
    if (r->depth == DEPTH_MAX) {
        wrong(r, "too_deep");
        return;
    }
    r->first[r->depth++] = r->n_keys;
}


/* By bytes, the shorter first: any order will do that puts equals together. */
static int
compare(const void *one, const void *two)
{
    const struct json_raw_key  *a = one, *b = two;
    int                         c;

    c = memcmp(a->text, b->text, a->n < b->n ? a->n : b->n);
    return c != 0 ? c : (a->n > b->n) - (a->n < b->n);
}


/* Sorting, not a hash: no choice of keys makes it slow.  Keys are compared as
 * they read after escapes, so "a" and "\u0061" are the same one. */
static void
check_keys(struct json_raw *r, size_t first)
{
    size_t                n = r->n_keys - first;
    struct json_raw_key  *keys;

    if (r->out.failed || n < 2)
        return;
    keys = r->keys + first;     /* NULL before the first key of all */
    qsort(keys, n, sizeof(*keys), compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(&keys[i - 1], &keys[i]) == 0)
            wrong(r, "duplicate");
    }
}


/* Its keys are done with, and their room is free for the next object.  A
 * bracket that was never counted as open is ignored; the keys are judged here,
 * as only now all of them are there. */
void
json_raw_close(struct json_raw *r, char bracket)
{
    if (r->depth == 0)
        return;
    buf_char(&r->out, bracket);
    r->comma = true;
    check_keys(r, r->first[--r->depth]);
    r->n_keys = r->first[r->depth];
}


/* The bound is asked again, as next() looks only before a value and the last
 * one may pass it.  The text lives as long as the arena. */
const char *
json_raw_end(struct json_raw *r)
{
    r->active = false;
    if (r->out.len > r->max)
        wrong(r, "too_long");
    buf_char(&r->out, '\0');
    return r->error != NULL || r->out.failed ? NULL : r->out.data;
}
