/*
 * once_test.c - Idempotency-Key: which keys there are, what is looked up when,
 * what is sent once more and what is refused.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_once_tests(void);

static unsigned  runs, gone_on;


static void
update(struct request *rq)
{
    struct query q;

    runs++;
    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    gone_on++;
    reply_text(rq, 201, "text/plain", "made", 4);
}


static void
begin(struct toyshop *t, struct asked *a, const char *key, const char *body)
{
    runs = gone_on = 0;
    toys.handler = update;
    ask_header(a, SHOP_H_IDEMPOTENCY_KEY, key);
    if (body != NULL)
        ask_header(a, SHOP_H_CONTENT_TYPE, "application/json");
    ask(t, a, "POST", "/unit/once", body);
}


/* SHA-256 of no body, and of "{}". */
#define OF_NOTHING                                                            \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OF_BRACES                                                             \
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


/* An answer that is stored under the key. */
static void
say_stored(struct toyshop *t, const char *path, const char *hash)
{
    say_row(t, "FROM idempotency_keys", "method", "POST", "path", path,
            "body_hash", hash, "status", "201", "etag", "\"v1\"",
            "location", "/there", "type", "text/plain", "body", "before",
            NULL);
}


static void
say_locked(struct toyshop *t, const char *locked)
{
    say_begun(t);
    say_row(t, "advisory", "locked", locked, NULL);
}


/* From what is looked up to the end, with nothing found. */
static void
say_first_time(struct toyshop *t)
{
    say_locked(t, "t");
    say_none(t, "FROM idempotency_keys");
    say_done(t, "UPDATE", "UPDATE 1");
}


static void
a_key_is_1_to_255_printable_bytes(void **state)
{
    static const struct { const char *byte; unsigned n; bool good; } cases[] = {
        { "a", 1, true }, { "a", 255, true }, { "a", 256, false },
        { "a", 0, false }, { "!", 1, true }, { "~", 1, true },
        { " ", 1, false }, { "\x7f", 1, false }, { "\xc3", 1, false },
        { "\x1f", 1, false },
    };
    struct toyshop *t = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };
        char         key[300];

        memset(key, cases[i].byte[0], cases[i].n);
        key[cases[i].n] = '\0';
        begin(t, &a, key, NULL);
        if (!cases[i].good) {
            assert_problem(&a, 400, "bad_idempotency_key");
            assert_int_equal(runs, 0);
            continue;
        }
        say_first_time(t);
        say_done(t, "INSERT INTO idempotency_keys", "INSERT 0 1");
        say_done(t, "COMMIT", "COMMIT");
        assert_answer(&a, 201, "made");
    }
}


static void
where_it_is_not_honoured_it_is_not_looked_at(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = update;
    ask_header(&a, SHOP_H_IDEMPOTENCY_KEY, "not good");
    ask(t, &a, "POST", "/unit/tx", NULL);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 201, "made");
}


static void
without_a_key_nothing_is_stored(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, NULL, NULL);
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 201, "made");
}


/* In this order: lock, look, work, store, COMMIT; and answered behind it. */
static void
it_is_stored_before_commit(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", NULL);
    say_first_time(t);
    assert_string_equal(a.body, "");
    say_done(t, "INSERT INTO idempotency_keys", "INSERT 0 1");
    assert_waits(&a);
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 201, "made");
    assert_null(strstr(a.head, "Replayed"));
}


static void
what_is_stored_is_sent_once_more(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", NULL);
    say_locked(t, "t");
    say_stored(t, "/unit/once?", OF_NOTHING);
    assert_waits(&a);                   /* until its lock is gone */
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_answer(&a, 201, "before");
    assert_head(&a, "Idempotent-Replayed: true\n");
    assert_head(&a, "ETag: \"v1\"\n");
    assert_head(&a, "Location: /there\n");
    assert_int_equal(gone_on, 0);
    assert_int_equal(t->shop->count[COUNT_ONCE_REPLAYED], 1);
    assert_int_equal(t->shop->count[COUNT_TX_COMMITTED], 0);
}


/* The same key with another address, query or body is another request. */
static void
a_key_is_for_one_request(void **state)
{
    static const char *const paths[] = { "/unit/once?a=1", "/unit/other?" };
    struct toyshop          *t = *state;

    for (size_t i = 0; i < 3; i++) {
        struct asked a = { 0 };

        begin(t, &a, "k", NULL);
        say_locked(t, "t");
        say_stored(t, i < 2 ? paths[i] : "/unit/once?",
                   i < 2 ? OF_NOTHING : OF_BRACES);
        assert_waits(&a);
        say_done(t, "ROLLBACK", "ROLLBACK");
        assert_problem(&a, 422, "idempotency_key_reused");
        assert_int_equal(gone_on, 0);
    }
    assert_int_equal(t->shop->count[COUNT_ONCE_REPLAYED], 0);
}


static void
the_body_is_compared_by_its_hash(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", "{}");
    say_locked(t, "t");
    say_stored(t, "/unit/once?", OF_BRACES);
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_answer(&a, 201, "before");
}


static void
who_comes_while_it_runs_is_told_so(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", NULL);
    say_locked(t, "f");
    say_none(t, "FROM idempotency_keys");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_problem(&a, 409, "request_in_progress");
    assert_head(&a, "Retry-After: 1\n");
    assert_int_equal(gone_on, 0);
}


/* The attempt that runs again has no lock any more, and must take it anew. */
static void
the_next_attempt_looks_again(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", NULL);
    say_locked(t, "t");
    say_none(t, "FROM idempotency_keys");
    say_error(t, "UPDATE", "40001", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_int_equal(runs, 2);
    say_first_time(t);
    say_done(t, "INSERT INTO idempotency_keys", "INSERT 0 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 201, "made");
}


/* Somebody else was first after all: the next attempt has his answer. */
static void
who_was_second_after_all_gets_the_answer(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    begin(t, &a, "k", NULL);
    say_first_time(t);
    say_error(t, "INSERT", "23505", "idempotency_keys_pkey");
    say_error(t, "COMMIT", "23505", "idempotency_keys_pkey");
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_waits(&a);
    say_locked(t, "t");
    say_stored(t, "/unit/once?", OF_NOTHING);
    say_done(t, "ROLLBACK", "ROLLBACK");
    assert_answer(&a, 201, "before");
    assert_int_equal(gone_on, 1);
}


static void
the_deadline_may_hit_while_it_is_looked_up(void **state)
{
    struct toyshop *t = *state;

    for (unsigned i = 0; i < 2; i++) {
        struct asked a = { 0 };

        begin(t, &a, "k", NULL);
        say_begun(t);
        if (i == 1)
            say_row(t, "advisory", "locked", "t", NULL);
        pass(t, 6000);
        assert_problem(&a, 504, "deadline_exceeded");
        assert_int_equal(gone_on, 0);
        while (owed(t)[0] != '\0')
            say_done(t, "", "");
        assert_int_equal(t->shop->count[COUNT_TX_OPEN], 0);
    }
}


int
core_once_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(a_key_is_1_to_255_printable_bytes),
        WITH_TOYSHOP(where_it_is_not_honoured_it_is_not_looked_at),
        WITH_TOYSHOP(without_a_key_nothing_is_stored),
        WITH_TOYSHOP(it_is_stored_before_commit),
        WITH_TOYSHOP(what_is_stored_is_sent_once_more),
        WITH_TOYSHOP(a_key_is_for_one_request),
        WITH_TOYSHOP(the_body_is_compared_by_its_hash),
        WITH_TOYSHOP(who_comes_while_it_runs_is_told_so),
        WITH_TOYSHOP(the_next_attempt_looks_again),
        WITH_TOYSHOP(who_was_second_after_all_gets_the_answer),
        WITH_TOYSHOP(the_deadline_may_hit_while_it_is_looked_up),
    };

    return cmocka_run_group_tests_name("core_once", tests, NULL, NULL);
}
