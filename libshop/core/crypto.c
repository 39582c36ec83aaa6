/*
 * crypto.c - see crypto.h.
 */
#include "core/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>


bool
crypto_done(bool done)
{
    if (!done)
        ERR_clear_error();

    return done;
}


bool
sha256(const void *data, size_t n, uint8_t out[SHA256_SIZE])
{
    return crypto_done(EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL)
                       == 1);
}
