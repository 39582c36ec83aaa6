/*
 * json_read.h - strict JSON in: yajl's grammar behind a scan of our own.
 *
 * The scan comes first and costs about a nanosecond a byte.  It refuses what
 * yajl lets through (bytes that are not UTF-8, lone surrogates, which yajl
 * turns into "?", and NUL), bounds depth and members before any value is
 * looked at, and knows how much memory yajl can need at most.
 *
 * Return codes: 0; 1 with *error; 2 when a callback stopped; SHOP_E_NOMEM.
 */
#ifndef SHOP_JSON_READ_H
#define SHOP_JSON_READ_H

#include <yajl/yajl_parse.h>

#include "core/arena.h"

struct json_error {
    const char  *code;          /* json_syntax, invalid_unicode, too_deep,
                                   too_many_members, too_many_escapes        */
    const char  *why;           /* a sentence                                */
    size_t       at;            /* byte offset                               */
};

struct json_limits {
    size_t  escaped;            /* longest string with an escape in it       */
    size_t  tail;               /* bytes of a last token without an end      */
};

int json_scan(const char *text, size_t n, struct json_limits *limits,
              struct json_error *error);

/* Strings and keys that the callbacks get are valid UTF-8 without NUL; they
 * may lie in yajl's buffer and are good for the callback only. */
int json_read(struct arena *a, const char *text, size_t n,
              const yajl_callbacks *callbacks, void *context,
              struct json_error *error);

/* "Line 3, column 5 (byte 41): ..."; NULL when memory is short. */
const char *json_error_text(struct arena *a, const char *text, size_t n,
                            const struct json_error *error);

#endif
