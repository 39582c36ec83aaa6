/*
 * options.c - a command's own options, by a table, and what is said of wrong
 * ones.
 */
#include "shopctl/shopctl.h"

#include <stdarg.h>

#include "core/banned.h"
#include "core/text.h"


/* Names the command, for a script with several calls, and where its help is.
 * Returns the code, so that a check is one line: return ctl_usage(...). */
int
ctl_usage(struct ctl *ctl, const char *format, ...)
{
    char     why[512];
    va_list  args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    ctl_error(ctl, "%s: %s (shopctl %s --help says how)", ctl->command->name,
              why, ctl->command->name);

    return CTL_USAGE;
}


/* By the whole name only: an abbreviation would forbid us to add an option
 * that begins like it. */
static const struct option *
find_option(const struct option *options, const char *name, size_t n)
{
    for ( ; options->name != NULL; options++) {
        if (strlen(options->name) == n && memcmp(options->name, name, n) == 0)
            return options;
    }

    return NULL;
}


/* The array is copied each time: nobody repeats an option often. */
static bool
add_text(struct ctl *ctl, struct texts *to, const char *value)
{
    const char **v = arena_alloc(&ctl->arena, (to->n + 1) * sizeof(*v));

    if (v == NULL)
        return false;
    if (to->n > 0)
        memcpy(v, to->v, to->n * sizeof(*v));
    v[to->n] = value;
    *to = (struct texts) { to->n + 1, v };

    return true;
}


/* Bounds are the table's, so that what a command gets it can use; the message
 * tells them, since a bound that one has to guess is a nuisance. */
static int
set_int(struct ctl *ctl, const struct option *o, const char *value)
{
    int64_t v;

    if (!int_parse(&v, value, strlen(value)) || v < o->min || v > o->max) {
        return ctl_usage(ctl, "--%s takes a number from %lld to %lld, not "
                         "\"%s\"", o->name, (long long) o->min,
                         (long long) o->max, value);
    }
    *(int64_t *) o->to = v;

    return CTL_OK;
}


/* Everything that goes on to the database is UTF-8 from here on.  What is not
 * can only be a mistake of the terminal's or the script's encoding. */
static int
set(struct ctl *ctl, const struct option *o, const char *value)
{
    if (utf8_length(value, strlen(value)) < 0)
        return ctl_usage(ctl, "the value of --%s is not UTF-8", o->name);

    switch (o->kind) {
    case OPTION_FLAG:
        break;                  /* has no value                              */
    case OPTION_TEXT:
        *(const char **) o->to = value;
        break;
    case OPTION_INT:
        return set_int(ctl, o, value);
    case OPTION_TEXTS:
        if (!add_text(ctl, o->to, value)) {
            ctl_error(ctl, "out of memory");
            return CTL_FAILED;
        }
        break;
    }

    return CTL_OK;
}


/* "--name=value", "--name value" or, of a flag, "--name", at argv[*i]. */
static int
take(struct ctl *ctl, const struct option *options, int argc, char **argv,
     int *i)
{
    const char           *name = argv[*i] + 2, *value = strchr(name, '=');
    size_t                n = value != NULL ? (size_t) (value - name)
                                            : strlen(name);
    const struct option  *o = find_option(options, name, n);

    if (o == NULL) {
        return ctl_usage(ctl, "there is no option \"--%.*s\"", (int) n, name);
    }
    if (o->kind == OPTION_FLAG) {
        if (value != NULL)
            return ctl_usage(ctl, "--%s takes no value", o->name);
        *(bool *) o->to = true;
        return CTL_OK;
    }

    if (value != NULL)
        return set(ctl, o, value + 1);
    if (*i + 1 == argc || strncmp(argv[*i + 1], "--", 2) == 0)
        return ctl_usage(ctl, "--%s needs a value", o->name);

    return set(ctl, o, argv[++*i]);
}


/* Options and operands may be mixed, as in GNU's programs: people add an
 * option at the end of a line that did not do what they wanted. */
int
ctl_options(struct ctl *ctl, const struct option *options, int *argc,
            char **argv, int min, int max)
{
    int   n = 0, rc;
    bool  ended = false;

    for (int i = 0; i < *argc; i++) {
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[n++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (argv[i][1] != '-') {
            return ctl_usage(ctl, "there is no option \"%s\"", argv[i]);
        } else {
            rc = take(ctl, options, *argc, argv, &i);
            if (rc != CTL_OK)
                return rc;
        }
    }

    *argc = n;
    if (n > max)
        return ctl_usage(ctl, "\"%s\" is too much", argv[max]);
    if (n < min)
        return ctl_usage(ctl, "something is missing");

    return CTL_OK;
}
