/*
 * shape_value.h - one value against one field's rules; shared by bodies and
 * queries.
 *
 * Return codes: 0; 1 with *no filled; SHOP_E_NOMEM.
 */
#ifndef SHOP_SHAPE_VALUE_H
#define SHOP_SHAPE_VALUE_H

#include "core/shape.h"

struct refusal {
    const char  *code;
    char         detail[200];
};

int refuse(struct refusal *no, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* min and max are passed apart: an item of TEXTS has not its field's. */
int value_text(const struct field *f, int64_t min, int64_t max,
               const char *text, size_t n, struct arena *a, const char **out,
               struct refusal *no);
int value_int(const struct field *f, const char *text, size_t n,
              int64_t *out, struct refusal *no);
int value_uuid(const struct field *f, const char *text, size_t n, uuid *out,
               struct refusal *no);
int value_stamp(const char *text, size_t n, stamp *out, struct refusal *no);

/* Largest and smallest that a field takes, with the type's own bounds. */
int64_t field_max(const struct field *f);

/* The same of the length of an item of TEXTS. */
int64_t item_min(const struct field *f);
int64_t item_max(const struct field *f);

/* What a text must be, when it is not: "an e-mail address"; NULL: it is. */
const char *format_misses(enum format format, const char *text, size_t n);

void member_clear(const struct field *f, void *into);
size_t type_size(enum type type);

#endif
