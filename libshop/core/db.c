/*
 * db.c - all connections of a worker: a lane for short reads, one for what
 * takes longer, and those of transactions.
 *
 * Return codes: SHOP_OK or a negative SHOP_E_*.
 */
#include "core/db.h"

#include <arpa/inet.h>

#include "core/db_lane.h"
#include "core/env.h"
#include "core/worker.h"

#define COMMON  "-c TimeZone=UTC -c DateStyle=ISO "                           \
                "-c default_transaction_read_only=on "                        \
                "-c default_transaction_isolation=repeatable\\ read "

struct db {
    struct shop     *shop;
    struct db_lane   read;
    struct db_lane   slow;
    struct db_lane   poll;
    struct tx_pool  *tx;
};


/* A socket's folder or an address; a name would have to be looked up. */
static bool
host_is_plain(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    bool              plain = options != NULL, address = false;
    uint8_t           buf[16];

    for (PQconninfoOption *o = options; o != NULL && o->keyword; o++) {
        if (o->val == NULL || o->val[0] == '\0')
            continue;
        if (strcmp(o->keyword, "hostaddr") == 0)
            address = true;
        if (strcmp(o->keyword, "host") == 0
            && (o->val[0] != '/' || strchr(o->val, ',') != NULL))
            plain = inet_pton(AF_INET, o->val, buf) == 1
                    || inet_pton(AF_INET6, o->val, buf) == 1;
    }
    PQconninfoFree(options);

    return plain || address;
}


int
db_open(struct db **out, struct shop *shop)
{
    struct db *db;

    if (!host_is_plain(shop->conf.database)) {
        shop_log(shop, SHOP_LOG_ERROR, "the database's host is a name: give "
                 "a socket's folder, an address, or hostaddr= beside it");
        return SHOP_E_CONF;
    }
    db = shop_env.alloc(sizeof(struct db));
    if (db == NULL)
        return SHOP_E_NOMEM;

    memset(db, 0, sizeof(*db));
    db->shop = shop;
    db->read.db = db->slow.db = db->poll.db = db;
    db->read.shop = db->slow.shop = db->poll.shop = shop;
    db->poll.name = "shop-poll";
    db->poll.options = "-c TimeZone=UTC -c DateStyle=ISO "
                       "-c statement_timeout=5000 -c lock_timeout=1000";
    db->read.name = "shop-read";
    db->slow.name = "shop-slow";
    db->read.slower = &db->slow;
    db->read.options = COMMON "-c statement_timeout=100 "
                              "-c plan_cache_mode=force_generic_plan";
    db->slow.options = COMMON "-c statement_timeout=5000";
    if (tx_pool_open(&db->tx, db, shop) != SHOP_OK) {
        shop_env.release(db);
        return SHOP_E_NOMEM;
    }
    *out = db;

    return SHOP_OK;
}


void
db_drain(struct db *db)
{
    db->read.draining = db->slow.draining = db->poll.draining = true;
    tx_pool_drain(db->tx);
}


/* A post cannot be taken back: the last one that is due frees the memory. */
void
db_release(struct db *db)
{
    if (db->read.posted || db->slow.posted || db->poll.posted
        || tx_pool_posted(db->tx))
        return;
    shop_env.release(db->tx);
    shop_env.release(db);
}


void
db_close(struct db *db)
{
    lane_close(&db->read);
    lane_close(&db->slow);
    lane_close(&db->poll);
    tx_pool_close(db->tx);
    db->read.closed = db->slow.closed = db->poll.closed = true;
    db_release(db);
}


bool
db_is_up(const struct db *db)
{
    return !lane_is_down(&db->read);
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
    e->call = *call;
    e->alone = call->name == NULL;
    e->w = w;
    w->entry = e;
    entry_push(&l->queue, e);
    lane_post(l);
}


void
db_read(struct db *db, enum lane lane, const struct db_call *call,
        struct db_wait *w)
{
    struct db_lane *l = lane == LANE_SLOW ? &db->slow : &db->read;

    if (lane_is_down(l))
        w->outcome = DB_DOWN;
    else
        lane_add(l, call, w);
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
