/*
 * check.h - what the tests of core/ share: cmocka, an arena, comparisons.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's fail() is in the way of ours, which ends a request. */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                         \
    (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#include "core/buf.h"

#define COUNT(table)  (sizeof(table) / sizeof((table)[0]))


/* The buffer's text is exactly that; names the case when it is not. */
static inline void
assert_buf(const struct buf *b, const char *want)
{
    assert_false(b->failed);
    if (b->len != strlen(want) || memcmp(b->data, want, b->len) != 0) {
        fail_msg("got  %.*s\nwant %s", (int) b->len, b->data, want);
    }
}


/* `text` without its NUL, in a block of its own, so that a sanitizer sees a
 * read past its end. */
static inline char *
exact(struct arena *a, const char *text, size_t n)
{
    char  *p = arena_alloc(a, n == 0 ? 1 : n);

    assert_non_null(p);
    memcpy(p, text, n);
    return p;
}

#endif
