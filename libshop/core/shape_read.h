/*
 * shape_read.h - the inside of reading JSON by a shape: where in the body and
 * in the struct we are.
 *
 * shape_read.c has the events of objects and arrays, shape_take.c the values,
 * shape_place.c the places and the faults.  What returns int is what a
 * callback returns: 0 stops reading.
 */
#ifndef SHOP_SHAPE_READ_H
#define SHOP_SHAPE_READ_H

#include "core/json_raw.h"
#include "core/json_read.h"
#include "core/shape.h"
#include "core/shape_value.h"

enum token { NOTHING, BOOLEAN, NUMBER, STRING };

/* Money as it is written; struct money keeps its currency in an array. */
struct money_input {
    int64_t      amount;
    const char  *currency;
};

/* An object or array that is open. */
struct frame {
    const struct field  *shape;         /* of an object; NULL: an array      */
    const struct field  *field;         /* the member that it is, NULL: root */
    void                *into;          /* an object's struct; where an
                                           array's struct list is            */
    const struct field  *member;        /* the key read last, if known       */
    uint64_t             seen;          /* a bit a field                     */
    bool                 partial;
    struct money_input   money;         /* `into` of money, until it ends    */
    struct money        *money_out;     /* NULL: no money                    */
    char                *items;         /* an array's, as far as kept        */
    size_t               room;
    size_t               n;             /* items read, kept or not           */
    size_t               at;            /* a map's: the item of the key read
                                           last, MAP_NONE: it is ignored     */
};

#define MAP_MAX   60            /* items of a map: each has a bit in `seen`  */
#define MAP_NONE  SIZE_MAX

/* Where a value goes. */
struct target {
    const struct field  *field;
    enum type            type;          /* HEAD_OF_SHAPE: an item of a LIST  */
    void                *at;
};

struct reader {
    struct arena        *arena;
    struct faults       *faults;
    const struct field  *shape;
    void                *into;
    bool                 partial;
    uint64_t             given;         /* of the top level                  */
    unsigned             depth;
    unsigned             skip;          /* open brackets of what is ignored  */
    const struct field  *raw_field;
    const char         **raw_out;
    bool                 bad_syntax;    /* a fault that makes it 400         */
    bool                 no_memory;
    struct json_raw      raw;
    struct json_plain    plain;         /* strings are taken out of it       */
    struct frame         stack[DEPTH_MAX];      /* `depth` of them are set   */
};

int           read_go_on(const struct reader *r);
int           read_no_memory(struct reader *r);
struct frame *read_top(struct reader *r);

/* Where the next value goes; false: it is ignored, its fault noted. */
bool read_target(struct reader *r, struct target *t);

/* A fault of the value at hand, or of `key` in the object at hand. */
int read_fault(struct reader *r, const char *key, size_t n,
               const struct refusal *no);
int read_wrong_type(struct reader *r, const struct target *t);

int  read_value(struct reader *r, enum token token, const char *text,
                size_t n);
/* A LIST with a key: an object whose members are items (shape_map.c). */
bool  map_is(const struct frame *f);
void  map_open(struct reader *r, const struct target *t);
int   map_key(struct reader *r, const char *key, size_t n);
int   map_drop(struct reader *r);
int   map_close(struct reader *r);
char *map_item(const struct frame *f);
const char **map_name(const struct frame *f, char *item);

/* Room for the last of an array's `n` items, cleared; NULL: no memory. */
void *read_item(struct reader *r, struct frame *f);

void read_raw_start(struct reader *r, const struct target *t);
int  read_raw_end(struct reader *r);

#endif
