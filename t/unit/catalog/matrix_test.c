/*
 * matrix_test.c - where the letters of a matrix stand.
 */
#include <stdlib.h>

#include "t/unit/core/check.h"

#include "catalog/catalog.h"

int catalog_matrix_tests(void);

/* Two values, three values, two; ids do not follow the order of showing. */
static const struct matrix_value three[] = {
    { { { 9 } }, 1, 0 }, { { { 1 } }, 1, 0 },
    { { { 7 } }, 2, 0 }, { { { 3 } }, 2, 0 }, { { { 5 } }, 2, 0 },
    { { { 2 } }, 3, 0 }, { { { 8 } }, 3, 0 },
};


static void
test_matrix__has_the_last_option_innermost(void **state)
{
    struct matrix_value    values[COUNT(three)];
    uuid                   a[] = { { { 1 } }, { { 7 } }, { { 8 } } };
    uuid                   b[] = { { { 9 } }, { { 5 } }, { { 2 } } };
    struct matrix_variant  variants[] = {
        { true, { 3, a } }, { false, { 3, b } },
    };
    char                   letters[13];

    (void) state;
    memcpy(values, three, sizeof(three));
    assert_int_equal(matrix_number(values, COUNT(values)), 12);
    matrix_fill(letters, 12, values, COUNT(values), variants, 2);
    assert_string_equal(letters, "----0--1----");
}


static void
test_matrix__of_no_options_is_one_cell(void **state)
{
    struct matrix_variant  only = { true, { 0, NULL } };
    char                   letters[2];

    (void) state;
    assert_int_equal(matrix_number(NULL, 0), 1);
    matrix_fill(letters, 1, NULL, 0, &only, 1);
    assert_string_equal(letters, "1");
}


/* The second has none yet. */
static void
test_matrix__of_an_option_without_values_is_empty(void **state)
{
    struct matrix_value  values[] = {
        { { { 2 } }, 1, 0 }, { { { 3 } }, 1, 0 }, { { { 0 } }, 2, 0 },
    };
    char                 letters[1];

    (void) state;
    assert_int_equal(matrix_number(values, 3), 0);
    matrix_fill(letters, 0, values, 3, NULL, 0);
    assert_string_equal(letters, "");
}


/* A variant may have been read a moment after the values. */
static void
test_matrix__passes_over_values_that_it_does_not_know(void **state)
{
    struct matrix_value    values[COUNT(three)];
    uuid                   a[] = { { { 1 } }, { { 7 } }, { { 4 } } };
    struct matrix_variant  v = { true, { 3, a } };
    char                   letters[13];

    (void) state;
    memcpy(values, three, sizeof(three));
    matrix_number(values, COUNT(values));
    matrix_fill(letters, 12, values, COUNT(values), &v, 1);
    assert_string_equal(letters, "------------");
}


static void
test_matrix__counts_no_further_than_it_shows(void **state)
{
    struct matrix_value  *values = calloc(40000, sizeof(*values));

    (void) state;
    assert_non_null(values);
    for (size_t i = 0; i < 40000; i++) {
        values[i].option = 1 + (int64_t) i / 10000;
        memcpy(values[i].id.b, &i, sizeof(i));
        values[i].id.b[15] = 1;
    }
    assert_true(matrix_number(values, 40000) > MATRIX_CELLS);
    free(values);
}


int
catalog_matrix_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix__has_the_last_option_innermost),
        cmocka_unit_test(test_matrix__of_no_options_is_one_cell),
        cmocka_unit_test(test_matrix__of_an_option_without_values_is_empty),
        cmocka_unit_test(
            test_matrix__passes_over_values_that_it_does_not_know),
        cmocka_unit_test(test_matrix__counts_no_further_than_it_shows),
    };

    return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
