/*
 * shape_format.c - the formats of texts: e-mail, slug, URL, locale ...
 *
 * By hand, as each is a line of grammar.  E-mail and URL are checked as far
 * as a shop needs: that mail can be tried, that a link is no script.
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_value.h"

#include <utf8proc.h>

#include "core/banned.h"


/* By hand, not islower(): that asks the process's locale, and may not be given
 * a negative char.  A format must mean the same on every server. */
static bool
is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}


/* ASCII only, as the codes of currencies, scripts and regions are; capitals of
 * other alphabets are none here. */
static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}


/* Digits of other scripts do not count: a slug, a handle and a locale are
 * compared byte by byte. */
static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}


/* Letters of other scripts count as letters in names of mailboxes, domains
 * and paths: their bytes are 0x80 and above. */
static bool
is_word(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || (c & 0x80);
}


/* Labels of letters, digits and inner hyphens, at least two of them.  63 is
 * DNS's bound of a label; two labels keep out "localhost" and a forgotten
 * ending.  No look-up: that would wait on a stranger's server. */
static bool
is_domain(const char *s, size_t n)
{
    size_t  dots = 0, label = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') {
            if (label == 0 || s[i - 1] == '-')
                return false;
            dots++;
            label = 0;
            continue;
        }
        if (!is_word(s[i]) && (s[i] != '-' || label == 0))
            return false;
        if (++label > 63)
            return false;
    }
    return dots > 0 && label > 0 && s[n - 1] != '-';
}


/* As the RFCs have it without quoted names and comments; whether it exists
 * only a mail can tell. */
static bool
is_email(const char *s, size_t n)
{
    const char  *at = memchr(s, '@', n);
    size_t       local = at == NULL ? 0 : (size_t) (at - s);

    if (n > 254 || local < 1 || local > 64)
        return false;
    for (size_t i = 0; i < local; i++) {
        if (s[i] == '.') {
            if (i == 0 || i + 1 == local || s[i - 1] == '.')
                return false;
        } else if (!is_word(s[i])
                   && (s[i] == '\0'
                       || strchr("!#$%&'*+-/=?^_`{|}~", s[i]) == NULL)) {
            return false;
        }
    }
    return is_domain(at + 1, n - local - 1);
}


/* What text_slug() makes, and nothing else.  So a slug that a client gives and
 * one that is made from a title look alike, and a path has one spelling. */
static bool
is_slug(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '-') {
            if (i == 0 || i + 1 == n || s[i - 1] == '-')
                return false;
        } else if (!is_lower(s[i]) && !is_digit(s[i])) {
            return false;
        }
    }
    return n > 0;
}


/* Of the schemes only the two that a link or picture of a shop has. */
static bool
is_url(const char *s, size_t n)
{
    size_t  start = 0;

    if (n >= 8 && memcmp(s, "https://", 8) == 0)
        start = 8;
    else if (n >= 7 && memcmp(s, "http://", 7) == 0)
        start = 7;

    /* "//host" would be another site's. */
    if (start == 0 && (n == 0 || s[0] != '/' || (n > 1 && s[1] == '/')))
        return false;
    if (start > 0 && (n == start || !(is_word(s[start]) || s[start] == '[')))
        return false;
    for (size_t i = start; i < n; i++) {
        if ((unsigned char) s[i] <= ' ' || strchr("\"<>\\^`{|}", s[i]) != NULL)
            return false;
    }
    return true;
}


/* The form; which currencies there are is the store's to say.  Whether it has
 * decimals, and how many, is asked of money.c where an amount is read from
 * text. */
static bool
is_currency(const char *s, size_t n)
{
    return n == 3 && is_upper(s[0]) && is_upper(s[1]) && is_upper(s[2]);
}


/* Language of two or three letters, then script and region if given.  The
 * subset of BCP 47 that a shop needs: no variants, no extensions.  LOCALES in
 * shape_schema.c is the same rule as a pattern. */
static bool
is_locale(const char *s, size_t n)
{
    size_t  i = 0;

    while (i < n && is_lower(s[i]))
        i++;
    if (i < 2 || i > 3)
        return false;
    if (n - i >= 5 && s[i] == '-' && is_upper(s[i + 1]) && is_lower(s[i + 2])
        && is_lower(s[i + 3]) && is_lower(s[i + 4]))
        i += 5;
    if (n - i == 3 && s[i] == '-' && is_upper(s[i + 1]) && is_upper(s[i + 2]))
        i += 3;
    else if (n - i == 4 && s[i] == '-' && is_digit(s[i + 1])
             && is_digit(s[i + 2]) && is_digit(s[i + 3]))
        i += 4;
    return i == n;
}


/* What other systems use to name a product: looser than a slug.  Lower case
 * only, as two handles that differ in case would be one to most of those
 * systems. */
static bool
is_handle(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_lower(s[i]) && !is_digit(s[i])
            && s[i] != '.' && s[i] != '_' && s[i] != '-')
            return false;
    }
    return n > 0;
}


/* Any space of Unicode, or a character that shows nothing.  Controls (CC) and
 * format characters (CF: joiners, marks of direction) are what makes two texts
 * that look alike differ. */
static bool
is_invisible(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
        return true;
    default:
        return false;
    }
}


/* Spaces within are common, at the ends they are a slip that nobody sees. */
static bool
is_sku(const char *s, size_t n)
{
    const utf8proc_uint8_t  *p = (const utf8proc_uint8_t *) s;
    utf8proc_int32_t         c;
    utf8proc_ssize_t         len;

    for (size_t i = 0; i < n; i += (size_t) len) {
        len = utf8proc_iterate(p + i, (utf8proc_ssize_t) (n - i), &c);
        if (len <= 0)
            return false;
        if (is_invisible(c) && (c != ' ' || i == 0 || i + 1 == n))
            return false;
    }
    return n > 0;
}


static const struct {
    bool       (*is)(const char *s, size_t n);
    const char  *what;
} formats[] = {
    [EMAIL]    = { is_email,    "an e-mail address" },
    [SLUG]     = { is_slug,     "a-z, 0-9 and single hyphens between them" },
    [URL]      = { is_url,      "an http or https address, or a path that"
                                " begins with one slash" },
    [CURRENCY] = { is_currency, "a currency of three capital letters" },
    [LOCALE]   = { is_locale,   "a locale such as en, tr or pt-BR" },
    [HANDLE]   = { is_handle,   "a-z, 0-9, dots, underscores and hyphens" },
    [SKU]      = { is_sku,      "printable characters without spaces at the"
                                " ends" },
    [HTML]     = { NULL, NULL }
};


/* HTML is any text here: it is cleaned later, on another thread.  The string
 * is a constant that ends a sentence of "must be"; it is part of the
 * documented answers, so changing one is seen by clients. */
const char *
format_misses(enum format format, const char *text, size_t n)
{
    if (format == PLAIN || formats[format].is == NULL)
        return NULL;
    return formats[format].is(text, n) ? NULL : formats[format].what;
}
