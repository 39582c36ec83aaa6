/*
 * stream_test.c - answers in pieces on a scripted host: who waits for whom,
 * and how each of them ends.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

#include "core/text.h"

int core_stream_tests(void);

/* A client of a stream. */
struct reader {
    shop_request_t  in;
    shop_call_t    *call;
    int             rc;
    int             open_rc;            /* what the host says to each        */
    int             write_rc;
    unsigned        opens, writes, closes, answers;
    int             whole;
    int             status;             /* of an answer that came instead    */
    char            body[200000];
    size_t          n;
};

static struct reader  reader;


/* --- the sink ------------------------------------------------------------ */


static void *
no_room(void *rq, size_t size)
{
    (void) rq;
    (void) size;

    return NULL;
}


static void
respond(void *rq, const shop_answer_t *answer)
{
    struct reader *r = rq;

    r->answers++;
    r->status = answer->status;
}


static int
open_stream(void *rq, const shop_answer_t *head)
{
    struct reader *r = rq;

    r->opens++;
    assert_int_equal(head->status, 200);
    assert_memory_equal(head->content_type.data, "text/plain", 10);
    assert_null(coro_self());

    return r->open_rc;
}


static int
write_stream(void *rq, const char *data, size_t n)
{
    struct reader *r = rq;

    r->writes++;
    assert_true(r->opens == 1 && r->closes == 0);
    assert_null(coro_self());
    memcpy(r->body + r->n, data, n);
    r->n += n;

    return r->write_rc;
}


static void
close_stream(void *rq, const shop_answer_t *answer, int whole)
{
    struct reader *r = rq;

    r->closes++;
    r->whole = whole;
    assert_string_equal(answer->route, "/unit/stream");
    assert_null(coro_self());
}


static const shop_sink_ops_t  sink = {
    sizeof(shop_sink_ops_t), no_room, respond, open_stream, write_stream,
    close_stream
};


static struct reader *
ask_stream(struct toyshop *t, const char *method, const shop_sink_ops_t *s)
{
    struct reader *r = &reader;

    r->in.method = (shop_str_t) { method, strlen(method) };
    r->in.path = (shop_str_t) { "/unit/stream", 12 };
    r->rc = shop_submit(t->shop, &r->in, s, r, &r->call);

    return r;
}


static int
set_up(void **state)
{
    memset(&reader, 0, sizeof(reader));

    return toyshop_up(state);
}


/* --- handlers ------------------------------------------------------------ */


static void
three_pieces(struct request *rq)
{
    static char large[40000];

    memset(large, 'l', sizeof(large));
    stream_begin(rq);
    stream_write(rq, "small ", 6);
    stream_write(rq, large, sizeof(large));
    stream_write(rq, " last", 5);
}


static void
fail_late(struct request *rq)
{
    stream_begin(rq);
    stream_write(rq, "some", 4);
    stream_flush(rq);
    fail(rq, &conflict);
}


static void
ask_late(struct request *rq)
{
    struct query q;

    stream_begin(rq);
    sql_start(rq, &q, &toy_select, NULL, NULL);
    sql_row(rq, &q);
    stream_write(rq, "row", 3);
}


/* --- tests --------------------------------------------------------------- */


static void
test_stream__comes_whole(void **state)
{
    struct reader *r;

    toys.handler = three_pieces;
    r = ask_stream(*state, "GET", &sink);
    assert_int_equal(r->rc, SHOP_OK);
    assert_true(r->closes == 1 && r->whole && r->answers == 0);
    assert_int_equal(r->writes, 3);
    assert_int_equal(r->n, 6 + 40000 + 5);
    assert_memory_equal(r->body, "small l", 7);
    assert_memory_equal(r->body + r->n - 6, "l last", 6);
}


static void
test_stream__waits_for_its_client(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = three_pieces;
    reader.write_rc = SHOP_AGAIN;
    r = ask_stream(t, "GET", &sink);
    assert_int_equal(r->rc, SHOP_AGAIN);
    for (unsigned n = 1; n < 3; n++) {
        assert_true(r->writes == n && r->closes == 0);
        pass(t, 3600000);               /* however long that takes */
        shop_writable(r->call);
    }
    assert_true(r->writes == 3 && r->closes == 1 && r->whole);
}


static void
test_head__is_all_there_is(void **state)
{
    struct reader *r;

    toys.handler = three_pieces;
    r = ask_stream(*state, "HEAD", &sink);
    assert_true(r->opens == 1 && r->writes == 0 && r->closes == 1);
    assert_true(r->whole);
}


static void
test_host__that_cannot_stream_is_told_so(void **state)
{
    const shop_sink_ops_t  old = { sizeof(old), no_room, respond, NULL, NULL,
                                   NULL };
    struct reader         *r;

    toys.handler = three_pieces;
    r = ask_stream(*state, "GET", &old);
    assert_true(r->answers == 1 && r->status == 501);
    reader.open_rc = SHOP_E_BUSY;
    r = ask_stream(*state, "GET", &sink);
    assert_true(r->answers == 2 && r->status == 501 && r->closes == 0);
}


static void
test_failure__cuts_what_was_begun(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = fail_late;
    r = ask_stream(t, "GET", &sink);
    assert_true(r->closes == 1 && !r->whole && r->answers == 0);
    assert_non_null(strstr(t->log, "/unit/stream is cut: conflict"));
}


static void
test_client__that_has_gone_is_no_failure(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = three_pieces;
    reader.write_rc = SHOP_E_IO;
    r = ask_stream(t, "GET", &sink);
    assert_true(r->writes == 1 && r->closes == 1 && !r->whole);
    assert_string_equal(t->log, "");
}


static void
test_detach__ends_one_that_waits(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = three_pieces;
    reader.write_rc = SHOP_AGAIN;
    r = ask_stream(t, "GET", &sink);
    shop_detach(r->call);
    assert_true(r->writes == 1 && r->closes == 0 && r->answers == 0);
    assert_int_equal(t->shop->coros.live, 0);
}


static void
test_database__has_the_time_of_a_request(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = ask_late;
    r = ask_stream(t, "GET", &sink);
    assert_true(r->opens == 1 && r->closes == 0);
    pass(t, t->shop->conf.deadline_ms - 2000);
    assert_int_equal(r->closes, 0);
    pass(t, 2000);
    assert_true(r->closes == 1 && !r->whole);
}


static void
test_close__cuts_what_is_open(void **state)
{
    struct toyshop *t = *state;
    struct reader  *r;

    toys.handler = three_pieces;
    reader.write_rc = SHOP_AGAIN;
    r = ask_stream(t, "GET", &sink);
    shop_close(t->shop);
    t->shop = NULL;
    assert_true(r->closes == 1 && !r->whole);
}


static void
test_csv__knows_formulas(void **state)
{
    static const char *const formulas[] = {
        "=1", "+1", "-", "@x", "\tx", "\rx", "'=1", "'''-x", NULL
    };
    static const char *const texts[] = {
        "", "1", "a=b", "'", "''", "'a", " =1", "\n=1", NULL
    };

    (void) state;
    for (size_t i = 0; formulas[i] != NULL; i++)
        assert_true(csv_is_formula(formulas[i]));
    for (size_t i = 0; texts[i] != NULL; i++)
        assert_false(csv_is_formula(texts[i]));
}


#define OF_SHOP(f)  cmocka_unit_test_setup_teardown(f, set_up, toyshop_down)


int
core_stream_tests(void)
{
    const struct CMUnitTest  tests[] = {
        OF_SHOP(test_stream__comes_whole),
        OF_SHOP(test_stream__waits_for_its_client),
        OF_SHOP(test_head__is_all_there_is),
        OF_SHOP(test_host__that_cannot_stream_is_told_so),
        OF_SHOP(test_failure__cuts_what_was_begun),
        OF_SHOP(test_client__that_has_gone_is_no_failure),
        OF_SHOP(test_detach__ends_one_that_waits),
        OF_SHOP(test_database__has_the_time_of_a_request),
        OF_SHOP(test_close__cuts_what_is_open),
        cmocka_unit_test(test_csv__knows_formulas),
    };

    return cmocka_run_group_tests_name("core_stream", tests, NULL, NULL);
}
