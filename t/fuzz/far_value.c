/*
 * far_value.c - what memcached may hold, as if it were signed.
 *
 * The input is the value from behind its code on; before it stand the mark and
 * a code of zeros.
 */
#include "fuzz.h"

#include "core/far_value.h"

#define BEFORE  40              /* mark and code                             */


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cache_tag_t       tags[CACHE_MAX_TAGS];
    struct far_value  v;
    char             *value = malloc(BEFORE + n), *again;

    CHECK(value != NULL);
    memset(value, 0, BEFORE);
    memcpy(value, "shopfar1", 8);
    if (n > 0)
        memcpy(value + BEFORE, data, n);

    if (far_value_read(value, BEFORE + n, tags, &v)) {
        CHECK(far_value_size(&v) == BEFORE + n);
        again = malloc(BEFORE + n);
        CHECK(again != NULL);
        far_value_write(&v, again);
        CHECK(memcmp(again, value, BEFORE + n) == 0);
        free(again);
    }
    free(value);

    return 0;
}
