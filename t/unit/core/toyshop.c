/*
 * toyshop.c - see toyshop.h.  Assertions end the test.
 */
#include "toyshop.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/env.h"
#include "core/sql.h"

#undef COUNT
#include "check.h"

struct toys toys;

static struct domain toy_domain;

/* Those of the shop, and the toy before them. */
#define DOMAIN(name)  extern const struct domain name##_domain;
#include "domains.def"
#undef DOMAIN

const struct domain *const domains[] = {
    &toy_domain,
#define DOMAIN(name)  &name##_domain,
#include "domains.def"
#undef DOMAIN
    NULL
};

static void    *(*real_alloc)(size_t size);
static void     (*real_release)(void *p);
static unsigned   allocs, fails_at, taken;
static struct lent *lents;      /* of requests that are not answered         */

static void take_back(struct lent *l);

const struct field toy_body[] = {
    SHAPE(toy_body, "ToyBody"),
    FIELD(toy_body, name, TEXT, .required = true, .max = 20),
    FIELD(toy_body, quantity, INT, .min = 0, .max = 99, .nullable = true),
    END_SHAPE
};

static const struct field toy_row[] = {
    SHAPE(toy_row, "ToyRow"),
    FIELD(toy_row, n, INT),
    END_SHAPE
};

static unsigned slots[2];

const struct stmt toy_select = {
    .name = "toy_select", .text = "SELECT toys", .out = toy_row,
    .slot = &slots[0],
};
const struct stmt toy_update = {
    .name = "toy_update", .text = "UPDATE toys", .writes = true,
    .slot = &slots[1],
};


/* --- the domain ---------------------------------------------------------- */


static void
handle(struct request *rq)
{
    toys.handler(rq);
}


static const struct problem toy_taken = { 409, "toy_taken", "It is taken." };

static const struct constraint constraints[] = {
    { "toys_name", &toy_taken, "/name" },
    { "toys_whole", &toy_taken, NULL },
    { NULL, NULL, NULL }
};

static const struct route routes[] = {
    { GET, "/unit/plain", handle, PUBLIC },
    { GET, "/unit/kept", handle, PUBLIC, CACHED },
    { GET, "/unit/stream", handle, PUBLIC, STREAM,
      .media_type = "text/plain" },
    { GET, "/unit/events", handle, PUBLIC, STREAM,
      .media_type = "text/event-stream" },
    { GET, "/unit/context", handle, PUBLIC, 0, BY_LOCALE | BY_CURRENCY },
    { GET, "/unit/kept/context", handle, PUBLIC, CACHED,
      BY_LOCALE | BY_CURRENCY },
    { POST, "/unit/tx", handle, PUBLIC, TX },
    { POST, "/unit/body", handle, PUBLIC, TX, .body = toy_body },
    { PATCH, "/unit/body", handle, PUBLIC, TX, .body = toy_body },
    { POST, "/unit/once", handle, PUBLIC, TX | ONCE },
    { POST, "/unit/languages", handle, PUBLIC, TX | LANGUAGES },
    END_ROUTES
};


static void
hear_all(struct request *rq, const struct event *e)
{
    toys.hear(rq, "all", e);
}


static void
hear_toys(struct request *rq, const struct event *e)
{
    toys.hear(rq, "toys", e);
}


static void
run_toy_job(struct request *rq)
{
    toys.job(rq);
}


static const struct subscriber subscribers[] = {
    { "all", NULL, hear_all },
    { "toys", "toy.*", hear_toys },
    { NULL, NULL, NULL }
};

static const struct job_kind jobs[] = {
    { "unit.count", run_toy_job, toy_body, 3, 30 },
    { "unit.plain", run_toy_job, NULL, 0, 0 },
    { .name = NULL }
};

static struct domain toy_domain = {
    "unit", .routes = routes, .constraints = constraints,
    .subscribers = subscribers, .jobs = jobs,
};


struct domain *
toyshop_domain(void)
{
    return &toy_domain;
}


/* Settings are the name of a channel; "xx" is a language it does not know. */
static const struct problem *
toy_context(const void *settings, unsigned axes, const char *locale,
            const char *currency, const char *accept, struct context *out,
            const char **parameter)
{
    static const struct problem unknown = { 422, "unknown_locale", "No." };

    (void) axes;
    if (locale != NULL && strcmp(locale, "xx") == 0) {
        *parameter = "locale";
        return &unknown;
    }
    out->channel = settings;
    out->fallback = "en";
    out->locale = locale != NULL ? locale : accept != NULL ? "tr" : "en";
    out->currency = currency != NULL ? currency : "EUR";

    return NULL;
}


static void *
toy_settings(struct request *rq, struct arena *arena)
{
    return toys.settings_load(rq, arena);
}


/* --- the host ------------------------------------------------------------ */


static void
hold(void *host, shop_post_t *p)
{
    struct toyshop *t = host;

    for (size_t i = 0; i < t->n_held; i++) {
        if (t->held[i] == p)
            return;
    }
    if (t->n_held == LANES_MAX)
        abort();
    t->held[t->n_held++] = p;
}


static int
offload_later(void *host, shop_job_t *j)
{
    struct toyshop *t = host;

    if (t->no_threads)
        return SHOP_E_BUSY;
    if (t->job != NULL)
        abort();
    t->job = j;

    return SHOP_OK;
}


static void
keep_line(void *host, int level, const char *text, size_t n)
{
    struct toyshop *t = host;

    (void) level;
    snprintf(t->log, sizeof(t->log), "%.*s", (int) n, text);
}


static void *
counted_alloc(size_t size)
{
    void *p;

    allocs++;
    p = fails_at != 0 && allocs >= fails_at ? NULL : real_alloc(size);
    taken += p != NULL;

    return p;
}


static void
counted_release(void *p)
{
    taken -= p != NULL;
    real_release(p);
}


unsigned
memory_taken(void)
{
    arena_trim();

    return taken;
}


void
memory_fails_at(unsigned n)
{
    allocs = 0;
    fails_at = n;
}


static int
up(void **state, unsigned worker, int background)
{
    static const char  secret[] = "0123456789abcdef0123456789abcdef";
    struct toyshop    *t = calloc(1, sizeof(*t));
    shop_conf_t        conf = SHOP_CONF_INIT;

    assert_non_null(t);
    t->ops = harness_ops;
    t->ops.post = hold;
    t->ops.offload = offload_later;
    t->ops.log = keep_line;
    conf.database = "host=/nowhere";
    conf.cursor_secret[0] = (shop_str_t) { secret, 32 };
    conf.worker = worker;
    conf.workers = 2;
    conf.background = background;
    conf.tx_connections = 1;
    conf.tx_queue = 1;
    real_alloc = shop_env.alloc;
    shop_env.alloc = counted_alloc;
    real_release = shop_env.release;
    shop_env.release = counted_release;
    memory_fails_at(0);
    for (unsigned i = 0; i < 2; i++) {
        if (slots[i] == 0)
            slots[i] = sql_next_slot();
    }
    toy_domain.context_of = toy_context;
    toy_domain.settings_load = toy_settings;
    assert_int_equal(shop_open(&t->shop, &conf, &t->ops, t), SHOP_OK);
    cache_lease_set(&t->shop->cache, UINT64_MAX);
    *state = t;

    return 0;
}


int
toyshop_up(void **state)
{
    return up(state, 1, 0);
}


int
toyshop_up_first(void **state)
{
    return up(state, 0, 0);
}


int
toyshop_up_working(void **state)
{
    return up(state, 1, 1);
}


/* Nothing may be left behind, however the test went about it. */
int
toyshop_down(void **state)
{
    struct toyshop *t = *state;

    memory_fails_at(0);
    if (t->shop != NULL)
        shop_close(t->shop);
    if (t->job != NULL)
        run_job(t);
    for (size_t i = 0; i < t->n_held; i++)
        t->held[i]->run(t->held[i]);
    assert_true(harness_is_idle(&t->host));
    shop_env.alloc = real_alloc;
    shop_env.release = real_release;
    toy_domain.context_of = NULL;
    toy_domain.settings_load = NULL;
    toys = (struct toys) { 0 };
    free(t);
    while (lents != NULL)
        take_back(lents);

    return 0;
}


/* --- asking -------------------------------------------------------------- */


static struct lent *
lend(const shop_request_t *in)
{
    struct lent *l = malloc(sizeof(*l));

    if (l == NULL)
        abort();
    l->in = *in;
    l->next = lents;
    l->prev = &lents;
    if (lents != NULL)
        lents->prev = &l->next;
    lents = l;

    return l;
}


static void
take_back(struct lent *l)
{
    *l->prev = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    free(l);
}


static void *
take_room(void *rq, size_t size)
{
    struct asked *a = rq;

    return a->no_room || size > sizeof(a->room) ? NULL : a->room;
}


static void
respond(void *rq, const shop_answer_t *answer)
{
    struct asked *a = rq;
    size_t        at = 0;

    a->answers++;
    a->call = NULL;
    a->status = answer->status;
    a->cache = answer->cache;
    snprintf(a->body, sizeof(a->body), "%.*s", (int) answer->body.len,
             answer->body.len == 0 ? "" : answer->body.data);
    for (size_t i = 0; i < answer->n_headers && at < sizeof(a->head); i++) {
        const shop_header_t *h = &answer->headers[i];

        at += (size_t) snprintf(a->head + at, sizeof(a->head) - at,
                                "%.*s: %.*s\n", (int) h->name.len,
                                h->name.data, (int) h->value.len,
                                h->value.data);
    }
    take_back(a->lent);
}


static const shop_sink_ops_t sink = {
    sizeof(shop_sink_ops_t), take_room, respond
};


static shop_str_t
str(const char *text)
{
    return (shop_str_t) { text, text == NULL ? 0 : strlen(text) };
}


void
ask_header(struct asked *a, enum shop_header_slot slot, const char *value)
{
    a->in.header[slot] = str(value);
}


void
ask(struct toyshop *t, struct asked *a, const char *method, const char *path,
    const char *body)
{
    const char *mark = strchr(path, '?');

    a->in.method = str(method);
    a->in.path = str(path);
    if (mark != NULL) {
        a->in.path.len = (size_t) (mark - path);
        a->in.query = str(mark + 1);
    }
    a->in.body = str(body);
    a->lent = lend(&a->in);
    a->rc = shop_submit(t->shop, &a->lent->in, &sink, a, &a->call);
}


void
assert_answer(const struct asked *a, int status, const char *body)
{
    if (a->answers != 1 || a->status != status || strcmp(a->body, body) != 0)
        fail_msg("%u answers, %d: %s", a->answers, a->status, a->body);
}


void
assert_problem(const struct asked *a, int status, const char *code)
{
    char member[100];

    snprintf(member, sizeof(member), "\"code\":\"%s\"", code);
    if (a->answers != 1 || a->status != status
        || strstr(a->body, member) == NULL)
        fail_msg("%u answers, %d: %s", a->answers, a->status, a->body);
}


void
assert_waits(const struct asked *a)
{
    assert_int_equal(a->answers, 0);
    assert_non_null(a->call);
}


void
assert_head(const struct asked *a, const char *line)
{
    if (strstr(a->head, line) == NULL)
        fail_msg("no %s in\n%s", line, a->head);
}


/* --- PostgreSQL ---------------------------------------------------------- */


static struct db_lane *
lane_owed(struct toyshop *t)
{
    for (size_t i = 0; i < t->n_held; i++) {
        struct db_lane *l = t->held[i]->ctx;

        if (l->queue.n != 0)
            return l;
    }

    return NULL;
}


const char *
owed(struct toyshop *t)
{
    struct db_lane *l = lane_owed(t);

    return l == NULL ? "" : l->queue.first->call.text;
}


const char *
owed_value(struct toyshop *t, int i)
{
    return lane_owed(t)->queue.first->call.values[i];
}


void
owed_sent_with(struct toyshop *t, uint64_t batch)
{
    lane_owed(t)->queue.first->batch = batch;
}


static struct db_lane *
lane_asked(struct toyshop *t, const char *text)
{
    if (strstr(owed(t), text) == NULL)
        fail_msg("%s is owed, not %s", owed(t), text);

    return lane_owed(t);
}


static void
finish(struct db_lane *l, enum db_outcome outcome, PGresult *result)
{
    entry_finish(entry_pop(&l->queue), outcome, result);
}


void
say_result(struct toyshop *t, const char *text, PGresult *res)
{
    finish(lane_asked(t, text), DB_ROWS, res);
}


void
say_done(struct toyshop *t, const char *text, const char *command)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);

    memcpy(PQcmdStatus(res), command, strlen(command) + 1);
    say_result(t, text, res);
}


void
say_row(struct toyshop *t, const char *text, ...)
{
    PGresult     *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc  column[16] = { 0 };
    char         *value[16];
    int           n = 0;
    va_list       args;

    va_start(args, text);
    for (char *name; (name = va_arg(args, char *)) != NULL; n++) {
        column[n].name = name;
        value[n] = va_arg(args, char *);
    }
    va_end(args);
    assert_int_equal(PQsetResultAttrs(res, n, column), 1);
    for (int i = 0; i < n; i++)
        PQsetvalue(res, 0, i, value[i],
                   value[i] == NULL ? -1 : (int) strlen(value[i]));
    say_result(t, text, res);
}


PGresult *
rows_of(const char *const *columns)
{
    PGresult     *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc  column[16] = { 0 };
    int           n = 0;

    for (; columns[n] != NULL; n++)
        column[n].name = (char *) columns[n];
    assert_int_equal(PQsetResultAttrs(res, n, column), 1);

    return res;
}


void
add_row(PGresult *res, ...)
{
    int      row = PQntuples(res), n = 0;
    va_list  args;

    va_start(args, res);
    for (char *value; (value = va_arg(args, char *)) != NULL; n++)
        PQsetvalue(res, row, n, value, (int) strlen(value));
    va_end(args);
    assert_int_equal(n, PQnfields(res));
}


/* Columns are looked at with the first row. */
void
say_none(struct toyshop *t, const char *text)
{
    say_result(t, text, PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK));
}


/* An error of its own says it with its fields, which only libpq can set; one
 * that follows another is told as that. */
void
say_error(struct toyshop *t, const char *text, const char *sqlstate,
          const char *constraint)
{
    struct db_lane *l = lane_asked(t, text);

    snprintf(l->first_sqlstate, sizeof(l->first_sqlstate), "%s", sqlstate);
    snprintf(l->first_constraint, sizeof(l->first_constraint), "%s",
             constraint);
    finish(l, DB_ERROR, PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR));
}


void
say_outcome(struct toyshop *t, const char *text, enum db_outcome what)
{
    finish(lane_asked(t, text), what, NULL);
}


void
say_begun(struct toyshop *t)
{
    say_done(t, "BEGIN", "BEGIN");
    say_row(t, "pg_current_xact_id", "xid", "4711", "born", "now", NULL);
}


void
lose_connection(struct toyshop *t)
{
    lane_lost(lane_owed(t));
}


/* --- threads, time ------------------------------------------------------- */


void
run_job(struct toyshop *t)
{
    shop_job_t *j = t->job;

    assert_non_null(j);
    t->job = NULL;
    j->work(j);
    j->done(j);
}


void
pass(struct toyshop *t, uint64_t ms)
{
    t->host.ahead_ms += ms;
    harness_turn(&t->host);
}
