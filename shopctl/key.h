/*
 * key.h - API keys, as the commands "key ..." see them.
 */
#ifndef SHOPCTL_KEY_H
#define SHOPCTL_KEY_H

#include "shopctl/shopctl.h"

#define KEY_PREFIX  "key"       /* of ids: key_01h...                        */

/* What every statement of these commands returns, in this order. */
#define KEY_COLUMNS                                                           \
    "id, name, prefix, last4, scopes, created_at, expires_at, revoked_at,"    \
    " last_used_at"

enum {
    KEY_ID, KEY_NAME, KEY_START, KEY_LAST4, KEY_SCOPES, KEY_CREATED,
    KEY_EXPIRES, KEY_REVOKED, KEY_USED
};

/* A scope, from libshop/core/scopes.def. */
struct key_scope {
    const char  *name;
    const char  *doc;
};

extern const struct key_scope key_scopes[];     /* ends with name NULL       */

/* "key_01h..." of a row, on the arena. */
const char *key_id(struct ctl *ctl, const PGresult *res, int row);

/* The row as members of a JSON object, without the braces. */
void key_json(struct ctl *ctl, struct buf *b, const PGresult *res, int row);

#endif
