/*
 * html_scan.c - what is told of HTML before it is parsed: a parser takes a time
 * that grows with the square of elements that nest and of a tag's attributes.
 *
 * Where a parser would see no tag, within comments and quotes, one is seen all
 * the same: a look that may see too much cannot be led astray.
 * Return codes; nothing here leaves by fail().
 */
#include "core/html_rules.h"

#include <string.h>

#include "core/banned.h"
#include "core/html.h"

#define TOO_DEEP  "The HTML is nested more than 100 elements deep."
#define TOO_MANY  "The HTML has a tag of more than 50 attributes."
#define TOO_LONG  "The HTML has more than 2000 tags."
#define LETTERS   12            /* of a name; what comes behind is alike     */
#define KINDS     256           /* names by their hash; those that share one
                                   are counted as one                        */

/* Where in a tag we are.  Behind the name and behind a quoted value the same
 * comes next, so both are BEFORE. */
enum place { TAG, BEFORE, NAME, AFTER, VALUE, DOUBLE, SINGLE, BARE, PLACES };

#define END  PLACES             /* the tag is over                           */
#define NEW  0x80               /* an attribute begins                       */

/* Of each place at which a tag that began somewhere may be (a bit of `at`), the
 * most attributes that it has.  A "<" in quotes begins another, and which of
 * them the parser takes for one is not asked. */
struct tags {
    unsigned  at;
    int       most[PLACES];
};

struct nesting {
    unsigned  open[KINDS];
    unsigned  depth;
};


/* As the standard's tokenizer: behind most bytes, a blank, "/", ">", a double
 * or a single quote, and "=". */
static unsigned
next_place(unsigned at, unsigned char c)
{
    static const unsigned char  next[PLACES][7] = {
        [TAG]    = { TAG, BEFORE, BEFORE, END, TAG, TAG, TAG },
        [BEFORE] = { NEW | NAME, BEFORE, BEFORE, END, NEW | NAME, NEW | NAME,
                     NEW | NAME },
        [NAME]   = { NAME, AFTER, BEFORE, END, NAME, NAME, VALUE },
        [AFTER]  = { NEW | NAME, AFTER, BEFORE, END, NEW | NAME, NEW | NAME,
                     VALUE },
        [VALUE]  = { BARE, VALUE, BARE, END, DOUBLE, SINGLE, BARE },
        [DOUBLE] = { DOUBLE, DOUBLE, DOUBLE, DOUBLE, BEFORE, DOUBLE, DOUBLE },
        [SINGLE] = { SINGLE, SINGLE, SINGLE, SINGLE, SINGLE, BEFORE, SINGLE },
        [BARE]   = { BARE, BEFORE, BARE, END, BARE, BARE, BARE },
    };
    static const unsigned char  kind[256] = {
        [' '] = 1, ['\t'] = 1, ['\n'] = 1, ['\f'] = 1, ['\r'] = 1, ['/'] = 2,
        ['>'] = 3, ['"'] = 4, ['\''] = 5, ['='] = 6,
    };

    return next[at][kind[c]];
}


/* Where such a byte leaves everything as it is: most bytes of names and values
 * are of that kind. */
static bool
changes_nothing(const struct tags *t, char c)
{
    const unsigned  stay = 1u << TAG | 1u << NAME | 1u << DOUBLE | 1u << SINGLE
                           | 1u << BARE;

    return (t->at & ~stay) == 0
           && ((unsigned char) c >= '?' || (c >= '0' && c <= '9'));
}


static void
tags_at(struct tags *t, unsigned place, int n)
{
    if (!(t->at >> place & 1) || n > t->most[place])
        t->most[place] = n;
    t->at |= 1u << place;
}


/* The same of one tag, as there mostly is no more than one. */
static bool
tag_step(struct tags *t, unsigned char c)
{
    unsigned  at = (unsigned) __builtin_ctz(t->at), place = next_place(at, c);
    int       n = t->most[at] + ((place & NEW) != 0);

    place &= ~(unsigned) NEW;
    t->at = place == END ? 0 : 1u << place;
    t->most[place % PLACES] = n;
    return n > HTML_ATTRIBUTES_MAX;
}


/* True: one has more attributes than it may. */
static bool
tags_step(struct tags *t, unsigned char c)
{
    struct tags  to;

    if (t->at == 0)
        return false;
    if ((t->at & (t->at - 1)) == 0)
        return tag_step(t, c);

    to.at = 0;
    for (unsigned left = t->at; left != 0; left &= left - 1) {
        unsigned  at = (unsigned) __builtin_ctz(left), place;
        int       n = t->most[at];

        place = next_place(at, c);
        n += (place & NEW) != 0;
        place &= ~(unsigned) NEW;
        if (n > HTML_ATTRIBUTES_MAX)
            return true;
        if (place != END)
            tags_at(&to, place, n);
    }
    *t = to;
    return false;
}


static bool
is_letter(char c)
{
    c |= 0x20;
    return c >= 'a' && c <= 'z';
}


/* Those that another of their kind, or the end of what they are in, closes:
 * they may be left open without nesting.  By their first letter, as all tags of
 * a text are looked up. */
static bool
nests(const char *name, size_t n)
{
#define BY(letter, names)  [letter - 'a'] = " " names " "
    static const char *const  flat[26] = {
        BY('a', "a area"), BY('b', "base body br button"),
        BY('c', "caption col colgroup"), BY('d', "dd dt"), BY('e', "embed"),
        BY('f', "form"), BY('h', "h1 h2 h3 h4 h5 h6 head hr html"),
        BY('i', "image img input"), BY('l', "li link"), BY('m', "meta"),
        BY('n', "nobr"), BY('o', "optgroup option"), BY('p', "p param"),
        BY('r', "rp rt"), BY('s', "source"),
        BY('t', "tbody td tfoot th thead tr track"), BY('w', "wbr"),
    };
#undef BY
    const char  *like = flat[name[0] - 'a'];
    char         word[LETTERS + 3] = " ";

    memcpy(word + 1, name, n);
    word[n + 1] = ' ';
    word[n + 2] = '\0';
    return like == NULL || strstr(like, word) == NULL;
}


/* An end without a beginning ends nothing else: so names are told apart. */
static void
nesting_step(struct nesting *nest, const char *at, const char *end, bool closes)
{
    char      name[LETTERS];
    size_t    n = 0;
    unsigned  hash = 0;

    for (; at + n < end && n < sizeof(name)
           && strchr(" \t\n\f\r/>", at[n]) == NULL; n++)
    {
        name[n] = at[n] >= 'A' && at[n] <= 'Z' ? (char) (at[n] | 0x20) : at[n];
        hash = hash * 31 + (unsigned char) name[n];
    }
    hash %= KINDS;
    if (!nests(name, n))
        return;
    if (!closes) {
        nest->open[hash]++;
        nest->depth++;
    } else if (nest->open[hash] > 0) {
        nest->open[hash]--;
        nest->depth--;
    }
}


/* Ends of tags are counted, too: one without a beginning may make an element.
 * From one tag to the next nothing is looked at byte by byte. */
const char *
html_over_limit(const char *text, size_t n)
{
    const char      *at = text, *end = text + n;
    struct tags      tags = { 0 };
    struct nesting   nest = { { 0 }, 0 };
    size_t           count[2] = { 0, 0 };
    bool             closes;

    if (n > HTML_MAX)
        return "The HTML has more than 65536 bytes.";
    for (; at < end; at++) {
        if (tags.at == 0
            && (at = memchr(at, '<', (size_t) (end - at))) == NULL)
            break;
        if (changes_nothing(&tags, *at))
            continue;
        if (tags_step(&tags, (unsigned char) *at))
            return TOO_MANY;
        closes = end - at > 2 && at[1] == '/';
        if (*at != '<' || end - at < 2 || !is_letter(at[1 + closes]))
            continue;
        if (closes && tags_step(&tags, '/'))
            return TOO_MANY;
        at += closes;
        if (++count[closes] > HTML_TAGS_MAX)
            return TOO_LONG;
        nesting_step(&nest, at + 1, end, closes);
        if (nest.depth > HTML_DEPTH_MAX)
            return TOO_DEEP;
        tags_at(&tags, TAG, 0);
    }
    return NULL;
}


const char *
html_too_many_tags(const char *text, size_t n)
{
    const char  *at = text, *end = text + n;
    size_t       count[2] = { 0, 0 };
    bool         closes;

    for (; (at = memchr(at, '<', (size_t) (end - at))) != NULL; at++) {
        closes = end - at > 2 && at[1] == '/';
        if (end - at > 1 + closes && is_letter(at[1 + closes])
            && ++count[closes] > HTML_TAGS_MAX)
            return TOO_LONG;
    }
    return NULL;
}
