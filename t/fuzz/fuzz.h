/*
 * fuzz.h - what the entry points of libFuzzer share.
 *
 * Each file here is one entry point.  clang links it with libFuzzer (make
 * fuzz), the usual compiler with replay.c, which gives it the files of its
 * corpus.  It returns when all is well and aborts when a promise is broken.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define LENGTH(table)  (sizeof(table) / sizeof((table)[0]))

#define CHECK(promise)                                                        \
    do {                                                                      \
        if (!(promise)) {                                                     \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,        \
                    #promise);                                                \
            abort();                                                          \
        }                                                                     \
    } while (0)


/* A copy in a block of just that size, so that a sanitizer sees a read past
 * the end.  Freed by the caller. */
static inline char *
fuzz_exact(const uint8_t *data, size_t n)
{
    char  *p = malloc(n == 0 ? 1 : n);

    CHECK(p != NULL);
    if (n > 0)
        memcpy(p, data, n);
    return p;
}


/* The same with a NUL behind it. */
static inline char *
fuzz_text(const uint8_t *data, size_t n)
{
    char  *p = malloc(n + 1);

    CHECK(p != NULL);
    if (n > 0)
        memcpy(p, data, n);
    p[n] = '\0';
    return p;
}

#endif
