/*
 * cursor.c - the cursors of lists: what was made is taken as it was, and
 * nothing else is.
 */
#include "fuzz.h"

#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

static const struct route  list = { .path = "/api/v1/products" };
static const struct route  other = { .path = "/api/v1/categories" };


static struct shop *
shop_of(unsigned secret)
{
    static struct shop  shops[2];
    static const char   secrets[2][33] = { "0123456789abcdef0123456789abcdef",
                                           "the other shop's secret, as long" };

    if (shops[secret].mac[0] == NULL) {
        shops[secret].conf.cursor_secret[0] =
            (shop_str_t) { secrets[secret], 32 };
        CHECK(cursors_open(&shops[secret]) == 0);
    }
    return &shops[secret];
}


static void
ask(struct request *rq, struct shop *shop, const struct route *route,
    const char *sort)
{
    memset(rq, 0, sizeof(*rq));
    rq->shop = shop;
    rq->route = route;
    rq->page.sort = sort;
}


static bool
is_taken(struct shop *shop, const struct route *route, const char *sort,
         const char *cursor)
{
    struct request         rq;
    const struct problem  *p;

    ask(&rq, shop, route, sort);
    rq.cursor = cursor;
    p = cursor_parse(&rq);
    CHECK(p == NULL || p == &bad_cursor);
    CHECK(p == NULL || rq.page.after.n == 0);
    arena_reset(&rq.attempt);
    return p == NULL;
}


static void
check_same(struct shop *shop, const char *cursor, const struct texts *keys)
{
    struct request  rq;

    ask(&rq, shop, &list, "title");
    rq.cursor = cursor;
    CHECK(cursor_parse(&rq) == NULL);
    CHECK(rq.page.after.n == keys->n);
    for (size_t i = 0; i < keys->n; i++)
        CHECK(strcmp(rq.page.after.v[i], keys->v[i]) == 0);
    arena_reset(&rq.attempt);
}


/* No other list, order or shop takes it, nor is it taken when one letter is
 * another, is missing or is too many. */
static void
check_bound(const char *cursor, unsigned at)
{
    size_t  n = strlen(cursor);
    char   *text = malloc(n + 2);

    CHECK(!is_taken(shop_of(1), &list, "title", cursor));
    CHECK(!is_taken(shop_of(0), &other, "title", cursor));
    CHECK(!is_taken(shop_of(0), &list, "-title", cursor));

    memcpy(text, cursor, n + 1);
    text[at % n] = text[at % n] == 'A' ? 'B' : 'A';
    CHECK(!is_taken(shop_of(0), &list, "title", text));
    memcpy(text, cursor, n + 1);
    text[n - 1] = '\0';
    CHECK(!is_taken(shop_of(0), &list, "title", text));
    memcpy(text, cursor, n);
    memcpy(text + n, "A", 2);
    CHECK(!is_taken(shop_of(0), &list, "title", text));
    free(text);
}


/* The input is up to four keys, each ended by NUL. */
static void
check_made(const char *text, size_t n)
{
    const char      *v[4], *cursor;
    struct texts     keys = { 0, v };
    struct request   rq;

    for (size_t at = 0; at <= n && keys.n < 4; at += strlen(text + at) + 1)
        keys.v[keys.n++] = text + at;
    ask(&rq, shop_of(0), &list, "title");
    cursor = cursor_make(&rq, &keys);
    if (cursor != NULL) {
        check_same(rq.shop, cursor, &keys);
        check_bound(cursor, n > 0 ? (uint8_t) text[0] * 7u : 0);
    }
    arena_reset(&rq.attempt);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char  *text = fuzz_text(data, n);

    CHECK(!is_taken(shop_of(0), &list, "title", text));
    check_made(text, n);
    free(text);
    return 0;
}
