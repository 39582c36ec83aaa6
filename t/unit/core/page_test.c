/*
 * page_test.c - limit, sort and cursors: what is taken, what is refused, and
 * that nobody makes a cursor but the shop.
 */
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"
#undef COUNT
#include "check.h"

#include "core/env.h"
#include "core/text.h"

int core_page_tests(void);

static const char *const   sorts[] = { "title", "-price", NULL };
static const struct route  list = { .path = "/a", .sorts = sorts };
static const struct route  other = { .path = "/b", .sorts = sorts };

#define OLD  "0123456789abcdef0123456789abcdef"
#define NEW  "another secret that is as long ..."


/* A shop that signs with the one, and accepts the other, too. */
static void
open_with(struct shop *shop, const char *signs, const char *accepts)
{
    memset(shop, 0, sizeof(*shop));
    shop->conf.cursor_secret[0] = (shop_str_t) { signs, strlen(signs) };
    if (accepts != NULL)
        shop->conf.cursor_secret[1] = (shop_str_t) { accepts,
                                                     strlen(accepts) };
    assert_int_equal(cursors_open(shop), SHOP_OK);
}


static void
begin(struct request *rq, struct shop *shop)
{
    memset(rq, 0, sizeof(*rq));
    rq->shop = shop;
    rq->route = &list;
    rq->page.sort = "title";
    rq->faults.arena = &rq->attempt;
}


static const char *
made(struct request *rq, size_t n, const char **keys)
{
    struct texts t = { n, keys };

    return cursor_make(rq, &t);
}


/* --- cursors ------------------------------------------------------------- */


/* Any text may be a key, also one that looks like the end of another. */
static void
a_cursor_gives_its_keys_back(void **state)
{
    static const char *keys[] = { "", "Çay, \"seti\"", "a\x01" "b", "0" };
    struct shop        shop;
    struct request     rq;

    (void) state;
    open_with(&shop, OLD, NULL);
    for (size_t n = 0; n <= 4; n++) {
        begin(&rq, &shop);
        rq.cursor = made(&rq, n, keys);
        assert_null(cursor_parse(&rq));
        assert_int_equal(rq.page.after.n, n);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(rq.page.after.v[i], keys[i]);
        arena_reset(&rq.attempt);
    }
    cursors_close(&shop);
}


/* A key that was cut would be another key, before which the page began. */
static void
a_key_is_whole_or_there_is_no_cursor(void **state)
{
    char            text[1300];
    const char     *keys[] = { text };
    struct shop     shop;
    struct request  rq;

    (void) state;
    open_with(&shop, OLD, NULL);
    memset(text, 'x', sizeof(text));
    for (size_t n = 1100; n < 1250; n++) {
        begin(&rq, &shop);
        text[n] = '\0';
        rq.cursor = made(&rq, 1, keys);
        if (n <= 1182) {
            assert_null(cursor_parse(&rq));
            assert_string_equal(rq.page.after.v[0], text);
        } else {
            assert_null(rq.cursor);
        }
        text[n] = 'x';
        arena_reset(&rq.attempt);
    }
    cursors_close(&shop);
}


static void
a_cursor_of_another_list_or_order_is_refused(void **state)
{
    static const char *keys[] = { "a" };
    struct shop        shop;
    struct request     rq;

    (void) state;
    open_with(&shop, OLD, NULL);
    begin(&rq, &shop);
    rq.cursor = made(&rq, 1, keys);
    rq.route = &other;
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    rq.route = &list;
    rq.page.sort = "-price";
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    rq.page.sort = "title";
    assert_null(cursor_parse(&rq));
    arena_reset(&rq.attempt);
    cursors_close(&shop);
}


/* Each letter another, one less, one more. */
static void
a_changed_cursor_is_refused(void **state)
{
    static const char *keys[] = { "a", "b" };
    struct shop        shop;
    struct request     rq;
    char               text[200];
    size_t             n;

    (void) state;
    open_with(&shop, OLD, NULL);
    begin(&rq, &shop);
    n = strlen(made(&rq, 2, keys));
    memcpy(text, made(&rq, 2, keys), n + 1);
    rq.cursor = text;
    for (size_t i = 0; i < n; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
        text[i] = was;
    }
    text[n - 1] = '\0';
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    memcpy(text, made(&rq, 2, keys), n);
    memcpy(text + n, "AAAA", 5);
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    rq.cursor = "";
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    rq.cursor = "no base64!";
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    arena_reset(&rq.attempt);
    cursors_close(&shop);
}


/* While secrets are exchanged both are good; afterwards the old one is not. */
static void
secrets_can_be_exchanged(void **state)
{
    static const char *keys[] = { "a" };
    struct shop        before, during, after;
    struct request     rq, was;

    (void) state;
    open_with(&before, OLD, NULL);
    open_with(&during, NEW, OLD);
    open_with(&after, NEW, NULL);
    begin(&was, &before);
    begin(&rq, &during);
    rq.cursor = made(&was, 1, keys);
    assert_null(cursor_parse(&rq));
    rq.shop = &after;
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    rq.shop = &during;
    rq.page.after.n = 0;
    rq.cursor = made(&rq, 1, keys);
    rq.shop = &after;
    assert_null(cursor_parse(&rq));
    rq.shop = &before;
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    arena_reset(&rq.attempt);
    arena_reset(&was.attempt);
    cursors_close(&before);
    cursors_close(&during);
    cursors_close(&after);
}


static void
a_cursor_longer_than_any_is_refused(void **state)
{
    char            text[4000];
    struct shop     shop;
    struct request  rq;

    (void) state;
    open_with(&shop, OLD, NULL);
    begin(&rq, &shop);
    memset(text, 'A', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    rq.cursor = text;
    assert_ptr_equal(cursor_parse(&rq), &bad_cursor);
    arena_reset(&rq.attempt);
    cursors_close(&shop);
}


static unsigned  left;          /* allocations that still succeed            */
static void   *(*real_alloc)(size_t size);


static void *
scarce(size_t size)
{
    if (left == 0)
        return NULL;
    left--;

    return real_alloc(size);
}


/* No cursor, or no memory, and never a cursor that is called bad. */
static void
without_memory_no_cursor_is_bad(void **state)
{
    static const char *keys[] = { "a" };
    struct shop        shop;
    struct request     rq, was;

    (void) state;
    open_with(&shop, OLD, NULL);
    begin(&was, &shop);
    begin(&rq, &shop);
    rq.cursor = made(&was, 1, keys);
    arena_trim();
    real_alloc = shop_env.alloc;
    shop_env.alloc = scarce;
    left = 0;
    assert_ptr_equal(cursor_parse(&rq), &out_of_memory);
    assert_null(made(&rq, 1, keys));
    shop_env.alloc = real_alloc;
    assert_null(cursor_parse(&rq));
    arena_reset(&rq.attempt);
    arena_reset(&was.attempt);
    cursors_close(&shop);
}


/* --- limit and sort ------------------------------------------------------ */


struct parameter {
    const char  *name;
    const char  *value;
    int64_t      limit;         /* one more than is shown; 0: a fault        */
    const char  *code;
    int          status;
};


static void
a_limit_is_a_number_from_1_to_100(void **state)
{
    static const struct parameter  cases[] = {
        { "limit", "1", 2, NULL, 0 },
        { "limit", "100", 101, NULL, 0 },
        { "limit", "0", 0, "out_of_range", 0 },
        { "limit", "101", 0, "out_of_range", 0 },
        { "limit", "-1", 0, "out_of_range", 0 },
        { "limit", "99999999999999999999", 0, "out_of_range", 0 },
        { "limit", "1-2", 0, "out_of_range", 0 },
        { "limit", "", 0, "out_of_range", 0 },
        { "limit", "ten", 0, "wrong_type", 400 },
        { "limit", "1.5", 0, "wrong_type", 400 },
        { "sort", "price", 0, "not_one_of", 0 },
        { "sort", "", 0, "not_one_of", 0 },
    };
    struct request                 rq;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct parameter *c = &cases[i];

        begin(&rq, NULL);
        page_parse(&rq, c->name, c->value, strlen(c->value));
        assert_int_equal(rq.page.limit, c->limit);
        assert_int_equal(rq.faults.n, c->code != NULL);
        assert_int_equal(rq.faults.status == 400 ? 400 : 0, c->status);
        if (c->code != NULL) {
            assert_string_equal(rq.faults.v[0].code, c->code);
            assert_string_equal(rq.faults.v[0].parameter, c->name);
        }
        arena_reset(&rq.attempt);
    }
}


/* The route's own text, which outlives what was sent. */
static void
a_sort_is_one_of_the_routes(void **state)
{
    char            sent[] = "-price";
    struct request  rq;

    (void) state;
    begin(&rq, NULL);
    page_parse(&rq, "sort", sent, strlen(sent));
    assert_ptr_equal(rq.page.sort, sorts[1]);
    page_parse(&rq, "cursor", "as it came", 10);
    assert_string_equal(rq.cursor, "as it came");
    assert_int_equal(rq.faults.n, 0);
    arena_reset(&rq.attempt);
}


int
core_page_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_gives_its_keys_back),
        cmocka_unit_test(a_key_is_whole_or_there_is_no_cursor),
        cmocka_unit_test(a_cursor_of_another_list_or_order_is_refused),
        cmocka_unit_test(a_changed_cursor_is_refused),
        cmocka_unit_test(secrets_can_be_exchanged),
        cmocka_unit_test(a_cursor_longer_than_any_is_refused),
        cmocka_unit_test(without_memory_no_cursor_is_bad),
        cmocka_unit_test(a_limit_is_a_number_from_1_to_100),
        cmocka_unit_test(a_sort_is_one_of_the_routes),
    };

    return cmocka_run_group_tests_name("core_page", tests, NULL, NULL);
}
