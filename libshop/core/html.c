/*
 * html.c - gumbo's tree written again by an allow-list.
 *
 * gumbo does not look at what its allocator returns, and its tree cannot be
 * given back without recursion.  So its memory is a pool that is dropped
 * whole, and when memory is short the pool leaves the parse by longjmp():
 * gumbo keeps no state outside of what it allocates, and no coroutine is near.
 *
 * Writing changes the nesting (elements are unwrapped), and a parser may read
 * that in another way than the tree says; that is how markup turns into
 * script behind a cleaner's back.  The result is therefore parsed again until
 * nothing changes; what never settles becomes plain text.
 * Return codes; nothing here leaves by fail().
 */
#include "core/html.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include "core/banned.h"
#include "core/env.h"
#include "core/html_rules.h"
#include "shop.h"

#define BLOCK      65536
#define POOL_MAX   (4u << 20)   /* beyond it the markup is made to be costly */
#define PASSES     8

struct block {
    struct block  *next;
    size_t         pad;         /* keeps what follows aligned to 16 bytes    */
};

/* The cleaner's whole state; lives on the caller's stack. */
struct cleaner {
    struct block  *blocks;
    char          *at;
    size_t         left;
    size_t         taken;
    jmp_buf        out_of_gumbo;
    const char    *limit;
    char          *out;         /* HTML_MAX and a NUL                        */
    size_t         len;
    bool           plain;       /* write texts only                          */
};


/* --- memory --------------------------------------------------------------- */


/* All at once, as gumbo's own way down the tree is recursive.  `limit` is
 * kept: it says why the pass was left. */
static void
pool_drop(struct cleaner *c)
{
    struct block  *b;

    while ((b = c->blocks) != NULL) {
        c->blocks = b->next;
        shop_env.release(b);
    }
    c->left = c->taken = 0;
}


/* NULL: memory is short, or `limit` says that too much of it is wanted. */
static struct block *
block_take(struct cleaner *c, size_t size)
{
    struct block  *b;

    if (size > POOL_MAX - c->taken) {
        c->limit = "The HTML is too complicated: its elements multiply when"
                   " a browser reads it.";
        return NULL;
    }
    b = shop_env.alloc(sizeof(*b) + size);
    if (b != NULL) {
        b->next = c->blocks;
        c->blocks = b;
        c->taken += size;
    }
    return b;
}


/* Never NULL: when there is nothing, it does not come back.  16 bytes is the
 * alignment that malloc() promises on our machines, and gumbo may rely on
 * it. */
static void *
pool_alloc(void *context, size_t size)
{
    struct cleaner  *c = context;
    size_t           whole = (size + 15) & ~(size_t) 15;
    struct block    *b;
    void            *p;

    if (whole > c->left) {
        b = block_take(c, whole > BLOCK ? whole : BLOCK);
        if (b == NULL)
            longjmp(c->out_of_gumbo, 1);
        c->at = (char *) (b + 1);
        c->left = whole > BLOCK ? whole : BLOCK;
    }
    p = c->at;
    c->at += whole;
    c->left -= whole;
    return p;
}


/* gumbo gives back piece by piece; the pool goes as a whole after each pass,
 * also when gumbo was left by longjmp(). */
static void
pool_release(void *context, void *p)
{
    (void) context;             /* all of it goes with the pool */
    (void) p;
}


/* --- writing -------------------------------------------------------------- */


/* Stops at the limit; what follows is not looked at any more.  What was
 * written until then is of no use: pass() refuses the whole, so no tag that is
 * cut in two gets out. */
static void
put(struct cleaner *c, const char *text, size_t n)
{
    if (n > HTML_MAX - c->len) {
        c->limit = "The HTML has more than 65536 bytes when it is cleaned.";
        return;
    }
    memcpy(c->out + c->len, text, n);
    c->len += n;
}


/* For markup of ours only: nothing is escaped.  What a stranger wrote goes
 * through put_escaped(). */
static void
put_string(struct cleaner *c, const char *text)
{
    put(c, text, strlen(text));
}


/* Controls are left out; a quote matters in an attribute only.  Byte by byte
 * is enough: what is escaped is ASCII, and UTF-8 goes through as it is. */
static void
put_escaped(struct cleaner *c, const char *text, bool quoted)
{
    for (; *text != '\0' && c->limit == NULL; text++) {
        unsigned char  byte = (unsigned char) *text;

        if (byte == '&')
            put(c, "&amp;", 5);
        else if (byte == '<')
            put(c, "&lt;", 4);
        else if (byte == '>')
            put(c, "&gt;", 4);
        else if (byte == '"' && quoted)
            put(c, "&quot;", 6);
        else if ((byte >= 0x20 && byte != 0x7f) || byte == '\n'
                 || byte == '\t')
            put(c, text, 1);
    }
}


/* "" for one that is not there, so that callers have one case: an empty
 * address is refused like a missing one.  Lives as long as the tree. */
static const char *
attribute(const GumboElement *element, const char *name)
{
    const GumboAttribute  *a = gumbo_get_attribute(&element->attributes, name);

    return a == NULL ? "" : a->value;
}


/* An address without the spaces around it and the line breaks within. */
static void
put_url(struct cleaner *c, const char *name, const char *url)
{
    size_t  n;
    char    one[2] = { 0, 0 };

    url += strspn(url, " \t\r\n");
    for (n = strlen(url); n > 0 && strchr(" \t\r\n", url[n - 1]) != NULL; n--)
        ;
    put_string(c, " ");
    put_string(c, name);
    put_string(c, "=\"");
    for (size_t i = 0; i < n; i++) {
        if (strchr("\t\r\n", url[i]) != NULL)
            continue;
        one[0] = url[i];
        put_escaped(c, one, true);
    }
    put_string(c, "\"");
}


/* A span of 1 to 1000 cells, digits only; 1 is left out.  1000 is where HTML
 * bounds colspan; rowspan could be more, but no table of a description needs
 * it. */
static void
put_span(struct cleaner *c, const GumboElement *element, const char *name)
{
    const char  *value = attribute(element, name);
    size_t       n = strspn(value, "0123456789");
    unsigned     v = 0;

    if (n == 0 || n > 4 || value[n] != '\0')
        return;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned) (value[i] - '0');
    if (v < 2 || v > 1000)
        return;
    put_string(c, " ");
    put_string(c, name);
    put_string(c, "=\"");
    put(c, value, n);
    put_string(c, "\"");
}


/* A link to nowhere is no link, and its text stays.  The element is unwrapped,
 * so that a visitor still reads what was meant. */
static bool
may_link(const GumboElement *element)
{
    return html_url_of(attribute(element, "href")) != URL_REFUSED;
}


/* A picture comes from the web or from this site's root.  A path without its
 * slash would mean another file on each page that shows the text. */
static bool
may_show(const GumboElement *element)
{
    const char     *src = attribute(element, "src");
    enum html_url   kind = html_url_of(src);

    return kind == URL_ELSEWHERE
           || (kind == URL_LOCAL && src[strspn(src, " \t\r\n")] == '/');
}


/* Nothing is copied that is not named here.  A link to elsewhere gives no
 * weight to it and no handle on this page.  Each value is escaped and in
 * quotes, whatever form it came in. */
static void
put_attributes(struct cleaner *c, const GumboElement *element)
{
    const char  *href = attribute(element, "href");

    switch (element->tag) {
    case GUMBO_TAG_A:
        put_url(c, "href", href);
        if (html_url_of(href) == URL_ELSEWHERE)
            put_string(c, " rel=\"nofollow noopener\"");
        return;
    case GUMBO_TAG_IMG:
        put_url(c, "src", attribute(element, "src"));
        put_string(c, " alt=\"");
        put_escaped(c, attribute(element, "alt"), true);
        put_string(c, "\"");
        return;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
        put_span(c, element, "colspan");
        put_span(c, element, "rowspan");
        return;
    default:
        return;
    }
}


/* --- walking -------------------------------------------------------------- */


/* Only these two have v.element; of the others v.text must be read.  A
 * template counts, as gumbo gives it a type of its own. */
static bool
is_element(const GumboNode *node)
{
    return node->type == GUMBO_NODE_ELEMENT
           || node->type == GUMBO_NODE_TEMPLATE;
}


/* When nothing settled only texts are left; what is dropped stays so. */
static enum html_action
action_of(const struct cleaner *c, const GumboNode *node)
{
    const GumboElement      *e = &node->v.element;
    const struct html_rule  *rule = html_rule_of(e);

    if (node->type == GUMBO_NODE_TEMPLATE || rule->action == DROP)
        return DROP;
    if (rule->action == UNWRAP || c->plain)
        return UNWRAP;
    if (e->tag == GUMBO_TAG_A)
        return may_link(e) ? KEEP : UNWRAP;
    if (e->tag == GUMBO_TAG_IMG)
        return may_show(e) ? KEEP : DROP;
    return KEEP;
}


/* A parser takes one newline after <pre> for layout; one that is content
 * needs another before it. */
static void
put_newline_of_pre(struct cleaner *c, const GumboElement *element)
{
    const GumboNode  *first;

    if (element->tag != GUMBO_TAG_PRE || element->children.length == 0)
        return;
    first = element->children.data[0];
    if (!is_element(first) && first->type != GUMBO_NODE_COMMENT
        && first->v.text.text[0] == '\n')
        put_string(c, "\n");
}


/* The name is the rule's, not the stranger's (h1 is written as h2), and only
 * put_attributes() decides what else is inside. */
static void
open_element(struct cleaner *c, const GumboElement *element)
{
    put_string(c, "<");
    put_string(c, html_rule_of(element)->name);
    put_attributes(c, element);
    put_string(c, ">");
    put_newline_of_pre(c, element);
}


/* Asks action_of() again instead of keeping its answer on the stack: nothing
 * that it looks at changes within a pass. */
static void
close_element(struct cleaner *c, const GumboNode *node)
{
    const struct html_rule  *rule = html_rule_of(&node->v.element);

    if (action_of(c, node) != KEEP || rule->is_void)
        return;
    put_string(c, "</");
    put_string(c, rule->name);
    put_string(c, ">");
}


/* True: go into its children.  Comments are left out, as browsers have read
 * scripts from them. */
static bool
open_node(struct cleaner *c, const GumboNode *node)
{
    switch (node->type) {
    case GUMBO_NODE_TEXT:
    case GUMBO_NODE_WHITESPACE:
    case GUMBO_NODE_CDATA:
        put_escaped(c, node->v.text.text, false);
        return false;
    case GUMBO_NODE_ELEMENT:
        break;
    default:
        return false;
    }
    switch (action_of(c, node)) {
    case KEEP:
        open_element(c, &node->v.element);
        return true;
    case UNWRAP:
        return true;
    case DROP:
    default:
        return false;
    }
}


/* By a stack of our own and no deeper than it: the depth is the stranger's.
 * Each entry is an element that is open, and its child to look at next. */
static void
walk(struct cleaner *c, const GumboNode *root)
{
    struct { const GumboNode *node; unsigned child; }
                          stack[HTML_DEPTH_MAX] = { { root, 0 } };
    size_t                depth = 1;
    const GumboNode      *node;
    const GumboVector    *children;

    while (depth > 0 && c->limit == NULL) {
        node = stack[depth - 1].node;
        children = &node->v.element.children;
        if (stack[depth - 1].child == children->length) {
            if (--depth > 0)
                close_element(c, node);
            continue;
        }
        node = children->data[stack[depth - 1].child++];
        if (!open_node(c, node))
            continue;
        if (depth == HTML_DEPTH_MAX) {
            c->limit = "The HTML is nested more than 100 elements deep.";
            return;
        }
        stack[depth].node = node;
        stack[depth++].child = 0;
    }
}


/* --- the whole ------------------------------------------------------------ */


/* One parse of `in`, written to c->out: 0, 1, SHOP_E_NOMEM.  `in` must not be
 * c->out, which is written from its beginning. */
static int
pass(struct cleaner *c, const char *in, size_t n)
{
    GumboOptions  options = kGumboDefaultOptions;
    GumboOutput  *output;

    c->len = 0;
    if (setjmp(c->out_of_gumbo) != 0) {
        pool_drop(c);
        return c->limit != NULL ? 1 : SHOP_E_NOMEM;
    }
    options.allocator = pool_alloc;
    options.deallocator = pool_release;
    options.userdata = c;
    options.max_errors = 0;
    options.fragment_context = GUMBO_TAG_DIV;
    output = gumbo_parse_with_options(&options, in, n);
    walk(c, output->root);
    pool_drop(c);
    return c->limit != NULL ? 1 : 0;
}


/* Until nothing changes; the two buffers take turns.  The last two passes
 * write texts only; the second of them proves that the first has settled. */
static int
settle(struct cleaner *c, const char *in, size_t n, char *spare)
{
    char  *swap;
    int    rc;

    for (int i = 0; i < PASSES + 2; i++) {
        c->plain = i >= PASSES;
        rc = pass(c, in, n);
        if (rc != 0)
            return rc;
        if (c->len == n && memcmp(c->out, in, n) == 0)
            return 0;
        c->limit = html_over_limit(c->out, c->len);
        if (c->limit != NULL)
            return 1;
        in = c->out;
        n = c->len;
        swap = c->out;
        c->out = spare;
        spare = swap;
    }
    c->limit = "The HTML cannot be made sense of.";
    return 1;
}


int
html_count(const char *text, size_t n, struct html *out)
{
    *out = (struct html) { .limit = html_too_many_tags(text, n) };
    return out->limit != NULL;
}


/* What is refused unread takes no memory.  Two buffers of the largest size: one
 * is read while the other is written.
 * Its result has a block of its own size, so that what the caller keeps is not
 * 64 KB for a line. */
int
html_clean(const char *text, size_t n, struct html *out)
{
    struct cleaner  c = { 0 };
    char           *buffers;
    int             rc;

    *out = (struct html) { .limit = html_over_limit(text, n) };
    if (out->limit != NULL)
        return 1;
    buffers = shop_env.alloc(2 * (HTML_MAX + 1));
    if (buffers == NULL)
        return SHOP_E_NOMEM;
    c.out = buffers;
    rc = settle(&c, text, n, buffers + HTML_MAX + 1);
    if (rc == 0) {
        out->text = shop_env.alloc(c.len + 1);
        if (out->text == NULL) {
            rc = SHOP_E_NOMEM;
        } else {
            memcpy(out->text, c.out, c.len);
            out->text[c.len] = '\0';
            out->len = c.len;
        }
    }
    out->limit = rc == 1 ? c.limit : NULL;
    shop_env.release(buffers);
    return rc;
}


/* html_clean() leaves no text when it refuses, so this may follow in every
 * case; twice does no harm either. */
void
html_free(struct html *html)
{
    shop_env.release(html->text);
    *html = (struct html) { 0 };
}
