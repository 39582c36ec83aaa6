/*
 * toy.c - the domain of the scripted shop: counters that are looked at, with
 * and without the cache, and raised, once a thing.
 */
#include "script.h"

#include <string.h>

#include "core/request.h"
#include "core/sql.h"

struct toy_row { int64_t n; };

static const struct field toy_row[] = {
    SHAPE(toy_row, "ToyRow"),
    FIELD(toy_row, n, INT),
    END_SHAPE
};

static unsigned slots[2], looks;

static const struct param look_params[] = {
    { .name = "counter", .type = TEXT, .arg = 0 },
    { .name = "number", .type = TEXT, .arg = 1 },
};
static const struct stmt toy_look = {
    .name = "toy_look", .params = look_params, .n_params = 2,
    .text = "SELECT n FROM counters WHERE i = $1 AND $2 <> ''",
    .out = toy_row, .slot = &slots[0],
};

static const struct param raise_params[] = {
    { .name = "counter", .type = TEXT, .arg = 0 },
    { .name = "thing", .type = TEXT, .arg = 1 },
};
static const struct stmt toy_raise = {
    .name = "toy_raise", .params = raise_params, .n_params = 2,
    .text = "UPDATE counters SET n = n + 1 WHERE i = $1 AND $2 <> ''",
    .writes = true, .slot = &slots[1],
};

static const struct stmt *const statements[] = { &toy_look, &toy_raise, NULL };


/* Each look has a number, by which the server knows it again; those that are
 * refused for good are no answer that is kept. */
static void
look(struct request *rq)
{
    const char     *counter = path_text(rq, "counter"), *number;
    bool            kept = rq->route->flags & CACHED;
    struct query    q;
    struct toy_row *row;

    if (kept) {
        tag(rq, counter);
        looks += looks % 7 == 6;
    }
    number = text_of(rq, "%u", looks++);
    sql_start(rq, &q, &toy_look, NULL,
              (struct arg[]) { { TEXT, &counter }, { TEXT, &number } });
    row = sql_row(rq, &q);
    number = text_of(rq, "%lld", (long long) row->n);
    reply_text(rq, 200, "text/plain", number, strlen(number));
}


static void
work(void *arg)
{
    *(int *) arg += 1;
}


/* Every fourth thing takes a thread first. */
static void
raise(struct request *rq)
{
    const char  *counter = path_text(rq, "counter");
    const char  *thing = path_text(rq, "thing");
    int         *worked = alloc(rq, sizeof(int));
    struct query q;

    if (thing[strlen(thing) - 1] % 4 == 0)
        offload(rq, work, worked);
    touch(rq, counter);
    sql_start(rq, &q, &toy_raise, NULL,
              (struct arg[]) { { TEXT, &counter }, { TEXT, &thing } });
    if (sql_done(rq, &q) != 1)
        fail(rq, &not_found);
    reply_text(rq, 201, "text/plain", thing, strlen(thing));
}


static const struct route routes[] = {
    { GET, "/look/:counter", look, PUBLIC },
    { GET, "/kept/:counter", look, PUBLIC, CACHED },
    { POST, "/raise/:counter/:thing", raise, PUBLIC, TX | ONCE },
    END_ROUTES
};

static const struct domain toy_domain = {
    "toy", .routes = routes, .statements = statements,
};

const struct domain *const domains[] = { &toy_domain, NULL };


void
toy_begin(void)
{
    looks = 0;
}
