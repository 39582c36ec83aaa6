/*
 * money.h - arithmetic on amounts that loses nothing.
 *
 * Amounts are whole minor units.  What rounds says how; what is shared out
 * adds up to the whole again; two currencies never meet in one sum.  A result
 * beyond AMOUNT_MAX is refused, so every amount stays exact in JSON.
 *
 * Functions return false and leave *out alone when they refuse.
 */
#ifndef SHOP_MONEY_H
#define SHOP_MONEY_H

#include "core/value.h"

enum rounding {
    HALF_UP,                    /* away from zero, as people round           */
    HALF_EVEN,                  /* without drift over many roundings         */
    TOWARDS_ZERO
};

enum money_error {
    MONEY_OK,
    MONEY_NOT_A_NUMBER,         /* digits, then a point and digits           */
    MONEY_TOO_MANY_DECIMALS,    /* more than the currency has                */
    MONEY_OUT_OF_RANGE,
    MONEY_UNKNOWN_CURRENCY
};

/* Decimals of an ISO 4217 currency: JPY 0, EUR 2, KWD 3, CLF 4; -1: not a
 * currency in use. */
int currency_exponent(const char *code);

/* Same currency on both sides; a none takes the other's currency. */
bool money_add(struct money *out, const struct money *a,
               const struct money *b);
bool money_subtract(struct money *out, const struct money *a,
                    const struct money *b);

/* m * times / by: a quantity, a rate, a tax. */
bool money_scale(struct money *out, const struct money *m, int64_t times,
                 int64_t by, enum rounding how);

/*
 * Share an amount by weights: each part is the exact share rounded down, and
 * what is left goes, one unit each, to those that lost most; of equals the
 * first.  The parts add up to the amount, whatever its sign.  Refused: no
 * part, a negative weight, weights that are all zero or add up beyond 63
 * bits.
 */
bool money_split(int64_t amount, const int64_t *weights, size_t n,
                 int64_t *parts);

/* "1234.56" to minor units.  Zeros beyond the currency's decimals lose
 * nothing and are taken ("1200.00" JPY). */
enum money_error money_parse(struct money *out, const char *text, size_t n,
                             const char *currency);

/* "1234.56", at most 24 bytes with the NUL; the length. */
size_t money_text(char out[24], const struct money *m);

#endif
