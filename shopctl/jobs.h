/*
 * jobs.h - jobs, as the commands "jobs ..." see them.
 *
 * What may be done to a job, and when, is what the API allows: one guarded
 * statement decides, and why it did nothing is asked afterwards.
 */
#ifndef SHOPCTL_JOBS_H
#define SHOPCTL_JOBS_H

#include "shopctl/shopctl.h"

#define JOB_PREFIX  "job"       /* of ids: job_01h...                        */

/* What sql_jobs_rows returns, in this order. */
enum {
    JOB_ID, JOB_KIND, JOB_STATE, JOB_ATTEMPTS, JOB_MAX, JOB_ERROR, JOB_PAYLOAD,
    JOB_REQUEST, JOB_RUN, JOB_LEASED, JOB_DEAD, JOB_CREATED, JOB_COLUMNS
};

/* Its place in words, for a row: "not before", "until" or "since". */
struct job_when {
    const char  *state;
    const char  *word;
    int          column;
};

/* The one of the row's state. */
const struct job_when *job_when(const PGresult *res, int row);

/* What is done to dead letters. */
struct job_deed {
    const char  *sql;           /* $1 ids or null, $2 kind or null           */
    const char  *done;          /* "replayed"                                */
    bool         for_good;      /* many at once only with --yes              */
};

/* run() of such a command: the jobs that the command line names. */
int jobs_do(struct ctl *ctl, const struct job_deed *deed, int argc,
            char **argv);

/* The id that was written, job_... or a uuid; CTL_OK, or CTL_USAGE after a
 * message. */
int job_parse(struct ctl *ctl, uuid *id, const char *text);

/* "job_01h..." of a uuid in PostgreSQL's text. */
void job_shown(char out[31], const char *text);

/* The row as a JSON object. */
void job_json(struct buf *b, const PGresult *res, int row);

/* A time as people read it, "2027-01-31T18:00:00Z". */
void job_time(char out[21], const PGresult *res, int row, int col);

#endif
