/*
 * row.c - values of PostgreSQL into a struct, and back into parameters.
 *
 * The input is a value a column, each ended by NUL; "\N" alone is NULL.
 */
#include "fuzz.h"

#include "core/shape.h"
#include "core/sql.h"
#include "core/text.h"

enum { SLOT = SLOTS_MAX - 1, COLUMNS = 10 };    /* no statement has the slot */

struct row {
    uuid           id;
    const char    *title;
    int64_t        weight;
    bool           active;
    stamp          since;
    struct money   price;
    json           extra;
    struct texts   tags;
    struct uuids   groups;
};

static const struct field row[] = {
    SHAPE(row, "Row"),
    FIELD(row, id,     UUID, .prefix = "row"),
    FIELD(row, title,  TEXT),
    FIELD(row, weight, INT),
    FIELD(row, active, BOOL),
    FIELD(row, since,  STAMP),
    FIELD(row, price,  MONEY),
    FIELD(row, extra,  JSON),
    FIELD(row, tags,   TEXTS),
    FIELD(row, groups, UUIDS),
    END_SHAPE
};

static const char *const names[COLUMNS] = {
    "id", "title", "weight", "active", "since", "price_amount",
    "price_currency", "extra", "tags", "groups",
};

struct values {
    const char  *v[COLUMNS];            /* NULL is SQL's                     */
};


static PGresult *
result(const struct values *values)
{
    PGresult      *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc   desc[COLUMNS] = { { 0 } };

    CHECK(res != NULL);
    for (int i = 0; i < COLUMNS; i++) {
        desc[i].name = (char *) (uintptr_t) names[i];   /* is copied */
        desc[i].typlen = -1;
    }
    CHECK(PQsetResultAttrs(res, COLUMNS, desc));
    for (int i = 0; i < COLUMNS; i++) {
        char  *text = (char *) (uintptr_t) values->v[i];    /* is copied */

        CHECK(PQsetvalue(res, 0, i, text,
                         text == NULL ? -1 : (int) strlen(text)));
    }
    return res;
}


/* A refusal names the column. */
static bool
take(const PGresult *res, struct row *out, struct arena *a)
{
    const struct columns  *c;
    char                   why[128] = "";
    int                    rc;

    CHECK(sql_columns(&c, SLOT, row, res, why, sizeof(why)) == 0);
    rc = sql_row_read(c, res, 0, out, a, why, sizeof(why));
    CHECK(rc == 0 || (rc == SHOP_E_CONF && strncmp(why, "column ", 7) == 0));
    return rc == 0;
}


static void
give(const struct row *from, struct values *out, struct arena *a)
{
    const void      *at[COLUMNS] = {
        &from->id, &from->title, &from->weight, &from->active, &from->since,
        &from->price, &from->price, &from->extra, &from->tags, &from->groups,
    };
    const enum type  types[COLUMNS] = {
        UUID, TEXT, INT, BOOL, STAMP, MONEY, MONEY, JSON, TEXTS, UUIDS,
    };
    bool             failed = false;

    for (int i = 0; i < COLUMNS; i++) {
        unsigned  part = i == 5 ? 1 : i == 6 ? 2 : 0;

        out->v[i] = shape_to_text(types[i], at[i], part, a, &failed);
    }
    CHECK(!failed);
}


static bool
is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}


/* Times are written with a T, which the server reads and never writes. */
static void
as_the_server_writes(struct values *values, struct arena *a)
{
    const char  *since = values->v[4];
    size_t       n = since == NULL ? 0 : strlen(since);
    char        *text;

    if (n == 0)
        return;
    CHECK(n == 27 && since[10] == 'T' && since[26] == 'Z');
    text = arena_alloc(a, n + 3);
    memcpy(text, since, n);
    text[10] = ' ';
    memcpy(text + n - 1, "+00", 4);
    values->v[4] = text;
}


/* What was read is sent as parameters, comes back, and is sent as the same. */
static void
check_round(const struct row *one, struct arena *a)
{
    struct values   first, back, second;
    struct row      two;
    PGresult       *res;

    give(one, &first, a);
    back = first;
    as_the_server_writes(&back, a);
    res = result(&back);
    CHECK(take(res, &two, a));
    give(&two, &second, a);
    for (int i = 0; i < COLUMNS; i++)
        CHECK(is_same(first.v[i], second.v[i]));
    PQclear(res);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char           *text = fuzz_text(data, n);
    struct values   values = { { NULL } };
    struct arena    a = { 0 };
    struct row      one;
    PGresult       *res;
    size_t          at = 0;

    for (int i = 0; i < COLUMNS && at <= n; i++) {
        if (strcmp(text + at, "\\N") != 0)
            values.v[i] = text + at;
        at += strlen(text + at) + 1;
    }
    res = result(&values);
    if (take(res, &one, &a))
        check_round(&one, &a);
    arena_reset(&a);
    PQclear(res);
    free(text);
    return 0;
}
