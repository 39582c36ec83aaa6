/*
 * plan.c - EXPLAIN a prepared statement and look through what comes.
 *
 * The plan is generic, since a parameter's value might hide a table; a plan
 * also checks the role's rights.  What a function reads that is not part of
 * the plan is not seen here.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* A partition has its parent's comment. */
static const char  look_through[] =
    "WITH node AS ("
    "    SELECT n FROM jsonb_path_query($1::jsonb, 'strict $.**') n"
    "     WHERE jsonb_typeof(n) = 'object'), "
    "touched AS ("
    "    SELECT DISTINCT to_regclass(format('%I.%I', n->>'Schema',"
    "                                       n->>'Relation Name')) AS id"
    "      FROM node WHERE n ? 'Relation Name'), "
    "owned AS ("
    "    SELECT DISTINCT c.id::regclass::text AS name"
    "      FROM touched t"
    "     CROSS JOIN LATERAL (SELECT t.id::oid AS id UNION ALL"
    "           SELECT relid FROM pg_partition_ancestors(t.id)) c"
    "     WHERE obj_description(c.id, 'pg_class') ~ '@owner \\w+') "
    "SELECT EXISTS (SELECT FROM node WHERE n->>'Node Type' IN"
    "               ('ModifyTable', 'LockRows')),"
    "       coalesce((SELECT string_agg(name, ', ' ORDER BY name)"
    "                   FROM owned), '')";


static const char *
copy(struct arena *a, const char *text)
{
    const char *out = text == NULL ? NULL : arena_copy(a, text, strlen(text));

    if (out == NULL)
        abort();

    return out;
}


/* True with the first value of the first row; else with the error. */
static bool
ask(PGconn *pg, const char *sql, const char *value, struct arena *a,
    const char **out, bool *flag)
{
    PGresult *res = PQexecParams(pg, sql, value != NULL, NULL, &value, NULL,
                                 NULL, 0);
    bool      ok = PQresultStatus(res) == PGRES_TUPLES_OK
                   && PQntuples(res) > 0;

    *out = copy(a, ok ? PQgetvalue(res, 0, PQnfields(res) - 1)
                      : PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    if (ok && flag != NULL)
        *flag = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
    PQclear(res);

    return ok;
}


void
plan_read(PGconn *pg, const char *name, int n, struct arena *a,
          struct plan *out)
{
    struct buf   b;
    const char  *text;

    *out = (struct plan) { .owned = "" };
    PQclear(PQexec(pg, "SET plan_cache_mode = force_generic_plan"));
    buf_init(&b, a, 256);
    buf_format(&b, "EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE %s", name);
    for (int i = 0; i < n; i++)
        buf_str(&b, i == 0 ? "(NULL" : ", NULL");
    buf_str(&b, n == 0 ? "" : ")");
    buf_char(&b, '\0');
    if (b.failed)
        abort();

    out->failed = !ask(pg, b.data, NULL, a, &text, NULL);
    if (out->failed)
        out->owned = text;
    else
        out->failed = !ask(pg, look_through, text, a, &out->owned,
                           &out->writes);
}
