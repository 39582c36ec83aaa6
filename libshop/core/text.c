/*
 * text.c - slugs, and the encodings that carry text: percent, base64url,
 * decimal integers.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/text.h"

#include <utf8proc.h>

#include "core/banned.h"

/* Letters that Unicode does not take apart, sorted by code point. */
static const struct letter {
    int32_t      c;
    const char  *ascii;
} letters[] = {
    { 0x00c6, "ae" },   /* Æ */
    { 0x00d0, "d"  },   /* Ð */
    { 0x00d8, "o"  },   /* Ø */
    { 0x00de, "th" },   /* Þ */
    { 0x00df, "ss" },   /* ß */
    { 0x00e6, "ae" },   /* æ */
    { 0x00f0, "d"  },   /* ð */
    { 0x00f8, "o"  },   /* ø */
    { 0x00fe, "th" },   /* þ */
    { 0x0110, "d"  },   /* Đ */
    { 0x0111, "d"  },   /* đ */
    { 0x0126, "h"  },   /* Ħ */
    { 0x0127, "h"  },   /* ħ */
    { 0x0131, "i"  },   /* ı */
    { 0x0138, "k"  },   /* ĸ */
    { 0x0141, "l"  },   /* Ł */
    { 0x0142, "l"  },   /* ł */
    { 0x014a, "n"  },   /* Ŋ */
    { 0x014b, "n"  },   /* ŋ */
    { 0x0152, "oe" },   /* Œ */
    { 0x0153, "oe" },   /* œ */
    { 0x0166, "t"  },   /* Ŧ */
    { 0x0167, "t"  },   /* ŧ */
    { 0x018f, "e"  },   /* Ə */
    { 0x0259, "e"  },   /* ə */
    { 0x1e9e, "ss" },   /* ẞ */
};

struct slug {
    char    *out;
    size_t   len;
    size_t   max;
    bool     gap;               /* a hyphen is due before the next letter    */
    bool     full;
};


/* By halves: the table must stay sorted.  NULL: not one of these, and
 * utf8proc's decomposition is asked instead. */
static const char *
letter_find(int32_t c)
{
    size_t  low = 0, high = sizeof(letters) / sizeof(letters[0]), mid;

    while (low < high) {
        mid = (low + high) / 2;
        if (letters[mid].c == c)
            return letters[mid].ascii;
        if (letters[mid].c < c)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}


/* One letter that has got this far: a-z, 0-9, or a gap.  The hyphen waits for
 * a letter behind it, so none stands at the end, and a cut by `max` never
 * leaves one there either. */
static void
slug_add(struct slug *s, int32_t c)
{
    size_t  gap = s->gap && s->len > 0;

    if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
        s->gap = true;
        return;
    }
    if (s->full || s->max - s->len < 1 + gap) {
        s->full = true;
        return;
    }
    if (gap)
        s->out[s->len++] = '-';
    s->out[s->len++] = (char) c;
    s->gap = false;
}


/* Compatibility decomposition takes "é" and "ﬁ" apart; marks and invisible
 * characters are dropped, so that they make no gap.  32 is more than any one
 * character gives; the longest has 18. */
static void
slug_character(struct slug *s, int32_t c)
{
    const int           how = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE
                              | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK
                              | UTF8PROC_IGNORE;
    utf8proc_int32_t    part[32];
    utf8proc_ssize_t    n;
    int                 last = UTF8PROC_BOUNDCLASS_START;
    const char         *ascii;

    if (c < 0x80) {
        slug_add(s, c);
        return;
    }
    ascii = letter_find(c);
    if (ascii != NULL) {
        while (*ascii != '\0')
            slug_add(s, *ascii++);
        return;
    }
    n = utf8proc_decompose_char(c, part, 32, how, &last);
    if (n < 0 || n > 32) {
        s->gap = true;
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        slug_add(s, part[i]);
}


/* Stops when it is full, however long the text is.  A byte that is not UTF-8
 * is a gap and not an error: a slug is made from what there is. */
const char *
text_slug(struct arena *a, const char *text, size_t n, size_t max)
{
    const utf8proc_uint8_t  *p = (const utf8proc_uint8_t *) text;
    struct slug              s = { .max = max };
    utf8proc_int32_t         c;
    utf8proc_ssize_t         len;

    /* No character gives more than 18 letters a byte of its own. */
    if (n < max / 18)
        s.max = n * 18;
    s.out = arena_alloc(a, s.max + 1);
    if (s.out == NULL)
        return NULL;

    for (size_t i = 0; i < n && !s.full; i += (size_t) len) {
        len = utf8proc_iterate(p + i, (utf8proc_ssize_t) (n - i), &c);
        if (len <= 0) {
            s.gap = true;
            len = 1;
            continue;
        }
        slug_character(&s, c);
    }
    s.out[s.len] = '\0';
    return s.out;
}


/* Both cases, as RFC 3986 has it.  -1 for all else, so a malformed escape is
 * refused and never passed on half decoded. */
static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}


/* Never longer than what it is made from, so `out` may be `in`.  A NUL is
 * refused, as it would end a C string early and hide what follows from a
 * check. */
ssize_t
percent_decode(char *out, const char *in, size_t n, bool plus)
{
    size_t  len = 0;
    int     high, low;

    for (size_t i = 0; i < n; i++) {
        char  c = in[i];

        if (c == '%') {
            if (n - i < 3)
                return -1;
            high = hex_digit(in[i + 1]);
            low = hex_digit(in[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            c = (char) (high << 4 | low);
            i += 2;

        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return -1;
        out[len++] = c;
    }
    return (ssize_t) len;
}


static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* Six bits at a time; the last letter is filled up with zeros.  Room for n * 4
 * / 3 rounded up is the caller's to give; no NUL is written. */
size_t
base64url(char *out, const uint8_t *in, size_t n)
{
    uint32_t  bits = 0;
    unsigned  have = 0;
    size_t    len = 0;

    for (size_t i = 0; i < n; i++) {
        bits = (bits & 0xff) << 8 | in[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            out[len++] = base64[bits >> have & 63];
        }
    }
    if (have > 0)
        out[len++] = base64[bits << (6 - have) & 63];
    return len;
}


/* strchr() would find NUL at the end of the alphabet and call it 64, so NUL is
 * asked for first.  A search is enough: cursors are short. */
static int
base64_digit(char c)
{
    const char  *at = c == '\0' ? NULL : strchr(base64, c);

    return at == NULL ? -1 : (int) (at - base64);
}


/* Strict: one text for one value, so that a signed cursor has no second
 * spelling.  The bits left over must be zero. */
ssize_t
base64url_decode(uint8_t *out, const char *in, size_t n)
{
    uint32_t  bits = 0;
    unsigned  have = 0;
    size_t    len = 0;
    int       digit;

    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        digit = base64_digit(in[i]);
        if (digit < 0)
            return -1;
        bits = (bits & 0xff) << 6 | (uint32_t) digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (uint8_t) (bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0 ? (ssize_t) len : -1;
}


/* An optional minus and digits; INT64_MIN is "none" and is refused.  *out is
 * written on success only.  No plus, no blanks: PostgreSQL writes none, and a
 * client's would be a second spelling. */
bool
int_parse(int64_t *out, const char *text, size_t n)
{
    bool      minus = n > 0 && text[0] == '-';
    int64_t   v = 0;
    size_t    i = minus;

    if (i == n)
        return false;
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, text[i] - '0', &v))
            return false;
    }
    *out = minus ? -v : v;
    return true;
}


bool
csv_is_formula(const char *cell)
{
    cell += strspn(cell, "'");

    return *cell != '\0' && strchr("=+-@\t\r", *cell) != NULL;
}
