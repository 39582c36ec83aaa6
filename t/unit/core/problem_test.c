/*
 * problem_test.c - RFC 9457 as it is written: with all faults and their places,
 * escaped, and in the same shape where the host answers by itself.
 */
#include "core/problem.h"
#include "core/request.h"
#undef COUNT
#include "check.h"

#include "core/text.h"

int core_problem_tests(void);

static const struct problem wrong = { 422, "wrong", "It is wrong." };


static void
a_problem_names_code_status_and_request(void **state)
{
    struct arena  a = { 0 };
    struct buf    b;

    (void) state;
    buf_init(&b, &a, 64);
    problem_json(&b, &wrong, NULL, (shop_str_t) { "id-1", 4 });
    assert_buf(&b, "{\"type\":\"about:blank\",\"title\":\"It is wrong.\","
                   "\"status\":422,\"code\":\"wrong\","
                   "\"request_id\":\"id-1\"}");
    arena_reset(&a);
}


static void
all_faults_are_told_with_their_places(void **state)
{
    struct arena   a = { 0 };
    struct buf     b;
    struct fault   v[] = {
        { .pointer = "/a\"b", .code = "required", .detail = "must be given" },
        { .parameter = "limit", .code = "range", .detail = "1 to 100" },
    };
    struct faults  faults = { .n = 2 };

    (void) state;
    for (size_t i = 0; i < 2; i++)
        faults.v[i] = v[i];
    buf_init(&b, &a, 64);
    problem_json(&b, &wrong, &faults, (shop_str_t) { NULL, 0 });
    assert_buf(&b, "{\"type\":\"about:blank\",\"title\":\"It is wrong.\","
                   "\"status\":422,\"code\":\"wrong\",\"request_id\":null,"
                   "\"errors\":[{\"pointer\":\"/a\\\"b\","
                   "\"code\":\"required\",\"detail\":\"must be given\"},"
                   "{\"parameter\":\"limit\",\"code\":\"range\","
                   "\"detail\":\"1 to 100\"}]}");
    arena_reset(&a);
}


/* What is told beyond the table would be read beyond it. */
static void
no_more_faults_are_told_than_there_is_room_for(void **state)
{
    struct arena   a = { 0 };
    struct buf     b;
    struct faults  faults = { .n = FAULTS_MAX + 3 };
    size_t         told = 0;

    (void) state;
    for (size_t i = 0; i < FAULTS_MAX; i++)
        faults.v[i] = (struct fault) { .pointer = "/x", .code = "c",
                                       .detail = "d" };
    buf_init(&b, &a, 64);
    problem_json(&b, &wrong, &faults, (shop_str_t) { NULL, 0 });
    buf_char(&b, '\0');
    for (const char *p = b.data; (p = strstr(p, "\"/x\"")) != NULL; p++)
        told++;
    assert_int_equal(told, FAULTS_MAX);
    arena_reset(&a);
}


static void
assert_host(int status, const char *id, const char *want)
{
    char    out[256];
    size_t  n = shop_problem(status, (shop_str_t) { id, strlen(id) }, out,
                             sizeof(out));

    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
}


static void
the_host_answers_in_the_same_shape(void **state)
{
    (void) state;
    assert_host(414, "r", "{\"type\":\"about:blank\",\"title\":\"The address "
                "is too long.\",\"status\":414,\"code\":\"uri_too_long\","
                "\"request_id\":\"r\"}");
    assert_host(418, "r", "{\"type\":\"about:blank\",\"title\":\"The request "
                "failed.\",\"status\":418,\"code\":\"error\","
                "\"request_id\":\"r\"}");
}


static void
an_id_that_json_would_want_escaped_is_left_out(void **state)
{
    static const char *const ids[] = { "a\"b", "a\\b", "a\nb" };

    (void) state;
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_host(400, ids[i], "{\"type\":\"about:blank\",\"title\":\"The "
                    "request cannot be understood.\",\"status\":400,"
                    "\"code\":\"bad_request\",\"request_id\":\"\"}");
}


static void
a_small_buffer_is_not_left(void **state)
{
    char  out[17] = "0123456789abcdef";

    (void) state;
    assert_int_equal(shop_problem(404, (shop_str_t) { "r", 1 }, out, 16), 16);
    assert_int_equal(out[16], '\0');
}


int
core_problem_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_names_code_status_and_request),
        cmocka_unit_test(all_faults_are_told_with_their_places),
        cmocka_unit_test(no_more_faults_are_told_than_there_is_room_for),
        cmocka_unit_test(the_host_answers_in_the_same_shape),
        cmocka_unit_test(an_id_that_json_would_want_escaped_is_left_out),
        cmocka_unit_test(a_small_buffer_is_not_left),
    };

    return cmocka_run_group_tests_name("core/problem", tests, NULL, NULL);
}
