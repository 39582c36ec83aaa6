/*
 * system_api.c - /healthz: the process answers; /readyz: and so does a
 * database with this version's tables; /api/openapi.json: what may be asked.
 */
#include "system/system.h"

#include "core/openapi.h"
#include "core/problem.h"
#include "schema.h"
#include "system/system.sql.h"

struct health {
    const char  *status;
};

static const struct field health[] = {
    SHAPE(health, "Health"),
    FIELD(health, status, TEXT, .required = true, .doc = "Always ok"),
    END_SHAPE
};

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
    static const struct health well = { "ok" };

    reply(rq, 200, health, &well);
}


/* GET /readyz */
static void
readyz(struct request *rq)
{
    const struct readiness *r = sql_readiness(rq, SHOP_SCHEMA_CHANGE);

    if (r == NULL)
        fail(rq, &behind);

    reply(rq, 200, readiness, r);
}


/* GET /api/openapi.json - from memory, yet with an ETag: it is long, and the
 * same until the next version */
static void
openapi(struct request *rq)
{
    size_t      n;
    const char *text = openapi_document(&n);

    if (text == NULL)
        fail(rq, &out_of_memory);

    reply_text(rq, 200, "application/json", text, n);
}


static const struct route system_routes[] = {
    { GET, "/healthz", healthz, PUBLIC, NO_DB | FREE, .view = health,
      .summary = "The process answers" },
    { GET, "/readyz", readyz, PUBLIC, FREE, .view = readiness,
      .summary = "The database answers and has this version's tables" },
    { GET, "/api/openapi.json", openapi, PUBLIC,
      .summary = "This document" },
    END_ROUTES
};

const struct domain system_domain = {
    "system", .routes = system_routes, .statements = system_statements,
};
