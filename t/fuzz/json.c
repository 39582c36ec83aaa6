/*
 * json.c - a JSON body into a struct, by a shape of every type and by those of
 * all routes.
 *
 * The first byte says which shape, and whether it is a merge patch.
 */
#include "fuzz.h"

#include <ctype.h>

#include "core/json_read.h"
#include "core/problem.h"
#include "core/route.h"
#include "core/shape.h"
#include "core/text.h"

struct part {
    const char    *sku;
    int64_t        quantity;
    struct money   price;
};

struct word {
    const char    *locale;
    const char    *text;
};

struct all {
    uuid           id;
    const char    *title;
    const char    *status;
    const char    *email;
    const char    *slug;
    const char    *url;
    const char    *html;
    int64_t        weight;
    bool           active;
    stamp          since;
    struct money   price;
    json           extra;
    struct texts   tags;
    struct uuids   groups;
    struct list    parts;
    struct list    words;
    void          *main;
};

static const char *const statuses[] = { "draft", "active", NULL };

static const struct field part[] = {
    SHAPE(part, "Part"),
    FIELD(part, sku,      TEXT,  .required = true, .format = SKU, .max = 20),
    FIELD(part, quantity, INT,   .min = 1, .max = 99, .nullable = true),
    FIELD(part, price,    MONEY, .nullable = true),
    END_SHAPE
};

static const struct field word[] = {
    SHAPE(word, "Word"),
    FIELD(word, locale, TEXT, .hidden = true, .format = LOCALE),
    FIELD(word, text,   TEXT, .nullable = true),
    END_SHAPE
};

static const struct field all[] = {
    SHAPE(all, "All"),
    FIELD(all, id,     UUID,   .prefix = "all", .nullable = true),
    FIELD(all, title,  TEXT,   .required = true, .min = 1, .max = 10),
    FIELD(all, status, TEXT,   .one_of = statuses, .nullable = true),
    FIELD(all, email,  TEXT,   .format = EMAIL, .nullable = true),
    FIELD(all, slug,   TEXT,   .format = SLUG, .nullable = true),
    FIELD(all, url,    TEXT,   .format = URL, .nullable = true),
    FIELD(all, html,   TEXT,   .format = HTML, .nullable = true),
    FIELD(all, weight, INT,    .nullable = true),
    FIELD(all, active, BOOL),
    FIELD(all, since,  STAMP,  .nullable = true),
    FIELD(all, price,  MONEY,  .nullable = true),
    FIELD(all, extra,  JSON,   .max = 200, .nullable = true),
    FIELD(all, tags,   TEXTS,  .max = 3),
    FIELD(all, groups, UUIDS,  .prefix = "grp"),
    FIELD(all, parts,  LIST,   .of = part, .max = 3),
    FIELD(all, words,  LIST,   .of = word, .max = 3, .key = "locale"),
    FIELD(all, main,   OBJECT, .of = part, .nullable = true),
    END_SHAPE
};

struct reading {
    struct arena    arena;
    struct faults   faults;
    uint64_t        given;
    int             rc;
};


static void
read_body(struct reading *r, const struct field *shape, void *into,
          bool partial, const char *text, size_t n)
{
    memset(&r->faults, 0, sizeof(r->faults));
    r->faults.arena = &r->arena;
    r->rc = shape_from_json(shape, into, partial, text, n, &r->arena,
                            &r->faults, &r->given);
}


/* "(byte N)" of a text that is no JSON lies within it. */
static void
check_byte(const char *detail, size_t n)
{
    const char  *at = strstr(detail, "(byte ");

    CHECK(at == NULL || strtoull(at + 6, NULL, 10) <= n + 1);
}


/* Faults if and only if it is refused, each with its code, a sentence and a
 * place: a pointer, or the byte of the text where it is no JSON. */
static void
check_faults(const struct reading *r, size_t n)
{
    const struct faults  *f = &r->faults;

    CHECK(r->rc == 0 || r->rc == 1);
    CHECK((r->rc == 1) == (f->n > 0));
    CHECK(r->rc == 0 || f->status == 400 || f->status == 422);
    for (size_t i = 0; i < f->n && i < FAULTS_MAX; i++) {
        const struct fault  *v = &f->v[i];

        CHECK(v->code != NULL && v->detail != NULL && v->parameter == NULL);
        CHECK(v->pointer != NULL || strstr(v->detail, "(byte ") != NULL
              || strcmp(v->code, "too_many_faults") == 0);
        if (v->pointer == NULL)
            check_byte(v->detail, n);
        else
            CHECK((*v->pointer == '/' || *v->pointer == '\0')
                  && utf8_length(v->pointer, strlen(v->pointer)) >= 0);
    }
}


static const char *
written(struct reading *r, const struct field *shape, const void *from)
{
    struct buf  b;

    buf_init(&b, &r->arena, 0);
    shape_to_json(&b, shape, from, false);
    buf_char(&b, '\0');
    CHECK(!b.failed);
    return b.data;
}


/* What was taken is written, and that is taken as the same. */
static void
check_round(struct reading *r, const struct all *one)
{
    const char   *first = written(r, all, one);
    struct all    two;

    read_body(r, all, &two, false, first, strlen(first));
    CHECK(r->rc == 0);
    CHECK(strcmp(written(r, all, &two), first) == 0);
}


/* A merge patch that was laid over once changes nothing the second time. */
static void
check_patch(struct reading *r, struct all *one, const char *text, size_t n)
{
    const char  *first = written(r, all, one);

    read_body(r, all, one, true, text, n);
    CHECK(r->rc == 0);
    CHECK(strcmp(written(r, all, one), first) == 0);
}


static void
check_all(struct reading *r, bool partial, const char *text, size_t n)
{
    struct all  one;

    shape_clear(all, &one);
    one.title = "before";
    read_body(r, all, &one, partial, text, n);
    check_faults(r, n);
    if (r->rc != 0)
        return;
    if (partial)
        check_patch(r, &one, text, n);
    check_round(r, &one);
}


/* The bodies of the routes: each by its shape, with the same rules. */
static void
check_route(struct reading *r, size_t which, bool partial, const char *text,
            size_t n)
{
    char                  why[256];
    const struct routes  *routes = routes_get(why, sizeof(why));
    const struct field   *shape;
    void                 *into;

    CHECK(routes != NULL);
    shape = route_at(routes, which % route_count(routes))->body;
    if (shape == NULL)
        return;
    into = arena_zalloc(&r->arena, shape->size);
    shape_clear(shape, into);
    read_body(r, shape, into, partial, text, n);
    check_faults(r, n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct reading  r = { .rc = 0 };
    char           *text;
    bool            partial;

    if (n == 0)
        return 0;
    text = fuzz_exact(data + 1, n - 1);
    partial = data[0] & 1;
    check_all(&r, partial, text, n - 1);
    check_route(&r, data[0] >> 1, partial, text, n - 1);
    arena_reset(&r.arena);
    free(text);
    return 0;
}
