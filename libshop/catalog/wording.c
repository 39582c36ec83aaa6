/*
 * wording.c - the texts of products and categories, in each language: HTML
 * made harmless, slugs made where none is given, all of it written.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"


/* What a fault or a broken constraint of this text points at. */
static const char *
place_of(struct request *rq, const struct wording *w)
{
    return w->locale == NULL ? ""
                             : text_of(rq, "/translations/%s", w->locale);
}


static const char *
pointer_to(struct request *rq, const struct wording *w, const char *member)
{
    return text_of(rq, "%s/%s", place_of(rq, w), member);
}


/* --- HTML ---------------------------------------------------------------- */


static struct html_text
html_of(struct request *rq, struct wording *w)
{
    return (struct html_text) { &w->description,
                                pointer_to(rq, w, "description") };
}


/* A text over the limits is a fault.  With faults the request ends here: its
 * transaction has not begun yet. */
void
wordings_clean(struct request *rq, struct wording *text,
               const struct list *translations)
{
    struct wording   *w = translations->v;
    size_t            n = translations->n;
    struct html_text *all = alloc(rq, (n + 1) * sizeof(*all));

    for (size_t i = 0; i < n; i++)
        all[i] = html_of(rq, &w[i]);
    all[n] = html_of(rq, text);
    html_clean_all(rq, all, n + 1);
    faults_check(rq);
}


static struct wording *
wording_in(const struct list *list, const char *locale)
{
    struct wording *w = list->v;

    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(w[i].locale, locale) == 0)
            return &w[i];
    }

    return NULL;
}


/* A patch is read again over what it changes, so the raw HTML came along. */
void
wordings_lay(const struct wording *text, const struct list *translations,
             struct wording *to, const struct list *to_translations)
{
    const struct wording *from = translations->v;

    if (text->description != NULL)
        to->description = text->description;

    for (size_t i = 0; i < translations->n; i++) {
        struct wording *w = wording_in(to_translations, from[i].locale);

        if (w != NULL && from[i].description != NULL)
            w->description = from[i].description;
    }
}


/* --- rules --------------------------------------------------------------- */


/* The shop's own language is not a translation: two places for one text would
 * contradict each other. */
bool
language_check(struct request *rq, const char *locale, const char *place)
{
    enum language l = language_of(rq, locale);

    if (l == FOREIGN)
        fault(rq, place, unknown_language.code, unknown_language.title);
    if (l == OWN)
        fault(rq, place, "default_language",
              "is the shop's own language, whose texts are not translations");

    return l != FOREIGN;
}


bool
languages_check(struct request *rq, const struct list *translations)
{
    const struct wording *w = translations->v;
    bool                  good = true;

    for (size_t i = 0; i < translations->n; i++)
        good &= language_check(rq, w[i].locale, place_of(rq, &w[i]));

    return good;
}


/* A new language of a patch may lack what the shape asks of a whole body. */
static void
complete(struct request *rq, const char *title, struct wording *w)
{
    if (w->title == NULL) {
        fault(rq, pointer_to(rq, w, title), "required", "must be given");
        return;
    }
    if (w->slug == NULL)
        w->slug = slug_of(rq, w->title);
    if (w->slug == NULL)
        fault(rq, pointer_to(rq, w, "slug"), "required",
              "must be given, as none can be made of the title");
}


void
wordings_complete(struct request *rq, const char *title,
                  struct wording *text, const struct list *translations)
{
    struct wording *w = translations->v;

    complete(rq, title, text);
    for (size_t i = 0; i < translations->n; i++)
        complete(rq, title, &w[i]);
}


/* --- writing ------------------------------------------------------------- */


static struct texts
languages(struct request *rq, const struct list *translations)
{
    const struct wording *w = translations->v;
    struct texts          t = { 0, NULL };

    t.v = alloc(rq, translations->n * sizeof(*t.v) + 1);
    for (; t.n < translations->n; t.n++)
        t.v[t.n] = w[t.n].locale;

    return t;
}


/* What was found by this slug, in any language, may be another thing now.  What
 * was found by the former one has the tag of its owner. */
static void
slug_put(struct request *rq, const char *kind, uuid owner,
         const struct wording *w)
{
    uuid channel = caller(rq)->channel_id;

    if (sql_slug_put(rq, kind, owner, channel, w->locale, w->slug) != 0)
        touch(rq, text_of(rq, "slug:%s:%s", kind, w->slug));
}


/* The count is that of redirects: one for each slug that goes. */
static void
slugs_keep(struct request *rq, const char *kind, uuid owner,
           struct texts kept)
{
    if (sql_slugs_keep(rq, kind, owner, caller(rq)->channel_id, kept) != 0)
        touch(rq, "slug:*");
}


/* Each row is written by itself, so that a constraint that it breaks is shown
 * at its place in the body; rows that say the same already are not. */
void
product_wordings_put(struct request *rq, const struct staff_product *p)
{
    const struct wording *w = p->translations.v;
    struct texts          kept = languages(rq, &p->translations);

    within(rq, "%s", "");
    sql_product_wording_put(rq, &p->text, p->id);
    slug_put(rq, "product", p->id, &p->text);
    sql_product_wordings_keep(rq, p->id, kept);
    slugs_keep(rq, "product", p->id, kept);

    for (size_t i = 0; i < p->translations.n; i++) {
        within(rq, "%s", place_of(rq, &w[i]));
        sql_product_wording_put(rq, &w[i], p->id);
        slug_put(rq, "product", p->id, &w[i]);
    }
    within(rq, "%s", "");
}


void
category_wordings_put(struct request *rq, const struct staff_category *c)
{
    const struct wording *w = c->translations.v;
    struct texts          kept = languages(rq, &c->translations);

    within(rq, "%s", "");
    sql_category_wording_put(rq, &c->text, c->id);
    slug_put(rq, "category", c->id, &c->text);
    sql_category_wordings_keep(rq, c->id, kept);
    slugs_keep(rq, "category", c->id, kept);

    for (size_t i = 0; i < c->translations.n; i++) {
        within(rq, "%s", place_of(rq, &w[i]));
        sql_category_wording_put(rq, &w[i], c->id);
        slug_put(rq, "category", c->id, &w[i]);
    }
    within(rq, "%s", "");
}
