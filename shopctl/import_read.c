/*
 * import_read.c - the file, record by record, into import_row.
 */
#include "shopctl/import.h"

#include "core/banned.h"
#include "core/text.h"
#include "shopctl/import_stage.sql.h"
#include "shopctl/import_views.sql.h"


/* --- before the first row ------------------------------------------------- */


/* One row, whose columns are null where nobody knows the thing. */
static int
settings_of(struct import *in, PGresult *res)
{
    const char  *params[5];
    PGresult    *done;

    if (PQntuples(res) != 1) {
        ctl_error(in->ctl, "the shop has no default channel, language and"
                  " price list");
        return CTL_FAILED;
    }
    if (PQgetisnull(res, 0, 0))
        return ctl_usage(in->ctl, "the shop has no currency \"%s\"",
                         in->currency);
    if (PQgetisnull(res, 0, 2))
        return ctl_usage(in->ctl, "the shop has no language \"%s\"",
                         in->locale);

    in->exponent = *PQgetvalue(res, 0, 1) - '0';
    params[0] = in->locale = ctl_field(in->ctl, res, 0, 2);
    params[1] = ctl_field(in->ctl, res, 0, 3);
    params[2] = in->currency = ctl_field(in->ctl, res, 0, 0);
    params[3] = ctl_field(in->ctl, res, 0, 4);
    params[4] = ctl_field(in->ctl, res, 0, 5);

    done = ctl_query(in->ctl, sql_import_run, 5, params);
    PQclear(done);

    return done != NULL ? CTL_OK : ctl_failure(in->ctl);
}


/* The tables are made outside of the transaction, so that it can be tried again
 * without reading the file again. */
static int
prepare(struct import *in)
{
    const char  *params[] = { in->currency, in->locale };
    PGresult    *res;
    int          rc;

    if (!ctl_exec(in->ctl, sql_import_stage))
        return ctl_failure(in->ctl);
    res = ctl_query(in->ctl, sql_import_settings, 2, params);
    if (res == NULL)
        return ctl_failure(in->ctl);
    rc = settings_of(in, res);
    PQclear(res);

    return rc;
}


/* A column that the file lacks is known by its usual heading. */
static bool
insert_columns(struct import *in)
{
    const char    *name[IMPORT_COLUMNS_MAX], *heading[IMPORT_COLUMNS_MAX];
    const char    *present[IMPORT_COLUMNS_MAX], *params[3];
    struct texts   list = { import_columns_n, NULL };
    PGresult      *res;

    for (unsigned i = 0; i < import_columns_n; i++) {
        name[i] = import_columns[i].name;
        present[i] = in->heading[i] != NULL ? "t" : "f";
        heading[i] = in->heading[i] != NULL ? in->heading[i]
                                            : import_columns[i].headings[0];
    }
    list.v = name;
    params[0] = pg_array_text(&in->ctl->arena, &list);
    list.v = heading;
    params[1] = pg_array_text(&in->ctl->arena, &list);
    list.v = present;
    params[2] = pg_array_text(&in->ctl->arena, &list);

    res = ctl_query(in->ctl, sql_import_columns, 3, params);
    PQclear(res);

    return res != NULL && ctl_exec(in->ctl, sql_import_views);
}


/* From here to end_copy() the connection takes rows and nothing else. */
static bool
start_copy(struct import *in)
{
    PGresult  *res = PQexec(in->ctl->conn, import_copy_statement(in));
    bool       ok = PQresultStatus(res) == PGRES_COPY_IN;

    if (!ok)
        ctl_complain(in->ctl, res);
    PQclear(res);

    return ok;
}


/* A server that refused a row says so now. */
static bool
end_copy(struct import *in)
{
    PGresult  *res;
    bool       ok = PQputCopyEnd(in->ctl->conn, NULL) == 1;

    if (!ok)
        ctl_complain(in->ctl, NULL);
    while ((res = PQgetResult(in->ctl->conn)) != NULL) {
        if (ok && PQresultStatus(res) != PGRES_COMMAND_OK) {
            ctl_complain(in->ctl, res);
            ok = false;
        }
        PQclear(res);
    }

    return ok;
}


/* --- rows ----------------------------------------------------------------- */


/* What cannot be read to its end is not applied at all: which products are
 * whole, nobody knows. */
static bool
broken(struct import *in, long line, const char *why)
{
    struct import_faults  faults = { 0 };

    in->broken = true;

    return import_fault(in, &faults, NULL, why)
           && import_row_faults(in, line, &faults);
}


/* The rows behind the headings. */
static bool
copy_rows(struct import *in, struct progress *bar)
{
    struct import_record  *record;
    const char            *why;

    for (;;) {
        arena_reset(&in->row);
        switch (import_csv_next(in->csv, &record, &why)) {
        case IMPORT_END:
            return true;
        case IMPORT_FAILED:
            return false;
        case IMPORT_BROKEN:
            return broken(in, record->line, why);
        case IMPORT_RECORD:
            if (!import_row_copy(in, record))
                return false;
        }
        progress_to(bar, import_csv_done(in->csv));
    }
}


/* What was sent before a failure is dropped with the session; end_copy() is
 * called all the same, as it has the server's reason. */
static bool
copy(struct import *in, const struct import_faults *faults, long line)
{
    struct progress  bar;
    bool             ok;

    if (!insert_columns(in) || !start_copy(in))
        return false;
    progress_start(&bar, in->ctl, "Reading", import_csv_size(in->csv));
    if (faults->names.n > 0)
        ok = import_row_faults(in, line, faults);
    else
        ok = copy_rows(in, &bar);
    progress_end(&bar);

    return end_copy(in) && ok;
}


/* The first record are the headings; without them no row means anything. */
int
import_read_file(struct import *in)
{
    struct import_faults   faults = { 0 };
    struct import_record  *record;
    const char            *why = "the file is empty";
    bool                   ok;
    int                    rc = prepare(in);

    if (rc != CTL_OK)
        return rc;

    switch (import_csv_next(in->csv, &record, &why)) {
    case IMPORT_FAILED:
        return CTL_FAILED;
    case IMPORT_RECORD:
        ok = import_map(in, record, &faults);
        break;
    default:
        ok = import_fault(in, &faults, NULL,
                          why != NULL ? why : "the file is empty");
        record->line = record->line > 0 ? record->line : 1;
    }
    in->broken = faults.names.n > 0;

    return ok && copy(in, &faults, record->line) ? CTL_OK
                                                 : ctl_failure(in->ctl);
}
