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
    const char   *text;         /* NULL: nothing to be cleaned               */
    struct html   html;
    int           rc;
};

struct cleanings {
    struct cleaning  *v;
    size_t            n;
    bool              refused;      /* already: for what may be said besides */
};


static void
clean(void *arg)
{
    struct cleanings *all = arg;

    for (size_t i = 0; i < all->n; i++) {
        struct cleaning *c = &all->v[i];

        if (c->text == NULL)
            continue;
        c->rc = all->refused
                ? html_count(c->text, strlen(c->text), &c->html)
                : html_clean(c->text, strlen(c->text), &c->html);
    }
}


/* Also when the request was abandoned meanwhile: its arena then goes when the
 * thread is done. */
static void
forget(void *data)
{
    struct cleanings *all = data;

    for (size_t i = 0; i < all->n; i++)
        html_free(&all->v[i].html);
}


/* The result is the cleaner's memory, which lives as long as the attempt: no
 * second copy is made. */
static void
cleaned(struct request *rq, const struct cleaning *c,
        const struct html_text *t)
{
    if (c->rc < 0)
        fail(rq, &out_of_memory);
    if (c->rc == 0 && c->html.text != NULL)
        *t->text = c->html.text;
    if (c->rc == 1)
        fault(rq, t->pointer, "html_too_large", c->html.limit);
}


/* A parse is the most that a body can cost: of what is refused anyhow tags are
 * counted. */
void
html_clean_all(struct request *rq, const struct html_text *texts, size_t n)
{
    struct cleanings *all = alloc(rq, sizeof(*all));
    bool              any = false;

    all->v = alloc(rq, n * sizeof(*all->v));
    all->n = n;
    all->refused = rq->faults.n != 0;
    for (size_t i = 0; i < n; i++) {
        all->v[i].text = *texts[i].text;
        any |= all->v[i].text != NULL;
    }
    if (!any)
        return;
    if (arena_cleanup(&rq->attempt, forget, all) == NULL)
        fail(rq, &out_of_memory);
    offload(rq, clean, all);

    for (size_t i = 0; i < n; i++) {
        if (all->v[i].text != NULL)
            cleaned(rq, &all->v[i], &texts[i]);
    }
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
