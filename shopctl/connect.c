/*
 * connect.c - the connection to PostgreSQL, and errors of it that say what to
 * do.
 */
#include "shopctl/shopctl.h"

#include "core/banned.h"

#define NO_SUCH_TABLE  "42P01"
#define NO_RIGHT       "42501"

/* What texts and times look like must not depend on the role's settings.  To
 * compile statements that run once costs more than it brings. */
static const char session[] =
    "SET client_min_messages = warning; SET datestyle = 'ISO';"
    "SET timezone = 'UTC'; SET search_path = public, pg_temp; SET jit = off";


/* libpq's messages have several lines, and tabs, and a newline at the end. */
static const char *
one_line(struct ctl *ctl, const char *text)
{
    size_t  n = 0;
    char   *line = arena_copy(&ctl->arena, text, strlen(text));

    if (line == NULL)
        return text;

    for (const char *p = text; *p != '\0'; p++) {
        bool blank = strchr(" \t\n", *p) != NULL;

        if (!blank)
            line[n++] = *p;
        else if (n > 0 && line[n - 1] != ' ')
            line[n++] = ' ';
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';

    return line;
}


/* Warnings of the server belong to the errors' channel and under our name;
 * libpq by itself would print them over the bar. */
static void
notice(void *data, const char *text)
{
    struct ctl *ctl = data;

    if (!ctl->quiet)
        ctl_error(ctl, "%s", one_line(ctl, text));
}


/* What stands before dbname are defaults, which the string may override.  Of
 * several hosts it is the one that takes writes, as for the shop itself. */
static PGconn *
open_connection(const char *database)
{
    const char *names[] = {
        "connect_timeout", "fallback_application_name", "client_encoding",
        "target_session_attrs", "dbname", NULL
    };
    const char *values[] = { "10", "shopctl", "UTF8", "primary", database,
                             NULL };

    if (database == NULL)
        names[4] = NULL;

    return PQconnectdbParams(names, values, 1);
}


/* Lazily, by the commands themselves, after they have looked at their
 * arguments: a wrong command line is told without a database. */
bool
ctl_connect(struct ctl *ctl)
{
    if (ctl->conn != NULL)
        return true;

    ctl->conn = open_connection(ctl->database);
    if (PQstatus(ctl->conn) != CONNECTION_OK) {
        ctl_error(ctl, "the database cannot be reached: %s%s",
                  one_line(ctl, PQerrorMessage(ctl->conn)),
                  ctl->database != NULL ? ""
                  : " (neither --database nor $SHOP_DATABASE says where)");
        return false;
    }
    PQsetNoticeProcessor(ctl->conn, notice, ctl);

    return ctl_exec(ctl, session);
}


/* A connection that is gone is another case than a statement that failed:
 * a script may try again later. */
int
ctl_failure(const struct ctl *ctl)
{
    return PQstatus(ctl->conn) == CONNECTION_OK ? CTL_FAILED
                                                : CTL_UNREACHABLE;
}


static const char *
or_nothing(const char *text)
{
    return text != NULL ? text : "";
}


/* The server's own words, and where they leave somebody alone what to look
 * at next.  The SQLSTATE decides, as the words may be translated. */
void
ctl_complain(struct ctl *ctl, const PGresult *res)
{
    const char *state = or_nothing(PQresultErrorField(res, PG_DIAG_SQLSTATE));
    const char *what = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    const char *advice = "";

    if (what == NULL)
        what = PQerrorMessage(ctl->conn);
    if (strcmp(state, NO_SUCH_TABLE) == 0)
        advice = " (\"shopctl check\" says whether the database is migrated)";
    else if (strcmp(state, NO_RIGHT) == 0)
        advice = " (\"shopctl check\" says what the role may do)";

    ctl_error(ctl, "%s%s%s%s", one_line(ctl, what),
              detail != NULL ? ": " : "", or_nothing(detail), advice);
}


/* An empty or half a result, and COPY, are no success of a plain statement. */
static bool
succeeded(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}


/* Values never become part of the text, so nothing has to be quoted. */
PGresult *
ctl_query(struct ctl *ctl, const char *sql, int n, const char *const *params)
{
    PGresult *res = PQexecParams(ctl->conn, sql, n, NULL, params, NULL, NULL,
                                 0);

    if (succeeded(res))
        return res;
    ctl_complain(ctl, res);
    PQclear(res);

    return NULL;
}


/* Statements that are sent together are one transaction, unless they begin
 * one themselves. */
bool
ctl_exec(struct ctl *ctl, const char *sql)
{
    PGresult  *res = PQexec(ctl->conn, sql);
    bool       ok = succeeded(res);

    if (!ok)
        ctl_complain(ctl, res);
    PQclear(res);

    return ok;
}


const char *
ctl_field(struct ctl *ctl, const PGresult *res, int row, int col)
{
    if (PQgetisnull(res, row, col))
        return NULL;

    return arena_copy(&ctl->arena, PQgetvalue(res, row, col),
                      (size_t) PQgetlength(res, row, col));
}
