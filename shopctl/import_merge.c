/*
 * import_merge.c - from the staged rows to a changed catalogue: one
 * transaction, whose statements lie in import_*.sql.
 */
#include "shopctl/import.h"

#include <stdlib.h>

#include "core/banned.h"
#include "shopctl/import_apply.sql.h"
#include "shopctl/import_check.sql.h"
#include "shopctl/import_drop.sql.h"
#include "shopctl/import_lock.sql.h"
#include "shopctl/import_plan.sql.h"

#define TRIES   3
#define BATCH   1000            /* products whose lists are refreshed at once */

static const char *const apply_steps[] = {
    sql_import_apply_start, sql_import_apply_texts, sql_import_apply_options,
    sql_import_apply_images, sql_import_apply_variants,
    sql_import_apply_rest, sql_import_apply_prices, sql_import_apply_events,
    sql_import_apply_end,
};

#define APPLY_STEPS  (sizeof(apply_steps) / sizeof(apply_steps[0]))

/* Somebody else was quicker: what he wrote will be seen at another try. */
static const char *const others[] = {
    "40001", "40P01", "55P03", "23505", "23503", NULL
};


/* A unique or foreign key is broken only by rows that came after the plan was
 * made: it has looked for all others. */
static bool
is_others(const char *state)
{
    for (unsigned i = 0; others[i] != NULL; i++) {
        if (state != NULL && strcmp(state, others[i]) == 0)
            return true;
    }

    return false;
}


/* Without complaint when there will be another try. */
static PGresult *
ask(struct import *in, const char *sql)
{
    PGresult  *res = PQexec(in->ctl->conn, sql);

    if (PQresultStatus(res) == PGRES_COMMAND_OK
        || PQresultStatus(res) == PGRES_TUPLES_OK)
        return res;
    in->again = in->tries < TRIES
                && is_others(PQresultErrorField(res, PG_DIAG_SQLSTATE));
    if (!in->again)
        ctl_complain(in->ctl, res);
    PQclear(res);

    return NULL;
}


/* For statements whose rows nobody needs; several may stand in one text. */
static bool
run(struct import *in, const char *sql)
{
    PGresult  *res = ask(in, sql);

    PQclear(res);

    return res != NULL;
}


/* One row with one number. */
static bool
ask_count(struct import *in, const char *sql, int64_t *count)
{
    PGresult  *res = ask(in, sql);

    if (res == NULL)
        return false;
    *count = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);

    return true;
}


/* Kept in `in`, as the report needs it too. */
static bool
count_faults(struct import *in)
{
    return ask_count(in, "SELECT count(*) FROM import_fault", &in->faults);
}


/* What is left out may have been in the way of the rest, or the reason why
 * something was not: then the plan is another one. */
static bool
plan(struct import *in)
{
    int64_t  before;

    do {
        before = in->faults;
        if (!run(in, sql_import_plan) || !count_faults(in))
            return false;
        if (in->faults > before && !run(in, sql_import_drop))
            return false;
    } while (in->faults > before);

    return true;
}


/* Each product once, after all of its parts have been written. */
static bool
refresh(struct import *in, struct progress *bar, int64_t changed)
{
    char  sql[320];

    for (int64_t n = 0; n < changed; n += BATCH) {
        snprintf(sql, sizeof(sql),
                 "SELECT listing_refresh(ids), product_prices_refresh(ids)"
                 "  FROM (SELECT array_agg(product_id) FROM import_changed"
                 "         WHERE n > %lld AND n <= %lld) c (ids)",
                 (long long) n, (long long) n + BATCH);
        if (!run(in, sql))
            return false;
        progress_to(bar, (int64_t) APPLY_STEPS + n / BATCH + 1);
    }

    return true;
}


/* Nothing to be changed: then nothing is written, not even a version number.
 * COMMIT is part of it, so that the bar ends when all is done. */
static bool
apply(struct import *in)
{
    struct progress  bar;
    int64_t          n;
    bool             ok;

    if (!ask_count(in, "SELECT count(*) FROM import_changed", &n))
        return false;
    progress_start(&bar, in->ctl, "Writing",
                   (int64_t) APPLY_STEPS + (n + BATCH - 1) / BATCH);
    ok = true;
    for (unsigned i = 0; n > 0 && ok && i < APPLY_STEPS; i++) {
        ok = run(in, apply_steps[i]);
        progress_to(&bar, i + 1);
    }
    ok = ok && refresh(in, &bar, n) && run(in, "COMMIT");
    progress_end(&bar);

    return ok;
}


/* The rows are locked before the plan is made, and stay as the plan saw them.
 * A dry run is read-only: that it changes nothing is PostgreSQL's promise. */
static bool
check_and_plan(struct import *in)
{
    return run(in, in->dry_run ? "BEGIN READ ONLY" : "BEGIN")
           && run(in, sql_import_check) && count_faults(in)
           && (in->faults == 0 || run(in, sql_import_drop))
           && (in->dry_run || run(in, sql_import_lock))
           && plan(in);
}


/* The report comes after COMMIT, never before: the temporary tables outlive it,
 * but not a rollback. */
static int
merge_once(struct import *in)
{
    bool  refused;
    int   rc;

    in->again = false;
    in->faults = 0;
    in->tries++;
    if (!check_and_plan(in))
        return ctl_failure(in->ctl);

    refused = in->broken || (in->faults > 0 && !in->skip_bad);
    if (!refused && !in->dry_run && !apply(in))
        return ctl_failure(in->ctl);

    rc = import_report(in, !refused && !in->dry_run);
    if (rc == CTL_OK && refused)
        rc = CTL_INPUT;

    return rc;
}


/* The tables of the transaction that failed are as they were before it. */
int
import_merge(struct import *in)
{
    int  rc;

    do {
        rc = merge_once(in);
        if (PQtransactionStatus(in->ctl->conn) != PQTRANS_IDLE
            && PQstatus(in->ctl->conn) == CONNECTION_OK
            && !ctl_exec(in->ctl, "ROLLBACK"))
            return ctl_failure(in->ctl);
    } while (in->again);

    return rc;
}
