/*
 * pace.c - whose bucket a request is paid from, and how he is told.
 *
 * Who shows a key on a route that asks for one pays as that key, known or not:
 * the database has not been asked yet.  A key that turns out to be nobody's is
 * charged to the address as a guess; an address that has guessed too often is
 * not looked up any more.  Everyone else pays as an address.
 *
 * Nothing here returns an error.
 */
#include <string.h>
#include <strings.h>

#include "core/env.h"
#include "core/pace.h"
#include "core/request.h"
#include "core/worker.h"


shop_str_t
pace_token(const shop_request_t *in)
{
    shop_str_t given = in->header[SHOP_H_AUTHORIZATION];

    if (given.len <= 7 || strncasecmp(given.data, "Bearer ", 7) != 0)
        return (shop_str_t) { NULL, 0 };
    while (given.len > 7 && given.data[7] == ' ') {
        given.data++;
        given.len--;
    }

    return (shop_str_t) { given.data + 7, given.len - 7 };
}


/* A subscriber has a whole /64 of IPv6, so that is one address; what is mapped
 * from IPv4 is the same one. */
static shop_str_t
address_of(const shop_request_t *in)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    shop_str_t           a = in->address;

    if (a.len != 16)
        return a;
    if (memcmp(a.data, mapped, sizeof(mapped)) == 0)
        return (shop_str_t) { a.data + 12, 4 };

    return (shop_str_t) { a.data, 8 };
}


static bool
admit(struct shop *shop, const struct match *m, const shop_request_t *in,
      struct limit_state *out)
{
    const struct route *r = m->route;
    const shop_limit_t *rules = shop->conf.limit;
    unsigned            cost = r == NULL || r->cost == 0 ? 1 : r->cost;
    uint64_t            now = shop_env.mono_us();
    shop_str_t          who = address_of(in), token = pace_token(in);

    if (r == NULL || r->may == PUBLIC || token.len == 0)
        return limit_take(&shop->cache, rules, SHOP_LIMIT_ADDRESS, who, cost,
                          now, out);

    return limit_peek(&shop->cache, rules, SHOP_LIMIT_GUESS, who, now, out)
           && limit_take(&shop->cache, rules, SHOP_LIMIT_KEY, token, cost,
                         now, out);
}


/* A kept answer takes ten microseconds in all, so not even the clock is read
 * where nothing is limited. */
static bool
is_unlimited(const shop_limit_t *rules)
{
    for (unsigned i = 0; i < SHOP_LIMIT_COUNT; i++) {
        if (rules[i].per_minute != 0)
            return false;
    }

    return true;
}


bool
pace_admit(struct shop *shop, const struct match *m, const shop_request_t *in,
           struct limit_state *out)
{
    bool may = is_unlimited(shop->conf.limit)
               || (m->route != NULL && (m->route->flags & FREE))
               || admit(shop, m, in, out);

    if (!may)
        COUNT(shop, LIMITED, 1);

    return may;
}


void
pace_guessed(struct request *rq)
{
    struct limit_state s = { 0 };

    (void) limit_take(&rq->shop->cache, rq->shop->conf.limit,
                      SHOP_LIMIT_GUESS, address_of(rq->in), 1,
                      shop_env.mono_us(), &s);
}


/* --- headers ------------------------------------------------------------- */


static char *
put_number(char *at, uint32_t n)
{
    char      digits[10];
    unsigned  i = 0;

    do
        digits[i++] = (char) ('0' + n % 10);
    while ((n /= 10) != 0);
    while (i > 0)
        *at++ = digits[--i];

    return at;
}


/* "NAME";X=n;Y=n */
static char *
put_item(char *at, const char *name, char x, uint32_t n_x, char y,
         uint32_t n_y)
{
    size_t len = strlen(name);

    *at++ = '"';
    memcpy(at, name, len);
    at += len;
    *at++ = '"';
    *at++ = ';';
    *at++ = x;
    *at++ = '=';
    at = put_number(at, n_x);
    *at++ = ';';
    *at++ = y;
    *at++ = '=';

    return put_number(at, n_y);
}


/* Every hit has them, so they are not left to printf(). */
size_t
pace_headers(const struct limit_state *s, char text[PACE_TEXT],
             shop_header_t out[PACE_HEADERS])
{
    char *at = text, *end;

    if (s->name == NULL)
        return 0;

    end = put_item(at, s->name, 'q', s->burst, 'w', s->window_s);
    out[0].name = (shop_str_t) { "RateLimit-Policy", 16 };
    out[0].value = (shop_str_t) { at, (size_t) (end - at) };
    at = end;
    end = put_item(at, s->name, 'r', s->left, 't', s->full_s);
    out[1].name = (shop_str_t) { "RateLimit", 9 };
    out[1].value = (shop_str_t) { at, (size_t) (end - at) };
    if (s->wait_s == 0)
        return 2;

    at = end;
    end = put_number(at, s->wait_s);
    out[2].name = (shop_str_t) { "Retry-After", 11 };
    out[2].value = (shop_str_t) { at, (size_t) (end - at) };

    return 3;
}
