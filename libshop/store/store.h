/*
 * store.h - the shop's own frame: channel, market, currencies, languages.
 */
#ifndef SHOP_STORE_H
#define SHOP_STORE_H

#include "core/core.h"

struct store {
    uuid          channel_id;
    const char   *channel;      /* its code                                  */
    const char   *name;
    const char   *currency;     /* when none is asked for                    */
    struct texts  currencies;
    const char   *locale;       /* when none is asked for                    */
    struct texts  locales;
};

extern const struct field store[];

/* The language to use: asked for by name, else the best of an
 * Accept-Language, else the store's own.  NULL: `asked` is not spoken here. */
const char *store_locale(const struct store *s, const char *asked,
                         const char *accept);

/* NULL: `asked` is not taken here. */
const char *store_currency(const struct store *s, const char *asked);

#endif
