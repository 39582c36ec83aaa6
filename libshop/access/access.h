/*
 * access.h - who calls: API keys and what they may.
 */
#ifndef SHOP_ACCESS_H
#define SHOP_ACCESS_H

#include "core/core.h"

struct api_key {
    uuid          id;
    struct texts  scopes;       /* names, as scopes.def has them             */
    uuid          channel_id;
};

extern const struct field api_key[];

/* The bits of the scopes that this version knows; others mean nothing. */
uint64_t scopes_of(const struct texts *names);

#endif
