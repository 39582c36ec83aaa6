/*
 * pace.h - may this request be served now?  Asked before anything is done for
 * it, a look into the cache included.
 */
#ifndef SHOP_PACE_H
#define SHOP_PACE_H

#include "core/limit.h"
#include "core/route.h"

struct request;

/* False: he asks too often; `out` says of which limit, and how long he must
 * wait. */
bool pace_admit(struct shop *shop, const struct match *m,
                const shop_request_t *in, struct limit_state *out);

/* The key that this address showed is nobody's. */
void pace_guessed(struct request *rq);

/* The token of "Bearer TOKEN", or nothing; RFC 6750. */
shop_str_t pace_token(const shop_request_t *in);

/* What an answer says of the limit: RateLimit and RateLimit-Policy
 * (draft-ietf-httpapi-ratelimit-headers), and Retry-After when it was refused.
 * Their text lies in `text`; returns how many there are. */
#define PACE_HEADERS  3
#define PACE_TEXT     160

size_t pace_headers(const struct limit_state *s, char text[PACE_TEXT],
                    shop_header_t out[PACE_HEADERS]);

#endif
