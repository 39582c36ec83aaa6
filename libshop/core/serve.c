/*
 * serve.c - the story of one request, in its coroutine: who asks, for what,
 * handler, commit; and the functions by which a handler reads and leaves.
 *
 * What stands above "the story" returns a problem or NULL; what stands below
 * fails and does not return.
 */
#include "core/pace.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#include <stdio.h>
#include <strings.h>

#include "core/env.h"
#include "core/once.sql.h"

#define SEEN_MS  60000
#define TRACE_MAX  64           /* as long as the module lets ids be        */


/* Which members of the answer are asked for; of a page, of each of its rows. */
static void
fields_parse(struct request *rq, const char *names)
{
    rq->some = shape_some(rq->route->view, names, rq->route->flags & BRIEF);
    if (rq->some == 0)
        fault_add(&rq->faults, NULL, "fields", "not_one_of",
                  "must be names of members of the answer, with commas between"
                  " them");
}


/* One name=value: locale, currency, paging, members, or the route's own. */
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
    } else if (route_shows_some(rq->route) && strcmp(name, "fields") == 0) {
        fields_parse(rq, value);
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
    rq->some = 0;
    rq->page.limit = 20 + 1;
    if (rq->route->sorts != NULL)
        rq->page.sort = rq->route->sorts[0];

    while (at < end && p == NULL) {
        const char *amp = *at == '&' ? at
                                     : memchr(at, '&', (size_t) (end - at));
        size_t      n = (size_t) ((amp == NULL ? end : amp) - at);

        if (n != 0)
            p = pair(rq, into, at, n, &seen);
        at += n + 1;
    }

    if (p == NULL && rq->faults.n == 0 && rq->cursor != NULL)
        p = cursor_parse(rq);
    if (p != NULL || rq->faults.n == 0)
        return p;

    return rq->faults.status == 400 ? &bad_query : &wrong_query;
}


/* --- who may ------------------------------------------------------------- */


/* Where everyone may, nobody is asked who he is. */
const struct problem *
caller_find(struct request *rq)
{
    shop_str_t token = pace_token(rq->in);
    bool       known = false;

    if (rq->route->may == PUBLIC)
        return NULL;
    if (token.len == 0)
        return &unauthenticated;

    for (size_t i = 0; domains[i] != NULL && !known; i++) {
        if (domains[i]->authenticate != NULL)
            known = domains[i]->authenticate(rq, token.data, token.len,
                                             &rq->caller);
    }
    if (!known) {
        pace_guessed(rq);
        return &invalid_token;
    }

    return (rq->caller.scopes & rq->route->may) == 0 ? &forbidden : NULL;
}


static const struct problem *
precondition(struct request *rq)
{
    return (rq->route->flags & IF_MATCH)
           && rq->in->header[SHOP_H_IF_MATCH].len == 0 ? &if_match_required
                                                       : NULL;
}


/* Is it a minute since this worker noted that the caller was here?  Two that
 * meet in one place are noted more often than that. */
static bool
is_news(struct request *rq)
{
    struct sighting *s = &rq->shop->seen[rq->caller.id.b[15] % SIGHTINGS];
    uint64_t         now = shop_now_ms(rq->shop);

    if (rq->caller.kind != KEY
        || (uuid_equal(s->id, rq->caller.id) && now - s->ms < SEEN_MS))
        return false;

    s->id = rq->caller.id;
    s->ms = now;

    return true;
}


static void
note_caller(struct request *rq)
{
    for (size_t i = 0; domains[i] != NULL; i++) {
        if (domains[i]->seen != NULL)
            domains[i]->seen(rq);
    }
}


/* --- the story ----------------------------------------------------------- */


/* What is refused here has cost no transaction. */
static const struct problem *
admit(struct request *rq)
{
    static const struct problem *(*const steps[])(struct request *rq) = {
        caller_find, query_parse, context_choose, precondition, once_parse,
        body_parse,
    };
    const struct problem *p = NULL;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !p; i++)
        p = steps[i](rq);

    return p;
}


/* All is done and checked, also what is checked at COMMIT, and nothing stays:
 * the transaction ends with the request. */
static void
rehearse(struct request *rq)
{
    sql_constraints_now(rq);
    rq->answer.location = NULL;
    header(rq, "Preference-Applied", "dry-run");
}


/* Once with the key, whatever the number of attempts and repetitions. */
static void
change(struct request *rq)
{
    if (rq->route->flags & LANGUAGES)
        settings_refresh(rq);
    rq->in_tx = true;
    rq->route->handler(rq);
    if (prefers(rq, "dry-run")) {
        rehearse(rq);
        return;
    }
    if (is_news(rq))
        note_caller(rq);
    once_store(rq);
    commit(rq);
    reply_as_preferred(rq);
}


/* What a request spends on kept answers: its waiting for whoever makes the
 * same one, and for compression. */
static bool
take_kept(struct request *rq)
{
    uint64_t from = shop_env.mono_us();
    bool     taken = kept_fill(rq);

    rq->cache_us += (uint32_t) (shop_env.mono_us() - from);

    return taken;
}


static void
keep(struct request *rq)
{
    uint64_t from = shop_env.mono_us();

    kept_store(rq);
    rq->cache_us += (uint32_t) (shop_env.mono_us() - from);
}


/* A read is not refused because nobody could note who made it. */
static void
show(struct request *rq)
{
    bool kept = rq->route->flags & CACHED;

    if (kept && take_kept(rq))
        return;
    rq->route->handler(rq);
    if (rq->stream.open)
        stream_flush(rq);
    if (kept)
        keep(rq);
    if (is_news(rq)) {
        rq->answered = true;
        rq->in_tx = true;
        note_caller(rq);
        commit(rq);
    }
}


void
serve(void *data)
{
    struct request       *rq = data;
    const struct problem *p;

    if (rq->route->flags & CACHED)
        kept_key(rq);
    p = admit(rq);
    if (p != NULL)
        fail(rq, p);

    if (rq->route->flags & TX)
        change(rq);
    else
        show(rq);
    rq->state = DONE;
}


/* --- for handlers -------------------------------------------------------- */


/* Does it mean that PostgreSQL cannot answer? */
static bool
is_outage(const struct problem *p)
{
    return p == &database_unavailable || p == &database_timeout
           || p == &overloaded;
}


_Noreturn void
fail(struct request *rq, const struct problem *p)
{
    if (!rq->answered && (!is_outage(p) || !kept_serve_old(rq)))
        stage_problem(rq, p);
    if (rq->once_begun)
        rollback(rq);           /* the key is free when he is told */
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


/* A host that is no nginx may hand over anything as an id: what is not plain
 * would fail the transaction that it is to be found by. */
const char *
trace(struct request *rq)
{
    shop_str_t  id = rq->in->request_id;
    char       *out;

    if (id.len == 0)
        return NULL;
    if (id.len > TRACE_MAX)
        id.len = TRACE_MAX;
    out = alloc(rq, id.len + 1);
    for (size_t i = 0; i < id.len; i++)
        out[i] = id.data[i] > ' ' && id.data[i] < 0x7f ? id.data[i] : '?';

    return out;
}


const void *
request_query(struct request *rq, const struct field *shape)
{
    (void) shape;
    return rq->query;
}


const struct caller *
caller(struct request *rq)
{
    if (rq->route->flags & CACHED) {
        shop_log(rq->shop, SHOP_LOG_ERROR, "%s asks who calls, but its answer "
                 "is kept for everyone", rq->route->path);
        fail(rq, &internal_error);
    }

    return &rq->caller;
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


/* Which parameter of the route's path has the name. */
static size_t
parameter_named(const char *path, const char *name)
{
    const char *at = path;
    size_t      i = 0, n = strlen(name);

    while ((at = strstr(at, "/:")) != NULL
           && (strncmp(at + 2, name, n) != 0
               || (at[2 + n] != '/' && at[2 + n] != '\0')))
    {
        at += 2;
        i++;
    }

    return i;
}


const char *
path_text(struct request *rq, const char *name)
{
    size_t   i = parameter_named(rq->route->path, name);
    char    *out;
    ssize_t  got;

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


bool
uuid_equal(uuid a, uuid b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}


uuid
new_id(struct request *rq)
{
    uint8_t random[10];

    if (shop_env.random(random, sizeof(random)) != 0)
        fail(rq, &internal_error);

    return uuid_v7(shop_env.now_us(), random);
}


const char *
id_of(struct request *rq, const char *prefix, uuid id)
{
    char text[26];

    uuid_base32(text, id);
    return text_of(rq, "%s_%.26s", prefix, text);
}
