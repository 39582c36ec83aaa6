/*
 * price_test.c - what is wrong with a price, or a price list, by itself: what
 * the database does not know, or would not tell at its place.
 */
#include "core/request.h"
#include "core/worker.h"
#undef COUNT
#include "t/unit/core/check.h"

#include "pricing/pricing.h"

int pricing_price_tests(void);

static const struct price plain = {
    .price = { 1000, "EUR" }, .compare_at = INT_NONE, .min_quantity = 1,
    .valid_from = { INT64_MIN }, .valid_until = { INT64_MIN },
};


static void
begin(struct request *rq)
{
    memset(rq, 0, sizeof(*rq));
    rq->faults.arena = &rq->attempt;
}


/* The one fault there is: "pointer code", or "" for none. */
static void
assert_faults(struct request *rq, const char *want)
{
    struct buf b;

    buf_init(&b, &rq->attempt, 64);
    for (size_t i = 0; i < rq->faults.n; i++)
        buf_format(&b, "%s%s %s", i == 0 ? "" : ", ",
                   rq->faults.v[i].pointer, rq->faults.v[i].code);
    assert_buf(&b, want);
    arena_reset(&rq->attempt);
}


static void
assert_price(const struct price *p, const char *place, const char *want)
{
    struct request rq;

    begin(&rq);
    price_check(&rq, p, place);
    assert_faults(&rq, want);
}


static void
the_constant_for_no_time_is_the_cores(void **state)
{
    (void) state;
    assert_true(plain.valid_from.us == STAMP_NONE.us);
}


static void
a_former_price_is_above_the_present_one(void **state)
{
    struct price p = plain;

    (void) state;
    assert_price(&p, "", "");
    p.compare_at = 1001;
    assert_price(&p, "", "");
    p.compare_at = 1000;
    assert_price(&p, "", "/compare_at not_above_price");
    p.compare_at = 999;
    assert_price(&p, "/prices/3", "/prices/3/compare_at not_above_price");
    p.price.amount = 0;
    p.compare_at = 0;
    assert_price(&p, "", "/compare_at not_above_price");
}


static void
a_price_ends_after_it_began(void **state)
{
    struct price p = plain;

    (void) state;
    p.valid_from = (stamp) { 7 };
    assert_price(&p, "", "");
    p.valid_until = (stamp) { 8 };
    assert_price(&p, "", "");
    p.valid_until = (stamp) { 7 };
    assert_price(&p, "", "/valid_until not_after_start");
    p.valid_from = STAMP_NONE;
    assert_price(&p, "", "");
}


static void
both_faults_are_told_at_once(void **state)
{
    struct price p = plain;

    (void) state;
    p.compare_at = 1;
    p.valid_from = (stamp) { 2 };
    p.valid_until = (stamp) { 1 };
    assert_price(&p, "/prices/0", "/prices/0/compare_at not_above_price, "
                                  "/prices/0/valid_until not_after_start");
}


int
pricing_price_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_constant_for_no_time_is_the_cores),
        cmocka_unit_test(a_former_price_is_above_the_present_one),
        cmocka_unit_test(a_price_ends_after_it_began),
        cmocka_unit_test(both_faults_are_told_at_once),
    };

    return cmocka_run_group_tests_name("pricing/price", tests, NULL, NULL);
}
