/*
 * json_raw.h - a JSON value of any kind, taken from a parser's events and
 * written again without spaces.
 *
 * Return codes: 0; 1 with *error; SHOP_E_NOMEM.
 */
#ifndef SHOP_JSON_RAW_H
#define SHOP_JSON_RAW_H

#include "core/buf.h"
#include "core/shape.h"

struct json_raw_key {
    const char  *text;
    size_t       n;
};

struct json_raw {
    struct buf            out;
    bool                  active;
    bool                  comma;                /* due before a value        */
    unsigned              depth;
    size_t                max;                  /* bytes                     */
    size_t                first[DEPTH_MAX + 1]; /* of an object's keys       */
    struct json_raw_key  *keys;                 /* of all open objects       */
    size_t                n_keys;
    size_t                size;
    const char           *error;                /* a code; the first counts  */
};

void json_raw_start(struct json_raw *r, struct arena *a, size_t max);
void json_raw_scalar(struct json_raw *r, const char *text, size_t n);
void json_raw_text(struct json_raw *r, const char *text, size_t n);
void json_raw_number(struct json_raw *r, const char *text, size_t n);
void json_raw_key(struct json_raw *r, const char *text, size_t n);
void json_raw_open(struct json_raw *r, char bracket);
void json_raw_close(struct json_raw *r, char bracket);

/* At depth 0 after a value: the text, or NULL with `error`, or NULL without
 * it when memory was short. */
const char *json_raw_end(struct json_raw *r);

#endif
