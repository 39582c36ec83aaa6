/*
 * store.c - which language and which currency a request means.
 */
#include "store/store.h"

#include <string.h>
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


/* RFC 9110, 12.4.2: 0 to 1 with three digits at most, in thousandths; 0 for
 * what is none.  strtod() would heed the language of the program. */
static int
thousandths(const char *v, size_t n)
{
    int out = 0, unit = 1000;

    if (n == 0 || n > 5 || (v[0] != '0' && v[0] != '1')
        || (n > 1 && v[1] != '.'))
        return 0;

    out = (v[0] - '0') * unit;
    for (size_t i = 2; i < n; i++) {
        if (v[i] < '0' || v[i] > '9')
            return 0;
        unit /= 10;
        out += (v[i] - '0') * unit;
    }

    return out <= 1000 ? out : 0;
}


static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}


/* The quality of one range, in thousandths; 1000 when it is not given. */
static int
quality(const char *range, size_t n)
{
    const char *at = memchr(range, ';', n), *end = range + n;

    if (at == NULL)
        return 1000;
    do {
        at++;
    } while (at < end && is_blank(*at));
    while (end > at && is_blank(end[-1]))
        end--;

    return end - at > 2 && strncasecmp(at, "q=", 2) == 0
           ? thousandths(at + 2, (size_t) (end - at - 2)) : 0;
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
