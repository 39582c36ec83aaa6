/*
 * variants.c - which choices of pieces can come about?
 *
 * Conditions speak of names.  A name that is asked for as itself is absent or
 * given; one that is compared has one of the values that it is compared with,
 * and a further one when there is only one value.  Names are independent of
 * each other here, whatever callers do.
 */
#include "variants.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX   16
#define STATES_MAX  16

struct name {
    const char   *text;
    size_t        n;
    unsigned      n_values;
    struct sql_word value[STATES_MAX];
    bool          plain;                /* asked for without a value         */
    unsigned      n_states;
    unsigned      state;
};

struct choices {
    const struct stmt  *st;
    unsigned            n_names;
    struct name         name[NAMES_MAX];
    unsigned            n_seen;
    uint64_t            seen[VARIANTS_TRIED];
    void              (*see)(void *ctx, uint64_t chosen);
    void               *ctx;
};


static bool
same(const char *a, size_t n_a, const char *b, size_t n_b)
{
    return n_a == n_b && memcmp(a, b, n_a) == 0;
}


static struct name *
name_of(struct choices *c, const struct sql_word *w)
{
    struct name *name;

    for (unsigned i = 0; i < c->n_names; i++) {
        if (same(c->name[i].text, c->name[i].n, w->name, w->n))
            return &c->name[i];
    }
    if (c->n_names == NAMES_MAX)
        abort();                        /* NAMES_MAX is to be larger */
    name = &c->name[c->n_names++];
    name->text = w->name;
    name->n = w->n;

    return name;
}


static void
note(struct choices *c, const struct sql_word *w)
{
    struct name *name = name_of(c, w);

    if (w->value == NULL) {
        name->plain = true;
        return;
    }
    for (unsigned i = 0; i < name->n_values; i++) {
        if (same(name->value[i].value, name->value[i].n_value, w->value,
                 w->n_value))
            return;
    }
    if (name->n_values == STATES_MAX)
        abort();                        /* STATES_MAX is to be larger */
    name->value[name->n_values++] = *w;
}


/* States are the values, then absent, then given with another value. */
static void
read_conditions(struct choices *c)
{
    const struct piece *p = c->st->pieces;
    struct sql_word     w;

    for (; p->text != NULL; p++) {
        const char *when = p->when;

        while (when != NULL && (when = sql_word_next(when, &w)) != NULL)
            note(c, &w);
    }
    for (unsigned i = 0; i < c->n_names; i++) {
        struct name *name = &c->name[i];

        name->n_states = name->n_values + (name->plain ? 2 : 0)
                         + (name->n_values == 1 && !name->plain ? 1 : 0);
    }
}


static bool
holds(struct choices *c, const struct sql_word *w)
{
    struct name *name = name_of(c, w);
    bool         valued = name->state < name->n_values;

    if (w->value == NULL)
        return (valued || name->state > name->n_values) != w->not;

    return valued && same(name->value[name->state].value,
                          name->value[name->state].n_value, w->value,
                          w->n_value);
}


static uint64_t
chosen(struct choices *c)
{
    uint64_t         bits = 0;
    struct sql_word  w;

    for (unsigned i = 0; c->st->pieces[i].text != NULL; i++) {
        const char *when = c->st->pieces[i].when;
        bool        all = true;

        while (when != NULL && (when = sql_word_next(when, &w)) != NULL)
            all = all && holds(c, &w);
        if (all)
            bits |= 1ull << i;
    }

    return bits;
}


static void
try_one(struct choices *c)
{
    uint64_t bits = chosen(c);

    for (unsigned i = 0; i < c->n_seen; i++) {
        if (c->seen[i] == bits)
            return;
    }
    if (c->n_seen == VARIANTS_TRIED)
        abort();                        /* try_some() tries too many */
    c->seen[c->n_seen++] = bits;
    c->see(c->ctx, bits);
}


static void
try_all(struct choices *c, unsigned from)
{
    if (from == c->n_names) {
        try_one(c);
        return;
    }
    for (unsigned s = 0; s < c->name[from].n_states; s++) {
        c->name[from].state = s;
        try_all(c, from + 1);
    }
}


/* All absent, or all given; a name that is compared has its first value. */
static void
set_all(struct choices *c, bool given)
{
    for (unsigned i = 0; i < c->n_names; i++) {
        struct name *name = &c->name[i];

        name->state = name->plain ? name->n_values + given : 0;
    }
}


static void
try_some(struct choices *c)
{
    for (unsigned given = 0; given < 2; given++) {
        for (unsigned i = 0; i < c->n_names; i++) {
            set_all(c, given);
            for (unsigned s = 0; s < c->name[i].n_states; s++) {
                c->name[i].state = s;
                try_one(c);
            }
        }
    }
}


unsigned
variants_each(const struct stmt *st, void (*see)(void *ctx, uint64_t chosen),
              void *ctx)
{
    struct choices  *c = calloc(1, sizeof(*c));
    size_t           product = 1;
    unsigned         n;

    if (c == NULL)
        abort();
    c->st = st;
    c->see = see;
    c->ctx = ctx;
    read_conditions(c);
    for (unsigned i = 0; i < c->n_names && product <= VARIANTS_TRIED; i++)
        product *= c->name[i].n_states;
    if (product <= VARIANTS_TRIED)
        try_all(c, 0);
    else
        try_some(c);
    n = c->n_seen;
    free(c);

    return n;
}
