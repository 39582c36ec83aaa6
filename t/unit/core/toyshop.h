/*
 * toyshop.h - a whole shop on a scripted host, for the tests of what a request
 * goes through: the test says what PostgreSQL answers and when, when a thread
 * has done its work, and when time passes.
 *
 * The domain of its routes stands beside those of the shop.  A handler is the
 * test's; it asserts nothing, as it runs on a coroutine.
 */
#ifndef SHOP_TEST_TOYSHOP_H
#define SHOP_TEST_TOYSHOP_H

#include "core/db_lane.h"
#include "core/request.h"
#include "core/worker.h"
#include "harness.h"

#define LANES_MAX  8

struct toyshop {
    struct harness    host;             /* first: the host's pointer is it   */
    shop_host_ops_t   ops;
    shop_t           *shop;             /* NULL: the test has closed it      */
    shop_post_t      *held[LANES_MAX];  /* never run: nothing is sent        */
    size_t            n_held;
    shop_job_t       *job;              /* a thread's, not begun             */
    bool              no_threads;
    char              log[1024];        /* the last line                     */
};

/* A request as a host lends it: gone with its answer. */
struct lent {
    struct lent     *next;
    struct lent    **prev;
    shop_request_t   in;
};

/* One request and what became of it. */
struct asked {
    shop_request_t  in;
    struct lent    *lent;
    shop_call_t    *call;
    int             rc;                 /* of shop_submit()                  */
    unsigned        answers;
    int             status;
    const char     *cache;
    char            body[4096];         /* and a NUL                         */
    char            head[2048];         /* "Name: value\n" each              */
    char            room[8192];
    bool            no_room;
};

/* What the toy's routes, subscribers and jobs do, and what it makes of
 * settings.  The subscribers are "all" and "toys", which hears of "toy.*" only;
 * the kinds of jobs "unit.count", which has the body below and three attempts,
 * and "unit.plain", which is told nothing. */
struct toys {
    void  (*handler)(struct request *rq);
    void *(*settings_load)(struct request *rq, struct arena *arena);
    void  (*hear)(struct request *rq, const char *who, const struct event *e);
    void  (*job)(struct request *rq);
};
extern struct toys toys;

/* The body that POST and PATCH of the toy take. */
struct toy_body {
    const char  *name;
    int64_t      quantity;
};
extern const struct field toy_body[];

/* Their domain, whose tables a test may change while it runs. */
struct domain *toyshop_domain(void);

/* Statements of it; nothing runs them. */
struct toy_row { int64_t n; };
extern const struct stmt toy_select, toy_update;

/* cmocka's setup and teardown; *state becomes a struct toyshop of a worker
 * that polls nothing.  _first is worker 0, which polls; _working delivers
 * events and runs jobs. */
int toyshop_up(void **state);
int toyshop_up_first(void **state);
int toyshop_up_working(void **state);
int toyshop_down(void **state);

#define WITH_TOYSHOP(f)                                                       \
    cmocka_unit_test_setup_teardown(f, toyshop_up, toyshop_down)

#define WITH_WORKING_TOYSHOP(f)                                               \
    cmocka_unit_test_setup_teardown(f, toyshop_up_working, toyshop_down)

/* Submit; headers are set in a->in before. */
void ask(struct toyshop *t, struct asked *a, const char *method,
         const char *path, const char *body);
void ask_header(struct asked *a, enum shop_header_slot slot,
                const char *value);

/* The problem that it was answered with, once; or any answer. */
void assert_problem(const struct asked *a, int status, const char *code);
void assert_answer(const struct asked *a, int status, const char *body);
void assert_waits(const struct asked *a);
void assert_head(const struct asked *a, const char *line);

/* --- PostgreSQL --- */

/* The text that is owed an answer first, or "". */
const char *owed(struct toyshop *t);
const char *owed_value(struct toyshop *t, int i);       /* of it, from 0     */
void owed_sent_with(struct toyshop *t, uint64_t batch);

/* The first that is owed contains `text`, and is answered: with nothing but
 * the command's name, one row (name, value, ..., NULL), or an error. */
void say_done(struct toyshop *t, const char *text, const char *command);
void say_row(struct toyshop *t, const char *text, ...);
void say_result(struct toyshop *t, const char *text, PGresult *res);
void say_none(struct toyshop *t, const char *text);
void say_error(struct toyshop *t, const char *text, const char *sqlstate,
               const char *constraint);
void say_outcome(struct toyshop *t, const char *text, enum db_outcome what);

/* Rows for say_result(): names of columns and NULL; a value for each, and
 * NULL. */
PGresult *rows_of(const char *const *columns);
void add_row(PGresult *res, ...);

/* BEGIN and the transaction's number. */
void say_begun(struct toyshop *t);

/* The connection on which the first statement waits goes. */
void lose_connection(struct toyshop *t);

/* --- threads, time, memory --- */
void run_job(struct toyshop *t);        /* its work, then its end            */
void pass(struct toyshop *t, uint64_t ms);

/* From now on the n-th allocation fails, and all after it; 0: none.  A sweep
 * begins with a request that succeeds, so that what is pooled is there and
 * each n means the same. */
void memory_fails_at(unsigned n);

/* Blocks that are taken and not given back, without spare ones. */
unsigned memory_taken(void);

#endif
