/*
 * shape.c - the description itself: is it sound, what is "none", and faults.
 *
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape.h"

#include "core/banned.h"
#include "core/shape_value.h"

/* A shape being checked, and those it lies within. */
struct check {
    const struct check   *outer;
    const struct field   *shape;
    char                 *error;
    size_t                size;
};

static int check_shape(const struct check *c);


/* The last place is kept for saying that there were more.  `n` counts on
 * beyond the room, so readers take the smaller of n and FAULTS_MAX.  Texts are
 * not copied: they must live as long as the request. */
void
fault_add(struct faults *f, const char *pointer, const char *parameter,
          const char *code, const char *detail)
{
    if (f->status == 0)
        f->status = 422;
    if (f->n < FAULTS_MAX) {
        f->v[f->n] = (struct fault) { pointer, parameter, code, detail };
    } else {
        f->v[FAULTS_MAX - 1] = (struct fault) {
            NULL, NULL, "too_many_faults",
            "There are more faults than are listed here.",
        };
    }
    f->n++;
}


/* 0 for the head and the end, which take no room in a struct: that is how
 * check_place() tells that a row is no member. */
size_t
type_size(enum type type)
{
    static const size_t  sizes[] = {
        [TEXT] = sizeof(ctype_TEXT),   [INT] = sizeof(ctype_INT),
        [BOOL] = sizeof(ctype_BOOL),   [UUID] = sizeof(ctype_UUID),
        [STAMP] = sizeof(ctype_STAMP), [MONEY] = sizeof(ctype_MONEY),
        [JSON] = sizeof(ctype_JSON),   [TEXTS] = sizeof(ctype_TEXTS),
        [UUIDS] = sizeof(ctype_UUIDS), [LIST] = sizeof(ctype_LIST),
        [OBJECT] = sizeof(ctype_OBJECT),
    };

    return type <= OBJECT ? sizes[type] : 0;
}


/* Most nones are zeros; two are not.  `into` is the struct, not the member:
 * offsets are the field's to add. */
void
member_clear(const struct field *f, void *into)
{
    void  *at = (char *) into + f->at;

    if (f->type == INT)
        *(int64_t *) at = INT_NONE;
    else if (f->type == STAMP)
        *(stamp *) at = STAMP_NONE;
    else if (f->type == BOOL)
        *(bool *) at = f->on;
    else
        memset(at, 0, type_size(f->type));
}


/* Members only: what lies between them, and members that no shape names, keep
 * their bytes.  Who needs those at zero clears the struct first, as
 * shape_from_json() does. */
void
shape_clear(const struct field *shape, void *into)
{
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++)
        member_clear(f, into);
}


/* By going through it: a shape has a dozen members, and a body names each
 * once.  `name` need not end with a NUL, and a prefix of a name is not found:
 * the byte behind it is asked, too. */
const struct field *
shape_find(const struct field *shape, const char *name, size_t n)
{
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (f->name[0] == name[0] && strncmp(f->name, name, n) == 0
            && f->name[n] == '\0')
            return f;
    }
    return NULL;
}


/* The sentence goes to the log of a server that then does not start.  Always
 * -1, so that a check can end with it.  A shape without a name is shown as
 * "?", as that may be what is wrong. */
static int
wrong(const struct check *c, const struct field *f, const char *what)
{
    snprintf(c->error, c->size, "shape %s%s%s: %s",
             c->shape->name == NULL ? "?" : c->shape->name,
             f == NULL ? "" : ".",
             f == NULL ? "" : f->name == NULL ? "?" : f->name, what);
    return -1;
}


/* Names go into JSON, pointers and documents as they are.  63 is also what
 * PostgreSQL keeps of a name, so a member and its column can be called the
 * same. */
static bool
is_name(const char *name)
{
    size_t  n = name == NULL ? 0 : strlen(name);

    return n > 0 && n <= 63
           && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}


/* Where it lies.  The macros cannot get this wrong, a table made by hand or by
 * a program can.  Overlap is asked of all pairs, which a dozen members at
 * start can bear; a member that another writes over would be found by
 * nobody. */
static int
check_place(const struct check *c, const struct field *f)
{
    size_t  size = type_size(f->type);

    if (!is_name(f->name))
        return wrong(c, f, "a name is a-z, 0-9 and _, at most 63 of them");
    if (size == 0)
        return wrong(c, f, "has no type of a member");
    if (f->at + size > c->shape->size)
        return wrong(c, f, "lies outside the struct");
    for (const struct field *o = c->shape + 1; o < f; o++) {
        if (strcmp(o->name, f->name) == 0)
            return wrong(c, f, "is there twice");
        if (f->at < o->at + type_size(o->type) && o->at < f->at + size)
            return wrong(c, f, "overlaps another member");
    }
    return 0;
}


/* What min and max can speak of: characters, items, bytes, values.  JSON
 * counts: its bound is the bytes of the compact text. */
static bool
has_bounds(enum type type)
{
    return type != BOOL && type != UUID && type != STAMP && type != OBJECT;
}


/* A bound beyond the type's own would promise what cannot be kept.  2^53 - 1
 * is where JavaScript's integers end, and a client may be one. */
static int
check_bounds(const struct check *c, const struct field *f)
{
    bool  number = f->type == INT || f->type == MONEY;

    if (!has_bounds(f->type))
        return f->min == 0 && f->max == 0 ? 0
               : wrong(c, f, "its type knows no bounds");
    if (f->min > field_max(f))
        return wrong(c, f, "min is above max");
    if (number && (f->min < -AMOUNT_MAX || f->max > AMOUNT_MAX))
        return wrong(c, f, "bounds beyond 2^53 - 1");
    if (!number && (f->min < 0 || f->max < 0))
        return wrong(c, f, "a length is not negative");
    return 0;
}


/* Rules that nothing would ever look at are mistakes of the author.  Found at
 * start rather than by the first client: a rule that is silently not applied
 * looks like one that holds. */
static int
check_rules(const struct check *c, const struct field *f)
{
    bool  text = f->type == TEXT || f->type == TEXTS;

    if ((f->format != PLAIN || f->one_of != NULL) && !text)
        return wrong(c, f, "format and one_of are for texts");
    if (f->item_max != 0 && (f->type != TEXTS || f->item_max < 0))
        return wrong(c, f, "item_max is a length, and for TEXTS");
    if (f->format > HTML)
        return wrong(c, f, "has a format that there is not");
    if (f->prefix != NULL
        && ((f->type != UUID && f->type != UUIDS) || !is_name(f->prefix)))
        return wrong(c, f, "a prefix is a name, and for ids");
    if (f->on && f->type != BOOL)
        return wrong(c, f, "only a BOOL can be on");
    if (f->nullable && f->type == BOOL)
        return wrong(c, f, "a BOOL has no none, so it cannot be null");
    if (f->hidden && f->internal)
        return wrong(c, f, "hidden and internal exclude each other");
    return 0;
}


/* What names an item must be there, and not be shown beside. */
static int
check_key(const struct check *c, const struct field *f)
{
    const struct field  *key;

    if (f->key == NULL)
        return 0;
    if (f->type != LIST)
        return wrong(c, f, "only a LIST has a key");
    key = shape_find(f->of, f->key, strlen(f->key));
    return key != NULL && key->type == TEXT && key->hidden
           ? 0 : wrong(c, f, "its key is no hidden text of its items");
}


/* A shape may hold itself (a tree); then it is being checked already.  Each
 * shape that is open is on the caller's stack, so the chain of `outer` is what
 * ends the recursion. */
static int
check_of(const struct check *c, const struct field *f)
{
    struct check  inner = { c, f->of, c->error, c->size };

    if (f->type != LIST && f->type != OBJECT)
        return f->of == NULL ? 0 : wrong(c, f, "only LIST and OBJECT have .of");
    if (f->of == NULL)
        return wrong(c, f, "has no .of");
    if (check_key(c, f) != 0)
        return -1;
    for (const struct check *o = c; o != NULL; o = o->outer) {
        if (o->shape == f->of)
            return 0;
    }
    return check_shape(&inner);
}


/* One bit a member has to suffice for what was given.  64 bits less one: the
 * head is row 0 of the shape and has a bit of its own that nothing sets. */
static int
check_shape(const struct check *c)
{
    const struct field  *f = c->shape;

    if (f->type != HEAD_OF_SHAPE || f->name == NULL || f->size == 0)
        return wrong(c, NULL, "does not begin with SHAPE()");
    for (f++; f->type != END_OF_SHAPE; f++) {
        if (f - c->shape > 63)
            return wrong(c, NULL, "has more than 63 members");
        if (check_place(c, f) != 0 || check_bounds(c, f) != 0
            || check_rules(c, f) != 0 || check_of(c, f) != 0)
            return -1;
    }
    return 0;
}


/* Shapes that lie within are checked with it.  All that reads or writes by a
 * shape trusts what passed here and looks at nothing twice. */
int
shape_check(const struct field *shape, char *error, size_t size)
{
    struct check  c = { NULL, shape, error, size };

    return check_shape(&c);
}
