/*
 * crypto.h - OpenSSL's functions, with nothing left behind where one fails.
 *
 * OpenSSL notes each failure in a queue of the thread's.  It is nginx's too:
 * its TLS takes what it finds there for trouble with the next connection, and
 * says so in the log.
 */
#ifndef SHOP_CRYPTO_H
#define SHOP_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE  32

/* What was done, as it says; the notes of what was not are gone. */
bool crypto_done(bool done);

/* false: memory is short. */
bool sha256(const void *data, size_t n, uint8_t out[SHA256_SIZE]);

#endif
