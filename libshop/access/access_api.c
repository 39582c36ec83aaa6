/*
 * access_api.c - the caller whom a bearer token stands for.
 */
#include "access/access.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "access/access.sql.h"

#define KEY_START  "shk_"
#define KEY_SIZE   (4 + 43)     /* and 32 random bytes in base64url          */


static const char *
hash_of(struct request *rq, const char *token, size_t len)
{
    uint8_t   hash[32] = { 0 };
    unsigned  n = 0;
    char     *out = alloc(rq, 2 * sizeof(hash) + 1);

    if (EVP_Digest(token, len, hash, &n, EVP_sha256(), NULL) != 1)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);

    return out;
}


/* What is no key by its form costs no statement. */
static bool
authenticate(struct request *rq, const char *token, size_t len,
             struct caller *out)
{
    const struct api_key *key;
    const char           *hash;

    if (len != KEY_SIZE || memcmp(token, KEY_START, 4) != 0)
        return false;
    hash = hash_of(rq, token, len);
    key = hash == NULL ? NULL : sql_api_key(rq, hash);
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
