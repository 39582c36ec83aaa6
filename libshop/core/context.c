/*
 * context.c - which channel, language and currency a request means, and the
 * settings that decide it.
 *
 * The settings are read again when the tag "store" was touched, so what a
 * merchant changes shows with the next poll.  Whoever finds them old reads
 * them; who comes meanwhile goes on with the old ones, but keeps no answer
 * that was made from them.
 *
 * Functions return a problem or NULL, except that loading waits and may fail.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#define WITHOUT_POLL_MS  1000   /* good for so long when nobody polls        */
#define LOADING_MS       1000   /* then somebody else tries                  */


static const struct domain *
settings_domain(void)
{
    for (size_t i = 0; domains[i] != NULL; i++) {
        if (domains[i]->context_of != NULL)
            return domains[i];
    }

    return NULL;
}


bool
settings_good(const struct shop *shop)
{
    const struct settings *s = &shop->settings;
    uint64_t               now = shop_now_ms(shop);

    if (s->data == NULL || !cache_good(&shop->cache, s->born, &s->tag, 1))
        return false;

    return cache_lease_good(&shop->cache, now)
           || now - s->loaded_ms < WITHOUT_POLL_MS;
}


static void
settings_load(struct request *rq, const struct domain *d)
{
    struct settings *s = &rq->shop->settings;
    struct arena     fresh = { 0 };
    uint64_t         born = cache_clock(&rq->shop->cache);
    void            *data;

    s->asked_ms = shop_now_ms(rq->shop);
    data = d->settings_load(rq, &fresh);
    if (data == NULL) {
        arena_reset(&fresh);
        fail(rq, &out_of_memory);
    }
    arena_reset(&s->arena);
    s->arena = fresh;
    s->data = data;
    s->tag = cache_tag("store", 5);
    s->born = born;
    s->loaded_ms = shop_now_ms(rq->shop);
    s->asked_ms = 0;
}


static void
settings_refresh(struct request *rq, const struct domain *d)
{
    struct settings *s = &rq->shop->settings;

    if (settings_good(rq->shop))
        return;

    if (s->data != NULL && s->asked_ms != 0
        && shop_now_ms(rq->shop) - s->asked_ms < LOADING_MS)
    {
        rq->keep.old_only = true;
        return;
    }
    settings_load(rq, d);
    if (rq->route->flags & CACHED)
        kept_key(rq);
}


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
    settings_refresh(rq, d);
    rq->keep.settings_born = rq->shop->settings.born;

    p = context_of(rq->shop, rq->route,
                   rq->in->header[SHOP_H_ACCEPT_LANGUAGE], rq->context.locale,
                   rq->context.currency, &rq->context, &wrong);
    if (p != NULL && wrong != NULL)
        fault_add(&rq->faults, NULL, wrong, p->code, p->title);

    return p != NULL ? p : context_keep(rq);
}


/* --- the languages of what is written ------------------------------------- */


/* The transaction would begin with this read otherwise, and what takes a
 * thread comes before it. */
void
languages_load(struct request *rq)
{
    const struct domain *d = settings_domain();

    if (d != NULL)
        settings_refresh(rq, d);
}


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
