/*
 * html_rules.h - which elements and attributes stay, and what is not parsed;
 * between html.c, html_rules.c and html_scan.c.
 */
#ifndef SHOP_HTML_RULES_H
#define SHOP_HTML_RULES_H

#include <gumbo.h>
#include <stdbool.h>

enum html_action {
    UNWRAP,                     /* the element goes, what is in it stays     */
    KEEP,                       /* written under the rule's name             */
    DROP                        /* with all that is in it                    */
};

struct html_rule {
    enum html_action   action;
    const char        *name;
    bool               is_void; /* no content, no end tag                    */
};

const struct html_rule *html_rule_of(const GumboElement *element);

/* A sentence with the limit that the text is over, or NULL; before a parse. */
const char *html_over_limit(const char *text, size_t n);

/* The first of those limits, which costs next to nothing to look at. */
const char *html_too_many_tags(const char *text, size_t n);

enum html_url { URL_REFUSED, URL_LOCAL, URL_ELSEWHERE, URL_MAIL };

/* What a browser would take the address for. */
enum html_url html_url_of(const char *url);

#endif
