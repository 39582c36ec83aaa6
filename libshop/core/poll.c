/*
 * poll.c - the poller: what others changed in the database makes kept answers
 * stale here.
 *
 * Worker 0 asks every 200 ms for the tags of transactions that have become
 * visible since its last poll: those that the snapshot of that poll did not
 * see and this one does.  So every committed row is found once, in whatever
 * order transactions commit, and a long one that is still open makes nothing
 * stale twice.
 *
 * The right to serve from the cache is a lease that each answered poll
 * renews.  A poll that is not answered in time loses its connection: the
 * other side may be gone without a word.
 *
 * Nothing here returns an error.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/db.h"
#include "core/hash.h"
#include "core/poll.h"
#include "core/request.h"
#include "core/sql.h"
#include "core/worker.h"

#define EVERY_MS      200
#define LEASE_MS      800
#define ANSWER_MS     2000
#define AWAY_MS       480000    /* rows are trimmed at ten minutes           */
#define SEEN_MS       600000    /* for so long, by all: it may be trimmed    */
#define TRIM_EVERY    300       /* polls; a minute                           */
#define TRIM_ROWS     5000      /* at most in one go                         */

/* Ids of transactions start again from lower ones in another database, on a
 * server that was a standby, and after a crash, which is told by statistics:
 * see decisions 10 and 20. */
static const char ask_text[] =
    "SELECT pg_current_snapshot(), c.tag, c.xid,"
    "       (SELECT s.system_identifier FROM pg_control_system() s) || ':'"
    "       || CASE WHEN NOT pg_is_in_recovery() THEN"
    "          left(pg_walfile_name(pg_current_wal_lsn()), 8) END || ':'"
    "       || (SELECT stats_reset FROM pg_stat_bgwriter) AS epoch"
    "  FROM (SELECT) one"
    "  LEFT JOIN cache_change c"
    "    ON c.xid >= pg_snapshot_xmin($1::pg_snapshot)"
    "   AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)";

/* A row may be as old as its transaction and yet be new to all: those go that
 * everybody could see for ten minutes. */
const char poll_trim[] =
    "DELETE FROM cache_change WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM cache_change WHERE xid < $1::xid8"
    " AND at < clock_timestamp() - interval '10 minutes' LIMIT 5000))";

/* What no longer serves anybody, in portions of TRIM_ROWS. */
static const char *const trims[] = {
    poll_trim,
    "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM idempotency_keys"
    " WHERE created_at < shop_now() - interval '24 hours' LIMIT 5000))",
};

#define TRIMS  (sizeof(trims) / sizeof(trims[0]))


static void
again(struct poller *p, uint32_t ms)
{
    struct shop *shop = p->shop;

    shop->ops->timer_set(shop->host, &p->timer, ms, SHOP_TIMER_BACKGROUND);
}


/* --- what a poll says ---------------------------------------------------- */


static void
change_all(struct cache *c, uint64_t xid)
{
    cache_far_note_all(c, xid);
    cache_bump_all(c);
}


static void
bump_rows(struct cache *c, const PGresult *res)
{
    cache_tag_t tags[CACHE_MAX_TAGS];
    size_t      n = 0;

    for (int i = 0; i < PQntuples(res); i++) {
        const char *tag = PQgetvalue(res, i, 1);
        uint64_t    xid = strtoull(PQgetvalue(res, i, 2), NULL, 10);

        if (PQgetisnull(res, i, 1))
            continue;
        if (strcmp(tag, "*") == 0)
            change_all(c, xid);
        tags[n] = cache_tag(tag, strlen(tag));
        cache_far_note(c, tags[n++], xid);
        if (n == CACHE_MAX_TAGS) {
            cache_bump(c, tags, n);
            n = 0;
        }
    }
    cache_bump(c, tags, n);
}


/* Where the next poll goes on.  One too long to keep is cut to its xmin: some
 * rows are then seen twice. */
static void
remember(struct poller *p, const char *snapshot)
{
    unsigned long long xmin = strtoull(snapshot, NULL, 10);

    p->xmin = xmin;
    if (strlen(snapshot) < sizeof(p->snapshot))
        snprintf(p->snapshot, sizeof(p->snapshot), "%s", snapshot);
    else
        snprintf(p->snapshot, sizeof(p->snapshot), "%llu:%llu:", xmin, xmin);
}


/* Nothing that is kept can be trusted: the first poll, one after rows may
 * have been trimmed, one of another database, one after the lease ran out. */
static bool
is_lapsed(const struct poller *p, uint64_t now, const char *snapshot)
{
    return p->snapshot[0] == '\0' || now - p->answered_ms > AWAY_MS
           || strtoull(snapshot, NULL, 10) < p->xmin
           || !cache_lease_good(&p->shop->cache, now);
}


static uint64_t
epoch_of(const PGresult *res)
{
    uint64_t h[2] = { 0, 0 };

    if (!PQgetisnull(res, 0, 3))
        hash128(&hash_fixed, PQgetvalue(res, 0, 3),
                (size_t) PQgetlength(res, 0, 3), h);

    return h[0];
}


/* What is behind the first colon of a snapshot. */
static uint64_t
xmax_of(const char *snapshot)
{
    const char *colon = strchr(snapshot, ':');

    return colon == NULL ? UINT64_MAX : strtoull(colon + 1, NULL, 10);
}


/* What the poll tells goes to the tags, and to what others' answers are
 * measured by: that first (cache_far.c). */
static bool
change(struct poller *p, const PGresult *res, const char *snapshot)
{
    struct cache *c = &p->shop->cache;
    uint64_t      epoch = epoch_of(res);
    bool          lapsed = is_lapsed(p, shop_now_ms(p->shop), snapshot)
                           || epoch != p->epoch;

    cache_far_begin(c, epoch, xmax_of(snapshot), lapsed);
    if (lapsed) {
        cache_bump_all(c);
        COUNT(p->shop, LAPSES, 1);
    }
    bump_rows(c, res);
    p->epoch = epoch;

    return lapsed;
}


/* Ids that begin again say nothing of those that were. */
static void
horizon_move(struct poller *p, struct cache_poll *s, bool lapsed)
{
    uint64_t now = shop_now_ms(p->shop);

    if (lapsed || now - s->seen_ms >= SEEN_MS) {
        s->trim_xmin = lapsed ? 0 : s->seen_xmin;
        s->seen_xmin = s->xmin;
        s->seen_ms = now;
    }
    snprintf(p->horizon, sizeof(p->horizon), "%llu",
             (unsigned long long) s->trim_xmin);
}


static void
renew(struct poller *p, const PGresult *res)
{
    struct cache      *c = &p->shop->cache;
    const char        *snapshot = PQgetvalue(res, 0, 0);
    struct cache_poll  shared;
    bool               lapsed = change(p, res, snapshot);

    remember(p, snapshot);
    p->answered_ms = shop_now_ms(p->shop);
    cache_far_polled(c, p->xmin);

    cache_poll_get(c, &shared);
    shared.xmin = p->xmin;
    horizon_move(p, &shared, lapsed);
    shared.system_id = p->database;
    shared.epoch = p->epoch;
    shared.polls++;
    shared.changes += (uint64_t) PQntuples(res) - PQgetisnull(res, 0, 1);
    cache_poll_set(c, &shared);
    cache_lease_set(c, p->sent_ms + LEASE_MS);
    settings_stay(p->shop);
    cache_reap(c);
    COUNT(p->shop, POLLS, 1);
}


/* --- asking -------------------------------------------------------------- */


static void
done(struct poller *p)
{
    PQclear(p->wait.result);
    p->wait.result = NULL;
    again(p, EVERY_MS);
}


/* A full portion has more behind it, however fast rows are written. */
static void
trimmed(struct db_wait *w)
{
    struct poller *p = w->ctx;

    if (w->outcome != DB_ROWS
        || strtoul(PQcmdTuples(w->result), NULL, 10) < TRIM_ROWS)
        p->trims++;
    done(p);
}


static void
send(struct poller *p, const struct db_call *call,
     void (*wake)(struct db_wait *w))
{
    p->wait.outcome = DB_PENDING;
    p->wait.result = NULL;
    p->wait.wake = wake;
    p->wait.ctx = p;
    p->sent_ms = shop_now_ms(p->shop);
    db_poll(p->shop->db, call, &p->wait);
    again(p, p->wait.outcome == DB_PENDING ? ANSWER_MS : EVERY_MS);
}


/* Every minute, and at the start; one portion between two polls. */
static void
trim(struct poller *p)
{
    struct db_call call = { 0 };

    if (p->polls++ % TRIM_EVERY == 0 && p->trims == TRIMS)
        p->trims = 0;
    if (p->trims == TRIMS)
        return;

    call.text = trims[p->trims];
    if (call.text == poll_trim) {
        p->horizons[0] = p->horizon;
        call.values = p->horizons;
        call.n_values = 1;
    }
    send(p, &call, trimmed);
}


static void
answered(struct db_wait *w)
{
    struct poller *p = w->ctx;

    if (w->outcome == DB_ROWS)
        renew(p, w->result);
    done(p);
    if (w->outcome == DB_ROWS)
        trim(p);
}


static void
ask(struct poller *p)
{
    struct db_call call = { "shop_poll", ask_text, 1, p->values, p->slot };

    p->values[0] = p->snapshot[0] != '\0' ? p->snapshot : "1:1:";
    send(p, &call, answered);
}


static void
tick(shop_timer_t *t)
{
    struct poller *p = t->ctx;

    if (p->wait.entry == NULL) {
        ask(p);
        return;
    }
    db_forget(&p->wait);
    db_poll_reset(p->shop->db);
    again(p, EVERY_MS);
}


/* Another database than the one that was polled before is told apart by what
 * it is called. */
static uint64_t
database_id(const struct shop *shop)
{
    uint64_t h[2];

    hash128(&hash_fixed, shop->conf.database, strlen(shop->conf.database), h);
    return h[0];
}


/* After a reload it goes on where the last poller of this machine was, so
 * that what is kept outlives it. */
static void
adopt(struct poller *p)
{
    struct cache_poll shared;

    cache_poll_get(&p->shop->cache, &shared);
    if (shared.xmin == 0 || shared.system_id != p->database)
        return;

    p->xmin = shared.xmin;
    p->epoch = shared.epoch;
    p->answered_ms = shop_now_ms(p->shop);
    snprintf(p->snapshot, sizeof(p->snapshot), "%llu:%llu:",
             (unsigned long long) p->xmin, (unsigned long long) p->xmin);
}


void
poll_open(struct poller *p, struct shop *shop)
{
    static unsigned slot;

    if (shop->conf.worker != 0)
        return;
    if (slot == 0)
        slot = sql_next_slot();

    p->shop = shop;
    p->slot = slot;
    p->database = database_id(shop);
    adopt(p);
    p->timer.fire = tick;
    p->timer.ctx = p;
    again(p, 1);
}


void
poll_close(struct poller *p)
{
    if (p->shop == NULL)
        return;

    if (p->wait.entry != NULL)
        db_forget(&p->wait);
    p->shop->ops->timer_del(p->shop->host, &p->timer);
}
