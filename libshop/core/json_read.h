/*
 * json_read.h - strict JSON in: yajl's grammar behind a scan of our own.
 *
 * The scan comes first and costs about a nanosecond a byte.  It refuses what
 * yajl lets through (bytes that are not UTF-8, lone surrogates, which yajl
 * turns into "?", and NUL), bounds depth and members before any value is
 * looked at, undoes escapes, which are dear in yajl, and knows how much memory
 * yajl can need at most.
 *
 * Return codes: 0; 1 with *error; 2 when a callback stopped; SHOP_E_NOMEM.
 */
#ifndef SHOP_JSON_READ_H
#define SHOP_JSON_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <yajl/yajl_parse.h>

#include "core/arena.h"

struct json_error {
    const char  *code;          /* json_syntax, invalid_unicode, too_deep,
                                   too_many_members, too_many_escapes        */
    const char  *why;           /* a sentence                                */
    size_t       at;            /* byte offset                               */
};

#define JSON_MARKS  64

/* A long string, or blanks (NULL), that yajl need not look at. */
struct json_cut {
    const char  *text;          /* as it is, without escapes                 */
    size_t       n;
    size_t       out, in;       /* where it ends: in json_plain's text, and
                                   in what was sent                          */
};

/* What is left for yajl to read. */
struct json_plain {
    const char  *text;          /* what was sent, or in the arena            */
    size_t       n;
    size_t       escaped;       /* longest string that has an escape yet     */
    size_t       tail;          /* bytes of a last token without an end      */
    unsigned     marks;         /* places of the text, in order, and where
                                   in what was sent they were                */
    struct { size_t out, in; }  mark[JSON_MARKS];
    size_t            cuts;
    struct json_cut  *cut;      /* in order                                  */
};

int json_scan(struct arena *a, const char *text, size_t n,
              struct json_plain *plain, struct json_error *error);

#define JSON_NO_LETTER    -1    /* not well formed                           */
#define JSON_HALF_LETTER  -2    /* one surrogate without the other           */

/* The letter of \n or \uXXXX at p, a backslash with n bytes from there on, and
 * of how many it is made: 2, 6, or 12 where two make one.  2 where there is
 * none. */
int32_t json_letter(const char *p, size_t n, size_t *len);

/* The letter, or its stand-in; at most four bytes.  Returns how many: 0 where
 * there is none, or it must stay an escape. */
size_t json_letter_put(char *out, int32_t c);

/* Letters take the places of their stand-ins again. */
void json_stand_down(char *text, size_t n);

/* Escapes at p and what is between them, up to the end of the string or to n
 * bytes, are written to out, which has room for n: how many bytes they were,
 * and how many (*put) they are now.  *names more may have a name; those that
 * are found are taken off.  It may end earlier, with whatever must be looked
 * at. */
size_t json_letters_put(char *out, const char *p, size_t n, size_t *put,
                        size_t *names);

/* Where in what was sent the byte `at` of plain->text is from. */
size_t json_origin(const struct json_plain *plain, const char *text, size_t n,
                   size_t at);

/* A string or key that a callback got becomes what it is: valid UTF-8 without
 * NUL, good for as long as the arena when it is a long one, else for the
 * callback.  May write to it: where there is a stand-in it lies in memory of
 * ours, or in yajl's buffer. */
void json_string(const struct json_plain *plain, const char **text, size_t *n);

/* Strings are json_string()'s.  *plain is of the caller for that, and set
 * here. */
int json_read(struct arena *a, const char *text, size_t n,
              const yajl_callbacks *callbacks, void *context,
              struct json_plain *plain, struct json_error *error);

/* "Line 3, column 5 (byte 41): ..."; NULL when memory is short. */
const char *json_error_text(struct arena *a, const char *text, size_t n,
                            const struct json_error *error);

#endif
