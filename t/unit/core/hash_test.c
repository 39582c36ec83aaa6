/*
 * hash_test.c - the keyed hash spreads, and notices every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"


static void
notices_every_bit_and_the_length(void **state)
{
    unsigned char  text[67];
    uint64_t       a[2], b[2];
    size_t         len, bit;

    (void) state;

    for (len = 0; len < sizeof(text); len++) {
        memset(text, 0, sizeof(text));
        hash128(&hash_fixed, text, len, a);

        for (bit = 0; bit < len * 8; bit++) {
            text[bit / 8] ^= (unsigned char) (1 << bit % 8);
            hash128(&hash_fixed, text, len, b);
            assert_true(a[0] != b[0] && a[1] != b[1]);
            text[bit / 8] = 0;
        }

        /* Zeros differ from more zeros. */
        hash128(&hash_fixed, text, len + 1, b);
        assert_true(a[0] != b[0] && a[1] != b[1]);
    }
}


static void
depends_on_the_seed(void **state)
{
    struct hash_seed  seed = hash_fixed;
    uint64_t          a[2], b[2];
    int               i;

    (void) state;
    hash128(&seed, "/api/v1/products", 16, a);

    for (i = 0; i < 4; i++) {
        seed.word[i] ^= 1;
        hash128(&seed, "/api/v1/products", 16, b);
        assert_true(a[0] != b[0] && a[1] != b[1]);
        seed.word[i] ^= 1;
    }
}


/* 64 thousand keys that differ in two bytes: no high or low byte of either
 * word takes more than half as much again as its share. */
static void
spreads_similar_keys(void **state)
{
    static unsigned  seen[4][256];
    char             text[] = "/api/v1/products?page=..&limit=20";
    uint64_t         h[2];
    unsigned         i, j;

    (void) state;
    memset(seen, 0, sizeof(seen));

    for (i = 0; i < 65536; i++) {
        text[22] = (char) (i >> 8);
        text[23] = (char) i;
        hash128(&hash_fixed, text, sizeof(text) - 1, h);
        seen[0][h[0] & 255]++;
        seen[1][h[0] >> 56]++;
        seen[2][h[1] & 255]++;
        seen[3][h[1] >> 56]++;
    }

    for (i = 0; i < 4; i++) {
        for (j = 0; j < 256; j++) {
            assert_in_range(seen[i][j], 128, 384);
        }
    }
}


int core_hash_tests(void);


int
core_hash_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notices_every_bit_and_the_length),
        cmocka_unit_test(depends_on_the_seed),
        cmocka_unit_test(spreads_similar_keys)
    };

    return cmocka_run_group_tests_name("core/hash", tests, NULL, NULL);
}
