/*
 * job_test.c - the runner, round by round: what is taken, run, given back and
 * buried, and what a failure costs.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_job_tests(void);

#define LOOK       "AS due"
#define SCHEDULE   "UPDATE schedules"
#define BURY       "coalesce(error, 'lost')"
#define TAKE       "SET attempts = attempts + 1"
#define FINISH     "DELETE FROM jobs"
#define FAILED     "dead_at = CASE"
#define GIVE_BACK  "attempts = attempts - 1"

static unsigned  runs;
static bool      fails;
static char      name[40];              /* that the payload says             */


static void
work(struct request *rq)
{
    struct query           q;
    const struct toy_body *in;

    runs++;
    if (rq->route->body != NULL) {
        in = body(rq, toy_body);
        snprintf(name, sizeof(name), "%s", in->name);
    }
    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    if (fails)
        fail(rq, &conflict);
}


/* The runner alone, at its first look. */
static struct toyshop *
start(void **state)
{
    struct toyshop *t = *state;

    runs = 0;
    fails = false;
    name[0] = '\0';
    toys.job = work;
    t->ops.timer_del(t, &t->shop->background.relay.chain.timer);
    pass(t, 1);

    return t;
}


static uint64_t
counted(const struct toyshop *t, enum counter id)
{
    return t->shop->count[id];
}


static void
say_look(struct toyshop *t, const char *due, const char *scheduled)
{
    say_row(t, LOOK, "due", due, "scheduled", scheduled, NULL);
}


/* A row for each kind, with this payload and at its first attempt. */
static void
say_taken(struct toyshop *t, const char *payload, const char *const *kinds)
{
    static const char *const  columns[] = {
        "id", "kind", "payload", "attempts", "request_id", NULL
    };
    PGresult                 *res = rows_of(columns);

    for (unsigned n = 0; kinds[n] != NULL; n++) {
        char id[48];

        snprintf(id, sizeof(id), "01900000-0000-7000-8000-%012u", n);
        add_row(res, id, kinds[n], payload, "1", "asked", NULL);
    }
    say_result(t, TAKE, res);
}


#define KINDS(...)  (const char *const []) { __VA_ARGS__, NULL }
#define PAYLOAD     "{\"name\": \"cup\"}"


/* As far as the COMMIT of the leases. */
static void
take(struct toyshop *t, const char *payload, const char *const *kinds)
{
    say_begun(t);
    say_done(t, BURY, "UPDATE 0");
    say_taken(t, payload, kinds);
    say_done(t, "COMMIT", "COMMIT");
}


static void
say_run(struct toyshop *t)
{
    say_begun(t);
    say_done(t, FINISH, "DELETE 1");
    say_done(t, "UPDATE toys", "UPDATE 1");
}


/* --- looking and taking -------------------------------------------------- */


static void
who_finds_nothing_writes_nothing(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "f");
    assert_string_equal(owed(t), "");
    pass(t, 210);
    say_look(t, "f", "f");
    assert_int_equal(counted(t, COUNT_TX_BEGUN), 0);
}


static void
what_is_due_is_taken_and_run(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.count", "unit.plain"));
    say_run(t);
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 0);
    say_done(t, "COMMIT", "COMMIT");
    assert_string_equal(name, "cup");
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 1);
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 2);
    assert_string_equal(owed(t), "");
    pass(t, 2);
    say_look(t, "f", "f");
}


/* The others were quicker. */
static void
none_may_be_left(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS(NULL));
    assert_string_equal(owed(t), "");
    assert_int_equal(runs, 0);
    pass(t, 100);
    assert_string_equal(owed(t), "");
}


static void
schedules_come_before_what_they_make(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "t");
    say_begun(t);
    say_done(t, SCHEDULE, "INSERT 0 1");
    say_done(t, "COMMIT", "COMMIT");
    take(t, PAYLOAD, KINDS("unit.plain"));
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(runs, 1);
}


static void
what_cannot_be_taken_is_looked_for_later(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    say_begun(t);
    say_error(t, BURY, "57014", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_string_equal(owed(t), "");
    pass(t, 500);
    say_look(t, "f", "f");
    assert_int_equal(counted(t, COUNT_JOBS_FAILED), 0);
}


static void
who_ended_without_a_word_is_buried_and_counted(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    say_begun(t);
    say_done(t, BURY, "UPDATE 2");
    say_none(t, TAKE);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_DEAD), 2);
    assert_string_equal(t->log, "2 jobs are dead letters now");
}


/* --- running ------------------------------------------------------------- */


/* Somebody else has had it since its lease was over: its effect is there. */
static void
what_is_ours_no_more_is_not_run(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.plain"));
    say_begun(t);
    say_done(t, FINISH, "DELETE 0");
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(runs, 0);
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 0);
}


/* Its body is checked as a client's is, before anything is asked for. */
static void
a_wrong_payload_fails_before_anything_is_done(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, "{\"quantity\": \"many\"}", KINDS("unit.count"));
    assert_int_equal(runs, 0);
    say_begun(t);
    assert_string_equal(t->log, "job unit.count failed, attempt 1, of request "
                        "asked: wrong_body");
    say_row(t, FAILED, "dead", "f", NULL);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_FAILED), 1);
    assert_int_equal(counted(t, COUNT_JOBS_DEAD), 0);
}


/* Two are taken, the first fails, and that is being noted. */
static struct toyshop *
fail_first(void **state)
{
    struct toyshop *t = start(state);

    fails = true;
    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.count", "unit.plain"));
    say_run(t);
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    assert_non_null(strstr(owed(t), FAILED));
    fails = false;

    return t;
}


static void
a_failure_is_noted_and_the_next_one_runs(void **state)
{
    struct toyshop *t = fail_first(state);

    say_row(t, FAILED, "dead", "f", NULL);
    say_done(t, "COMMIT", "COMMIT");
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_FAILED), 1);
    assert_int_equal(counted(t, COUNT_JOBS_DEAD), 0);
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 1);
}


static void
the_last_failure_is_a_dead_letter_that_is_counted(void **state)
{
    struct toyshop *t = fail_first(state);

    say_row(t, FAILED, "dead", "t", NULL);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_DEAD), 1);
    assert_string_equal(t->log, "1 jobs are dead letters now");
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
}


/* It was done after all, and only the answer to its COMMIT was lost. */
static void
a_failure_of_what_is_gone_is_none(void **state)
{
    struct toyshop *t = fail_first(state);

    say_none(t, FAILED);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_DEAD), 0);
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
}


static void
a_failure_that_cannot_be_noted_holds_up_nobody(void **state)
{
    struct toyshop *t = fail_first(state);

    say_error(t, FAILED, "57014", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_run(t);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 1);
}


/* Past its deadline it is ended as a request is, and has failed. */
static void
what_takes_too_long_has_failed(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.plain"));
    say_begun(t);
    say_done(t, FINISH, "DELETE 1");
    pass(t, 6000);
    assert_non_null(strstr(t->log, "deadline_exceeded"));
    say_done(t, "UPDATE toys", "UPDATE 1");
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    say_row(t, FAILED, "dead", "f", NULL);
    say_done(t, "COMMIT", "COMMIT");
}


/* --- the end ------------------------------------------------------------- */


static void
who_drains_finishes_one_and_gives_back_the_rest(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.plain", "unit.plain", "unit.plain"));
    say_begun(t);
    say_done(t, FINISH, "DELETE 1");
    shop_drain(t->shop);
    say_done(t, "UPDATE toys", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(runs, 1);
    say_begun(t);
    say_done(t, GIVE_BACK, "UPDATE 1");
    say_done(t, GIVE_BACK, "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    pass(t, 1000);
    assert_string_equal(owed(t), "");
    assert_int_equal(runs, 1);
    assert_int_equal(counted(t, COUNT_JOBS_DONE), 1);
}


/* Their leases tell the others when to begin. */
static void
what_cannot_be_given_back_is_left(void **state)
{
    struct toyshop *t = fail_first(state);

    shop_drain(t->shop);
    say_row(t, FAILED, "dead", "f", NULL);
    say_done(t, "COMMIT", "COMMIT");
    say_begun(t);
    say_error(t, GIVE_BACK, "57014", "");
    say_error(t, "COMMIT", "25P02", "");
    pass(t, 1000);
    assert_int_equal(runs, 1);
    assert_int_equal(counted(t, COUNT_JOBS_FAILED), 1);
}


static void
who_drains_takes_nothing(void **state)
{
    struct toyshop *t = start(state);

    shop_drain(t->shop);
    say_look(t, "t", "t");
    assert_string_equal(owed(t), "");
    pass(t, 1000);
    assert_string_equal(owed(t), "");
}


/* The timer of the next round was set before. */
static void
who_drains_does_not_even_look(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "f");
    shop_drain(t->shop);
    pass(t, 1000);
    assert_string_equal(owed(t), "");
}


/* What was taken lies on an arena that outlives the requests. */
static void
the_end_of_the_shop_cuts_it_short(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "f");
    take(t, PAYLOAD, KINDS("unit.plain", "unit.plain"));
    say_begun(t);
    shop_close(t->shop);
    t->shop = NULL;
    assert_int_equal(runs, 0);
}


/* --- asking for it ------------------------------------------------------- */


static void
ask_for_one(struct request *rq)
{
    static const struct job_kind kind = { "unit.plain", work, NULL, 0, 0 };

    enqueue(rq, &kind, "{}", 60);
    reply_none(rq);
}


static void
a_job_is_part_of_the_transaction(void **state)
{
    struct toyshop *t = start(state);
    struct asked    a = { 0 }, b = { 0 };

    say_look(t, "f", "f");
    toys.handler = ask_for_one;
    ask(t, &a, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_done(t, "INSERT INTO jobs", "INSERT 0 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");

    ask(t, &b, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_error(t, "INSERT INTO jobs", "23514", "jobs_kind");
    say_error(t, "COMMIT", "25P02", "");
    assert_int_equal(b.answers, 1);
    assert_true(b.status >= 500);
}


int
core_job_tests(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_WORKING_TOYSHOP(who_finds_nothing_writes_nothing),
        WITH_WORKING_TOYSHOP(what_is_due_is_taken_and_run),
        WITH_WORKING_TOYSHOP(none_may_be_left),
        WITH_WORKING_TOYSHOP(schedules_come_before_what_they_make),
        WITH_WORKING_TOYSHOP(what_cannot_be_taken_is_looked_for_later),
        WITH_WORKING_TOYSHOP(who_ended_without_a_word_is_buried_and_counted),
        WITH_WORKING_TOYSHOP(what_is_ours_no_more_is_not_run),
        WITH_WORKING_TOYSHOP(a_wrong_payload_fails_before_anything_is_done),
        WITH_WORKING_TOYSHOP(a_failure_is_noted_and_the_next_one_runs),
        WITH_WORKING_TOYSHOP(the_last_failure_is_a_dead_letter_that_is_counted),
        WITH_WORKING_TOYSHOP(a_failure_of_what_is_gone_is_none),
        WITH_WORKING_TOYSHOP(a_failure_that_cannot_be_noted_holds_up_nobody),
        WITH_WORKING_TOYSHOP(what_takes_too_long_has_failed),
        WITH_WORKING_TOYSHOP(who_drains_finishes_one_and_gives_back_the_rest),
        WITH_WORKING_TOYSHOP(what_cannot_be_given_back_is_left),
        WITH_WORKING_TOYSHOP(who_drains_takes_nothing),
        WITH_WORKING_TOYSHOP(who_drains_does_not_even_look),
        WITH_WORKING_TOYSHOP(the_end_of_the_shop_cuts_it_short),
        WITH_WORKING_TOYSHOP(a_job_is_part_of_the_transaction),
    };

    return cmocka_run_group_tests_name("core_job", tests, NULL, NULL);
}
