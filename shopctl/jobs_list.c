/*
 * jobs_list.c - shopctl jobs list: the jobs that are not done.
 *
 * There may be millions when something has gone wrong, which is when somebody
 * looks: rows go out one by one as they come.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "shopctl/jobs.sql.h"

static const char help[] =
    "usage: shopctl jobs list [--state STATE] [--kind KIND]\n"
    "\n"
    "Lists jobs, oldest first: id, state, how often each was begun and how\n"
    "often it may be, when it is or was to be done, kind, and how its last\n"
    "attempt ended. What is done is not listed: nothing is left of it.\n"
    "\n"
    "  --state STATE   waiting, running or dead; dead letters are those that\n"
    "                  nobody tries any more\n"
    "  --kind KIND     of this kind, such as events.trim\n"
    "\n"
    "With --json an object with \"data\", an array of objects as the API has\n"
    "them: id, kind, state, attempts, max_attempts, error, payload,\n"
    "request_id, run_at, leased_until, dead_at and created_at.\n";

struct listing {
    struct ctl   *ctl;
    struct arena  arena;        /* of a row                                  */
    bool          begun;        /* the head is out                           */
    bool          more;         /* so is a row                               */
};


/* Not before the server has answered: when it refuses, standard output is
 * empty, and not half of a value. */
static void
begin(struct listing *l)
{
    if (l->begun)
        return;
    l->begun = true;
    if (l->ctl->json)
        fputs("{\"data\":[", stdout);
    else
        printf("%-30s  %-7s  %-8s  %-31s  %s\n", "id", "state", "attempts",
               "when", "kind, error");
}


/* A row may be of any size, as a payload may: it has an arena of its own, and
 * goes out before the next one comes. */
static bool
row_json(struct listing *l, const PGresult *res)
{
    struct buf b;

    buf_init(&b, &l->arena, 1024);
    if (l->more)
        buf_char(&b, ',');
    job_json(&b, res, 0);
    l->more = true;
    if (b.failed)
        ctl_error(l->ctl, "out of memory");
    else
        fwrite(b.data, 1, b.len, stdout);
    arena_reset(&l->arena);

    return !b.failed;
}


/* What the columns do not hold stands at the end of the line, so that it moves
 * nothing. */
static bool
row_text(struct listing *l, const PGresult *res)
{
    const struct job_when *w = job_when(res, 0);
    char                   id[31], at[21], when[40], attempts[32];

    job_shown(id, PQgetvalue(res, 0, JOB_ID));
    job_time(at, res, 0, w->column);
    snprintf(when, sizeof(when), "%s %s", w->word, at);
    snprintf(attempts, sizeof(attempts), "%s/%s",
             PQgetvalue(res, 0, JOB_ATTEMPTS), PQgetvalue(res, 0, JOB_MAX));
    printf("%-30s  %-7s  %-8s  %-31s  %s%s%s\n", id,
           PQgetvalue(res, 0, JOB_STATE), attempts, when,
           PQgetvalue(res, 0, JOB_KIND),
           PQgetisnull(res, 0, JOB_ERROR) ? "" : ", ",
           PQgetvalue(res, 0, JOB_ERROR));

    return true;
}


/* A result of a single row, or of none at the end; errors may come behind rows
 * that are out already, and then the exit code tells. */
static bool
take(struct listing *l, const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE:
        begin(l);
        return l->ctl->json ? row_json(l, res) : row_text(l, res);
    case PGRES_TUPLES_OK:
        begin(l);
        return true;
    default:
        ctl_complain(l->ctl, res);
        return false;
    }
}


/* All results are fetched, also behind a failure: else the connection could
 * not be asked what became of it. */
static bool
print_all(struct listing *l, const char *const *params)
{
    PGconn    *conn = l->ctl->conn;
    PGresult  *res;
    bool       ok;

    ok = PQsendQueryParams(conn, sql_jobs_rows, 3, NULL, params, NULL, NULL,
                           0) == 1
         && PQsetSingleRowMode(conn) == 1;
    if (!ok)
        ctl_complain(l->ctl, NULL);
    while ((res = PQgetResult(conn)) != NULL) {
        ok = ok && take(l, res);
        PQclear(res);
    }
    if (ok && l->ctl->json)
        fputs("]}\n", stdout);

    return ok;
}


/* A state that there is not would find nothing, and look like good news. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const char          *params[3] = { NULL };
    const struct option  options[] = {
        { "state", OPTION_TEXT, &params[0] },
        { "kind", OPTION_TEXT, &params[1] },
        { NULL }
    };
    struct listing          l = { .ctl = ctl };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc != CTL_OK)
        return rc;
    if (params[0] != NULL && strcmp(params[0], "waiting") != 0
        && strcmp(params[0], "running") != 0 && strcmp(params[0], "dead") != 0)
    {
        return ctl_usage(ctl, "--state takes waiting, running or dead, not "
                         "\"%s\"", params[0]);
    }
    if (!ctl_connect(ctl) || !print_all(&l, params))
        return ctl_failure(ctl);

    return CTL_OK;
}


const struct command jobs_list_command = {
    "jobs list", "list the jobs that are not done", help, run
};
