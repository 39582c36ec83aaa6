/*
 * toy_api.c - addresses at which the tests ask core/ for all it promises.
 *
 * What is wrong in here is wrong on purpose, and says so.
 */
#include "toy/toy.h"

#include <ctype.h>
#include <unistd.h>

#include "toy/toy.sql.h"

const struct field toy[] = {
    SHAPE(toy, "Toy"),
    FIELD(toy, id, UUID, .prefix = "toy", .internal = true),
    FIELD(toy, name, TEXT, .required = true, .min = 1, .max = 40),
    FIELD(toy, label, TEXT, .nullable = true, .max = 40),
    FIELD(toy, note, TEXT, .nullable = true, .max = 200),
    FIELD(toy, quantity, INT, .min = 0, .max = 1000),
    FIELD(toy, fresh_for, INT, .nullable = true, .min = 0),
    FIELD(toy, version, INT, .internal = true),
    END_SHAPE
};

static const struct field transfer[] = {
    SHAPE(transfer, "Transfer"),
    FIELD(transfer, to, UUID, .prefix = "toy", .required = true),
    FIELD(transfer, amount, INT, .required = true, .min = 1),
    END_SHAPE
};

static const struct field job[] = {
    SHAPE(job, "ToyJob"),
    FIELD(job, text, TEXT, .required = true),
    FIELD(job, gate, TEXT),
    END_SHAPE
};

const struct field effect[] = {
    SHAPE(effect, "ToyEffect"),
    FIELD(effect, subject, TEXT, .required = true),
    FIELD(effect, n, INT, .required = true, .min = -1000),
    END_SHAPE
};

static const struct problem name_taken = {
    409, "name_taken", "Another toy has the name.",
};
static const struct problem label_taken = {
    409, "label_taken", "Another toy has the label.",
};
static const struct problem too_few = {
    409, "too_few", "There are not so many.",
};


static struct toy *
found(struct request *rq, struct toy *t)
{
    if (t == NULL)
        fail(rq, &not_found);

    return t;
}


static uuid
id_asked(struct request *rq)
{
    return path_id(rq, "toy", "toy");
}


/* GET /api/v1/toys */
static void
toy_list(struct request *rq)
{
    size_t      n;
    struct toy *toys;

    tag(rq, "toys");
    toys = sql_toys(rq, &n);
    for (size_t i = 0; i < n; i++)
        tag_id(rq, "toy", toys[i].id);
    reply_list(rq, toy, toys, n);
}


/* GET /api/v1/toys/:toy */
static void
toy_show(struct request *rq)
{
    uuid        id = id_asked(rq);
    struct toy *t;

    tag_id(rq, "toy", id);
    t = found(rq, sql_toy(rq, id));
    valid_for(rq, t->fresh_for);
    etag_version(rq, t->version);
    reply(rq, 200, toy, t);
}


/* GET /api/v1/toys/:toy/private, which is not kept; and .../untagged, which
 * is, but forgets to say what it is made from. */
static void
toy_untagged(struct request *rq)
{
    reply(rq, 200, toy, found(rq, sql_toy(rq, id_asked(rq))));
}


/* POST /api/v1/toys */
static void
toy_create(struct request *rq)
{
    struct toy t = *body(rq, toy);

    if (!request_has(rq, "quantity"))
        t.quantity = 7;
    if (t.label != NULL && strcmp(t.label, t.name) == 0)
        fault(rq, "/label", "same", "It is the name.");
    if (t.note != NULL && strcmp(t.note, t.name) == 0)
        fault(rq, "/note", "same", "It is the name.");
    faults_check(rq);

    t.id = new_id(rq);
    t.version = 1;
    touch(rq, "toys");
    sql_toy_insert(rq, &t);
    etag_version(rq, t.version);
    reply_created(rq, toy, &t,
                  text_of(rq, "/api/v1/toys/%s", id_of(rq, "toy", t.id)));
}


/* PATCH /api/v1/toys/:toy */
static void
toy_change(struct request *rq)
{
    struct toy *t = found(rq, sql_toy_locked(rq, id_asked(rq)));

    check_version(rq, t->version);
    patch(rq, toy, t);
    touch(rq, "toys");
    touch_id(rq, "toy", t->id);
    sql_toy_update(rq, t);
    etag_version(rq, ++t->version);
    reply(rq, 200, toy, t);
}


/* POST /api/v1/toys/:toy/transfers: two rows, one after the other. */
static void
toy_transfer(struct request *rq)
{
    const struct transfer *in = body(rq, transfer);
    uuid                   from = id_asked(rq);

    touch_id(rq, "toy", from);
    touch_id(rq, "toy", in->to);
    sql_toy_add(rq, from, -in->amount);
    sql_toy_add(rq, in->to, in->amount);
    reply_none(rq);
}


/* POST /api/v1/toys/:toy/swaps: both are sent before one is waited for, and
 * the second is waited for first. */
static void
toy_swap(struct request *rq)
{
    const struct transfer *in = body(rq, transfer);
    uuid                   from = id_asked(rq);
    struct query           take, give;

    start_toy_add(rq, &take, from, -in->amount);
    start_toy_add(rq, &give, in->to, in->amount);
    rows_toy_add(rq, &give);
    rows_toy_add(rq, &take);
    reply_none(rq);
}


/* POST /api/v1/toys/:toy/gifts: never waits for what it sent. */
static void
toy_gift(struct request *rq)
{
    const struct transfer *in = body(rq, transfer);
    struct query          *q = alloc(rq, sizeof(struct query));

    start_toy_add(rq, q, id_asked(rq), -in->amount);
    reply_none(rq);
}


/* Looks for the gate until it is there; ten seconds are for ever. */
static void
shout(void *arg)
{
    struct job *j = arg;
    char       *text = (char *) (uintptr_t) j->text;

    for (unsigned i = 0; i < 1000 && j->gate != NULL; i++) {
        if (access(j->gate, F_OK) == 0)
            break;
        usleep(10000);
    }
    for (; *text != '\0'; text++)
        *text = (char) toupper((unsigned char) *text);
}


/* GET /api/v1/toys/:toy/shout: on a thread, from memory of a row. */
static void
toy_shout(struct request *rq)
{
    const struct job *in = query(rq, job);
    uuid              id = id_asked(rq);
    struct job       *j = alloc(rq, sizeof(*j));

    tag_id(rq, "toy", id);
    j->text = found(rq, sql_toy(rq, id))->name;
    j->gate = in->gate;
    offload(rq, shout, j);
    reply_text(rq, 200, "text/plain", j->text, strlen(j->text));
}


/* POST /api/v1/toys/:toy/shouts: the thread before the first statement. */
static void
toy_note(struct request *rq)
{
    const struct job *in = body(rq, job);
    uuid              id = id_asked(rq);
    struct job       *j = alloc(rq, sizeof(*j));

    *j = (struct job) { text_copy(rq, in->text), in->gate };
    offload(rq, shout, j);
    touch_id(rq, "toy", id);
    if (sql_toy_note(rq, id, j->text) == 0)
        fail(rq, &not_found);
    reply_text(rq, 200, "text/plain", j->text, strlen(j->text));
}


/* POST /api/v1/toys/:toy/late: the thread behind a statement, which is an
 * error: the transaction would wait for it with its locks. */
static void
toy_late(struct request *rq)
{
    struct job *j = alloc(rq, sizeof(*j));

    j->text = text_copy(rq, body(rq, job)->text);
    sql_toy_note(rq, id_asked(rq), j->text);
    offload(rq, shout, j);
    reply_none(rq);
}


/* GET /api/v1/toys/:toy/manual: nginx serves it. */
static void
toy_manual(struct request *rq)
{
    const struct toy *t = found(rq, sql_toy(rq, id_asked(rq)));

    reply_file(rq, text_of(rq, "/manuals/%s.txt", t->name));
}


/* --- streams -------------------------------------------------------------- */


static const struct field series[] = {
    SHAPE(series, "ToySeries"),
    FIELD(series, rows, INT, .required = true, .min = 0),
    FIELD(series, width, INT, .required = true, .min = 1),
    FIELD(series, fail_at, INT),
    END_SHAPE
};

const struct field counted[] = {
    SHAPE(counted, "ToyCounted"),
    FIELD(counted, n, INT),
    FIELD(counted, text, TEXT),
    END_SHAPE
};


/* GET /api/v1/toys/series: out of PostgreSQL. */
static void
toy_series(struct request *rq)
{
    const struct series  *in = query(rq, series);
    const struct counted *row;
    struct query          q;

    each_counted(rq, &q, in->rows, in->width);
    header(rq, "Content-Disposition", "attachment; filename=\"toys.ndjson\"");
    stream_begin(rq);
    while ((row = next_counted(rq, &q)) != NULL) {
        if (row->n == in->fail_at)
            fail(rq, &conflict);
        stream_json(rq, counted, row);
    }
}


/* GET /api/v1/toys/pieces: out of nothing, without waiting for anybody but the
 * client; each is as large as is asked for. */
static void
toy_pieces(struct request *rq)
{
    const struct series *in = query(rq, series);
    char                *piece = alloc(rq, (size_t) in->width);

    memset(piece, 'p', (size_t) in->width);
    if (in->fail_at == 0)
        fail(rq, &conflict);
    stream_begin(rq);
    for (int64_t n = 1; n <= in->rows; n++) {
        if (n == in->fail_at)
            fail(rq, &conflict);
        stream_write(rq, piece, (size_t) in->width);
        stream_flush(rq);
    }
}


/* --- events and jobs ------------------------------------------------------ */


/* The event "toy.broken" cannot be dealt with while there is a toy of its
 * subject's name. */
static void
hear(struct request *rq, const struct event *e)
{
    sql_toy_effect(rq, "event", e->subject, e->seq);
    if (strcmp(e->type, "toy.broken") == 0
        && sql_toy_named(rq, e->subject) != NULL)
        fail(rq, &conflict);
}


static void
count_toy(struct request *rq)
{
    const struct effect *in = body(rq, effect);

    sql_toy_effect(rq, "job", in->subject, in->n);
}


/* It leaves nothing: the effect is undone with the attempt. */
static void
break_toy(struct request *rq)
{
    sql_toy_effect(rq, "poison", "x", 1);
    fail(rq, &conflict);
}


static const struct job_kind toy_jobs[] = {
    { "toy.count", count_toy, effect, 100, 1 },
    { "toy.tidy", count_toy, effect, .yields = 3600 },
    { "toy.poison", break_toy, NULL, 2, 5 },
    { .name = NULL }
};

static const struct subscriber toy_subscribers[] = {
    { "toy", "toy.*", hear },
    { NULL, NULL, NULL }
};


/* POST /api/v1/toys/:toy/plays: an event and a job of one transaction. */
static void
toy_play(struct request *rq)
{
    const struct effect *in = body(rq, effect);
    const char          *id = id_of(rq, "toy", id_asked(rq));

    sql_toy_add(rq, id_asked(rq), in->n);
    emit(rq, "toy.played", id, text_of(rq, "{\"n\":%lld}", (long long) in->n));
    enqueue(rq, &toy_jobs[0],
            text_of(rq, "{\"subject\":\"%s\",\"n\":%lld}", id,
                    (long long) in->n), 0);
    if (strcmp(in->subject, "poison") == 0)
        enqueue(rq, &toy_jobs[2], "{}", 0);
    if (strcmp(in->subject, "tidy") == 0)
        enqueue_once(rq, &toy_jobs[1], id,
                     text_of(rq, "{\"subject\":\"tidy\",\"n\":%lld}",
                             (long long) in->n), 3600 - in->n);
    reply_none(rq);
}


static const struct constraint toy_constraints[] = {
    { "toys_name", &name_taken, "/name" },
    { "toys_label", &label_taken, "/label" },
    { "toys_quantity", &too_few, NULL },
    { NULL, NULL, NULL }
};

static const struct route toy_routes[] = {
    { GET, "/api/v1/toys", toy_list, PUBLIC, CACHED, .view = toy },
    { GET, "/api/v1/toys/:toy", toy_show, PUBLIC, CACHED, .view = toy },
    { GET, "/api/v1/toys/:toy/untagged", toy_untagged, PUBLIC, CACHED,
      .view = toy },
    { GET, "/api/v1/toys/:toy/shout", toy_shout, PUBLIC, CACHED,
      .query = job },
    { GET, "/api/v1/toys/:toy/manual", toy_manual, PUBLIC },
    { GET, "/api/v1/toys/:toy/manual/kept", toy_manual, PUBLIC, CACHED },
    { GET, "/api/v1/toys/:toy/private", toy_untagged, MAY(products_read),
      .view = toy },
    { GET, "/api/v1/toys/series", toy_series, PUBLIC, STREAM,
      .query = series, .media_type = "application/x-ndjson" },
    { GET, "/api/v1/toys/pieces", toy_pieces, PUBLIC, STREAM,
      .query = series, .media_type = "text/plain" },
    { POST, "/api/v1/toys", toy_create, MAY(products_write) | MAY(prices_write),
      TX | ONCE, .body = toy, .view = toy, .status = 201 },
    { PATCH, "/api/v1/toys/:toy", toy_change, PUBLIC, TX | ONCE | IF_MATCH,
      .body = toy, .view = toy },
    { POST, "/api/v1/toys/:toy/transfers", toy_transfer, PUBLIC, TX | ONCE,
      .body = transfer, .status = 204 },
    { POST, "/api/v1/toys/:toy/swaps", toy_swap, PUBLIC, TX,
      .body = transfer, .status = 204 },
    { POST, "/api/v1/toys/:toy/gifts", toy_gift, PUBLIC, TX,
      .body = transfer, .status = 204 },
    { POST, "/api/v1/toys/:toy/shouts", toy_note, PUBLIC, TX | ONCE,
      .body = job },
    { POST, "/api/v1/toys/:toy/late", toy_late, PUBLIC, TX,
      .body = job },
    { POST, "/api/v1/toys/:toy/plays", toy_play, PUBLIC, TX | ONCE,
      .body = effect, .status = 204 },
    END_ROUTES
};

const struct domain toy_domain = {
    "toy", .routes = toy_routes, .constraints = toy_constraints,
    .statements = toy_statements, .subscribers = toy_subscribers,
    .jobs = toy_jobs,
};
