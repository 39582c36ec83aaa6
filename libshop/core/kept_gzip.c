/*
 * kept_gzip.c - an answer as gzip, made once and kept beside the plain one.
 *
 * The work is a pool thread's, on memory that was taken before: up to
 * CACHE_MAX_BODY bytes take milliseconds.
 *
 * Functions return codes, except kept_gzip(), which waits and may fail the
 * request.
 */
#include <strings.h>
#include <zlib.h>

#include "core/problem.h"
#include "core/request.h"

#define WORTH_IT  1024          /* bytes; below it a packet is one packet    */

struct packing {
    const char  *in;
    size_t       n_in;
    char        *out;
    size_t       room;
    size_t       n_out;         /* 0: it did not get smaller                 */
};


static const char *
skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;

    return at;
}


/* Is the weight behind a coding's name nought, in whatever spelling? */
static bool
is_refused(const char *at, const char *end)
{
    if (at == end)
        return false;
    at = skip_space(at + 1, end);
    if (end - at < 3 || strncasecmp(at, "q=0", 3) != 0)
        return false;

    for (at += 3; at < end && (*at == '.' || *at == '0'); at++)
        continue;

    return at == end || *at < '1' || *at > '9';
}


/* "gzip" or "gzip; q=0.5", but not "gzip;q=0"; RFC 9110, 12.5.3.  Who takes
 * anything ("*") is well served with the plain answer. */
bool
takes_gzip(shop_str_t accept)
{
    const char *at = accept.data, *end = accept.data + accept.len;

    while (at != NULL && at < end) {
        const char *comma = memchr(at, ',', (size_t) (end - at));
        const char *stop = comma == NULL ? end : comma;

        at = skip_space(at, stop);
        if (stop - at >= 4 && strncasecmp(at, "gzip", 4) == 0) {
            at = skip_space(at + 4, stop);
            if (at == stop || *at == ';')
                return !is_refused(at, stop);
        }
        at = comma == NULL ? NULL : comma + 1;
    }

    return false;
}


static void
pack(void *arg)
{
    struct packing *p = arg;
    z_stream        z = { 0 };

    p->n_out = 0;
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY)
        != Z_OK)
        return;

    z.next_in = (Bytef *) (uintptr_t) p->in;
    z.avail_in = (uInt) p->n_in;
    z.next_out = (Bytef *) p->out;
    z.avail_out = (uInt) p->room;
    if (deflate(&z, Z_FINISH) == Z_STREAM_END)
        p->n_out = p->room - z.avail_out;
    deflateEnd(&z);
}


/* The plain ETag with "-gz" in it, as the bytes are others. */
static const char *
etag_packed(struct request *rq, const char *etag)
{
    size_t n = strlen(etag);

    return text_of(rq, "%.*s-gz\"", (int) (n - 1), etag);
}


void
kept_gzip(struct request *rq)
{
    struct staged   *s = &rq->answer;
    struct packing  *p;
    const char      *etag;

    if (!rq->keep.gzip)
        return;
    if (s->len < WORTH_IT || s->len > CACHE_MAX_BODY)
        return;

    etag = answer_etag(rq);
    if (etag == NULL)
        fail(rq, &out_of_memory);

    p = alloc(rq, sizeof(*p));
    *p = (struct packing) { s->body, s->len, alloc(rq, s->len), s->len, 0 };
    if (!offload_try(rq, pack, p) || p->n_out == 0)
        return;                 /* the plain answer is as true              */

    s->etag = etag_packed(rq, etag);
    s->body = p->out;
    s->len = p->n_out;
    header(rq, "Content-Encoding", "gzip");
}
