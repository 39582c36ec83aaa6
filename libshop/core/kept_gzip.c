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

#include "core/request.h"

#define WORTH_IT  1024          /* bytes; below it a packet is one packet    */

struct packing {
    const char  *in;
    size_t       n_in;
    char        *out;
    size_t       room;
    size_t       n_out;         /* 0: it did not get smaller                 */
};


/* "gzip", "gzip;q=0.5" or "*", but not "gzip;q=0"; RFC 9110, 12.5.3. */
bool
takes_gzip(shop_str_t accept)
{
    const char *at = accept.data, *end = accept.data + accept.len;

    while (at != NULL && at < end) {
        const char *comma = memchr(at, ',', (size_t) (end - at));
        size_t      n = (size_t) ((comma == NULL ? end : comma) - at);
        size_t      skip = 0;
        const char *q;

        while (skip < n && at[skip] == ' ')
            skip++;
        q = memmem(at, n, ";q=0", 4);
        if (n - skip >= 4 && strncasecmp(at + skip, "gzip", 4) == 0)
            return q == NULL || (q + 4 < at + n && q[4] == '.'
                                 && memcmp(q, ";q=0.0", 6) != 0);
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

    if (!rq->keep.gzip)
        return;
    if (s->len < WORTH_IT || s->len > CACHE_MAX_BODY)
        return;

    p = alloc(rq, sizeof(*p));
    *p = (struct packing) { s->body, s->len, alloc(rq, s->len), s->len, 0 };
    if (!offload_try(rq, pack, p) || p->n_out == 0)
        return;                 /* the plain answer is as true              */

    s->etag = etag_packed(rq, answer_etag(rq));
    s->body = p->out;
    s->len = p->n_out;
    header(rq, "Content-Encoding", "gzip");
}
