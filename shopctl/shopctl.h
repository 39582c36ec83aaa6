/*
 * shopctl.h - the shop's command line: what its commands are made of.
 *
 * shopctl is a plain program: it talks to PostgreSQL through libpq, waits for
 * each answer, and uses libshop's core for texts, ids, JSON and memory.
 *
 * A new command is one file and one line.  The file defines
 *
 *     const struct command import_shopify_command = {
 *         "import shopify", "one line about it", help, run
 *     };
 *
 * and shopctl/commands.def gets the line COMMAND(import_shopify).  The name is
 * one or two words; help lists the commands in the order of that file.  SQL
 * longer than a line lies in shopctl/NAME.sql, which tools/sql2text makes into
 * "shopctl/NAME.sql.h" with one text for each section of the file.
 *
 * run() is called with the arguments behind the command's name, general
 * options taken out, and returns one of the exit codes below:
 *
 *     static int
 *     run(struct ctl *ctl, int argc, char **argv)
 *     {
 *         bool                 dry = false;
 *         const struct option  options[] = {
 *             { "dry-run", OPTION_FLAG, &dry },
 *             { NULL }
 *         };
 *         int  n = ctl_options(ctl, options, &argc, argv, 1, 1);
 *
 *         if (n != CTL_OK)
 *             return n;
 *         if (!ctl_connect(ctl))
 *             return ctl_failure(ctl);
 *         ...
 *
 * Functions return codes, false or NULL; whoever finds an error has said so by
 * ctl_error() before it returns.  Memory lies on ctl->arena, which ends with
 * the program.
 */
#ifndef SHOPCTL_H
#define SHOPCTL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum {                          /* exit codes                                */
    CTL_OK          = 0,
    CTL_FAILED      = 1,        /* it was tried; or something is wrong       */
    CTL_USAGE       = 2,        /* the command line is wrong                 */
    CTL_UNREACHABLE = 3,        /* no connection, or it was lost             */
    CTL_INPUT       = 4         /* what was to be read is wrong              */
};

struct ctl {
    const char            *database;    /* conninfo; NULL is libpq's own     */
    bool                   json;        /* stdout is one JSON value          */
    bool                   quiet;       /* errors only                       */
    const struct command  *command;     /* the one that runs                 */
    PGconn                *conn;        /* NULL before ctl_connect()         */
    struct arena           arena;
    bool                   bar_shown;   /* a progress bar is on the screen   */
};

struct command {
    const char  *name;          /* "key create"                              */
    const char  *summary;       /* a line in the list of commands            */
    const char  *help;          /* begins with the line "usage: ..."         */
    int        (*run)(struct ctl *ctl, int argc, char **argv);
};


/* --- the command line ---------------------------------------------------- */

enum option_kind {
    OPTION_FLAG,                /* bool                                      */
    OPTION_TEXT,                /* const char *                              */
    OPTION_INT,                 /* int64_t from min to max                   */
    OPTION_TEXTS                /* struct texts: may be given several times  */
};

struct option {
    const char        *name;    /* without "--"; NULL ends the table         */
    enum option_kind   kind;
    void              *to;      /* untouched when the option is not given    */
    int64_t            min;     /* of OPTION_INT                             */
    int64_t            max;
};

/* Takes the options out of argv; what is left are `argc` operands, of which
 * there may be `min` to `max`.  CTL_OK, or CTL_USAGE after a message. */
int ctl_options(struct ctl *ctl, const struct option *options, int *argc,
                char **argv, int min, int max);

/* Says what is wrong with the command line; always CTL_USAGE. */
int ctl_usage(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


/* --- saying something ---------------------------------------------------- */

/* A line to stderr, "shopctl: ..." */
void ctl_error(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line to stdout for people: nothing under --json or --quiet. */
void ctl_say(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The buffer and a newline to stdout; CTL_OK, or CTL_FAILED. */
int ctl_put(struct ctl *ctl, const struct buf *b);

/* A bar on stderr, when that is a terminal and nothing asks for silence. */
struct progress {
    struct ctl  *ctl;
    const char  *what;          /* such as "Making products"                 */
    int64_t      total;         /* at 0 there is no bar                      */
    uint64_t     since;         /* monotonic, microseconds                   */
    uint64_t     shown;
    bool         on;
};

void progress_start(struct progress *p, struct ctl *ctl, const char *what,
                    int64_t total);
void progress_to(struct progress *p, int64_t done);
void progress_end(struct progress *p);          /* clears the line           */


/* --- the database -------------------------------------------------------- */

/* Opens ctl->conn; texts are UTF-8, times ISO and UTC. */
bool ctl_connect(struct ctl *ctl);

/* One statement with text parameters; NULL after a message. */
PGresult *ctl_query(struct ctl *ctl, const char *sql, int n,
                    const char *const *params);

/* One or more statements without parameters or interest in their rows. */
bool ctl_exec(struct ctl *ctl, const char *sql);

/* What a result says went wrong, in one line; for results of libpq's own
 * calls (COPY).  An error of the connection when it is NULL. */
void ctl_complain(struct ctl *ctl, const PGresult *res);

/* The exit code after a failed call: CTL_UNREACHABLE or CTL_FAILED. */
int ctl_failure(const struct ctl *ctl);

/* A field's text on the arena, or NULL for SQL's NULL. */
const char *ctl_field(struct ctl *ctl, const PGresult *res, int row, int col);

#endif
