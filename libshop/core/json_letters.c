/*
 * json_letters.c - escapes of letters (\u00e9) as the letters themselves.
 *
 * Many programs escape whatever is not ASCII, some also < and >.  In yajl each
 * escape costs what fifty plain letters do, so json_scan() undoes them before
 * it reads a body; but for those that JSON insists on.
 * Nothing here leaves by fail().
 */
#include "core/json_read.h"

#include "core/banned.h"


/* Four hexadecimal digits, or -1.  The caller has made sure that four bytes
 * are there. */
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


static int32_t
unit(const char *p, size_t n)
{
    return n >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
}


/* What UTF-16 has for a letter beyond U+FFFF: RFC 8259, section 7. */
int32_t
json_letter(const char *p, size_t n, size_t *len)
{
    int32_t  c = unit(p, n), low;

    *len = c < 0 ? 2 : 6;
    if (c < 0)
        return JSON_NO_LETTER;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    low = c < 0xdc00 ? unit(p + 6, n - 6) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return JSON_HALF_LETTER;
    *len = 12;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}


bool
json_letter_is_plain(int32_t c)
{
    return c >= ' ' && c != '"' && c != '\\';
}


/* RFC 3629, section 3. */
size_t
json_letter_put(char *out, int32_t c)
{
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char) (0xc0 | c >> 6);
        out[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char) (0xe0 | c >> 12);
        out[1] = (char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char) (0xf0 | c >> 18);
    out[1] = (char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}


/* Escapes come in rows: so many bytes of them have become *put bytes.  A pair
 * that n cuts in two, and whatever must stay an escape, ends the row. */
size_t
json_letters_put(char *out, const char *p, size_t n, size_t *put)
{
    size_t   i = 0, len;
    char    *o = out;
    int32_t  c;

    while (json_letter_is_plain(c = json_letter(p + i, n - i, &len))) {
        o += json_letter_put(o, c);
        i += len;
    }
    *put = (size_t) (o - out);
    return i;
}


/* Bytes up to the next backslash.  Escapes come in rows, and a call for each
 * would cost more than the escape. */
static size_t
run(const char *p, size_t n)
{
    const char *next = p[0] == '\\' ? p : memchr(p, '\\', n);

    return next == NULL ? n : (size_t) (next - p);
}


/* How many of the n bytes at p the next bytes of the plain text are made of,
 * and how many those are. */
static size_t
step(const char *p, size_t n, size_t *put)
{
    char     letter[4];
    size_t   len;
    int32_t  c;

    *put = run(p, n);
    if (*put > 0)
        return *put;
    c = json_letter(p, n, &len);
    if (json_letter_is_plain(c)) {
        *put = json_letter_put(letter, c);
        return len;
    }
    *put = n < 2 ? n : 2;
    return *put;
}


/* Escapes before the place that yajl stopped at were all within strings, where
 * the scan has undone what can be undone. */
size_t
json_origin(const struct json_plain *plain, const char *text, size_t n,
            size_t at)
{
    size_t  i = 0, m = plain->marks, taken, put;

    while (m > 0 && plain->mark[m - 1].out > at)
        m--;
    if (m > 0) {
        i = plain->mark[m - 1].in;
        at -= plain->mark[m - 1].out;
    }
    while (i < n) {
        taken = step(text + i, n - i, &put);
        if (at < put)
            return taken == put ? i + at : i;
        i += taken;
        at -= put;
    }

    return n;
}
