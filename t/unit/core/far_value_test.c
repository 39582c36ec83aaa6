/*
 * far_value_test.c - what memcached holds: written, signed, read, and refused
 * when a bit of it is not as it was.
 */
#include "check.h"
#include "core/far_value.h"

int core_far_value_tests(void);

static const cache_tag_t  tags[] = { 7, (1u << 18) - 1 };
static const char         secret[] = "0123456789abcdef0123456789abcdef";

struct written {
    uint8_t       key[2][FAR_KEY];
    struct arena  arena;
    char         *value;
    size_t        n;
};


static struct far_value
sample(void)
{
    return (struct far_value) {
        .made = { UINT64_MAX - 1, 1 }, .tags = tags, .n_tags = 2,
        .key = { "/api/v1/products\n", 17 }, .head = { "head", 4 },
        .body = { "{}", 2 },
    };
}


static int
up(void **state)
{
    static struct written w;
    struct far_value      v = sample();
    shop_str_t            secrets[2] = { { secret, 32 }, { NULL, 0 } };

    memset(&w, 0, sizeof(w));
    w.n = far_value_size(&v);
    w.value = arena_alloc(&w.arena, w.n);
    far_value_write(&v, w.value);
    *state = &w;

    return far_keys(secrets, w.key) == 0
           && far_value_sign(w.key[0], w.value, w.n) ? 0 : -1;
}


static int
down(void **state)
{
    struct written *w = *state;

    arena_reset(&w->arena);
    return 0;
}


static void
what_is_written_is_read(void **state)
{
    struct written   *w = *state;
    cache_tag_t       got[CACHE_MAX_TAGS];
    struct far_value  v;

    assert_true(far_value_signed(w->key[0], w->value, w->n));
    assert_true(far_value_read(w->value, w->n, got, &v));
    assert_true(v.made.epoch == UINT64_MAX - 1 && v.made.xmin == 1);
    assert_int_equal(v.n_tags, 2);
    assert_memory_equal(got, tags, sizeof(tags));
    assert_int_equal(v.key.len, 17);
    assert_memory_equal(v.key.data, "/api/v1/products\n", 17);
    assert_memory_equal(v.head.data, "head", 4);
    assert_int_equal(v.body.len, 2);
    assert_memory_equal(v.body.data, "{}", 2);
}


static void
every_bit_is_signed(void **state)
{
    struct written *w = *state;

    for (size_t i = 8 * 8; i < 8 * w->n; i++) {
        w->value[i / 8] ^= (char) (1 << i % 8);
        if (far_value_signed(w->key[0], w->value, w->n))
            fail_msg("bit %zu may be turned", i);
        w->value[i / 8] ^= (char) (1 << i % 8);
    }
    assert_true(far_value_signed(w->key[0], w->value, w->n));
}


/* As if somebody had the secret: still nothing is read past an end. */
static void
what_is_cut_is_not_read(void **state)
{
    struct written   *w = *state;
    cache_tag_t       got[CACHE_MAX_TAGS];
    struct far_value  v;

    for (size_t n = 0; n < w->n; n++) {
        char *cut = exact(&w->arena, w->value, n);

        assert_false(far_value_read(cut, n, got, &v));
        assert_false(far_value_signed(w->key[0], cut, n));
    }
}


static void
lengths_that_lie_are_found(void **state)
{
    struct written   *w = *state;
    cache_tag_t       got[CACHE_MAX_TAGS];
    struct far_value  v;

    for (size_t i = 56; i < FAR_HEAD + 8; i++) {
        w->value[i] ^= (char) 0x80;
        if (far_value_read(w->value, w->n, got, &v)
            && i < FAR_HEAD)
            fail_msg("a length at %zu may lie", i);
        w->value[i] ^= (char) 0x80;
    }
    w->value[FAR_HEAD + 3] = 1;                 /* no such tag */
    assert_false(far_value_read(w->value, w->n, got, &v));
    w->value[0] = 'S';
    assert_false(far_value_read(w->value, w->n, got, &v));
}


static void
keys_differ_from_secrets_and_from_each_other(void **state)
{
    struct written *w = *state;
    shop_str_t      two[2] = { { secret, 31 }, { secret, 32 } };
    uint8_t         key[2][FAR_KEY];

    assert_memory_equal(w->key[0], w->key[1], FAR_KEY);
    assert_memory_not_equal(w->key[0], secret, FAR_KEY);
    assert_int_equal(far_keys(two, key), 0);
    assert_memory_equal(key[1], w->key[0], FAR_KEY);    /* rotation */
    assert_memory_not_equal(key[0], key[1], FAR_KEY);
    assert_false(far_value_signed(key[0], w->value, w->n));
}


int
core_far_value_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, up, down),
        cmocka_unit_test_setup_teardown(every_bit_is_signed, up, down),
        cmocka_unit_test_setup_teardown(what_is_cut_is_not_read, up, down),
        cmocka_unit_test_setup_teardown(lengths_that_lie_are_found, up, down),
        cmocka_unit_test_setup_teardown(
            keys_differ_from_secrets_and_from_each_other, up, down),
    };

    return cmocka_run_group_tests_name("core/far_value", tests, NULL, NULL);
}
