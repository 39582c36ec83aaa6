/*
 * json_scan.c - one pass over a body before it is parsed, which undoes escapes.
 *
 * Knows strings, brackets and commas, not the grammar.  It ends at the first
 * thing that is wrong, so that a hostile body costs what its beginning costs.
 * Return codes; nothing here leaves by fail().
 */
#include "core/json_scan.h"

#include "core/banned.h"
#include "core/shape.h"
#include "core/text.h"
#include "core/word.h"


/* Always false, so that a step can end with it.  `at` is the byte of the
 * fault, from which json_error_text() counts line and column. */
static bool
refuse(struct scan *s, const char *code, const char *why, size_t at)
{
    *s->error = (struct json_error) { code, why, at };
    return false;
}


/* An escape costs as much as twenty letters, and more in yajl, where those of
 * controls go: so they are bounded. */
static bool
scan_counted(struct scan *s, size_t more, size_t at)
{
    s->escapes += more;
    return s->escapes <= ESCAPES_MAX
           || refuse(s, "too_many_escapes",
                     "more than 20000 escapes, each \\u00XX of a control"
                     " counted twice", at);
}


/* Too few digits.  The grammar must not be asked: letters that were escaped
 * behind it are themselves by then, and might be the digits that it lacks. */
static bool
is_unfinished(const struct scan *s, size_t at, int32_t c)
{
    return c == JSON_NO_LETTER && at + 1 < s->n && s->text[at + 1] == 'u';
}


/* At a backslash.  A NUL is refused as neither a C string nor PostgreSQL's
 * text can hold one; of what is no escape the grammar will complain. */
static bool
scan_escape(struct scan *s)
{
    size_t   at = s->i, len;
    int32_t  c = json_letter(s->text + at, s->n - at, &len);
    char     letter[4];

    s->i += len;
    if (json_letter_put(letter, c) > 0)
        return scan_counted(s, len == 2, at) && string_letter(s, c, at);
    if (is_unfinished(s, at, c))
        return refuse(s, "json_syntax", "\\u has four hexadecimal digits", at);
    if (c == 0)
        return refuse(s, "invalid_unicode", "a text cannot hold NUL", at);
    if (c == JSON_HALF_LETTER)
        return refuse(s, "invalid_unicode",
                      "half of a surrogate pair stands alone", at);
    s->string.kept = true;
    return scan_counted(s, 2, at);
}


/* At a byte that a run of plain ASCII ended with.  False: refused, as
 * yajl will not see all strings. */
static bool
scan_special(struct scan *s)
{
    size_t  len;

    if (s->text[s->i] == '\\')
        return scan_escape(s);
    len = utf8_character(s->text + s->i, s->n - s->i);
    if (len == 0)
        return refuse(s, "invalid_unicode", "this byte is not UTF-8", s->i);
    if ((unsigned char) s->text[s->i] < ' ')
        return refuse(s, "json_syntax",
                      "a control character must be escaped", s->i);
    s->i += len;
    return true;
}


/* Words of n bytes, up to the first byte that is not plain. */
static size_t
plain_bytes(const char *p, size_t n)
{
    size_t    i = 0;
    uint64_t  special;

    for (; n - i >= 8; i += 8) {
        special = word_special(word_load(p + i));
        if (special != 0)
            return i + word_first(special);
    }
    return i;
}


/* From one quote to the next that is not escaped. */
static bool
scan_string(struct scan *s)
{
    size_t  i = s->i + 1, plain;

    string_begin(s, i);
    while (i < s->n && s->text[i] != '"') {
        plain = plain_bytes(s->text + i, s->n - i);
        i += plain;
        if (plain > 0)
            continue;
        s->i = i;
        if (!scan_special(s))
            return false;
        i = s->i;
    }
    s->i = i;
    if (i >= s->n)
        return refuse(s, "json_syntax", "the text ends within a string", s->n);
    if (!string_end(s))
        return false;
    s->i++;
    return true;
}


/* Depth is what would cost yajl and us a stack.  Closed brackets are taken off
 * without a look at their kind: whether they match is the grammar's to say. */
static bool
scan_open(struct scan *s)
{
    if (++s->depth > DEPTH_MAX)
        return refuse(s, "too_deep", "nested more than 32 levels deep", s->i);
    s->i++;
    return true;
}


/* An opening bracket and every comma stand for one member each.  yajl would
 * pass over two more kinds of white space than JSON has. */
static bool
scan_token(struct scan *s)
{
    char  c = s->text[s->i];

    if (c == '"')
        return scan_string(s);
    if (c == '{' || c == '[' || c == ',') {
        if (++s->members > MEMBERS_MAX)
            return refuse(s, "too_many_members",
                          "more than 10000 members and items", s->i);
        if (c != ',')
            return scan_open(s);
    }
    if (c == '\v' || c == '\f')
        return refuse(s, "json_syntax", "this is no white space of JSON",
                      s->i);
    if ((c == '}' || c == ']') && s->depth > 0)
        s->depth--;
    s->i++;
    return true;
}


/* Blocks of n bytes, without a token in any of them: so many bytes. */
static size_t
dull_blocks(const char *p, size_t n)
{
    size_t  i;

    for (i = 0; n - i >= BLOCK; i += BLOCK) {
        block  b = block_load(p + i), bracket = b | ('[' ^ '{');

        if (block_has((block) ((b == '"') | (b == ',') | (bracket == '{')
                               | (bracket == '}') | (b == '\v')
                               | (b == '\f'))))
            break;
    }
    return i;
}


static bool
has_other_than_blanks(block b)
{
    return block_has((block) ((b != ' ') & (b != '\n') & (b != '\r')
                              & (b != '\t')));
}


/* Only what JSON calls white space. */
static bool
is_blank(const char *text, size_t n)
{
    size_t  i = 0;

    for (; n - i >= BLOCK; i += BLOCK) {
        if (has_other_than_blanks(block_load(text + i)))
            return false;
    }
    return !has_other_than_blanks(block_load_rest(text + i, n - i));
}


/* To the next byte that scan_token() has something to do with.  Numbers, words
 * and blanks are passed here, and whatever is no JSON at all.  What is longer
 * than they are in any JSON that people send is passed by blocks, and blanks
 * are not for yajl then. */
static bool
scan_dull(struct scan *s)
{
    static const bool  token[256] = {
        ['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true,
        [','] = true, ['\v'] = true, ['\f'] = true,
    };
    const unsigned char  *p = (const unsigned char *) s->text;
    size_t                i = s->i, near = i + BLOCK;

    while (i < s->n && !token[p[i]]) {
        i++;
        if (i == near)
            i += dull_blocks(s->text + i, s->n - i);
    }
    if (i - s->i > JSON_LONG && is_blank(s->text + s->i, i - s->i)
        && !scan_cut_blanks(s, i))
        return false;
    s->i = i;
    return true;
}


/* yajl copies a last token that nothing ends ("12", "nul").  Its length is
 * what json_read() reserves for that copy. */
static size_t
tail(const char *text, size_t n)
{
    static const bool  ends[256] = {
        ['{'] = true, ['}'] = true, ['['] = true, [']'] = true, [':'] = true,
        [','] = true, ['"'] = true, [' '] = true, ['\t'] = true,
        ['\r'] = true, ['\n'] = true,
    };
    size_t             len = 0;

    while (len < n && !ends[(unsigned char) text[n - len - 1]])
        len++;
    return len;
}


static bool
scan_all(struct scan *s)
{
    while (scan_dull(s) && s->i < s->n) {
        if (!scan_token(s))
            return false;
    }
    if (s->no_memory)
        return false;
    if (s->members == 0 && is_blank(s->text, s->n))
        return refuse(s, "json_syntax", "there is no JSON", 0);
    if (s->depth > 0)
        return refuse(s, "json_syntax", "the text ends too early", s->n);
    return true;
}


/* What ends with a bracket open cannot be right, so yajl need not see it. */
int
json_scan(struct arena *a, const char *text, size_t n,
          struct json_plain *plain, struct json_error *error)
{
    struct scan  s = { .text = text, .n = n, .error = error, .arena = a,
                       .plain = plain };

    plain->n = plain->escaped = plain->marks = plain->cuts = 0;
    plain->cut = NULL;
    if (!scan_all(&s))
        return s.no_memory ? SHOP_E_NOMEM : 1;
    if (s.out != NULL)
        scan_copy_run(&s, n);
    else
        plain->n = n;
    plain->text = s.out != NULL ? s.out : text;
    plain->tail = tail(text, n);
    return 0;
}
