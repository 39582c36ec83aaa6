/*
 * far_value.c - writing, signing and reading what memcached holds.
 *
 * All numbers are little-endian:
 *
 *     8   "shopfar1"
 *     32  HMAC-SHA-256 of all that follows
 *     8   epoch, 8 xmin
 *     4   tags, 8 key, 8 head, 8 body: how many, or how long
 *         tags (4 each), key, head, body
 *
 * Signing and its check run on pool threads; the rest does no more than copy
 * and compare.  Functions return false for what is not whole.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "core/banned.h"
#include "core/crypto.h"
#include "core/far_value.h"

#define MAGIC   "shopfar1"
#define CODE    8               /* where it stands                           */
#define BEHIND  (CODE + 32)

static const char purpose[] = "shop: answers in memcached";


int
far_keys(const shop_str_t secret[2], uint8_t out[2][FAR_KEY])
{
    for (int i = 0; i < 2; i++) {
        unsigned n = 0;

        if (secret[i].len == 0) {
            memcpy(out[i], out[0], FAR_KEY);
        } else if (!crypto_done(HMAC(EVP_sha256(), secret[i].data,
                                     (int) secret[i].len,
                                     (const unsigned char *) purpose,
                                     sizeof(purpose) - 1, out[i], &n) != NULL)
                   || n != FAR_KEY)
        {
            return -1;
        }
    }

    return 0;
}


/* --- writing ------------------------------------------------------------- */


static char *
put(char *at, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (char) (n >> 8 * i & 0xff);

    return at;
}


static char *
put_text(char *at, shop_str_t s)
{
    if (s.len != 0)
        memcpy(at, s.data, s.len);

    return at + s.len;
}


size_t
far_value_size(const struct far_value *v)
{
    return FAR_HEAD + 4 * v->n_tags + v->key.len + v->head.len + v->body.len;
}


void
far_value_write(const struct far_value *v, char *out)
{
    char *at = out;

    memcpy(at, MAGIC, CODE);
    memset(at + CODE, 0, BEHIND - CODE);
    at = put(at + BEHIND, v->made.epoch, 8);
    at = put(at, v->made.xmin, 8);
    at = put(at, v->n_tags, 4);
    at = put(at, v->key.len, 8);
    at = put(at, v->head.len, 8);
    at = put(at, v->body.len, 8);
    for (size_t i = 0; i < v->n_tags; i++)
        at = put(at, v->tags[i], 4);
    at = put_text(at, v->key);
    at = put_text(at, v->head);
    put_text(at, v->body);
}


static bool
code(const uint8_t key[FAR_KEY], const char *value, size_t n,
     unsigned char out[32])
{
    unsigned len = 0;

    return n >= FAR_HEAD
           && crypto_done(HMAC(EVP_sha256(), key, FAR_KEY,
                               (const unsigned char *) value + BEHIND,
                               n - BEHIND, out, &len) != NULL)
           && len == 32;
}


bool
far_value_sign(const uint8_t key[FAR_KEY], char *value, size_t n)
{
    return code(key, value, n, (unsigned char *) value + CODE);
}


bool
far_value_signed(const uint8_t key[FAR_KEY], const char *value, size_t n)
{
    unsigned char right[32];

    return code(key, value, n, right)
           && CRYPTO_memcmp(right, value + CODE, sizeof(right)) == 0;
}


/* --- reading ------------------------------------------------------------- */


static uint64_t
get(const char **at, unsigned bytes)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < bytes; i++)
        n |= (uint64_t) (uint8_t) (*at)[i] << 8 * i;
    *at += bytes;

    return n;
}


/* A text of a length that was announced, if so much is left. */
static bool
get_text(const char **at, const char *end, uint64_t len, shop_str_t *out)
{
    if (len > (uint64_t) (end - *at))
        return false;

    *out = (shop_str_t) { *at, (size_t) len };
    *at += len;

    return true;
}


static bool
get_tags(const char **at, const char *end, uint64_t n,
         cache_tag_t tags[CACHE_MAX_TAGS])
{
    if (n > CACHE_MAX_TAGS || 4 * n > (uint64_t) (end - *at))
        return false;
    for (size_t i = 0; i < n; i++) {
        tags[i] = (cache_tag_t) get(at, 4);
        if (!cache_tag_known(tags[i]))
            return false;
    }

    return true;
}


bool
far_value_read(const char *value, size_t n, cache_tag_t tags[CACHE_MAX_TAGS],
               struct far_value *out)
{
    const char *at = value + BEHIND, *end = value + n;
    uint64_t    n_tags, key, head, body;

    if (n < FAR_HEAD || memcmp(value, MAGIC, CODE) != 0)
        return false;

    out->made.epoch = get(&at, 8);
    out->made.xmin = get(&at, 8);
    n_tags = get(&at, 4);
    key = get(&at, 8);
    head = get(&at, 8);
    body = get(&at, 8);
    out->tags = tags;
    out->n_tags = (size_t) n_tags;

    return get_tags(&at, end, n_tags, tags)
           && get_text(&at, end, key, &out->key)
           && get_text(&at, end, head, &out->head)
           && get_text(&at, end, body, &out->body) && at == end;
}
