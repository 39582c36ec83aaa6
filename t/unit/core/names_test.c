/*
 * names_test.c - the database's host by name: who waits for the thread, what
 * libpq is told, and a thread that comes late or not at all.
 */
#include "core/names.h"
#include "core/worker.h"
#undef COUNT
#include "check.h"

#include <stdio.h>

#include "harness.h"

int core_names_tests(void);

struct fixture {
    struct harness   host;              /* first: the host's pointer is it   */
    shop_host_ops_t  ops;
    struct shop      shop;
    struct names    *names;
    shop_job_t      *job;               /* a thread's, not begun             */
    unsigned         jobs;
    bool             no_threads;
};

/* What it was told, and how often. */
struct waiter {
    struct name_wait  wait;
    unsigned          told;
    char              why[200];
};


static int
take_job(void *host, shop_job_t *j)
{
    struct fixture *f = host;

    if (f->no_threads)
        return SHOP_E_BUSY;
    assert_null(f->job);
    f->job = j;
    f->jobs++;

    return SHOP_OK;
}


static void
open_names(struct fixture *f, const char *host, const char *addr,
           const char *port)
{
    struct name_list given = { host, addr, port };

    memset(f, 0, sizeof(*f));
    f->ops = harness_ops;
    f->ops.offload = take_job;
    f->shop.ops = &f->ops;
    f->shop.host = f;
    assert_int_equal(names_open(&f->names, &f->shop, &given), SHOP_OK);
}


static void
run(struct fixture *f)
{
    shop_job_t *j = f->job;

    assert_non_null(j);
    f->job = NULL;
    j->work(j);
    j->done(j);
}


static void
hear(struct name_wait *w, const char *why)
{
    struct waiter *me = w->ctx;

    me->told++;
    snprintf(me->why, sizeof(me->why), "%s", why == NULL ? "" : why);
}


static enum names_state
ask_for(struct fixture *f, struct waiter *me)
{
    me->wait.ready = hear;
    me->wait.ctx = me;

    return names_ask(f->names, &me->wait);
}


static unsigned
count(const char *list)
{
    unsigned n = 1;

    for (; *list != '\0'; list++)
        n += *list == ',';

    return n;
}


/* --- what libpq is told -------------------------------------------------- */


static void
what_is_no_name_is_left_to_libpq(void **state)
{
    struct fixture    f;
    struct waiter     me = { 0 };

    (void) state;
    open_names(&f, "/tmp,127.0.0.1,,db", ",,,10.0.0.1", "5432");
    assert_int_equal(ask_for(&f, &me), NAMES_KNOWN);
    assert_int_equal(f.jobs, 0);
    assert_null(names_list(f.names).host);
    assert_null(names_list(f.names).hostaddr);
    assert_null(names_list(f.names).port);
    names_close(f.names);
}


static void
a_name_gets_its_addresses(void **state)
{
    struct fixture    f;
    struct waiter     me = { 0 };
    struct name_list  list;

    (void) state;
    open_names(&f, "localhost", "", "5433");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    assert_int_equal(me.told, 0);
    run(&f);
    assert_int_equal(me.told, 1);
    assert_string_equal(me.why, "");
    list = names_list(f.names);
    assert_true(strstr(list.hostaddr, "127.0.0.1") != NULL
                || strstr(list.hostaddr, "::1") != NULL);
    assert_int_equal(count(list.host), count(list.hostaddr));
    assert_int_equal(count(list.port), count(list.hostaddr));
    assert_int_equal(strncmp(list.host, "localhost", 9), 0);
    assert_int_equal(strncmp(list.port, "5433", 4), 0);
    names_close(f.names);
}


/* Each keeps its place, its port, and the name that certificates are for. */
static void
names_stand_among_others(void **state)
{
    struct fixture    f;
    struct waiter     me = { 0 };
    struct name_list  list;
    size_t            n;

    (void) state;
    open_names(&f, "/tmp,localhost,db", ",,10.0.0.9", "1,2,3");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    list = names_list(f.names);
    n = strlen(list.host);
    assert_int_equal(strncmp(list.host, "/tmp,localhost,", 15), 0);
    assert_string_equal(list.host + n - 3, ",db");
    assert_int_equal(list.hostaddr[0], ',');
    assert_string_equal(list.hostaddr + strlen(list.hostaddr) - 9,
                        ",10.0.0.9");
    assert_int_equal(strncmp(list.port, "1,2,", 4), 0);
    assert_string_equal(list.port + strlen(list.port) - 2, ",3");
    names_close(f.names);
}


/* --- who waits ----------------------------------------------------------- */


static void
one_look_serves_all_who_wait(void **state)
{
    struct fixture  f;
    struct waiter   a = { 0 }, b = { 0 }, c = { 0 };

    (void) state;
    open_names(&f, "localhost", "", "");
    assert_int_equal(ask_for(&f, &a), NAMES_ASKED);
    assert_int_equal(ask_for(&f, &b), NAMES_ASKED);
    assert_int_equal(ask_for(&f, &c), NAMES_ASKED);
    names_leave(f.names, &b.wait);
    names_leave(f.names, &b.wait);
    run(&f);
    assert_int_equal(f.jobs, 1);
    assert_int_equal(a.told, 1);
    assert_int_equal(b.told, 0);
    assert_int_equal(c.told, 1);
    names_close(f.names);
}


static void
what_is_known_is_looked_up_again_after_a_while(void **state)
{
    struct fixture  f;
    struct waiter   me = { 0 };

    (void) state;
    open_names(&f, "localhost", "", "");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    f.host.ahead_ms += 4000;
    assert_int_equal(ask_for(&f, &me), NAMES_KNOWN);
    f.host.ahead_ms += 2000;
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    assert_int_equal(f.jobs, 2);
    names_close(f.names);
}


/* --- what goes wrong ----------------------------------------------------- */


/* A label of 70 letters is no name, which is known without asking anybody. */
#define NOBODY  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
                "aaaaaaaaaa"


static void
who_has_no_address_is_told_why(void **state)
{
    struct fixture  f;
    struct waiter   me = { 0 };

    (void) state;
    open_names(&f, NOBODY, "", "");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    assert_int_equal(me.told, 1);
    assert_int_equal(strncmp(me.why, NOBODY ": ", 72), 0);
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    names_close(f.names);
}


static void
one_that_is_found_is_enough(void **state)
{
    struct fixture  f;
    struct waiter   me = { 0 };

    (void) state;
    open_names(&f, NOBODY ",localhost", "", "5432");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    assert_string_equal(me.why, "");
    assert_null(strstr(names_list(f.names).host, NOBODY));
    names_close(f.names);
}


static void
without_a_thread_nobody_waits(void **state)
{
    struct fixture  f;
    struct waiter   me = { 0 };

    (void) state;
    open_names(&f, "localhost", "", "");
    f.no_threads = true;
    assert_int_equal(ask_for(&f, &me), NAMES_FAILED);
    f.no_threads = false;
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    run(&f);
    assert_int_equal(me.told, 1);
    names_close(f.names);
}


/* The memory is the thread's until its end: under AddressSanitizer a free too
 * early is seen here. */
static void
a_shop_may_close_while_the_thread_looks(void **state)
{
    struct fixture  f;
    struct waiter   me = { 0 };

    (void) state;
    open_names(&f, "localhost", "", "");
    assert_int_equal(ask_for(&f, &me), NAMES_ASKED);
    names_close(f.names);
    run(&f);
    assert_int_equal(me.told, 0);
}


static void
close_names(struct name_wait *w, const char *why)
{
    struct fixture *f = w->ctx;

    (void) why;
    names_close(f->names);
    f->names = NULL;
}


/* What one is told may end the shop; the others are told, too. */
static void
a_shop_may_close_while_it_is_told(void **state)
{
    struct fixture    f;
    struct name_wait  first = { .ready = close_names, .ctx = &f };
    struct waiter     second = { 0 };

    (void) state;
    open_names(&f, "localhost", "", "");
    assert_int_equal(names_ask(f.names, &first), NAMES_ASKED);
    assert_int_equal(ask_for(&f, &second), NAMES_ASKED);
    run(&f);
    assert_null(f.names);
    assert_int_equal(second.told, 1);
}


static void
a_list_that_is_too_long_is_refused(void **state)
{
    struct fixture    f;
    struct names     *names;
    struct name_list  given = { NULL, NULL, NULL };
    char              many[1100];

    (void) state;
    open_names(&f, "localhost", "", "");
    memset(many, ',', sizeof(many) - 1);
    many[sizeof(many) - 1] = '\0';
    given.host = many;
    assert_int_equal(names_open(&names, &f.shop, &given), SHOP_E_CONF);
    names_close(f.names);
}


int
core_names_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_name_is_left_to_libpq),
        cmocka_unit_test(a_name_gets_its_addresses),
        cmocka_unit_test(names_stand_among_others),
        cmocka_unit_test(one_look_serves_all_who_wait),
        cmocka_unit_test(what_is_known_is_looked_up_again_after_a_while),
        cmocka_unit_test(who_has_no_address_is_told_why),
        cmocka_unit_test(one_that_is_found_is_enough),
        cmocka_unit_test(without_a_thread_nobody_waits),
        cmocka_unit_test(a_shop_may_close_while_the_thread_looks),
        cmocka_unit_test(a_shop_may_close_while_it_is_told),
        cmocka_unit_test(a_list_that_is_too_long_is_refused),
    };

    return cmocka_run_group_tests_name("core/names", tests, NULL, NULL);
}
