/*
 * access.c - scopes: names in the database, bits in a caller.
 */
#include "access/access.h"

static const char *const scope_names[] = {
#define SCOPE(id, name, doc)  [SCOPE_##id] = name,
#include "core/scopes.def"
#undef SCOPE
};

const struct field api_key[] = {
    SHAPE(api_key, "ApiKey"),
    FIELD(api_key, id, UUID, .prefix = "key"),
    FIELD(api_key, scopes, TEXTS),
    FIELD(api_key, channel_id, UUID, .prefix = "chan"),
    END_SHAPE
};


uint64_t
scopes_of(const struct texts *names)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < names->n; i++) {
        for (unsigned s = 0; s < SCOPE_COUNT; s++) {
            if (strcmp(names->v[i], scope_names[s]) == 0)
                bits |= 1ull << s;
        }
    }

    return bits;
}
