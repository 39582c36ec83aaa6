/*
 * check.c - shopctl check: is the shop set up as it must be, and is its data
 * as it must be?
 *
 * Each check is one statement, so that what it says is true of one moment.
 */
#include "shopctl/shopctl.h"

#include <errno.h>
#include <unistd.h>

#include "core/banned.h"
#include "core/env.h"
#include "core/text.h"
#include "schema.h"
#include "shop.h"
#include "shopctl/check.sql.h"
#include "shopctl/invariants.sql.h"

#define POLLERS  2              /* worker 0's, and its successor's           */

static const char help[] =
    "usage: shopctl check [--workers N] [--connections N] [--metrics FILE]\n"
    "\n"
    "Looks at the shop's database and says what is wrong:\n"
    "\n"
    "  server        PostgreSQL 15 or later, UTF-8, no standby\n"
    "  role          may not change the tables' form, as nginx's role\n"
    "  migrations    those that belong to this version, and no others\n"
    "  connections   as many as nginx's workers open at most, twice, since a\n"
    "                reload has the old ones beside the new; they fit in the\n"
    "                limits of server, database and role\n"
    "  invariants    what must hold of the data at every moment; every breach\n"
    "                is shown\n"
    "\n"
    "All checks are made, also when one fails. Connect as nginx does. A big\n"
    "shop takes a while to check; nothing is locked meanwhile.\n"
    "\n"
    "nginx's configuration is not read: \"nginx -t\" checks it. Say here what\n"
    "it says of worker_processes, and the sum of its shop_..._connections.\n"
    "\n"
    "  --workers N       nginx's workers; as many as this machine has\n"
    "                    processors, when it is not given\n"
    "  --connections N   connections of a worker, when its pools are not as\n"
    "                    big as usual\n"
    "  --metrics FILE    how much is wrong, as Prometheus reads it; left as\n"
    "                    it was when the database could not be asked\n"
    "\n"
    "The exit code is 1 when anything is wrong; --quiet shows only that. With\n"
    "--json an object with \"ok\" and \"checks\", an array of objects with\n"
    "name, ok, detail and, for invariants, breaches: invariant and detail.\n";

struct check {
    struct ctl  *ctl;
    struct buf   json;          /* what is printed under --json              */
    bool         ok;            /* nothing was wrong                         */
    unsigned     wrong;         /* checks that were not well                 */
    int          breaches;      /* -1: was not looked at                     */
};

static const char *const plan[] = { SHOP_SCHEMA_CHANGES };


/* Lines of what is wrong go to standard output even under --quiet. */
static void
say(struct check *c, bool ok, const char *name, const char *detail)
{
    if (c->json.len > 0)
        buf_char(&c->json, ',');
    buf_format(&c->json, "{\"name\":\"%s\",\"ok\":%s,\"detail\":", name,
               ok ? "true" : "false");
    json_text(&c->json, detail, strlen(detail));

    if (!c->ctl->json && !(ok && c->ctl->quiet))
        printf("%-5s  %-11s  %s\n", ok ? "ok" : "wrong", name, detail);
    c->ok &= ok;
    c->wrong += !ok;
}


/* A statement that says whether it is well, and how it is; its two columns
 * are that. */
static bool
check(struct check *c, const char *name, const char *sql, int n,
      const char *const *params)
{
    PGresult *res = ctl_query(c->ctl, sql, n, params);

    if (res == NULL)
        return false;
    say(c, PQgetvalue(res, 0, 0)[0] == 't', name, PQgetvalue(res, 0, 1));
    buf_char(&c->json, '}');
    PQclear(res);

    return true;
}


/* A database without Sqitch's tables was never migrated. */
static bool
has_registry(struct check *c, bool *has)
{
    PGresult *res = ctl_query(c->ctl,
        "SELECT to_regclass('sqitch.changes') IS NOT NULL", 0, NULL);

    if (res == NULL)
        return false;
    *has = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);

    return true;
}


/* *migrated: all of this version's tables are there, so that the invariants can
 * be looked at.  A later version's may differ in any way. */
static bool
check_migrations(struct check *c, bool *migrated)
{
    struct texts  changes = {
        sizeof(plan) / sizeof(plan[0]), (const char **) plan
    };
    const char   *params[] = { pg_array_text(&c->ctl->arena, &changes) };
    bool          was = c->ok;

    if (!has_registry(c, migrated))
        return false;
    if (!*migrated) {
        say(c, false, "migrations",
            "none is deployed (cd sql && sqitch deploy)");
        buf_char(&c->json, '}');
        return true;
    }

    c->ok = true;
    if (!check(c, "migrations", sql_check_migrations, 1, params))
        return false;
    *migrated = c->ok;
    c->ok &= was;

    return true;
}


/* Numbers go as text parameters, cast by the statement. */
static bool
check_connections(struct check *c, int64_t workers, int64_t connections)
{
    char         text[3][24];
    const char  *params[] = { text[0], text[1], text[2] };

    snprintf(text[0], sizeof(text[0]), "%lld", (long long) workers);
    snprintf(text[1], sizeof(text[1]), "%lld", (long long) connections);
    snprintf(text[2], sizeof(text[2]), "%d", POLLERS);

    return check(c, "connections", sql_check_connections, 3, params);
}


/* Every one, however many: whoever mends them wants the list, and who only
 * wants to know reads the line above. */
static void
say_breach(struct check *c, const PGresult *res, int row)
{
    const char *what = PQgetvalue(res, row, 0);
    const char *where = PQgetvalue(res, row, 1);

    buf_str(&c->json, row > 0 ? ",{\"invariant\":" : "{\"invariant\":");
    json_text(&c->json, what, strlen(what));
    buf_str(&c->json, ",\"detail\":");
    json_text(&c->json, where, strlen(where));
    buf_char(&c->json, '}');

    if (!c->ctl->json)
        printf("       %s: %s\n", what, where);
}


/* One statement sees one snapshot: what others commit meanwhile is no
 * breach. */
static bool
check_invariants(struct check *c)
{
    PGresult  *res = ctl_query(c->ctl, sql_invariants, 0, NULL);
    char       detail[64];
    int        n;

    if (res == NULL)
        return false;
    c->breaches = n = PQntuples(res);
    snprintf(detail, sizeof(detail), "%d breach%s", n, n == 1 ? "" : "es");
    say(c, n == 0, "invariants", n == 0 ? "all hold" : detail);

    buf_str(&c->json, ",\"breaches\":[");
    for (int row = 0; row < n; row++)
        say_breach(c, res, row);
    buf_str(&c->json, "]}");
    PQclear(res);

    return true;
}


/* Invariants speak of tables that only a migrated database has. */
static bool
check_all(struct check *c, int64_t workers, int64_t connections)
{
    bool migrated;

    if (!check(c, "server", sql_check_server, 0, NULL)
        || !check(c, "role", sql_check_role, 0, NULL)
        || !check_migrations(c, &migrated)
        || !check_connections(c, workers, connections))
    {
        return false;
    }
    if (migrated)
        return check_invariants(c);

    say(c, false, "invariants", "not looked at: they want the migrations");
    buf_str(&c->json, ",\"breaches\":[]}");

    return true;
}


/* Beside its place and moved there: who collects it sees a whole one. */
static bool
write_beside(const char *path, const struct buf *text, const char *beside)
{
    FILE *out = fopen(beside, "we");
    bool  ok;

    if (out == NULL)
        return false;
    ok = fwrite(text->data, 1, text->len, out) == text->len;
    ok = fclose(out) == 0 && ok;

    return ok && rename(beside, path) == 0;
}


/* A file, as nobody could ask a command that has ended. Its time tells how old
 * it is, whatever becomes of the timer that should write it anew. */
static bool
write_metrics(struct check *c, const char *path)
{
    struct ctl *ctl = c->ctl;
    struct buf  text, beside;

    buf_init(&text, &ctl->arena, 512);
    buf_init(&beside, &ctl->arena, 0);
    buf_format(&beside, "%s.new", path);
    if (c->breaches >= 0)
        buf_format(&text, "# HELP shop_invariant_breaches Breaches of what "
                   "must hold of the data\n"
                   "# TYPE shop_invariant_breaches gauge\n"
                   "shop_invariant_breaches %d\n", c->breaches);
    buf_format(&text, "# HELP shop_check_wrong Checks of shopctl check that "
               "were not well\n# TYPE shop_check_wrong gauge\n"
               "shop_check_wrong %u\n"
               "# HELP shop_check_timestamp_seconds When these were made\n"
               "# TYPE shop_check_timestamp_seconds gauge\n"
               "shop_check_timestamp_seconds %lld\n", c->wrong,
               (long long) (shop_env.now_us() / 1000000));
    buf_add(&beside, "", 1);
    if (text.failed || beside.failed)
        ctl_error(ctl, "out of memory");
    else if (write_beside(path, &text, beside.data))
        return true;
    else
        ctl_error(ctl, "%s cannot be written: %s", path, strerror(errno));

    return false;
}


/* The exit code is the answer for scripts; the text and JSON say why. */
static int
report(struct check *c)
{
    struct buf b;

    if (c->ctl->json) {
        buf_init(&b, &c->ctl->arena, c->json.len + 64);
        buf_format(&b, "{\"ok\":%s,\"checks\":[", c->ok ? "true" : "false");
        buf_add(&b, c->json.data, c->json.len);
        buf_str(&b, "]}");
        b.failed |= c->json.failed;
        if (ctl_put(c->ctl, &b) != CTL_OK)
            return CTL_FAILED;
    }

    return c->ok ? CTL_OK : CTL_FAILED;
}


/* Usual pools are those of shop.h's own defaults, so that both cannot drift
 * apart. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const shop_conf_t    usual = SHOP_CONF_INIT;
    int64_t              workers = sysconf(_SC_NPROCESSORS_ONLN);
    const char          *metrics = NULL;
    int64_t              connections = usual.read_connections
                                       + usual.slow_connections
                                       + usual.stream_connections
                                       + usual.tx_connections;
    const struct option  options[] = {
        { "workers", OPTION_INT, &workers, 1, 1024 },
        { "connections", OPTION_INT, &connections, 1, 10000 },
        { "metrics", OPTION_TEXT, &metrics },
        { NULL }
    };
    struct check         c = { .ctl = ctl, .ok = true, .breaches = -1 };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc != CTL_OK)
        return rc;
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);

    buf_init(&c.json, &ctl->arena, 0);
    if (!check_all(&c, workers, connections))
        return ctl_failure(ctl);
    if (metrics != NULL && !write_metrics(&c, metrics))
        return CTL_FAILED;

    return report(&c);
}


const struct command check_command = {
    "check", "look for what is wrong with the database", help, run
};
