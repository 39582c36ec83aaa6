/*
 * option.c - the options of a product that is there already: renamed, sorted,
 * translated, added, taken away.
 *
 * Each has an id, so a new name is told from a new thing.  Variants hold the
 * ids of their values, so names may change under them; an option more gives
 * all of them the same value, so no two become alike; what a variant has is
 * not taken away.
 */
#include <stdlib.h>

#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"


/* --- reading ------------------------------------------------------------- */


/* Four statements of one round trip, whatever the number of options, values and
 * languages: each comes sorted by its owner, and is dealt out in C. */
void
options_start(struct request *rq, struct options_reading *r, uuid product)
{
    start_staff_options(rq, &r->options, product);
    start_staff_choices(rq, &r->choices, product);
    start_option_words(rq, &r->words, product);
    start_choice_words(rq, &r->choice_words, product);
}


/* The rows that belong to one owner, from *at on: all came in one order. */
static struct list
words_of(struct option_word *words, size_t n, size_t *at, uuid owner)
{
    struct list found = { 0, n == 0 ? NULL : words + *at };

    for (; *at < n && uuid_equal(words[*at].owner_id, owner); (*at)++)
        found.n++;

    return found;
}


/* Likewise, once they have their words. */
static struct list
choices_of(struct staff_choice *choices, size_t n, size_t *at, uuid option)
{
    struct list found = { 0, n == 0 ? NULL : choices + *at };

    for (; *at < n && uuid_equal(choices[*at].option_id, option); (*at)++)
        found.n++;

    return found;
}


/* Nothing is copied: each has its part of the rows. */
struct list
options_end(struct request *rq, struct options_reading *r)
{
    struct list          all;
    struct staff_option *o;
    struct staff_choice *c;
    struct option_word  *words, *more;
    size_t               n, n_words, n_more, at = 0, word = 0;

    o = rows_staff_options(rq, &r->options, &all.n);
    c = rows_staff_choices(rq, &r->choices, &n);
    words = rows_option_words(rq, &r->words, &n_words);
    more = rows_choice_words(rq, &r->choice_words, &n_more);

    for (size_t i = 0; i < n; i++)
        c[i].translations = words_of(more, n_more, &word, c[i].id);
    word = 0;
    for (size_t i = 0; i < all.n; i++) {
        o[i].choices = choices_of(c, n, &at, o[i].id);
        o[i].translations = words_of(words, n_words, &word, o[i].id);
    }

    all.v = o;
    return all;
}


/* --- rules --------------------------------------------------------------- */


/* By the bytes of the id: bsearch() finds what qsort() has sorted, and nobody
 * sees the order. */
static int
by_id(const void *a, const void *b)
{
    const struct staff_choice *x = a, *y = b;

    return memcmp(x->id.b, y->id.b, sizeof(x->id.b));
}


/* Of two that are alike the first stays first, so that the fault points at the
 * second. */
static int
by_value(const void *a, const void *b)
{
    const struct staff_choice *const *x = a, *const *y = b;
    int                               way = strcmp((*x)->value, (*y)->value);

    return way != 0 ? way : *x < *y ? -1 : 1;
}


/* Three at most, so they are looked at in turn.  No id is nobody's. */
static struct staff_option *
option_in(const struct list *list, size_t n, uuid id)
{
    struct staff_option *o = list->v;

    for (size_t i = 0; i < n; i++) {
        if (!uuid_is_none(id) && uuid_equal(o[i].id, id))
            return &o[i];
    }

    return NULL;
}


/* False: one is foreign. */
static bool
words_check(struct request *rq, const struct list *words, const char *at)
{
    const struct option_word *w = words->v;
    bool                      good = true;

    for (size_t i = 0; i < words->n; i++)
        good &= language_check(rq, w[i].locale,
                               text_of(rq, "%s/translations/%s", at,
                                       w[i].locale));

    return good;
}


/* Also of thousands of values: only what the body names is looked at. */
bool
options_languages_check(struct request *rq, const struct list *options)
{
    const struct staff_option *o = options->v;
    bool                       good = true;

    for (size_t i = 0; i < options->n; i++) {
        const struct staff_choice *c = o[i].choices.v;
        const char                *at = text_of(rq, "/options/%zu", i);

        good &= words_check(rq, &o[i].translations, at);
        for (size_t j = 0; j < o[i].choices.n; j++)
            good &= words_check(rq, &c[j].translations,
                                text_of(rq, "%s/choices/%zu", at, j));
    }

    return good;
}


/* Sorted, as there may be thousands. */
static void
values_check(struct request *rq, const struct list *choices, const char *at)
{
    const struct staff_choice  *c = choices->v;
    const struct staff_choice **sorted;

    sorted = alloc(rq, (choices->n + 1) * sizeof(*sorted));
    for (size_t i = 0; i < choices->n; i++)
        sorted[i] = &c[i];
    qsort(sorted, choices->n, sizeof(*sorted), by_value);

    for (size_t i = 1; i < choices->n; i++) {
        if (strcmp(sorted[i]->value, sorted[i - 1]->value) == 0)
            fault(rq, text_of(rq, "%s/choices/%zu/value", at,
                              (size_t) (sorted[i] - c)), "duplicate",
                  "is another value of the option");
    }
}


/* An id is that of a value which this option has, and stands once. */
static void
choice_ids_check(struct request *rq, const struct staff_option *o,
                 const struct staff_option *had, const char *at)
{
    const struct staff_choice *c = o->choices.v;
    size_t                     n = had == NULL ? 0 : had->choices.n;
    struct staff_choice       *sorted = alloc(rq, (n + 1) * sizeof(*sorted));
    struct staff_choice       *found;

    if (n > 0)
        memcpy(sorted, had->choices.v, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_id);

    for (size_t i = 0; i < o->choices.n; i++) {
        if (uuid_is_none(c[i].id))
            continue;
        found = bsearch(&c[i], sorted, n, sizeof(*sorted), by_id);
        if (found == NULL || found->value == NULL)
            fault(rq, text_of(rq, "%s/choices/%zu/id", at, i),
                  found == NULL ? "unknown" : "duplicate",
                  "must be a value of the option that is not in the list"
                  " already");
        else
            found->value = NULL;
    }
}


/* The value that variants get of an option which they have not yet. */
static void
fill_check(struct request *rq, struct staff_option *o, const char *at)
{
    const struct staff_choice *c = o->choices.v;

    if (o->choices.n == 0) {
        if (o->fill == NULL)
            fault(rq, text_of(rq, "%s/choices", at), "required",
                  "must be given for a new option");
        return;
    }
    for (size_t i = 0; o->fill != NULL && i < o->choices.n; i++) {
        if (strcmp(c[i].value, o->fill) == 0)
            return;
    }
    if (o->fill != NULL)
        fault(rq, text_of(rq, "%s/fill", at), "not_one_of",
              "must be one of the choices");
}


/* One of a patch beside those before it, and beside what the product has: an
 * id must be one of the latter, and stand once. */
static void
option_check(struct request *rq, const struct list *all, size_t i,
             const struct list *have)
{
    struct staff_option *o = &((struct staff_option *) all->v)[i];
    struct staff_option *had = option_in(have, have->n, o->id);
    const char          *at = text_of(rq, "/options/%zu", i);

    if (!uuid_is_none(o->id)
        && (had == NULL || option_in(all, i, o->id) != NULL))
        fault(rq, text_of(rq, "%s/id", at),
              had == NULL ? "unknown" : "duplicate",
              "must be an option of the product that is not in the list"
              " already");
    if (uuid_is_none(o->id))
        fill_check(rq, o, at);
    else if (o->fill != NULL)
        fault(rq, text_of(rq, "%s/fill", at), "excluded",
              "cannot stand beside id: variants have a value of it");
    choice_ids_check(rq, o, had, at);
    values_check(rq, &o->choices, at);
}


/* All that is wrong is told at once. */
static void
options_check(struct request *rq, const struct list *all,
              const struct list *have)
{
    for (size_t i = 0; i < all->n; i++)
        option_check(rq, all, i, have);
    faults_check(rq);
}


/* --- writing ------------------------------------------------------------- */


/* Words of many owners, as three columns. */
struct columns {
    struct uuids  ids;
    struct texts  locales;
    struct texts  words;
};


/* Room for n words; one more, as nothing is asked for nothing. */
static struct columns
columns_for(struct request *rq, size_t n)
{
    struct columns c = { { 0, NULL }, { 0, NULL }, { 0, NULL } };

    c.ids.v = alloc(rq, (n + 1) * sizeof(*c.ids.v));
    c.locales.v = alloc(rq, (n + 1) * sizeof(*c.locales.v));
    c.words.v = alloc(rq, (n + 1) * sizeof(*c.words.v));

    return c;
}


static void
columns_add(struct columns *c, uuid owner, const char *locale,
            const char *word)
{
    c->ids.v[c->ids.n++] = owner;
    c->locales.v[c->locales.n++] = locale;
    c->words.v[c->words.n++] = word;
}


static void
columns_add_words(struct columns *c, uuid owner, const struct list *words)
{
    const struct option_word *w = words->v;

    for (size_t i = 0; i < words->n; i++)
        columns_add(c, owner, w[i].locale, w[i].word);
}


/* What is not in the patch goes first, if no variant has it. */
static void
gone_delete(struct request *rq, const struct list *all,
            const struct list *have)
{
    const struct staff_option *had = have->v, *o = all->v;

    within(rq, "/options");
    for (size_t i = 0; i < have->n; i++) {
        if (option_in(all, all->n, had[i].id) == NULL)
            sql_option_delete(rq, had[i].id);
    }

    for (size_t i = 0; i < all->n; i++) {
        const struct staff_choice *c = o[i].choices.v;
        struct columns             kept = columns_for(rq, o[i].choices.n);

        if (uuid_is_none(o[i].id) || o[i].choices.n == 0)
            continue;
        for (size_t j = 0; j < o[i].choices.n; j++) {
            if (!uuid_is_none(c[j].id))
                columns_add(&kept, c[j].id, NULL, NULL);
        }
        within(rq, "/options/%zu/choices", i);
        sql_choices_keep(rq, o[i].id, kept.ids);
    }
    within(rq, "%s", "");
}


/* Ids for what is new, from here on as if it had been there. */
static void
new_ids(struct request *rq, const struct list *all)
{
    struct staff_option *o = all->v;

    for (size_t i = 0; i < all->n; i++) {
        struct staff_choice *c = o[i].choices.v;

        if (uuid_is_none(o[i].id) && o[i].choices.n == 0) {
            c = alloc(rq, sizeof(*c));
            c->value = o[i].fill;
            o[i].choices = (struct list) { 1, c };
        }
        for (size_t j = 0; j < o[i].choices.n; j++) {
            if (uuid_is_none(c[j].id))
                c[j].id = new_id(rq);
        }
    }
}


/* Adds to *renamed the values whose names change. */
static void
choices_put(struct request *rq, uuid product, const struct staff_option *o,
            struct columns *renamed)
{
    const struct staff_choice *c = o->choices.v;
    struct columns             all = columns_for(rq, o->choices.n);
    const struct found_id     *changed;
    size_t                     n;

    if (o->choices.n == 0)
        return;
    for (size_t i = 0; i < o->choices.n; i++)
        columns_add(&all, c[i].id, NULL, c[i].value);

    changed = sql_choices_park(rq, all.ids, all.words, &n);
    for (size_t i = 0; i < n; i++)
        columns_add(renamed, changed[i].id, NULL, NULL);
    sql_choices_set(rq, o->id, product, all.ids, all.words);
}


/* All languages of all names and values in two statements: a patch of 2,000
 * values would be thousands otherwise. */
static void
words_put(struct request *rq, const struct list *all)
{
    const struct staff_option *o = all->v;
    size_t                     n = 0;
    struct columns             names, values;

    for (size_t i = 0; i < all->n; i++) {
        const struct staff_choice *c = o[i].choices.v;

        n += o[i].translations.n;
        for (size_t j = 0; j < o[i].choices.n; j++)
            n += c[j].translations.n;
    }

    names = columns_for(rq, n);
    values = columns_for(rq, n);
    for (size_t i = 0; i < all->n; i++) {
        const struct staff_choice *c = o[i].choices.v;

        columns_add_words(&names, o[i].id, &o[i].translations);
        for (size_t j = 0; j < o[i].choices.n; j++)
            columns_add_words(&values, c[j].id, &c[j].translations);
    }
    sql_option_words_put(rq, names.ids, names.locales, names.words);
    sql_choice_words_put(rq, values.ids, values.locales, values.words);
}


/* The value of a new option that variants get. */
static uuid
fill_of(const struct staff_option *o)
{
    const struct staff_choice *c = o->choices.v;

    for (size_t i = 0; o->fill != NULL && i < o->choices.n; i++) {
        if (strcmp(c[i].value, o->fill) == 0)
            return c[i].id;
    }

    return c[0].id;
}


/* Whether each variant has its values in another order, or one more. */
static bool
order_changes(const struct list *all, const struct list *have)
{
    const struct staff_option *o = all->v, *had = have->v;
    bool                       same = all->n == have->n;

    for (size_t i = 0; same && i < all->n; i++)
        same = uuid_equal(o[i].id, had[i].id);

    return !same;
}


/* Old names are out of the way before new ones come; variants are last, when
 * all is in its order. */
static void
options_write(struct request *rq, uuid product, const struct list *all,
              const struct list *have)
{
    struct staff_option *o = all->v;
    struct columns       names = columns_for(rq, all->n);
    struct columns       fills = columns_for(rq, all->n), renamed, axes;
    bool                 every = order_changes(all, have);
    size_t               n = 0;

    axes = columns_for(rq, all->n);
    for (size_t i = 0; i < all->n; i++) {
        n += o[i].choices.n;
        columns_add(&names, o[i].id, NULL, o[i].name);
    }
    renamed = columns_for(rq, n);
    sql_options_park(rq, names.ids, names.words);

    for (size_t i = 0; i < all->n; i++) {
        if (uuid_is_none(o[i].id)) {
            names.ids.v[i] = o[i].id = new_id(rq);
            sql_option_insert(rq, &o[i], product, (int64_t) i + 1);
            columns_add(&axes, o[i].id, NULL, NULL);
            columns_add(&fills, fill_of(&o[i]), NULL, NULL);
        }
        choices_put(rq, product, &o[i], &renamed);
    }
    sql_options_set(rq, names.ids, names.words);
    words_put(rq, all);
    sql_variants_follow(rq, product, axes.ids, fills.ids, renamed.ids, every);
}


/* All options went, so there was no variant: now there is the one of a product
 * without options. */
void
product_options_put(struct request *rq, const struct staff_product *p)
{
    struct options_reading r;
    struct list            have;

    options_start(rq, &r, p->id);
    have = options_end(rq, &r);
    options_check(rq, &p->options, &have);

    gone_delete(rq, &p->options, &have);
    new_ids(rq, &p->options);
    options_write(rq, p->id, &p->options, &have);
    if (p->options.n == 0 && have.n > 0)
        variant_insert_only(rq, p->id);
}
