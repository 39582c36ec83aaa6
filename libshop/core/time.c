/*
 * time.c - instants as text: RFC 3339 in and out, PostgreSQL's form in.
 *
 * The proleptic Gregorian calendar by arithmetic (no gmtime, no time zone of
 * the process), years 0001 to 9999.
 * Return codes; nothing here leaves by fail().
 */
#include "core/text.h"

#include "core/banned.h"

#define DAY_US     86400000000ll
#define STAMP_MIN  (-62135596800000000ll)       /* 0001-01-01T00:00:00       */
#define STAMP_MAX  253402300799999999ll         /* 9999-12-31T23:59:59.9...  */

/* A text being read; `ok` stays false once something did not fit. */
struct scan {
    const char  *at;
    const char  *end;
    bool         ok;
};


/* Days since 1970-01-01.  Years begin in March, so that the leap day is the
 * last of its year; 400 years have 146,097 days.  719468 is the days from
 * March 1st of year 0 to 1970; (153 m + 2) / 5 gives the days before a month
 * that is counted from March. */
static int64_t
days_from_civil(int64_t y, unsigned m, unsigned d)
{
    int64_t   era;
    unsigned  year, day;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    year = (unsigned) (y - era * 400);
    day = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}


/* The inverse; days from March on make every formula a division. */
static void
civil_from_days(int64_t days, unsigned *y, unsigned *m, unsigned *d)
{
    unsigned  z, era, in_era, year, in_year, month;

    z = (unsigned) (days + 719468);     /* not negative from year 1 on */
    era = z / 146097;
    in_era = z - era * 146097;
    year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    in_year = in_era - (365 * year + year / 4 - year / 100);
    month = (5 * in_year + 2) / 153;
    *d = in_year - (153 * month + 2) / 5 + 1;
    *m = month < 10 ? month + 3 : month - 9;
    *y = year + era * 400 + (*m <= 2);
}


/* Fixed width with zeros in front, no NUL.  Digits that do not fit are lost,
 * so the caller's value must be in range. */
static void
put(char *out, unsigned v, unsigned width)
{
    while (width-- > 0) {
        out[width] = (char) ('0' + v % 10);
        v /= 10;
    }
}


/* Out of range cannot come from our schema; then the nearest is shown.  No
 * NUL, so that it can be written into the middle of a buffer.  The fraction
 * always has six digits: texts of times then sort as times. */
void
stamp_text(char out[27], stamp at)
{
    int64_t   us = at.us, days;
    unsigned  y, m, d, s, fraction;

    if (us < STAMP_MIN)
        us = STAMP_MIN;
    if (us > STAMP_MAX)
        us = STAMP_MAX;
    days = us / DAY_US - (us % DAY_US < 0);
    us -= days * DAY_US;
    s = (unsigned) (us / 1000000);
    fraction = (unsigned) (us % 1000000);
    civil_from_days(days, &y, &m, &d);

    memcpy(out, "0000-00-00T00:00:00.000000Z", 27);
    put(out, y, 4);
    put(out + 5, m, 2);
    put(out + 8, d, 2);
    put(out + 11, s / 3600, 2);
    put(out + 14, s / 60 % 60, 2);
    put(out + 17, s % 60, 2);
    put(out + 20, fraction, 6);
}


/* Exactly that many: no sign, no space, no fewer. */
static unsigned
scan_digits(struct scan *s, unsigned width)
{
    unsigned  v = 0;

    for (unsigned i = 0; i < width; i++) {
        if (!s->ok || s->at == s->end || *s->at < '0' || *s->at > '9') {
            s->ok = false;
            return 0;
        }
        v = v * 10 + (unsigned) (*s->at++ - '0');
    }
    return v;
}


/* Looks and takes nothing.  False also after a failure, so that no branch is
 * chosen on the rest of a bad text. */
static bool
scan_is(const struct scan *s, char c)
{
    return s->ok && s->at < s->end && *s->at == c;
}


/* What must be there.  Failure sticks, so that a parser reads on without
 * asking and scan_done() judges once. */
static void
scan_char(struct scan *s, char c)
{
    if (scan_is(s, c))
        s->at++;
    else
        s->ok = false;
}


/* Gregorian, also before 1582, as PostgreSQL counts.  m is 1 to 12:
 * scan_date() has asked before. */
static unsigned
month_days(unsigned y, unsigned m)
{
    static const uint8_t  days[] = { 31, 28, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31 };
    bool                  leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return days[m - 1] + (m == 2 && leap);
}


/* A date that the calendar has not is refused, not carried over.  0 when it
 * fails, so that sums with it stay in range. */
static int64_t
scan_date(struct scan *s)
{
    unsigned  y, m, d;

    y = scan_digits(s, 4);
    scan_char(s, '-');
    m = scan_digits(s, 2);
    scan_char(s, '-');
    d = scan_digits(s, 2);
    if (!s->ok || y < 1 || m < 1 || m > 12 || d < 1 || d > month_days(y, m)) {
        s->ok = false;
        return 0;
    }
    return days_from_civil(y, m, d) * DAY_US;
}


/* Digits beyond the sixth are cut off, not rounded: rounding could carry
 * into the next year. */
static int64_t
scan_fraction(struct scan *s)
{
    int64_t  us = 0, unit = 100000;

    scan_char(s, '.');
    if (s->ok && (s->at == s->end || *s->at < '0' || *s->at > '9'))
        s->ok = false;
    while (s->ok && s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        us += (*s->at++ - '0') * unit;
        unit /= 10;
    }
    return us;
}


/* A leap second is read as the second after it, as PostgreSQL does. */
static int64_t
scan_time(struct scan *s)
{
    unsigned  hour, minute, second;
    int64_t   us;

    hour = scan_digits(s, 2);
    scan_char(s, ':');
    minute = scan_digits(s, 2);
    scan_char(s, ':');
    second = scan_digits(s, 2);
    if (hour > 23 || minute > 59 || second > 60)
        s->ok = false;
    us = (hour * 3600ll + minute * 60 + second) * 1000000;
    if (scan_is(s, '.'))
        us += scan_fraction(s);
    return us;
}


/* "Z", or "+03:00": what to take off to get UTC. */
static int64_t
scan_offset(struct scan *s)
{
    unsigned  hour, minute;
    bool      minus;

    if (scan_is(s, 'Z') || scan_is(s, 'z')) {
        s->at++;
        return 0;
    }
    minus = scan_is(s, '-');
    scan_char(s, minus ? '-' : '+');
    hour = scan_digits(s, 2);
    scan_char(s, ':');
    minute = scan_digits(s, 2);
    if (hour > 23 || minute > 59)
        s->ok = false;
    return (hour * 60ll + minute) * (minus ? -60000000 : 60000000);
}


/* All of the text was read, and it lies within four digits.  The offset may
 * carry a time of the first or last day out of the four digits, which is why
 * the range is asked at the end. */
static bool
scan_done(const struct scan *s, int64_t us, stamp *out)
{
    if (!s->ok || s->at != s->end || us < STAMP_MIN || us > STAMP_MAX)
        return false;
    out->us = us;
    return true;
}


/* RFC 3339 allows t and z in lower case, too.  The space that it mentions in
 * place of T is not taken, and an offset must be there: no zone is guessed. */
bool
stamp_parse(stamp *out, const char *text, size_t n)
{
    struct scan  s = { text, text + n, true };
    int64_t      us = scan_date(&s);

    scan_char(&s, scan_is(&s, 't') ? 't' : 'T');
    us += scan_time(&s);
    us -= scan_offset(&s);
    return scan_done(&s, us, out);
}


/* "2026-07-27 10:00:00.5+00".  Infinity and years before Christ have no place
 * in JSON and are refused. */
bool
stamp_from_pg(stamp *out, const char *text, size_t n)
{
    struct scan  s = { text, text + n, true };
    int64_t      us = scan_date(&s);

    scan_char(&s, ' ');
    us += scan_time(&s);
    scan_char(&s, '+');
    scan_char(&s, '0');
    scan_char(&s, '0');
    return scan_done(&s, us, out);
}
