/*
 * money.c - arithmetic on amounts that loses nothing.
 *
 * 128-bit integers in between, no floating point anywhere.
 * Return codes; nothing here leaves by fail().
 */
#include "core/money.h"

#include "core/banned.h"

/* Active codes of ISO 4217 by their decimals. */
static const char *const currencies[] = {
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
    "",
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV "
    "BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK "
    "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK "
    "SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS "
    "UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWL ",
    "BHD IQD JOD KWD LYD OMR TND ",
    "CLF UYW ",
};

static const int64_t powers[] = { 1, 10, 100, 1000, 10000 };


/* A plain search: imports ask for it, not every request.  Each code takes four
 * bytes with its space, which is the step of the search.  -1: not a
 * currency. */
int
currency_exponent(const char *code)
{
    for (int e = 0; e < (int) (sizeof(currencies) / sizeof(currencies[0]));
         e++)
    {
        for (const char *c = currencies[e]; *c != '\0'; c += 4) {
            if (strncmp(c, code, 3) == 0 && code[3] == '\0')
                return e;
        }
    }
    return -1;
}


/* Beyond it JavaScript would round what we so carefully did not.  Both ends
 * are inside; AMOUNT_MAX is 2^53 - 1. */
static bool
in_range(__int128 v)
{
    return v >= -AMOUNT_MAX && v <= AMOUNT_MAX;
}


/* A sum begins with no currency; the first amount gives it one.  `named` is
 * whichever has a currency, so an empty sum takes the other's. */
static bool
add(struct money *out, const struct money *a, const struct money *b, int sign)
{
    const struct money  *named = a->currency[0] == '\0' ? b : a;
    struct money         sum = *named;
    __int128             v = (__int128) a->amount + (__int128) b->amount * sign;

    if (a->currency[0] != '\0' && b->currency[0] != '\0'
        && strncmp(a->currency, b->currency, sizeof(a->currency)) != 0)
        return false;
    if (!in_range(v))
        return false;
    sum.amount = (int64_t) v;
    *out = sum;
    return true;
}


/* `out` may be one of the two.  False, and `out` as it was: two currencies, or
 * a sum beyond AMOUNT_MAX. */
bool
money_add(struct money *out, const struct money *a, const struct money *b)
{
    return add(out, a, b, 1);
}


/* As money_add().  The sign is applied in 128 bits, so no amount is too small
 * to be negated. */
bool
money_subtract(struct money *out, const struct money *a,
               const struct money *b)
{
    return add(out, a, b, -1);
}


/* Division in C rounds towards zero; the rest says what rounding adds.  `away`
 * leads from zero whatever the signs are, so a refund rounds like its
 * charge. */
static __int128
divide(__int128 v, __int128 by, enum rounding how)
{
    __int128  whole = v / by, rest = v % by;
    int       away = (v < 0) == (by < 0) ? 1 : -1;

    if (rest < 0)
        rest = -rest;
    if (by < 0)
        by = -by;
    if (how == TOWARDS_ZERO || rest * 2 < by)
        return whole;
    if (rest * 2 == by && how == HALF_EVEN && whole % 2 == 0)
        return whole;
    return whole + away;
}


/* One rounding, at the end; the product has all its digits until then. */
bool
money_scale(struct money *out, const struct money *m, int64_t times,
            int64_t by, enum rounding how)
{
    struct money  scaled = *m;
    __int128      v;

    if (by == 0)
        return false;
    v = divide((__int128) m->amount * times, by, how);
    if (!in_range(v))
        return false;
    scaled.amount = (int64_t) v;
    *out = scaled;
    return true;
}


/* Of nothing but zeros no share could be told.  *sum fits 64 bits, and an
 * amount times a weight then fits 128. */
static bool
sum_of(const int64_t *weights, size_t n, int64_t *sum)
{
    *sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (weights[i] < 0 || __builtin_add_overflow(*sum, weights[i], sum))
            return false;
    }
    return *sum > 0;
}


/* How many rests are larger than `level`.  Equal ones are not counted:
 * money_split() gives those what is left, in order. */
static size_t
count_above(const int64_t *rests, size_t n, int64_t level)
{
    size_t  count = 0;

    for (size_t i = 0; i < n; i++)
        count += rests[i] > level;
    return count;
}


/* The smallest level that at most `units` rests are above.  Halving takes 63
 * passes over the rests and no memory, where sorting would need some. */
static int64_t
cut(const int64_t *rests, size_t n, int64_t sum, size_t units)
{
    int64_t  low = 0, high = sum, mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (count_above(rests, n, mid) <= units)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}


/* A negative amount is shared as its positive: a refund takes back what the
 * charge gave, part by part.  The parts add up to the amount exactly: what
 * whole units are left go to the largest rests, equals in order. */
bool
money_split(int64_t amount, const int64_t *weights, size_t n, int64_t *parts)
{
    __int128  whole = amount < 0 ? -(__int128) amount : amount;
    __int128  left = whole, share;
    int64_t   sum, level;
    size_t    units;

    if (!in_range(amount) || !sum_of(weights, n, &sum))
        return false;
    for (size_t i = 0; i < n; i++) {    /* rests first, in the parts' place */
        share = whole * weights[i];
        left -= share / sum;
        parts[i] = (int64_t) (share % sum);
    }
    units = (size_t) left;
    level = cut(parts, n, sum, units);
    units -= count_above(parts, n, level);

    for (size_t i = 0; i < n; i++) {
        share = whole * weights[i] / sum;
        if (parts[i] > level) {
            share++;
        } else if (parts[i] == level && units > 0) {
            share++;
            units--;
        }
        parts[i] = (int64_t) (amount < 0 ? -share : share);
    }
    return true;
}


/* Not isdigit(): imports bring any byte, and a negative char is not for it. */
static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}


/* A sign, digits, and perhaps a point with digits behind it.  ".5" and "5."
 * are refused: they are slips more often than amounts. */
static bool
is_decimal(const char *text, size_t n)
{
    size_t  i = n > 0 && text[0] == '-', whole = 0, decimals = 0;

    for (; i < n && is_digit(text[i]); i++)
        whole++;
    if (i == n)
        return whole > 0;
    if (text[i++] != '.' || whole == 0)
        return false;
    for (; i < n && is_digit(text[i]); i++)
        decimals++;
    return i == n && decimals > 0;
}


/* Digits one by one; the point only says how many zeros are missing.
 * is_decimal() has passed the text.  With those zeros it may need more than 64
 * bits, so the range is asked before they are there.  Zeros beyond the
 * currency's decimals lose nothing and are let through. */
static enum money_error
minor_units(const char *text, size_t n, int exponent, int64_t *out)
{
    int64_t  v = 0, zeros;
    int      decimals = -1;             /* -1: before the point */

    for (size_t i = text[0] == '-'; i < n; i++) {
        if (text[i] == '.') {
            decimals = 0;
            continue;
        }
        if (decimals >= exponent && text[i] != '0')
            return MONEY_TOO_MANY_DECIMALS;
        if (decimals >= exponent)
            continue;
        v = v * 10 + (text[i] - '0');
        if (v > AMOUNT_MAX)
            return MONEY_OUT_OF_RANGE;
        decimals += decimals >= 0;
    }
    zeros = powers[exponent - (decimals < 0 ? 0 : decimals)];
    if (v > AMOUNT_MAX / zeros)
        return MONEY_OUT_OF_RANGE;
    *out = (text[0] == '-' ? -v : v) * zeros;
    return MONEY_OK;
}


/* Plain decimals as imports have them: no plus, no exponent, no separators.
 * `out` is written only with MONEY_OK; a known currency ends after three
 * letters, so its NUL is copied with it. */
enum money_error
money_parse(struct money *out, const char *text, size_t n,
            const char *currency)
{
    int               exponent = currency_exponent(currency);
    enum money_error  error;
    int64_t           amount;

    if (exponent < 0)
        return MONEY_UNKNOWN_CURRENCY;
    if (!is_decimal(text, n))
        return MONEY_NOT_A_NUMBER;
    error = minor_units(text, n, exponent, &amount);
    if (error != MONEY_OK)
        return error;
    out->amount = amount;
    memcpy(out->currency, currency, 4);
    return MONEY_OK;
}


/* A currency that is not in the table is shown in minor units.  The room of 24
 * bytes fits 16 digits, sign, point and NUL; returned is the length without
 * the NUL. */
size_t
money_text(char out[24], const struct money *m)
{
    int      exponent = currency_exponent(m->currency), n;
    int64_t  v = m->amount < -AMOUNT_MAX ? -AMOUNT_MAX
                 : m->amount > AMOUNT_MAX ? AMOUNT_MAX : m->amount;
    int64_t  unit = powers[exponent < 0 ? 0 : exponent];
    int64_t  plain = v < 0 ? -v : v;

    if (unit == 1)
        n = snprintf(out, 24, "%lld", (long long) v);
    else
        n = snprintf(out, 24, "%s%lld.%0*lld", v < 0 ? "-" : "",
                     (long long) (plain / unit), exponent,
                     (long long) (plain % unit));
    return (size_t) n;
}
