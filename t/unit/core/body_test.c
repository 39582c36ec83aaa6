/*
 * body_test.c - bodies that are refused before a handler runs, patches, and
 * If-Match.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_body_tests(void);

#define TYPE   "application/json"
#define PATCH_TYPE  "application/merge-patch+json"

static unsigned  runs;
static int64_t   version;


/* What was given, and what it is. */
static void
show(struct request *rq)
{
    const struct toy_body *b = body(rq, toy_body);
    const char            *text;

    runs++;
    text = text_of(rq, "%s %lld %d%d%d", b->name, (long long) b->quantity,
                   request_has(rq, "name"), request_has(rq, "quantity"),
                   request_has(rq, "other"));
    reply_text(rq, 200, "text/plain", text, strlen(text));
}


/* Over a row that has both members. */
static void
change(struct request *rq)
{
    struct toy_body *b = alloc(rq, sizeof(*b));
    const char      *text;

    runs++;
    *b = (struct toy_body) { "old", 5 };
    patch(rq, toy_body, b);
    text = text_of(rq, "%s %lld", b->name,
                   b->quantity == INT_NONE ? -1 : (long long) b->quantity);
    reply_text(rq, 200, "text/plain", text, strlen(text));
}


static void
check(struct request *rq)
{
    runs++;
    check_version(rq, version);
    reply_none(rq);
}


static void
send(struct toyshop *t, struct asked *a, const char *method, const char *type,
     const char *text)
{
    runs = 0;
    ask_header(a, SHOP_H_CONTENT_TYPE, type);
    ask(t, a, method, "/unit/body", text);
}


static void
only_json_is_read(void **state)
{
    static const struct {
        const char  *method, *type, *coding;
        bool         good;
    } cases[] = {
        { "POST", TYPE, NULL, true },
        { "POST", "Application/JSON; charset=utf-8", NULL, true },
        { "POST", "application/json ;x", NULL, true },
        { "POST", TYPE, "identity", true },
        { "POST", TYPE, "gzip", false },
        { "POST", "application/jsonx", NULL, false },
        { "POST", "application/jso", NULL, false },
        { "POST", "text/plain", NULL, false },
        { "POST", "", NULL, false },
        { "POST", NULL, NULL, false },
        { "POST", PATCH_TYPE, NULL, false },
        { "PATCH", PATCH_TYPE, NULL, true },
        { "PATCH", TYPE, NULL, true },
    };

    toys.handler = show;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        ask_header(&a, SHOP_H_CONTENT_ENCODING, cases[i].coding);
        send(*state, &a, cases[i].method, cases[i].type, "{\"name\":\"x\"}");
        if (cases[i].good)
            assert_int_equal(a.status, 200);
        else
            assert_problem(&a, 415, "unsupported_media_type");
        assert_int_equal(runs, cases[i].good);
    }
}


static void
what_is_wrong_with_it_runs_nothing(void **state)
{
    static const struct {
        const char  *text;
        int          status;
        const char  *code, *place;
    } cases[] = {
        { "{", 400, "bad_body", "" },
        { "", 400, "bad_body", "" },
        { "{\"name\":\"x\",\"name\":\"y\"}", 400, "bad_body", "/name" },
        { "{}", 422, "wrong_body", "/name" },
        { "[]", 422, "wrong_body", "" },
        { "{\"name\":1}", 422, "wrong_body", "/name" },
        { "{\"name\":\"x\",\"quantity\":100}", 422, "wrong_body",
          "/quantity" },
        { "{\"name\":\"x\",\"other\":1}", 422, "wrong_body", "/other" },
    };

    toys.handler = show;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        send(*state, &a, "POST", TYPE, cases[i].text);
        assert_problem(&a, cases[i].status, cases[i].code);
        if (strstr(a.body, cases[i].place) == NULL)
            fail_msg("no %s in %s", cases[i].place, a.body);
        assert_int_equal(runs, 0);
        assert_string_equal(owed(*state), "");
    }
}


/* A route without a shape takes none, or one without members. */
static void
where_none_is_asked_for_nothing_is_taken(void **state)
{
    struct toyshop *t = *state;
    struct asked    none = { 0 }, typed = { 0 }, empty = { 0 }, more = { 0 };

    toys.handler = reply_none;
    ask(t, &none, "POST", "/unit/tx", NULL);
    assert_answer(&none, 204, "");
    ask(t, &typed, "POST", "/unit/tx", "{}");
    assert_problem(&typed, 415, "unsupported_media_type");
    ask_header(&empty, SHOP_H_CONTENT_TYPE, TYPE);
    ask(t, &empty, "POST", "/unit/tx", "{}");
    assert_answer(&empty, 204, "");
    ask_header(&more, SHOP_H_CONTENT_TYPE, TYPE);
    ask(t, &more, "POST", "/unit/tx", "{\"name\":\"x\"}");
    assert_problem(&more, 422, "wrong_body");
}


static void
what_was_given_is_known(void **state)
{
    static const struct { const char *text, *shown; } cases[] = {
        { "{\"name\":\"x\"}", " 100" },
        { "{\"name\":\"x\",\"quantity\":7}", "x 7 110" },
        { "{\"name\":\"x\",\"quantity\":null}", " 110" },
    };

    toys.handler = show;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        send(*state, &a, "POST", TYPE, cases[i].text);
        assert_int_equal(a.status, 200);
        if (strstr(a.body, cases[i].shown) == NULL)
            fail_msg("%s: %s", cases[i].text, a.body);
    }
}


static void
a_patch_changes_what_it_names(void **state)
{
    static const struct { const char *text, *shown; } cases[] = {
        { "{}", "old 5" },
        { "{\"name\":\"new\"}", "new 5" },
        { "{\"quantity\":6}", "old 6" },
        { "{\"quantity\":null}", "old -1" },
    };

    toys.handler = change;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        send(*state, &a, "PATCH", PATCH_TYPE, cases[i].text);
        assert_answer(&a, 200, cases[i].shown);
    }
}


static void
a_patch_that_is_wrong_changes_nothing(void **state)
{
    struct asked a = { 0 }, b = { 0 };

    toys.handler = change;
    send(*state, &a, "PATCH", PATCH_TYPE, "{\"name\":null}");
    assert_problem(&a, 422, "wrong_body");
    assert_non_null(strstr(a.body, "\"/name\""));
    assert_int_equal(runs, 0);
    send(*state, &b, "PATCH", PATCH_TYPE, "{\"quantity\":-1}");
    assert_problem(&b, 422, "wrong_body");
}


/* --- a handler's own faults ---------------------------------------------- */


static void
find_two(struct request *rq)
{
    fault(rq, "/name", "same", "It is the other's.");
    fault(rq, "/quantity", "odd", "It is odd.");
    faults_check(rq);
    runs++;
}


static void
all_faults_are_told_at_once(void **state)
{
    struct asked a = { 0 };

    toys.handler = find_two;
    send(*state, &a, "POST", TYPE, "{\"name\":\"x\"}");
    assert_problem(&a, 422, "wrong_body");
    assert_non_null(strstr(a.body, "\"/name\""));
    assert_non_null(strstr(a.body, "\"/quantity\""));
    assert_int_equal(runs, 0);
}


static void
fail_there(struct request *rq)
{
    fail_at(rq, &conflict, "/name", "It is taken.");
}


static void
a_problem_can_name_a_place(void **state)
{
    struct asked a = { 0 };

    toys.handler = fail_there;
    send(*state, &a, "POST", TYPE, "{\"name\":\"x\"}");
    assert_problem(&a, 409, "conflict");
    assert_non_null(strstr(a.body, "\"/name\""));
    assert_non_null(strstr(a.body, "It is taken."));
}


/* Those of an attempt that is run again are not told of the next. */
static void
fault_first(struct request *rq)
{
    struct query q;

    if (++runs == 1)
        fault(rq, "/name", "same", "It is the other's.");
    sql_start(rq, &q, &toy_update, NULL, NULL);
    sql_done(rq, &q);
    faults_check(rq);
    reply_none(rq);
}


static void
the_next_attempt_knows_no_fault_of_the_last(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = fault_first;
    send(t, &a, "POST", TYPE, "{\"name\":\"x\"}");
    say_begun(t);
    say_error(t, "UPDATE", "40001", "");
    say_done(t, "ROLLBACK", "ROLLBACK");
    say_begun(t);
    say_done(t, "UPDATE", "UPDATE 1");
    say_done(t, "COMMIT", "COMMIT");
    assert_answer(&a, 204, "");
}


/* --- If-Match ------------------------------------------------------------ */


static void
a_version_is_one_of_those_listed(void **state)
{
    static const struct { const char *given; bool good; } cases[] = {
        { NULL, true }, { "*", true }, { "\"v12\"", true },
        { "\"v1\", \"v12\"", true }, { "\"v1\",\"v12\"", true },
        { "\"v1\"\t,\t\"v12\" ", true }, { ",,\"v12\",,", true },
        { "\"v1\"", false }, { "\"v123\"", false }, { "\"v12", false },
        { "v12", false }, { "W/\"v12\"", true }, { "\"v12\"x", false },
        { "\"v1\", W/\"v12\"", true }, { "w/\"v12\"", false },
        { "**", false }, { ", ,", false }, { " ", false },
    };

    toys.handler = check;
    version = 12;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct asked a = { 0 };

        ask_header(&a, SHOP_H_IF_MATCH, cases[i].given);
        send(*state, &a, "POST", TYPE, "{\"name\":\"x\"}");
        if (a.status != (cases[i].good ? 204 : 412))
            fail_msg("%s: %d", cases[i].given, a.status);
        if (cases[i].good)
            assert_head(&a, "ETag: \"v12\"\n");
    }
}


static void
each_allocation_may_fail(void **state)
{
    struct toyshop *t = *state;
    unsigned        n;
    int             status = 0;
    char            text[9100];

    memset(text, ' ', sizeof(text));
    memcpy(text + sizeof(text) - 13, "{\"name\":\"x\"}", 13);
    toys.handler = show;
    for (n = 0; (n < 2 || status != 200) && n < 100; n++) {
        struct asked a = { 0 };

        arena_trim();
        memory_fails_at(n);
        send(t, &a, "POST", TYPE, text);
        memory_fails_at(0);
        status = a.status;
        assert_true(a.rc == SHOP_E_NOMEM || status == 200 || status == 503);
        assert_int_equal(a.answers, a.rc == SHOP_E_NOMEM ? 0 : 1);
        assert_int_equal(runs, status == 200);
    }
    assert_int_equal(status, 200);
    assert_true(n > 3);
}


int
core_body_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(only_json_is_read),
        WITH_TOYSHOP(what_is_wrong_with_it_runs_nothing),
        WITH_TOYSHOP(where_none_is_asked_for_nothing_is_taken),
        WITH_TOYSHOP(what_was_given_is_known),
        WITH_TOYSHOP(a_patch_changes_what_it_names),
        WITH_TOYSHOP(a_patch_that_is_wrong_changes_nothing),
        WITH_TOYSHOP(all_faults_are_told_at_once),
        WITH_TOYSHOP(a_problem_can_name_a_place),
        WITH_TOYSHOP(the_next_attempt_knows_no_fault_of_the_last),
        WITH_TOYSHOP(a_version_is_one_of_those_listed),
        WITH_TOYSHOP(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_body", tests, NULL, NULL);
}
