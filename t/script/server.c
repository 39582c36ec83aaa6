/*
 * server.c - a PostgreSQL of three counters and a table of keys.
 *
 * A transaction's changes are its own until COMMIT; a row that it has raised
 * and a key that it has locked are its own until its end, and who wants the
 * row waits.  Reads of one Sync see one snapshot.  An error spoils all that
 * follows up to the Sync, and the transaction.  What a session has received
 * is done, whether or not its client is still there.
 *
 * It also looks at what it is sent: a statement that a neighbour's error
 * skipped comes again with a Sync of its own.
 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX  64
#define PREPARED_MAX  16
#define RAISES_MAX    8
#define KEYS_MAX      OPS_MAX
#define XIDS_MAX      4096
#define FIRST_XID     1000
#define LOOKS_MAX     4096
#define UNIQUE        "idempotency_keys_pkey"

struct raise { int counter; int op; };

struct kept {                           /* a row of the table of keys        */
    char            *value[VALUES_MAX];
    struct session  *by;                /* not committed yet; NULL: it is    */
};

struct session {
    bool             client;            /* is still there                    */
    struct message  *first, **last;
    struct { char name[32]; enum what what; } prepared[PREPARED_MAX];
    unsigned         n_prepared;

    bool             in_tx;
    bool             failed;            /* the transaction is spoilt         */
    unsigned         xid;
    struct raise     raise[RAISES_MAX];
    unsigned         n_raise;
    char             lock[64];          /* "": none                          */

    bool             skipping;          /* up to the Sync                    */
    unsigned         n_batch;           /* statements since the last Sync    */
    bool             seen;              /* a snapshot was taken              */
    int              snapshot[COUNTERS];
    bool             alone;             /* no other may come before the Sync */
};

int counters[COUNTERS], done[OPS_MAX], done_at[OPS_MAX];

static struct session *sessions[SESSIONS_MAX];
static struct session *row_owner[COUNTERS];
static struct kept     keys[KEYS_MAX];
static char            xids[XIDS_MAX];  /* 0, 'p'rogress, 'c', 'a'           */
static unsigned        n_xids;
static bool            down;

/* By the number of a look: the session that skipped it and told so. */
static struct session *skipped[LOOKS_MAX];


/* --- transactions -------------------------------------------------------- */


static void
kept_drop(struct kept *k)
{
    for (int i = 0; i < VALUES_MAX; i++) {
        free(k->value[i]);
        k->value[i] = NULL;
    }
    k->by = NULL;
}


static void
raise_done(struct raise r)
{
    counters[r.counter]++;
    if (++done[r.op] > 1)
        broken("thing %d is done %d times", r.op, done[r.op]);
    done_at[r.op] = counters[r.counter];
}


/* Its locks go with it; what it did is everybody's, or nobody's. */
static void
tx_end(struct session *s, bool commit)
{
    for (unsigned i = 0; commit && i < s->n_raise; i++)
        raise_done(s->raise[i]);
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (keys[i].by != s)
            continue;
        if (commit)
            keys[i].by = NULL;
        else
            kept_drop(&keys[i]);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        if (row_owner[i] == s)
            row_owner[i] = NULL;
    }
    if (s->xid != 0)
        xids[s->xid - FIRST_XID] = commit ? 'c' : 'a';
    s->in_tx = s->failed = false;
    s->xid = s->n_raise = 0;
    s->lock[0] = '\0';
}


/* --- sessions ------------------------------------------------------------ */


struct session *
server_connect(void)
{
    struct session *s;

    if (down || (troubled && one_in(20)))
        return NULL;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i] != NULL)
            continue;
        s = calloc(1, sizeof(*s));
        if (s == NULL)
            abort();
        s->client = true;
        s->last = &s->first;
        return sessions[i] = s;
    }
    broken("the server has %d sessions", SESSIONS_MAX);
}


static void
session_end(struct session *s)
{
    tx_end(s, false);
    while (s->first != NULL) {
        struct message *m = s->first;

        s->first = m->next;
        message_free(m);
    }
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i] == s)
            sessions[i] = NULL;
    }
    free(s);
}


void
server_send(struct session *s, struct message *m)
{
    *s->last = m;
    s->last = &m->next;
}


/* Who has left may not have heard what was skipped. */
void
server_leave(struct session *s, bool at_once)
{
    s->client = false;
    for (size_t i = 0; i < LOOKS_MAX; i++) {
        if (skipped[i] == s)
            skipped[i] = NULL;
    }
    if (at_once || s->first == NULL)
        session_end(s);
}


unsigned
server_sessions(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < SESSIONS_MAX; i++)
        n += sessions[i] != NULL && sessions[i]->client;

    return n;
}


/* Either the server's process ends, or only what lies between it and the
 * client, and then it goes on with what it has. */
static void
lose(struct session *s)
{
    pq_ended(s);
    server_leave(s, one_in(2));
}


void
server_kill(unsigned i)
{
    for (size_t at = 0; at < SESSIONS_MAX; at++) {
        if (sessions[at] != NULL && sessions[at]->client && i-- == 0) {
            lose(sessions[at]);
            return;
        }
    }
}


void
server_set_down(bool is)
{
    down = is;
    for (size_t i = 0; is && i < SESSIONS_MAX; i++) {
        if (sessions[i] == NULL)
            continue;
        pq_ended(sessions[i]);
        server_leave(sessions[i], true);
    }
}


void
server_begin(void)
{
    memset(counters, 0, sizeof(counters));
    memset(done, 0, sizeof(done));
    memset(done_at, 0, sizeof(done_at));
    memset(xids, 0, sizeof(xids));
    memset(skipped, 0, sizeof(skipped));
    n_xids = 0;
    down = false;
}


void
server_end(void)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i] != NULL)
            session_end(sessions[i]);
    }
    for (size_t i = 0; i < KEYS_MAX; i++)
        kept_drop(&keys[i]);
}


/* --- statements ---------------------------------------------------------- */


static enum what
what_is(const struct session *s, const struct message *m)
{
    for (unsigned i = 0; m->name[0] != '\0' && i < s->n_prepared; i++) {
        if (strcmp(s->prepared[i].name, m->name) == 0)
            return s->prepared[i].what;
    }

    return m->name[0] == '\0' ? m->what : UNKNOWN;
}


static void
fail_with(struct session *s, const char *sqlstate, const char *constraint)
{
    pq_answer(s, result_error(sqlstate, constraint));
    s->skipping = true;
    s->failed = s->in_tx;
}


static void
say_text(struct session *s, const char *const *names, char *text)
{
    pq_answer(s, result_row(names, &text, 1));
}


static void
begin(struct session *s)
{
    s->in_tx = true;
    pq_answer(s, result_done("BEGIN"));
}


static void
end(struct session *s, bool commit)
{
    bool whole = commit && !s->failed;

    if (troubled && whole && one_in(40)) {
        tx_end(s, false);
        fail_with(s, "40001", "");
        return;
    }
    tx_end(s, whole);
    pq_answer(s, result_done(whole ? "COMMIT" : "ROLLBACK"));
}


static void
give_xid(struct session *s)
{
    static const char *const names[] = { "xid", "born" };
    char                     text[16], born[] = "now";

    if (n_xids == XIDS_MAX)
        broken("there are too many transactions");
    s->xid = FIRST_XID + n_xids;
    xids[n_xids++] = 'p';
    snprintf(text, sizeof(text), "%u", s->xid);
    pq_answer(s, result_row(names, (char *[]) { text, born }, 2));
}


static void
say_status(struct session *s, const struct message *m)
{
    static const char *const names[] = { "status", "born" };
    char                     born[] = "now";
    char                     state = xids[atoi(m->value[0]) - FIRST_XID];
    char                     text[16];

    snprintf(text, sizeof(text), "%s", state == 'c' ? "committed"
             : state == 'a' ? "aborted" : "in progress");
    pq_answer(s, result_row(names, (char *[]) { text, born }, 2));
}


static void
lock(struct session *s, const struct message *m)
{
    static const char *const names[] = { "locked" };
    char                     yes[] = "t", no[] = "f";
    bool                     free = true;

    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *other = sessions[i];

        free = free && (other == NULL || other == s
                        || strcmp(other->lock, m->value[1]) != 0);
    }
    if (free)
        snprintf(s->lock, sizeof(s->lock), "%s", m->value[1]);
    say_text(s, names, free ? yes : no);
}


static struct kept *
key_find(const char *key)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (keys[i].value[1] != NULL && strcmp(keys[i].value[1], key) == 0)
            return &keys[i];
    }

    return NULL;
}


static void
find(struct session *s, const struct message *m)
{
    static const char *const names[] = {
        "method", "path", "body_hash", "status", "etag", "location", "type",
        "body"
    };
    struct kept *k = key_find(m->value[1]);

    pq_answer(s, k == NULL || k->by != NULL
              ? result_none(names, 8) : result_row(names, k->value + 2, 8));
}


/* The lock over the key keeps others from being here at once. */
static void
keep(struct session *s, const struct message *m)
{
    struct kept *k = key_find(m->value[1]);

    if (k != NULL && k->by != NULL)
        broken("two transactions keep one key");
    if (k != NULL) {
        fail_with(s, "23505", UNIQUE);
        return;
    }
    for (k = keys; k->value[1] != NULL; k++)
        continue;
    for (int i = 0; i < m->n; i++)
        k->value[i] = m->value[i] == NULL ? NULL : strdup(m->value[i]);
    k->by = s;
    pq_answer(s, result_done("INSERT 0 1"));
}


static void
raise(struct session *s, const struct message *m)
{
    static const char *const states[] = {
        "40001", "40P01", "55P03", "57014"
    };
    int i = atoi(m->value[0]);

    if (!s->in_tx)
        broken("a write outside of a transaction");
    if (troubled && one_in(12)) {
        fail_with(s, states[chance(4)], "");
        return;
    }
    row_owner[i] = s;
    s->raise[s->n_raise++] = (struct raise) { i, atoi(m->value[1]) };
    pq_answer(s, result_done("UPDATE 1"));
}


/* Every seventh is one that PostgreSQL refuses, again and again. */
static void
look(struct session *s, const struct message *m)
{
    static const char *const names[] = { "n" };
    int                      number = atoi(m->value[1]);
    char                     text[16];

    if (number >= LOOKS_MAX)
        broken("there are too many looks");
    if (skipped[number] == s) {
        s->alone = true;
        if (s->n_batch > 1)
            broken("look %d, which was skipped, shares a Sync again", number);
    }
    if (number % 7 == 6 || (troubled && one_in(50))) {
        fail_with(s, number % 7 == 6 ? "22012" : "57014", "");
        return;
    }
    if (!s->seen)
        memcpy(s->snapshot, counters, sizeof(counters));
    s->seen = true;
    snprintf(text, sizeof(text), "%d", s->snapshot[atoi(m->value[0])]);
    say_text(s, names, text);
}


static void
run(struct session *s, const struct message *m, enum what what)
{
    switch (what) {
    case BEGIN:     begin(s); break;
    case COMMIT:    end(s, true); break;
    case ROLLBACK:  end(s, false); break;
    case XID:       give_xid(s); break;
    case ASK:       say_status(s, m); break;
    case LOCK:      lock(s, m); break;
    case FIND:      find(s, m); break;
    case KEEP:      keep(s, m); break;
    case RAISE:     raise(s, m); break;
    case LOOK:      look(s, m); break;
    case UNKNOWN:   fail_with(s, "26000", ""); break;
    }
}


/* --- messages ------------------------------------------------------------ */


static void
parse(struct session *s, const struct message *m)
{
    unsigned i = 0;

    if (s->skipping) {
        pq_answer(s, result_skipped());
        return;
    }
    while (i < s->n_prepared && strcmp(s->prepared[i].name, m->name) != 0)
        i++;
    if (i < s->n_prepared || s->failed) {
        fail_with(s, s->failed ? "25P02" : "42P05", "");
        return;
    }
    if (i == PREPARED_MAX)
        broken("too much is prepared");
    snprintf(s->prepared[i].name, sizeof(s->prepared[i].name), "%s", m->name);
    s->prepared[i].what = m->what;
    s->n_prepared++;
    pq_answer(s, result_done("PREPARE"));
}


/* In a transaction that is spoilt only its end is taken. */
static void
execute(struct session *s, const struct message *m)
{
    enum what what;

    s->n_batch++;
    if (s->alone && s->client)
        broken("what was skipped once shares a Sync again");
    if (s->skipping) {
        pq_answer(s, result_skipped());
        if (s->client && strcmp(m->name, "toy_look") == 0)
            skipped[atoi(m->value[1])] = s;
        return;
    }
    what = what_is(s, m);
    if (s->failed && what != COMMIT && what != ROLLBACK)
        fail_with(s, "25P02", "");
    else
        run(s, m, what);
}


static void
synced(struct session *s)
{
    s->skipping = s->seen = s->alone = false;
    s->n_batch = 0;
    pq_synced(s);
}


/* Does it wait for a row that another has raised? */
static bool
waits(const struct session *s)
{
    const struct message *m = s->first;

    if (m->kind != MESSAGE_RUN || s->skipping || s->failed
        || what_is(s, m) != RAISE)
        return false;

    return row_owner[atoi(m->value[0])] != NULL
           && row_owner[atoi(m->value[0])] != s;
}


static bool
is_able(const struct session *s)
{
    return s != NULL && s->first != NULL && !waits(s);
}


unsigned
server_able(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < SESSIONS_MAX; i++)
        n += is_able(sessions[i]);

    return n;
}


static void
step(struct session *s)
{
    struct message *m = s->first;

    s->first = m->next;
    if (s->first == NULL)
        s->last = &s->first;
    if (m->kind == MESSAGE_PARSE)
        parse(s, m);
    else if (m->kind == MESSAGE_SYNC)
        synced(s);
    else
        execute(s, m);
    message_free(m);
    if (s->first == NULL && !s->client)
        session_end(s);
}


void
server_step(unsigned i)
{
    for (size_t at = 0; at < SESSIONS_MAX; at++) {
        if (is_able(sessions[at]) && i-- == 0) {
            step(sessions[at]);
            return;
        }
    }
}
