/*
 * accept_language.c - Accept-Language: always a language of the store, whose
 * choice follows the qualities.
 */
#include "fuzz.h"

#include <ctype.h>

#include "store/store.h"

static const char *locales[] = { "en", "tr", "pt-BR", "zh-Hans-CN", "pt" };

static const struct store  shop = {
    .locale = "en",
    .locales = { LENGTH(locales), locales },
};


static const char *
choose(const char *before, const char *accept, const char *behind)
{
    char         text[8192];
    const char  *locale;

    snprintf(text, sizeof(text), "%s%s%s", before, accept, behind);
    locale = store_locale(&shop, NULL, text);
    for (size_t i = 0; i < LENGTH(locales); i++) {
        if (locales[i] == locale)
            return locale;
    }
    CHECK(!"a language of the store");
    return NULL;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char        *text = fuzz_text(data, n < 4096 ? n : 4096);
    const char  *chosen = choose("", text, ""), *asked;

    /* What has no quality counts for nothing, what has all of it and stands
     * first wins, and capitals do not matter. */
    CHECK(choose("", text, ",tr;q=0") == chosen);
    CHECK(choose("tr;q=0, ", text, "") == chosen);
    CHECK(strcmp(choose("tr,", text, ""), "tr") == 0);

    asked = store_locale(&shop, text, "tr");
    CHECK(asked == NULL || store_locale(&shop, asked, NULL) == asked);

    for (char *at = text; *at != '\0'; at++)
        *at = (char) toupper((unsigned char) *at);
    CHECK(store_locale(&shop, text, NULL) == asked);
    free(text);
    return 0;
}
