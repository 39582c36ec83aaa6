/*
 * cases.c - answers one case a line, so that other implementations can be
 * held against ours.
 *
 * A line is a word and hexadecimal arguments; what comes back is one line:
 * "+" and the result, or "-" and why it was refused.  Texts are hexadecimal
 * in both directions ("." is the empty one), integers decimal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/money.h"
#include "core/shape.h"
#include "core/text.h"

#define ARGS_MAX  64
#define SIZE      (1 << 20)

struct value { json v; };

static const struct field value[] = {
    SHAPE(value, "Value"),
    FIELD(value, v, JSON, .nullable = true),
    END_SHAPE
};

struct text {
    char    *data;
    size_t   n;
};

static struct arena  a;


static int
digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}


static struct text
decoded(const char *hex)
{
    size_t  n = strcmp(hex, ".") == 0 ? 0 : strlen(hex) / 2;
    char   *out = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        out[i] = (char) (digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    out[n] = '\0';
    return (struct text) { out, n };
}


static void
put(const char *text, size_t n)
{
    putchar('+');
    for (size_t i = 0; i < n; i++)
        printf("%02x", (unsigned char) text[i]);
    putchar('\n');
}


static void
refused(const char *why)
{
    printf("-%s\n", why);
}


/* The body {"v": anything}, and it as it is kept. */
static void
json_case(struct text in)
{
    static struct faults  f;
    struct value          v;
    struct buf            b;
    int                   rc;

    f = (struct faults) { .arena = &a };
    rc = shape_from_json(value, &v, false, in.data, in.n, &a, &f, NULL);
    if (rc != 0) {
        refused(f.v[0].code);
        return;
    }
    buf_init(&b, &a, 0);
    shape_to_json(&b, value, &v, false);
    put(b.data, b.len);
}


static void
path_case(struct text in, bool plus)
{
    char     *out = malloc(in.n + 1);
    ssize_t   n = percent_decode(out, in.data, in.n, plus);

    if (n < 0)
        refused("bad");
    else
        put(out, (size_t) n);
    free(out);
}


static void
put_id(uuid id)
{
    char  text[36], letters[26];

    uuid_text(text, id);
    uuid_base32(letters, id);
    printf("+%.36s %.26s\n", text, letters);
}


static void
uuid_case(struct text in, bool letters)
{
    uuid  id;

    if (letters ? uuid_from_base32(&id, in.data, in.n)
                : uuid_parse(&id, in.data, in.n))
        put_id(id);
    else
        refused("bad");
}


static void
parse_case(struct text in, struct text currency)
{
    static const char *const  why[] = {
        [MONEY_NOT_A_NUMBER] = "not_a_number",
        [MONEY_TOO_MANY_DECIMALS] = "too_many_decimals",
        [MONEY_OUT_OF_RANGE] = "out_of_range",
        [MONEY_UNKNOWN_CURRENCY] = "unknown_currency",
    };
    struct money              m;
    enum money_error          e;
    char                      text[24];

    e = money_parse(&m, in.data, in.n, currency.data);
    if (e != MONEY_OK) {
        refused(why[e]);
        return;
    }
    money_text(text, &m);
    printf("+%lld %s\n", (long long) m.amount, text);
}


static void
split_case(char *const *arg, size_t n)
{
    int64_t  weights[ARGS_MAX], parts[ARGS_MAX];

    for (size_t i = 1; i < n; i++)
        weights[i - 1] = strtoll(arg[i], NULL, 10);
    if (!money_split(strtoll(arg[0], NULL, 10), weights, n - 1, parts)) {
        refused("bad");
        return;
    }
    putchar('+');
    for (size_t i = 0; i + 1 < n; i++)
        printf("%s%lld", i > 0 ? " " : "", (long long) parts[i]);
    putchar('\n');
}


static void
scale_case(char *const *arg)
{
    static const enum rounding  how[] = { HALF_UP, HALF_EVEN, TOWARDS_ZERO };
    struct money                m = { strtoll(arg[0], NULL, 10), "EUR" };

    if (money_scale(&m, &m, strtoll(arg[1], NULL, 10),
                    strtoll(arg[2], NULL, 10), how[arg[3][0] - '0']))
        printf("+%lld\n", (long long) m.amount);
    else
        refused("bad");
}


static void
answer(const char *word, char *const *arg, size_t n)
{
    struct text  one = decoded(n > 0 ? arg[0] : ".");
    struct text  two = decoded(n > 1 ? arg[1] : ".");

    if (strcmp(word, "json") == 0)
        json_case(one);
    else if (strcmp(word, "path") == 0)
        path_case(one, false);
    else if (strcmp(word, "query") == 0)
        path_case(one, true);
    else if (strcmp(word, "uuid") == 0)
        uuid_case(one, false);
    else if (strcmp(word, "base32") == 0)
        uuid_case(one, true);
    else if (strcmp(word, "parse") == 0)
        parse_case(one, two);
    else if (strcmp(word, "split") == 0)
        split_case(arg, n);
    else if (strcmp(word, "scale") == 0)
        scale_case(arg);
    else
        refused("unknown");
    free(one.data);
    free(two.data);
    arena_reset(&a);
}


int
main(void)
{
    static char  line[SIZE];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        char    *arg[ARGS_MAX], *rest = line, *word;
        size_t   n = 0;

        word = strsep(&rest, " \n");
        while (rest != NULL && *rest != '\0' && n < ARGS_MAX)
            arg[n++] = strsep(&rest, " \n");
        answer(word, arg, n);
    }
    return 0;
}
