/*
 * shape_read.c - JSON into a struct, by its shape.
 *
 * yajl's events go straight into the struct: there is no tree between, and
 * what the shape does not know is skipped, so memory is bounded by what the
 * shape can hold.  A stack of frames says where in struct and body we are;
 * it also gives the pointer of a fault.
 *
 * Callbacks return 0 to stop reading: memory is short, or there are more
 * faults than are reported.
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_read.h"

#include "core/banned.h"
#include "core/json_read.h"

static const struct field money_input[] = {
    SHAPE(money_input, "Money"),
    FIELD(money_input, amount,   INT,  .required = true),
    FIELD(money_input, currency, TEXT, .required = true, .format = CURRENCY),
    END_SHAPE
};


/* json_scan() refused what is deeper than the stack.  Sets the whole frame,
 * which is why the stack as a whole is never cleared: a small body pays for
 * the frames that it opens. */
static struct frame *
push(struct reader *r, const struct field *shape, const struct field *field,
     void *into)
{
    struct frame  *f = &r->stack[r->depth++];

    *f = (struct frame) { .shape = shape, .field = field, .into = into };
    return f;
}


/* Money is read as an object of two members into the frame itself, and copied
 * from there when both were good.  `into` points into the frame itself, which
 * is safe as the stack never moves. */
static int
push_money(struct reader *r, const struct target *t)
{
    struct frame  *f = push(r, money_input, t->field, NULL);

    f->money_out = t->at;
    f->into = &f->money;
    shape_clear(money_input, f->into);
    return 1;
}


/* An object that a patch finds is patched; any other is made.  What is made
 * takes its memory from the arena at once, cleared, so that a half read object
 * has no wild member. */
static int
push_object(struct reader *r, const struct target *t)
{
    const struct field  *of = t->field->of;
    void               **at = t->at;
    bool                 partial = read_top(r)->partial && *at != NULL;

    if (!partial) {
        *at = arena_zalloc(r->arena, of->size);
        if (*at == NULL)
            return read_no_memory(r);
        shape_clear(of, *at);
    }
    push(r, of, t->field, *at)->partial = partial;
    return 1;
}


/* A bracket that is ignored, with all that is in it.  The caller has noted
 * what was due, so what is inside adds no faults: one wrong member is one
 * fault, however large. */
static int
skip(struct reader *r)
{
    r->skip = 1;
    return read_go_on(r);
}


/* Goes on always: what is wrong with a raw value is kept in it, and said once
 * at its end by read_raw_end(). */
static int
open_raw(struct reader *r, char bracket)
{
    json_raw_open(&r->raw, bracket);
    return 1;
}


/* The root takes no place of its own: it is the struct that was given.  What
 * does not fit is skipped with its contents; yajl goes on, as one answer is to
 * name all faults. */
static int
open_object(void *context)
{
    struct reader  *r = context;
    struct target   t;
    bool            partial;

    if (r->skip > 0)
        return (int) ++r->skip;
    if (r->raw.active)
        return open_raw(r, '{');
    if (r->depth == 0) {
        push(r, r->shape, NULL, r->into)->partial = r->partial;
        return 1;
    }
    if (!read_target(r, &t))
        return skip(r);
    switch (t.type) {
    case JSON:
        read_raw_start(r, &t);
        return open_raw(r, '{');
    case MONEY:
        return push_money(r, &t);
    case OBJECT:
        return push_object(r, &t);
    case HEAD_OF_SHAPE:
        partial = map_is(read_top(r)) && read_top(r)->partial;
        push(r, t.field->of, t.field, t.at)->partial = partial;
        return 1;
    case LIST:
        if (t.field->key != NULL) {
            map_open(r, &t);
            return 1;
        }
        /* fall through */
    default:
        read_wrong_type(r, &t);
        return skip(r);
    }
}


/* An array for a root is refused by read_target(), as it has no frame to lie
 * in.  The array itself stays as it was until it is closed. */
static int
open_array(void *context)
{
    struct reader  *r = context;
    struct target   t;

    if (r->skip > 0)
        return (int) ++r->skip;
    if (r->raw.active)
        return open_raw(r, '[');
    if (!read_target(r, &t))
        return skip(r);
    switch (t.type) {
    case JSON:
        read_raw_start(r, &t);
        return open_raw(r, '[');
    case LIST:
    case TEXTS:
    case UUIDS:
        if (t.field->key != NULL) {
            read_wrong_type(r, &t);
            return skip(r);
        }
        push(r, NULL, t.field, t.at);
        return 1;
    default:
        read_wrong_type(r, &t);
        return skip(r);
    }
}


/* Each key is looked at once, before its value: a member that is not known,
 * given twice or not to be set has its value ignored. */
static const struct field *
known(struct reader *r, const char *key, size_t n)
{
    struct frame        *f = read_top(r);
    const struct field  *m = shape_find(f->shape, key, n);
    struct refusal       no;
    uint64_t             bit;

    if (m == NULL || m->hidden) {
        refuse(&no, "unknown", "is not a member of this object");
        read_fault(r, key, n, &no);
        return NULL;
    }
    bit = 1ull << (m - f->shape);
    if (f->seen & bit) {
        r->bad_syntax = true;
        refuse(&no, "duplicate", "is there twice");
        read_fault(r, key, n, &no);
        return NULL;
    }
    f->seen |= bit;
    if (m->internal) {
        refuse(&no, "read_only", "cannot be set");
        read_fault(r, key, n, &no);
        return NULL;
    }
    return m;
}


/* Keys of what is ignored are not looked up.  `member` is NULL for one that is
 * not known, which makes read_target() ignore its value. */
static int
take_key(void *context, const unsigned char *text, size_t n)
{
    struct reader  *r = context;
    const char     *key = (const char *) text;

    if (r->skip > 0)
        return 1;
    json_string(&r->plain, &key, &n);
    if (r->raw.active) {
        json_raw_key(&r->raw, key, n);
        return 1;
    }
    if (map_is(read_top(r)))
        return map_key(r, key, n);
    read_top(r)->member = known(r, key, n);
    return read_go_on(r);
}


/* What a client cannot set it cannot miss either.  A key that was there with a
 * wrong value has its bit in `seen`: it gets that fault, not a second one for
 * being missing. */
static void
check_required(struct reader *r, const struct frame *f)
{
    struct refusal  no;

    if (f->partial)
        return;
    refuse(&no, "required", "must be given");
    for (const struct field *m = f->shape + 1; m->type != END_OF_SHAPE; m++) {
        if (m->required && !m->hidden && !m->internal
            && !(f->seen & 1ull << (m - f->shape)))
            read_fault(r, m->name, strlen(m->name), &no);
    }
}


/* Nothing is copied when a half had a fault: the member stays as it was, a
 * patch's too. */
static void
end_money(const struct frame *f)
{
    if (f->money.amount == INT_NONE || f->money.currency == NULL)
        return;                 /* faults already */
    f->money_out->amount = f->money.amount;
    memcpy(f->money_out->currency, f->money.currency, 4);
}


/* The key is forgotten first, so that pointers end at the object. */
static int
close_object(void *context)
{
    struct reader  *r = context;
    struct frame   *f;

    if (r->skip > 0) {
        r->skip--;
        return 1;
    }
    if (r->raw.active) {
        json_raw_close(&r->raw, '}');
        return r->raw.depth > 0 ? 1 : read_raw_end(r);
    }
    f = read_top(r);
    if (map_is(f))
        return map_close(r);
    f->member = NULL;
    check_required(r, f);
    if (f->money_out != NULL)
        end_money(f);
    if (r->depth == 1)
        r->given = f->seen;
    r->depth--;
    return read_go_on(r);
}


/* struct list, texts and uuids: a count, and a pointer to the items.  Only
 * here is the member written, so an array with too many items leaves it as it
 * was. */
static void
end_array(const struct frame *f)
{
    if (f->field->type == LIST)
        *(struct list *) f->into = (struct list) { f->n, f->items };
    else if (f->field->type == TEXTS)
        *(struct texts *) f->into = (struct texts) { f->n, (void *) f->items };
    else
        *(struct uuids *) f->into = (struct uuids) { f->n, (void *) f->items };
}


/* The frame goes before the count is judged: the fault is the array's, not an
 * item's. */
static int
close_array(void *context)
{
    struct reader   *r = context;
    struct frame     f;
    struct refusal   no;

    if (r->skip > 0) {
        r->skip--;
        return 1;
    }
    if (r->raw.active) {
        json_raw_close(&r->raw, ']');
        return r->raw.depth > 0 ? 1 : read_raw_end(r);
    }
    f = *read_top(r);
    r->depth--;
    if ((int64_t) f.n > field_max(f.field))
        return read_go_on(r);
    end_array(&f);
    if ((int64_t) f.n >= f.field->min)
        return 1;
    refuse(&no, "too_few_items", "must have at least %lld item%s",
           (long long) f.field->min, f.field->min == 1 ? "" : "s");
    return read_fault(r, NULL, 0, &no);
}


/* yajl gives no text with it, so the word is given here: a raw value writes it
 * as it is. */
static int
take_yajl_null(void *context)
{
    return read_value(context, NOTHING, "null", 4);
}


/* As text, like all scalars, so that read_value() is the one way in; it tells
 * the two apart by the first letter. */
static int
take_yajl_bool(void *context, int v)
{
    return read_value(context, BOOLEAN, v ? "true" : "false", v ? 4 : 5);
}


/* With this callback set yajl converts no number by itself: no double stands
 * between a body and an amount. */
static int
take_yajl_number(void *context, const char *text, size_t n)
{
    return read_value(context, NUMBER, text, n);
}


/* json_scan() has made sure of UTF-8 without NUL.  The text is not NUL-ended
 * and gone when this returns. */
static int
take_yajl_string(void *context, const unsigned char *text, size_t n)
{
    struct reader  *r = context;
    const char     *string = (const char *) text;

    if (r->skip > 0)
        return 1;
    json_string(&r->plain, &string, &n);
    return read_value(r, STRING, string, n);
}


static const yajl_callbacks callbacks = {
    .yajl_null        = take_yajl_null,
    .yajl_boolean     = take_yajl_bool,
    .yajl_number      = take_yajl_number,
    .yajl_string      = take_yajl_string,
    .yajl_map_key     = take_key,
    .yajl_start_map   = open_object,
    .yajl_end_map     = close_object,
    .yajl_start_array = open_array,
    .yajl_end_array   = close_array,
};


/* What makes the rest meaningless is reported alone.  Faults of before the
 * call are kept; those of members read so far go, as they may come from the
 * broken place. */
static int
unreadable(struct reader *r, size_t before, const char *text, size_t n,
           const struct json_error *error)
{
    const char  *detail = json_error_text(r->arena, text, n, error);

    if (detail == NULL)
        return SHOP_E_NOMEM;
    r->faults->n = before;
    fault_add(r->faults, "", NULL, error->code, detail);
    r->faults->status = 400;
    return 1;
}


/* *given is written whatever comes out.  With 1 the struct holds what was good
 * and must not be stored; faults that were noted before this call stay, but
 * for their status. */
int
shape_from_json(const struct field *shape, void *into, bool partial,
                const char *text, size_t n, struct arena *a,
                struct faults *f, uint64_t *given)
{
    struct reader      r;
    struct json_error  error;
    size_t             before = f->n;
    int                rc;

    memset(&r, 0, offsetof(struct reader, raw));
    r.raw.active = false;
    r.arena = a;
    r.faults = f;
    r.shape = shape;
    r.into = into;
    r.partial = partial;

    if (!partial) {
        memset(into, 0, shape->size);
        shape_clear(shape, into);
    }
    rc = json_read(a, text, n, &callbacks, &r, &r.plain, &error);
    if (given != NULL)
        *given = r.given;
    if (rc == SHOP_E_NOMEM || r.no_memory)
        return SHOP_E_NOMEM;
    if (rc == 1)
        return unreadable(&r, before, text, n, &error);
    if (r.bad_syntax)
        f->status = 400;
    return f->n > before;
}
