/*
 * reply.c - answers: staged by the handler, sent when it has returned.
 *
 * Staging runs on the coroutine and may fail(); sending runs on the loop.
 */
#include "core/env.h"
#include "core/hash.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#include <stdio.h>


/* The bytes stay where they are: in an arena of the request, or for good. */
static void
stage(struct request *rq, int status, const char *type, const char *data,
      size_t len)
{
    rq->answer.status = status;
    rq->answer.type = type;
    rq->answer.body = data;
    rq->answer.len = len;
}


void
header_add(struct request *rq, const char *name, const char *value)
{
    struct staged *s = &rq->answer;

    if (s->n_headers < HEADERS_MAX)
        s->headers[s->n_headers++] = (shop_header_t) {
            { name, strlen(name) }, { value, strlen(value) }
        };
}


/* Without memory for a document of its own: who does not know what became of
 * his request must not be told that nothing did.  What is wrong with it takes
 * memory to tell. */
static void
stage_last_words(struct request *rq, const struct problem *p)
{
    if (rq->faults.n != 0)
        p = &out_of_memory;
    rq->problem = p;
    snprintf(rq->last_words, sizeof(rq->last_words),
             "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
             "\"code\":\"%s\"}", p->title, p->status, p->code);
    stage(rq, p->status, "application/problem+json", rq->last_words,
          strlen(rq->last_words));
}


void
stage_problem(struct request *rq, const struct problem *p)
{
    struct buf b;

    rq->answer = (struct staged) { 0 };
    rq->problem = p;
    buf_init(&b, &rq->attempt, 512);
    problem_json(&b, p, &rq->faults, rq->in->request_id);

    if (b.failed)
        stage_last_words(rq, p);
    else
        stage(rq, p->status, "application/problem+json", b.data, b.len);

    if (rq->answer.status == 503 || p == &request_in_progress)
        header_add(rq, "Retry-After", "1");
    if (rq->answer.status == 401)
        header_add(rq, "WWW-Authenticate", "Bearer");
}


/* A buffer fails once and for all, so it is looked at only here. */
static void
stage_buf(struct request *rq, int status, const struct buf *b)
{
    if (b->failed)
        fail(rq, &out_of_memory);

    stage(rq, status, "application/json", b->data, b->len);
}


/* All members, or those that were asked for. */
static void
row_json(struct request *rq, struct buf *b, const struct field *view,
         const void *data)
{
    bool brief = rq->route->flags & BRIEF;

    if (rq->some != 0 && view == rq->route->view)
        shape_some_to_json(b, view, data, brief, rq->some);
    else
        shape_to_json(b, view, data, brief);
}


void
reply(struct request *rq, int status, const struct field *view,
      const void *data)
{
    struct buf b;

    buf_init(&b, &rq->attempt, 4096);
    row_json(rq, &b, view, data);
    stage_buf(rq, status, &b);
}


/* Of a list: an object and not an array, as a page has more to say. */
static void
rows_json(struct request *rq, struct buf *b, const struct field *view,
          const void *rows, size_t n)
{
    buf_str(b, "{\"data\":[");
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            buf_char(b, ',');
        row_json(rq, b, view, (const char *) rows + i * view->size);
    }
    buf_char(b, ']');
}


void
reply_list(struct request *rq, const struct field *view, const void *rows,
           size_t n)
{
    struct buf b;

    buf_init(&b, &rq->attempt, 4096);
    rows_json(rq, &b, view, rows, n);
    buf_char(&b, '}');
    stage_buf(rq, 200, &b);
}


/* Only of the last row shown is the key taken apart. */
static const char *
cursor_behind(struct request *rq, const struct field *view, const char *row)
{
    const struct field *f = shape_find(view, "page_key", 8);
    const char         *text = *(const char *const *) (row + f->at);
    const char         *cursor;
    struct texts        key;

    if (!pg_array_parse(&rq->attempt, &key, text, strlen(text))
        || (cursor = cursor_make(rq, &key)) == NULL)
        fail(rq, &out_of_memory);

    return cursor;
}


void
reply_page(struct request *rq, const struct field *view, const void *rows,
           size_t n)
{
    bool        more = (int64_t) n == rq->page.limit;
    struct buf  b;

    if (more)
        n--;

    buf_init(&b, &rq->attempt, 4096);
    rows_json(rq, &b, view, rows, n);
    buf_str(&b, more ? ",\"has_more\":true,\"next_cursor\":"
                     : ",\"has_more\":false,\"next_cursor\":null}");
    if (more) {
        const char *last = (const char *) rows + (n - 1) * view->size;
        const char *cursor = cursor_behind(rq, view, last);

        json_text(&b, cursor, strlen(cursor));
        buf_char(&b, '}');
    }
    stage_buf(rq, 200, &b);
}


void
reply_text(struct request *rq, int status, const char *type,
           const char *text, size_t len)
{
    stage(rq, status, type, text, len);
}


void
reply_none(struct request *rq)
{
    stage(rq, 204, "application/json", "", 0);
}


void
reply_file(struct request *rq, const char *path)
{
    if (rq->route->flags & (CACHED | TX)) {
        shop_log(rq->shop, SHOP_LOG_ERROR, "%s cannot answer with a file",
                 rq->route->path);
        fail(rq, &internal_error);
    }
    stage(rq, 200, "application/octet-stream", "", 0);
    rq->answer.file = path;
}


void
reply_created(struct request *rq, const struct field *view, const void *data,
              const char *location)
{
    reply(rq, 201, view, data);
    rq->answer.location = location;
}


void
reply_redirect(struct request *rq, int status, const char *location)
{
    shop_str_t q = rq->in->query;

    /* What was asked of the old address is asked of the new one. */
    if (q.len != 0 && memchr(q.data, '\r', q.len) == NULL
        && memchr(q.data, '\n', q.len) == NULL)
        location = text_of(rq, "%s?%.*s", location, (int) q.len, q.data);
    rq->answer.location = location;
    stage(rq, status, "application/json", "{}", 2);
}


void
header(struct request *rq, const char *name, const char *value)
{
    header_add(rq, name, value);
}


/* RFC 7240: is it among the preferences? */
bool
prefers(const struct request *rq, const char *what)
{
    shop_str_t   given = rq->in->header[SHOP_H_PREFER];
    size_t       n = strlen(what);
    const char  *at = given.data, *end = given.data + given.len;

    while (at != NULL && at < end) {
        at += strspn(at, " ");
        if ((size_t) (end - at) >= n && strncasecmp(at, what, n) == 0
            && (at + n == end || at[n] == ',' || at[n] == ' '))
            return true;
        at = memchr(at, ',', (size_t) (end - at));
        at = at == NULL ? NULL : at + 1;
    }

    return false;
}


/* What the client does without: the version and the address stay. */
void
reply_as_preferred(struct request *rq)
{
    if (!prefers(rq, "return=minimal"))
        return;

    if (rq->answer.status == 200)
        rq->answer.status = 204;
    rq->answer.len = 0;
    header(rq, "Preference-Applied", "return=minimal");
}


/* Is the tag among those of If-None-Match?  Weak comparison: W/ is not looked
 * at. */
bool
etag_known(shop_str_t given, shop_str_t etag)
{
    if (given.len == 1 && given.data[0] == '*')
        return true;

    return given.len >= etag.len && etag.len != 0
           && memmem(given.data, given.len, etag.data, etag.len) != NULL;
}


static void
hex(char *out, uint64_t n, unsigned digits)
{
    for (; digits > 0; n >>= 4)
        out[--digits] = "0123456789abcdef"[n & 15];
}


/* Its bytes, and before them the version of an object: what it shows of others
 * and of the time changes without it. */
static const char *
etag_bytes(struct request *rq)
{
    const struct staged *s = &rq->answer;
    size_t               n = s->etag == NULL ? 1 : strlen(s->etag);
    char                *etag = arena_alloc(&rq->attempt, n + 40), *at;
    uint64_t             h[2];

    if (etag == NULL)
        return NULL;

    at = etag;
    *at++ = '"';
    if (s->etag != NULL) {
        at = mempcpy(at, s->etag + 1, n - 2);
        *at++ = '-';
    }
    hash128(&hash_fixed, s->body, s->len, h);
    hex(at, h[0], 16);
    hex(at + 16, h[1] >> 32, 8);
    memcpy(at + 24, "\"", 2);

    return etag;
}


/* Who changes an object is told its version alone, as good for If-Match. */
const char *
answer_etag(struct request *rq)
{
    const struct staged *s = &rq->answer;

    if (s->etag != NULL && !s->versioned)
        return s->etag;
    if (s->status != 200 || s->file != NULL || rq->route == NULL
        || rq->route->method != GET
        || (rq->route->flags & (NO_DB | STREAM)))
        return s->etag;

    return etag_bytes(rq);
}


/* What the same address may answer otherwise to others. */
static void
vary(struct request *rq)
{
    bool by_language = rq->route->axes & BY_LOCALE;
    bool by_encoding = rq->route->flags & CACHED;

    if (by_language || by_encoding)
        header_add(rq, "Vary", !by_language ? "Accept-Encoding"
                               : by_encoding
                               ? "Accept-Language, Accept-Encoding"
                               : "Accept-Language");
    if (by_language && rq->context.locale != NULL && rq->answer.status == 200)
        header_add(rq, "Content-Language", rq->context.locale);
}


void
answer_finish(struct request *rq)
{
    struct staged *s = &rq->answer;

    if (s->finished)
        return;

    s->finished = true;
    s->etag = answer_etag(rq);
    if (s->etag != NULL)
        header_add(rq, "ETag", s->etag);
    if (s->location != NULL)
        header_add(rq, "Location", s->location);
    if (rq->route != NULL)
        vary(rq);
    header_add(rq, "Cache-Control", s->status < 400 ? "no-cache" : "no-store");
    header_add(rq, "X-Content-Type-Options", "nosniff");
}


/* What the client has already is a 304. */
static void
compare(struct request *rq)
{
    struct staged *s = &rq->answer;
    shop_str_t     given = rq->in->header[SHOP_H_IF_NONE_MATCH];

    if (s->etag == NULL || s->status != 200 || rq->route->method != GET
        || !etag_known(given, (shop_str_t) { s->etag, strlen(s->etag) }))
        return;

    s->status = 304;
    s->len = 0;
}


void
answer_fill(struct request *rq, shop_answer_t *a, char text[PACE_TEXT])
{
    struct staged *s = &rq->answer;

    answer_finish(rq);
    if (rq->route != NULL)
        compare(rq);
    if (strcmp(rq->keep.state, "miss") == 0)
        header_add(rq, "Cache-Status", "shop; fwd=miss");
    if (s->n_headers + PACE_HEADERS <= HEADERS_MAX)
        s->n_headers += pace_headers(&rq->limit, text,
                                     s->headers + s->n_headers);

    a->status = s->status;
    a->content_type = (shop_str_t) { s->type, strlen(s->type) };
    a->body = (shop_str_t) { s->body, s->len };
    if (s->file != NULL)
        a->file = (shop_str_t) { s->file, strlen(s->file) };
    a->headers = s->headers;
    a->n_headers = s->n_headers;
}


void
answer_send(struct request *rq)
{
    shop_answer_t  a = { 0 };
    char           text[PACE_TEXT], caller_id[CALLER_ID];

    if (rq->stream.open) {
        stream_end(rq);
        return;
    }
    if (rq->answer.type == NULL) {
        shop_log(rq->shop, SHOP_LOG_ERROR, "%s gave no answer",
                 rq->route == NULL ? "-" : rq->route->path);
        stage_problem(rq, &internal_error);
    }
    answer_fill(rq, &a, text);
    measure_answer(rq, &a, caller_id);
    if (rq->sink != NULL)
        rq->sink->respond(rq->sink_ctx, &a);
}
