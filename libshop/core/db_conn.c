/*
 * db_conn.c - one connection: made without waiting, lost, made again.
 *
 * While the first attempt runs statements queue; once an attempt has failed
 * they are refused at once until a later one succeeds.  Attempts follow each
 * other after 50 ms, doubling to 1 s, with jitter; the first that fails is a
 * warning, and so is the end of it.  A draining worker connects only for what
 * waits.
 *
 * Nothing here returns an error: the state of the lane is the result.
 */
#include "core/db_lane.h"
#include "core/env.h"
#include "core/worker.h"

#define BACKOFF_MIN_MS  50
#define BACKOFF_MAX_MS  1000      /* so soon is a server found that is back  */
#define CONNECT_MAX_MS  5000      /* libpq itself knows no bound here */

/* PostgreSQL ends a statement after its lane's statement_timeout; when not a
 * byte comes for longer than that, none will. */
#define SILENCE_READ_MS  2000
#define SILENCE_MS       7000


static void
unwatch(struct db_lane *l, int closed)
{
    if (!l->watching)
        return;
    l->shop->ops->watch_del(l->shop->host, &l->watch, closed);
    l->watching = false;
}


bool
lane_interest(struct db_lane *l, unsigned events)
{
    const shop_host_ops_t *ops = l->shop->ops;

    if (l->watching && l->interest == events)
        return true;

    l->interest = events;
    if (l->watching)
        return ops->watch_mod(l->shop->host, &l->watch, events) == SHOP_OK;

    l->watch.fd = PQsocket(l->pg);
    l->watching = ops->watch_add(l->shop->host, &l->watch, events) == SHOP_OK;

    return l->watching;
}


/* An attempt after a failed one makes nobody wait for it. */
bool
lane_is_down(const struct db_lane *l)
{
    return l->state == LANE_DOWN
           || (l->state == LANE_CONNECTING && l->failures != 0);
}


static void
refuse_all(struct db_lane *l)
{
    struct entries   queue = l->queue;
    struct db_entry *e;

    l->queue = (struct entries) { 0 };
    while ((e = entry_pop(&queue)) != NULL)
        entry_finish(e, DB_DOWN, NULL);
}


/* libpq may have closed the socket itself; PQfinish closes it if not.  The
 * watch goes afterwards, without a system call on a descriptor that may be
 * somebody else's by then. */
static void
finish(struct db_lane *l)
{
    names_leave(db_names(l->db), &l->naming);
    if (l->pg != NULL)
        PQfinish(l->pg);
    l->pg = NULL;
    l->shop->ops->timer_del(l->shop->host, &l->retry);
    l->listening = l->setting = false;
    unwatch(l, 1);
    memset(l->prepared, 0, sizeof(l->prepared));
}


static void
failed(struct db_lane *l, const char *why)
{
    uint32_t  ms = BACKOFF_MIN_MS << (l->failures < 7 ? l->failures : 7);
    uint8_t   jitter = 0;

    shop_log(l->shop, l->failures == 0 ? SHOP_LOG_WARN : SHOP_LOG_INFO,
             "no connection for lane %s: %s", l->name,
             why != NULL ? why : PQerrorMessage(l->pg));
    COUNT(l->shop, DB_FAILURES, 1);
    finish(l);
    l->state = LANE_DOWN;
    l->failures++;

    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    shop_env.random(&jitter, 1);
    if (!l->draining)
        l->shop->ops->timer_set(l->shop->host, &l->retry,
                                ms / 2 + ms * jitter / 512,
                                SHOP_TIMER_BACKGROUND);
    if (l->changed != NULL)
        l->changed(l, DB_DOWN);
    refuse_all(l);
    if (l->draining)
        l->state = LANE_IDLE;           /* there is no timer to end it */
}


static const char  unwatched[] = "the host cannot watch one more descriptor";


static void
watch_for(struct db_lane *l, unsigned events)
{
    if (!lane_interest(l, events))
        failed(l, unwatched);
}


static void
established(struct db_lane *l)
{
    if (PQenterPipelineMode(l->pg) != 1) {
        failed(l, NULL);
        return;
    }
    if (!lane_interest(l, SHOP_RD)) {
        failed(l, unwatched);
        return;
    }
    l->shop->ops->timer_del(l->shop->host, &l->retry);
    COUNT(l->shop, DB_CONNECTS, 1);
    COUNT(l->shop, DB_OPEN, 1);
    if (l->failures != 0)
        shop_log(l->shop, SHOP_LOG_WARN, "lane %s is connected again", l->name);
    l->state = LANE_UP;
    l->failures = 0;
    lane_post(l);
    if (l->changed != NULL)
        l->changed(l, DB_ROWS);
}


static void
connected(struct db_lane *l)
{
    if (PQsetnonblocking(l->pg, 1) != 0) {
        failed(l, NULL);
    } else if (session_is_set(l->pg)) {
        established(l);
    } else if (session_set(l->pg, l->options)) {
        l->setting = true;
        watch_for(l, SHOP_RD);
    } else {
        failed(l, NULL);
    }
}


static void
setting_step(struct db_lane *l)
{
    int rc = session_answer(l->pg);

    if (rc < 0)
        failed(l, "what it sets at the start of a session did not arrive, nor"
               " afterwards; does a pooler drop it?");
    if (rc <= 0)
        return;

    l->setting = false;
    established(l);
}


/* The socket may be another after every step, even under the same number:
 * the watch is made anew each time. */
static void
connect_step(struct db_lane *l)
{
    PostgresPollingStatusType s;

    unwatch(l, 0);
    s = PQconnectPoll(l->pg);
    if (s == PGRES_POLLING_OK)
        connected(l);
    else if (s == PGRES_POLLING_READING)
        watch_for(l, SHOP_RD);
    else if (s == PGRES_POLLING_WRITING)
        watch_for(l, SHOP_WR);
    else
        failed(l, NULL);
}


static void
ready(shop_watch_t *w, unsigned events)
{
    struct db_lane *l = w->ctx;

    (void) events;
    if (l->setting) {
        setting_step(l);
        return;
    }
    if (l->state == LANE_CONNECTING) {
        connect_step(l);
        return;
    }
    l->heard = true;
    if (PQconsumeInput(l->pg) != 1) {
        lane_lost(l);
        return;
    }
    lane_pump(l);
}


/* libpq's own would write to standard error. */
static void
no_notice(void *ctx, const char *message)
{
    (void) ctx;
    (void) message;
}


/* A host that is gone, or hangs, closes nothing: without this its connection
 * would be asked for ever. */
static void
silence(struct db_lane *l)
{
    l->listening = false;
    if (l->sent.n == 0)
        return;

    if (l->heard) {
        lane_listen(l);
        return;
    }
    shop_log(l->shop, SHOP_LOG_WARN, "lane %s is owed an answer that does not "
             "come", l->name);
    lane_lost(l);
}


/* While the lane is up, the timer of its attempts is free for this. */
void
lane_listen(struct db_lane *l)
{
    bool reads = l->changed == NULL && l->ring == NULL;

    if (l->listening)
        return;

    l->listening = true;
    l->heard = false;
    l->shop->ops->timer_set(l->shop->host, &l->retry,
                            reads ? SILENCE_READ_MS : SILENCE_MS,
                            SHOP_TIMER_BACKGROUND);
}


static void
retry(shop_timer_t *t)
{
    struct db_lane *l = t->ctx;

    if (l->state == LANE_UP)
        silence(l);
    else if (l->state == LANE_CONNECTING)
        failed(l, "it took too long");
    else if (l->draining)
        l->state = LANE_IDLE;
    else
        lane_connect(l);
}


/* With the addresses that its names have; NULL when memory is short.  Over TCP
 * a network that is gone says nothing: what is not acknowledged for two
 * seconds is lost, and so is an idle connection whose other end does not
 * answer for so long.  Of what stands twice libpq takes the last, so the
 * operator's own values win, and addresses that were looked up over those. */
PGconn *
db_connect(struct db *db, const char *conninfo, const char *options,
           const char *name)
{
    struct name_list hosts = names_list(db_names(db));
    const char *keys[] = { "tcp_user_timeout", "keepalives_idle",
                           "keepalives_interval", "keepalives_count", ATTRS,
                           "dbname", "options", "fallback_application_name",
                           "client_encoding", "host", "hostaddr", "port",
                           ATTRS, NULL };
    const char *values[] = { "2000", "1", "1", "2", PRIMARY, conninfo,
                             options, name, "UTF8", hosts.host,
                             hosts.hostaddr, hosts.port, db_attrs(db), NULL };
    PGconn     *pg = PQconnectStartParams(keys, values, 1);

    if (pg != NULL)
        PQsetNoticeProcessor(pg, no_notice, NULL);

    return pg;
}


static void
connect_begin(struct db_lane *l)
{
    l->pg = db_connect(l->db, l->shop->conf.database, l->options, l->name);
    if (l->pg == NULL)
        failed(l, "out of memory");
    else if (PQstatus(l->pg) == CONNECTION_BAD)
        failed(l, NULL);
    else
        watch_for(l, SHOP_WR);
}


static void
named(struct name_wait *w, const char *why)
{
    if (why != NULL)
        failed(w->ctx, why);
    else
        connect_begin(w->ctx);
}


void
lane_connect(struct db_lane *l)
{
    l->watch.ready = ready;
    l->naming.ready = named;
    l->watch.ctx = l->retry.ctx = l->naming.ctx = l;
    l->retry.fire = retry;
    l->state = LANE_CONNECTING;
    l->shop->ops->timer_set(l->shop->host, &l->retry, CONNECT_MAX_MS,
                            SHOP_TIMER_BACKGROUND);

    switch (names_ask(db_names(l->db), &l->naming)) {
    case NAMES_KNOWN:
        connect_begin(l);
        break;
    case NAMES_FAILED:
        failed(l, "no thread is free to look its host up");
        break;
    case NAMES_ASKED:
        break;
    }
}


/* Nothing of a transaction is sent twice. */
static void
lost_for_good(struct db_lane *l, struct entries *sent, struct entries *queue)
{
    struct db_entry *e;

    l->state = LANE_IDLE;
    l->changed(l, DB_LOST);
    while ((e = entry_pop(sent)) != NULL || (e = entry_pop(queue)) != NULL) {
        PQclear(e->result);
        entry_finish(e, DB_LOST, NULL);
    }
}


/* What was in flight is sent again once on the next connection.  That of a
 * transaction may be given up before it is there. */
void
lane_lost(struct db_lane *l)
{
    struct entries   sent = l->sent, old = l->queue, gone = { 0 };
    struct db_entry *e;

    shop_log(l->shop, SHOP_LOG_WARN, "connection of lane %s lost: %s",
             l->name, PQerrorMessage(l->pg));
    COUNT(l->shop, DB_LOST, 1);
    cache_far_shut(&l->shop->cache);    /* ids may start again               */
    if (l->state == LANE_UP)
        COUNT(l->shop, DB_OPEN, -1);
    if (l->counted)
        COUNT(l->shop, READ_FLIGHT, -(int64_t) l->in_flight);
    finish(l);
    l->sent = l->queue = (struct entries) { 0 };
    l->in_flight = 0;
    if (l->changed != NULL) {
        lost_for_good(l, &sent, &old);
        return;
    }

    while ((e = entry_pop(&sent)) != NULL) {
        if (e->result != NULL)
            PQclear(e->result);
        e->result = NULL;
        e->answered = false;
        if (e->kind != ENTRY_QUERY || e->again || e->w == NULL) {
            entry_push(&gone, e);
        } else {
            e->again = true;
            COUNT(l->shop, READ_RETRIES, 1);
            entry_push(&l->queue, e);
        }
    }
    while ((e = entry_pop(&old)) != NULL)
        entry_push(&l->queue, e);

    if (l->draining && l->queue.n == 0)
        l->state = LANE_IDLE;
    else
        lane_connect(l);
    while ((e = entry_pop(&gone)) != NULL)
        entry_finish(e, DB_LOST, NULL);
}


void
lane_close(struct db_lane *l)
{
    struct db_entry *e;

    l->draining = true;
    if (l->state == LANE_UP)
        COUNT(l->shop, DB_OPEN, -1);
    if (l->counted)
        COUNT(l->shop, READ_FLIGHT, -(int64_t) l->in_flight);
    unwatch(l, 0);
    finish(l);
    l->state = LANE_DOWN;

    while ((e = entry_pop(&l->sent)) != NULL)
        entry_finish(e, DB_DOWN, NULL);
    refuse_all(l);
}
