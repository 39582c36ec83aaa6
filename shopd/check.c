/*
 * check.c - shopd --check: would it work?  It asks what a load balancer asks
 * nginx, GET /readyz, and so means the same by it.
 */
#include "shopd/shopd.h"

#include <string.h>

#include "core/banned.h"


/* The value of a member in a problem document, whose texts are libshop's own
 * constants: no quote stands in them. */
static shop_str_t
member(const shop_answer_t *a, const char *name)
{
    shop_str_t   none = { "", 0 };
    const char  *at = memmem(a->body.data, a->body.len, name, strlen(name));
    const char  *end = a->body.data + a->body.len, *quote;

    if (at == NULL)
        return none;
    at += strlen(name);
    quote = memchr(at, '"', (size_t) (end - at));

    return quote == NULL ? none : (shop_str_t) { at, (size_t) (quote - at) };
}


/* Why there is no connection has been said by libshop, in a warning of its own;
 * here it is only told what follows from it. */
static int
judge(const struct shopd *d, const shop_answer_t *a)
{
    shop_str_t  code = member(a, "\"code\":\"");
    shop_str_t  change = member(a, "\"change\":\"");

    if (a->status == 200) {
        if (!d->options.quiet)
            say(SHOP_LOG_INFO, "ready; the database's last migration is %.*s",
                (int) change.len, change.data);
        return SHOPD_OK;
    }
    if (code.len == strlen("not_migrated")
        && memcmp(code.data, "not_migrated", code.len) == 0)
    {
        say(SHOP_LOG_ERROR, "the database lacks this version's tables");
        return SHOPD_FAILED;
    }
    say(SHOP_LOG_ERROR, "the database cannot be used: %.*s", (int) code.len,
        code.data);

    return SHOPD_UNREACHABLE;
}


/* The call waits, and takes no longer than a request's deadline. */
int
check(struct shopd *d)
{
    const shop_uv_request_t  ready = { .method = "GET", .path = "/readyz" };
    const shop_answer_t     *answer;
    int                      rc;

    if (shop_uv_call(d->uv, &ready, &answer) != SHOP_OK) {
        say(SHOP_LOG_ERROR, "out of memory");
        return SHOPD_FAILED;
    }
    rc = judge(d, answer);
    shop_uv_answer_free(answer);

    return rc;
}
