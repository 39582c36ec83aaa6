/*
 * import_report.c - what an import did, or would do, and what is wrong with
 * the file: for people, or as one JSON value.
 *
 * Faults and products may be many, so they go out row by row as they come.
 */
#include "shopctl/import.h"

#include "core/banned.h"
#include "core/text.h"
#include "shopctl/import_report.sql.h"

#define FLUSH  65536

struct report {
    struct import  *in;
    struct buf      out;        /* JSON on its way                           */
    struct arena    arena;      /* of `out`; ends with each flush            */
    bool            first;      /* of the list that is being written         */
};

typedef void (*row_writer)(struct report *r, const PGresult *res, int row);


/* --- writing -------------------------------------------------------------- */


/* The buffer begins anew on an empty arena: a list of any length takes the
 * memory of one. */
static void
flush(struct report *r)
{
    fwrite(r->out.data, 1, r->out.len, stdout);
    arena_reset(&r->arena);
    buf_init(&r->out, &r->arena, FLUSH);
}


/* Between the elements of a list. */
static void
comma(struct report *r)
{
    if (!r->first)
        buf_char(&r->out, ',');
    r->first = false;
    if (r->out.len > FLUSH / 2)
        flush(r);
}


/* A fault of the file as a whole has no column: null. */
static void
quoted(struct report *r, const PGresult *res, int row, int col)
{
    if (PQgetisnull(res, row, col)) {
        buf_str(&r->out, "null");
        return;
    }
    json_text(&r->out, PQgetvalue(res, row, col),
              (size_t) PQgetlength(res, row, col));
}


/* Row by row, however many there are. */
static bool
each_row(struct report *r, const char *sql, row_writer write)
{
    PGconn    *conn = r->in->ctl->conn;
    PGresult  *res;
    bool       ok = PQsendQuery(conn, sql) == 1
                    && PQsetSingleRowMode(conn) == 1;

    while ((res = PQgetResult(conn)) != NULL) {
        for (int i = 0; ok && i < PQntuples(res); i++)
            write(r, res, i);
        if (ok && PQresultStatus(res) == PGRES_FATAL_ERROR) {
            ctl_complain(r->in->ctl, res);
            ok = false;
        }
        PQclear(res);
    }

    return ok;
}


/* --- for people ----------------------------------------------------------- */


/* FILE:LINE: COLUMN: REASON, as compilers say it. */
static void
fault_line(struct report *r, const PGresult *res, int row)
{
    bool  whole = PQgetisnull(res, row, 1);

    fprintf(stderr, "%s:%s: %s%s%s\n", r->in->path, PQgetvalue(res, row, 0),
            PQgetvalue(res, row, 1), whole ? "" : ": ",
            PQgetvalue(res, row, 2));
}


/* Numbers below each other; ctl_say() keeps silent where it was asked to. */
static void
count_line(struct report *r, const PGresult *res, int row)
{
    ctl_say(r->in->ctl, "  %-10s %8s %s", PQgetvalue(res, row, 0),
            PQgetvalue(res, row, 2), PQgetvalue(res, row, 1));
}


/* Faults go to standard error, so that they are seen when the rest is piped
 * away. */
static bool
report_text(struct report *r, bool applied)
{
    struct import  *in = r->in;
    bool            refused = in->broken || (in->faults > 0 && !in->skip_bad);

    if (in->faults > 0 && !each_row(r, sql_import_faults, fault_line))
        return false;
    if (refused) {
        ctl_error(in->ctl, "%s: %lld fault%s; nothing was changed%s",
                  in->path, (long long) in->faults,
                  in->faults == 1 ? "" : "s", in->broken ? ""
                  : " (--skip-bad-rows leaves those products out)");
        return true;
    }
    ctl_say(in->ctl, applied ? "%s: %lld rows"
            : "%s: %lld rows; nothing was changed, these would be:",
            in->path, (long long) in->rows);

    return each_row(r, sql_import_counts, count_line);
}


/* --- JSON ----------------------------------------------------------------- */


/* Lines are numbers already in PostgreSQL's text. */
static void
fault_json(struct report *r, const PGresult *res, int row)
{
    comma(r);
    buf_format(&r->out, "{\"line\":%s,\"column\":", PQgetvalue(res, row, 0));
    quoted(r, res, row, 1);
    buf_str(&r->out, ",\"reason\":");
    quoted(r, res, row, 2);
    buf_char(&r->out, '}');
}


/* Names of parts are plain words, and so is PostgreSQL's text of them. */
static void
product_json(struct report *r, const PGresult *res, int row)
{
    struct texts   parts = { 0 };
    const char    *text = PQgetvalue(res, row, 3);

    comma(r);
    buf_str(&r->out, "{\"handle\":");
    quoted(r, res, row, 0);
    buf_format(&r->out, ",\"line\":%s,\"action\":", PQgetvalue(res, row, 1));
    quoted(r, res, row, 2);
    buf_str(&r->out, ",\"parts\":[");
    if (pg_array_parse(&r->arena, &parts, text, strlen(text))) {
        for (size_t i = 0; i < parts.n; i++)
            buf_format(&r->out, "%s\"%s\"", i > 0 ? "," : "", parts.v[i]);
    }
    buf_str(&r->out, "]}");
}


/* A list and not an object: parts and actions may grow. */
static void
count_json(struct report *r, const PGresult *res, int row)
{
    comma(r);
    buf_str(&r->out, "{\"part\":");
    quoted(r, res, row, 0);
    buf_str(&r->out, ",\"action\":");
    quoted(r, res, row, 1);
    buf_format(&r->out, ",\"count\":%s}", PQgetvalue(res, row, 2));
}


/* NULL instead of a statement: the list is there, and empty. */
static bool
list_json(struct report *r, const char *name, const char *sql,
          row_writer write)
{
    buf_format(&r->out, ",\"%s\":[", name);
    r->first = true;
    if (sql != NULL && !each_row(r, sql, write))
        return false;
    buf_char(&r->out, ']');

    return true;
}


/* Not an error: most exports have dozens of columns that say nothing here. */
static void
unused_json(struct report *r)
{
    const struct texts  *unused = &r->in->unused;

    buf_str(&r->out, ",\"unused_columns\":[");
    r->first = true;
    for (size_t i = 0; i < unused->n; i++) {
        comma(r);
        json_text(&r->out, unused->v[i], strlen(unused->v[i]));
    }
    buf_char(&r->out, ']');
}


/* Always the same members, so that scripts need not ask which are there. */
static bool
report_json(struct report *r, bool applied)
{
    struct import  *in = r->in;
    bool            refused = in->broken || (in->faults > 0 && !in->skip_bad);

    buf_str(&r->out, "{\"file\":");
    json_text(&r->out, in->path, strlen(in->path));
    buf_format(&r->out, ",\"applied\":%s,\"dry_run\":%s,\"refused\":%s,"
               "\"rows\":%lld,\"currency\":\"%s\",\"locale\":\"%s\"",
               applied ? "true" : "false", in->dry_run ? "true" : "false",
               refused ? "true" : "false", (long long) in->rows, in->currency,
               in->locale);
    unused_json(r);
    if (!list_json(r, "faults", sql_import_faults, fault_json)
        || !list_json(r, "products", in->dry_run ? sql_import_products : NULL,
                      product_json)
        || !list_json(r, "counts", refused ? NULL : sql_import_counts,
                      count_json))
        return false;
    buf_str(&r->out, "}\n");
    flush(r);

    return true;
}


/* Errors of stdout are main()'s to find. */
int
import_report(struct import *in, bool applied)
{
    struct report  r = { .in = in };
    bool           ok;

    buf_init(&r.out, &r.arena, FLUSH);
    ok = in->ctl->json ? report_json(&r, applied) : report_text(&r, applied);
    arena_reset(&r.arena);

    return ok ? CTL_OK : ctl_failure(in->ctl);
}
