/*
 * access_api.c - the caller whom a bearer token stands for.
 */
#include "access/access.h"

#include "access/access.sql.h"

#define KEY_START  "shk_"
#define KEY_SIZE   (4 + 43)     /* and 32 random bytes in base64url          */


/* What is no key by its form costs no statement. */
static bool
authenticate(struct request *rq, const char *token, size_t len,
             struct caller *out)
{
    const struct api_key *key;

    if (len != KEY_SIZE || memcmp(token, KEY_START, 4) != 0)
        return false;
    key = sql_api_key(rq, sha256_of(rq, token, len));
    if (key == NULL)
        return false;

    out->kind = KEY;
    out->id = key->id;
    out->scopes = scopes_of(&key->scopes);
    out->channel_id = key->channel_id;

    return true;
}


static void
seen(struct request *rq)
{
    sql_api_key_used(rq, caller(rq)->id);
}


const struct domain access_domain = {
    "access", .statements = access_statements, .authenticate = authenticate,
    .seen = seen,
};
