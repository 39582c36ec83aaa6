/*
 * import_cell.c - a cell's text becomes a value, or a sentence on what is
 * wrong with it.
 *
 * Values are in PostgreSQL's text form.  Numbers are read digit by digit:
 * a price never was a float.
 */
#include "shopctl/import.h"

#include <stdarg.h>
#include <strings.h>

#include "core/banned.h"
#include "core/html.h"
#include "core/html_rules.h"
#include "core/text.h"

#define NO_MEMORY    "could not be kept: out of memory"
#define SHOWN_MAX    40         /* bytes of a wrong cell that are repeated   */
#define SLUG_MAX     255
#define GRAMS_MAX    100000000
#define QUANTITY_MAX 1000000000
#define TAGS_MAX     250

struct decimal {
    int64_t  whole;             /* in units of 10^-digits                    */
    int      next;              /* the first digit that is left out          */
    bool     rest;              /* digits that are left out are not all 0    */
};


/* The sentence ends with the row.  Formats never cut a character: they bound
 * what they show by shown(). */
static const char *
reason(struct import_cell *cell, const char *format, ...)
{
    char     text[256];
    va_list  args;
    int      n;
    char    *copy;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = arena_copy(cell->arena, text,
                      n < (int) sizeof(text) ? (size_t) n : sizeof(text) - 1);

    return copy == NULL ? NO_MEMORY : copy;
}


/* How much of a text is shown: whole characters only. */
static int
shown(const char *text, size_t len)
{
    size_t  n = 0, step;

    while (n < len) {
        step = utf8_character(text + n, len - n);
        if (step == 0 || n + step > SHOWN_MAX)
            break;
        n += step;
    }

    return (int) n;
}


/* The cell, as far as it may be shown, and what is wrong with it. */
static const char *
wrong(struct import_cell *cell, const char *what)
{
    return reason(cell, "\"%.*s\" %s", shown(cell->text, cell->len),
                  cell->text, what);
}


/* PostgreSQL reads it again; both sides agree on 64 bits. */
static const char *
integer(struct import_cell *cell, int64_t v)
{
    cell->value = reason(cell, "%lld", (long long) v);

    return NULL;
}


/* Blanks at the ends mean nothing in any cell, and hide in spreadsheets. */
static void
trim(const char **text, size_t *len)
{
    for (; *len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL; --*len)
        ;
    for (; *len > 0 && strchr(" \t\r\n", **text) != NULL; --*len)
        ++*text;
}


/* --- texts ---------------------------------------------------------------- */


/* The limit is the table's, in characters as there: what passes here does not
 * fail in the middle of COPY. */
static const char *
take_text(struct import_cell *cell)
{
    if (utf8_length(cell->text, cell->len) > (ssize_t) cell->column->max)
        return reason(cell, "has more than %u characters", cell->column->max);
    cell->value = cell->text;

    return NULL;
}


/* What may stand in an address as it is: see the table of slugs. */
static bool
is_slug(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char) *c <= ' ' || *c == 0x7f || (*c >= 'A' && *c <= 'Z')
            || strchr("/?#%_", *c) != NULL)
            return false;
    }

    return true;
}


/* Handles are addresses already; one with capitals or an underscore is not,
 * and is written in plain letters. */
const char *
import_slug(struct arena *a, const char *handle)
{
    const char  *slug;

    if (is_slug(handle) && strstr(handle, "\xc2\xa0") == NULL)
        return handle;
    slug = text_slug(a, handle, strlen(handle), SLUG_MAX);

    return slug == NULL || *slug == '\0' ? NULL : slug;
}


/* Refused here and not when the address is made: here its line is known. */
static const char *
take_handle(struct import_cell *cell)
{
    if (import_slug(cell->arena, cell->text) == NULL)
        return wrong(cell, "makes no address: it has no letter or digit");

    return take_text(cell);
}


/* The cleaner's memory is its own, so the text is copied. */
static const char *
take_html(struct import_cell *cell)
{
    struct html  html;
    int          rc = html_clean(cell->text, cell->len, &html);
    const char  *text;

    if (rc == 1)
        return reason(cell, "%s", html.limit);
    if (rc != 0)
        return NO_MEMORY;
    text = arena_copy(cell->arena, html.text, html.len);
    if (text != NULL)
        cell->value = text_nfc(cell->arena, text, html.len);
    html_free(&html);

    return cell->value == NULL ? NO_MEMORY : NULL;
}


/* At most TAGS_MAX of them: a search is enough. */
static bool
has_tag(const struct texts *tags, const char *tag)
{
    for (size_t i = 0; i < tags->n; i++) {
        if (strcmp(tags->v[i], tag) == 0)
            return true;
    }

    return false;
}


/* Between commas; none twice, none empty. */
static const char *
take_tags(struct import_cell *cell)
{
    const char    *v[TAGS_MAX], *text = cell->text, *tag;
    struct texts   tags = { 0, v };
    size_t         n, len;

    for (;; text += n + 1) {
        n = strcspn(text, ",");
        tag = text;
        len = n;
        trim(&tag, &len);
        tag = arena_copy(cell->arena, tag, len);
        if (tag == NULL)
            return NO_MEMORY;
        if (utf8_length(tag, len) > (ssize_t) cell->column->max)
            return reason(cell, "has a tag of more than %u characters",
                          cell->column->max);
        if (len > 0 && !has_tag(&tags, tag)) {
            if (tags.n == TAGS_MAX)
                return reason(cell, "has more than %d tags", TAGS_MAX);
            v[tags.n++] = tag;
        }
        if (text[n] == '\0')
            break;
    }
    cell->value = pg_array_text(cell->arena, &tags);

    return cell->value == NULL ? NO_MEMORY : NULL;
}


/* "Home & Garden > Lighting > Lamps" is a place in Shopify's taxonomy; its
 * last step says what the product is. */
static const char *
take_category(struct import_cell *cell)
{
    const char  *last = strrchr(cell->text, '>');

    if (last != NULL) {
        cell->len -= (size_t) (last + 1 - cell->text);
        cell->text = last + 1;
        trim(&cell->text, &cell->len);
    }

    return cell->len == 0 ? NULL : take_text(cell);
}


/* --- words ---------------------------------------------------------------- */


/* Shopify writes true or TRUE.  Other words would be guesses, and a wrong guess
 * puts a draft up for sale. */
static const char *
take_bool(struct import_cell *cell)
{
    if (strcasecmp(cell->text, "true") == 0)
        cell->value = "t";
    else if (strcasecmp(cell->text, "false") == 0)
        cell->value = "f";
    else
        return wrong(cell, "is neither true nor false");

    return NULL;
}


/* An unlisted product has an address and is in no list, which this shop does
 * not know: nobody is to find it, so it is a draft. */
static const char *
take_status(struct import_cell *cell)
{
    static const char  *const status[] = { "active", "draft", "archived" };

    for (unsigned i = 0; i < 3; i++) {
        if (strcasecmp(cell->text, status[i]) == 0) {
            cell->value = status[i];
            return NULL;
        }
    }
    if (strcasecmp(cell->text, "unlisted") != 0)
        return wrong(cell, "is none of active, draft, archived, unlisted");
    cell->value = "draft";

    return NULL;
}


/* A page of the web, or a path on this server.  Without a scheme, as in old
 * exports, it is https. */
static const char *
take_url(struct import_cell *cell)
{
    enum html_url  kind = html_url_of(cell->text);

    if ((kind != URL_ELSEWHERE && (kind != URL_LOCAL || *cell->text != '/'))
        || strpbrk(cell->text, " \t\r\n\\\"<>") != NULL)
        return wrong(cell, "is no address of an image: it begins with"
                     " https://, http:// or /");
    if (strncmp(cell->text, "//", 2) == 0) {
        struct buf  b;

        buf_init(&b, cell->arena, cell->len + 8);
        buf_format(&b, "https:%s", cell->text);
        buf_char(&b, '\0');
        if (b.failed)
            return NO_MEMORY;
        cell->text = b.data;
        cell->len += 6;
    }

    return take_text(cell);
}


/* --- numbers -------------------------------------------------------------- */


/* Digits, and perhaps a point and more of them, of which so many count.
 * False: it is none, or too large. */
static bool
read_decimal(const char *text, int digits, struct decimal *d)
{
    const char  *at = text;
    int          behind = 0;
    bool         point = false;

    *d = (struct decimal) { 0 };
    for (; *at != '\0'; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            return false;
        if (point && behind++ >= digits) {
            if (behind == digits + 1)
                d->next = *at - '0';
            d->rest |= *at != '0';
            continue;
        }
        if (__builtin_mul_overflow(d->whole, 10, &d->whole)
            || __builtin_add_overflow(d->whole, *at - '0', &d->whole))
            return false;
    }
    for (; behind < digits; behind++) {
        if (__builtin_mul_overflow(d->whole, 10, &d->whole))
            return false;
    }

    return at > text && *text != '.';
}


/* Digits that the currency does not have are refused, not rounded: they say
 * that the file is in another currency than is thought. */
static const char *
take_price(struct import_cell *cell)
{
    struct decimal  d;

    if (!read_decimal(cell->text, cell->exponent, &d))
        return wrong(cell, "is not a price; write it like 1234.50");
    if (d.rest)
        return reason(cell, "\"%.*s\" has more than the %d digits behind the"
                      " point that the currency has",
                      shown(cell->text, cell->len), cell->text,
                      cell->exponent);
    if (d.whole > AMOUNT_MAX)
        return wrong(cell, "is too large for a price");

    return integer(cell, d.whole);
}


/* 0 is how some programs write that there is none. */
static const char *
take_compare_at(struct import_cell *cell)
{
    const char  *why = take_price(cell);

    if (why == NULL && strcmp(cell->value, "0") == 0)
        cell->value = NULL;

    return why;
}


/* Half a gram is one. */
static const char *
take_grams(struct import_cell *cell)
{
    struct decimal  d;

    if (!read_decimal(cell->text, 0, &d))
        return wrong(cell, "is not a weight in grams");
    d.whole += d.next >= 5;
    if (d.whole > GRAMS_MAX)
        return wrong(cell, "is more than 100000000 grams");

    return integer(cell, d.whole);
}


/* Below zero when more was sold than there was. */
static const char *
take_quantity(struct import_cell *cell)
{
    int64_t  v;

    if (!int_parse(&v, cell->text, cell->len) || v > QUANTITY_MAX
        || v < -QUANTITY_MAX)
        return wrong(cell, "is not a whole number of pieces");

    return integer(cell, v);
}


/* The table's bounds. */
static const char *
take_position(struct import_cell *cell)
{
    int64_t  v;

    if (!int_parse(&v, cell->text, cell->len) || v < 1 || v > 10000)
        return wrong(cell, "is not a position from 1 to 10000");

    return integer(cell, v);
}


static const char *(*const take[])(struct import_cell *cell) = {
    [IMPORT_TEXT] = take_text,
    [IMPORT_HANDLE] = take_handle,
    [IMPORT_HTML] = take_html,
    [IMPORT_TAGS] = take_tags,
    [IMPORT_CATEGORY] = take_category,
    [IMPORT_BOOL] = take_bool,
    [IMPORT_STATUS] = take_status,
    [IMPORT_PRICE] = take_price,
    [IMPORT_COMPARE_AT] = take_compare_at,
    [IMPORT_GRAMS] = take_grams,
    [IMPORT_QUANTITY] = take_quantity,
    [IMPORT_POSITION] = take_position,
    [IMPORT_URL] = take_url,
};


/* What an export put before a text that a program for tables would take for a
 * formula; behind more apostrophes it was one of the text's own. */
static void
unquote(struct import_cell *cell)
{
    if (*cell->text == '\'' && csv_is_formula(cell->text)) {
        cell->text++;
        cell->len--;
    }
}


/* HTML is normalised when it is clean: its characters may be references. */
const char *
import_cell_take(struct import_cell *cell)
{
    cell->value = NULL;
    if (utf8_length(cell->text, cell->len) < 0)
        return "is not UTF-8; save the file in that encoding";
    if (!utf8_stream_safe(cell->text, cell->len))
        return "has more than 30 accents on one letter";
    trim(&cell->text, &cell->len);
    if (cell->len == 0)
        return NULL;

    cell->text = arena_copy(cell->arena, cell->text, cell->len);
    if (cell->text != NULL)
        unquote(cell);
    if (cell->text != NULL && cell->column->kind != IMPORT_HTML)
        cell->text = text_nfc(cell->arena, cell->text, cell->len);
    if (cell->text == NULL)
        return NO_MEMORY;
    cell->len = strlen(cell->text);

    return take[cell->column->kind](cell);
}
