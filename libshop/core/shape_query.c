/*
 * shape_query.c - one parameter of a query string into its member.
 *
 * What cannot be read at all (a letter in a number, half an id) is 400, what
 * can but is not allowed is 422.  TEXTS and UUIDS are lists with commas.
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape.h"

#include "core/banned.h"
#include "core/shape_value.h"
#include "core/text.h"

#define NAME_SHOWN  64          /* bytes of an unknown parameter's name      */


/* The codes of values that say nothing, as opposed to something not allowed.
 * Kept here, not with the codes: only a query tells the two apart, a body says
 * 422 for both. */
static bool
is_unreadable(const char *code)
{
    static const char *const  codes[] = {
        "invalid_unicode", "not_an_integer", "not_a_boolean", "not_an_id",
        "wrong_prefix", "not_a_time",
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i]) == 0)
            return true;
    }
    return false;
}


/* A fault of the query carries its parameter, not a pointer.  Returns 1 as all
 * checks do; the name is not copied, the detail is, as it lies on the caller's
 * stack. */
static int
fault_of(struct faults *f, struct arena *a, const char *name,
         const struct refusal *no)
{
    const char  *detail = arena_copy(a, no->detail, strlen(no->detail));

    if (detail == NULL)
        return SHOP_E_NOMEM;
    fault_add(f, NULL, name, no->code, detail);
    if (is_unreadable(no->code))
        f->status = 400;
    return 1;
}


/* The name goes into the answer, so no more of it than makes sense there. */
static int
unknown(struct faults *f, struct arena *a, const char *name)
{
    size_t          n = strnlen(name, NAME_SHOWN);
    const char     *shown;
    struct refusal  no;

    while (n > 0 && (name[n] & 0xc0) == 0x80)
        n--;
    shown = arena_copy(a, name, utf8_length(name, n) < 0 ? 0 : n);
    if (shown == NULL)
        return SHOP_E_NOMEM;
    refuse(&no, "unknown", "is not a parameter of this address");
    return fault_of(f, a, shown, &no);
}


/* The two words of JSON and no others: "1", "yes" or "TRUE" would be guesses,
 * and documents promise a boolean. */
static int
query_bool(bool *out, const char *value, size_t n, struct refusal *no)
{
    if (n == 4 && memcmp(value, "true", 4) == 0)
        *out = true;
    else if (n == 5 && memcmp(value, "false", 5) == 0)
        *out = false;
    else
        return refuse(no, "not_a_boolean", "must be true or false");
    return 0;
}


/* An empty item is a comma too many, and refused whatever the field says of its
 * items: its bounds count them. */
static int
query_item(const struct field *f, void *items, size_t i, const char *value,
           size_t n, struct arena *a, struct refusal *no)
{
    if (f->type == UUIDS)
        return value_uuid(f, value, n, (uuid *) items + i, no);
    return value_text(f, 1, item_max(f), value, n, a,
                      (const char **) items + i, no);
}


/* Counted first, so that the room is right and a long list costs little.  Both
 * kinds of items fit the room, as a pointer is no larger than an id. */
static int
query_items(const struct field *f, void *at, const char *value, size_t n,
            struct arena *a, struct refusal *no)
{
    const char  *end = value + n, *comma;
    int64_t      count = 1;
    void        *items;
    int          rc;

    for (size_t i = 0; i < n; i++)
        count += value[i] == ',';
    if (count > field_max(f))
        return refuse(no, "too_many_items", "must have at most %lld items",
                      (long long) field_max(f));
    items = arena_zalloc(a, (size_t) count * sizeof(uuid));
    if (items == NULL)
        return SHOP_E_NOMEM;

    for (int64_t i = 0; i < count; i++, value = comma + 1) {
        comma = memchr(value, ',', (size_t) (end - value));
        if (comma == NULL)
            comma = end;
        rc = query_item(f, items, (size_t) i, value, (size_t) (comma - value),
                        a, no);
        if (rc != 0)
            return rc;
    }
    if (f->type == UUIDS)
        *(struct uuids *) at = (struct uuids) { (size_t) count, items };
    else
        *(struct texts *) at = (struct texts) { (size_t) count, items };
    return 0;
}


/* Types that no query string can hold are no parameters.  MONEY, JSON and
 * whole structs are what a flat text cannot say. */
static int
query_value(const struct field *f, void *at, const char *value, size_t n,
            struct arena *a, struct refusal *no)
{
    switch (f->type) {
    case TEXT:
        return value_text(f, f->min, field_max(f), value, n, a, at, no);
    case INT:
        return value_int(f, value, n, at, no);
    case BOOL:
        return query_bool(at, value, n, no);
    case UUID:
        return value_uuid(f, value, n, at, no);
    case STAMP:
        return value_stamp(value, n, at, no);
    case TEXTS:
    case UUIDS:
        return query_items(f, at, value, n, a, no);
    default:
        return refuse(no, "unknown", "is not a parameter of this address");
    }
}


/* What is hidden or internal is as unknown as a name that is not there:
 * neither is a client's to give.  A fault's status goes to 400 when the value
 * cannot be read. */
int
shape_from_query(const struct field *shape, void *into, const char *name,
                 const char *value, size_t n, struct arena *a,
                 struct faults *faults)
{
    const struct field  *f = shape_find(shape, name, strlen(name));
    struct refusal       no;
    int                  rc;

    if (f == NULL || f->hidden || f->internal)
        return unknown(faults, a, name);
    rc = query_value(f, (char *) into + f->at, value, n, a, &no);
    return rc == 1 ? fault_of(faults, a, f->name, &no) : rc;
}
