/*
 * sql_bind.c - from a statement and its arguments to what is sent: values
 * found by name, pieces chosen by their conditions.
 *
 * Whoever writes a list with filters must not make SQL text at run time, so
 * the text is joined here from fixed pieces.  What comes of one choice of
 * pieces is made once a process and prepared like any statement; there are
 * VARIANTS_MAX of these at most, since clients choose the filters and each
 * costs memory in every backend.  Later choices are sent unprepared.
 *
 * Return codes: 0, or SHOP_E_NOMEM; sql_bind_check() -1 with a sentence.
 */
#include "core/sql.h"

#include <stdio.h>

#include "core/buf.h"
#include "core/env.h"
#include "core/shape.h"

#define VARIANTS_MAX  128

struct variant {
    struct variant     *next;
    const struct stmt  *st;
    uint64_t            chosen;         /* a bit for each piece              */
    struct sql_form     form;
};

/* The arguments of one call. */
struct given {
    const struct stmt  *st;
    const void         *in;
    const struct arg   *args;
    const uuid         *caller;         /* NULL: nobody                      */
    struct arena       *arena;
    bool                failed;
};

static struct variant *variants;
static unsigned        n_variants;


unsigned
sql_next_slot(void)
{
    static unsigned  last;

    return ++last;
}


const struct field *
sql_member(const struct field *shape, const char *name, size_t n,
           unsigned *part)
{
    static const struct { const char *end; size_t n; } money[] = {
        { "", 0 }, { "_amount", 7 }, { "_currency", 9 },
    };

    for (*part = 0; *part < 3; (*part)++) {
        size_t              end = money[*part].n;
        const struct field *f;

        if (n <= end || memcmp(name + n - end, money[*part].end, end) != 0)
            continue;
        f = shape_find(shape, name, n - end);
        if (f != NULL && (*part == 0 || f->type == MONEY))
            return f;
    }

    return NULL;
}


/* --- values -------------------------------------------------------------- */


static bool
name_is(const char *name, const char *text, size_t n)
{
    return strlen(name) == n && memcmp(name, text, n) == 0;
}


/* Which scalar it is, or -1. */
static int
scalar(const struct stmt *st, const char *name, size_t n)
{
    for (int i = 0; st->arg_names != NULL && st->arg_names[i] != NULL; i++) {
        if (name_is(st->arg_names[i], name, n))
            return i;
    }

    return -1;
}


/* Of nobody there is no id, and what compares with it finds nothing. */
static const char *
caller_text(struct given *g)
{
    return g->caller == NULL ? NULL : shape_to_text(UUID, g->caller, 0,
                                                    g->arena, &g->failed);
}


static bool
is_caller(const struct stmt *st, const char *name, size_t n)
{
    return st->by_caller && name_is("caller", name, n);
}


static const char *
member_text(struct given *g, const char *name, size_t n, enum type *type)
{
    unsigned             part;
    const struct field  *f = sql_member(g->st->in, name, n, &part);

    *type = f->type;
    return shape_to_text(f->type, (const char *) g->in + f->at, part,
                         g->arena, &g->failed);
}


static const char *
value_text(struct given *g, const struct param *p)
{
    enum type  type;

    if (p->arg == ARG_CALLER)
        return caller_text(g);
    if (p->type == END_OF_SHAPE)
        return member_text(g, p->name, strlen(p->name), &type);

    return shape_to_text(p->type, g->args[p->arg].at, 0, g->arena,
                         &g->failed);
}


/* --- conditions ---------------------------------------------------------- */


const char *
sql_word_next(const char *at, struct sql_word *w)
{
    at += strspn(at, " ");
    if (*at == '\0')
        return NULL;

    memset(w, 0, sizeof(*w));
    w->not = *at == '!';
    w->name = at + w->not;
    w->n = strcspn(w->name, " =");
    at = w->name + w->n;
    if (*at == '=') {
        w->value = at + 1;
        w->n_value = strcspn(w->value, " ");
        at = w->value + w->n_value;
    }

    return at;
}


/* A BOOL and an array are given when they are true and when not empty. */
static bool
is_given(enum type type, const char *text)
{
    return text != NULL && !(type == BOOL && text[0] == 'f')
           && !((type == TEXTS || type == UUIDS) && strcmp(text, "{}") == 0);
}


static bool
holds(struct given *g, const struct sql_word *w)
{
    int          i = scalar(g->st, w->name, w->n);
    enum type    type;
    const char  *text;

    if (is_caller(g->st, w->name, w->n)) {
        type = UUID;
        text = caller_text(g);
    } else if (i >= 0) {
        type = g->args[i].type;
        text = shape_to_text(type, g->args[i].at, 0, g->arena, &g->failed);
    } else {
        text = member_text(g, w->name, w->n, &type);
    }
    if (w->value != NULL)
        return text != NULL && name_is(text, w->value, w->n_value);

    return is_given(type, text) != w->not;
}


static bool
all_hold(struct given *g, const char *when)
{
    struct sql_word  w;

    while (when != NULL && (when = sql_word_next(when, &w)) != NULL) {
        if (!holds(g, &w))
            return false;
    }

    return true;
}


/* --- texts --------------------------------------------------------------- */


/* The number of a parameter in the text so far. */
static unsigned
number(struct sql_form *f, uint8_t param)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (f->order[i] == param)
            return i + 1;
    }
    f->order[f->n++] = param;

    return f->n;
}


const char *
sql_compose(const struct stmt *st, uint64_t chosen, struct sql_form *f,
            struct arena *a)
{
    struct buf  b;

    memset(f, 0, sizeof(*f));
    buf_init(&b, a, 1024);
    for (unsigned i = 0; st->pieces[i].text != NULL; i++) {
        const char *at = st->pieces[i].text, *mark;

        if (!(chosen >> i & 1))
            continue;
        for (; (mark = strchr(at, 1)) != NULL; at = mark + 2) {
            buf_add(&b, at, (size_t) (mark - at));
            buf_format(&b, "$%u", number(f, (uint8_t) (mark[1] - 1)));
        }
        buf_str(&b, at);
    }
    buf_char(&b, '\0');

    return f->text = b.failed ? NULL : b.data;
}


/* Keep it for as long as the process lives. */
static const struct sql_form *
keep(const struct stmt *st, uint64_t chosen, const struct sql_form *f)
{
    size_t           n_name = strlen(st->name) + 18;
    size_t           n_text = strlen(f->text) + 1;
    struct variant  *v = shop_env.alloc(sizeof(*v) + n_name + n_text);
    char            *name = (char *) (v + 1);

    if (v == NULL)
        return NULL;

    snprintf(name, n_name, "%s.%llx", st->name, (unsigned long long) chosen);
    memcpy(name + n_name, f->text, n_text);
    *v = (struct variant) { .next = variants, .st = st, .chosen = chosen,
                            .form = *f };
    v->form.name = name;
    v->form.text = name + n_name;
    v->form.slot = sql_next_slot();
    variants = v;
    n_variants++;

    return &v->form;
}


/* The form of a statement that is made of pieces. */
static const struct sql_form *
form_of(struct given *g, struct sql_form *fresh)
{
    const struct stmt *st = g->st;
    uint64_t           chosen = 0;

    for (unsigned i = 0; st->pieces[i].text != NULL; i++) {
        if (all_hold(g, st->pieces[i].when))
            chosen |= 1ull << i;
    }
    for (const struct variant *v = variants; v != NULL; v = v->next) {
        if (v->st == st && v->chosen == chosen)
            return &v->form;
    }

    if (sql_compose(st, chosen, fresh, g->arena) == NULL)
        return NULL;
    fresh->slot = *st->slot;

    return n_variants < VARIANTS_MAX ? keep(st, chosen, fresh) : fresh;
}


int
sql_bind(const struct stmt *st, const void *in, const struct arg *args,
         const uuid *caller, struct arena *a, const char **values,
         struct db_call *call)
{
    struct given            g = { st, in, args, caller, a, false };
    struct sql_form         fresh = { st->name, st->text, *st->slot,
                                      st->n_params, { 0 } };
    const struct sql_form  *f = &fresh;

    for (unsigned i = 0; i < st->n_params; i++)
        fresh.order[i] = (uint8_t) i;
    if (st->pieces != NULL)
        f = form_of(&g, &fresh);
    if (f == NULL)
        return SHOP_E_NOMEM;

    for (unsigned i = 0; i < f->n; i++)
        values[i] = value_text(&g, &st->params[f->order[i]]);
    *call = (struct db_call) { .name = f->name, .text = f->text,
                               .n_values = (int) f->n, .values = values,
                               .slot = f->slot };

    return g.failed ? SHOP_E_NOMEM : 0;
}


/* --- at start ------------------------------------------------------------ */


static bool
is_known(const struct stmt *st, const char *name, size_t n)
{
    unsigned  part;

    return is_caller(st, name, n) || scalar(st, name, n) >= 0
           || (st->in != NULL && sql_member(st->in, name, n, &part) != NULL);
}


static int
unknown(const struct stmt *st, const char *name, size_t n, char *error,
        size_t size)
{
    snprintf(error, size, "statement %s: there is no argument or member %.*s",
             st->name, (int) n, name);
    return -1;
}


int
sql_bind_check(const struct stmt *st, char *error, size_t size)
{
    struct sql_word  w;

    for (unsigned i = 0; i < st->n_params; i++) {
        const char *name = st->params[i].name;

        if (st->params[i].type == END_OF_SHAPE
            && !is_known(st, name, strlen(name)))
            return unknown(st, name, strlen(name), error, size);
    }
    for (unsigned i = 0; st->pieces != NULL && st->pieces[i].text; i++) {
        const char *when = st->pieces[i].when;

        if (i == PIECES_MAX) {
            snprintf(error, size, "statement %s: more than %d pieces",
                     st->name, PIECES_MAX);
            return -1;
        }
        while (when != NULL && (when = sql_word_next(when, &w)) != NULL) {
            if (!is_known(st, w.name, w.n))
                return unknown(st, w.name, w.n, error, size);
        }
    }

    return 0;
}
