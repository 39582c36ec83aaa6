/*
 * sql.h - named statements: numbered and checked once, at start.
 */
#ifndef SHOP_SQL_H
#define SHOP_SQL_H

#include <stddef.h>

#include "core/arena.h"
#include "core/core.h"
#include "core/db.h"

#define PARAMS_MAX  32
#define PIECES_MAX  64

/* One choice of pieces: its text, and which parameter each $n is. */
struct sql_form {
    const char  *name;                  /* NULL: sent unprepared             */
    const char  *text;
    unsigned     slot;
    unsigned     n;
    uint8_t      order[PARAMS_MAX];
};

/* One word of a piece's condition: "member", "!member" or "member=value". */
struct sql_word {
    const char  *name;
    size_t       n;
    const char  *value;                 /* NULL: is it given?                */
    size_t       n_value;
    bool         not;
};

/* Give every statement of every domain its number and find its parameters
 * and struct members: 0, or -1 with a sentence. */
int sql_statements_check(char *error, size_t size);
/* The statements of core, then those of each domain (NULL where it has none):
 * false behind the last. */
bool sql_statements(size_t i, const struct stmt *const **out);

int sql_bind_check(const struct stmt *st, char *error, size_t size);

/* The number of one more prepared statement. */
unsigned sql_next_slot(void);

/* The member that a parameter or column means: its own name, or for MONEY
 * the name before _amount (*part 1) and _currency (*part 2); or NULL. */
const struct field *sql_member(const struct field *shape, const char *name,
                               size_t n, unsigned *part);

/* The next word of a condition and where it ends, or NULL behind the last. */
const char *sql_word_next(const char *at, struct sql_word *w);

/* The pieces whose bits are set, joined into f->text on the arena; NULL when
 * memory is short. */
const char *sql_compose(const struct stmt *st, uint64_t chosen,
                        struct sql_form *f, struct arena *a);

/* What is sent for these arguments: 0 or SHOP_E_NOMEM.  `caller` is bound to
 * :caller; NULL is nobody.  `values` has room for PARAMS_MAX and is the
 * call's; the texts lie on the arena. */
int sql_bind(const struct stmt *st, const void *in, const struct arg *args,
             const uuid *caller, struct arena *a, const char **values,
             struct db_call *call);

/* Where the columns of a statement's rows go: found for the first row that
 * the process sees, and again when they changed.  0, SHOP_E_NOMEM, or
 * SHOP_E_CONF with a sentence.  Good until the next call for the slot. */
struct columns;
int sql_columns(const struct columns **out, unsigned slot,
                const struct field *shape, const PGresult *res, char *error,
                size_t size);

/* One row; texts are not copied.  0, or SHOP_E_CONF with a sentence. */
int sql_row_read(const struct columns *c, const PGresult *res, int row,
                 void *into, struct arena *a, char *error, size_t size);

#endif
