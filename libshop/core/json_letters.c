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
#include "core/text.h"
#include "core/word.h"

#define STAND_IN   0xf8         /* and above                                 */
#define QUOTE      0xfe
#define BACKSLASH  0xff

/* In the order of their bytes.  0xfb has nobody: so a control is 0xf0 less. */
static const char  stood_for[8] = "\b\t\n\0\f\r\"\\";


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
    ['"'] = QUOTE, ['\\'] = BACKSLASH, ['/'] = '/', ['b'] = 0xf8,
    ['t'] = 0xf9, ['n'] = 0xfa, ['f'] = 0xfc, ['r'] = 0xfd,
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
    static const unsigned char  stand_in[' '] = {
        ['\b'] = 0xf8, ['\t'] = 0xf9, ['\n'] = 0xfa, ['\f'] = 0xfc,
        ['\r'] = 0xfd,
    };

    if (c < ' ')
        return stand_in[c];
    return c == '"' ? QUOTE : c == '\\' ? BACKSLASH : (unsigned char) c;
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


/* An escape; *put is 0 where it must stay one. */
static size_t
escape_put(char *out, const char *p, size_t n, size_t *put, size_t *names)
{
    size_t         len = 2;
    unsigned char  name;

    if (n >= 2 && p[1] == 'u') {
        *put = json_letter_put(out, json_letter(p, n, &len));
        return len;
    }
    name = n < 2 || *names == 0 ? 0 : named[(unsigned char) p[1]];
    out[0] = (char) name;
    *put = name != 0;
    *names -= *put;
    return len;
}


/* A character beyond ASCII; 0: it is none. */
static size_t
character_put(char *out, const char *p, size_t n)
{
    size_t  len = utf8_character(p, n);

    for (size_t i = 0; i < len; i++)
        out[i] = p[i];
    return len;
}


/* Words are written whole: behind the plain bytes, so many, goes what comes
 * next. */
static size_t
plain_put(char *out, const char *p, size_t n)
{
    size_t    i = 0;
    uint64_t  w, special;

    for (; n - i >= sizeof(w); i += sizeof(w)) {
        w = word_load(p + i);
        memcpy(out + i, &w, sizeof(w));
        special = word_special(w);
        if (special != 0)
            return i + word_first(special);
    }
    return i;
}


/* Where one escape is, more will be: so many bytes of them and of what is
 * between have become *put bytes, which are no more than they were. */
size_t
json_letters_put(char *out, const char *p, size_t n, size_t *put,
                 size_t *names)
{
    size_t  i = 0, o = 0, len, more;

    while (n - i >= sizeof(uint64_t)) {
        if (p[i] == '\\')
            len = escape_put(out + o, p + i, n - i, &more, names);
        else if ((unsigned char) p[i] >= 0x80)
            len = more = character_put(out + o, p + i, n - i);
        else
            len = more = plain_put(out + o, p + i, n - i);
        if (more == 0)
            break;
        i += len;
        o += more;
    }
    *put = o;
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


/* A place that is known, where it is nearer to `at` than the one so far. */
static void
later(size_t *out, size_t *in, size_t at, size_t known_out, size_t known_in)
{
    if (known_out <= at && known_out >= *out) {
        *out = known_out;
        *in = known_in;
    }
}


/* Escapes before the place that yajl stopped at were all within strings, where
 * the scan has undone what can be undone. */
size_t
json_origin(const struct json_plain *plain, const char *text, size_t n,
            size_t at)
{
    size_t  out = 0, i = 0, taken, put;

    for (unsigned m = 0; m < plain->marks; m++)
        later(&out, &i, at, plain->mark[m].out, plain->mark[m].in);
    for (size_t c = 0; c < plain->cuts; c++)
        later(&out, &i, at, plain->cut[c].out, plain->cut[c].in);
    at -= out;
    while (i < n) {
        taken = step(text + i, n - i, &put);
        if (at < put)
            return taken == put ? i + at : i;
        i += taken;
        at -= put;
    }

    return n;
}


static bool
has_stand_ins(const char *text, size_t n)
{
    size_t  i = 0;

    for (; n - i >= BLOCK; i += BLOCK) {
        if (block_has((block) (block_load(text + i) >= STAND_IN)))
            return true;
    }
    return block_has((block) (block_load_rest(text + i, n - i) >= STAND_IN));
}


static block
stand_down(block b)
{
    block  control = (block) (b >= STAND_IN) & 0xf0;
    block  quote = (block) (b == QUOTE) & ('"' ^ (QUOTE - 0xf0));
    block  backslash = (block) (b == BACKSLASH) & ('\\' ^ (BACKSLASH - 0xf0));

    return b ^ control ^ quote ^ backslash;
}


/* In place: a letter takes the room of its stand-in.  A text without any is
 * not written to.  In others it is not asked where they are, as a branch for
 * each would cost more than a look at all bytes. */
void
json_stand_down(char *text, size_t n)
{
    size_t  i = 0;
    block   b;

    if (!has_stand_ins(text, n))
        return;
    for (; n - i >= BLOCK; i += BLOCK) {
        b = stand_down(block_load(text + i));
        memcpy(text + i, &b, sizeof(b));
    }
    b = stand_down(block_load_rest(text + i, n - i));
    memcpy(text + i, &b, n - i);
}
