/*
 * options.c - shopd's command line, by a table.
 *
 * What is wrong is told in one line that names it and says what is allowed, and
 * nothing is begun.  The database's string is not looked at here: libshop knows
 * what it may be.
 */
#include "shopd/shopd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/banned.h"

static const char help[] =
    "usage: shopd [--database CONNINFO] [--deadline SECONDS]\n"
    "             [--drain SECONDS] [--metrics FILE] [--quiet]\n"
    "       shopd --check [--database CONNINFO]\n"
    "\n"
    "Does the background work of a shop: gives events their numbers and\n"
    "delivers them, turns schedules that are due into jobs, runs jobs. It\n"
    "needs the shop's database and nothing else, so it may run on any\n"
    "machine, beside nginx or in its place (\"shop_background off;\"), and\n"
    "more than once: each event and each job is done by one of all.\n"
    "\n"
    "  --database CONNINFO   a connection string or URI of libpq; else\n"
    "                        $SHOP_DATABASE, else libpq's own defaults\n"
    "  --deadline SECONDS    for a job, 1 to 3600; 5 when it is not given\n"
    "  --drain SECONDS       for what runs when it is to end, 0 to 3600; 30\n"
    "                        when it is not given\n"
    "  --metrics FILE        counters as Prometheus reads them, written anew\n"
    "                        every five seconds\n"
    "  --quiet               no remarks, only warnings and errors\n"
    "  --check               look whether the database can be reached and has\n"
    "                        this version's tables, and end\n"
    "  --help, --version\n"
    "\n"
    "SIGTERM and SIGINT end it: no job is begun, the one that runs is\n"
    "finished. A second one ends it at once; what ran is done again by\n"
    "whoever is left, when its lease is over. It logs to standard error, a\n"
    "line each.\n"
    "\n"
    "Exit codes:\n"
    "  0  ended as it was asked to; all is well\n"
    "  1  what ran did not end in time; the database is not migrated\n"
    "  2  the command line is wrong\n"
    "  3  --check: the database cannot be reached\n";

struct option {
    const char   *name;
    const char  **text;         /* one of these three                        */
    long         *number;
    bool         *flag;
    long          min;
    long          max;
};


/* All messages end alike, with where to read on. */
static int
wrong(const char *what, const char *which, const char *why)
{
    say(SHOP_LOG_ERROR, "%s \"%s\"%s (shopd --help says how)", what, which,
        why);

    return SHOPD_USAGE;
}


/* Whole numbers, all of the text; a bound that one has to guess is a nuisance,
 * so the message tells both. */
static int
set_number(const struct option *o, const char *value)
{
    char *end;
    long  v;

    errno = 0;
    v = strtol(value, &end, 10);
    if (errno == 0 && end != value && *end == '\0' && v >= o->min
        && v <= o->max)
    {
        *o->number = v;
        return SHOPD_OK;
    }
    say(SHOP_LOG_ERROR, "--%s takes a number from %ld to %ld, not \"%s\""
        " (shopd --help says how)", o->name, o->min, o->max, value);

    return SHOPD_USAGE;
}


/* "--name=value", "--name value" or, of a flag, "--name", at argv[*i]; names
 * are compared whole, so that new ones can come. */
static int
take(const struct option *o, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *value = strchr(name, '=');
    size_t      n = value != NULL ? (size_t) (value - name) : strlen(name);

    while (o->name != NULL
           && (strlen(o->name) != n || memcmp(o->name, name, n) != 0))
        o++;
    if (o->name == NULL)
        return wrong("there is no option", argv[*i], "");
    if (o->flag != NULL) {
        *o->flag = true;
        return value == NULL ? SHOPD_OK
                             : wrong("option", argv[*i], " takes no value");
    }
    if (value == NULL && *i + 1 == argc)
        return wrong("option", argv[*i], " needs a value");
    value = value != NULL ? value + 1 : argv[++*i];
    if (o->number != NULL)
        return set_number(o, value);
    *o->text = value;

    return SHOPD_OK;
}


/* Help comes even where it is asked for beside a mistake that stands behind it,
 * and an empty variable is as good as none. */
int
options_take(struct options *o, int argc, char **argv)
{
    bool                 h = false, version = false;
    const struct option  table[] = {
        { "database", .text = &o->database },
        { "deadline", .number = &o->deadline, .min = 1, .max = 3600 },
        { "drain", .number = &o->drain, .min = 0, .max = 3600 },
        { "metrics", .text = &o->metrics },
        { "check", .flag = &o->check },
        { "quiet", .flag = &o->quiet },
        { "help", .flag = &h },
        { "version", .flag = &version },
        { NULL }
    };
    const char          *database = getenv("SHOP_DATABASE");
    int                  rc = SHOPD_OK;

    *o = (struct options) { .deadline = 5, .drain = 30 };
    o->database = database != NULL ? database : "";
    for (int i = 1; i < argc && rc == SHOPD_OK; i++) {
        if (strcmp(argv[i], "-h") == 0)
            h = true;
        else if (strncmp(argv[i], "--", 2) != 0)
            rc = wrong("there is nothing to be done with", argv[i], "");
        else
            rc = take(table, argc, argv, &i);
    }
    if (rc == SHOPD_OK && h)
        fputs(help, stdout);
    else if (rc == SHOPD_OK && version)
        printf("shopd %s\n", SHOP_VERSION);
    o->told = h || version;

    return rc;
}
