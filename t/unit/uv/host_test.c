/*
 * host_test.c - the host table on a libuv loop does what shop.h promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "uv/uv_host.h"

int uv_host_tests(void);

#define OPS  (&uv_host_ops)

/* What a test's callbacks share. */
struct scene {
    uv_loop_t        loop;
    struct uv_host   host;
    char             story[64];         /* a letter for each thing that ran */
    size_t           len;
    int              pipe[2];
    shop_post_t      posts[3];
    shop_timer_t     timers[2];
};


static int
set_up(void **state)
{
    struct scene  *s = calloc(1, sizeof(struct scene));

    assert_non_null(s);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_int_equal(pipe(s->pipe), 0);
    uv_host_open(&s->host, &s->loop, NULL);
    *state = s;

    return 0;
}


/* Nothing of the host is left in the loop. */
static int
tear_down(void **state)
{
    struct scene  *s = *state;

    uv_host_finish_jobs(&s->host);
    uv_host_close(&s->host);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    close(s->pipe[0]);
    close(s->pipe[1]);
    free(s);

    return 0;
}


static void
tell(struct scene *s, char what)
{
    s->story[s->len++] = what;
}


static void
run(struct scene *s)
{
    (void) uv_run(&s->loop, UV_RUN_DEFAULT);
}


/* --- timers -------------------------------------------------------------- */


static void
fire_a(shop_timer_t *t)
{
    tell(t->ctx, 'a');
}


static void
fire_b(shop_timer_t *t)
{
    tell(t->ctx, 'b');
}


static void
make_timers(struct scene *s)
{
    s->timers[0] = (shop_timer_t) { .fire = fire_a, .ctx = s };
    s->timers[1] = (shop_timer_t) { .fire = fire_b, .ctx = s };
}


static void
test_timer__fires_once_in_order(void **state)
{
    struct scene  *s = *state;

    make_timers(s);
    OPS->timer_set(&s->host, &s->timers[0], 2, SHOP_TIMER_FOREGROUND);
    OPS->timer_set(&s->host, &s->timers[1], 1, SHOP_TIMER_FOREGROUND);
    run(s);

    assert_string_equal(s->story, "ba");
}


static void
test_timer__moves_when_set_again(void **state)
{
    struct scene  *s = *state;

    make_timers(s);
    OPS->timer_set(&s->host, &s->timers[0], 1, SHOP_TIMER_FOREGROUND);
    OPS->timer_set(&s->host, &s->timers[1], 2, SHOP_TIMER_FOREGROUND);
    OPS->timer_set(&s->host, &s->timers[0], 3, SHOP_TIMER_FOREGROUND);
    run(s);

    assert_string_equal(s->story, "ba");
}


static void
test_timer__does_not_fire_when_deleted(void **state)
{
    struct scene  *s = *state;

    make_timers(s);
    OPS->timer_set(&s->host, &s->timers[0], 1, SHOP_TIMER_FOREGROUND);
    OPS->timer_set(&s->host, &s->timers[1], 2, SHOP_TIMER_FOREGROUND);
    OPS->timer_del(&s->host, &s->timers[0]);
    OPS->timer_del(&s->host, &s->timers[0]);
    run(s);

    assert_string_equal(s->story, "b");
}


/* A stopped timer of libuv is used again, and by another kind. */
static void
test_timer__in_the_background_keeps_no_loop_alive(void **state)
{
    struct scene  *s = *state;

    make_timers(s);
    OPS->timer_set(&s->host, &s->timers[0], 1, SHOP_TIMER_FOREGROUND);
    run(s);
    OPS->timer_set(&s->host, &s->timers[1], 1, SHOP_TIMER_BACKGROUND);
    run(s);

    assert_string_equal(s->story, "a");
}


/* --- posts --------------------------------------------------------------- */


static void
run_last(shop_post_t *p)
{
    tell(p->ctx, '2');
}


static void
run_second(shop_post_t *p)
{
    tell(p->ctx, '1');
}


static void
run_first(shop_post_t *p)
{
    struct scene  *s = p->ctx;

    tell(s, '0');
    OPS->post(&s->host, &s->posts[2]);
}


static void
make_posts(struct scene *s)
{
    s->posts[0] = (shop_post_t) { .run = run_first, .ctx = s };
    s->posts[1] = (shop_post_t) { .run = run_second, .ctx = s };
    s->posts[2] = (shop_post_t) { .run = run_last, .ctx = s };
}


static void
test_post__runs_once_and_what_it_posts_too(void **state)
{
    struct scene  *s = *state;

    make_posts(s);
    OPS->post(&s->host, &s->posts[0]);
    OPS->post(&s->host, &s->posts[1]);
    OPS->post(&s->host, &s->posts[0]);
    (void) uv_run(&s->loop, UV_RUN_NOWAIT);

    assert_string_equal(s->story, "012");
}


static void
fire_and_post(shop_timer_t *t)
{
    struct scene  *s = t->ctx;

    tell(s, 't');
    OPS->post(&s->host, &s->posts[1]);
}


/* So that all that the timers of an iteration queue goes out together. */
static void
test_post__runs_after_all_timers_of_an_iteration(void **state)
{
    struct scene  *s = *state;

    make_posts(s);
    s->timers[0] = (shop_timer_t) { .fire = fire_and_post, .ctx = s };
    s->timers[1] = (shop_timer_t) { .fire = fire_b, .ctx = s };
    OPS->timer_set(&s->host, &s->timers[0], 0, SHOP_TIMER_FOREGROUND);
    OPS->timer_set(&s->host, &s->timers[1], 0, SHOP_TIMER_FOREGROUND);
    run(s);

    assert_string_equal(s->story, "tb1");
}


/* Closing is an end of an iteration too: what was posted frees the memory of
 * what posted it. */
static void
test_post__runs_when_the_host_closes(void **state)
{
    struct scene    *s = *state;
    struct uv_host   other;

    make_posts(s);
    uv_host_open(&other, &s->loop, NULL);
    OPS->post(&other, &s->posts[1]);
    uv_host_finish_jobs(&other);
    uv_host_close(&other);

    assert_string_equal(s->story, "1");
}


/* --- descriptors --------------------------------------------------------- */


/* Reads one byte of those there are: a level-triggered watch comes again. */
static void
read_one(shop_watch_t *w, unsigned events)
{
    char           c;
    struct scene  *s = w->ctx;

    assert_int_equal(events, SHOP_RD);
    assert_int_equal(read(w->fd, &c, 1), 1);
    tell(s, c);

    if (c == '.') {
        OPS->watch_del(&s->host, w, 0);
        OPS->timer_del(&s->host, &s->timers[0]);
    }
}


static void
never(shop_timer_t *t)
{
    (void) t;
    fail_msg("the loop waited for a minute");
}


static void
test_watch__comes_again_while_there_is_something(void **state)
{
    struct scene  *s = *state;
    shop_watch_t   w = { .ready = read_one, .ctx = s, .fd = s->pipe[0] };

    s->timers[0] = (shop_timer_t) { .fire = never, .ctx = s };
    assert_int_equal(write(s->pipe[1], "abc.", 4), 4);
    assert_int_equal(OPS->watch_add(&s->host, &w, SHOP_RD), SHOP_OK);
    OPS->timer_set(&s->host, &s->timers[0], 60000, SHOP_TIMER_FOREGROUND);
    run(s);

    assert_string_equal(s->story, "abc.");
}


/* The client's end of a connection whose peer wrote two bytes and then ended
 * it without a goodbye. */
static int
reset_connection(void)
{
    int                 listener = socket(AF_INET, SOCK_STREAM, 0);
    int                 client = socket(AF_INET, SOCK_STREAM, 0);
    int                 peer;
    socklen_t           size = sizeof(struct sockaddr_in);
    struct linger       at_once = { 1, 0 };
    struct sockaddr_in  address = { .sin_family = AF_INET };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (void *) &address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (void *) &address, &size), 0);
    assert_int_equal(connect(client, (void *) &address, size), 0);
    peer = accept(listener, NULL, NULL);
    assert_int_equal(write(peer, "xy", 2), 2);
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once,
                                sizeof(at_once)), 0);
    close(peer);
    close(listener);

    return client;
}


static void
read_to_the_error(shop_watch_t *w, unsigned events)
{
    char           c;
    struct scene  *s = w->ctx;

    assert_true(events & SHOP_RD);

    if (read(w->fd, &c, 1) == 1) {
        tell(s, c);
        return;
    }

    tell(s, '!');
    OPS->watch_del(&s->host, w, 0);
    OPS->timer_del(&s->host, &s->timers[0]);
}


/* libuv ends a poll that sees an error; here it stays level triggered, as it
 * is in nginx: who leaves bytes behind is called for them, and for the error
 * after them. */
static void
test_watch__comes_again_after_an_error(void **state)
{
    struct scene  *s = *state;
    shop_watch_t   w = { .ready = read_to_the_error, .ctx = s };

    w.fd = reset_connection();
    s->timers[0] = (shop_timer_t) { .fire = never, .ctx = s };
    OPS->timer_set(&s->host, &s->timers[0], 60000, SHOP_TIMER_FOREGROUND);
    assert_int_equal(OPS->watch_add(&s->host, &w, SHOP_RD), SHOP_OK);
    run(s);
    close(w.fd);

    assert_string_equal(s->story, "xy!");
}


static void
test_watch__is_silent_without_events(void **state)
{
    struct scene  *s = *state;
    shop_watch_t   w = { .ready = read_one, .ctx = s, .fd = s->pipe[0] };

    make_timers(s);
    assert_int_equal(write(s->pipe[1], ".", 1), 1);
    assert_int_equal(OPS->watch_add(&s->host, &w, SHOP_RD), SHOP_OK);
    assert_int_equal(OPS->watch_mod(&s->host, &w, 0), SHOP_OK);
    OPS->timer_set(&s->host, &s->timers[1], 2, SHOP_TIMER_FOREGROUND);
    run(s);
    assert_string_equal(s->story, "b");

    assert_int_equal(OPS->watch_mod(&s->host, &w, SHOP_RD), SHOP_OK);
    OPS->timer_set(&s->host, &s->timers[0], 60000, SHOP_TIMER_FOREGROUND);
    run(s);
    assert_string_equal(s->story, "b.");
}


static void
test_watch__keeps_no_loop_alive(void **state)
{
    struct scene  *s = *state;
    shop_watch_t   w = { .ready = read_one, .ctx = s, .fd = s->pipe[0] };

    assert_int_equal(OPS->watch_add(&s->host, &w, SHOP_RD), SHOP_OK);
    run(s);
    OPS->watch_del(&s->host, &w, 0);

    assert_string_equal(s->story, "");
}


static void
test_watch__of_no_descriptor_is_refused(void **state)
{
    struct scene  *s = *state;
    shop_watch_t   w = { .ready = read_one, .ctx = s, .fd = -1 };

    assert_int_equal(OPS->watch_add(&s->host, &w, SHOP_RD), SHOP_E_IO);
    OPS->watch_del(&s->host, &w, 1);
}


/* --- jobs ---------------------------------------------------------------- */


struct task {
    shop_job_t      job;
    struct scene   *scene;
    uv_thread_t     thread;
};


static void
work(shop_job_t *j)
{
    ((struct task *) j->ctx)->thread = uv_thread_self();
}


static void
worked(shop_job_t *j)
{
    tell(((struct task *) j->ctx)->scene, 'j');
}


static void
test_job__works_on_a_thread_and_ends_on_the_loop(void **state)
{
    struct scene  *s = *state;
    uv_thread_t    self = uv_thread_self();
    struct task    t = { .job = { .work = work, .done = worked },
                         .scene = s };

    t.job.ctx = &t;
    assert_int_equal(OPS->offload(&s->host, &t.job), SHOP_OK);
    run(s);

    assert_string_equal(s->story, "j");
    assert_false(uv_thread_equal(&self, &t.thread));
}


static void
test_job__is_refused_when_too_many_wait(void **state)
{
    struct scene  *s = *state;
    struct task    t = { .job = { .work = work, .done = worked },
                         .scene = s };

    t.job.ctx = &t;
    s->host.jobs = UV_HOST_JOBS_MAX;
    assert_int_equal(OPS->offload(&s->host, &t.job), SHOP_E_BUSY);
    s->host.jobs = 0;
    assert_int_equal(OPS->offload(&s->host, &t.job), SHOP_OK);
    uv_host_finish_jobs(&s->host);

    assert_string_equal(s->story, "j");
    assert_int_equal(OPS->offload(&s->host, &t.job), SHOP_E_BUSY);
    assert_true(OPS->draining(&s->host));
}


int
uv_host_tests(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)

    const struct CMUnitTest  tests[] = {
        TEST(test_timer__fires_once_in_order),
        TEST(test_timer__moves_when_set_again),
        TEST(test_timer__does_not_fire_when_deleted),
        TEST(test_timer__in_the_background_keeps_no_loop_alive),
        TEST(test_post__runs_once_and_what_it_posts_too),
        TEST(test_post__runs_after_all_timers_of_an_iteration),
        TEST(test_post__runs_when_the_host_closes),
        TEST(test_watch__comes_again_while_there_is_something),
        TEST(test_watch__comes_again_after_an_error),
        TEST(test_watch__is_silent_without_events),
        TEST(test_watch__keeps_no_loop_alive),
        TEST(test_watch__of_no_descriptor_is_refused),
        TEST(test_job__works_on_a_thread_and_ends_on_the_loop),
        TEST(test_job__is_refused_when_too_many_wait)
    };

    return cmocka_run_group_tests_name("uv_host", tests, NULL, NULL);
}
