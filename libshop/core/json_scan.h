/*
 * json_scan.h - what the scan of a body has between its parts: the walk over
 * tokens (json_scan.c), and what becomes of strings (json_string.c).
 */
#ifndef SHOP_JSON_SCAN_H
#define SHOP_JSON_SCAN_H

#include "core/json_read.h"

#define JSON_LONG  128          /* bytes of a string that yajl is spared     */

struct scan {
    const char          *text;
    size_t               n;
    size_t               i;
    size_t               depth;
    size_t               members;
    size_t               escapes;
    struct json_error   *error;
    struct arena        *arena;
    struct json_plain   *plain;
    char                *out;           /* plain->text, when it is another   */
    size_t               done;          /* of text, by what is in out        */
    char                *letters;       /* of strings with escapes           */
    size_t               letters_n;
    bool                 no_memory;

    struct {
        size_t           start;         /* behind the quote                  */
        size_t           first;         /* of letters                        */
        size_t           done;          /* of text, by what is in letters    */
        unsigned         marks;         /* that there were before            */
        bool             kept;          /* an escape stays one               */
    } string;
};

/* At the byte behind a quote; at the quote that ends it.  False: no memory. */
void string_begin(struct scan *s, size_t start);
bool string_end(struct scan *s);

/* The letter c takes the place of the escape from `at` to s->i, and so do those
 * that follow; false: no memory. */
bool string_letter(struct scan *s, int32_t c, size_t at);

/* One blank stands for all up to `end`; false: no memory. */
bool scan_cut_blanks(struct scan *s, size_t end);

/* What has not been written yet, but for strings. */
void scan_copy_run(struct scan *s, size_t at);

#endif
