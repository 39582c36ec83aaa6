/*
 * reply_test.c - what a handler staged, as it goes out: type, ETag, Location,
 * and what the client has already.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_reply_tests(void);


static void
show(struct request *rq)
{
    static const struct toy_body b = { "Cup \"1\"", 3 };

    reply(rq, 200, toy_body, &b);
}


static void
send_on(struct request *rq)
{
    reply_redirect(rq, 301, "/new");
}


static void
answer_nothing(struct request *rq)
{
    (void) rq;
}


static void
answer_with_a_file(struct request *rq)
{
    reply_file(rq, "/files/cup");
}


static void
get(struct toyshop *t, struct asked *a, const char *path)
{
    ask(t, a, "GET", path, NULL);
}


/* Its ETag, as a client would send it back. */
static void
tag_of(const struct asked *a, char *out, size_t size)
{
    const char *at = strstr(a->head, "ETag: ");

    assert_non_null(at);
    snprintf(out, size, "%.*s", (int) strcspn(at + 6, "\n"), at + 6);
}


static void
a_struct_becomes_json_with_a_tag(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 };
    char            first[64], second[64];

    toys.handler = show;
    get(t, &a, "/unit/plain");
    assert_answer(&a, 200, "{\"name\":\"Cup \\\"1\\\"\",\"quantity\":3}");
    assert_head(&a, "Cache-Control: no-cache");
    assert_head(&a, "X-Content-Type-Options: nosniff");
    get(t, &b, "/unit/plain");
    tag_of(&a, first, sizeof(first));
    tag_of(&b, second, sizeof(second));
    assert_string_equal(first, second);
}


static void
what_the_client_has_is_not_sent_again(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 }, b = { 0 }, c = { 0 };
    char            tag[64], weak[80];

    toys.handler = show;
    get(t, &a, "/unit/plain");
    tag_of(&a, tag, sizeof(tag));

    snprintf(weak, sizeof(weak), "\"other\", W/%s", tag);
    ask_header(&b, SHOP_H_IF_NONE_MATCH, weak);
    get(t, &b, "/unit/plain");
    assert_answer(&b, 304, "");
    assert_non_null(strstr(b.head, tag));

    ask_header(&c, SHOP_H_IF_NONE_MATCH, "\"other\"");
    get(t, &c, "/unit/plain");
    assert_int_equal(c.status, 200);
}


static void
a_tag_is_known_whole_or_not_at_all(void **state)
{
    static const shop_str_t  tag = { "\"ab\"", 4 }, none = { NULL, 0 };
    static const struct { const char *given; bool known; } cases[] = {
        { "\"ab\"", true },        { "W/\"ab\"", true },
        { "\"x\", \"ab\"", true }, { "*", true },
        { "\"abc\"", false },      { "\"cab\"", false },
        { "ab", false },           { "", false },
        { "**", false },
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        shop_str_t given = { cases[i].given, strlen(cases[i].given) };

        if (etag_known(given, tag) != cases[i].known)
            fail_msg("%s", cases[i].given);
    }
    assert_false(etag_known(none, tag));
    assert_false(etag_known(tag, none));
}


static void
a_redirect_says_where(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = send_on;
    get(t, &a, "/unit/plain");
    assert_answer(&a, 301, "{}");
    assert_head(&a, "Location: /new");
}


static void
a_handler_that_gave_no_answer_is_an_error(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = answer_nothing;
    get(t, &a, "/unit/plain");
    assert_problem(&a, 500, "internal");
    assert_non_null(strstr(t->log, "/unit/plain gave no answer"));
    assert_head(&a, "Cache-Control: no-store");
}


/* The file is nginx's to send: it could be neither kept nor taken back. */
static void
a_kept_route_has_no_file(void **state)
{
    struct toyshop *t = *state;
    struct asked    a = { 0 };

    toys.handler = answer_with_a_file;
    get(t, &a, "/unit/kept");
    assert_problem(&a, 500, "internal");
    assert_non_null(strstr(t->log, "cannot answer with a file"));
}


int
core_reply_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(a_struct_becomes_json_with_a_tag),
        WITH_TOYSHOP(what_the_client_has_is_not_sent_again),
        cmocka_unit_test(a_tag_is_known_whole_or_not_at_all),
        WITH_TOYSHOP(a_redirect_says_where),
        WITH_TOYSHOP(a_handler_that_gave_no_answer_is_an_error),
        WITH_TOYSHOP(a_kept_route_has_no_file),
    };

    return cmocka_run_group_tests_name("core/reply", tests, NULL, NULL);
}
