/*
 * jobs_do.c - dead letters that a command line names, by id or all of a kind,
 * are replayed or discarded.
 *
 * It never asks back: a script could not answer.  What cannot be undone and is
 * not named one by one wants --yes instead.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "core/text.h"
#include "shopctl/jobs.sql.h"

struct choice {
    struct texts  ids;          /* as they were written                      */
    const char  **uuids;        /* the same, in PostgreSQL's text            */
    const char   *kind;
    bool          dead;
    bool          all;
    bool          yes;
};


/* --- the command line ----------------------------------------------------- */


/* Two ways to say which, and nothing in between that could mean more than was
 * meant: a forgotten kind is not all kinds. */
static int
check(struct ctl *ctl, const struct job_deed *deed, const struct choice *c)
{
    if (c->ids.n > 0 && (c->dead || c->all || c->kind != NULL))
        return ctl_usage(ctl, "give ids, or --dead, not both");
    if (c->ids.n > 0)
        return CTL_OK;
    if (!c->dead)
        return ctl_usage(ctl, "which? Give ids, or --dead with --kind or "
                         "--all");
    if (c->all == (c->kind != NULL))
        return ctl_usage(ctl, "--dead wants either --kind or --all");
    if (deed->for_good && !c->yes)
        return ctl_usage(ctl, "--yes is missing: these jobs would be gone for "
                         "good");

    return CTL_OK;
}


/* All of them before anything is done: a slip of the pen in the third must not
 * be found when the first two are gone. */
static int
parse_ids(struct ctl *ctl, struct choice *c)
{
    c->uuids = arena_alloc(&ctl->arena, (c->ids.n + 1) * sizeof(*c->uuids));
    for (size_t i = 0; c->uuids != NULL && i < c->ids.n; i++) {
        char text[36];
        uuid id;
        int  rc = job_parse(ctl, &id, c->ids.v[i]);

        if (rc != CTL_OK)
            return rc;
        uuid_text(text, id);
        c->uuids[i] = arena_copy(&ctl->arena, text, sizeof(text));
        if (c->uuids[i] == NULL)
            c->uuids = NULL;
    }
    if (c->uuids != NULL)
        return CTL_OK;
    ctl_error(ctl, "out of memory");

    return CTL_FAILED;
}


/* --- what came of it ------------------------------------------------------ */


/* A command line has few ids, so they are looked for one by one. */
static bool
among(const PGresult *res, const char *id)
{
    for (int i = 0; i < PQntuples(res); i++) {
        if (strcmp(PQgetvalue(res, i, 0), id) == 0)
            return true;
    }

    return false;
}


/* The ids that the statement passed over; each is told by itself, with the
 * API's code for it under --json.  True when there was none. */
static bool
report_refused(struct ctl *ctl, struct buf *b, const struct choice *c,
               const PGresult *done, const PGresult *there)
{
    bool all = true;

    for (size_t i = 0; i < c->ids.n; i++) {
        bool  is = among(there, c->uuids[i]);
        char  id[31];

        if (among(done, c->uuids[i]))
            continue;
        job_shown(id, c->uuids[i]);
        if (is)
            ctl_error(ctl, "%s is no dead letter", c->ids.v[i]);
        else
            ctl_error(ctl, "there is no job %s", c->ids.v[i]);
        buf_format(b, "%s{\"id\":\"%s\",\"reason\":\"%s\"}", all ? "" : ",",
                   id, is ? "job_not_dead" : "not_found");
        all = false;
    }

    return all;
}


/* By id each, as a script may wait for one of them; else how many. */
static void
report_done(struct ctl *ctl, struct buf *b, const struct job_deed *deed,
            const struct choice *c, const PGresult *done)
{
    int n = PQntuples(done);

    for (int i = 0; i < n; i++) {
        char id[31];

        job_shown(id, PQgetvalue(done, i, 0));
        buf_format(b, "%s\"%s\"", i > 0 ? "," : "", id);
        if (c->ids.n > 0)
            ctl_say(ctl, "%s is %s", id, deed->done);
    }
    if (c->ids.n == 0)
        ctl_say(ctl, "%d job%s %s", n, n == 1 ? " is" : "s are", deed->done);
}


/* One that could not be had does not keep the others back; the exit code tells
 * of it. */
static int
report(struct ctl *ctl, const struct job_deed *deed, const struct choice *c,
       const PGresult *done, const PGresult *there)
{
    struct buf  b;
    bool        all;

    buf_init(&b, &ctl->arena, 0);
    buf_format(&b, "{\"%s\":[", deed->done);
    report_done(ctl, &b, deed, c, done);
    buf_str(&b, "],\"refused\":[");
    all = report_refused(ctl, &b, c, done, there);
    buf_str(&b, "]}");

    if (ctl->json && ctl_put(ctl, &b) != CTL_OK)
        return CTL_FAILED;

    return all ? CTL_OK : CTL_FAILED;
}


/* --- the deed ------------------------------------------------------------- */


/* The statement decides, in one step, whatever workers and other people do
 * meanwhile; what of the rest is there is asked afterwards, and only told. */
static int
act(struct ctl *ctl, const struct job_deed *deed, const struct choice *c)
{
    struct texts  list = { c->ids.n, c->uuids };
    const char   *ids = pg_array_text(&ctl->arena, &list);
    const char   *params[] = { c->ids.n > 0 ? ids : NULL, c->kind };
    PGresult     *done, *there;
    int           rc = CTL_FAILED;

    done = ctl_query(ctl, deed->sql, 2, params);
    if (done == NULL)
        return ctl_failure(ctl);
    there = ctl_query(ctl, sql_jobs_there, 1, &ids);
    rc = there == NULL ? ctl_failure(ctl)
                       : report(ctl, deed, c, done, there);
    PQclear(there);
    PQclear(done);

    return rc;
}


/* The command line is looked at whole before there is a connection, as in all
 * commands.  Only what is for good knows --yes: elsewhere it would look as if
 * it did something. */
int
jobs_do(struct ctl *ctl, const struct job_deed *deed, int argc, char **argv)
{
    struct choice        c = { 0 };
    const struct option  options[] = {
        { "dead", OPTION_FLAG, &c.dead },
        { "kind", OPTION_TEXT, &c.kind },
        { "all", OPTION_FLAG, &c.all },
        { deed->for_good ? "yes" : NULL, OPTION_FLAG, &c.yes },
        { NULL }
    };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0,
                                          INT16_MAX);

    if (rc != CTL_OK)
        return rc;
    c.ids = (struct texts) { (size_t) argc, (const char **) argv };
    rc = check(ctl, deed, &c);
    if (rc == CTL_OK)
        rc = parse_ids(ctl, &c);
    if (rc != CTL_OK)
        return rc;
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);

    return act(ctl, deed, &c);
}
