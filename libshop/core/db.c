/*
 * db.c - all connections of a worker: a lane for short reads, one for what
 * takes longer, and those of transactions.
 *
 * Return codes: SHOP_OK or a negative SHOP_E_*.
 */
#include "core/db.h"

#include "core/db_lane.h"
#include "core/env.h"
#include "core/worker.h"

/* A short read looks up few rows by an index; a plan that reads a whole table
 * is right only while the table is small, and would be kept when it is not. */
#define NESTED  "-c enable_hashjoin=off -c enable_mergejoin=off "             \
                "-c enable_seqscan=off -c enable_memoize=off -c jit=off "

#define SLOW_FOR_MS  60000      /* a statement stays off the lane of reads   */

struct db {
    struct shop     *shop;
    struct tx_pool  *tx;
    struct names    *names;                     /* of its hosts              */
    const char      *attrs;                     /* in place of the given     */
    bool             may_lag;
    uint64_t         slow_until[SLOTS_MAX];     /* by statement; ms          */
    unsigned         n_read;
    unsigned         n_slow;
    struct db_lane   poll;
    struct db_lane   lane[];                    /* reads', then slow ones    */
};


/* --- opening and closing ------------------------------------------------- */


/* What libpq would use for this connection string, with its environment and
 * service files.  It tells that of a connection only; one with an sslmode
 * that does not exist ends before any name is looked up. */
static PQconninfoOption *
options_of(const char *conninfo)
{
    const char        *keys[] = { ATTRS, "dbname", "sslmode", NULL };
    const char        *values[] = { PRIMARY, conninfo, "none", NULL };
    PGconn            *pg = PQconnectStartParams(keys, values, 1);
    PQconninfoOption  *options = pg == NULL ? NULL : PQconninfo(pg);

    PQfinish(pg);

    return options;
}


static const char *
option(const PQconninfoOption *o, const char *keyword)
{
    while (o->keyword != NULL && strcmp(o->keyword, keyword) != 0)
        o++;

    return o->keyword == NULL || o->val == NULL ? "" : o->val;
}


const char *
database_wrong(const char *conninfo)
{
    PQconninfoOption *written = PQconninfoParse(conninfo, NULL);
    PQconninfoOption *o = options_of(conninfo);
    const char       *why = NULL;

    if (written == NULL || o == NULL
        || strcmp(option(o, "sslmode"), "none") != 0)
        why = "the database is not a libpq connection string such as "
              "\"host=/run/postgresql dbname=shop user=shop_app\", or names a "
              "service that is not defined";
    PQconninfoFree(written);
    PQconninfoFree(o);

    return why;
}


/* libpq takes no session for "read-write" that is read-only by what we ask
 * for, as most of ours are.  All else may be with a server that follows. */
static void
attrs_take(struct db *db, const char *given)
{
    if (strcmp(given, "read-write") == 0)
        db->attrs = PRIMARY;
    else
        db->may_lag = *given != '\0' && strcmp(given, PRIMARY) != 0;
}


bool
db_may_lag(const struct db *db)
{
    return db->may_lag;
}


/* What libpq would use and not only what the string says: PGHOST and service
 * files name hosts, too. */
static int
hosts_open(struct db *db)
{
    PQconninfoOption *o = options_of(db->shop->conf.database);
    struct name_list  given;
    int               rc;

    if (o == NULL)
        return SHOP_E_NOMEM;
    given.host = option(o, "host");
    given.hostaddr = option(o, "hostaddr");
    given.port = option(o, "port");
    attrs_take(db, option(o, ATTRS));
    rc = names_open(&db->names, db->shop, &given);
    PQconninfoFree(o);

    return rc;
}


struct names *
db_names(struct db *db)
{
    return db->names;
}


const char *
db_attrs(struct db *db)
{
    return db->attrs;
}


/* Reads come first among the lanes; the slow ones behind them are a ring, in
 * which each finds what waits for another. */
static void
lane_init(struct db *db, struct db_lane *l)
{
    unsigned i = (unsigned) (l - db->lane);

    l->db = db;
    l->shop = db->shop;
    l->counted = true;
    if (i < db->n_read) {
        l->name = "shop-read";
        l->options = COMMON NESTED "-c statement_timeout=100 "
                            "-c plan_cache_mode=force_generic_plan";
        l->flight_max = FLIGHT_MAX;
        return;
    }
    i -= db->n_read;
    l->name = "shop-slow";
    l->options = COMMON "-c statement_timeout=5000 "
                        "-c plan_cache_mode=force_custom_plan";
    l->flight_max = 1;
    l->ring = &db->lane[db->n_read + (i + 1) % db->n_slow];
}


/* For the worker's own questions, so that no crowd of requests delays the
 * news of changes: a late poll would make all that is kept stale. */
static void
poll_init(struct db *db)
{
    struct db_lane *l = &db->poll;

    l->db = db;
    l->shop = db->shop;
    l->name = "shop-poll";
    l->options = SESSION "-c statement_timeout=5000 -c lock_timeout=1000";
    l->flight_max = 1;
    l->ring = l;
}


/* All of it is memory: connections are made when they are asked for, since a
 * worker that serves from the cache needs none. */
int
db_open(struct db **out, struct shop *shop)
{
    unsigned    n_read = shop->conf.read_connections;
    unsigned    n_slow = shop->conf.slow_connections;
    const char *why = database_wrong(shop->conf.database);
    size_t      size;
    struct db  *db;
    int         rc;

    if (why != NULL) {
        shop_log(shop, SHOP_LOG_ERROR, "%s", why);
        return SHOP_E_CONF;
    }
    size = sizeof(struct db) + (n_read + n_slow) * sizeof(struct db_lane);
    db = shop_env.alloc(size);
    if (db == NULL)
        return SHOP_E_NOMEM;

    memset(db, 0, size);
    db->shop = shop;
    db->n_read = n_read;
    db->n_slow = n_slow;
    for (unsigned i = 0; i < n_read + n_slow; i++)
        lane_init(db, &db->lane[i]);
    poll_init(db);
    rc = hosts_open(db);
    if (rc == SHOP_OK && tx_pool_open(&db->tx, db, shop) != SHOP_OK) {
        names_close(db->names);
        rc = SHOP_E_NOMEM;
    }
    if (rc != SHOP_OK) {
        shop_env.release(db);
        return rc;
    }
    *out = db;

    return SHOP_OK;
}


void
db_drain(struct db *db)
{
    for (unsigned i = 0; i < db->n_read + db->n_slow; i++)
        db->lane[i].draining = true;
    db->poll.draining = true;
    tx_pool_drain(db->tx);
}


/* A post cannot be taken back: the last one that is due frees the memory. */
void
db_release(struct db *db)
{
    for (unsigned i = 0; i < db->n_read + db->n_slow; i++) {
        if (db->lane[i].posted)
            return;
    }
    if (db->poll.posted || tx_pool_posted(db->tx))
        return;
    shop_env.release(db->tx);
    shop_env.release(db);
}


void
db_close(struct db *db)
{
    for (unsigned i = 0; i < db->n_read + db->n_slow; i++) {
        lane_close(&db->lane[i]);
        db->lane[i].closed = true;
    }
    lane_close(&db->poll);
    db->poll.closed = true;
    tx_pool_close(db->tx);
    names_close(db->names);
    db_release(db);
}


bool
db_is_up(const struct db *db)
{
    for (unsigned i = 0; i < db->n_read; i++) {
        if (!lane_is_down(&db->lane[i]))
            return true;
    }

    return false;
}


struct tx_pool *
db_tx_pool(struct db *db)
{
    return db->tx;
}


void
lane_add(struct db_lane *l, const struct db_call *call, struct db_wait *w)
{
    struct db_entry *e = NULL;

    if (l->queue.n >= QUEUE_MAX || call->slot >= SLOTS_MAX
        || (e = shop_env.alloc(sizeof(*e))) == NULL)
    {
        w->outcome = DB_BUSY;
        return;
    }
    memset(e, 0, sizeof(*e));
    e->lane = l;
    e->asked_ms = shop_now_ms(l->shop);
    e->call = *call;
    e->alone = call->name == NULL;
    e->w = w;
    w->entry = e;
    entry_push(&l->queue, e);
    lane_post(l);
}


/* --- choosing a connection ----------------------------------------------- */


/* Statements of one iteration go together, so that they share a Sync and a
 * snapshot; else the one with the least to do takes it. */
static struct db_lane *
pick(struct db_lane *l, unsigned n)
{
    struct db_lane *best = NULL;

    for (; n > 0; n--, l++) {
        if (lane_is_down(l))
            continue;
        if (l->ring == NULL && l->posted && l->queue.n != 0)
            return l;
        if (best == NULL || l->queue.n + l->in_flight
                            < best->queue.n + best->in_flight)
            best = l;
    }

    return best;
}


static struct db_lane *
pick_slow(struct db *db)
{
    return pick(&db->lane[db->n_read], db->n_slow);
}


struct db_lane *
db_slower(struct db *db, unsigned slot)
{
    struct db_lane *l = pick_slow(db);

    db->slow_until[slot] = shop_now_ms(db->shop) + SLOW_FOR_MS;
    return l != NULL && l->queue.n < QUEUE_MAX ? l : NULL;
}


void
db_not_slow(struct db *db, unsigned slot)
{
    db->slow_until[slot] = 0;
}


static bool
is_slow(struct db *db, unsigned slot)
{
    if (slot >= SLOTS_MAX || db->slow_until[slot] == 0)
        return false;
    if (shop_now_ms(db->shop) < db->slow_until[slot])
        return true;
    db->slow_until[slot] = 0;

    return false;
}


void
db_read(struct db *db, enum lane lane, const struct db_call *call,
        struct db_wait *w)
{
    struct db_lane *l = lane == LANE_SLOW || is_slow(db, call->slot)
                        ? pick_slow(db) : pick(db->lane, db->n_read);

    if (l == NULL)
        w->outcome = DB_DOWN;
    else
        lane_add(l, call, w);
}


/* What is in flight was asked before what is queued. */
uint64_t
db_read_waits_ms(const struct db *db)
{
    uint64_t now = shop_now_ms(db->shop), most = 0;

    for (unsigned i = 0; i < db->n_read; i++) {
        const struct db_lane  *l = &db->lane[i];
        const struct db_entry *e = l->sent.first;

        while (e != NULL && e->kind != ENTRY_QUERY)
            e = e->next;
        if (e == NULL)
            e = l->queue.first;
        if (e != NULL && now - e->asked_ms > most)
            most = now - e->asked_ms;
    }

    return most;
}


void
db_poll(struct db *db, const struct db_call *call, struct db_wait *w)
{
    if (lane_is_down(&db->poll))
        w->outcome = DB_DOWN;
    else
        lane_add(&db->poll, call, w);
}


void
db_poll_reset(struct db *db)
{
    if (db->poll.state == LANE_UP)
        lane_lost(&db->poll);
}


void
db_forget(struct db_wait *w)
{
    w->entry->w = NULL;
    w->entry = NULL;
}
