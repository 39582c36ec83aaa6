/*
 * text.h - UTF-8, ids, times and encodings as text.
 *
 * Functions return a length or true on success, -1 or false for bad input;
 * none allocates unless it takes an arena (then NULL is lack of memory).
 */
#ifndef SHOP_TEXT_H
#define SHOP_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/arena.h"
#include "core/value.h"
#include "shop.h"

/* Valid UTF-8, no surrogates, no NUL; the characters, or -1. */
ssize_t utf8_length(const char *text, size_t n);

/* Bytes of the character at `text` (n > 0), by the same rules; 0: none. */
size_t utf8_character(const char *text, size_t n);

/* At most 30 combining marks in a row, as in every language.  More are not
 * normalised, as that would cost their square. */
bool utf8_stream_safe(const char *text, size_t n);

/* NFC, NUL-ended; the text itself when it is normal already. */
const char *text_nfc(struct arena *a, const char *text, size_t n);

/* A slug of any text: folded, letters mapped to a-z ("ı" is "i", "ß" is
 * "ss"), everything else a single hyphen, at most `max` bytes; "" if nothing
 * is left. */
const char *text_slug(struct arena *a, const char *text, size_t n,
                      size_t max);

/* Percent-decoding of a path segment or query part; with `plus`, + is a
 * space.  -1: bad escape, or a NUL. */
ssize_t percent_decode(char *out, const char *in, size_t n, bool plus);

/* UUIDs: canonical text (36 bytes, no NUL), TypeID's base 32 (26 bytes). */
bool uuid_parse(uuid *out, const char *text, size_t n);
void uuid_text(char out[36], uuid id);
bool uuid_from_base32(uuid *out, const char *text, size_t n);
void uuid_base32(char out[26], uuid id);
/* "prod_01h..." */
bool id_parse(uuid *out, const char *prefix, const char *text, size_t n);
uuid uuid_v7(int64_t now_us, const uint8_t random[10]);

/* RFC 3339, any offset and fraction in, UTC with microseconds out (27). */
bool stamp_parse(stamp *out, const char *text, size_t n);
void stamp_text(char out[27], stamp at);
/* PostgreSQL's text form under DateStyle ISO and TimeZone UTC. */
bool stamp_from_pg(stamp *out, const char *text, size_t n);

/* base64url without padding. */
size_t base64url(char *out, const uint8_t *in, size_t n);
ssize_t base64url_decode(uint8_t *out, const char *in, size_t n);

bool int_parse(int64_t *out, const char *text, size_t n);

/* Would a program for tables take the cell for a formula?  Such begin with
 * = + - @ TAB or CR, also behind apostrophes: a CSV of ours has one apostrophe
 * more before it, and whoever reads it takes one away. */
bool csv_is_formula(const char *cell);

/* PostgreSQL's array text form, in and out. */
bool pg_array_parse(struct arena *a, struct texts *out, const char *text,
                    size_t n);
const char *pg_array_text(struct arena *a, const struct texts *in);

#endif
