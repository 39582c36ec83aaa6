/*
 * pace_test.c - whose bucket a request is paid from.
 */
#include <string.h>

#include "cache_fixture.h"

#undef fail                             /* cmocka's; core.h has its own    */

#include "core/pace.h"
#include "core/request.h"
#include "core/worker.h"

static const struct route free_route = { .may = PUBLIC, .flags = FREE };
static const struct route open_route = { .may = PUBLIC };
static const struct route dear_route = { .may = PUBLIC, .cost = 3 };
static const struct route key_route = { .may = 1 };

struct pacing {
    struct shop         shop;
    shop_request_t      in;
    struct limit_state  state;
    uint64_t            count[COUNT_N];
};


static void
begin(struct pacing *p, struct fixture *f)
{
    *p = (struct pacing) { .shop.cache = f->cache };
    p->shop.count = p->count;
    p->shop.conf.limit[SHOP_LIMIT_ADDRESS] = (shop_limit_t) { 1, 6 };
    p->shop.conf.limit[SHOP_LIMIT_KEY] = (shop_limit_t) { 1, 2 };
    p->shop.conf.limit[SHOP_LIMIT_GUESS] = (shop_limit_t) { 1, 1 };
    p->in.address = (shop_str_t) { "\x0a\x00\x00\x01", 4 };
}


static bool
admit(struct pacing *p, const struct route *r)
{
    struct match m = { .route = r };

    p->state = (struct limit_state) { 0 };
    return pace_admit(&p->shop, &m, &p->in, &p->state);
}


static void
show(struct pacing *p, const char *authorization)
{
    p->in.header[SHOP_H_AUTHORIZATION] =
        (shop_str_t) { authorization, strlen(authorization) };
}


static void
an_address_pays_what_a_route_costs(void **state)
{
    struct pacing p;

    begin(&p, *state);
    assert_true(admit(&p, &dear_route));
    assert_int_equal(p.state.left, 3);
    assert_true(admit(&p, NULL));
    assert_int_equal(p.state.left, 2);
    assert_false(admit(&p, &dear_route));
    assert_true(admit(&p, &open_route));
    assert_true(admit(&p, &open_route));
    assert_false(admit(&p, &open_route));
    assert_true(admit(&p, &free_route));
    assert_null(p.state.name);
    assert_int_equal(p.count[COUNT_LIMITED], 2);
}


static void
a_subscriber_is_one_address(void **state)
{
    struct pacing p;
    static const char one[16] = { 0x20, 1, 0x0d, [15] = 1 };
    static const char two[16] = { 0x20, 1, 0x0d, [15] = 2 };
    static const char other[16] = { 0x20, 1, 0x0d, [7] = 1, [15] = 1 };
    static const char mapped[16] = { [10] = (char) 0xff, [11] = (char) 0xff,
                                     [12] = 10, [15] = 1 };

    begin(&p, *state);
    p.in.address = (shop_str_t) { one, 16 };
    assert_true(admit(&p, &open_route));
    assert_int_equal(p.state.left, 5);
    p.in.address = (shop_str_t) { two, 16 };
    assert_true(admit(&p, &open_route));
    assert_int_equal(p.state.left, 4);
    p.in.address = (shop_str_t) { other, 16 };
    assert_true(admit(&p, &open_route));
    assert_int_equal(p.state.left, 5);

    p.in.address = (shop_str_t) { mapped, 16 };
    assert_true(admit(&p, &open_route));
    p.in.address = (shop_str_t) { mapped + 12, 4 };
    assert_true(admit(&p, &open_route));
    assert_int_equal(p.state.left, 4);
}


static void
a_key_has_its_own(void **state)
{
    struct pacing p;

    begin(&p, *state);
    show(&p, "Bearer one");
    assert_true(admit(&p, &key_route));
    assert_string_equal(p.state.name, "key");
    assert_true(admit(&p, &key_route));
    assert_false(admit(&p, &key_route));
    show(&p, "Bearer two");
    assert_true(admit(&p, &key_route));

    /* Where everyone may, nobody is asked for his key. */
    assert_true(admit(&p, &open_route));
    assert_string_equal(p.state.name, "address");
    show(&p, "Basic one");
    assert_true(admit(&p, &key_route));
    assert_string_equal(p.state.name, "address");
}


static void
who_guesses_is_not_looked_up(void **state)
{
    struct pacing   p;
    struct request  rq = { 0 };

    begin(&p, *state);
    show(&p, "Bearer one");
    rq.shop = &p.shop;
    rq.in = &p.in;
    assert_true(admit(&p, &key_route));
    pace_guessed(&rq);
    assert_false(admit(&p, &key_route));
    assert_string_equal(p.state.name, "guess");
    assert_true(p.state.wait_s > 0);
    assert_true(admit(&p, &open_route));
}


static void
headers_say_it(void **state)
{
    struct limit_state  s = { "address", 40, 2, 39, 1, 0 };
    shop_header_t       h[PACE_HEADERS];
    char                text[PACE_TEXT];

    (void) state;
    assert_int_equal(pace_headers(&s, text, h), 2);
    assert_memory_equal(h[0].value.data, "\"address\";q=40;w=2",
                        h[0].value.len);
    assert_memory_equal(h[1].value.data, "\"address\";r=39;t=1",
                        h[1].value.len);
    s = (struct limit_state) { "address", UINT32_MAX, UINT32_MAX, UINT32_MAX,
                               UINT32_MAX, UINT32_MAX };
    assert_int_equal(pace_headers(&s, text, h), 3);
    assert_memory_equal(h[2].value.data, "4294967295", 10);
    assert_true(h[2].value.data + h[2].value.len <= text + sizeof(text));
    s.name = NULL;
    assert_int_equal(pace_headers(&s, text, h), 0);
}


int core_pace_tests(void);


int
core_pace_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(an_address_pays_what_a_route_costs),
        WITH_CACHE(a_subscriber_is_one_address),
        WITH_CACHE(a_key_has_its_own),
        WITH_CACHE(who_guesses_is_not_looked_up),
        cmocka_unit_test(headers_say_it),
    };

    return cmocka_run_group_tests_name("core_pace", tests, NULL, NULL);
}
