/*
 * shape.h - one description of a struct, five uses: JSON in, JSON out, row
 * in, parameters out, documents.
 *
 * The description is an array of struct field (core.h) that begins with
 * SHAPE() and ends with END_SHAPE.  Input is checked whole: every fault is
 * noted with its JSON pointer or parameter, and reading goes on, up to
 * FAULTS_MAX.
 *
 * Return codes: 0; 1 when faults were noted; SHOP_E_NOMEM.
 */
#ifndef SHOP_SHAPE_H
#define SHOP_SHAPE_H

#include "core/buf.h"
#include "core/core.h"
#include "shop.h"

#define FAULTS_MAX    32        /* reported; the rest is counted             */
#define DEPTH_MAX     32
#define MEMBERS_MAX   10000     /* of a whole body, then it is refused       */
#define ESCAPES_MAX   20000     /* of a body; \u0001 counts twice, \u00e9 not */
#define ITEMS_MAX     1000      /* of an array without a bound of its own    */
#define TEXT_MAX      500       /* characters, without a bound of its own    */
#define JSON_MAX      65536     /* bytes of a JSON member, compact           */

struct fault {
    const char  *pointer;       /* "/variants/0/sku", or NULL                */
    const char  *parameter;     /* of the query, or NULL                     */
    const char  *code;          /* "required", "too_long", "unknown" ...     */
    const char  *detail;        /* a sentence                                */
};

struct faults {
    struct arena  *arena;
    size_t         n;           /* noted; more than FAULTS_MAX are counted   */
    struct fault   v[FAULTS_MAX];
    int            status;      /* 400 unparsable, 413 .. , 422 wrong        */
};

void fault_add(struct faults *f, const char *pointer, const char *parameter,
               const char *code, const char *detail);

/* Refuse shapes that cannot work (no head, overlapping members, unknown
 * bounds): 0, or -1 with a sentence.  Run for every shape at start. */
int shape_check(const struct field *shape, char *error, size_t size);

/*
 * JSON text to a struct of the shape, cleared first.  With `partial` (a merge
 * patch) it is not cleared: members not given stay, required ones too, and an
 * OBJECT that is there already is patched in place; lists are replaced whole.
 * *given gets bit i for shape[i] of the top level, null or wrong included.
 *
 * Syntax errors, bad UTF-8, surrogates, NUL, depth and number of members are
 * the only fault then: status 400, with line, column and byte.  A duplicate
 * key is 400 too, with its pointer.  All else is 422.
 */
int shape_from_json(const struct field *shape, void *into, bool partial,
                    const char *text, size_t n, struct arena *a,
                    struct faults *f, uint64_t *given);

/* One value of a query string (already decoded) into its member. */
int shape_from_query(const struct field *shape, void *into,
                     const char *name, const char *value, size_t n,
                     struct arena *a, struct faults *f);

/* Defaults ("none") for every member. */
void shape_clear(const struct field *shape, void *into);

/* Struct to JSON.  `brief` leaves out what is marked so. */
void shape_to_json(struct buf *b, const struct field *shape,
                   const void *from, bool brief);

/* The same of the members whose bits are set: bit i is that of shape[i]. */
void shape_some_to_json(struct buf *b, const struct field *shape,
                        const void *from, bool brief, uint64_t some);

/* Bits of the members that a list of names with commas between them says; 0
 * when one is not shown, or has no bit. */
uint64_t shape_some(const struct field *shape, const char *names, bool brief);

const struct field *shape_find(const struct field *shape, const char *name,
                               size_t n);

/* One column's text (NULL: SQL's NULL) into a member; texts are not copied.
 * `part` as in struct param.  -1: the text does not fit the type. */
int shape_from_text(const struct field *field, void *into, const char *text,
                    size_t n, unsigned part, struct arena *a);

/* A member (or an argument of that type) to the text of a parameter; NULL is
 * SQL's NULL.  *failed is set when memory is short. */
const char *shape_to_text(enum type type, const void *from, unsigned part,
                          struct arena *a, bool *failed);

/* JSON Schema of a shape, for OpenAPI: body or answer; with $ref to
 * "#/components/schemas/NAME" for shapes within, where NAME is what
 * shape_schema_name() writes: the title, with Input, Patch or Brief behind it
 * (Brief only where the shape or one within leaves something out). */
enum schema_use { SCHEMA_BODY, SCHEMA_PATCH, SCHEMA_ANSWER, SCHEMA_BRIEF };
void shape_schema(struct buf *b, const struct field *shape,
                  enum schema_use use);
void shape_schema_name(struct buf *b, const struct field *shape,
                       enum schema_use use);

/* Of one member alone, as a parameter has it; and is it in the document? */
void shape_field_schema(struct buf *b, const struct field *f,
                        enum schema_use use);
bool shape_field_shown(const struct field *f, enum schema_use use);

/* What reference() calls a shape within this member. */
enum schema_use shape_use_within(const struct field *f, enum schema_use use);

#endif
