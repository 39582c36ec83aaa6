/*
 * shape_value.c - one value against one field's rules.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_value.h"

#include "core/banned.h"
#include "core/text.h"
#include "core/word.h"


/* Returns 1, so that a check can end with it.  Too long a detail is cut by
 * vsnprintf(); all but the lists of choices are known to fit. */
int
refuse(struct refusal *no, const char *code, const char *format, ...)
{
    va_list  args;

    no->code = code;
    va_start(args, format);
    vsnprintf(no->detail, sizeof(no->detail), format, args);
    va_end(args);
    return 1;
}


/* 0 is "not said": then the type's own bound holds, never none.  All that
 * bounds a value asks here, documents too, so that what is promised is what is
 * held. */
int64_t
field_max(const struct field *f)
{
    if (f->max != 0)
        return f->max;
    switch (f->type) {
    case TEXT:
        return TEXT_MAX;
    case LIST:
    case TEXTS:
    case UUIDS:
        return ITEMS_MAX;
    case JSON:
        return JSON_MAX;
    default:
        return AMOUNT_MAX;
    }
}


/* Whoever bounds an item means that there is something in it: a list is empty
 * when it has no items, not when they are. */
int64_t
item_min(const struct field *f)
{
    return f->item_max != 0;
}


/* As field_max(): an item is a text without a bound of its own. */
int64_t
item_max(const struct field *f)
{
    return f->item_max != 0 ? f->item_max : TEXT_MAX;
}


static bool
is_common(block b)
{
    return !block_has((block) (((b < ' ') | (b >= 0x7f))
                               & (b != '\n') & (b != '\t')));
}


/* ASCII without controls but newline and tab: whatever is asked of a text below
 * it holds, each byte is a character, and it is its own normal form.  One look
 * instead of six, for what most texts are. */
static bool
is_plain(const char *text, size_t n)
{
    size_t  i = 0;

    for (; n - i >= BLOCK; i += BLOCK) {
        if (!is_common(block_load(text + i)))
            return false;
    }
    return is_common(block_load_rest(text + i, n - i));
}


/* C0 but for newline and tab, DEL, and C1 (0xc2 0x80 to 0xc2 0x9f).  Newline
 * and tab are what people type into descriptions; a carriage return is
 * refused, so that a text has one form of line end. */
static bool
has_control(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char  c = (unsigned char) text[i];

        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < n && (unsigned char) text[i + 1] < 0xa0)
            return true;
    }
    return false;
}


/* The detail names the choices, as far as they fit.  Bytes are compared and no
 * case is folded, so that each choice has one spelling in the database. */
static int
check_one_of(const char *const *one_of, const char *text, size_t n,
             struct refusal *no)
{
    size_t  len;

    for (const char *const *v = one_of; *v != NULL; v++) {
        if (strlen(*v) == n && memcmp(*v, text, n) == 0)
            return 0;
    }
    refuse(no, "not_one_of", "must be one of:");
    for (const char *const *v = one_of; *v != NULL; v++) {
        len = strlen(no->detail);
        snprintf(no->detail + len, sizeof(no->detail) - len, " %s%s", *v,
                 v[1] == NULL ? "" : ",");
    }
    return 1;
}


/* Empty has a code of its own: it is what a form left blank sends. */
static int
check_length(int64_t min, int64_t max, ssize_t have, struct refusal *no)
{
    if (have > max)
        return refuse(no, "too_long", "must have at most %lld characters",
                      (long long) max);
    if (have < min)
        return refuse(no, min == 1 ? "empty" : "too_short",
                      "must have at least %lld character%s",
                      (long long) min, min == 1 ? "" : "s");
    return 0;
}


/* What can be told without the normal form.  Characters are counted in that,
 * but a text four times too long (of four bytes a character) is not worth
 * looking at.  Length comes before any look at the bytes: a megabyte for a
 * title costs one comparison. */
static int
check_raw(int64_t max, const char *text, size_t n, bool plain,
          struct refusal *no)
{
    ssize_t  have;

    if ((int64_t) (n / 16) > max)
        return check_length(0, max, (ssize_t) (n / 4), no);
    if (plain)
        return 0;
    have = utf8_length(text, n);
    if (have < 0)
        return refuse(no, "invalid_unicode", "must be UTF-8 without NUL");
    if (have / 4 > max)
        return check_length(0, max, have, no);
    if (has_control(text, n))
        return refuse(no, "control_character", "must not have control"
                      " characters other than newline and tab");
    if (!utf8_stream_safe(text, n))
        return refuse(no, "invalid_unicode", "has more than 30 combining"
                      " marks in a row");
    return 0;
}


/* Format and choices are of the normal form, which is what is stored.  Counted
 * after normalising: a letter with its accent apart is one character to the
 * user. */
static int
check_normal(const struct field *f, int64_t min, int64_t max,
             const char *text, size_t n, bool plain, struct refusal *no)
{
    const char  *what;
    int          rc;

    rc = check_length(min, max, plain ? (ssize_t) n : utf8_length(text, n),
                      no);
    if (rc != 0)
        return rc;
    if (f->one_of != NULL)
        return check_one_of(f->one_of, text, n, no);
    what = format_misses(f->format, text, n);
    if (what != NULL)
        return refuse(no, "wrong_format", "must be %s", what);
    return 0;
}


/* What is kept is a copy: the parser's text is gone at its next event. */
int
value_text(const struct field *f, int64_t min, int64_t max, const char *text,
           size_t n, struct arena *a, const char **out, struct refusal *no)
{
    bool         plain = (int64_t) (n / 16) <= max && is_plain(text, n);
    const char  *normal = text;
    int          rc;

    rc = check_raw(max, text, n, plain, no);
    if (rc != 0)
        return rc;
    if (!plain)
        normal = text_nfc(a, text, n);
    if (normal == NULL)
        return SHOP_E_NOMEM;
    if (normal != text)
        n = strlen(normal);

    rc = check_normal(f, min, max, normal, n, plain, no);
    if (rc != 0)
        return rc;
    if (normal == text)
        normal = arena_copy(a, text, n);
    if (normal == NULL)
        return SHOP_E_NOMEM;
    *out = normal;
    return 0;
}


/* A minus alone is none.  Leading zeros pass: JSON's grammar has refused them
 * before, and in a query they do no harm. */
static bool
is_integer(const char *text, size_t n)
{
    size_t  i = n > 0 && text[0] == '-';

    if (i == n)
        return false;
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return true;
}


/* Digits only: "1.0" and "1e2" are numbers, but whoever writes them means
 * something that a count or an amount is not.  -0 is 0.  Out of 64 bits and
 * out of the field's range is one fault: a client is told the same bounds. */
int
value_int(const struct field *f, const char *text, size_t n, int64_t *out,
          struct refusal *no)
{
    int64_t  v, min = f->min, max = field_max(f);

    if (!is_integer(text, n))
        return refuse(no, "not_an_integer", "must be an integer, written"
                      " without fraction or exponent");
    if (!int_parse(&v, text, n) || v < min || v > max)
        return refuse(no, "out_of_range", "must be from %lld to %lld",
                      (long long) min, (long long) max);
    *out = v;
    return 0;
}


/* An id of another kind of thing is worth its own code: it is the mistake
 * that a client's author makes. */
static int
refuse_id(const char *prefix, const char *text, size_t n, struct refusal *no)
{
    uuid  id;

    if (n > 27 && text[n - 27] == '_'
        && uuid_from_base32(&id, text + n - 26, 26))
        return refuse(no, "wrong_prefix", "must be an id that begins with"
                      " %s_", prefix);
    return refuse(no, "not_an_id", "must be an id such as"
                  " %s_01h455vb4pex5vsknk084sn02q", prefix);
}


/* The zero id is our none, so nobody may send it. */
int
value_uuid(const struct field *f, const char *text, size_t n, uuid *out,
           struct refusal *no)
{
    static const uuid  none;
    uuid               id;

    if (f->prefix != NULL) {
        if (!id_parse(&id, f->prefix, text, n))
            return refuse_id(f->prefix, text, n, no);

    } else if (!uuid_parse(&id, text, n)) {
        return refuse(no, "not_an_id", "must be a UUID of 36 characters");
    }
    if (memcmp(&id, &none, sizeof(id)) == 0)
        return refuse(no, "not_an_id", "must not be the zero id");
    *out = id;
    return 0;
}


/* No field: shape_check() lets no STAMP have bounds.  The years are those that
 * four digits can say, as time.c writes them. */
int
value_stamp(const char *text, size_t n, stamp *out, struct refusal *no)
{
    if (stamp_parse(out, text, n))
        return 0;
    return refuse(no, "not_a_time", "must be a time of RFC 3339 such as"
                  " 2026-07-27T10:00:00Z, of the years 0001 to 9999");
}
