/*
 * openapi_answer.c - what a route may answer: its success, and every problem
 * that it or the way to it knows.
 *
 * Which general problems a route has follows from its row: who has a path
 * parameter can miss, who is paged can be given a wrong cursor.
 *
 * This side of the convention: a buffer that failed says so once, at the end.
 */
#include "core/openapi.h"

#include "core/banned.h"
#include "core/problem.h"

#define PROBLEMS_MAX  64

enum {                          /* what of a route brings problems with it   */
    ANY      = 1 << 0,
    PATH     = 1 << 1,          /* a parameter in its path                   */
    CURSOR   = 1 << 2,
    DATABASE = 1 << 3,
    LANGUAGE = 1 << 4,
    MONEYED  = 1 << 5,          /* a currency can be asked for               */
    SCOPED   = 1 << 6,
    BODY     = 1 << 7,
    KEYED    = 1 << 8,          /* Idempotency-Key                           */
    MATCHED  = 1 << 9,          /* If-Match must come                        */
    CHANGES  = 1 << 10,
    VERSION  = 1 << 11,         /* changes what has one: If-Match may come   */
    LIMITED  = 1 << 12          /* asked too often, it is refused            */
};

/* In the order in which a request meets them: what it says is read, who asks
 * is found, what is asked is looked for, and then all the rest can still go
 * wrong.  Each code stands here once; its status sorts it. */
static const struct {
    unsigned               when;
    const struct problem  *problem;
} general[] = {
    { ANY,      &bad_query },
    { PATH,     &bad_path },
    { CURSOR,   &bad_cursor },
    { BODY,     &bad_body },
    { KEYED,    &bad_idempotency_key },
    { SCOPED,   &unauthenticated },
    { SCOPED,   &invalid_token },
    { SCOPED,   &forbidden },
    { PATH,     &not_found },
    { KEYED,    &request_in_progress },
    { VERSION,  &version_mismatch },
    { BODY,     &unsupported_media_type },
    { ANY,      &wrong_query },
    { LANGUAGE, &unknown_locale },
    { MONEYED,  &unknown_currency },
    { BODY,     &wrong_body },
    { KEYED,    &idempotency_key_reused },
    { MATCHED,  &if_match_required },
    { LIMITED,  &too_many_requests },
    { ANY,      &internal_error },
    { ANY,      &out_of_memory },
    { ANY,      &overloaded },
    { ANY,      &shutting_down },
    { DATABASE, &database_unavailable },
    { DATABASE, &not_migrated },
    { CHANGES,  &contention },
    { CHANGES,  &outcome_unknown },
    { DATABASE, &deadline_exceeded },
    { DATABASE, &database_timeout },
};

/* What nginx may answer for any route, beside what stands under "default":
 * the statuses that routes have themselves. */
static const struct { unsigned when; int status; } of_host[] = {
    { ANY, 400 }, { BODY, 413 }, { ANY, 503 }, { DATABASE, 504 },
};

/* Of one route.  The bound is far above what any has; a problem too many would
 * be missing in the document, and be found by the test that holds answers
 * against it. */
struct problems {
    size_t                 n;
    const struct problem  *v[PROBLEMS_MAX];
};


/* What is made new, or is shown without a version, has none to compare. */
bool
openapi_versioned(const struct route *r)
{
    const struct field *f = r->view;

    if (!(r->flags & TX) || strstr(r->path, "/:") == NULL || r->status == 201)
        return false;
    while (f != NULL && f->name != NULL && strcmp(f->name, "version") != 0)
        f++;

    return (r->flags & IF_MATCH) || (f != NULL && f->name != NULL);
}


/* Each line is a promise of the core: what it checks for a route with that in
 * its row. */
static unsigned
traits(const struct route *r)
{
    return ANY
           | (strstr(r->path, "/:") != NULL ? PATH : 0)
           | (r->flags & PAGED ? CURSOR : 0)
           | (r->flags & NO_DB ? 0 : DATABASE)
           | (r->axes & BY_LOCALE ? LANGUAGE : 0)
           | (r->axes & BY_CURRENCY ? MONEYED : 0)
           | (r->may != PUBLIC ? SCOPED : 0)
           | (r->method != GET ? BODY : 0)
           | (r->flags & ONCE ? KEYED : 0)
           | (r->flags & IF_MATCH ? MATCHED : 0)
           | (r->flags & TX ? CHANGES : 0)
           | (openapi_versioned(r) ? VERSION : 0)
           | (r->flags & FREE ? 0 : LIMITED);
}


/* In the order of statuses, which is that of reading; each once. */
static void
add(struct problems *all, const struct problem *p)
{
    size_t i = all->n;

    for (size_t k = 0; k < all->n; k++) {
        if (all->v[k]->status == p->status
            && strcmp(all->v[k]->code, p->code) == 0)
            return;
    }
    if (all->n == PROBLEMS_MAX)
        return;

    while (i > 0 && all->v[i - 1]->status > p->status) {
        all->v[i] = all->v[i - 1];
        i--;
    }
    all->v[i] = p;
    all->n++;
}


/* The route's own come first, so that of one status they are named before the
 * general ones. */
static void
gather(struct problems *all, const struct route *r)
{
    unsigned has = traits(r);

    for (const struct problem *const *p = r->problems; p && *p; p++)
        add(all, *p);
    for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++) {
        if (general[i].when & has)
            add(all, general[i].problem);
    }
    for (size_t i = 0; i < sizeof(of_host) / sizeof(of_host[0]); i++) {
        const struct problem *p = problems_of_host;

        while (p->code != NULL && p->status != of_host[i].status)
            p++;
        if ((of_host[i].when & has) && p->code != NULL)
            add(all, p);
    }
}


/* --- writing ------------------------------------------------------------- */


/* What an answer of this status carries, in the order in which it matters to a
 * client.  The ETag of a change is the new version, for the next If-Match. */
static void
headers(struct buf *b, const struct route *r, int status)
{
    bool locale = r->axes & BY_LOCALE;
    bool done = status >= 200 && status < 300;
    bool tagged = r->method == GET && !(r->flags & (NO_DB | STREAM));
    const struct { bool sent; const char *name; } all[] = {
        { true,                                      "X-Request-Id" },
        { true,                                      "Cache-Control" },
        { (tagged && status <= 304 && status != 301)
          || (done && (r->flags & TX)),              "ETag" },
        { locale && status == 200,                   "Content-Language" },
        { locale && status < 500,                    "Vary" },
        { status == 201 || status == 301,            "Location" },
        { status == 503 || status == 429,            "Retry-After" },
        { !(r->flags & FREE),                        "RateLimit" },
        { !(r->flags & FREE),                        "RateLimit-Policy" },
        { status == 401,                             "WWW-Authenticate" },
        { done && (r->flags & TX),                   "Preference-Applied" },
        { done && (r->flags & ONCE),                 "Idempotent-Replayed" },
    };
    bool first = true;

    buf_str(b, ",\"headers\":{");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!all[i].sent)
            continue;
        openapi_key(b, all[i].name, &first);
        buf_format(b, "{\"$ref\":\"#/components/headers/%s\"}",
                   all[i].name);
    }
    buf_char(b, '}');
}


/* One page, a whole list, or one thing: as reply_page(), reply_list() and
 * reply() write them.  Lists have an object around them, so that they can be
 * given members later. */
static void
view_schema(struct buf *b, const struct route *r)
{
    enum schema_use use = r->flags & BRIEF ? SCHEMA_BRIEF : SCHEMA_ANSWER;
    bool            paged = r->flags & PAGED;

    if (r->view == NULL) {
        buf_str(b, r->media_type == NULL ? "{\"type\":\"object\"}"
                                         : "{\"type\":\"string\"}");
        return;
    }
    if (!paged && !(r->flags & WHOLE_LIST)) {
        openapi_ref(b, r->view, use);
        return;
    }

    buf_str(b, "{\"type\":\"object\",\"properties\":{\"data\":{\"type\":"
               "\"array\",\"items\":");
    openapi_ref(b, r->view, use);
    buf_str(b, paged ? "},\"has_more\":{\"type\":\"boolean\"},"
                       "\"next_cursor\":{\"type\":[\"string\",\"null\"]}},"
                       "\"required\":[\"data\",\"has_more\","
                       "\"next_cursor\"],\"additionalProperties\":false}"
                     : "}},\"required\":[\"data\"],"
                       "\"additionalProperties\":false}");
}


/* 204 has no content at all, not an empty one. */
static void
success(struct buf *b, const struct route *r, int status)
{
    buf_format(b, "\"%d\":{\"description\":\"%s\"", status,
               status == 201 ? "Made" : status == 204 ? "Done" : "As asked");
    headers(b, r, status);
    if (status != 204) {
        buf_str(b, ",\"content\":{");
        json_text(b, r->media_type ? r->media_type : "application/json",
                  r->media_type ? strlen(r->media_type) : 16);
        buf_str(b, ":{\"schema\":");
        view_schema(b, r);
        buf_str(b, "}}");
    }
    buf_char(b, '}');
}


/* What comes in place of the answer: less of it, or where else it is. */
static void
alternatives(struct buf *b, const struct route *r)
{
    if ((r->flags & TX) && (r->status == 0 || r->status == 200)) {
        buf_str(b, ",\"204\":{\"description\":\"Done, with Prefer: "
                   "return=minimal\"");
        headers(b, r, 204);
        buf_char(b, '}');
    }
    if (r->flags & MOVES) {
        buf_str(b, ",\"301\":{\"description\":\"It has another address now\"");
        headers(b, r, 301);
        buf_str(b, ",\"content\":{\"application/json\":{\"schema\":{\"type\":"
                   "\"object\",\"additionalProperties\":false}}}}");
    }
    if (r->method == GET && !(r->flags & (NO_DB | STREAM))) {
        buf_str(b, ",\"304\":{\"description\":\"The ETag given is that of "
                   "the present answer\"");
        headers(b, r, 304);
        buf_char(b, '}');
    }
}


/* A problem document with one of these codes. */
static void
problem_content(struct buf *b, const struct problem *const *v, size_t n)
{
    buf_str(b, ",\"content\":{\"application/problem+json\":{\"schema\":"
               "{\"allOf\":[{\"$ref\":\"#/components/schemas/Problem\"},"
               "{\"properties\":{\"code\":{\"enum\":[");
    for (size_t i = 0; i < n; i++)
        buf_format(b, "%s\"%s\"", i == 0 ? "" : ",", v[i]->code);
    buf_str(b, "]}}}]}}}");
}


/* It has no status: under "default" it stands for each that is not listed. */
void
openapi_host(struct buf *b)
{
    const struct problem *v[PROBLEMS_MAX];
    size_t                n = 0;

    while (n < PROBLEMS_MAX && problems_of_host[n].code != NULL) {
        v[n] = &problems_of_host[n];
        n++;
    }

    buf_str(b, "{\"description\":\"Refused by the server before the shop was "
               "asked\"");
    problem_content(b, v, n);
    buf_char(b, '}');
}


/* The problems of one status, from v[0]; returns how many. */
static size_t
one_status(struct buf *b, const struct route *r, const struct problem *const *v,
           size_t n)
{
    size_t same = 0;

    buf_format(b, ",\"%d\":{\"description\":\"", v[0]->status);
    for (; same < n && v[same]->status == v[0]->status; same++)
        buf_format(b, "%s%s: %s", same == 0 ? "" : "\\n", v[same]->code,
                   v[same]->title);
    buf_char(b, '"');
    headers(b, r, v[0]->status);
    problem_content(b, v, same);
    buf_char(b, '}');

    return same;
}


/* Success first, though it need not have the lowest status: it is what one
 * looks for. */
void
openapi_responses(struct buf *b, const struct route *r)
{
    struct problems  all = { 0 };

    gather(&all, r);
    buf_str(b, "\"responses\":{");
    success(b, r, r->status == 0 ? 200 : (int) r->status);
    alternatives(b, r);
    for (size_t i = 0; i < all.n; )
        i += one_status(b, r, all.v + i, all.n - i);
    buf_str(b, ",\"default\":{\"$ref\":\"#/components/responses/Host\"}}");
}
