/*
 * json_scan.c - one pass over a body before it is parsed.
 *
 * Knows strings, brackets and commas, not the grammar.  It ends at the first
 * thing that is wrong, so that a hostile body costs what its beginning costs.
 * Return codes; nothing here leaves by fail().
 */
#include "core/json_read.h"

#include "core/banned.h"
#include "core/shape.h"
#include "core/text.h"
#include "core/word.h"

struct scan {
    const char          *text;
    size_t               n;
    size_t               i;
    size_t               depth;
    size_t               members;
    size_t               escapes;
    struct json_limits   limits;
    struct json_error   *error;
};


/* Always false, so that a step can end with it.  `at` is the byte of the
 * fault, from which json_error_text() counts line and column. */
static bool
refuse(struct scan *s, const char *code, const char *why, size_t at)
{
    *s->error = (struct json_error) { code, why, at };
    return false;
}


/* Four hexadecimal digits, or -1: the grammar will complain about those.  The
 * caller has made sure that four bytes are there. */
static int32_t
hex4(const char *p)
{
    static const uint8_t  digit[256] = {        /* 0: none; else one more    */
        ['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        ['A'] = 11, 12, 13, 14, 15, 16, ['a'] = 11, 12, 13, 14, 15, 16,
    };
    const unsigned char  *u = (const unsigned char *) p;
    int32_t               a = digit[u[0]], b = digit[u[1]], c = digit[u[2]];
    int32_t               d = digit[u[3]];

    if (a == 0 || b == 0 || c == 0 || d == 0)
        return -1;

    return (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);
}


/* At the u of \uXXXX; a high surrogate takes the low one that must follow.  A
 * NUL is refused as neither a C string nor PostgreSQL's text can hold one.  An
 * escape costs what fifty plain letters do, here and in yajl: so their number
 * is bounded. */
static bool
scan_unicode(struct scan *s)
{
    const char  *p = s->text + s->i + 1;
    size_t       left = s->n - s->i - 1, at = s->i - 1;
    int32_t      c, low = -1;

    if (++s->escapes > ESCAPES_MAX)
        return refuse(s, "too_many_escapes",
                      "more than 30000 escapes; send the letters as they are",
                      at);
    c = left >= 4 ? hex4(p) : -1;
    s->i++;
    if (c < 0)
        return true;
    s->i += 4;
    if (c == 0)
        return refuse(s, "invalid_unicode", "a text cannot hold NUL", at);
    if (c < 0xd800 || c > 0xdfff)
        return true;
    if (c < 0xdc00 && left >= 10 && p[4] == '\\' && p[5] == 'u')
        low = hex4(p + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(s, "invalid_unicode",
                      "half of a surrogate pair stands alone", at);
    s->i += 6;
    return true;
}


/* At a byte that a run of plain ASCII ended with.  False: refused. */
static bool
scan_special(struct scan *s, bool *escaped)
{
    size_t  len;

    if (s->text[s->i] == '\\') {
        *escaped = true;
        if (++s->i < s->n && s->text[s->i] == 'u')
            return scan_unicode(s);
        s->i++;
        return true;
    }
    len = utf8_character(s->text + s->i, s->n - s->i);
    if (len == 0)
        return refuse(s, "invalid_unicode", "this byte is not UTF-8", s->i);
    s->i += len;
    return true;
}


/* From one quote to the next that is not escaped.  The longest text with
 * escapes is noted: yajl needs a buffer for those only, and json_read()
 * reserves it. */
static bool
scan_string(struct scan *s)
{
    size_t    start = ++s->i;
    bool      escaped = false;
    uint64_t  w;

    while (s->i < s->n && s->text[s->i] != '"') {
        if (s->n - s->i >= 8) {
            w = word_load(s->text + s->i);
            if (word_is_ascii(w) && word_is_plain(w)) {
                s->i += 8;
                continue;
            }
        }
        if (!scan_special(s, &escaped))
            return false;
    }
    if (s->i >= s->n)
        return refuse(s, "json_syntax", "the text ends within a string", s->n);
    if (escaped && s->i - start > s->limits.escaped)
        s->limits.escaped = s->i - start;
    s->i++;
    return true;
}


/* Depth is what would cost yajl and us a stack.  Closed brackets are taken off
 * without a look at their kind: whether they match is the grammar's to say. */
static bool
scan_open(struct scan *s)
{
    if (++s->depth > DEPTH_MAX)
        return refuse(s, "too_deep", "nested more than 32 levels deep", s->i);
    s->i++;
    return true;
}


/* An opening bracket and every comma stand for one member each.  yajl would
 * pass over two more kinds of white space than JSON has. */
static bool
scan_token(struct scan *s)
{
    char  c = s->text[s->i];

    if (c == '"')
        return scan_string(s);
    if (c == '{' || c == '[' || c == ',') {
        if (++s->members > MEMBERS_MAX)
            return refuse(s, "too_many_members",
                          "more than 10000 members and items", s->i);
        if (c != ',')
            return scan_open(s);
    }
    if (c == '\v' || c == '\f')
        return refuse(s, "json_syntax", "this is no white space of JSON",
                      s->i);
    if ((c == '}' || c == ']') && s->depth > 0)
        s->depth--;
    s->i++;
    return true;
}


/* To the next byte that scan_token() has something to do with.  Most of a body
 * of numbers is passed here; letters of true, false and null go byte by byte,
 * as they are few. */
static void
scan_dull(struct scan *s)
{
    static const bool  dull[256] = {
        [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true,
        ['0' ... '9'] = true, [':'] = true,
    };
    const unsigned char  *p = (const unsigned char *) s->text;
    size_t                i = s->i;

    while (i < s->n && dull[p[i]])
        i++;
    s->i = i;
}


/* yajl copies a last token that nothing ends ("12", "nul").  Its length is
 * what json_read() reserves for that copy. */
static size_t
tail(const char *text, size_t n)
{
    static const bool  ends[256] = {
        ['{'] = true, ['}'] = true, ['['] = true, [']'] = true, [':'] = true,
        [','] = true, ['"'] = true, [' '] = true, ['\t'] = true,
        ['\r'] = true, ['\n'] = true,
    };
    size_t             len = 0;

    while (len < n && !ends[(unsigned char) text[n - len - 1]])
        len++;
    return len;
}


/* Only what JSON calls white space. */
static bool
is_blank(const char *text, size_t n)
{
    static const bool  blank[256] = {
        [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true,
    };

    for (size_t i = 0; i < n; i++) {
        if (!blank[(unsigned char) text[i]])
            return false;
    }
    return true;
}


/* What ends with a bracket open cannot be right, so yajl need not see it. */
int
json_scan(const char *text, size_t n, struct json_limits *limits,
          struct json_error *error)
{
    struct scan  s = { .text = text, .n = n, .error = error };

    for (scan_dull(&s); s.i < n; scan_dull(&s)) {
        if (!scan_token(&s))
            return 1;
    }
    if (s.members == 0 && is_blank(text, n)) {
        refuse(&s, "json_syntax", "there is no JSON", 0);
        return 1;
    }
    if (s.depth > 0) {
        refuse(&s, "json_syntax", "the text ends too early", n);
        return 1;
    }
    s.limits.tail = tail(text, n);
    *limits = s.limits;
    return 0;
}
