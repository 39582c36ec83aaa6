/*
 * page.c - keyset pages: limit, sort and the signed cursor.
 *
 * A cursor is base64url of a MAC and the sort keys of the last row shown.
 * The MAC (HMAC-SHA-256, first 16 bytes) covers the route and the sort too,
 * so a cursor of another list is refused.  The keys are texts, each behind
 * its length in two bytes: a title of 255 letters can have 1,020, and a key
 * that was cut would be another key, before which the page would begin again.
 */
#include "core/crypto.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define MAC        16
#define KEYS_MAX   4
#define BYTES_MAX  1200
#define LIMIT_MAX  100


/* Tells secrets apart, and nothing of them: what is kept has cursors in it, or
 * was asked for with one, and those of a secret that has gone are of no use. */
static bool
signer_set(struct shop *shop)
{
    static const char  purpose[] = "shop: whose cursors an answer has";
    uint8_t            full[EVP_MAX_MD_SIZE];
    size_t             len = 0;
    EVP_MAC_CTX       *mac = shop->mac[0];
    shop_str_t         other = shop->conf.cursor_secret[1];

    if (EVP_MAC_update(mac, (const uint8_t *) purpose, sizeof(purpose)) != 1
        || EVP_MAC_update(mac, (const uint8_t *) other.data, other.len) != 1
        || EVP_MAC_final(mac, full, &len, sizeof(full)) != 1)
        return false;
    memcpy(shop->signer, full, sizeof(shop->signer));

    return true;
}


/* Fetching the algorithm costs more than the MAC of a cursor: once a shop. */
int
cursors_open(struct shop *shop)
{
    char        digest[] = "SHA256";
    OSSL_PARAM  params[] = {
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_end()
    };
    EVP_MAC    *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool        good = hmac != NULL;

    for (unsigned i = 0; i < 2 && good; i++) {
        shop_str_t secret = shop->conf.cursor_secret[i];

        if (secret.len == 0)
            continue;
        shop->mac[i] = EVP_MAC_CTX_new(hmac);
        good = shop->mac[i] != NULL
               && EVP_MAC_init(shop->mac[i], (const uint8_t *) secret.data,
                               secret.len, params) == 1;
    }
    EVP_MAC_free(hmac);
    good = good && signer_set(shop);

    return crypto_done(good) ? SHOP_OK : SHOP_E_NOMEM;
}


void
cursors_close(struct shop *shop)
{
    EVP_MAC_CTX_free(shop->mac[0]);
    EVP_MAC_CTX_free(shop->mac[1]);
}


/* The MAC under one of the two secrets; false when there is none.  Nothing
 * waits between its parts, so one context serves all. */
static bool
mac_of(struct request *rq, unsigned which, const uint8_t *data, size_t n,
       uint8_t out[MAC])
{
    EVP_MAC_CTX *mac = rq->shop->mac[which];
    struct buf   b;
    uint8_t      full[EVP_MAX_MD_SIZE];
    size_t       len = 0;

    buf_init(&b, &rq->attempt, 256);
    buf_str(&b, rq->route->path);
    buf_char(&b, '\0');
    buf_str(&b, rq->page.sort);
    buf_char(&b, '\0');
    buf_add(&b, (const char *) data, n);

    if (mac == NULL || b.failed
        || !crypto_done(EVP_MAC_init(mac, NULL, 0, NULL) == 1
                        && EVP_MAC_update(mac, (const uint8_t *) b.data,
                                          b.len) == 1
                        && EVP_MAC_final(mac, full, &len, sizeof(full)) == 1))
        return false;
    memcpy(out, full, MAC);

    return true;
}


const char *
cursor_make(struct request *rq, const struct texts *key)
{
    uint8_t  raw[BYTES_MAX];
    size_t   n = MAC;
    char    *out;

    for (size_t i = 0; i < key->n; i++) {
        size_t len = strlen(key->v[i]);

        if (n + 2 + len > sizeof(raw))
            return NULL;
        raw[n++] = (uint8_t) (len >> 8);
        raw[n++] = (uint8_t) len;
        memcpy(raw + n, key->v[i], len);
        n += len;
    }
    if (!mac_of(rq, 0, raw + MAC, n - MAC, raw))
        return NULL;

    out = arena_alloc(&rq->attempt, n * 4 / 3 + 8);
    if (out != NULL)
        out[base64url(out, raw, n)] = '\0';

    return out;
}


static bool
cursor_good(struct request *rq, const uint8_t *raw, size_t n)
{
    uint8_t  mac[MAC];
    bool     good = false;

    for (unsigned which = 0; which < 2; which++) {
        if (mac_of(rq, which, raw + MAC, n - MAC, mac)
            && CRYPTO_memcmp(mac, raw, MAC) == 0)
            good = true;
    }

    return good;
}


/* Once all parameters are known: the cursor is bound to the sort. */
const struct problem *
cursor_parse(struct request *rq)
{
    const char *text = rq->cursor;
    size_t    n = strlen(text);
    uint8_t  *raw = arena_alloc(&rq->attempt, n + 4);
    ssize_t   got;
    size_t    at = MAC;

    if (raw == NULL)
        return &out_of_memory;
    if (n > BYTES_MAX * 4 / 3 || (got = base64url_decode(raw, text, n)) < MAC
        || !cursor_good(rq, raw, (size_t) got))
        return &bad_cursor;

    rq->page.after.v = arena_alloc(&rq->attempt, KEYS_MAX * sizeof(char *));
    if (rq->page.after.v == NULL)
        return &out_of_memory;

    while (at + 2 <= (size_t) got && rq->page.after.n < KEYS_MAX) {
        size_t len = (size_t) raw[at] << 8 | raw[at + 1];
        char  *key;

        at += 2;
        if (len > (size_t) got - at)
            return &bad_cursor;
        key = arena_copy(&rq->attempt, (const char *) raw + at, len);
        if (key == NULL)
            return &out_of_memory;
        rq->page.after.v[rq->page.after.n++] = key;
        at += len;
    }

    return NULL;
}


static void
sort_parse(struct request *rq, const char *value)
{
    for (const char *const *s = rq->route->sorts; *s != NULL; s++) {
        if (strcmp(*s, value) == 0) {
            rq->page.sort = *s;
            return;
        }
    }
    fault_add(&rq->faults, NULL, "sort", "not_one_of",
              "The list cannot be sorted so.");
}


void
page_parse(struct request *rq, const char *name, const char *value, size_t n)
{
    int64_t limit;

    if (name[0] == 's') {
        sort_parse(rq, value);
    } else if (name[0] == 'c') {
        rq->cursor = value;
    } else if (value[strspn(value, "-0123456789")] != '\0') {
        fault_add(&rq->faults, NULL, "limit", "wrong_type",
                  "The limit is a number from 1 to 100.");
        rq->faults.status = 400;
    } else if (!int_parse(&limit, value, n) || limit < 1
               || limit > LIMIT_MAX) {
        fault_add(&rq->faults, NULL, "limit", "out_of_range",
                  "The limit is a number from 1 to 100.");
    } else {
        rq->page.limit = limit + 1;
    }
}
