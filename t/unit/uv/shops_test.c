/*
 * shops_test.c - two shops in one process, opened and closed again and again,
 * leave nothing behind.
 *
 * What is counted: memory of libshop (through shop_env), of the whole process
 * (malloc's own count, so that of libpq and OpenSSL too), descriptors, and
 * mappings, which coroutines' stacks are.
 *
 * SHOP_TEST_DATABASE names a database; without it only the shops that find
 * none are tested.  t/uv/shops.t runs it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/env.h"
#include "uv/shop_uv.h"

int uv_shops_tests(void);

#define CYCLES   100
#define WARM_UP  10             /* until caches of libraries are filled     */
#define SLACK    8192           /* what malloc itself keeps varies          */

/* What a process holds. */
struct holdings {
    long    blocks;             /* of libshop                               */
    size_t  bytes;              /* of malloc                                */
    long    descriptors;
    long    mappings;
};

static long             blocks;
static struct shop_env  real;


static void *
count_alloc(size_t size)
{
    void  *p = real.alloc(size);

    if (p != NULL) {
        __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    }

    return p;
}


static void *
count_resize(void *p, size_t size)
{
    void  *q = real.resize(p, size);

    if (p == NULL && q != NULL) {
        __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    }

    return q;
}


static void
count_release(void *p)
{
    if (p != NULL) {
        __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
    }

    real.release(p);
}


static int
set_up(void **state)
{
    (void) state;
    real = shop_env;
    shop_env.alloc = count_alloc;
    shop_env.resize = count_resize;
    shop_env.release = count_release;
    blocks = 0;

    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    shop_env = real;

    return 0;
}


/* --- what is held -------------------------------------------------------- */


static long
descriptors(void)
{
    DIR   *dir = opendir("/proc/self/fd");
    long   n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);

    return n;
}


static long
mappings(void)
{
    int    c;
    long   n = 0;
    FILE  *maps = fopen("/proc/self/maps", "r");

    assert_non_null(maps);
    while ((c = getc(maps)) != EOF) {
        n += c == '\n';
    }
    fclose(maps);

    return n;
}


static struct holdings
look(void)
{
    struct holdings  now;

    now.descriptors = descriptors();
    now.mappings = mappings();
    now.blocks = blocks;
    now.bytes = mallinfo2().uordblks + mallinfo2().hblkhd;

    return now;
}


/* --- shops --------------------------------------------------------------- */


static shop_uv_t *
open_shop(uv_loop_t *loop, const char *database, const shop_uv_log_t *log)
{
    shop_uv_t    *uv;
    shop_conf_t   conf = SHOP_CONF_INIT;

    conf.database = database;
    conf.cursor_secret[0].data = "0123456789abcdef0123456789abcdef";
    conf.cursor_secret[0].len = 32;
    assert_int_equal(shop_uv_open(&uv, loop, &conf, log), SHOP_OK);

    return uv;
}


static void
expect(shop_uv_t *uv, const char *method, const char *path, int status)
{
    shop_uv_request_t     request = { .method = method, .path = path };
    const shop_answer_t  *answer;

    assert_int_equal(shop_uv_call(uv, &request, &answer), SHOP_OK);
    assert_int_equal(answer->status, status);
    shop_uv_answer_free(answer);
}


static void *
sink_alloc(void *rq, size_t size)
{
    char  **room = rq;

    *room = realloc(*room, size);

    return *room;
}


static int  last_status;


static void
sink_respond(void *rq, const shop_answer_t *answer)
{
    (void) rq;
    last_status = answer->status;
}


/* The shop ends while this one waits for the database, and while something is
 * posted: it is answered all the same. Without a database it is at once. */
static void
close_with_one_in_flight(shop_uv_t *uv)
{
    char                          *room = NULL;
    shop_call_t                   *call;
    shop_request_t                 request = { { "GET", 3 } };
    static const shop_sink_ops_t   sink = {
        sizeof(sink), sink_alloc, sink_respond
    };

    request.path = (shop_str_t) { "/api/v1/products", 16 };
    last_status = 0;
    assert_true(shop_submit(shop_uv_shop(uv), &request, &sink, &room, &call)
                >= SHOP_OK);
    shop_uv_close(uv);
    assert_int_equal(last_status, 503);
    free(room);
}


static void
no_log(void *ctx, int level, const char *text, size_t len)
{
    (void) ctx;
    (void) level;
    (void) text;
    (void) len;
}


/* Two shops on one loop, of which one is closed while it works. */
static void
cycle(const char *database, int status)
{
    uv_loop_t              loop;
    shop_uv_t             *a, *b;
    static shop_uv_log_t   log = { no_log, NULL };

    assert_int_equal(uv_loop_init(&loop), 0);
    a = open_shop(&loop, database, &log);
    b = open_shop(&loop, database, &log);

    expect(a, "GET", "/api/v1/store", status);
    expect(b, "GET", "/api/v1/products?limit=1", status);
    expect(b, "GET", "/healthz", 200);
    expect(a, "GET", "/api/v1/nothing", 404);
    shop_uv_close(a);

    expect(b, "GET", "/api/v1/store", status);
    close_with_one_in_flight(b);
    assert_int_equal(uv_loop_close(&loop), 0);
}


static void
nothing_stays(const char *database, int status)
{
    int              i;
    struct holdings  before, after;

    for (i = 0; i < WARM_UP; i++) {
        cycle(database, status);
    }

    before = look();

    for (i = 0; i < CYCLES; i++) {
        cycle(database, status);
    }

    after = look();
    assert_int_equal(after.blocks, before.blocks);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_true(after.bytes < before.bytes + SLACK);
    assert_true(after.mappings < before.mappings + CYCLES / 2);
}


static void
test_shops__leave_nothing_when_closed(void **state)
{
    const char  *database = getenv("SHOP_TEST_DATABASE");

    (void) state;

    if (database == NULL) {
        skip();
    }

    nothing_stays(database, 200);
}


static void
test_shops__leave_nothing_without_a_database(void **state)
{
    (void) state;
    nothing_stays("host=/nonexistent dbname=shop", 503);
}


int
uv_shops_tests(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_shops__leave_nothing_when_closed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_shops__leave_nothing_without_a_database, set_up, tear_down)
    };

    return cmocka_run_group_tests_name("uv_shops", tests, NULL, NULL);
}
