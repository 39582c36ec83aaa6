/*
 * event_test.c - the relay, round by round: what is looked at, numbered and
 * delivered, who hears of what, and what a failure holds up.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_event_tests(void);

#define LOOK     "AS pending"
#define LOCK     "pg_try_advisory_xact_lock"
#define CURSORS  "INSERT INTO event_cursors"
#define NUMBER   "DELETE FROM outbox"
#define CURSOR   "FOR UPDATE SKIP LOCKED"
#define AFTER    "FROM events"
#define MOVE     "SET seq ="
#define FAILED   "failures = failures + 1"

static char     heard[400];             /* "who:type:seq " each              */
static int64_t  poison;                 /* the event that nobody can take    */


static void
hear(struct request *rq, const char *who, const struct event *e)
{
    size_t n = strlen(heard);

    if (e->seq == poison)
        fail(rq, &conflict);
    snprintf(heard + n, sizeof(heard) - n, "%s:%s:%lld ", who, e->type,
             (long long) e->seq);
}


/* The relay alone, at its first look. */
static struct toyshop *
start(void **state)
{
    struct toyshop *t = *state;

    heard[0] = '\0';
    poison = 0;
    toys.hear = hear;
    t->ops.timer_del(t, &t->shop->background.runner.chain.timer);
    pass(t, 1);

    return t;
}


static uint64_t
counted(const struct toyshop *t, enum counter id)
{
    return t->shop->count[id];
}


static void
say_look(struct toyshop *t, const char *pending, const char *behind)
{
    say_row(t, LOOK, "pending", pending, "behind", behind, NULL);
}


static void
say_cursor(struct toyshop *t, const char *seq, const char *failures)
{
    say_begun(t);
    say_row(t, CURSOR, "seq", seq, "failures", failures, NULL);
}


/* Events with these types, numbered from `seq` on. */
static void
say_events(struct toyshop *t, int64_t seq, const char *const *types)
{
    static const char *const  columns[] = {
        "seq", "type", "subject", "payload", "occurred_at", "request_id", NULL
    };
    PGresult                 *res = rows_of(columns);

    for (int64_t n = 0; types[n] != NULL; n++) {
        char number[24];

        snprintf(number, sizeof(number), "%lld", (long long) (seq + n));
        add_row(res, number, types[n], "toy_1", "{}", "2026-01-02 03:04:05+00",
                "asked", NULL);
    }
    say_result(t, AFTER, res);
}


static void
say_moved(struct toyshop *t)
{
    say_done(t, MOVE, "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
}


#define EVENTS(...)  (const char *const []) { __VA_ARGS__, NULL }


/* --- looking ------------------------------------------------------------- */


static void
who_finds_nothing_writes_nothing(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{}");
    assert_string_equal(owed(t), "");
    pass(t, 150);
    assert_string_equal(owed(t), "");
    pass(t, 60);
    say_look(t, "f", "{}");
    assert_int_equal(counted(t, COUNT_TX_BEGUN), 0);
}


static void
a_database_that_is_away_is_asked_less_often(void **state)
{
    struct toyshop *t = start(state);
    uint64_t        wait = 400;

    for (int i = 0; i < 9; i++) {
        say_outcome(t, LOOK, DB_DOWN);
        pass(t, wait - 50);
        assert_string_equal(owed(t), "");
        pass(t, 60);
        assert_non_null(strstr(owed(t), LOOK));
        wait = wait < 25600 ? wait * 2 : wait;
    }
    say_look(t, "f", "{}");
    pass(t, 210);
    assert_non_null(strstr(owed(t), LOOK));
    say_look(t, "f", "{}");
}


/* A name of a version that knows more is none of ours. */
static void
a_subscriber_that_is_not_here_is_left_to_others(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{of.tomorrow}");
    assert_string_equal(owed(t), "");
}


/* --- numbers ------------------------------------------------------------- */


static void
who_does_not_get_the_lock_leaves_it_to_the_other(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "{}");
    say_begun(t);
    say_row(t, LOCK, "locked", "f", NULL);
    say_done(t, "COMMIT", "COMMIT");
    assert_string_equal(owed(t), "");
    assert_int_equal(counted(t, COUNT_EVENTS_NUMBERED), 0);
}


static void
what_is_numbered_is_delivered_in_the_same_round(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "{}");
    say_begun(t);
    say_row(t, LOCK, "locked", "t", NULL);
    say_done(t, CURSORS, "INSERT 0 0");
    say_row(t, NUMBER, "n", "2", NULL);
    say_done(t, "COMMIT", "COMMIT");
    for (int i = 0; i < 2; i++) {
        say_cursor(t, "7", "0");
        say_events(t, 8, EVENTS("toy.made", "cup.made"));
        say_moved(t);
    }
    assert_string_equal(heard, "all:toy.made:8 all:cup.made:9 "
                        "toys:toy.made:8 ");
    assert_int_equal(counted(t, COUNT_EVENTS_NUMBERED), 2);
    assert_int_equal(counted(t, COUNT_EVENTS_DELIVERED), 4);
    pass(t, 2);
    say_look(t, "f", "{}");
}


/* Nothing new, but a cursor that was missing: nobody is behind by that. */
static void
cursors_alone_deliver_nothing(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "{}");
    say_begun(t);
    say_row(t, LOCK, "locked", "t", NULL);
    say_done(t, CURSORS, "INSERT 0 2");
    say_row(t, NUMBER, "n", "0", NULL);
    say_done(t, "COMMIT", "COMMIT");
    assert_string_equal(owed(t), "");
}


static void
numbers_that_are_not_given_are_given_later(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "t", "{}");
    say_begun(t);
    say_row(t, LOCK, "locked", "t", NULL);
    say_error(t, CURSORS, "57014", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_string_equal(owed(t), "");
    pass(t, 500);
    say_look(t, "f", "{}");
    assert_int_equal(counted(t, COUNT_EVENTS_FAILED), 0);
}


/* --- delivery ------------------------------------------------------------ */


static void
one_that_another_has_is_passed_over(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{all,toys}");
    say_begun(t);
    say_none(t, CURSOR);
    say_done(t, "COMMIT", "COMMIT");
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("toy.made"));
    say_moved(t);
    assert_string_equal(heard, "toys:toy.made:8 ");
}


/* What it does not want it has had as well. */
static void
the_cursor_passes_what_is_not_wanted(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{toys}");
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("cup.made", "toyshop.made"));
    say_moved(t);
    assert_string_equal(heard, "");
    assert_int_equal(counted(t, COUNT_EVENTS_DELIVERED), 2);
}


static void
nothing_behind_the_cursor_moves_nothing(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{all}");
    say_cursor(t, "7", "0");
    say_none(t, AFTER);
    say_done(t, "COMMIT", "COMMIT");
    assert_string_equal(owed(t), "");
    pass(t, 210);
    say_look(t, "f", "{}");
}


/* --- failures ------------------------------------------------------------ */


/* `all` has failed behind 7, and that is being noted. */
static struct toyshop *
fail_behind_seven(void **state)
{
    struct toyshop *t = start(state);

    poison = 8;
    say_look(t, "f", "{all,toys}");
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("toy.broken", "toy.made"));
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    assert_non_null(strstr(owed(t), FAILED));

    return t;
}


static void
a_failure_is_noted_and_holds_up_nobody_else(void **state)
{
    struct toyshop *t = fail_behind_seven(state);

    assert_non_null(strstr(t->log, "all failed behind event 7: conflict"));
    say_done(t, FAILED, "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    say_cursor(t, "8", "0");
    say_none(t, AFTER);
    say_done(t, "COMMIT", "COMMIT");
    assert_int_equal(counted(t, COUNT_EVENTS_FAILED), 1);
    assert_int_equal(counted(t, COUNT_EVENTS_DELIVERED), 0);
}


/* Without waiting for the one that failed, and without it. */
static void
what_came_before_it_is_delivered_at_once(void **state)
{
    struct toyshop *t = start(state);

    poison = 10;
    say_look(t, "f", "{all}");
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("toy.made", "toy.made", "toy.broken"));
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_cursor(t, "7", "0");
    assert_string_equal(owed_value(t, 1), "2");
    say_events(t, 8, EVENTS("toy.made", "toy.made"));
    say_moved(t);
    assert_int_equal(counted(t, COUNT_EVENTS_DELIVERED), 2);
    assert_int_equal(counted(t, COUNT_EVENTS_FAILED), 0);

    pass(t, 1);
    say_look(t, "f", "{all}");
    say_cursor(t, "9", "0");
    say_events(t, 10, EVENTS("toy.broken", "toy.made"));
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    assert_non_null(strstr(owed(t), FAILED));
}


/* The next round tries again. */
static void
a_failure_that_cannot_be_noted_ends_the_round(void **state)
{
    struct toyshop *t = fail_behind_seven(state);

    say_error(t, FAILED, "57014", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_string_equal(owed(t), "");
    pass(t, 1000);
    say_look(t, "f", "{}");
}


/* What came before its cursor was read is not the subscriber's fault. */
static void
no_connection_is_nobodys_failure(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{all}");
    say_begun(t);
    say_error(t, CURSOR, "57014", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_string_equal(owed(t), "");
    assert_int_equal(counted(t, COUNT_EVENTS_FAILED), 0);
}


/* The handler runs again, as a request's does. */
static void
a_deadlock_is_tried_again_unseen(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{all}");
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("toy.made"));
    say_error(t, MOVE, "40P01", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    pass(t, 100);
    say_cursor(t, "7", "0");
    say_events(t, 8, EVENTS("toy.made"));
    say_moved(t);
    assert_string_equal(heard, "all:toy.made:8 all:toy.made:8 ");
    assert_int_equal(counted(t, COUNT_EVENTS_FAILED), 0);
    assert_int_equal(counted(t, COUNT_EVENTS_DELIVERED), 1);
}


/* The end of the shop cuts a delivery short, and nothing follows it. */
static void
the_end_cuts_it_short(void **state)
{
    struct toyshop *t = start(state);

    say_look(t, "f", "{all}");
    say_cursor(t, "7", "0");
    shop_close(t->shop);
    t->shop = NULL;
    assert_string_equal(heard, "");
}


/* --- saying it ----------------------------------------------------------- */


static void
emit_one(struct request *rq)
{
    emit(rq, "toy.made", "toy_1", "{\"n\":1}");
    reply_none(rq);
}


static void
an_event_is_part_of_the_transaction(void **state)
{
    struct toyshop *t = start(state);
    struct asked    a = { 0 }, b = { 0 };

    say_look(t, "f", "{}");
    toys.handler = emit_one;
    ask(t, &a, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_done(t, "INSERT INTO outbox", "INSERT 0 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");

    ask(t, &b, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_error(t, "INSERT INTO outbox", "23514", "outbox_type");
    say_error(t, "COMMIT", "25P02", "");
    assert_int_equal(b.answers, 1);
    assert_true(b.status >= 500);
}


int
core_event_tests(void)
{
    static const struct CMUnitTest tests[] = {
        WITH_WORKING_TOYSHOP(who_finds_nothing_writes_nothing),
        WITH_WORKING_TOYSHOP(a_database_that_is_away_is_asked_less_often),
        WITH_WORKING_TOYSHOP(a_subscriber_that_is_not_here_is_left_to_others),
        WITH_WORKING_TOYSHOP(who_does_not_get_the_lock_leaves_it_to_the_other),
        WITH_WORKING_TOYSHOP(what_is_numbered_is_delivered_in_the_same_round),
        WITH_WORKING_TOYSHOP(cursors_alone_deliver_nothing),
        WITH_WORKING_TOYSHOP(numbers_that_are_not_given_are_given_later),
        WITH_WORKING_TOYSHOP(one_that_another_has_is_passed_over),
        WITH_WORKING_TOYSHOP(the_cursor_passes_what_is_not_wanted),
        WITH_WORKING_TOYSHOP(nothing_behind_the_cursor_moves_nothing),
        WITH_WORKING_TOYSHOP(a_failure_is_noted_and_holds_up_nobody_else),
        WITH_WORKING_TOYSHOP(what_came_before_it_is_delivered_at_once),
        WITH_WORKING_TOYSHOP(a_failure_that_cannot_be_noted_ends_the_round),
        WITH_WORKING_TOYSHOP(no_connection_is_nobodys_failure),
        WITH_WORKING_TOYSHOP(a_deadlock_is_tried_again_unseen),
        WITH_WORKING_TOYSHOP(the_end_cuts_it_short),
        WITH_WORKING_TOYSHOP(an_event_is_part_of_the_transaction),
    };

    return cmocka_run_group_tests_name("core_event", tests, NULL, NULL);
}
