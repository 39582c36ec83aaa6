/*
 * store.c - which language and which currency a request means.
 */
#include "store/store.h"

#include <stdlib.h>
#include <strings.h>


/* "tr-TR" asks for "tr" where there is no "tr-TR". */
static const char *
locale_like(const struct store *s, const char *tag, size_t n)
{
    for (size_t i = 0; i < s->locales.n; i++) {
        const char *l = s->locales.v[i];

        if (strlen(l) == n && strncasecmp(l, tag, n) == 0)
            return l;
    }
    for (size_t i = 0; i < s->locales.n; i++) {
        const char *l = s->locales.v[i];
        size_t      len = strlen(l);

        if (len < n && tag[len] == '-' && strncasecmp(l, tag, len) == 0)
            return l;
    }

    return NULL;
}


/* The quality of one range, in thousandths; 1000 when it is not given. */
static int
quality(const char *range, size_t n)
{
    const char *q = memmem(range, n, ";q=", 3);
    double      v = q == NULL ? 1.0 : strtod(q + 3, NULL);

    return v >= 0.0 && v <= 1.0 ? (int) (v * 1000) : 0;
}


/* RFC 9110, 12.5.4: the range of the highest quality that is spoken here;
 * of equals the first. */
static const char *
locale_accepted(const struct store *s, const char *accept)
{
    const char *best = NULL;
    int         best_q = 0;

    while (*accept != '\0') {
        size_t      n, tag;
        const char *l;

        accept += strspn(accept, " ,\t");
        n = strcspn(accept, ",");
        tag = strcspn(accept, ",; \t");
        l = locale_like(s, accept, tag < n ? tag : n);
        if (l != NULL && quality(accept, n) > best_q) {
            best = l;
            best_q = quality(accept, n);
        }
        accept += n;
    }

    return best;
}


const char *
store_locale(const struct store *s, const char *asked, const char *accept)
{
    const char *l = NULL;

    if (asked != NULL)
        return locale_like(s, asked, strlen(asked));
    if (accept != NULL)
        l = locale_accepted(s, accept);

    return l != NULL ? l : s->locale;
}


const char *
store_currency(const struct store *s, const char *asked)
{
    if (asked == NULL)
        return s->currency;

    for (size_t i = 0; i < s->currencies.n; i++) {
        if (strcmp(s->currencies.v[i], asked) == 0)
            return s->currencies.v[i];
    }

    return NULL;
}
