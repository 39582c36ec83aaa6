/*
 * pq.c - libpq without sockets: the part of it that the shop calls, with the
 * wires to the scripted server.  Written from its manual, pipeline mode
 * above all: a statement's results end with NULL, a Sync's does not, and what
 * follows an error up to the Sync is skipped.
 *
 * The wires are three queues a connection: what is not sent yet, what the
 * server has (its own), and what is on its way back.  Each is emptied piece
 * by piece, as chance has it.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

#define CONNS_MAX    64
#define COLUMNS_MAX  8

struct pg_result {
    ExecStatusType      status;
    int                 rows;
    int                 n;
    const char *const  *names;
    char               *value[COLUMNS_MAX];
    char                command[24];
    char                sqlstate[6];
    char                constraint[32];
};

enum piece_kind { PIECE_RESULT, PIECE_END, PIECE_SYNC };

struct piece {
    struct piece      *next;
    enum piece_kind    kind;
    struct pg_result  *result;
};

struct pg_conn {
    int               fd;
    ConnStatusType    status;
    unsigned          steps;            /* until it is connected             */
    struct session   *session;
    bool              ended;            /* the other end is closed           */
    struct message   *out, **out_end;
    struct piece     *back, **back_end; /* on its way                        */
    struct piece     *have, **have_end; /* to be taken by PQgetResult()      */
};

static struct pg_conn *conns[CONNS_MAX];


static void *
room(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        abort();

    return p;
}


static struct pg_conn *
conn_of(const struct session *s)
{
    for (size_t i = 0; i < CONNS_MAX; i++) {
        if (conns[i] != NULL && conns[i]->session == s)
            return conns[i];
    }

    return NULL;
}


/* --- results ------------------------------------------------------------- */


static struct pg_result *
result_make(ExecStatusType status)
{
    struct pg_result *r = room(sizeof(*r));

    r->status = status;

    return r;
}


struct pg_result *
result_none(const char *const *names, int n)
{
    struct pg_result *r = result_make(PGRES_TUPLES_OK);

    r->n = n;
    r->names = names;

    return r;
}


struct pg_result *
result_row(const char *const *names, char *const *values, int n)
{
    struct pg_result *r = result_make(PGRES_TUPLES_OK);

    r->rows = 1;
    r->n = n;
    r->names = names;
    for (int i = 0; i < n; i++)
        r->value[i] = values[i] == NULL ? NULL : strdup(values[i]);

    return r;
}


struct pg_result *
result_done(const char *command)
{
    struct pg_result *r = result_make(PGRES_COMMAND_OK);

    snprintf(r->command, sizeof(r->command), "%s", command);

    return r;
}


struct pg_result *
result_error(const char *sqlstate, const char *constraint)
{
    struct pg_result *r = result_make(PGRES_FATAL_ERROR);

    snprintf(r->sqlstate, sizeof(r->sqlstate), "%s", sqlstate);
    snprintf(r->constraint, sizeof(r->constraint), "%s", constraint);

    return r;
}


struct pg_result *
result_skipped(void)
{
    return result_make(PGRES_PIPELINE_ABORTED);
}


void
PQclear(PGresult *r)
{
    if (r == NULL)
        return;
    for (int i = 0; i < r->n; i++)
        free(r->value[i]);
    free(r);
}


ExecStatusType
PQresultStatus(const PGresult *r)
{
    return r == NULL ? PGRES_FATAL_ERROR : r->status;
}


char *
PQresultErrorField(const PGresult *r, int field)
{
    const char *text = field == PG_DIAG_SQLSTATE ? r->sqlstate
                       : field == PG_DIAG_CONSTRAINT_NAME ? r->constraint
                       : field == PG_DIAG_SEVERITY_NONLOCALIZED
                         && r->sqlstate[0] != '\0' ? "ERROR" : "";

    return text[0] == '\0' ? NULL : (char *) text;
}


int
PQntuples(const PGresult *r)
{
    return r->rows;
}


int
PQnfields(const PGresult *r)
{
    return r->n;
}


char *
PQfname(const PGresult *r, int column)
{
    return (char *) r->names[column];
}


int
PQgetisnull(const PGresult *r, int row, int column)
{
    (void) row;

    return r->value[column] == NULL;
}


char *
PQgetvalue(const PGresult *r, int row, int column)
{
    static char nothing[1];

    (void) row;

    return r->value[column] == NULL ? nothing : r->value[column];
}


int
PQgetlength(const PGresult *r, int row, int column)
{
    return (int) strlen(PQgetvalue(r, row, column));
}


char *
PQcmdStatus(PGresult *r)
{
    return r->command;
}


char *
PQcmdTuples(PGresult *r)
{
    char *space = strrchr(r->command, ' ');

    return space == NULL ? r->command + strlen(r->command) : space + 1;
}


/* --- what comes back ----------------------------------------------------- */


static void
push(struct piece ***end, enum piece_kind kind, struct pg_result *r)
{
    struct piece *p = room(sizeof(*p));

    p->kind = kind;
    p->result = r;
    **end = p;
    *end = &p->next;
}


void
pq_answer(struct session *s, struct pg_result *r)
{
    struct pg_conn *c = conn_of(s);

    if (c == NULL) {
        PQclear(r);
        return;
    }
    push(&c->back_end, PIECE_RESULT, r);
    push(&c->back_end, PIECE_END, NULL);
}


void
pq_synced(struct session *s)
{
    struct pg_conn *c = conn_of(s);

    if (c != NULL)
        push(&c->back_end, PIECE_SYNC, result_make(PGRES_PIPELINE_SYNC));
}


static struct piece *
pop(struct piece **first, struct piece ***end)
{
    struct piece *p = *first;

    *first = p->next;
    if (*first == NULL)
        *end = first;

    return p;
}


static void
drop(struct piece **first, struct piece ***end)
{
    while (*first != NULL) {
        struct piece *p = pop(first, end);

        PQclear(p->result);
        free(p);
    }
}


/* What was on its way may not arrive. */
void
pq_ended(struct session *s)
{
    struct pg_conn *c = conn_of(s);

    if (c == NULL)
        return;
    c->ended = true;
    c->session = NULL;
    if (one_in(2))
        drop(&c->back, &c->back_end);
}


bool
pq_ready(int fd, unsigned events)
{
    const struct pg_conn *c = conns[fd];

    if (c->steps != 0)
        return true;

    return ((events & SHOP_RD) && (c->back != NULL || c->ended))
           || ((events & SHOP_WR) && c->out != NULL);
}


/* At least one piece of what there is. */
static void
take_some(struct pg_conn *c)
{
    unsigned n = one_in(4) ? 1 + chance(3) : UINT32_MAX;

    for (; n > 0 && c->back != NULL; n--) {
        struct piece *p = pop(&c->back, &c->back_end);

        push(&c->have_end, p->kind, p->result);
        free(p);
    }
}


int
PQconsumeInput(PGconn *c)
{
    if (c->status == CONNECTION_BAD)
        return 0;
    if (c->back == NULL && c->ended) {
        c->status = CONNECTION_BAD;
        return 0;
    }
    take_some(c);

    return 1;
}


int
PQisBusy(PGconn *c)
{
    return c->have == NULL && c->status != CONNECTION_BAD;
}


/* Where libpq has no memory for what the server said, it says that in its
 * place: an error without a state. */
PGresult *
PQgetResult(PGconn *c)
{
    struct piece     *p;
    struct pg_result *r;

    if (c->have == NULL)
        return NULL;
    p = pop(&c->have, &c->have_end);
    r = p->result;
    if (p->kind == PIECE_RESULT && troubled && one_in(100)) {
        PQclear(r);
        r = result_make(PGRES_FATAL_ERROR);
    }
    free(p);

    return r;
}


/* --- what is sent -------------------------------------------------------- */


static enum what
what_of(const char *text)
{
    static const struct { const char *part; enum what what; } known[] = {
        { "BEGIN", BEGIN }, { "COMMIT", COMMIT }, { "ROLLBACK", ROLLBACK },
        { "pg_current_xact_id", XID }, { "pg_xact_status", ASK },
        { "pg_try_advisory", LOCK }, { "INSERT INTO idem", KEEP },
        { "FROM idempotency_keys", FIND }, { "UPDATE counters", RAISE },
        { "FROM counters", LOOK },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strstr(text, known[i].part) != NULL)
            return known[i].what;
    }
    broken("the server does not know: %s", text);
}


static struct message *
message(PGconn *c, int kind, const char *name, int n,
        const char *const *values)
{
    struct message *m = room(sizeof(*m));

    m->kind = kind;
    m->n = n;
    snprintf(m->name, sizeof(m->name), "%s", name == NULL ? "" : name);
    for (int i = 0; i < n; i++)
        m->value[i] = values[i] == NULL ? NULL : strdup(values[i]);
    *c->out_end = m;
    c->out_end = &m->next;

    return m;
}


void
message_free(struct message *m)
{
    for (int i = 0; i < m->n; i++)
        free(m->value[i]);
    free(m);
}


int
PQsendPrepare(PGconn *c, const char *name, const char *text, int n,
              const Oid *types)
{
    (void) n;
    (void) types;
    message(c, MESSAGE_PARSE, name, 0, NULL)->what = what_of(text);

    return c->status != CONNECTION_BAD;
}


int
PQsendQueryParams(PGconn *c, const char *text, int n, const Oid *types,
                  const char *const *values, const int *lengths,
                  const int *formats, int format)
{
    (void) types;
    (void) lengths;
    (void) formats;
    (void) format;
    message(c, MESSAGE_RUN, NULL, n, values)->what = what_of(text);

    return c->status != CONNECTION_BAD;
}


int
PQsendQueryPrepared(PGconn *c, const char *name, int n,
                    const char *const *values, const int *lengths,
                    const int *formats, int format)
{
    (void) lengths;
    (void) formats;
    (void) format;
    message(c, MESSAGE_RUN, name, n, values);

    return c->status != CONNECTION_BAD;
}


int
PQpipelineSync(PGconn *c)
{
    message(c, MESSAGE_SYNC, NULL, 0, NULL);

    return PQflush(c) >= 0;
}


/* Now and then the socket takes but a part; libpq then reads, too. */
int
PQflush(PGconn *c)
{
    unsigned n = one_in(8) ? chance(4) : UINT32_MAX;

    if (c->status == CONNECTION_BAD)
        return -1;
    for (; n > 0 && c->out != NULL; n--) {
        struct message *m = c->out;

        c->out = m->next;
        if (c->out == NULL)
            c->out_end = &c->out;
        m->next = NULL;
        if (c->session == NULL)
            message_free(m);
        else
            server_send(c->session, m);
    }
    if (c->out != NULL)
        take_some(c);

    return c->out != NULL;
}


/* --- connections --------------------------------------------------------- */


PGconn *
PQconnectStartParams(const char *const *keys, const char *const *values,
                     int expand)
{
    struct pg_conn *c = room(sizeof(*c));

    (void) keys;
    (void) values;
    (void) expand;
    while (c->fd < CONNS_MAX && conns[c->fd] != NULL)
        c->fd++;
    if (c->fd == CONNS_MAX)
        broken("%d connections are open", CONNS_MAX);
    conns[c->fd] = c;
    c->status = CONNECTION_STARTED;
    c->steps = 1 + chance(4);
    c->out_end = &c->out;
    c->back_end = &c->back;
    c->have_end = &c->have;

    return c;
}


PostgresPollingStatusType
PQconnectPoll(PGconn *c)
{
    if (--c->steps != 0)
        return one_in(2) ? PGRES_POLLING_READING : PGRES_POLLING_WRITING;
    c->session = server_connect();
    c->status = c->session == NULL ? CONNECTION_BAD : CONNECTION_OK;

    return c->session == NULL ? PGRES_POLLING_FAILED : PGRES_POLLING_OK;
}


void
PQfinish(PGconn *c)
{
    if (c == NULL)
        return;
    if (c->session != NULL)
        server_leave(c->session, false);
    conns[c->fd] = NULL;
    while (c->out != NULL) {
        struct message *m = c->out;

        c->out = m->next;
        message_free(m);
    }
    drop(&c->back, &c->back_end);
    drop(&c->have, &c->have_end);
    free(c);
}


int
PQsocket(const PGconn *c)
{
    return c->fd;
}


ConnStatusType
PQstatus(const PGconn *c)
{
    return c == NULL ? CONNECTION_BAD : c->status;
}


char *
PQerrorMessage(const PGconn *c)
{
    static char why[] = "as chance has it";

    (void) c;

    return why;
}


/* As was asked for. */
const char *
PQparameterStatus(const PGconn *pg, const char *name)
{
    (void) pg;

    return strcmp(name, "IntervalStyle") == 0 ? "iso_8601" : NULL;
}


int
PQsetnonblocking(PGconn *c, int on)
{
    (void) c;
    (void) on;

    return 0;
}


/* Nobody has a session set that is as was asked for. */
int
PQsendQuery(PGconn *c, const char *text)
{
    (void) c;
    (void) text;

    return 0;
}


int
PQenterPipelineMode(PGconn *c)
{
    (void) c;

    return 1;
}


/* No world of these has exports. */
int
PQsetSingleRowMode(PGconn *c)
{
    (void) c;

    return 0;
}


PQnoticeProcessor
PQsetNoticeProcessor(PGconn *c, PQnoticeProcessor notice, void *arg)
{
    (void) c;
    (void) arg;

    return notice;
}


/* --- connection strings -------------------------------------------------- */

/* The shop looks at two things of them: no name is to be looked up, and the
 * string could be read. */
static char folder[] = "/nowhere", none[] = "none";
static char host_key[] = "host", ssl_key[] = "sslmode";
static PQconninfoOption options[] = {
    { .keyword = host_key, .val = folder },
    { .keyword = ssl_key, .val = none },
    { .keyword = NULL },
};


PQconninfoOption *
PQconninfoParse(const char *text, char **error)
{
    (void) text;
    (void) error;

    return options;
}


PQconninfoOption *
PQconninfo(PGconn *c)
{
    (void) c;

    return options;
}


void
PQconninfoFree(PQconninfoOption *o)
{
    (void) o;
}
