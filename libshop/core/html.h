/*
 * html.h - HTML of strangers made harmless: an allow-list over a real parse.
 *
 * What comes in is parsed as a browser would, and what goes out is written
 * anew from the tree: elements and attributes of the list, texts escaped.
 * Cleaning what is clean changes nothing.
 *
 * It runs on pool threads or in shopctl, never on a coroutine: a parse may
 * take milliseconds and more stack than a coroutine has.  Memory is therefore
 * its own (shop_env), as an arena belongs to one thread; the caller copies
 * the result to where it is needed, on its own thread.
 */
#ifndef SHOP_HTML_H
#define SHOP_HTML_H

#include <stddef.h>

#define HTML_MAX       65536    /* bytes, in and out                         */
#define HTML_TAGS_MAX  2000
#define HTML_DEPTH_MAX 100
#define HTML_ATTRIBUTES_MAX 50  /* of a tag                                  */

struct html {
    char        *text;          /* with a NUL behind it                      */
    size_t       len;
    const char  *limit;         /* when refused: a sentence with the limit   */
};

/* 0; 1: over a limit; SHOP_E_NOMEM. */
int html_clean(const char *text, size_t n, struct html *out);

/* For what is refused anyhow: the limit of tags alone.  No text is made. */
int html_count(const char *text, size_t n, struct html *out);
void html_free(struct html *html);

#endif
