/*
 * html_rules.c - the allow-list of elements, and of addresses.
 *
 * What is not in the table is unwrapped.  Blocks that are not kept become a
 * div, so that their texts do not run together.
 * Return codes; nothing here leaves by fail().
 */
#include "core/html_rules.h"

#include <string.h>

#include "core/banned.h"

#define KEPT(n)    { KEEP, n, false }
#define VOID(n)    { KEEP, n, true }
#define BLOCK      { KEEP, "div", false }
#define DROPPED    { DROP, NULL, false }

static const struct html_rule rules[GUMBO_TAG_LAST + 1] = {
    [GUMBO_TAG_P] = KEPT("p"),           [GUMBO_TAG_BR] = VOID("br"),
    [GUMBO_TAG_B] = KEPT("b"),           [GUMBO_TAG_STRONG] = KEPT("strong"),
    [GUMBO_TAG_I] = KEPT("i"),           [GUMBO_TAG_EM] = KEPT("em"),
    [GUMBO_TAG_U] = KEPT("u"),           [GUMBO_TAG_UL] = KEPT("ul"),
    [GUMBO_TAG_OL] = KEPT("ol"),         [GUMBO_TAG_LI] = KEPT("li"),
    [GUMBO_TAG_H1] = KEPT("h2"),         [GUMBO_TAG_H2] = KEPT("h2"),
    [GUMBO_TAG_H3] = KEPT("h3"),         [GUMBO_TAG_H4] = KEPT("h4"),
    [GUMBO_TAG_H5] = KEPT("h5"),         [GUMBO_TAG_H6] = KEPT("h6"),
    [GUMBO_TAG_BLOCKQUOTE] = KEPT("blockquote"),
    [GUMBO_TAG_A] = KEPT("a"),           [GUMBO_TAG_IMG] = VOID("img"),
    [GUMBO_TAG_TABLE] = KEPT("table"),   [GUMBO_TAG_THEAD] = KEPT("thead"),
    [GUMBO_TAG_TBODY] = KEPT("tbody"),   [GUMBO_TAG_TR] = KEPT("tr"),
    [GUMBO_TAG_TD] = KEPT("td"),         [GUMBO_TAG_TH] = KEPT("th"),
    [GUMBO_TAG_TFOOT] = KEPT("tbody"),   [GUMBO_TAG_DIV] = KEPT("div"),
    [GUMBO_TAG_CODE] = KEPT("code"),     [GUMBO_TAG_PRE] = KEPT("pre"),
    [GUMBO_TAG_HR] = VOID("hr"),         [GUMBO_TAG_SUB] = KEPT("sub"),
    [GUMBO_TAG_SUP] = KEPT("sup"),

    [GUMBO_TAG_ADDRESS] = BLOCK,         [GUMBO_TAG_ARTICLE] = BLOCK,
    [GUMBO_TAG_ASIDE] = BLOCK,           [GUMBO_TAG_CENTER] = BLOCK,
    [GUMBO_TAG_DD] = BLOCK,              [GUMBO_TAG_MENU] = KEPT("ul"),
    [GUMBO_TAG_DETAILS] = BLOCK,         [GUMBO_TAG_DL] = BLOCK,
    [GUMBO_TAG_DT] = BLOCK,              [GUMBO_TAG_FIELDSET] = BLOCK,
    [GUMBO_TAG_FIGCAPTION] = BLOCK,      [GUMBO_TAG_FIGURE] = BLOCK,
    [GUMBO_TAG_FOOTER] = BLOCK,          [GUMBO_TAG_FORM] = BLOCK,
    [GUMBO_TAG_HEADER] = BLOCK,          [GUMBO_TAG_MAIN] = BLOCK,
    [GUMBO_TAG_NAV] = BLOCK,             [GUMBO_TAG_SECTION] = BLOCK,
    [GUMBO_TAG_SUMMARY] = BLOCK,

    [GUMBO_TAG_SCRIPT] = DROPPED,        [GUMBO_TAG_STYLE] = DROPPED,
    [GUMBO_TAG_IFRAME] = DROPPED,        [GUMBO_TAG_OBJECT] = DROPPED,
    [GUMBO_TAG_EMBED] = DROPPED,         [GUMBO_TAG_APPLET] = DROPPED,
    [GUMBO_TAG_SVG] = DROPPED,           [GUMBO_TAG_MATH] = DROPPED,
    [GUMBO_TAG_TEMPLATE] = DROPPED,      [GUMBO_TAG_NOSCRIPT] = DROPPED,
    [GUMBO_TAG_NOEMBED] = DROPPED,       [GUMBO_TAG_NOFRAMES] = DROPPED,
    [GUMBO_TAG_TITLE] = DROPPED,         [GUMBO_TAG_XMP] = DROPPED,
    [GUMBO_TAG_PLAINTEXT] = DROPPED,     [GUMBO_TAG_TEXTAREA] = DROPPED,
    [GUMBO_TAG_SELECT] = DROPPED,        [GUMBO_TAG_AUDIO] = DROPPED,
    [GUMBO_TAG_VIDEO] = DROPPED,         [GUMBO_TAG_CANVAS] = DROPPED,
};


/* Anything of SVG or MathML is dropped: the two change how the rest is parsed,
 * and with it what a second parse would make of our text.  Never NULL: a tag
 * that is not in the table has a row of zeros. */
const struct html_rule *
html_rule_of(const GumboElement *element)
{
    static const struct html_rule  drop = DROPPED;

    if (element->tag_namespace != GUMBO_NAMESPACE_HTML)
        return &drop;
    return &rules[element->tag];
}


/* `have` is in lower case and not NUL-ended.  It was cut at 8 bytes, more than
 * any scheme that passes has, so a longer one equals none. */
static bool
is_scheme(const char *have, size_t n, const char *want)
{
    return n == strlen(want) && memcmp(have, want, n) == 0;
}


/* Browsers leave tabs and newlines out of an address wherever they stand;
 * other controls have no business there.  The URL standard's rule:
 * "java\nscript:" is a scheme to a browser, so it has to be one here. */
static bool
is_left_out(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
}


/* A browser may skip them, so they may not hide a scheme. */
static bool
has_controls(const char *url)
{
    for (; *url != '\0'; url++) {
        if (((unsigned char) *url < 0x20 && !is_left_out(*url))
            || *url == 0x7f)
            return true;
    }
    return false;
}


/* Whatever stands before a colon counts as a scheme, unless a slash, a
 * question mark or a hash comes first; only known ones pass. */
enum html_url
html_url_of(const char *url)
{
    char    scheme[8];
    size_t  n = 0;

    while (*url == ' ' || is_left_out(*url))
        url++;
    if (*url == '\0' || has_controls(url))
        return URL_REFUSED;
    if (url[0] == '/' && (url[1] == '/' || url[1] == '\\'))
        return URL_ELSEWHERE;
    for (const char *c = url; *c != '\0' && strchr("/?#\\", *c) == NULL; c++) {
        if (*c == ':') {
            if (is_scheme(scheme, n, "http") || is_scheme(scheme, n, "https"))
                return URL_ELSEWHERE;
            return is_scheme(scheme, n, "mailto") ? URL_MAIL : URL_REFUSED;
        }
        if (!is_left_out(*c) && n < sizeof(scheme))
            scheme[n++] = *c >= 'A' && *c <= 'Z' ? (char) (*c + 32) : *c;
    }
    return url[0] == '\\' ? URL_REFUSED : URL_LOCAL;
}
