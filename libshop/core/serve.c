/*
 * serve.c - the story of one request, in its coroutine: query, context,
 * handler; and the functions by which a handler reads and leaves.
 *
 * What stands above "for handlers" returns a problem or NULL; what stands
 * below fails and does not return.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#include <stdio.h>

#define SETTINGS_MS  1000       /* what a merchant changes shows after this  */


/* One name=value: locale, currency, paging, or the route's own. */
static const struct problem *
parameter(struct request *rq, void *into, char *name, char *value, size_t n)
{
    unsigned axes = rq->route->axes;

    if ((axes & BY_LOCALE) && strcmp(name, "locale") == 0) {
        rq->context.locale = value;
    } else if ((axes & BY_CURRENCY) && strcmp(name, "currency") == 0) {
        rq->context.currency = value;
    } else if ((rq->route->flags & PAGED)
               && (strcmp(name, "limit") == 0 || strcmp(name, "sort") == 0
                   || strcmp(name, "cursor") == 0)) {
        page_parse(rq, name, value, n);
    } else if (rq->route->query == NULL) {
        fault_add(&rq->faults, NULL, name, "unknown",
                  "This address does not know the parameter.");
    } else if (shape_from_query(rq->route->query, into, name, value, n,
                                &rq->attempt, &rq->faults) < 0) {
        return &out_of_memory;
    }

    return NULL;
}


/* Decode one part of the query; it is NUL-ended UTF-8 afterwards. */
static char *
decode(struct request *rq, const char *text, size_t n, size_t *len)
{
    char    *out = arena_alloc(&rq->attempt, n + 1);
    ssize_t  got = out == NULL ? -1 : percent_decode(out, text, n, true);

    if (got < 0 || utf8_length(out, (size_t) got) < 0)
        return NULL;
    out[got] = '\0';
    *len = (size_t) got;

    return out;
}


static const struct problem *
pair(struct request *rq, void *into, const char *at, size_t n,
     struct texts *seen)
{
    const char *eq = memchr(at, '=', n);
    size_t      n_name = eq == NULL ? n : (size_t) (eq - at);
    size_t      len, n_value = eq == NULL ? 0 : n - n_name - 1;
    char       *name = decode(rq, at, n_name, &len);
    char       *value = decode(rq, eq == NULL ? "" : eq + 1, n_value, &len);

    if (name == NULL || value == NULL || seen->n == 32)
        return &bad_query;

    for (size_t i = 0; i < seen->n; i++) {
        if (strcmp(seen->v[i], name) == 0) {
            fault_add(&rq->faults, NULL, name, "repeated",
                      "The parameter may stand once.");
            return NULL;
        }
    }
    seen->v[seen->n++] = name;

    return parameter(rq, into, name, value, len);
}


const struct problem *
query_parse(struct request *rq)
{
    const struct field   *shape = rq->route->query;
    const struct problem *p = NULL;
    const char           *at = rq->in->query.data;
    const char           *end = at + rq->in->query.len;
    const char           *names[32];
    struct texts          seen = { 0, names };
    void                 *into = NULL;

    if (shape != NULL) {
        into = arena_zalloc(&rq->attempt, shape->size);
        if (into == NULL)
            return &out_of_memory;
        shape_clear(shape, into);
    }
    rq->query = into;
    rq->page.limit = 20 + 1;
    if (rq->route->sorts != NULL)
        rq->page.sort = rq->route->sorts[0];

    while (at < end && p == NULL) {
        const char *amp = memchr(at, '&', (size_t) (end - at));
        size_t      n = (size_t) ((amp == NULL ? end : amp) - at);

        if (n != 0)
            p = pair(rq, into, at, n, &seen);
        at += n + 1;
    }

    if (p == NULL && rq->faults.n == 0 && rq->cursor != NULL)
        p = cursor_parse(rq);

    return p != NULL ? p : rq->faults.n != 0 ? &wrong_query : NULL;
}


/* The settings, read again when they are older than a second.  Requests that
 * come meanwhile go on with the old ones. */
static void
settings_refresh(struct request *rq, const struct domain *d)
{
    struct settings *s = &rq->shop->settings;
    struct arena     fresh = { 0 };
    void            *data;

    if (s->data != NULL && shop_now_ms(rq->shop) - s->loaded_ms < SETTINGS_MS)
        return;

    s->loaded_ms = shop_now_ms(rq->shop);
    data = d->settings_load(rq, &fresh);
    if (data == NULL) {
        arena_reset(&fresh);
        fail(rq, &out_of_memory);
    }
    arena_reset(&s->arena);
    s->arena = fresh;
    s->data = data;
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
context_choose(struct request *rq)
{
    const struct domain  *d = NULL;
    const struct problem *p;
    const char           *wrong = NULL, *languages = NULL;
    shop_str_t            accept = rq->in->header[SHOP_H_ACCEPT_LANGUAGE];

    for (size_t i = 0; domains[i] != NULL; i++) {
        if (domains[i]->context_of != NULL)
            d = domains[i];
    }
    if (d == NULL || rq->route->axes == 0)
        return NULL;
    settings_refresh(rq, d);

    if (accept.len != 0)
        languages = arena_copy(&rq->attempt, accept.data, accept.len);

    p = d->context_of(rq->shop->settings.data, rq->route->axes,
                      rq->context.locale, rq->context.currency, languages,
                      &rq->context, &wrong);
    if (p != NULL && wrong != NULL)
        fault_add(&rq->faults, NULL, wrong, p->code, p->title);

    return p != NULL ? p : context_keep(rq);
}


void
serve(void *data)
{
    struct request       *rq = data;
    const struct problem *p = query_parse(rq);

    if (p != NULL)
        fail(rq, p);
    if (!(rq->route->flags & NO_DB) && (p = context_choose(rq)) != NULL)
        fail(rq, p);

    rq->route->handler(rq);
    rq->state = DONE;
}


/* --- for handlers -------------------------------------------------------- */


_Noreturn void
fail(struct request *rq, const struct problem *p)
{
    stage_problem(rq, p);
    request_leave(rq, FAILED);
}


void *
alloc(struct request *rq, size_t size)
{
    void *p = arena_zalloc(&rq->attempt, size);

    if (p == NULL)
        fail(rq, &out_of_memory);

    return p;
}


const char *
text_copy(struct request *rq, const char *text)
{
    char *p = arena_copy(&rq->attempt, text, strlen(text));

    if (p == NULL)
        fail(rq, &out_of_memory);

    return p;
}


const char *
text_of(struct request *rq, const char *format, ...)
{
    va_list  args;
    int      n;
    char    *out;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);

    out = alloc(rq, (size_t) n + 1);
    va_start(args, format);
    vsnprintf(out, (size_t) n + 1, format, args);
    va_end(args);

    return out;
}


const void *
request_query(struct request *rq, const struct field *shape)
{
    (void) shape;
    return rq->query;
}


const struct context *
context(struct request *rq)
{
    return &rq->context;
}


const struct page *
page(struct request *rq)
{
    return &rq->page;
}


const char *
path_text(struct request *rq, const char *name)
{
    const char *at = rq->route->path;
    size_t      i = 0, n = strlen(name);
    char       *out;
    ssize_t     got;

    while ((at = strstr(at, "/:")) != NULL && strncmp(at + 2, name, n) != 0) {
        at += 2;
        i++;
    }

    out = alloc(rq, rq->match.param[i].len + 1);
    got = percent_decode(out, rq->match.param[i].data,
                         rq->match.param[i].len, false);
    if (got < 0 || utf8_length(out, (size_t) got) < 0)
        fail(rq, &bad_path);
    out[got] = '\0';

    return out;
}


uuid
path_id(struct request *rq, const char *name, const char *prefix)
{
    const char *text = path_text(rq, name);
    uuid        id;

    if (!id_parse(&id, prefix, text, strlen(text)))
        fail(rq, &not_found);

    return id;
}


bool
uuid_is_none(uuid id)
{
    static const uuid none;

    return memcmp(&id, &none, sizeof(id)) == 0;
}
