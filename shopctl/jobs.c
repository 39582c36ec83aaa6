/*
 * jobs.c - what the commands "jobs ..." share: ids, times, and a row as JSON.
 *
 * What a job was told is shown as it is: whoever may connect to the database
 * may read it anyway.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "core/text.h"


/* The id as it is shown; a plain uuid too, as it stands in the database. */
int
job_parse(struct ctl *ctl, uuid *id, const char *text)
{
    size_t n = strlen(text);

    if (id_parse(id, JOB_PREFIX, text, n) || uuid_parse(id, text, n))
        return CTL_OK;

    return ctl_usage(ctl, "\"%s\" is no job's id", text);
}


/* Ids come from the database, so they can be parsed; were one not, it would be
 * shown as the id that nothing has. */
void
job_shown(char out[31], const char *text)
{
    uuid id = UUID_NONE;

    uuid_parse(&id, text, strlen(text));
    memcpy(out, JOB_PREFIX "_", sizeof(JOB_PREFIX));
    uuid_base32(out + sizeof(JOB_PREFIX), id);
    out[30] = '\0';
}


/* Infinity, which JSON cannot say, is no time. */
static stamp
time_of(const PGresult *res, int row, int col)
{
    stamp at = STAMP_NONE;

    stamp_from_pg(&at, PQgetvalue(res, row, col),
                  (size_t) PQgetlength(res, row, col));

    return at;
}


/* Without the fraction, which nobody reads in a table. */
void
job_time(char out[21], const PGresult *res, int row, int col)
{
    char text[27];

    if (PQgetisnull(res, row, col)) {
        memcpy(out, "-", sizeof("-"));
        return;
    }
    stamp_text(text, time_of(res, row, col));
    memcpy(out, text, 19);
    memcpy(out + 19, "Z", sizeof("Z"));
}


/* What is interesting of a time depends on what the job waits for.  The last
 * one is for every other state: a row has but these three. */
const struct job_when *
job_when(const PGresult *res, int row)
{
    static const struct job_when  whens[] = {
        { "dead", "since", JOB_DEAD },
        { "running", "until", JOB_LEASED },
        { "waiting", "not before", JOB_RUN },
    };
    const struct job_when        *w = whens;

    while (w->column != JOB_RUN
           && strcmp(w->state, PQgetvalue(res, row, JOB_STATE)) != 0)
        w++;

    return w;
}


/* The payload is jsonb, and its text JSON that needs no second look; numbers
 * are as PostgreSQL writes them. */
static void
json_cell(struct buf *b, const PGresult *res, int row, int col)
{
    const char *text = PQgetvalue(res, row, col);

    if (col >= JOB_RUN)
        json_stamp(b, time_of(res, row, col));
    else if (PQgetisnull(res, row, col))
        buf_str(b, "null");
    else if (col == JOB_PAYLOAD || col == JOB_ATTEMPTS || col == JOB_MAX)
        buf_str(b, text);
    else
        json_text(b, text, strlen(text));
}


/* Members are named as the API names them, for they are its columns. */
void
job_json(struct buf *b, const PGresult *res, int row)
{
    char id[31];
    bool first = false;

    job_shown(id, PQgetvalue(res, row, JOB_ID));
    buf_format(b, "{\"id\":\"%s\"", id);
    for (int col = JOB_KIND; col < JOB_COLUMNS; col++) {
        json_key(b, PQfname(res, col), &first);
        json_cell(b, res, row, col);
    }
    buf_char(b, '}');
}
