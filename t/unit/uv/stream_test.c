/*
 * stream_test.c - answers in pieces for a program on libuv: collected, or
 * piece by piece, and what becomes of those that are not whole.
 */
#include <stdlib.h>

#include "core/toyshop.h"
#undef COUNT
#include "core/check.h"
#include "uv/shop_uv.h"

int uv_stream_tests(void);

struct fixture {
    uv_loop_t    loop;
    shop_uv_t   *uv;
    size_t       taken;                 /* bytes by piece                    */
    unsigned     pieces;
    unsigned     most;                  /* pieces, then no more              */
};

static int64_t  rows;                   /* that the handler writes           */
static bool     fails;                  /* behind them                       */


static void
write_rows(struct request *rq)
{
    static char row[30000];

    memset(row, 'r', sizeof(row));
    stream_begin(rq);
    for (int64_t i = 0; i < rows; i++)
        stream_write(rq, row, sizeof(row));
    if (fails)
        fail(rq, &conflict);
}


static void
no_log(void *ctx, int level, const char *text, size_t len)
{
    (void) ctx;
    (void) level;
    (void) text;
    (void) len;
}


static int
set_up(void **state)
{
    static const char           secret[] = "0123456789abcdef0123456789abcdef";
    static const shop_uv_log_t  silent = { no_log, NULL };
    struct fixture             *f = calloc(1, sizeof(*f));
    shop_conf_t                 conf = SHOP_CONF_INIT;

    assert_non_null(f);
    conf.database = "host=/nowhere";
    conf.cursor_secret[0] = (shop_str_t) { secret, 32 };
    toys.handler = write_rows;
    rows = 3;
    fails = false;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(shop_uv_open(&f->uv, &f->loop, &conf, &silent), SHOP_OK);
    *state = f;

    return 0;
}


static int
tear_down(void **state)
{
    struct fixture *f = *state;

    shop_uv_close(f->uv);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);

    return 0;
}


static int
take(void *ctx, const char *data, size_t n)
{
    struct fixture *f = ctx;

    f->taken += n;
    assert_int_equal(data[0], 'r');

    return ++f->pieces == f->most;
}


static int
call(struct fixture *f, bool by_piece, const shop_answer_t **answer)
{
    shop_uv_request_t request = { .method = "GET", .path = "/unit/stream" };

    if (by_piece) {
        request.piece = take;
        request.piece_ctx = f;
    }

    return shop_uv_call(f->uv, &request, answer);
}


static void
test_stream__is_collected(void **state)
{
    const shop_answer_t *a = NULL;
    bool                 found = false;

    assert_int_equal(call(*state, false, &a), SHOP_OK);
    assert_int_equal(a->status, 200);
    assert_int_equal(a->body.len, 90000);
    assert_int_equal(a->body.data[89999], 'r');
    for (size_t i = 0; i < a->n_headers; i++) {
        if (memcmp(a->headers[i].name.data, "X-Request-Id", 12) == 0) {
            assert_false(found);
            found = true;
        }
    }
    assert_true(found);
    shop_uv_answer_free(a);
}


static void
test_stream__goes_where_it_is_told_to(void **state)
{
    struct fixture      *f = *state;
    const shop_answer_t *a = NULL;

    rows = 5000;                        /* more than is collected            */
    assert_int_equal(call(f, true, &a), SHOP_OK);
    assert_int_equal(f->taken, 5000 * 30000);
    assert_int_equal(a->body.len, 0);
    shop_uv_answer_free(a);
    assert_int_equal(call(f, false, &a), SHOP_E_IO);
}


static void
test_stream__that_is_cut_is_an_error(void **state)
{
    struct fixture      *f = *state;
    const shop_answer_t *a = NULL;

    fails = true;
    assert_int_equal(call(f, false, &a), SHOP_E_IO);
    fails = false;
    f->most = 2;
    assert_int_equal(call(f, true, &a), SHOP_E_IO);
    assert_int_equal(f->pieces, 2);
    assert_null(a);
}


int
uv_stream_tests(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_stream__is_collected, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_stream__goes_where_it_is_told_to,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream__that_is_cut_is_an_error,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests_name("uv_stream", tests, NULL, NULL);
}
