/*
 * shape_map_test.c - lists that are objects in JSON, whole and patched.
 */
#include "check.h"

#include "core/env.h"
#include "core/shape.h"

int core_shape_map_tests(void);

struct word {
    const char  *locale;
    const char  *text;
    const char  *note;
};

struct book {
    struct list  words;
};

static const struct field word[] = {
    SHAPE(word, "Word"),
    FIELD(word, locale, TEXT, .hidden = true, .format = LOCALE),
    FIELD(word, text, TEXT, .required = true, .max = 10),
    FIELD(word, note, TEXT, .nullable = true),
    END_SHAPE
};

static const struct field book[] = {
    SHAPE(book, "Book"),
    FIELD(book, words, LIST, .of = word, .key = "locale", .max = 3),
    END_SHAPE
};

struct read {
    struct arena   arena;
    struct faults  faults;
    struct book    book;
    int            rc;
};


static void
read_book(struct read *r, bool partial, const char *text)
{
    memset(&r->faults, 0, sizeof(r->faults));
    r->faults.arena = &r->arena;
    r->rc = shape_from_json(book, &r->book, partial, text, strlen(text),
                            &r->arena, &r->faults, NULL);
}


/* What was read, as it is shown. */
static const char *
shown(struct read *r)
{
    struct buf  b;

    buf_init(&b, &r->arena, 256);
    shape_to_json(&b, book, &r->book, false);
    buf_char(&b, '\0');
    return b.data;
}


static void
assert_fault(struct read *r, int status, const char *code,
             const char *pointer)
{
    assert_int_equal(r->rc, 1);
    assert_int_equal(r->faults.status, status);
    assert_int_equal(r->faults.n, 1);
    assert_string_equal(r->faults.v[0].code, code);
    assert_string_equal(r->faults.v[0].pointer, pointer);
}


static void
test_map__keys_are_members(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    read_book(&r, false, "{\"words\": {\"tr\": {\"text\": \"a\"},"
              " \"pt-BR\": {\"text\": \"b\", \"note\": null}}}");
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.book.words.n, 2);
    assert_string_equal(shown(&r),
        "{\"words\":{\"tr\":{\"text\":\"a\",\"note\":null},"
        "\"pt-BR\":{\"text\":\"b\",\"note\":null}}}");
    arena_reset(&r.arena);
}


/* An item is patched, made, dropped, or left as it is. */
static void
test_map__is_patched_item_by_item(void **state)
{
    struct read  r = { .rc = -9 };

    (void) state;
    read_book(&r, false, "{\"words\": {\"en\": {\"text\": \"a\"},"
              "\"tr\": {\"text\": \"b\"}, \"de\": {\"text\": \"c\"}}}");
    read_book(&r, true, "{\"words\": {\"tr\": {\"note\": \"n\"},"
              " \"de\": null}}");
    assert_int_equal(r.rc, 0);
    read_book(&r, true, "{\"words\": {\"fr\": {\"text\": \"d\"}}}");
    assert_int_equal(r.rc, 0);
    assert_string_equal(shown(&r),
        "{\"words\":{\"en\":{\"text\":\"a\",\"note\":null},"
        "\"tr\":{\"text\":\"b\",\"note\":\"n\"},"
        "\"fr\":{\"text\":\"d\",\"note\":null}}}");
    arena_reset(&r.arena);
}


static void
test_map__faults_name_the_key(void **state)
{
    static const struct {
        const char  *text, *code, *pointer;
        int          status;
    } wrong[] = {
        { "{\"words\": []}", "wrong_type", "/words", 422 },
        { "{\"words\": {\"tr\": {}}}", "required", "/words/tr/text", 422 },
        { "{\"words\": {\"tr\": null}}", "null_not_allowed", "/words/tr",
          422 },
        { "{\"words\": {\"tr\": 1}}", "wrong_type", "/words/tr", 422 },
        { "{\"words\": {\"T R\": {\"text\": \"a\"}}}", "wrong_format",
          "/words/T R", 422 },
        { "{\"words\": {\"tr\": {\"text\": \"a\", \"locale\": \"tr\"}}}",
          "unknown", "/words/tr/locale", 422 },
        { "{\"words\": {\"tr\": {\"text\": \"12345678901\"}}}", "too_long",
          "/words/tr/text", 422 },
        { "{\"words\": {\"tr\": {\"text\": \"a\"}, \"tr\": {\"text\":"
          "\"b\"}}}", "duplicate", "/words/tr", 400 },
        { "{\"words\": {\"aa\": {\"text\": \"a\"}, \"bb\": {\"text\": \"b\"},"
          "\"cc\": {\"text\": \"c\"}, \"dd\": {\"text\": \"d\"}}}",
          "too_many_items", "/words/dd", 422 },
    };
    struct read  r = { .rc = -9 };

    (void) state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        read_book(&r, false, wrong[i].text);
        assert_fault(&r, wrong[i].status, wrong[i].code, wrong[i].pointer);
    }
    arena_reset(&r.arena);
}


int
core_shape_map_tests(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_map__keys_are_members),
        cmocka_unit_test(test_map__is_patched_item_by_item),
        cmocka_unit_test(test_map__faults_name_the_key),
    };

    return cmocka_run_group_tests_name("core/shape_map", tests, NULL, NULL);
}
