/*
 * cache_fill_test.c - one fill per key and machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_fixture.h"


static struct cache_key
key_of(struct cache *c, const char *text)
{
    struct cache_key k;

    cache_key_init(c, &k, text, strlen(text));

    return k;
}


static void
one_fills_at_a_time(void **state)
{
    struct fixture    *f = *state;
    struct cache      *c = &f->cache;
    struct cache_key   a = key_of(c, "a"), b = key_of(c, "b");

    assert_true(cache_fill_begin(c, &a, 1000, 500));
    assert_false(cache_fill_begin(c, &a, 1000, 500));
    assert_true(cache_fill_begin(c, &b, 1000, 500));
    cache_fill_end(c, &a);
    assert_true(cache_fill_begin(c, &a, 1000, 500));
    assert_false(cache_fill_begin(c, &b, 1000, 500));
}


static void
an_old_claim_is_taken_over(void **state)
{
    struct fixture    *f = *state;
    struct cache_key   a = key_of(&f->cache, "a");

    assert_true(cache_fill_begin(&f->cache, &a, 1000, 500));
    assert_false(cache_fill_begin(&f->cache, &a, 1499, 500));
    assert_true(cache_fill_begin(&f->cache, &a, 1500, 500));
    assert_false(cache_fill_begin(&f->cache, &a, 1501, 500));

    /* Another process's clock may lie behind. */
    assert_false(cache_fill_begin(&f->cache, &a, 900, 500));
}


static void
claim_a(struct cache *c)
{
    struct cache_key a = key_of(c, "a");

    if (!cache_fill_begin(c, &a, 1000, 60000)) {
        _Exit(1);
    }

    child_stay();
}


static void
a_dead_claim_is_taken_over(void **state)
{
    struct fixture    *f = *state;
    struct cache_key   a = key_of(&f->cache, "a");
    struct child       ch = child_start(f, 1, claim_a);

    assert_false(cache_fill_begin(&f->cache, &a, 1100, 60000));

    /* Only who made a claim can end it. */
    cache_fill_end(&f->cache, &a);
    assert_false(cache_fill_begin(&f->cache, &a, 1100, 60000));

    child_kill(&ch);
    assert_true(cache_fill_begin(&f->cache, &a, 1200, 60000));
    assert_false(cache_fill_begin(&f->cache, &a, 1300, 60000));
}


/* Keys until a shard's claims are full; who finds no place fills anyway. */
static void
everybody_fills_when_claims_are_full(void **state)
{
    struct fixture    *f = *state;
    struct cache      *c = &f->cache;
    struct shard      *s = cache_shard(c, 0);
    struct cache_key   k;
    char               text[32];
    unsigned           i, n = 0;

    for (i = 0; n < CACHE_CLAIMS + 1; i++) {
        snprintf(text, sizeof(text), "key%u", i);
        k = key_of(c, text);

        if (cache_shard_of(c, &k) == s) {
            n++;
            assert_true(cache_fill_begin(c, &k, 1000, 500));
            assert_int_equal(cache_fill_begin(c, &k, 1000, 500),
                             n > CACHE_CLAIMS);
        }
    }

    /* The places of claims that are too old are free again. */
    k.text = text;
    assert_true(cache_fill_begin(c, &k, 1500, 500));
    assert_false(cache_fill_begin(c, &k, 1500, 500));
}


int core_cache_fill_tests(void);


int
core_cache_fill_tests(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(one_fills_at_a_time),
        WITH_CACHE(an_old_claim_is_taken_over),
        WITH_CACHE(a_dead_claim_is_taken_over),
        WITH_CACHE(everybody_fills_when_claims_are_full)
    };

    return cmocka_run_group_tests_name("core/cache_fill", tests, NULL, NULL);
}
