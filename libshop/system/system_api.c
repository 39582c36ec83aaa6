/*
 * system_api.c - /healthz: the process answers; /readyz: and so does a
 * database with this version's tables.
 */
#include "system/system.h"

#include "schema.h"
#include "system/system.sql.h"

const struct field readiness[] = {
    SHAPE(readiness, "Readiness"),
    FIELD(readiness, change, TEXT, .required = true,
          .doc = "Last migration of the database"),
    END_SHAPE
};

static const struct problem behind = {
    503, "not_migrated", "The database lacks this version's tables.",
};


/* GET /healthz */
static void
healthz(struct request *rq)
{
    static const char ok[] = "{\"status\":\"ok\"}";

    reply_text(rq, 200, "application/json", ok, sizeof(ok) - 1);
}


/* GET /readyz */
static void
readyz(struct request *rq)
{
    const struct readiness *r = sql_readiness(rq);

    if (r == NULL || strcmp(r->change, SHOP_SCHEMA_CHANGE) != 0)
        fail(rq, &behind);

    reply(rq, 200, readiness, r);
}


static const struct route system_routes[] = {
    { GET, "/healthz", healthz, PUBLIC, NO_DB,
      .summary = "The process answers" },
    { GET, "/readyz", readyz, PUBLIC, .view = readiness,
      .summary = "The database answers and has this version's tables" },
    END_ROUTES
};

const struct domain system_domain = {
    "system", .routes = system_routes, .statements = system_statements,
};
