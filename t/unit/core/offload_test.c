/*
 * offload_test.c - work on a thread that is refused, late, or that nobody
 * waits for any more.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_offload_tests(void);

static unsigned  worked, cleaned, gone_on;


static void
work(void *arg)
{
    worked++;
    memcpy(arg, "done", 5);
}


static void
clean(void *data)
{
    (void) data;
    cleaned++;
}


/* The thread's memory lies on the attempt, which a cleanup tells the end of. */
static void
hand_over(struct request *rq)
{
    char *text = alloc(rq, 5);

    if (arena_cleanup(&rq->attempt, clean, NULL) == NULL)
        fail(rq, &not_found);
    offload(rq, work, text);
    gone_on++;
    reply_text(rq, 200, "text/plain", text, strlen(text));
}


static void
begin(struct toyshop *t, struct asked *a, const char *method,
      const char *path)
{
    worked = cleaned = gone_on = 0;
    toys.handler = hand_over;
    ask(t, a, method, path, NULL);
}


static void
the_request_goes_on_behind_the_thread(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "GET", "/unit/plain");
    assert_waits(&a);
    assert_int_equal(gone_on, 0);
    run_job(t);
    assert_answer(&a, 200, "done");
    assert_int_equal(worked, 1);
    assert_int_equal(cleaned, 1);
}


static void
without_a_thread_it_is_overloaded(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    t->no_threads = true;
    begin(t, &a, "GET", "/unit/plain");
    assert_problem(&a, 503, "overloaded");
    assert_head(&a, "Retry-After: 1\n");
    assert_int_equal(cleaned, 1);
}


/* Cancelled before it ran: answered at once, and what the thread works on
 * stays until it has. */
static void
who_leaves_before_the_work_leaves_its_memory(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "GET", "/unit/plain");
    shop_detach(a.call);
    assert_null(t->shop->live);
    assert_int_equal(t->shop->coros.live, 0);
    assert_int_equal(cleaned, 0);
    run_job(t);
    assert_int_equal(worked, 1);
    assert_int_equal(cleaned, 1);
    assert_int_equal(gone_on, 0);
    assert_int_equal(a.answers, 0);
}


/* Cancelled between its work and its end. */
static void
who_leaves_behind_the_work_does_too(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };
    shop_job_t     *j;

    begin(t, &a, "GET", "/unit/plain");
    j = t->job;
    t->job = NULL;
    j->work(j);
    shop_detach(a.call);
    assert_int_equal(cleaned, 0);
    j->done(j);
    assert_int_equal(cleaned, 1);
    assert_int_equal(gone_on, 0);
}


static void
the_deadline_does_not_wait_for_a_thread(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "GET", "/unit/plain");
    pass(t, 6000);
    assert_problem(&a, 504, "deadline_exceeded");
    assert_int_equal(cleaned, 0);
    run_job(t);
    assert_int_equal(a.answers, 1);
    assert_int_equal(cleaned, 1);
}


/* A write whose client has left goes on. */
static void
a_write_goes_on_without_its_client(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "POST", "/unit/tx");
    shop_detach(a.call);
    run_job(t);
    assert_int_equal(gone_on, 1);
    assert_int_equal(cleaned, 1);
    assert_int_equal(a.answers, 0);
    assert_null(t->shop->live);
}


/* The thread is done when there is no shop any more. */
static void
a_thread_may_outlive_the_shop(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "GET", "/unit/plain");
    shop_close(t->shop);
    t->shop = NULL;
    assert_problem(&a, 503, "shutting_down");
    assert_int_equal(cleaned, 0);
    run_job(t);
    assert_int_equal(cleaned, 1);
}


static void
update_first(struct request *rq)
{
    struct query q;

    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    offload(rq, work, alloc(rq, 5));
}


/* Its locks would wait for a thread. */
static void
behind_a_statement_it_is_an_error(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = update_first;
    ask(t, &a, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    assert_problem(&a, 500, "internal");
    assert_null(t->job);
    assert_string_equal(t->log, "/unit/tx offloads within its transaction");
    say_done(t, "ROLLBACK", "ROLLBACK");
}


static void
each_allocation_may_fail(void **state)
{
    struct toyshop *t = *state;
    unsigned        n;
    int             status = 0;

    for (n = 0; (n < 2 || status != 200) && n < 50; n++) {
        struct asked a = { 0 };

        arena_trim();
        memory_fails_at(n);
        begin(t, &a, "GET", "/unit/plain");
        if (t->job != NULL)
            run_job(t);
        memory_fails_at(0);
        status = a.status;
        assert_true(a.rc == SHOP_E_NOMEM || status == 200 || status == 503);
        assert_int_equal(a.answers, a.rc == SHOP_E_NOMEM ? 0 : 1);
        assert_int_equal(gone_on, worked);
    }
    assert_int_equal(status, 200);
    assert_true(n > 3);
}


int
core_offload_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(the_request_goes_on_behind_the_thread),
        WITH_TOYSHOP(without_a_thread_it_is_overloaded),
        WITH_TOYSHOP(who_leaves_before_the_work_leaves_its_memory),
        WITH_TOYSHOP(who_leaves_behind_the_work_does_too),
        WITH_TOYSHOP(the_deadline_does_not_wait_for_a_thread),
        WITH_TOYSHOP(a_write_goes_on_without_its_client),
        WITH_TOYSHOP(a_thread_may_outlive_the_shop),
        WITH_TOYSHOP(behind_a_statement_it_is_an_error),
        WITH_TOYSHOP(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_offload", tests, NULL, NULL);
}
