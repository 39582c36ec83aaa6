/*
 * store_api.c - GET /api/v1/store, and the context of every other request.
 */
#include "store/store.h"

#include "core/arena.h"
#include "core/problem.h"
#include "store/store.sql.h"

const struct field store[] = {
    SHAPE(store, "Store"),
    FIELD(store, channel_id, UUID, .prefix = "chan", .required = true),
    FIELD(store, channel, TEXT, .required = true,
          .doc = "Short name of the channel"),
    FIELD(store, name, TEXT, .required = true),
    FIELD(store, currency, TEXT, .required = true,
          .doc = "Currency when none is asked for"),
    FIELD(store, currencies, TEXTS, .required = true),
    FIELD(store, locale, TEXT, .required = true,
          .doc = "Language when none is asked for"),
    FIELD(store, locales, TEXTS, .required = true),
    END_SHAPE
};

static const struct problem no_store = {
    503, "not_migrated", "The database has no default channel.",
};


static const char *
keep(struct arena *a, const char *text, bool *failed)
{
    const char *copy = arena_copy(a, text, strlen(text));

    *failed |= copy == NULL;
    return copy;
}


static struct texts
keep_all(struct arena *a, const struct texts *in, bool *failed)
{
    struct texts out = { 0, arena_alloc(a, in->n * sizeof(char *) + 1) };

    *failed |= out.v == NULL;
    for (; !*failed && out.n < in->n; out.n++)
        out.v[out.n] = keep(a, in->v[out.n], failed);

    return out;
}


/* A copy that outlives the request that read it. */
static void *
settings_load(struct request *rq, struct arena *a)
{
    const struct store *s = sql_store(rq);
    struct store       *out;
    bool                failed = false;

    if (s == NULL)
        fail(rq, &no_store);
    out = arena_alloc(a, sizeof(*out));
    if (out == NULL)
        return NULL;

    out->channel_id = s->channel_id;
    out->channel = keep(a, s->channel, &failed);
    out->name = keep(a, s->name, &failed);
    out->currency = keep(a, s->currency, &failed);
    out->locale = keep(a, s->locale, &failed);
    out->currencies = keep_all(a, &s->currencies, &failed);
    out->locales = keep_all(a, &s->locales, &failed);

    return failed ? NULL : out;
}


/* The texts live in the settings, which may be replaced while the request
 * waits: what is kept is the request's own copy of them, made by core. */
static const struct problem *
context_of(const void *settings, unsigned axes, const char *locale,
           const char *currency, const char *accept_language,
           struct context *out, const char **parameter)
{
    const struct store *s = settings;

    out->channel_id = s->channel_id;
    out->channel = s->channel;
    out->fallback = s->locale;
    out->locale = store_locale(s, locale, accept_language);
    out->currency = store_currency(s, currency);

    if ((axes & BY_LOCALE) && out->locale == NULL) {
        *parameter = "locale";
        return &unknown_locale;
    }
    if ((axes & BY_CURRENCY) && out->currency == NULL) {
        *parameter = "currency";
        return &unknown_currency;
    }

    return NULL;
}


/* GET /api/v1/store - what the parameters locale and currency may say, and
 * what goes without saying */
static void
store_show(struct request *rq)
{
    const struct store *s = sql_store(rq);

    if (s == NULL)
        fail(rq, &no_store);

    reply(rq, 200, store, s);
}


static const struct route store_routes[] = {
    { GET, "/api/v1/store", store_show, PUBLIC, .view = store,
      .summary = "Currencies and languages of the shop" },
    END_ROUTES
};

const struct domain store_domain = {
    "store", .routes = store_routes, .statements = store_statements,
    .settings_load = settings_load, .settings = store,
    .context_of = context_of,
};
