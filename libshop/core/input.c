/*
 * input.c - texts of clients made fit for a shop: HTML, slugs, digests.
 *
 * Functions fail() the request when memory is short.
 */
#include <stdio.h>

#include "core/crypto.h"
#include "core/html.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"

#define SLUG_BYTES  100

struct cleaning {
    const char   *text;
    size_t        n;
    struct html   html;
    int           rc;
};


static void
clean(void *arg)
{
    struct cleaning *c = arg;

    c->rc = html_clean(c->text, c->n, &c->html);
}


/* Also when the request was abandoned meanwhile: its arena then goes when the
 * thread is done. */
static void
forget(void *data)
{
    struct cleaning *c = data;

    html_free(&c->html);
}


/* The result is the cleaner's memory, which lives as long as the attempt: no
 * second copy is made. */
const char *
html_cleaned(struct request *rq, const char *html, const char *pointer)
{
    struct cleaning *c;

    if (html == NULL)
        return NULL;

    c = alloc(rq, sizeof(*c));
    c->text = html;
    c->n = strlen(html);
    if (arena_cleanup(&rq->attempt, forget, c) == NULL)
        fail(rq, &out_of_memory);
    offload(rq, clean, c);

    if (c->rc < 0)
        fail(rq, &out_of_memory);
    if (c->rc == 0)
        return c->html.text;
    fault(rq, pointer, "html_too_large", c->html.limit);

    return html;
}


/* Shorter than a slug may be, as it is made to be read in an address. */
const char *
sha256_of(struct request *rq, const char *data, size_t n)
{
    uint8_t  hash[SHA256_SIZE];
    char    *out = alloc(rq, 2 * sizeof(hash) + 1);

    if (!sha256(data, n, hash))
        fail(rq, &out_of_memory);
    for (unsigned i = 0; i < sizeof(hash); i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);

    return out;
}


const char *
slug_of(struct request *rq, const char *text)
{
    const char *slug = text_slug(&rq->attempt, text, strlen(text),
                                 SLUG_BYTES);

    if (slug == NULL)
        fail(rq, &out_of_memory);

    return slug[0] == '\0' ? NULL : slug;
}
