/*
 * cache_far_test.c - when an answer that another machine made is good here.
 */
#include "cache_fixture.h"
#undef COUNT
#include "check.h"

int core_cache_far_tests(void);

#define EPOCH  77

static cache_tag_t tag;


/* A poll with this snapshot, of a machine that has kept up. */
static void
poll(struct cache *c, uint64_t xmin, uint64_t xmax)
{
    cache_far_begin(c, EPOCH, xmax, false);
    cache_far_polled(c, xmin);
}


/* A machine that has polled often enough to take part. */
static struct cache *
polling(void **state)
{
    struct fixture *f = *state;

    tag = tag_of("product:1");
    for (int i = 0; i < 3; i++)
        poll(&f->cache, 100, 100);

    return &f->cache;
}


static bool
good(const struct cache *c, uint64_t xmin)
{
    struct cache_far made = { EPOCH, xmin };

    return cache_far_good(c, &made, &tag, 1);
}


static void
nothing_is_taken_before_polls_are_answered(void **state)
{
    struct fixture   *f = *state;
    struct cache_far  now;

    tag = tag_of("product:1");
    assert_false(cache_far_now(&f->cache, &now));
    assert_false(good(&f->cache, 1000));
    poll(&f->cache, 100, 100);
    assert_false(cache_far_now(&f->cache, &now));
    poll(&f->cache, 100, 100);
    assert_true(cache_far_now(&f->cache, &now));
    assert_int_equal(now.epoch, EPOCH);
    assert_int_equal(now.xmin, 100);
}


static void
what_came_before_the_first_poll_is_not_known(void **state)
{
    struct cache *c = polling(state);

    assert_false(good(c, 99));
    assert_true(good(c, 100));
}


static void
an_answer_must_be_younger_than_the_last_change(void **state)
{
    struct cache *c = polling(state);
    cache_tag_t   other = tag_of("product:2");

    cache_far_note(c, tag, 120);
    assert_false(good(c, 120));
    assert_true(good(c, 121));
    cache_far_note(c, tag, 110);                /* seen late: no step back */
    assert_false(good(c, 120));
    cache_far_note(c, other, 500);
    assert_true(good(c, 121));
}


static void
a_change_of_all_raises_the_floor(void **state)
{
    struct cache *c = polling(state);

    cache_far_note_all(c, 120);
    assert_false(good(c, 120));
    assert_true(good(c, 121));
}


static void
a_release_notes_whose_change_it_was(void **state)
{
    struct cache *c = polling(state);

    assert_int_equal(cache_hold(c, &tag, 1), SHOP_OK);
    cache_release(c, &tag, 1, 130);
    assert_false(good(c, 130));
    assert_true(good(c, 131));

    cache_hold_all(c);
    cache_release_all(c, 140);
    assert_false(good(c, 140));
    assert_true(good(c, 141));
}


/* The poll that is under way may not have seen it. */
static void
an_unknown_change_waits_for_two_polls(void **state)
{
    struct cache *c = polling(state);

    assert_int_equal(cache_hold(c, &tag, 1), SHOP_OK);
    cache_release(c, &tag, 1, 0);
    assert_false(good(c, 1000));
    poll(c, 100, 100);
    assert_false(good(c, 1000));
    poll(c, 100, 100);
    assert_true(good(c, 1000));

    cache_hold_all(c);
    cache_release_all(c, 0);
    assert_false(good(c, 1000));
}


static void
what_a_dead_process_held_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct cache   *c = polling(state);

    assert_int_equal(cache_hold(c, &tag, 1), SHOP_OK);
    cache_leave(c);
    assert_int_equal(cache_adopt(&f->cache), SHOP_OK);
    assert_false(good(c, 1000));
}


static void
who_was_away_begins_anew(void **state)
{
    struct cache *c = polling(state);

    cache_far_begin(c, EPOCH, 300, true);
    cache_far_polled(c, 250);
    assert_false(good(c, 299));
    assert_true(good(c, 300));
}


/* A crash, another server: its ids may be lower than those of before. */
static void
ids_of_another_epoch_are_not_compared(void **state)
{
    struct cache     *c = polling(state);
    struct cache_far  old = { EPOCH, 1000 }, young = { EPOCH + 1, 60 };

    cache_far_note(c, tag, 500);
    for (int i = 0; i < 2; i++) {
        assert_false(cache_far_good(c, &young, &tag, 1));
        cache_far_begin(c, EPOCH + 1, 50, false);
        cache_far_polled(c, 50);
    }
    assert_false(cache_far_good(c, &old, &tag, 1));
    assert_true(cache_far_good(c, &young, &tag, 1));

    for (int i = 0; i < 3; i++) {
        cache_far_begin(c, 0, 50, true);        /* a standby: no ids at all */
        cache_far_polled(c, 50);
    }
    assert_false(cache_far_good(c, &young, &tag, 1));
}


int
core_cache_far_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(nothing_is_taken_before_polls_are_answered),
        WITH_CACHE(what_came_before_the_first_poll_is_not_known),
        WITH_CACHE(an_answer_must_be_younger_than_the_last_change),
        WITH_CACHE(a_change_of_all_raises_the_floor),
        WITH_CACHE(a_release_notes_whose_change_it_was),
        WITH_CACHE(an_unknown_change_waits_for_two_polls),
        WITH_CACHE(what_a_dead_process_held_is_unknown),
        WITH_CACHE(who_was_away_begins_anew),
        WITH_CACHE(ids_of_another_epoch_are_not_compared),
    };

    return cmocka_run_group_tests_name("core/cache_far", tests, NULL, NULL);
}
