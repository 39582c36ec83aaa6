/*
 * shape_schema_test.c - the JSON Schema of a shape, in its four uses.
 */
#include "check.h"

#include "toy.h"

int core_shape_schema_tests(void);

#define MONEY_OF(min)                                                         \
    "\"properties\":{\"amount\":{\"type\":\"integer\"" min "},"               \
    "\"currency\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"}},"         \
    "\"required\":[\"amount\",\"currency\"],\"additionalProperties\":false"
#define ID(prefix)  "\"pattern\":\"^" prefix \
    "_[0-7][0123456789abcdefghjkmnpqrstvwxyz]{25}$\""
#define ITEMS  "\"type\":\"array\",\"maxItems\":"


static void
check(enum schema_use use, const struct field *shape, const char *want)
{
    struct arena  a = { 0 };
    struct buf    b;

    buf_init(&b, &a, 0);
    shape_schema(&b, shape, use);
    assert_buf(&b, want);
    arena_reset(&a);
}


static void
test_schema__of_a_body(void **state)
{
    (void) state;
    check(SCHEMA_BODY, toy, "{\"type\":\"object\",\"properties\":{"
        "\"id\":{\"type\":[\"string\",\"null\"]," ID("toy") "},"
        "\"title\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":10,"
        "\"description\":\"What it is called.\"},"
        "\"note\":{\"type\":[\"string\",\"null\"],\"maxLength\":500},"
        "\"status\":{\"type\":\"string\",\"enum\":[\"draft\",\"active\"]},"
        "\"email\":{\"type\":\"string\",\"format\":\"email\","
        "\"maxLength\":500},"
        "\"weight\":{\"type\":\"integer\",\"minimum\":0,"
        "\"maximum\":9007199254740991},"
        "\"delta\":{\"type\":[\"integer\",\"null\"],\"minimum\":-10,"
        "\"maximum\":10},"
        "\"active\":{\"type\":\"boolean\"},"
        "\"since\":{\"type\":[\"string\",\"null\"],"
        "\"format\":\"date-time\"},"
        "\"price\":{\"type\":[\"object\",\"null\"],"
        MONEY_OF(",\"minimum\":0,\"maximum\":9007199254740991") "},"
        "\"extra\":{\"title\":\"Any JSON\"},"
        "\"tags\":{" ITEMS "3,\"items\":{\"type\":\"string\","
        "\"maxLength\":500}},"
        "\"groups\":{" ITEMS "1000,\"items\":{\"type\":\"string\","
        ID("grp") "}},"
        "\"parts\":{" ITEMS "3,\"items\":{\"$ref\":"
        "\"#/components/schemas/ToyPartInput\"}},"
        "\"main\":{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":"
        "\"#/components/schemas/ToyPartInput\"}]},"
        "\"bare\":{\"type\":\"string\",\"format\":\"uuid\"}},"
        "\"required\":[\"title\"],\"additionalProperties\":false}");
}


static void
test_schema__bounds_the_letters_of_items(void **state)
{
    static const struct field  labels[] = {
        { .name = "Labels", .type = HEAD_OF_SHAPE, .size = 16 },
        { .name = "labels", .type = TEXTS, .max = 9, .item_max = 3 },
        END_SHAPE
    };

    (void) state;
    check(SCHEMA_BODY, labels, "{\"type\":\"object\",\"properties\":{"
        "\"labels\":{" ITEMS "9,\"items\":{\"type\":\"string\","
        "\"minLength\":1,\"maxLength\":3}}},"
        "\"additionalProperties\":false}");
    check(SCHEMA_ANSWER, labels, "{\"type\":\"object\",\"properties\":{"
        "\"labels\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},"
        "\"required\":[\"labels\"],\"additionalProperties\":false}");
}


static void
test_schema__of_a_patch_requires_nothing(void **state)
{
    (void) state;
    check(SCHEMA_PATCH, toy_part, "{\"type\":\"object\",\"properties\":{"
        "\"sku\":{\"type\":\"string\",\"maxLength\":20},"
        "\"quantity\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":99},"
        "\"price\":{\"type\":\"object\","
        MONEY_OF(",\"minimum\":0,\"maximum\":9007199254740991") "}},"
        "\"additionalProperties\":false}");
}


static void
test_schema__of_an_answer_requires_all(void **state)
{
    (void) state;
    check(SCHEMA_ANSWER, toy_part, "{\"type\":\"object\",\"properties\":{"
        "\"sku\":{\"type\":\"string\"},"
        "\"quantity\":{\"type\":[\"integer\",\"null\"]},"
        "\"price\":{\"type\":[\"object\",\"null\"]," MONEY_OF("") "}},"
        "\"required\":[\"sku\",\"quantity\",\"price\"],"
        "\"additionalProperties\":false}");
    check(SCHEMA_BRIEF, toy_part, "{\"type\":\"object\",\"properties\":{"
        "\"sku\":{\"type\":\"string\"},"
        "\"quantity\":{\"type\":[\"integer\",\"null\"]}},"
        "\"required\":[\"sku\",\"quantity\"],"
        "\"additionalProperties\":false}");
}


static void
test_schema__shows_what_an_answer_shows(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    buf_init(&b, &a, 0);
    shape_schema(&b, toy, SCHEMA_ANSWER);
    buf_char(&b, '\0');
    assert_null(strstr(b.data, "secret"));
    assert_non_null(strstr(b.data, "\"version\":{\"type\":[\"integer\","
                                   "\"null\"]}"));
    assert_non_null(strstr(b.data, "\"enum\":[\"draft\",\"active\",null]"));
    assert_non_null(strstr(b.data, "schemas/ToyPart\""));
    b.len = 0;
    shape_schema(&b, toy, SCHEMA_BRIEF);
    buf_char(&b, '\0');
    assert_null(strstr(b.data, "bare"));
    assert_non_null(strstr(b.data, "schemas/ToyPartBrief\""));
    arena_reset(&a);
}


static void
test_schema__names_its_uses(void **state)
{
    static const struct field  input[] = {
        { .name = "ThingInput", .type = HEAD_OF_SHAPE, .size = 1 },
        END_SHAPE
    };
    static const struct { const struct field *shape; enum schema_use use;
                          const char *name; } cases[] = {
        { toy,   SCHEMA_BODY,   "ToyInput" },
        { toy,   SCHEMA_PATCH,  "ToyPatch" },
        { toy,   SCHEMA_ANSWER, "Toy" },
        { toy,   SCHEMA_BRIEF,  "ToyBrief" },
        { input, SCHEMA_BODY,   "ThingInput" },
        { input, SCHEMA_BRIEF,  "ThingInput" },
    };
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_init(&b, &a, 0);
        shape_schema_name(&b, cases[i].shape, cases[i].use);
        assert_buf(&b, cases[i].name);
    }
    arena_reset(&a);
}


int
core_shape_schema_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema__of_a_body),
        cmocka_unit_test(test_schema__bounds_the_letters_of_items),
        cmocka_unit_test(test_schema__of_a_patch_requires_nothing),
        cmocka_unit_test(test_schema__of_an_answer_requires_all),
        cmocka_unit_test(test_schema__shows_what_an_answer_shows),
        cmocka_unit_test(test_schema__names_its_uses),
    };

    return cmocka_run_group_tests_name("core/shape_schema", tests, NULL,
                                       NULL);
}
