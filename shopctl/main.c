/*
 * main.c - shopctl: finds the command that is asked for, and runs it.
 *
 * General options may stand anywhere on the command line and are taken out
 * here, so that no command has to know them.
 */
#include "shopctl/shopctl.h"

#include <stdlib.h>

#include "core/banned.h"
#include "shop.h"

#define COMMAND(id)  extern const struct command id##_command;
#include "shopctl/commands.def"
#undef COMMAND

#define COMMAND(id)  &id##_command,
static const struct command *const commands[] = {
#include "shopctl/commands.def"
    NULL
};
#undef COMMAND

struct general {                /* what the general options ask for          */
    bool  help;
    bool  version;
    bool  ended;                /* "--" was seen                             */
};

static const char usage[] =
    "usage: shopctl [OPTION...] COMMAND [ARGUMENT...]\n";

static const char options_help[] =
    "\n"
    "Options, before or behind the command:\n"
    "  --database CONNINFO   where the shop's database is: a connection\n"
    "                        string or URI of libpq, or a database's name;\n"
    "                        else $SHOP_DATABASE, else libpq's own defaults\n"
    "  --json                one JSON value on standard output\n"
    "  --quiet               nothing but errors\n"
    "  --help                this text, or a command's: shopctl check --help\n"
    "  --version             the version\n";

static const char exit_help[] =
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed, or a check found something wrong\n"
    "  2  the command line is wrong\n"
    "  3  the database cannot be reached\n"
    "  4  a file to be read is wrong\n";


/* Is the command one of a group, by its first word?  The blank must follow,
 * so that no group is found by the beginning of a longer word. */
static bool
begins(const char *name, const char *word)
{
    size_t n = strlen(word);

    return strncmp(name, word, n) == 0 && name[n] == ' ';
}


/* A group has no command of its own name: "shopctl key" is half a command,
 * and says so, which is better than to guess the other half. */
static bool
is_group(const char *word)
{
    for (unsigned i = 0; commands[i] != NULL; i++) {
        if (begins(commands[i]->name, word))
            return true;
    }

    return false;
}


/* How many of the words are the command's name; 0: it is another.  Names are
 * compared whole, since an abbreviation that is clear today is not when the
 * next command comes. */
static int
match(const struct command *c, int n, char **words)
{
    if (n >= 1 && strcmp(c->name, words[0]) == 0)
        return 1;
    if (n >= 2 && begins(c->name, words[0])
        && strcmp(c->name + strlen(words[0]) + 1, words[1]) == 0)
    {
        return 2;
    }

    return 0;
}


/* All commands, or those of a group, in the order of commands.def: what
 * belongs together stands together. */
static void
list_commands(FILE *to, const char *group)
{
    fprintf(to, "\nCommands:\n");
    for (unsigned i = 0; commands[i] != NULL; i++) {
        if (group == NULL || begins(commands[i]->name, group))
            fprintf(to, "  %-15s  %s\n", commands[i]->name,
                    commands[i]->summary);
    }
}


/* Help that was asked for goes to standard output, where it can be paged and
 * searched, and is a success; see no_command() for the other kind. */
static int
help(const struct command *c, const char *group)
{
    if (c != NULL) {
        printf("%s\nGeneral options and exit codes: shopctl --help\n",
               c->help);
        return CTL_OK;
    }

    fputs(usage, stdout);
    list_commands(stdout, group);
    if (group == NULL)
        printf("\n\"shopctl COMMAND --help\" says more about each.\n");
    fputs(options_help, stdout);
    fputs(exit_help, stdout);

    return CTL_OK;
}


/* No command, half of one, or one that there is not.  What there is follows
 * on standard error, because whoever typed it needs that next. */
static int
no_command(struct ctl *ctl, int n, char **words)
{
    const char *group = NULL;

    if (n >= 1 && is_group(words[0]))
        group = words[0];

    if (n == 0)
        ctl_error(ctl, "which command?");
    else if (group != NULL && n == 1)
        ctl_error(ctl, "which command of \"%s\"?", group);
    else if (group != NULL)
        ctl_error(ctl, "there is no command \"%s %s\"", group, words[1]);
    else
        ctl_error(ctl, "there is no command \"%s\"", words[0]);

    fputs(usage, stderr);
    list_commands(stderr, group);
    fprintf(stderr, "\n\"shopctl --help\" says more.\n");

    return CTL_USAGE;
}


/* Takes a general option at argv[*i]; false when it is none.  A --database
 * without a value is left to the command, which then finds no such option:
 * the one message is as good as the other. */
static bool
general_option(struct ctl *ctl, struct general *g, int argc, char **argv,
               int *i)
{
    const char *arg = argv[*i];

    if (strcmp(arg, "--json") == 0)
        ctl->json = true;
    else if (strcmp(arg, "--quiet") == 0)
        ctl->quiet = true;
    else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
        g->help = true;
    else if (strcmp(arg, "--version") == 0)
        g->version = true;
    else if (strncmp(arg, "--database=", 11) == 0)
        ctl->database = arg + 11;
    else if (strcmp(arg, "--database") == 0 && *i + 1 < argc)
        ctl->database = argv[++*i];
    else
        return false;

    return true;
}


/* What is left over of argv goes to its beginning; returns how many.  The
 * general options come out first, so a command's operands and options are
 * alone with each other, wherever the others stood. */
static int
take_general(struct ctl *ctl, struct general *g, int argc, char **argv)
{
    int n = 0;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            g->ended = true;
        if (g->ended || !general_option(ctl, g, argc, argv, &i))
            argv[n++] = argv[i];
    }

    return n;
}


/* The version needs no command, and help no arguments that make sense: both
 * are looked at before anything else can be found wrong. */
static int
dispatch(struct ctl *ctl, int argc, char **argv)
{
    struct general  g = { 0 };
    int             n = take_general(ctl, &g, argc, argv), used = 0;

    if (g.version) {
        printf("shopctl %s\n", SHOP_VERSION);
        return CTL_OK;
    }

    for (unsigned i = 0; commands[i] != NULL && used == 0; i++) {
        used = match(commands[i], n, argv);
        if (used > 0)
            ctl->command = commands[i];
    }

    if (g.help && (used > 0 || n == 0 || is_group(argv[0])))
        return help(ctl->command, n > 0 && used == 0 ? argv[0] : NULL);
    if (used == 0)
        return no_command(ctl, n, argv);

    return ctl->command->run(ctl, n - used, argv + used);
}


/* Memory and connection end here, not in the commands, so that no early
 * return of theirs can forget them. */
int
main(int argc, char **argv)
{
    const char  *database = getenv("SHOP_DATABASE");
    struct ctl   ctl = { .database = database };
    int          status;

    if (database != NULL && *database == '\0')
        ctl.database = NULL;
    status = dispatch(&ctl, argc - 1, argv + 1);

    PQfinish(ctl.conn);
    arena_reset(&ctl.arena);

    /* A full disk shows here at the latest. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        ctl_error(&ctl, "standard output cannot be written");
        status = status == CTL_OK ? CTL_FAILED : status;
    }

    return status;
}
