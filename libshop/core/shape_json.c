/*
 * shape_json.c - JSON out of a struct, by its shape.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape.h"

#include "core/banned.h"


/* Columns end with a NUL, as libpq gives them.  NULL is the none of a text and
 * becomes null; the empty text is something and stays "". */
static void
text_or_null(struct buf *b, const char *text)
{
    json_text(b, text, text == NULL ? 0 : strlen(text));
}


/* A list is never null: clients need not ask before they loop.  An item can be
 * NULL when it comes from a column, and is null then. */
static void
texts_to_json(struct buf *b, const struct texts *list)
{
    buf_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buf_char(b, ',');
        text_or_null(b, list->v[i]);
    }
    buf_char(b, ']');
}


/* One prefix for all: the ids of a list are of one kind, as its field says.  A
 * zero id within would be null. */
static void
uuids_to_json(struct buf *b, const struct field *f, const struct uuids *list)
{
    buf_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_uuid(b, f->prefix, list->v[i]);
    }
    buf_char(b, ']');
}


/* Items lie one behind the other, each as large as its shape says.  `brief`
 * goes down to the items, so that a list within a list is short as well. */
static void
list_to_json(struct buf *b, const struct field *of, const struct list *list,
             bool brief)
{
    const char  *item = list->v;

    buf_char(b, '[');
    for (size_t i = 0; i < list->n; i++, item += of->size) {
        if (i > 0)
            buf_char(b, ',');
        shape_to_json(b, of, item, brief);
    }
    buf_char(b, ']');
}


/* A list with a key: each item under the text that is its key. */
static void
map_to_json(struct buf *b, const struct field *f, const struct list *list,
            bool brief)
{
    size_t       at = shape_find(f->of, f->key, strlen(f->key))->at;
    const char  *item = list->v;

    buf_char(b, '{');
    for (size_t i = 0; i < list->n; i++, item += f->of->size) {
        if (i > 0)
            buf_char(b, ',');
        text_or_null(b, *(const char *const *) (item + at));
        buf_char(b, ':');
        shape_to_json(b, f->of, item, brief);
    }
    buf_char(b, '}');
}


/* None is INT64_MIN, which no column and no body can bring: 0 stays an answer
 * that differs from "not known". */
static void
int_to_json(struct buf *b, int64_t v)
{
    if (v == INT_NONE)
        buf_add(b, "null", 4);
    else
        buf_int(b, v);
}


/* A BOOL has no none, so there is no null to write; shape_check() refuses one
 * that is nullable. */
static void
bool_to_json(struct buf *b, bool v)
{
    buf_add(b, v ? "true" : "false", v ? 4 : 5);
}


/* An OBJECT is a pointer, so that none needs no room; null then, as an empty
 * object would claim members that are not there. */
static void
object_to_json(struct buf *b, const struct field *of, const void *object,
               bool brief)
{
    if (object == NULL)
        buf_add(b, "null", 4);
    else
        shape_to_json(b, of, object, brief);
}


/* Kept as JSON, so it goes out as it is.  It was checked on its way in, or
 * made by jsonb itself; nothing is escaped again, which would make a string of
 * it. */
static void
raw_to_json(struct buf *b, const char *text)
{
    buf_str(b, text == NULL ? "null" : text);
}


/* A switch, not a table of functions: this is the inner loop of every answer,
 * and the compiler sees through it. */
static void
member_to_json(struct buf *b, const struct field *f, const void *at,
               bool brief)
{
    switch (f->type) {
    case TEXT:    text_or_null(b, *(const char *const *) at);         return;
    case INT:     int_to_json(b, *(const int64_t *) at);              return;
    case BOOL:    bool_to_json(b, *(const bool *) at);                return;
    case UUID:    json_uuid(b, f->prefix, *(const uuid *) at);        return;
    case STAMP:   json_stamp(b, *(const stamp *) at);                 return;
    case MONEY:   json_money(b, at);                                  return;
    case JSON:    raw_to_json(b, ((const json *) at)->text);          return;
    case TEXTS:   texts_to_json(b, at);                               return;
    case UUIDS:   uuids_to_json(b, f, at);                            return;
    case LIST:
        if (f->key != NULL)
            map_to_json(b, f, at, brief);
        else
            list_to_json(b, f->of, at, brief);
        return;
    case OBJECT:  object_to_json(b, f->of, *(void *const *) at, brief);
                  return;
    case END_OF_SHAPE:
    case HEAD_OF_SHAPE:
        return;
    }
}


/* Members in the order of the shape, which documents have too.  Lack of memory
 * is not told from here: the buffer is `failed`, and whoever sends it asks
 * once. */
void
shape_to_json(struct buf *b, const struct field *shape, const void *from,
              bool brief)
{
    bool  first = true;

    buf_char(b, '{');
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (f->hidden || (brief && f->brief))
            continue;
        json_key(b, f->name, &first);
        member_to_json(b, f, (const char *) from + f->at, brief);
    }
    buf_char(b, '}');
}


/* --- some of them --------------------------------------------------------- */


void
shape_some_to_json(struct buf *b, const struct field *shape, const void *from,
                   bool brief, uint64_t some)
{
    bool  first = true;

    buf_char(b, '{');
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (f - shape >= 64 || !(some >> (f - shape) & 1))
            continue;
        json_key(b, f->name, &first);
        member_to_json(b, f, (const char *) from + f->at, brief);
    }
    buf_char(b, '}');
}


uint64_t
shape_some(const struct field *shape, const char *names, bool brief)
{
    const struct field  *f;
    uint64_t             some = 0;
    size_t               n;

    do {
        n = strcspn(names, ",");
        f = shape_find(shape, names, n);
        if (f == NULL || f->hidden || (brief && f->brief) || f - shape >= 64)
            return 0;
        some |= 1ull << (f - shape);
        names += n;
    } while (*names++ == ',');

    return some;
}
