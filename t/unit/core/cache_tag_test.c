/*
 * cache_tag_test.c - coherence: stamps, holds, what the dead leave behind.
 */
#include <stdio.h>
#include <string.h>

#include "cache_fixture.h"


static void
tags_are_told_apart(void **state)
{
    (void) state;
    assert_int_equal(tag_of("products"), tag_of("products"));
    assert_int_not_equal(tag_of("products"), tag_of("slugs"));
    assert_int_not_equal(cache_tag("a", 1), cache_tag("a", 2));
    assert_true(tag_of("product:018f") < CACHE_TAGS);
}


static void
a_bump_ends_what_was_born_before(void **state)
{
    struct fixture  *f = *state;
    struct cache    *c = &f->cache;
    cache_tag_t      tags[3] = { tag_of("a"), tag_of("b"), tag_of("c") };
    uint64_t         born = cache_clock(c);

    assert_true(put(c, "ab", "body", tags, 2));
    assert_true(put(c, "c", "body", tags + 2, 1));

    cache_bump(c, tags + 1, 1);
    assert_int_equal(get(f, "ab"), CACHE_MISS);
    assert_body(f, "c", "body");

    /* Rows read before the bump are not stored any more; later ones are. */
    assert_false(put_born(c, "ab", "body", born, tags, 2));
    assert_false(cache_good(c, born, tags, 2));
    assert_true(cache_good(c, born, tags, 1));
    assert_true(put(c, "ab", "new", tags, 2));
    assert_body(f, "ab", "new");

    cache_bump_all(c);
    assert_int_equal(get(f, "ab"), CACHE_MISS);
    assert_int_equal(get(f, "c"), CACHE_MISS);
    assert_false(put_born(c, "c", "body", cache_clock(c) - 1, tags, 0));
    assert_true(put(c, "c", "new", tags + 2, 1));
    assert_body(f, "c", "new");
}


static void
held_tags_are_neither_served_nor_stored(void **state)
{
    struct fixture  *f = *state;
    struct cache    *c = &f->cache;
    cache_tag_t      tags[2] = { tag_of("a"), tag_of("b") };

    assert_true(put(c, "a", "old", tags, 1));
    assert_true(put(c, "b", "old", tags + 1, 1));
    assert_int_equal(cache_hold(c, tags, 1), SHOP_OK);

    assert_int_equal(get(f, "a"), CACHE_MISS);
    assert_false(put(c, "a", "new", tags, 1));
    assert_false(cache_good(c, cache_clock(c), tags, 2));
    assert_body(f, "b", "old");

    /* Held twice, by two transactions: the first release is not enough. */
    assert_int_equal(cache_hold(c, tags, 2), SHOP_OK);
    cache_release(c, tags, 1, 1);
    assert_false(put(c, "a", "new", tags, 1));
    cache_release(c, tags, 2, 1);
    assert_int_equal(get(f, "a"), CACHE_MISS);
    assert_int_equal(get(f, "b"), CACHE_MISS);
    assert_true(put(c, "a", "new", tags, 2));
    assert_body(f, "a", "new");

    /* What was not held is bumped all the same. */
    cache_release(c, tags, 1, 1);
    assert_int_equal(get(f, "a"), CACHE_MISS);
    assert_true(put(c, "a", "new", tags, 1));
}


static void
holds_are_bounded(void **state)
{
    struct fixture  *f = *state;
    cache_tag_t      tags[CACHE_HOLDS];
    unsigned         i;

    for (i = 0; i < CACHE_HOLDS; i++) {
        tags[i] = i * 3;
    }

    assert_int_equal(cache_hold(&f->cache, tags, CACHE_HOLDS - 1), SHOP_OK);
    assert_int_equal(cache_hold(&f->cache, tags, 2), SHOP_E_BUSY);
    assert_int_equal(cache_hold(&f->cache, tags, 1), SHOP_OK);
    assert_int_equal(cache_hold(&f->cache, tags, 1), SHOP_E_BUSY);

    cache_release(&f->cache, tags, CACHE_HOLDS - 1, 1);
    cache_release(&f->cache, tags, 1, 1);
    assert_int_equal(cache_hold(&f->cache, tags, CACHE_HOLDS), SHOP_OK);
    cache_release(&f->cache, tags, CACHE_HOLDS, 1);
    assert_true(put(&f->cache, "a", "b", tags, 3));

    /* The count of a tag stays within its 16 bits. */
    f->cache.stamps[9] += UINT64_C(65100) * STAMP_HOLD;
    assert_int_equal(cache_hold(&f->cache, tags + 3, 1), SHOP_E_BUSY);
    f->cache.stamps[9] -= UINT64_C(65100) * STAMP_HOLD;
}


static void
everything_can_be_held(void **state)
{
    struct fixture  *f = *state;
    struct cache    *c = &f->cache, other = *c;
    cache_tag_t      tag = tag_of("a");

    assert_int_equal(cache_adopt(&other), SHOP_OK);
    assert_true(put(c, "a", "old", &tag, 1));

    cache_hold_all(c);
    cache_hold_all(c);
    cache_hold_all(&other);
    assert_int_equal(get(f, "a"), CACHE_MISS);
    assert_false(put(c, "a", "new", &tag, 1));

    cache_release_all(c, 1);
    cache_release_all(&other, 1);
    assert_false(put(c, "a", "new", &tag, 1));
    cache_release_all(c, 1);
    assert_int_equal(get(f, "a"), CACHE_MISS);
    assert_true(put(c, "a", "new", &tag, 1));
    assert_body(f, "a", "new");
}


static void
hold_a(struct cache *c)
{
    cache_tag_t tags[2] = { tag_of("a"), tag_of("b") };

    (void) cache_hold(c, tags, 2);
    child_stay();
}


static void
hold_everything(struct cache *c)
{
    cache_hold_all(c);
    child_stay();
}


static void
nothing(struct cache *c)
{
    (void) c;
}


static void
a_successor_clears_holds(void **state)
{
    struct fixture  *f = *state;
    struct cache    *c = &f->cache;
    void           (*const holders[])(struct cache *) = {
        hold_a, hold_everything
    };
    cache_tag_t      tags[2] = { tag_of("a"), tag_of("c") };
    uint64_t         born;
    struct child     ch, next;
    unsigned         i;

    for (i = 0; i < 2; i++) {
        born = cache_clock(c);
        ch = child_start(f, 1, holders[i]);
        assert_false(put(c, "a", "old", tags, 1));
        child_kill(&ch);
        assert_false(put(c, "a", "old", tags, 1));

        next = child_start(f, 1, nothing);
        child_kill(&next);

        /* What the dead one was writing is unknown: all begins anew. */
        assert_false(put_born(c, "c", "old", born, tags + 1, 1));
        assert_true(put(c, "a", "new", tags, 1));
        assert_body(f, "a", "new");
    }
}


static void
the_poller_reaps_holds(void **state)
{
    struct fixture  *f = *state;
    struct child     living = child_start(f, 1, hold_a);
    struct child     dead = child_start(f, 1, hold_everything);
    cache_tag_t      tags[2] = { tag_of("a"), tag_of("c") };

    child_kill(&dead);
    assert_int_equal(cache_reap(&f->cache), 1);
    assert_true(put(&f->cache, "c", "body", tags + 1, 1));

    /* The living keep theirs. */
    assert_false(put(&f->cache, "a", "body", tags, 1));
    child_stop(&living);
    assert_int_equal(cache_reap(&f->cache), 1);
    child_kill(&living);
    assert_true(put(&f->cache, "a", "body", tags, 1));
}


/* As if killed within cache_hold(): the list says more than the stamps. */
static void
die_while_holding(struct cache *c)
{
    (void) shm_lock(&c->map->hold_lock, c->self, SHM_FOR_EVER);
    shm_write_begin(&c->map->hold_lock);
    c->own->hold[0] = tag_of("a");
    c->own->n_holds = 1;
    child_stay();
}


/* As if killed within cache_release(): the stamps say more than the list. */
static void
die_while_releasing(struct cache *c)
{
    cache_tag_t tag = tag_of("a");

    (void) cache_hold(c, &tag, 1);
    (void) shm_lock(&c->map->hold_lock, c->self, SHM_FOR_EVER);
    shm_write_begin(&c->map->hold_lock);
    c->own->n_holds = 0;
    child_stay();
}


static void
mends_half_written_holds(void **state)
{
    struct fixture  *f = *state;
    struct cache    *c = &f->cache;
    void           (*const deaths[])(struct cache *) = {
        die_while_holding, die_while_releasing
    };
    cache_tag_t      tags[2] = { tag_of("a"), tag_of("b") };
    char             error[100];
    struct child     ch;
    unsigned         i;

    assert_int_equal(cache_hold(c, tags + 1, 1), SHOP_OK);

    for (i = 0; i < 2; i++) {
        ch = child_start(f, 1, deaths[i]);
        child_kill(&ch);
        assert_int_equal(cache_hold(c, tags, 1), SHOP_OK);
        assert_int_equal(cache_check(c, error, sizeof(error)), 0);
        assert_int_equal(cache_reap(c), 1);
        assert_int_equal(cache_check(c, error, sizeof(error)), 0);

        /* Our own holds came through. */
        assert_false(put(c, "a", "body", tags, 1));
        assert_false(put(c, "b", "body", tags + 1, 1));
        cache_release(c, tags, 1, 1);
        assert_true(put(c, "a", "body", tags, 1));
    }

    cache_release(c, tags + 1, 1, 1);
    assert_true(put(c, "b", "body", tags + 1, 1));
}


static void
die_in_poll_set(struct cache *c)
{
    struct cache_poll poll = { 1, 2, 3, 4 };

    cache_poll_set(c, &poll);
    (void) shm_lock(&c->map->poll_lock, c->self, SHM_FOR_EVER);
    shm_write_begin(&c->map->poll_lock);
    child_stay();
}


static void
keeps_the_pollers_state(void **state)
{
    struct fixture     *f = *state;
    struct cache_poll   poll = { 5, 6, 7, 8 }, got;
    struct child        ch;

    cache_poll_get(&f->cache, &got);
    assert_int_equal(got.xmin, 0);
    cache_poll_set(&f->cache, &poll);
    cache_poll_get(&f->cache, &got);
    assert_memory_equal(&got, &poll, sizeof(got));

    /* Killed in between: as if nobody had polled. */
    ch = child_start(f, 1, die_in_poll_set);
    child_kill(&ch);
    cache_poll_get(&f->cache, &got);
    assert_int_equal(got.xmin, 0);
    assert_int_equal(got.changes, 0);
}


static void
the_lease_ends(void **state)
{
    struct fixture *f = *state;

    cache_lease_set(&f->cache, 1001);
    assert_true(put(&f->cache, "a", "body", NULL, 0));
    assert_true(cache_lease_good(&f->cache, 1000));
    assert_body(f, "a", "body");
    cache_lease_set(&f->cache, 1000);
    assert_false(cache_lease_good(&f->cache, 1000));
    assert_int_equal(get(f, "a"), CACHE_MISS);
}


int core_cache_tag_tests(void);


int
core_cache_tag_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_told_apart),
        WITH_CACHE(a_bump_ends_what_was_born_before),
        WITH_CACHE(held_tags_are_neither_served_nor_stored),
        WITH_CACHE(holds_are_bounded),
        WITH_CACHE(everything_can_be_held),
        WITH_CACHE(a_successor_clears_holds),
        WITH_CACHE(the_poller_reaps_holds),
        WITH_CACHE(mends_half_written_holds),
        WITH_CACHE(keeps_the_pollers_state),
        WITH_CACHE(the_lease_ends)
    };

    return cmocka_run_group_tests_name("core/cache_tag", tests, NULL, NULL);
}
