/*
 * shape_row.c - a row's columns into a struct, and members to parameters.
 *
 * PostgreSQL's text formats, as they are under the settings of our
 * connections (DateStyle ISO, TimeZone UTC).  Texts are not copied: a column
 * is good as long as its result, which lives as long as the request.
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape.h"

#include "core/banned.h"
#include "core/shape_value.h"
#include "core/text.h"


/* PostgreSQL writes one letter.  Anything else is not a boolean column, and a
 * wrong type in a query is better found at its first row. */
static bool
bool_from_text(bool *out, const char *text, size_t n)
{
    if (n != 1 || (text[0] != 't' && text[0] != 'f'))
        return false;
    *out = text[0] == 't';
    return true;
}


/* The amount, or the currency: they are two columns.  The currency is not
 * looked up: it was checked on its way in. */
static bool
money_from_text(struct money *out, const char *text, size_t n, unsigned part)
{
    if (part == 1)
        return int_parse(&out->amount, text, n);
    if (part != 2 || n != 3)
        return false;
    memcpy(out->currency, text, 3);
    out->currency[3] = '\0';
    return true;
}


/* An array of ids has no NULLs in our schema; one that has is refused. */
static bool
uuids_from_text(struct uuids *out, const char *text, size_t n,
                struct arena *a)
{
    struct texts  list;
    struct uuids  ids;

    if (!pg_array_parse(a, &list, text, n))
        return false;
    ids.n = list.n;
    ids.v = arena_alloc(a, list.n * sizeof(*ids.v));
    if (ids.v == NULL)
        return false;
    for (size_t i = 0; i < list.n; i++) {
        if (list.v[i] == NULL
            || !uuid_parse(&ids.v[i], list.v[i], strlen(list.v[i])))
            return false;
    }
    *out = ids;
    return true;
}


/* A NULL amount or currency makes the whole money none. */
static void
null_to_member(const struct field *f, void *at, unsigned part)
{
    struct money  *m = at;

    if (f->type != MONEY)
        member_clear(f, (char *) at - f->at);
    else if (part == 1)
        m->amount = 0;
    else
        m->currency[0] = '\0';
}


/* Shapes within a row are not read from columns: a query of their own gives
 * those rows.  -1 means that the query and the shape do not agree, which is
 * ours to repair, not the client's. */
int
shape_from_text(const struct field *f, void *into, const char *text, size_t n,
                unsigned part, struct arena *a)
{
    void  *at = (char *) into + f->at;
    bool   ok = false;

    if (text == NULL) {
        null_to_member(f, at, part);
        return 0;
    }
    switch (f->type) {
    case TEXT:
        *(const char **) at = text;
        return 0;
    case JSON:
        ((json *) at)->text = text;
        return 0;
    case INT:    ok = int_parse(at, text, n);                     break;
    case BOOL:   ok = bool_from_text(at, text, n);                break;
    case UUID:   ok = uuid_parse(at, text, n);                    break;
    case STAMP:  ok = stamp_from_pg(at, text, n);                 break;
    case MONEY:  ok = money_from_text(at, text, n, part);         break;
    case TEXTS:  ok = pg_array_parse(a, at, text, n);             break;
    case UUIDS:  ok = uuids_from_text(at, text, n, a);            break;
    case LIST:
    case OBJECT:
    case END_OF_SHAPE:
    case HEAD_OF_SHAPE:                                           break;
    }
    return ok ? 0 : -1;
}


/* --- the other way -------------------------------------------------------- */


/* A parameter is sent as text, so that the server chooses the width: the same
 * member goes to int, bigint and numeric. */
static const char *
int_to_text(int64_t v, struct arena *a)
{
    struct buf  b;

    buf_init(&b, a, 24);
    buf_int(&b, v);
    buf_char(&b, '\0');
    return b.failed ? NULL : b.data;
}


/* The canonical 36 bytes and a NUL, never the form with a prefix: that one is
 * for clients, the uuid type does not read it. */
static const char *
uuid_to_text(uuid id, struct arena *a)
{
    char  *text = arena_alloc(a, 37);

    if (text != NULL) {
        uuid_text(text, id);
        text[36] = '\0';
    }
    return text;
}


/* RFC 3339 in UTC, 27 bytes and a NUL.  The Z is read whatever TimeZone and
 * DateStyle are. */
static const char *
stamp_to_text(stamp at, struct arena *a)
{
    char  *text = arena_alloc(a, 28);

    if (text != NULL) {
        stamp_text(text, at);
        text[27] = '\0';
    }
    return text;
}


/* Ids need no quotes, so their length is known.  37 bytes an id with its
 * comma; braces and the NUL are the 3.  An empty list is "{}", not NULL. */
static const char *
uuids_to_text(const struct uuids *ids, struct arena *a)
{
    char  *out = arena_alloc(a, ids->n * 37 + 3), *at = out;

    if (out == NULL)
        return NULL;
    *at++ = '{';
    for (size_t i = 0; i < ids->n; i++) {
        if (i > 0)
            *at++ = ',';
        uuid_text(at, ids->v[i]);
        at += 36;
    }
    *at++ = '}';
    *at = '\0';
    return out;
}


/* A BOOL and an array always are something.  The other half of member_clear():
 * what that writes is what is recognised here, and goes to SQL as NULL. */
static bool
is_none(enum type type, const void *from)
{
    static const uuid  none;

    switch (type) {
    case TEXT:   return *(const char *const *) from == NULL;
    case INT:    return *(const int64_t *) from == INT_NONE;
    case UUID:   return memcmp(from, &none, sizeof(none)) == 0;
    case STAMP:  return ((const stamp *) from)->us == INT64_MIN;
    case MONEY:  return ((const struct money *) from)->currency[0] == '\0';
    case JSON:   return ((const json *) from)->text == NULL;
    default:     return false;
    }
}


/* In the forms that PostgreSQL reads whatever its settings are.  NULL is lack
 * of memory, or a type that is no parameter: is_none() has taken out what is
 * NULL by itself. */
static const char *
to_text(enum type type, const void *from, unsigned part, struct arena *a)
{
    switch (type) {
    case TEXT:   return *(const char *const *) from;
    case INT:    return int_to_text(*(const int64_t *) from, a);
    case BOOL:   return *(const bool *) from ? "t" : "f";
    case UUID:   return uuid_to_text(*(const uuid *) from, a);
    case STAMP:  return stamp_to_text(*(const stamp *) from, a);
    case JSON:   return ((const json *) from)->text;
    case TEXTS:  return pg_array_text(a, from);
    case UUIDS:  return uuids_to_text(from, a);
    case MONEY:
        return part == 2 ? ((const struct money *) from)->currency
               : int_to_text(((const struct money *) from)->amount, a);
    default:     return NULL;
    }
}


/* A type that cannot be a parameter (LIST, OBJECT) fails like lack of memory:
 * sql2c makes none. */
const char *
shape_to_text(enum type type, const void *from, unsigned part,
              struct arena *a, bool *failed)
{
    const char  *text;

    if (is_none(type, from))
        return NULL;
    text = to_text(type, from, part, a);
    if (text == NULL)
        *failed = true;
    return text;
}
