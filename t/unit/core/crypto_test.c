/*
 * crypto_test.c - a digest that others have computed, and no notes of failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "core/crypto.h"

int core_crypto_tests(void);


/* FIPS 180-2, appendix B.1. */
static void
a_digest_is_the_standard_s(void **state)
{
    static const uint8_t right[SHA256_SIZE] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
        0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
        0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad
    };
    uint8_t out[SHA256_SIZE];

    (void) state;
    assert_true(sha256("abc", 3, out));
    assert_memory_equal(out, right, sizeof(right));
}


static void
a_failure_leaves_no_note(void **state)
{
    (void) state;
    ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
    assert_true(crypto_done(true));
    assert_int_not_equal(ERR_peek_error(), 0);      /* not ours to take */
    assert_false(crypto_done(false));
    assert_int_equal(ERR_peek_error(), 0);
}


int
core_crypto_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_the_standard_s),
        cmocka_unit_test(a_failure_leaves_no_note),
    };

    return cmocka_run_group_tests_name("core/crypto", tests, NULL, NULL);
}
