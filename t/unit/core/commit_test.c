/*
 * commit_test.c - a transaction from its first statement to its outcome: what
 * runs again, what is told, and what is held meanwhile.
 */
#include <stdio.h>

#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_commit_tests(void);

static unsigned     runs;               /* of the handler                    */
static unsigned     touched;            /* tags that it touches              */
static const char  *place;


static void
update(struct request *rq)
{
    struct query q;

    runs++;
    for (unsigned i = 0; i < touched; i++)
        touch(rq, text_of(rq, "tag%u", i));
    if (place != NULL)
        within(rq, "%s", place);
    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    reply_none(rq);
}


static void
begin(struct toyshop *t, struct asked *a)
{
    runs = 0;
    toys.handler = update;
    ask(t, a, "POST", "/unit/tx", NULL);
}


/* As far as COMMIT, which is on its way. */
static void
go_to_commit(struct toyshop *t, struct asked *a)
{
    begin(t, a);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    assert_string_equal(owed(t), "COMMIT");
}


static bool
good(const struct toyshop *t, const char *name)
{
    const struct cache *c = &t->shop->cache;
    cache_tag_t         tag = cache_tag(name, strlen(name));

    return cache_good(c, cache_clock(c), &tag, 1);
}


static uint64_t
counted(const struct toyshop *t, enum counter id)
{
    return t->shop->count[id];
}


/* --- the outcome --------------------------------------------------------- */


static void
nobody_is_told_before_the_outcome(void **state)
{
    struct asked a = { 0 };

    touched = 0;
    go_to_commit(*state, &a);
    assert_waits(&a);
    say_done(*state, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
    assert_int_equal(runs, 1);
}


static void
who_stops_before_the_outcome_does_not_know(void **state)
{
    struct toyshop *t = *state;
    struct asked    open = { 0 }, begun = { 0 };

    touched = 0;
    go_to_commit(t, &open);
    begin(t, &begun);
    shop_close(t->shop);
    t->shop = NULL;
    assert_problem(&open, 503, "outcome_unknown");
    assert_problem(&begun, 503, "shutting_down");
}


static void
tags_are_held_until_the_outcome(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };
    uint64_t        clock;

    touched = 2;
    go_to_commit(t, &a);
    clock = cache_clock(&t->shop->cache);
    assert_false(good(t, "tag0"));
    assert_false(good(t, "tag1"));
    assert_true(good(t, "tag2"));
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
    assert_true(good(t, "tag0"));
    assert_true(cache_clock(&t->shop->cache) > clock);
}


/* One more than can be named: everything is held. */
static void
too_many_tags_hold_everything(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    touched = CACHE_MAX_TAGS;
    go_to_commit(t, &a);
    assert_true(good(t, "another"));
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");

    touched = CACHE_MAX_TAGS + 1;
    go_to_commit(t, &b);
    assert_false(good(t, "another"));
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&b, 204, "");
    assert_true(good(t, "another"));
}


static void
a_refused_commit_lets_go_too(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 1;
    go_to_commit(t, &a);
    say_error(t, "COMMIT", "23505", "toys_name");
    assert_problem(&a, 409, "toy_taken");
    assert_non_null(strstr(a.body, "\"/name\""));
    assert_true(good(t, "tag0"));
}


/* The deadline in COMMIT: nobody knows, and what was held is let go. */
static void
who_leaves_during_commit_lets_go(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };
    uint64_t        clock;

    touched = 1;
    go_to_commit(t, &a);
    assert_false(good(t, "tag0"));
    clock = cache_clock(&t->shop->cache);
    pass(t, 6000);
    assert_problem(&a, 503, "outcome_unknown");
    assert_true(good(t, "tag0"));
    assert_true(cache_clock(&t->shop->cache) > clock);
}


/* He must not be told, for want of memory, that nothing was done. */
static void
who_leaves_without_memory_is_told_the_same(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    go_to_commit(t, &a);
    memory_fails_at(1);
    while (arena_alloc(&((struct request *) a.call)->attempt, 16) != NULL)
        continue;
    pass(t, 6000);
    memory_fails_at(0);
    assert_problem(&a, 503, "outcome_unknown");
    assert_non_null(strstr(a.head, "Retry-After: 1\n"));
}


/* And everything, where it was everything. */
static void
who_held_everything_lets_go_of_it(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = CACHE_MAX_TAGS + 1;
    go_to_commit(t, &a);
    pass(t, 6000);
    assert_problem(&a, 503, "outcome_unknown");
    assert_true(good(t, "another"));
}


/* --- the deadline elsewhere ---------------------------------------------- */


static void
a_deadline_before_commit_says_so(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    begin(t, &a);
    pass(t, 4000);
    assert_waits(&a);
    pass(t, 2000);
    assert_problem(&a, 504, "deadline_exceeded");
    assert_int_equal(counted(t, COUNT_DEADLINES), 1);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");  /* nobody waits for it any more */
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(a.answers, 1);
}


static void
a_deadline_in_the_queue_gives_the_place_up(void **state)
{
    struct toyshop *t = *state;
    struct asked    first = { 0 }, second = { 0 }, third = { 0 };

    touched = 0;
    go_to_commit(t, &first);
    begin(t, &second);
    begin(t, &third);
    assert_waits(&second);
    assert_problem(&third, 503, "overloaded");
    shop_detach(first.call);            /* it has no deadline to be told of */
    assert_int_equal(counted(t, COUNT_TX_WAITING), 1);
    pass(t, 6000);
    assert_problem(&second, 504, "deadline_exceeded");
    assert_int_equal(counted(t, COUNT_TX_WAITING), 0);
    assert_int_equal(first.answers, 0);
}


/* --- again --------------------------------------------------------------- */


static void
a_serialization_failure_runs_again(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 1;
    begin(t, &a);
    say_begun(t);
    say_error(t, "UPDATE", "40001", "");
    assert_int_equal(runs, 1);          /* its locks are not gone yet */
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(runs, 2);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
    assert_int_equal(counted(t, COUNT_TX_AGAIN), 1);
}


/* Then the connection goes, and who waited has another: within the coroutine
 * of the first he could not be run. */
static void
no_memory_to_roll_back_is_the_loops_affair(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };

    touched = 0;
    begin(t, &a);
    say_begun(t);
    ask(t, &b, "POST", "/unit/tx", NULL);
    assert_int_equal(counted(t, COUNT_TX_WAITING), 1);
    memory_fails_at(1);
    say_error(t, "UPDATE", "40001", "");
    memory_fails_at(0);
    assert_int_equal(counted(t, COUNT_TX_WAITING), 0);
    assert_problem(&b, 503, "overloaded");
    assert_int_equal(a.answers, 1);
}


static void
a_third_failure_is_the_last(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    begin(t, &a);
    for (unsigned i = 1; i <= TX_ATTEMPTS; i++) {
        assert_int_equal(runs, i);
        assert_waits(&a);
        say_begun(t);
        say_error(t, "UPDATE", "40P01", "");
        say_done(t, "ROLLBACK", "ROLLBACK");
    }
    assert_problem(&a, 503, "contention");
    assert_int_equal(runs, TX_ATTEMPTS);
    assert_int_equal(counted(t, COUNT_TX_AGAIN), TX_ATTEMPTS - 1);
}


static void
a_deadline_while_it_rolls_back_ends_it(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    begin(t, &a);
    say_begun(t);
    say_error(t, "UPDATE", "40001", "");
    pass(t, 6000);
    assert_problem(&a, 504, "deadline_exceeded");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(runs, 1);
    assert_int_equal(a.answers, 1);
}


/* COMMIT was refused: that nothing was done is known, whoever is late. */
static void
nor_does_it_then_doubt_a_refused_commit(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    go_to_commit(t, &a);
    say_error(t, "COMMIT", "40001", "");
    assert_string_equal(owed(t), "ROLLBACK");
    pass(t, 6000);
    assert_problem(&a, 504, "deadline_exceeded");
}


static void
a_lost_connection_runs_again(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 0;
    begin(t, &a);
    say_begun(t);
    lose_connection(t);
    assert_int_equal(runs, 2);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
}


/* The tags of an attempt before are not held by the next. */
static void
the_next_attempt_touches_anew(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = CACHE_MAX_TAGS + 1;
    begin(t, &a);
    say_begun(t);
    touched = 1;
    say_error(t, "UPDATE", "40001", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    assert_string_equal(owed(t), "COMMIT");
    assert_false(good(t, "tag0"));
    assert_true(good(t, "tag1"));
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
}


/* Whoever stored the key first has the answer: not a conflict, but again. */
static void
a_commit_that_met_its_key_runs_again(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 1;
    go_to_commit(t, &a);
    say_error(t, "COMMIT", "23505", "idempotency_keys_pkey");
    assert_true(good(t, "tag0"));       /* it is known: nothing is held */
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(runs, 2);
    assert_waits(&a);
}


/* --- meanings ------------------------------------------------------------ */


static void
each_state_has_its_problem(void **state)
{
    static const struct {
        const char  *sqlstate;
        const char  *constraint;
        int          status;
        const char  *code;
    } cases[] = {
        { "55P03", "", 503, "contention" },
        { "57014", "", 504, "database_timeout" },
        { "42P01", "", 503, "not_migrated" },
        { "42501", "", 503, "not_migrated" },
        { "25006", "", 503, "database_unavailable" },
        { "53100", "", 503, "database_unavailable" },
        { "53200", "", 503, "database_unavailable" },
        { "53400", "", 503, "database_unavailable" },
        { "23505", "toys_name", 409, "toy_taken" },
        { "23514", "toys_whole", 409, "toy_taken" },
        { "23514", "of_nobody", 500, "internal" },
        { "XX000", "", 500, "internal" },
    };
    struct toyshop *t = *state;

    touched = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        begin(t, &a);
        say_begun(t);
        say_error(t, "UPDATE", cases[i].sqlstate, cases[i].constraint);
        say_done(t, "ROLLBACK", "ROLLBACK");
        assert_problem(&a, cases[i].status, cases[i].code);
        assert_int_equal(runs, 1);
    }
    assert_non_null(strstr(t->log, "toy_update failed with XX000"));
}


static void
a_constraint_is_told_with_its_place(void **state)
{
    struct asked a = { 0 };

    touched = 0;
    place = "/variants/3";
    begin(*state, &a);
    place = NULL;
    say_begun(*state);
    say_error(*state, "UPDATE", "23505", "toys_name");
    say_done(*state, "ROLLBACK", "ROLLBACK");
    assert_problem(&a, 409, "toy_taken");
    assert_non_null(strstr(a.body, "\"/variants/3/name\""));
}


/* --- the client leaves, memory is short ---------------------------------- */


static void
a_write_whose_client_left_is_committed(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    touched = 1;
    begin(t, &a);
    shop_detach(a.call);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(a.answers, 0);
    assert_int_equal(counted(t, COUNT_TX_COMMITTED), 1);
    assert_true(good(t, "tag0"));
    assert_null(t->shop->live);
}


/* There is no memory to queue the second statement, and it waits for none. */
static void
update_twice(struct request *rq)
{
    struct query q;

    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    memory_fails_at(1);
    sql_start(rq, &q, &toy_update, NULL, NULL);
    memory_fails_at(0);
    reply_none(rq);
}


static void
without_one_of_its_statements_nothing_is_committed(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = update_twice;
    ask(t, &a, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    assert_problem(&a, 503, "overloaded");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(counted(t, COUNT_TX_OPEN), 0);
}


/* Whatever is short: one answer, nothing held, no connection kept. */
static void
each_allocation_may_fail(void **state)
{
    struct toyshop *t = *state;
    unsigned        n;
    int             status = 0;

    touched = 3;
    for (n = 0; (n < 2 || status != 204) && n < 100; n++) {
        struct asked a = { 0 };

        arena_trim();
        memory_fails_at(n);
        begin(t, &a);
        while (owed(t)[0] != '\0') {
            if (strstr(owed(t), "pg_current_xact_id") != NULL)
                say_row(t, "", "xid", "4711", "born", "now", NULL);
            else
                say_done(t, "", owed(t));
        }
        memory_fails_at(0);
        if (a.rc != SHOP_E_NOMEM)
            assert_int_equal(a.answers, 1);
        status = a.status;
        assert_true(status == 0 || status == 204 || status == 503);
        assert_true(good(t, "tag0"));
        assert_int_equal(counted(t, COUNT_TX_OPEN), 0);
    }
    assert_int_equal(status, 204);
    assert_true(n > 5);
}


int
core_commit_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(nobody_is_told_before_the_outcome),
        WITH_TOYSHOP(who_stops_before_the_outcome_does_not_know),
        WITH_TOYSHOP(tags_are_held_until_the_outcome),
        WITH_TOYSHOP(too_many_tags_hold_everything),
        WITH_TOYSHOP(a_refused_commit_lets_go_too),
        WITH_TOYSHOP(who_leaves_during_commit_lets_go),
        WITH_TOYSHOP(who_leaves_without_memory_is_told_the_same),
        WITH_TOYSHOP(who_held_everything_lets_go_of_it),
        WITH_TOYSHOP(a_deadline_before_commit_says_so),
        WITH_TOYSHOP(a_deadline_in_the_queue_gives_the_place_up),
        WITH_TOYSHOP(a_serialization_failure_runs_again),
        WITH_TOYSHOP(no_memory_to_roll_back_is_the_loops_affair),
        WITH_TOYSHOP(a_third_failure_is_the_last),
        WITH_TOYSHOP(a_deadline_while_it_rolls_back_ends_it),
        WITH_TOYSHOP(nor_does_it_then_doubt_a_refused_commit),
        WITH_TOYSHOP(a_lost_connection_runs_again),
        WITH_TOYSHOP(the_next_attempt_touches_anew),
        WITH_TOYSHOP(a_commit_that_met_its_key_runs_again),
        WITH_TOYSHOP(each_state_has_its_problem),
        WITH_TOYSHOP(a_constraint_is_told_with_its_place),
        WITH_TOYSHOP(a_write_whose_client_left_is_committed),
        WITH_TOYSHOP(without_one_of_its_statements_nothing_is_committed),
        WITH_TOYSHOP(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_commit", tests, NULL, NULL);
}
