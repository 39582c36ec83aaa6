/*
 * shape_place.c - where a value of the body goes, and how a fault of it is
 * named.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape_read.h"

#include "core/banned.h"

#define KEY_SHOWN  100          /* bytes of an unknown key in a pointer      */


/* What a callback returns: further, unless memory or patience is out.  One
 * fault more than FAULTS_MAX is let in, as it is what turns the last place
 * into "there are more". */
int
read_go_on(const struct reader *r)
{
    return !r->no_memory && r->faults->n <= FAULTS_MAX;
}


/* Ends a callback: the 0 stops yajl, and the flag tells shape_from_json() why,
 * as a full list of faults stops it too. */
int
read_no_memory(struct reader *r)
{
    r->no_memory = true;
    return 0;
}


/* Never called without a frame: keys and items have one around them.  The
 * pointer is good until the frame is closed: the stack lies within the reader
 * and never moves. */
struct frame *
read_top(struct reader *r)
{
    return &r->stack[r->depth - 1];
}


/* RFC 6901: "~" and "/" in a key are escaped.  A long key is cut, at the
 * start of a character. */
static void
point_key(struct buf *b, const char *key, size_t n)
{
    bool  cut = n > KEY_SHOWN;

    if (cut) {
        n = KEY_SHOWN;
        while (n > 0 && (key[n] & 0xc0) == 0x80)
            n--;
    }
    buf_char(b, '/');
    for (size_t i = 0; i < n; i++) {
        if (key[i] == '~')
            buf_add(b, "~0", 2);
        else if (key[i] == '/')
            buf_add(b, "~1", 2);
        else
            buf_char(b, key[i]);
    }
    if (cut)
        buf_add(b, "...", 3);
}


/* The pointer of what lies in the outermost `depth` frames.  An array adds the
 * index of the item read last (a fault within comes after one), an object its
 * member; an object without one adds nothing: the fault is its own. */
static void
point(const struct reader *r, struct buf *b, unsigned depth)
{
    const struct frame  *f = r->stack;

    for (unsigned i = 0; i < depth; i++, f++) {
        if (map_is(f)) {
            if (f->at != MAP_NONE)
                point_key(b, *map_name(f, map_item(f)),
                          strlen(*map_name(f, map_item(f))));
        } else if (f->shape == NULL) {
            buf_char(b, '/');
            buf_int(b, (int64_t) f->n - 1);
        } else if (f->member != NULL) {
            point_key(b, f->member->name, strlen(f->member->name));
        }
    }
}


/* Pointer and detail are copied, as both were made on the stack. */
int
read_fault(struct reader *r, const char *key, size_t n,
           const struct refusal *no)
{
    struct buf   pointer;
    const char  *detail;

    buf_init(&pointer, r->arena, 64);
    if (key == NULL) {
        point(r, &pointer, r->depth);
    } else {
        point(r, &pointer, r->depth - 1);
        point_key(&pointer, key, n);
    }
    buf_char(&pointer, '\0');
    detail = arena_copy(r->arena, no->detail, strlen(no->detail));
    if (pointer.failed || detail == NULL)
        return read_no_memory(r);
    fault_add(r->faults, pointer.data, NULL, no->code, detail);
    return read_go_on(r);
}


/* What it must be, not what it was: the client can see that. */
int
read_wrong_type(struct reader *r, const struct target *t)
{
    static const char *const  names[] = {
        [HEAD_OF_SHAPE] = "an object",
        [TEXT] = "a string",      [INT] = "a number",
        [BOOL] = "true or false", [UUID] = "a string with an id",
        [STAMP] = "a string with a time",
        [MONEY] = "an object of amount and currency",
        [TEXTS] = "an array",     [UUIDS] = "an array",
        [LIST] = "an array",      [OBJECT] = "an object",
    };
    bool                      map = t->type == LIST && t->field->key != NULL;
    struct refusal            no;

    refuse(&no, "wrong_type", "must be %s",
           names[map ? OBJECT : t->type]);
    return read_fault(r, NULL, 0, &no);
}


/* Texts and ids lie in arrays of their own, items of a LIST in one of
 * structs. */
static size_t
item_size(const struct field *f)
{
    switch (f->type) {
    case TEXTS:
        return sizeof(const char *);
    case UUIDS:
        return sizeof(uuid);
    default:
        return f->of->size;
    }
}


/* Items are few or many, so room doubles. */
void *
read_item(struct reader *r, struct frame *f)
{
    size_t  size = item_size(f->field), room;
    char   *items, *item;

    if (f->n > f->room) {
        room = f->room == 0 ? 4 : f->room * 2;
        items = f->items == NULL
                ? arena_alloc(r->arena, room * size)
                : arena_grow(r->arena, f->items, f->room * size, room * size);
        if (items == NULL)
            return NULL;
        f->items = items;
        f->room = room;
    }
    item = f->items + (f->n - 1) * size;
    memset(item, 0, size);
    if (f->field->type == LIST)
        shape_clear(f->field->of, item);
    return item;
}


/* The first item too many is reported; it and the rest are not kept. */
static bool
target_item(struct reader *r, struct frame *f, struct target *t)
{
    struct refusal  no;
    int64_t         max = field_max(f->field);

    f->n++;
    if ((int64_t) f->n > max) {
        refuse(&no, "too_many_items", "must have at most %lld items",
               (long long) max);
        if ((int64_t) f->n == max + 1)
            read_fault(r, NULL, 0, &no);
        return false;
    }
    t->field = f->field;
    t->type = f->field->type == TEXTS ? TEXT
              : f->field->type == UUIDS ? UUID : HEAD_OF_SHAPE;
    t->at = read_item(r, f);
    if (t->at == NULL)
        r->no_memory = true;
    return t->at != NULL;
}


/* Null in a member that is not known was reported with its key. */
bool
read_target(struct reader *r, struct target *t)
{
    struct refusal  no;
    struct frame   *f;

    if (r->depth == 0) {
        refuse(&no, "wrong_type", "The body must be an object");
        read_fault(r, NULL, 0, &no);
        return false;
    }
    f = read_top(r);
    if (map_is(f)) {
        *t = (struct target) { f->field, HEAD_OF_SHAPE, map_item(f) };
        return f->at != MAP_NONE;
    }
    if (f->shape == NULL)
        return target_item(r, f, t);
    if (f->member == NULL)
        return false;
    t->field = f->member;
    t->type = f->member->type;
    t->at = (char *) f->into + f->member->at;
    return true;
}
