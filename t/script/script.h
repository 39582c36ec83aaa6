/*
 * script.h - a shop whose whole world is scripted: a host with a virtual
 * clock, a libpq without sockets, a PostgreSQL of a few rows.  What happens
 * next is drawn by chance, and a seed draws the same again.
 *
 *     pq.c      libpq as the shop calls it, and the wires to the server
 *     server.c  sessions: transactions, locks, snapshots, a table of keys
 *     host.c    the host table: time, timers, posts, threads
 *     toy.c     the domain: counters that are read and raised
 *     clients.c who asks, and what he may be told
 *     main.c    draws what happens next; counts
 */
#ifndef SHOP_SCRIPT_H
#define SHOP_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shop.h"

#define COUNTERS  3             /* rows that are raised                      */
#define OPS_MAX   64            /* things that clients want, in one run      */

/* --- chance (main.c) --- */

/* Less than n; true once in n times. */
unsigned chance(unsigned n);
bool one_in(unsigned n);

/* Something is so that may not be: says it with the seed, and ends. */
_Noreturn void broken(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Is anything to go wrong?  Not while a run comes to its end. */
extern bool troubled;

/* --- the server (server.c) --- */

/* What a statement is, by its text. */
enum what {
    BEGIN, COMMIT, ROLLBACK, XID, ASK, LOCK, FIND, KEEP, RAISE, LOOK,
    UNKNOWN
};

enum { MESSAGE_PARSE, MESSAGE_RUN, MESSAGE_SYNC };

#define VALUES_MAX  10

struct message {
    struct message  *next;
    int              kind;
    enum what        what;
    char             name[32];          /* "": not prepared                  */
    char            *value[VALUES_MAX];
    int              n;
};

struct session;

void message_free(struct message *m);

struct session *server_connect(void);   /* NULL: it is down                  */
void server_send(struct session *s, struct message *m);

/* The client is gone; what he has sent is yet done, or it is the server that
 * ends, and then it is not. */
void server_leave(struct session *s, bool at_once);

/* Sessions that can go on: how many, and let the i-th. */
unsigned server_able(void);
void server_step(unsigned i);

/* The i-th session that has a client ends; the whole server does. */
unsigned server_sessions(void);
void server_kill(unsigned i);
void server_set_down(bool down);

void server_begin(void);                /* of a run: nothing is there        */
void server_end(void);

/* What is committed. */
extern int  counters[COUNTERS];
extern int  done[OPS_MAX];              /* how often each thing was done     */
extern int  done_at[OPS_MAX];           /* the counter behind it             */

/* --- wires (pq.c) --- */

/* The server answers: a row or none, a command's name, an error, or that a
 * statement was skipped. */
struct pg_conn;
struct pg_result *result_row(const char *const *names, char *const *values,
                             int n);
struct pg_result *result_none(const char *const *names, int n);
struct pg_result *result_done(const char *command);
struct pg_result *result_error(const char *sqlstate, const char *constraint);
struct pg_result *result_skipped(void);
void pq_answer(struct session *s, struct pg_result *r);
void pq_synced(struct session *s);

/* The server's end of the connection is closed. */
void pq_ended(struct session *s);

/* Has the descriptor something for who watches it so? */
bool pq_ready(int fd, unsigned events);

/* --- the host (host.c) --- */

extern const shop_host_ops_t host_ops;
extern uint64_t host_now;

void host_begin(void);
void host_end(void);                    /* nothing may be armed any more     */

/* Descriptors that are ready, timers that are set, jobs: how many there are,
 * and let one happen. */
unsigned host_readable(void);
void host_ready(unsigned i);
bool host_has_timer(void);
uint64_t host_due_in(void);             /* milliseconds, the first one       */
void host_fire(void);                   /* the first one, when it is due     */
unsigned host_jobs(void);
void host_job(unsigned i);
void host_posts(void);                  /* the end of an iteration           */

/* --- the domain (toy.c) --- */
void toy_begin(void);

/* --- clients (clients.c) --- */

void clients_begin(shop_t *shop);
bool clients_want(void);                /* is anything still to be asked?    */
unsigned clients_waiting(void);
void clients_ask(void);
void clients_leave(unsigned i);         /* the i-th that waits is gone       */

/* At the end of a run: each was answered, and what was done is what they were
 * told. */
void clients_judge(void);

/* Two readers of each counter: the second finds the first one's answer. */
void clients_probe(void (*until_quiet)(void));

#endif
