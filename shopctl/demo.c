/*
 * demo.c - shopctl demo: a shop of any size, to look at and to measure.
 *
 * Products are made by the database itself, some thousands a transaction, so
 * that nothing but numbers goes over the wire; see demo.sql.  A session keeps
 * one processor of the server busy, so there are several.
 */
#include "shopctl/shopctl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/banned.h"
#include "core/env.h"
#include "shopctl/demo.sql.h"

/* Products of a transaction.  More do not make it faster, fewer pay for the
 * statements too often; in between the bar moves and all sessions work. */
#define CHUNK_MIN     500
#define CHUNK_MAX     5000
#define PRODUCTS_MAX  10000000
#define JOBS_MAX      16
#define JOBS_USUAL    4         /* at most, when nobody says how many        */

static const char help[] =
    "usage: shopctl demo [--products N] [--jobs N]\n"
    "\n"
    "Fills the shop with products: names in English and Turkish, two to four\n"
    "variants, prices in lira, euro and dollar, categories, vendors, tags,\n"
    "pictures; some are reduced, some out of stock. They are the same each\n"
    "time and anywhere: product 17 of a shop of a hundred is product 17 of a\n"
    "shop of a million. Those that are there already are left alone, so a\n"
    "second run, or one after an interruption, adds what is missing.\n"
    "\n"
    "  --products N   how many, 1 to 10000000; 1000 when it is not given\n"
    "  --jobs N       sessions that make them, 1 to 16; when it is not given,\n"
    "                 as many as this machine has processors, at most 4\n"
    "\n"
    "Their handles begin with demo-, their article numbers with DEMO-; no\n"
    "event tells of them. They are archived as other products are; nothing\n"
    "here takes them away again.\n"
    "Run by the tables' owner it gathers the planner's statistics at\n"
    "its end, else autovacuum does so a little later. With --json an object\n"
    "with products, created and seconds.\n";

/* A session that makes products.  Its struct ctl has the connection and the
 * memory of one chunk; it ends with the session. */
struct job {
    struct ctl   ctl;
    bool         busy;          /* a chunk is under way                      */
    bool         counted;       /* how many of it are new has come           */
    int64_t      n;             /* products of the chunk                     */
};

struct demo {
    struct ctl       *ctl;
    int64_t           products; /* how many there shall be                   */
    int64_t           n_jobs;
    int64_t           chunk;
    int64_t           next;     /* first product that nobody makes yet       */
    int64_t           done;
    int64_t           created;  /* how many were not there                   */
    int               status;   /* of the first failure                      */
    struct job        job[JOBS_MAX];
    struct progress   bar;
};

/* What a chunk's transaction consists of. */
static const char *const steps[] = {
    sql_demo_chunk, sql_demo_products, sql_demo_options, sql_demo_prices,
    sql_demo_lists
};


/* Sessions fail alone, but a demo shop with holes helps nobody: all end, and
 * what was committed is found by the next run.  That a connection is lost
 * libpq knows only when all of it has been read. */
static bool
failed(struct demo *d, struct job *j, const PGresult *res)
{
    PGresult *more;

    progress_end(&d->bar);
    ctl_complain(&j->ctl, res);
    while ((more = PQgetResult(j->ctl.conn)) != NULL)
        PQclear(more);
    d->status = ctl_failure(&j->ctl);

    return false;
}


/* A whole transaction at once: the server does not wait for us in it. */
static bool
send_chunk(struct demo *d, struct job *j)
{
    int64_t     left = d->products - d->next + 1;
    struct buf  b;

    j->n = left < d->chunk ? left : d->chunk;
    buf_init(&b, &j->ctl.arena, 0);
    buf_format(&b, "BEGIN; SET LOCAL demo.first = %lld;"
               " SET LOCAL demo.last = %lld;", (long long) d->next,
               (long long) (d->next + j->n - 1));
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        buf_str(&b, steps[i]);
        buf_char(&b, ';');
    }
    buf_add(&b, "COMMIT", sizeof("COMMIT"));

    d->next += j->n;
    j->counted = false;
    j->busy = !b.failed && PQsendQuery(j->ctl.conn, b.data) == 1;
    arena_reset(&j->ctl.arena);

    return j->busy || failed(d, j, NULL);
}


/* The first INSERT of a chunk says how many products are new. */
static bool
take_result(struct demo *d, struct job *j, PGresult *res)
{
    if (PQresultStatus(res) != PGRES_COMMAND_OK
        && PQresultStatus(res) != PGRES_TUPLES_OK)
    {
        return failed(d, j, res);
    }
    if (!j->counted && strncmp(PQcmdStatus(res), "INSERT", 6) == 0) {
        d->created += strtoll(PQcmdTuples(res), NULL, 10);
        j->counted = true;
    }

    return true;
}


/* Takes what has come; at the end of a chunk sends the next one. */
static bool
go_on(struct demo *d, struct job *j)
{
    PGresult  *res;
    bool       ok;

    if (PQconsumeInput(j->ctl.conn) != 1)
        return failed(d, j, NULL);

    while (PQisBusy(j->ctl.conn) == 0) {
        res = PQgetResult(j->ctl.conn);
        if (res == NULL) {
            j->busy = false;
            d->done += j->n;
            progress_to(&d->bar, d->done);
            return d->next > d->products || send_chunk(d, j);
        }
        ok = take_result(d, j, res);
        PQclear(res);
        if (!ok)
            return false;
    }

    return true;
}


/* Each session has tables of words of its own. */
static bool
open_job(struct demo *d, struct job *j)
{
    j->ctl = (struct ctl) {
        .database = d->ctl->database, .quiet = d->ctl->quiet
    };
    if (ctl_connect(&j->ctl) && ctl_exec(&j->ctl, sql_demo_session))
        return true;
    d->status = ctl_failure(&j->ctl);

    return false;
}


/* poll() passes over the sessions that are idle: their descriptor is -1. */
static bool
wait_for_some(struct demo *d, int *busy)
{
    struct pollfd fds[JOBS_MAX];

    *busy = 0;
    for (int i = 0; i < d->n_jobs; i++) {
        bool is = d->job[i].busy;

        fds[i] = (struct pollfd) {
            .fd = is ? PQsocket(d->job[i].ctl.conn) : -1, .events = POLLIN
        };
        *busy += is;
    }
    if (*busy == 0)
        return true;

    if (poll(fds, (nfds_t) d->n_jobs, -1) < 0)
        return errno == EINTR;
    for (int i = 0; i < d->n_jobs; i++) {
        if (fds[i].revents != 0 && !go_on(d, &d->job[i]))
            return false;
    }

    return true;
}


/* Each session takes the next chunk when it has done one, so that a slow one
 * holds up none.  Closing a session rolls back what it was doing. */
static bool
make_products(struct demo *d)
{
    int   busy = 1;
    bool  ok = true;

    for (int i = 0; ok && i < d->n_jobs; i++)
        ok = open_job(d, &d->job[i]);

    progress_start(&d->bar, d->ctl, "Making products", d->products);
    for (int i = 0; ok && i < d->n_jobs && d->next <= d->products; i++)
        ok = send_chunk(d, &d->job[i]);
    while (ok && busy > 0)
        ok = wait_for_some(d, &busy);
    progress_end(&d->bar);

    for (int i = 0; i < d->n_jobs; i++) {
        PQfinish(d->job[i].ctl.conn);
        arena_reset(&d->job[i].ctl.arena);
    }

    return ok;
}


/* Small enough that every session gets some, and the bar moves. */
static void
choose_chunk(struct demo *d)
{
    d->chunk = d->products / (d->n_jobs * 8);
    if (d->chunk < CHUNK_MIN)
        d->chunk = CHUNK_MIN;
    if (d->chunk > CHUNK_MAX)
        d->chunk = CHUNK_MAX;
}


/* The categories come first and in one session: all products hang on them. */
static bool
make_all(struct demo *d)
{
    d->next = 1;
    choose_chunk(d);
    if (!ctl_exec(d->ctl, sql_demo_session)
        || !ctl_exec(d->ctl, sql_demo_categories))
    {
        d->status = ctl_failure(d->ctl);
        return false;
    }
    if (!make_products(d))
        return false;
    if (d->created > 0 && !ctl_exec(d->ctl, sql_demo_end)) {
        d->status = ctl_failure(d->ctl);
        return false;
    }

    return true;
}


/* The rate can be taken from it: products a second of this machine. */
static int
report(const struct demo *d, double seconds)
{
    struct buf b;

    if (!d->ctl->json) {
        ctl_say(d->ctl, "%lld products, %lld of them new, in %.1f s",
                (long long) d->products, (long long) d->created, seconds);
        return CTL_OK;
    }

    buf_init(&b, &d->ctl->arena, 0);
    buf_format(&b, "{\"products\":%lld,\"created\":%lld,\"seconds\":%.3f}",
               (long long) d->products, (long long) d->created, seconds);

    return ctl_put(d->ctl, &b);
}


/* The server's processors count, not ours; most often they are the same. */
static int64_t
usual_jobs(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > JOBS_USUAL ? JOBS_USUAL : n;
}


/* The clock starts before the connection, as a user's does. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    struct demo          d = {
        .ctl = ctl, .products = 1000, .n_jobs = usual_jobs()
    };
    uint64_t             since = shop_env.mono_us();
    const struct option  options[] = {
        { "products", OPTION_INT, &d.products, 1, PRODUCTS_MAX },
        { "jobs", OPTION_INT, &d.n_jobs, 1, JOBS_MAX },
        { NULL }
    };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc != CTL_OK)
        return rc;
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    if (!make_all(&d))
        return d.status;

    return report(&d, (double) (shop_env.mono_us() - since) / 1e6);
}


const struct command demo_command = {
    "demo", "fill the shop with products to look at and to measure", help, run
};
