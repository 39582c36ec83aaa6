/*
 * input_test.c - HTML that is cleaned on a thread, slugs and digests: with no
 * thread, no memory, or nobody who waits.
 */
#include "toyshop.h"
#undef COUNT
#include "check.h"

int core_input_tests(void);

static const char  *given;              /* to the handler                    */


static void
clean(struct request *rq)
{
    const char       *text = given;
    struct html_text  all = { &text, "/text" };

    html_clean_all(rq, &all, 1);
    faults_check(rq);
    if (text == NULL)
        reply_none(rq);
    else
        reply_text(rq, 200, "text/html", text, strlen(text));
}


/* One of three is not there, one is over a limit. */
static void
clean_three(struct request *rq)
{
    const char       *one = given, *none = NULL, *deep = NULL;
    struct html_text  all[] = {
        { &one, "/one" }, { &none, "/none" }, { &deep, "/deep" },
    };
    char             *tags = alloc(rq, 3 * 200 + 1);

    for (int i = 0; i < 200; i++)
        memcpy(tags + 3 * i, "<b>", 3);
    deep = tags;
    html_clean_all(rq, all, 3);
    assert_string_equal(one, "<p>a</p>");
    assert_null(none);
    assert_ptr_equal(deep, tags);
    faults_check(rq);
}


static void
slug(struct request *rq)
{
    const char *text = slug_of(rq, given);

    if (text == NULL)
        reply_none(rq);
    else
        reply_text(rq, 200, "text/plain", text, strlen(text));
}


static void
digest(struct request *rq)
{
    const char *text = sha256_of(rq, given, strlen(given));

    reply_text(rq, 200, "text/plain", text, strlen(text));
}


static void
get(struct toyshop *t, struct asked *a, void (*handler)(struct request *rq),
    const char *text)
{
    toys.handler = handler;
    given = text;
    ask(t, a, "GET", "/unit/plain", NULL);
}


static void
html_is_cleaned_on_a_thread(void **state)
{
    struct asked a = { 0 };

    get(*state, &a, clean, "<p onclick=x>a<script>b</script>");
    assert_waits(&a);
    run_job(*state);
    assert_answer(&a, 200, "<p>a</p>");
}


static void
all_html_is_cleaned_in_one_visit(void **state)
{
    struct asked a = { 0 };

    get(*state, &a, clean_three, "<p onclick=x>a");
    assert_waits(&a);
    run_job(*state);
    assert_problem(&a, 422, "wrong_body");
}


static void
no_html_needs_no_thread(void **state)
{
    struct asked a = { 0 };

    ((struct toyshop *) *state)->no_threads = true;
    get(*state, &a, clean, NULL);
    assert_answer(&a, 204, "");
}


static void
without_a_thread_nothing_is_taken_as_clean(void **state)
{
    struct asked a = { 0 };

    ((struct toyshop *) *state)->no_threads = true;
    get(*state, &a, clean, "<p>a");
    assert_problem(&a, 503, "overloaded");
}


/* Deeper than the cleaner goes. */
static void
what_is_over_a_limit_is_a_fault(void **state)
{
    static char  deep[5 * 4000 + 1];
    struct asked a = { 0 };

    for (size_t i = 0; i + 5 < sizeof(deep); i += 5)
        memcpy(deep + i, "<div>", 5);
    get(*state, &a, clean, deep);
    run_job(*state);
    assert_problem(&a, 422, "wrong_body");
    assert_non_null(strstr(a.body, "\"/text\""));
    assert_non_null(strstr(a.body, "html_too_large"));
}


/* What the cleaner made is released when the thread is done. */
static void
who_leaves_before_it_is_clean_leaves_nothing(void **state)
{
    struct toyshop *t = *state;
    unsigned        taken = 0;

    for (unsigned i = 0; i < 3; i++) {
        struct asked a = { 0 };

        get(t, &a, clean, "<p>a");
        if (i == 1)
            shop_detach(a.call);
        run_job(t);
        assert_int_equal(a.answers, i != 1);
        assert_null(t->shop->live);
        if (i == 0)
            taken = memory_taken();     /* a coroutine is kept */
        assert_int_equal(memory_taken(), taken);
    }
}


static void
a_slug_has_at_most_100_bytes(void **state)
{
    struct asked a = { 0 }, none = { 0 }, same = { 0 };
    char         text[301];

    memset(text, 'a', 300);
    text[300] = '\0';
    get(*state, &a, slug, text);
    text[100] = '\0';
    assert_answer(&a, 200, text);
    get(*state, &same, slug, text);
    assert_answer(&same, 200, text);
    get(*state, &none, slug, "!?*");
    assert_answer(&none, 204, "");
}


static void
a_digest_is_64_digits(void **state)
{
    struct asked a = { 0 }, b = { 0 };

    get(*state, &a, digest, "");
    assert_answer(&a, 200, "e3b0c44298fc1c149afbf4c8996fb924"
                           "27ae41e4649b934ca495991b7852b855");
    get(*state, &b, digest, "abc");
    assert_answer(&b, 200, "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad");
}


/* Each handler, with each allocation: one answer, a thread's ones too. */
static void
each_allocation_may_fail(void **state)
{
    static void (*const  handlers[])(struct request *rq) = {
        clean, slug, digest
    };
    struct toyshop      *t = *state;

    for (size_t i = 0; i < COUNT(handlers); i++) {
        int       status = 0;
        unsigned  n;

        for (n = 0; (n < 2 || status != 200) && n < 200; n++) {
            struct asked a = { 0 };

            arena_trim();
            memory_fails_at(n);
            get(t, &a, handlers[i], "<p>a<b>c");
            if (t->job != NULL)
                run_job(t);
            memory_fails_at(0);
            status = a.status;
            assert_true(a.rc == SHOP_E_NOMEM || status == 200
                        || status == 503);
            assert_int_equal(a.answers, a.rc == SHOP_E_NOMEM ? 0 : 1);
        }
        assert_int_equal(status, 200);
        assert_true(n > 2);
    }
}


int
core_input_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOYSHOP(html_is_cleaned_on_a_thread),
        WITH_TOYSHOP(all_html_is_cleaned_in_one_visit),
        WITH_TOYSHOP(no_html_needs_no_thread),
        WITH_TOYSHOP(without_a_thread_nothing_is_taken_as_clean),
        WITH_TOYSHOP(what_is_over_a_limit_is_a_fault),
        WITH_TOYSHOP(who_leaves_before_it_is_clean_leaves_nothing),
        WITH_TOYSHOP(a_slug_has_at_most_100_bytes),
        WITH_TOYSHOP(a_digest_is_64_digits),
        WITH_TOYSHOP(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("core_input", tests, NULL, NULL);
}
