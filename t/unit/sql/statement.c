/*
 * statement.c - prepare a statement, and hold its description against shapes.
 *
 * Texts go both ways between libshop and PostgreSQL, so a wrong type would be
 * found at the first row that has one; here it is found before there is any.
 */
#include "statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/shape.h"
#include "plan.h"
#include "variants.h"

struct check {
    PGconn             *pg;
    const struct stmt  *st;
    struct filled      *filled;
    struct buf         *out;
};

/* What a member may be read from or bound to.  Money is two of them. */
static const struct {
    enum type  type;
    Oid        oid;
    bool       in_only;                 /* as a parameter, not as a column   */
} fits[] = {
    { TEXT, 25, false }, { TEXT, 1043, false }, { TEXT, 1042, false },
    { TEXT, 19, false },
    { INT, 20, false }, { INT, 23, false }, { INT, 21, false },
    { INT, 1700, true },
    { BOOL, 16, false }, { UUID, 2950, false }, { STAMP, 1184, false },
    { JSON, 3802, false }, { JSON, 114, false },
    { TEXTS, 1009, false }, { TEXTS, 1015, false }, { TEXTS, 1003, false },
    { UUIDS, 2951, false },
};


__attribute__((format(printf, 2, 3)))
static void
wrong(const struct check *c, const char *format, ...)
{
    va_list  args;
    char     line[600];
    int      n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_format(c->out, "%s: ", c->st->name);
    buf_add(c->out, line, (size_t) n < sizeof(line) ? (size_t) n
                                                    : sizeof(line) - 1);
    buf_char(c->out, '\n');
}


static bool
fit(enum type type, unsigned part, Oid oid, bool in)
{
    if (type == MONEY && part != 0)
        type = part == 1 ? INT : TEXT;
    for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
        if (fits[i].type == type && fits[i].oid == oid)
            return in || !fits[i].in_only;
    }

    return false;
}


/* The name of a type, for people. */
static const char *
type_name(PGconn *pg, Oid oid, char *out, size_t size)
{
    char       number[16];
    const char *value = number;
    PGresult   *res;

    snprintf(number, sizeof(number), "%u", oid);
    res = PQexecParams(pg, "SELECT format_type($1::oid, NULL)", 1, NULL,
                       &value, NULL, NULL, 0);
    snprintf(out, size, "%s", PQntuples(res) == 1 ? PQgetvalue(res, 0, 0)
                                                  : number);
    PQclear(res);

    return out;
}


/* --- columns ------------------------------------------------------------- */


static void
mark(struct filled *f, const struct field *shape, const struct field *member)
{
    unsigned i = 0;

    if (member - shape >= 64)
        abort();                        /* `member` is to be wider */
    while (i < f->n && f->shape[i] != shape)
        i++;
    if (i == SHAPES_MAX)
        abort();                        /* SHAPES_MAX is to be larger */
    if (i == f->n)
        f->shape[f->n++] = shape;
    f->member[i] |= 1ull << (member - shape);
}


static void
column_check(const struct check *c, const PGresult *res, int i)
{
    const char          *name = PQfname(res, i);
    Oid                  oid = PQftype(res, i);
    unsigned             part;
    const struct field  *f = sql_member(c->st->out, name, strlen(name),
                                        &part);
    char                 type[80];

    for (int j = 0; j < i; j++) {
        if (strcmp(PQfname(res, j), name) == 0)
            wrong(c, "two columns are called %s", name);
    }
    if (f == NULL) {
        wrong(c, "there is no member for column %s", name);
        return;
    }
    mark(c->filled, c->st->out, f);
    if (!fit(f->type, part, oid, false))
        wrong(c, "column %s is %s, which does not fit", name,
              type_name(c->pg, oid, type, sizeof(type)));
}


static void
columns_check(const struct check *c, const PGresult *res)
{
    int n = PQnfields(res);

    if (c->st->out == NULL) {
        if (n != 0)
            wrong(c, "it gives %d columns and is of kind none", n);
        return;
    }
    if (n == 0)
        wrong(c, "it gives no columns");
    mark(c->filled, c->st->out, c->st->out);
    for (int i = 0; i < n; i++)
        column_check(c, res, i);
}


/* --- parameters ---------------------------------------------------------- */


/* Sort keys of a cursor are texts whatever they are; the statement says what
 * they become by a cast. */
static bool
is_cast(const char *text, unsigned number)
{
    char   mark[16];
    size_t n = (size_t) snprintf(mark, sizeof(mark), "$%u::", number);

    while ((text = strchr(text, '$')) != NULL) {
        if (strncmp(text, mark, n) == 0)
            return true;
        text++;
    }

    return false;
}


static void
parameter_check(const struct check *c, const struct sql_form *f, unsigned i,
                Oid oid)
{
    const struct param *p = &c->st->params[f->order[i]];
    enum type           type = p->type;
    unsigned            part = 0;
    char                name[80];

    if (type == END_OF_SHAPE)
        type = sql_member(c->st->in, p->name, strlen(p->name), &part)->type;
    if (!fit(type, part, oid, true)
        && !(type == TEXT && is_cast(f->text, i + 1)))
        wrong(c, "parameter :%s is %s, which does not fit", p->name,
              type_name(c->pg, oid, name, sizeof(name)));
}


static void
parameters_check(const struct check *c, const struct sql_form *f,
                 const PGresult *res)
{
    if ((unsigned) PQnparams(res) != f->n) {
        wrong(c, "it has %d parameters and not %u", PQnparams(res), f->n);
        return;
    }
    for (unsigned i = 0; i < f->n; i++)
        parameter_check(c, f, i, PQparamtype(res, (int) i));
}


/* --- tables -------------------------------------------------------------- */


static bool
asks_caller(const struct check *c, const struct sql_form *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (c->st->params[f->order[i]].arg == ARG_CALLER)
            return true;
    }

    return false;
}


/* Rows that belong to a customer are another's unless the statement asks who
 * calls; what is for staff may see them all. */
static void
tables_check(const struct check *c, const struct sql_form *f)
{
    struct arena  arena = { 0 };
    struct plan   plan;

    plan_read(c->pg, "checked", (int) f->n, &arena, &plan);
    if (plan.failed)
        wrong(c, "no plan: %s", plan.owned);
    else if (plan.owned[0] != '\0' && !c->st->staff && !asks_caller(c, f))
        wrong(c, "it touches %s, whose rows have an owner, without :caller; "
              "or is it to be marked -- staff?", plan.owned);
    if (!plan.failed && plan.writes && !c->st->writes)
        wrong(c, "it changes or locks rows, which tools/sql2c does not see");
    arena_reset(&arena);
}


/* --- a statement --------------------------------------------------------- */


static void
form_check(const struct check *c, const struct sql_form *f)
{
    PGresult *res = PQprepare(c->pg, "checked", f->text, 0, NULL);

    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        wrong(c, "%s in:\n%s", PQresultErrorField(res,
                                                  PG_DIAG_MESSAGE_PRIMARY),
              f->text);
        PQclear(res);
        return;
    }
    PQclear(res);
    res = PQdescribePrepared(c->pg, "checked");
    columns_check(c, res);
    parameters_check(c, f, res);
    PQclear(res);
    tables_check(c, f);
    PQclear(PQexec(c->pg, "DEALLOCATE checked"));
}


static void
choice_check(void *ctx, uint64_t chosen)
{
    const struct check *c = ctx;
    struct arena        arena = { 0 };
    struct sql_form     f;

    if (sql_compose(c->st, chosen, &f, &arena) == NULL)
        abort();
    form_check(c, &f);
    arena_reset(&arena);
}


unsigned
statement_check(PGconn *pg, const struct stmt *st, struct filled *filled,
                struct buf *out)
{
    struct check     c = { pg, st, filled, out };
    struct sql_form  f = { .text = st->text, .n = st->n_params };

    if (st->pieces != NULL)
        return variants_each(st, choice_check, &c);
    for (unsigned i = 0; i < f.n; i++)
        f.order[i] = (uint8_t) i;
    form_check(&c, &f);

    return 1;
}


void
statement_unfilled(const struct filled *filled, struct buf *out)
{
    for (unsigned i = 0; i < filled->n; i++) {
        const struct field *shape = filled->shape[i];

        for (unsigned m = 1; shape[m].type != END_OF_SHAPE; m++) {
            if (shape[m].type != LIST && shape[m].type != OBJECT
                && !(filled->member[i] >> m & 1))
                buf_format(out, "%s.%s\n", shape[0].name, shape[m].name);
        }
    }
}
