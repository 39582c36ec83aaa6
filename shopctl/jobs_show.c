/*
 * jobs_show.c - shopctl jobs show: all about one job.
 *
 * The statement is that of the list, so that both say the same of it.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "core/text.h"
#include "shopctl/jobs.sql.h"

static const char help[] =
    "usage: shopctl jobs show ID\n"
    "\n"
    "Shows a job that is not done: all that \"shopctl jobs list\" says of it,\n"
    "and what it was told to do. ID is job_... as it is shown there. With\n"
    "--json an object as the API has it.\n";


/* A line for each thing, named as its column; what is empty is not shown, as
 * most jobs never had an error, and few have somebody who runs them now. */
static void
show_text(struct buf *b, const PGresult *res)
{
    char id[31], at[21];

    job_shown(id, PQgetvalue(res, 0, JOB_ID));
    buf_format(b, "%-13s %s", "id", id);
    for (int col = JOB_KIND; col < JOB_COLUMNS; col++) {
        if (PQgetisnull(res, 0, col))
            continue;
        if (col >= JOB_RUN)
            job_time(at, res, 0, col);
        buf_format(b, "\n%-13s %s", PQfname(res, col),
                   col >= JOB_RUN ? at : PQgetvalue(res, 0, col));
    }
}


/* A job that is done and one that never was look the same from here. */
static int
show(struct ctl *ctl, const char *shown, const PGresult *res)
{
    struct buf b;

    if (PQntuples(res) == 0) {
        ctl_error(ctl, "there is no job %s; what is done is gone", shown);
        return CTL_FAILED;
    }
    buf_init(&b, &ctl->arena, 0);
    if (ctl->json)
        job_json(&b, res, 0);
    else
        show_text(&b, res);

    return ctl_put(ctl, &b);
}


/* One: whoever wants several asks for a list. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const struct option  options[] = { { NULL } };
    char                 text[37] = "";
    const char          *params[] = { NULL, NULL, text };
    int                  rc = ctl_options(ctl, options, &argc, argv, 1, 1);
    PGresult            *res;
    uuid                 id;

    if (rc == CTL_OK)
        rc = job_parse(ctl, &id, argv[0]);
    if (rc != CTL_OK)
        return rc;
    uuid_text(text, id);
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    res = ctl_query(ctl, sql_jobs_rows, 3, params);
    if (res == NULL)
        return ctl_failure(ctl);
    rc = show(ctl, argv[0], res);
    PQclear(res);

    return rc;
}


const struct command jobs_show_command = {
    "jobs show", "show a job and what it was told", help, run
};
