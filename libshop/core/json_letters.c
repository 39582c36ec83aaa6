/*
 * json_letters.c - escapes (\u00e9, \n) as the letters themselves.
 *
 * Many programs escape whatever is not ASCII, some also < and >.  In yajl each
 * escape costs what fifty plain letters do, so json_scan() undoes them before
 * it reads a body.  Where JSON insists on an escape, as of a quote, a byte
 * stands in for the letter that UTF-8 never has, and that the scan has let
 * nobody else bring in; behind yajl the letter takes its place.
 * Nothing here leaves by fail().
 */
#include "core/json_read.h"

#include "core/banned.h"
#include "core/word.h"

#define STAND_IN     0xf8       /* and above                                 */
#define BETWEEN_MAX  2

/* In the order of their bytes. */
static const char  stood_for[] = "\"\\\b\f\n\r\t";


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


/* Of an escape by name (RFC 8259, section 7), by what is behind the backslash:
 * the byte that its letter has till yajl is done.  0: there is no such. */
static const unsigned char  named[256] = {
    ['"'] = STAND_IN, ['\\'] = STAND_IN + 1, ['/'] = '/',
    ['b'] = STAND_IN + 2, ['f'] = STAND_IN + 3, ['n'] = STAND_IN + 4,
    ['r'] = STAND_IN + 5, ['t'] = STAND_IN + 6,
};


static int32_t
by_name(const char *p, size_t n)
{
    unsigned char  c = n < 2 || p[0] != '\\' ? 0
                                             : named[(unsigned char) p[1]];

    if (c == 0)
        return JSON_NO_LETTER;
    return c >= STAND_IN ? stood_for[c - STAND_IN] : c;
}


/* What UTF-16 has for a letter beyond U+FFFF, too. */
int32_t
json_letter(const char *p, size_t n, size_t *len)
{
    int32_t  c = unit(p, n), low;

    *len = c < 0 ? 2 : 6;
    if (c < 0)
        return by_name(p, n);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    low = c < 0xdc00 ? unit(p + 6, n - 6) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return JSON_HALF_LETTER;
    *len = 12;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}


/* An ASCII letter as itself or its stand-in; 0: it has none, as no text may
 * have it either. */
static unsigned char
ascii(int32_t c)
{
    const char  *at;

    if (c == 0 || (c >= ' ' && c != '"' && c != '\\'))
        return (unsigned char) c;
    at = strchr(stood_for, c);
    return at == NULL ? 0 : (unsigned char) (STAND_IN + (at - stood_for));
}


/* RFC 3629, section 3. */
size_t
json_letter_put(char *out, int32_t c)
{
    if (c < 0)
        return 0;
    if (c < 0x80) {
        out[0] = (char) ascii(c);
        return out[0] != '\0';
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


/* Escapes by name, and what stands between them: a letter or two that are what
 * they are, as more of those are passed faster elsewhere.  So many bytes have
 * become *put; each name is one less. */
static size_t
names_put(char *out, const char *p, size_t n, size_t *put)
{
    size_t  i = 0, o = 0, letters = 0;

    while (i < n && letters < BETWEEN_MAX) {
        unsigned char  c = (unsigned char) p[i], next;

        if (c != '\\') {
            if (c == '"' || c < ' ' || c >= 0x80)
                break;
            out[o++] = p[i++];
            letters++;
            continue;
        }
        next = n - i < 2 ? 0 : named[(unsigned char) p[i + 1]];
        if (next == 0)
            break;
        out[o++] = (char) next;
        i += 2;
        letters = 0;
    }
    *put = o;
    return i;
}


/* Escapes come in rows: so many bytes of them have become *put bytes.  A pair
 * that n cuts in two, and whatever must stay an escape, ends the row. */
size_t
json_letters_put(char *out, const char *p, size_t n, size_t *put,
                 size_t *names)
{
    size_t   i = 0, len, more, escapes;
    char    *o = out;

    do {
        if (n - i < 2 || p[i] != '\\' || p[i + 1] != 'u') {
            len = names_put(o, p + i, n - i, &more);
            escapes = len - more;
            *names += escapes;
        } else {
            more = json_letter_put(o, json_letter(p + i, n - i, &len));
            escapes = more;
        }
        o += more;
        i += more > 0 ? len : 0;
    } while (escapes > 0);
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

    *put = run(p, n);
    if (*put > 0)
        return *put;
    *put = json_letter_put(letter, json_letter(p, n, &len));
    if (*put > 0)
        return len;
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


/* In place: a letter takes the room of its stand-in.  Most words have none, and
 * are not written to. */
void
json_stand_down(char *text, size_t n)
{
    size_t    i = 0;
    uint64_t  in;

    for (; n - i >= 8; i += 8) {
        for (in = word_stand_ins(word_load(text + i)); in != 0; in &= in - 1) {
            char  *at = text + i + (unsigned) __builtin_ctzll(in) / 8;

            *at = stood_for[(unsigned char) *at - STAND_IN];
        }
    }
    for (; i < n; i++) {
        if ((unsigned char) text[i] >= STAND_IN)
            text[i] = stood_for[(unsigned char) text[i] - STAND_IN];
    }
}
