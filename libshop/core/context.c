/*
 * context.c - which channel, language and currency a request means.
 *
 * Functions return a problem or NULL, except that settings which are old are
 * read first, which waits and may fail.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"


/* The settings may be replaced while this request waits: it keeps copies. */
static const struct problem *
context_keep(struct request *rq)
{
    const char **text[] = { &rq->context.channel, &rq->context.locale,
                            &rq->context.fallback, &rq->context.currency };

    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        if (*text[i] != NULL)
            *text[i] = arena_copy(&rq->attempt, *text[i], strlen(*text[i]));
    }

    return rq->context.channel == NULL ? &out_of_memory : NULL;
}


const struct problem *
context_of(const struct shop *shop, const struct route *route,
           shop_str_t accept, const char *locale, const char *currency,
           struct context *out, const char **wrong)
{
    char languages[256];

    if (accept.len >= sizeof(languages))
        accept.len = 0;
    if (accept.len != 0)
        memcpy(languages, accept.data, accept.len);
    languages[accept.len] = '\0';

    return settings_domain()->context_of(
        shop->settings.data, route->axes, locale, currency,
        accept.len == 0 ? NULL : languages, out, wrong);
}


const struct problem *
context_choose(struct request *rq)
{
    const struct domain  *d = settings_domain();
    const struct problem *p;
    const char           *wrong = NULL;

    if (d == NULL || rq->route->axes == 0)
        return NULL;
    settings_refresh(rq);
    rq->keep.settings_born = rq->shop->settings.born;

    p = context_of(rq->shop, rq->route,
                   rq->in->header[SHOP_H_ACCEPT_LANGUAGE], rq->context.locale,
                   rq->context.currency, &rq->context, &wrong);
    if (p != NULL && wrong != NULL)
        fault_add(&rq->faults, NULL, wrong, p->code, p->title);

    return p != NULL ? p : context_keep(rq);
}


/* --- the languages of what is written ------------------------------------- */


/* By its own name: a text in "tr-TR" has no place where "tr" is spoken. */
enum language
language_of(struct request *rq, const char *locale)
{
    const struct domain *d = settings_domain();
    struct context       c = { 0 };
    const char          *wrong;

    if (d == NULL)
        return SPOKEN;
    if (d->context_of(rq->shop->settings.data, BY_LOCALE, locale, NULL, NULL,
                      &c, &wrong) != NULL
        || strcmp(c.locale, locale) != 0)
        return FOREIGN;

    return strcmp(c.fallback, locale) == 0 ? OWN : SPOKEN;
}
