/*
 * value.h - the values a shop computes with: ids, times, money, texts.
 *
 * Every value has a "none": the zero uuid, STAMP_NONE, INT_NONE, a money
 * without currency, a NULL text.  SQL's NULL and JSON's null become it and
 * it becomes them.
 */
#ifndef SHOP_VALUE_H
#define SHOP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INT_NONE    INT64_MIN
#define STAMP_NONE  ((stamp) { INT64_MIN })
#define UUID_NONE   ((uuid) { { 0 } })

/* Amounts and integers that travel as JSON numbers stay exact in JavaScript. */
#define AMOUNT_MAX  ((int64_t) 9007199254740991)        /* 2^53 - 1 */

typedef struct uuid  { uint8_t b[16]; } uuid;
typedef struct stamp { int64_t us; } stamp;     /* since 1970, UTC           */
typedef struct json  { const char *text; } json; /* a whole JSON value       */

struct money {
    int64_t      amount;        /* minor units of the currency               */
    char         currency[4];   /* ISO 4217; "" is none                      */
};

struct texts {                  /* an array of texts                         */
    size_t       n;
    const char **v;
};

struct uuids {
    size_t       n;
    uuid        *v;
};

struct list {                   /* an array of structs of one shape          */
    size_t       n;
    void        *v;
};

#endif
