/*
 * far_value.h - a kept answer as memcached holds it.
 *
 * Nobody is asked for a password by memcached, so a value is believed only
 * when it carries the code of a machine that has the shop's secret, and is
 * compared with the whole key: junk, a value of another key and one that was
 * cut are all nothing.
 */
#ifndef SHOP_FAR_VALUE_H
#define SHOP_FAR_VALUE_H

#include <stdbool.h>

#include "core/cache.h"

#define FAR_KEY   32            /* bytes of the key of the code              */
#define FAR_HEAD  84            /* bytes before the tags                     */

struct far_value {
    struct cache_far    made;
    const cache_tag_t  *tags;
    size_t              n_tags;
    shop_str_t          key;            /* of the cache, whole               */
    shop_str_t          head;           /* block of headers                  */
    shop_str_t          body;
};

/* Keys made from the secrets of cursors; -1: none could be. */
int far_keys(const shop_str_t secret[2], uint8_t out[2][FAR_KEY]);

size_t far_value_size(const struct far_value *v);

/* To `out`, of that size, all but the code. */
void far_value_write(const struct far_value *v, char *out);

/* Put the code in; false when OpenSSL could not. */
bool far_value_sign(const uint8_t key[FAR_KEY], char *value, size_t n);
bool far_value_signed(const uint8_t key[FAR_KEY], const char *value,
                      size_t n);

/* Texts point into `value`, tags are written to `tags`.  False: that is not
 * one of ours. */
bool far_value_read(const char *value, size_t n,
                    cache_tag_t tags[CACHE_MAX_TAGS], struct far_value *out);

#endif
