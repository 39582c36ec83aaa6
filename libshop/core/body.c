/*
 * body.c - the body of a request: is it JSON, does it fit the shape, and what
 * a handler asks of it.
 *
 * A body is read before the first statement, so that what is wrong with it
 * costs no connection; a merge patch is read again over what it changes.
 * What ends in _parse returns a problem or NULL; the rest fails.
 */
#include <strings.h>

#include <ctype.h>

#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

struct nothing { char none; };

static const struct field nothing[] = {
    SHAPE(nothing, "Nothing"),
    END_SHAPE
};


static bool
type_is(shop_str_t given, const char *type)
{
    size_t n = strlen(type);

    return given.len >= n && strncasecmp(given.data, type, n) == 0
           && (given.len == n || given.data[n] == ';' || given.data[n] == ' ');
}


static bool
is_json(const struct request *rq)
{
    shop_str_t type = rq->in->header[SHOP_H_CONTENT_TYPE];
    shop_str_t coding = rq->in->header[SHOP_H_CONTENT_ENCODING];

    if (coding.len != 0 && !type_is(coding, "identity"))
        return false;

    return type_is(type, "application/json")
           || (rq->route->method == PATCH
               && type_is(type, "application/merge-patch+json"));
}


static const struct problem *
wrong(struct request *rq, int rc)
{
    if (rc < 0)
        return &out_of_memory;
    if (rq->faults.n == 0)
        return NULL;

    return rq->faults.status == 400 ? &bad_body : &wrong_body;
}


const struct problem *
body_parse(struct request *rq)
{
    const struct field *shape = rq->route->body;
    bool                partial = rq->route->method == PATCH;

    if (rq->route->method == GET || (shape == NULL && rq->in->body.len == 0))
        return NULL;
    if (!is_json(rq))
        return &unsupported_media_type;

    if (shape == NULL)
        shape = nothing;
    rq->body = arena_zalloc(&rq->attempt, shape->size);
    if (rq->body == NULL)
        return &out_of_memory;
    shape_clear(shape, rq->body);

    return wrong(rq, shape_from_json(shape, rq->body, partial,
                                     rq->in->body.data, rq->in->body.len,
                                     &rq->attempt, &rq->faults, &rq->given));
}


const void *
request_body(struct request *rq, const struct field *shape)
{
    (void) shape;
    return rq->body;
}


void
request_patch(struct request *rq, const struct field *shape, void *target)
{
    uint64_t              given;
    int                   rc = shape_from_json(shape, target, true,
                                               rq->in->body.data,
                                               rq->in->body.len, &rq->attempt,
                                               &rq->faults, &given);
    const struct problem *p = wrong(rq, rc);

    if (p != NULL)
        fail(rq, p);
}


bool
request_has(struct request *rq, const char *member)
{
    const struct field *shape = rq->route->body;
    const struct field *f = shape_find(shape, member, strlen(member));

    return f != NULL && (rq->given >> (f - shape) & 1);
}


void
fault(struct request *rq, const char *pointer, const char *code,
      const char *detail)
{
    fault_add(&rq->faults, pointer, NULL, code, detail);
}


void
faults_check(struct request *rq)
{
    if (rq->faults.n != 0)
        fail(rq, &wrong_body);
}


_Noreturn void
fail_at(struct request *rq, const struct problem *p, const char *pointer,
        const char *detail)
{
    fault_add(&rq->faults, pointer, NULL, p->code, detail);
    fail(rq, p);
}


_Noreturn void
fail_query(struct request *rq, const struct problem *p, const char *parameter)
{
    fault_add(&rq->faults, NULL, parameter, p->code, p->title);
    fail(rq, p);
}


/* --- If-Match ------------------------------------------------------------ */


/* Is this tag the version, alone or with a hash of what was shown? */
static bool
names_version(const char *at, const char *end, const char *etag)
{
    size_t n = strlen(etag) - 1;

    if ((size_t) (end - at) <= n || memcmp(at, etag, n) != 0)
        return false;

    at += n;
    if (*at == '-') {
        do {
            at++;
        } while (at < end && isxdigit((unsigned char) *at));
    }

    return at < end && *at == '"'
           && (at + 1 == end || strchr(", \t", at[1]) != NULL);
}


/* One of a list of entity tags.  RFC 9110 has them compared strongly, where W/
 * is never equal; but what counts of our tag is the version of the object, not
 * its bytes, and it is nginx that makes it W/ when it compresses an answer.
 * What a browser then sends back names the version no less exactly. */
static bool
etag_listed(shop_str_t list, const char *etag)
{
    const char *at = list.data, *end = list.data + list.len;

    while (at != NULL && at < end) {
        while (at < end && (*at == ' ' || *at == ',' || *at == '\t'))
            at++;
        if (end - at > 2 && memcmp(at, "W/", 2) == 0)
            at += 2;
        if (names_version(at, end, etag))
            return true;
        at = memchr(at, ',', (size_t) (end - at));
    }

    return false;
}


void
etag_version(struct request *rq, int64_t version)
{
    rq->answer.etag = text_of(rq, "\"v%lld\"", (long long) version);
    rq->answer.versioned = true;
}


void
check_version(struct request *rq, int64_t version)
{
    shop_str_t given = rq->in->header[SHOP_H_IF_MATCH];

    etag_version(rq, version);
    if (given.len == 0 || (given.len == 1 && given.data[0] == '*'))
        return;
    if (!etag_listed(given, rq->answer.etag))
        fail(rq, &version_mismatch);
}
