/*
 * shape_take.c - the values of a body: nulls, strings, numbers, raw JSON.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_read.h"

#include "core/banned.h"


/* Only a member can be none; an item that is null is a hole.  An item's type
 * differs from its field's (TEXT in TEXTS), which is how the two are told
 * apart. */
static int
take_null(struct reader *r, const struct target *t)
{
    struct refusal  no;

    if (map_is(read_top(r)) && read_top(r)->partial)
        return map_drop(r);
    if (t->type == t->field->type && t->field->nullable) {
        member_clear(t->field, (char *) t->at - t->field->at);
        return 1;
    }
    refuse(&no, "null_not_allowed", "must not be null");
    return read_fault(r, NULL, 0, &no);
}


/* Texts, ids and times are all strings; the field says which.  Items of TEXTS
 * have bounds of their own, as the field's count the items. */
static int
take_string(struct reader *r, const struct target *t, const char *text,
            size_t n)
{
    const struct field  *f = t->field;
    bool                 item = f->type == TEXTS;
    struct refusal       no;
    int                  rc;

    switch (t->type) {
    case TEXT:
        rc = value_text(f, item ? item_min(f) : f->min,
                        item ? item_max(f) : field_max(f), text, n, r->arena,
                        t->at, &no);
        break;
    case UUID:
        rc = value_uuid(f, text, n, t->at, &no);
        break;
    case STAMP:
        rc = value_stamp(text, n, t->at, &no);
        break;
    default:
        return read_wrong_type(r, t);
    }
    if (rc == SHOP_E_NOMEM)
        return read_no_memory(r);
    return rc == 0 ? 1 : read_fault(r, NULL, 0, &no);
}


/* INT is the only number that a shape has: there are no fractions.  A number
 * for a text is refused, not converted, so that a client's mistake shows at
 * its first request.  The bounds of a MONEY member are its amount's. */
static int
take_number(struct reader *r, const struct target *t, const char *text,
            size_t n)
{
    const struct frame  *f = read_top(r);
    struct refusal       no;

    if (t->type != INT)
        return read_wrong_type(r, t);
    if (value_int(f->money_out == NULL ? t->field : f->field, text, n, t->at,
                  &no) == 0)
        return 1;
    return read_fault(r, NULL, 0, &no);
}


/* yajl gives the words as such, so they are written as they came.  Only
 * strings lose their quotes and escapes on the way, so only they are made
 * again. */
static void
raw_scalar(struct json_raw *raw, enum token token, const char *text, size_t n)
{
    if (token == STRING)
        json_raw_text(raw, text, n);
    else if (token == NUMBER)
        json_raw_number(raw, text, n);
    else
        json_raw_scalar(raw, text, n);
}


/* From here on all events are the raw value's, until it ends.  The bound is
 * the field's and is kept while writing, so that a large value does not take
 * its memory first. */
void
read_raw_start(struct reader *r, const struct target *t)
{
    json_raw_start(&r->raw, r->arena, (size_t) field_max(t->field));
    r->raw_field = t->field;
    r->raw_out = &((json *) t->at)->text;
}


/* One code and one sentence with all the rules: a raw value has no pointers of
 * its own.  NULL without an error is lack of memory, which is why the error is
 * looked at first. */
int
read_raw_end(struct reader *r)
{
    const char      *text = json_raw_end(&r->raw);
    struct refusal   no;

    if (text != NULL) {
        *r->raw_out = text;
        return 1;
    }
    if (r->raw.error == NULL)
        return read_no_memory(r);
    r->bad_syntax |= strcmp(r->raw.error, "duplicate") == 0;
    refuse(&no, r->raw.error, "must be JSON of at most %lld bytes, without a"
           " key twice in an object, with numbers of at most 40 digits and"
           " exponents of at most 3", (long long) field_max(r->raw_field));
    return read_fault(r, NULL, 0, &no);
}


/* Every value that is no bracket.  Order matters: what is ignored and what is
 * raw comes before any look at the shape, which has no place for either. */
int
read_value(struct reader *r, enum token token, const char *text, size_t n)
{
    struct target  t;

    if (r->skip > 0)
        return 1;
    if (r->raw.active) {
        raw_scalar(&r->raw, token, text, n);
        return 1;
    }
    if (!read_target(r, &t))
        return read_go_on(r);
    if (token == NOTHING)
        return take_null(r, &t);
    if (t.type == JSON) {
        read_raw_start(r, &t);
        raw_scalar(&r->raw, token, text, n);
        return read_raw_end(r);
    }
    if (token == STRING)
        return take_string(r, &t, text, n);
    if (token == NUMBER)
        return take_number(r, &t, text, n);
    if (token != BOOLEAN || t.type != BOOL)
        return read_wrong_type(r, &t);
    *(bool *) t.at = text[0] == 't';
    return 1;
}
