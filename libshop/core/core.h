/*
 * core.h - what a domain includes, and all that it needs.
 *
 * A handler is straight-line C in a coroutine of its own: it waits without
 * holding up the worker, frees nothing, and leaves with fail() when a rule is
 * broken.  The file reads in the order of a request: values, shapes, routes,
 * reading, SQL, rules, answering.
 *
 * Functions that take `rq` first may fail() and then do not return.
 */
#ifndef SHOP_CORE_H
#define SHOP_CORE_H

#include <stdarg.h>
#include <string.h>

#include "core/banned.h"
#include "core/value.h"

struct arena;
struct request;


/* --- shapes: a struct, described once ------------------------------------ */

enum type {
    END_OF_SHAPE,
    HEAD_OF_SHAPE,              /* the struct itself: name and size          */
    TEXT, INT, BOOL, UUID, STAMP, MONEY, JSON, TEXTS, UUIDS, LIST, OBJECT
};

typedef const char   *ctype_TEXT;
typedef int64_t       ctype_INT;
typedef bool          ctype_BOOL;
typedef uuid          ctype_UUID;
typedef stamp         ctype_STAMP;
typedef struct money  ctype_MONEY;
typedef json          ctype_JSON;
typedef struct texts  ctype_TEXTS;
typedef struct uuids  ctype_UUIDS;
typedef struct list   ctype_LIST;
typedef void         *ctype_OBJECT;     /* of .of, or NULL                   */

enum format {
    PLAIN,
    EMAIL,
    SLUG,                       /* a-z 0-9 and single hyphens                */
    URL,                        /* absolute http(s), or a path from /        */
    CURRENCY,                   /* three capital letters                     */
    LOCALE,                     /* en, tr, pt-BR                             */
    HANDLE,                     /* a-z 0-9 . _ -                             */
    SKU,                        /* printable, no spaces at the ends          */
    HTML                        /* text is a fragment; see html_clean()      */
};

struct field {
    const char          *name;
    enum type            type;
    size_t               at;            /* offset in the struct              */
    bool                 required;      /* in a body or query                */
    bool                 nullable;      /* null is allowed in a body         */
    bool                 hidden;        /* filled from a row, never shown    */
    bool                 internal;      /* shown, never accepted             */
    bool                 brief;         /* left out of lists                 */
    bool                 on;            /* a BOOL that is true by default    */
    enum format          format;
    int64_t              min;           /* characters, items or value; for   */
    int64_t              max;           /* max 0 is the type's own bound     */
    int64_t              item_max;      /* of TEXTS: characters of an item,
                                           which then has one at least       */
    const char          *prefix;        /* of a UUID: "prod"                 */
    const char *const   *one_of;        /* NULL-ended                        */
    const struct field  *of;            /* of a LIST or OBJECT               */
    const char          *key;           /* of a LIST: in JSON it is an object
                                           whose keys are this hidden member */
    size_t               size;          /* of the struct, in the head only   */
    const char          *doc;           /* a sentence for the documents      */
};

/* The first row of a shape: its struct and its name in the documents. */
#define SHAPE(S, title)                                                       \
    { .name = title, .type = HEAD_OF_SHAPE, .size = sizeof(struct S) }

/* A member of struct S, described.  Does not compile unless m is a T. */
#define FIELD(S, m, T, ...)                                                   \
    { .name = #m, .type = T, .at = AT(S, m, T), ##__VA_ARGS__ }

#define AT(S, m, T)                                                           \
    (offsetof(struct S, m) + 0 * sizeof(struct { int x; _Static_assert(       \
        __builtin_types_compatible_p(__typeof__(((struct S *) 0)->m),         \
                                     ctype_##T), #S "." #m " is not " #T); }))

#define END_SHAPE  { .type = END_OF_SHAPE }


/* --- problems ------------------------------------------------------------ */

/* RFC 9457: `code` is stable and documented, `title` is for people. */
struct problem {
    int          status;
    const char  *code;
    const char  *title;
};

/* What a broken constraint of the database means, by its name. */
struct constraint {
    const char            *name;
    const struct problem  *problem;
    const char            *pointer;     /* into the body, or NULL            */
};


/* --- routes -------------------------------------------------------------- */

enum method { GET = 1, POST, PUT, PATCH, DELETE };

enum scope {
#define SCOPE(id, name, doc)  SCOPE_##id,
#include "core/scopes.def"
#undef SCOPE
    SCOPE_COUNT
};

/* Who may: everyone, or a caller that holds a scope. */
#define PUBLIC      (1ull << 63)
#define MAY(scope)  (1ull << SCOPE_##scope)

enum {                          /* flags of a route                          */
    PAGED      = 1 << 0,        /* limit, cursor, sort; reply_page()         */
    NO_DB      = 1 << 1,        /* answers without the database              */
    BRIEF      = 1 << 2,        /* the view leaves out what is marked brief  */
    TX         = 1 << 3,        /* one transaction, retried as a whole       */
    ONCE       = 1 << 4,        /* Idempotency-Key is honoured; with TX      */
    IF_MATCH   = 1 << 5,        /* without If-Match: 428; check_version()    */
    CACHED     = 1 << 6,        /* the answer is kept; PUBLIC GET, with tags */
    WHOLE_LIST = 1 << 7,        /* answers with reply_list()                 */
    MOVES      = 1 << 8,        /* may answer 301: the thing has moved       */
    FREE       = 1 << 9,        /* of no limit: who watches must get in      */
    STREAM     = 1 << 10,       /* answers with stream_begin(); alone        */
    LANGUAGES  = 1 << 11        /* of texts: language_of() is asked; with TX */
};

enum {                          /* what an answer depends on, see context()  */
    BY_LOCALE   = 1 << 0,       /* ?locale=, Accept-Language                 */
    BY_CURRENCY = 1 << 1        /* ?currency=                                */
};

struct stmt;

struct route {
    enum method                    method;
    const char                    *path;        /* "/api/v1/products/:id"    */
    void                         (*handler)(struct request *rq);
    uint64_t                       may;         /* 0 does not start          */
    unsigned                       flags;
    unsigned                       axes;
    unsigned                       status;      /* of success; 0 is 200      */
    unsigned                       cost;        /* in tokens of the caller's
                                                   limit; 0 is 1             */
    const struct field            *body;
    const struct field            *query;
    const struct field            *view;        /* of the answer             */
    const char *const             *sorts;       /* PAGED; the first is used
                                                   when none is asked for    */
    const struct problem *const   *problems;    /* beside the general ones   */
    const char                    *summary;     /* one line for OpenAPI      */
    const char                    *media_type;  /* of success; NULL is JSON  */
};

struct shop;

/* Who asks.  The only input to policy, ownership, idempotency and cost. */
enum caller_kind { ANONYMOUS, KEY, SYSTEM };

struct caller {
    enum caller_kind   kind;
    uuid               id;
    uint64_t           scopes;          /* 1 << SCOPE_x                      */
    uuid               channel_id;
};

/* What an answer of the storefront depends on besides its address. */
struct context {
    uuid         channel_id;
    const char  *channel;               /* its code                          */
    const char  *locale;                /* "en"                              */
    const char  *fallback;              /* locale to fall back to            */
    const char  *currency;              /* "TRY"                             */
};

/* --- what happens afterwards --------------------------------------------- */

/* What a transaction said had happened, numbered after its commit. */
struct event {
    int64_t      seq;
    const char  *type;                  /* "product.updated"                 */
    const char  *subject;               /* to what: "prod_01j9..."           */
    json         payload;
    stamp        occurred_at;
    const char  *request_id;            /* of what made it, or NULL          */
    stamp        recorded_at;           /* when it was numbered              */
};

/* Who hears of events, each once and in their order: what deliver() does with
 * statements is committed together with how far it has come.  One that fails
 * is tried again, later and later, and what comes behind it waits: what may
 * take long, or may fail for good, is put into a job. */
struct subscriber {
    const char   *name;                 /* unique in the shop; never changes */
    const char   *types;                /* "product.*", "price.ended"; NULL:
                                           all of them                       */
    void        (*deliver)(struct request *rq, const struct event *e);
};

/* Work that is done later: run() is a handler like any other, in a transaction
 * of its own with which the job is gone; body() reads the payload.  One that
 * fails is run again, later and later, and at last a dead letter. */
struct job_kind {
    const char          *name;          /* "events.trim"                     */
    void               (*run)(struct request *rq);
    const struct field  *payload;       /* NULL: none                        */
    int64_t              attempts;      /* in all; 0 is 10                   */
    int64_t              lease;         /* seconds; 0 is 60: more than the
                                           deadline of a request             */
    int64_t              yields;        /* seconds, a day at most: lets pass
                                           jobs that are due up to so much
                                           later; 0 is none                  */
};

/* A domain: the last thing in its _api.c.  The hooks are for the few domains
 * that core leans on; each is set by at most one domain. */
struct domain {
    const char                *name;
    const struct route        *routes;          /* ends with method 0        */
    const struct route        *admin_routes;
    const struct constraint   *constraints;     /* ends with name NULL       */
    const struct stmt *const  *statements;      /* made by sql2c             */
    const struct stmt *const  *admin_statements;
    const struct subscriber   *subscribers;     /* ends with name NULL       */
    const struct job_kind     *jobs;            /* ends with name NULL       */

    /* The caller whom a bearer token stands for: false when it is unknown,
     * expired or revoked.  In the request's coroutine. */
    bool (*authenticate)(struct request *rq, const char *token, size_t len,
                         struct caller *out);

    /* Note that the caller was here; in a transaction, once a minute. */
    void (*seen)(struct request *rq);

    /* Load what context_of() needs, in the coroutine of a request that finds
     * the tag "store" touched since.  What it makes lies on `arena`, from when
     * all is read: who fails before must have taken nothing of it. */
    void *(*settings_load)(struct request *rq, struct arena *arena);
    const struct field *settings;   /* its shape; NULL: not kept            */

    /* Choose channel, locale and currency.  NULL, or the problem with the
     * name of the query parameter in *parameter.  No waiting. */
    const struct problem *(*context_of)(const void *settings, unsigned axes,
                                        const char *locale,
                                        const char *currency,
                                        const char *accept_language,
                                        struct context *out,
                                        const char **parameter);
};

#define END_ROUTES  { .method = 0 }


/* --- reading the request ------------------------------------------------- */

/* The parsed query, checked already before the handler runs. */
#define query(rq, S)  ((const struct S *) request_query(rq, S))
const void *request_query(struct request *rq, const struct field *shape);

/* The body by the route's shape: all that is wrong with it was reported
 * before the handler ran. */
#define body(rq, S)  ((const struct S *) request_body(rq, S))
const void *request_body(struct request *rq, const struct field *shape);

/* JSON Merge Patch: lay the body over *target, which was read from the
 * database.  Members not given stay; null makes none where that is allowed.
 * What is wrong fails, all at once. */
#define patch(rq, S, target)  request_patch(rq, S, target)
void request_patch(struct request *rq, const struct field *shape,
                   void *target);

/* Was the member given in the body, also as null? */
bool request_has(struct request *rq, const char *member);

/* Who asks; never where answers are CACHED. */
const struct caller *caller(struct request *rq);

/* A part of the path: an id with its prefix (else 404), or text. */
uuid        path_id(struct request *rq, const char *name, const char *prefix);
const char *path_text(struct request *rq, const char *name);

const struct context *context(struct request *rq);

/* In a route of LANGUAGES: is this one of the shop's, by settings as new as
 * those of a kept answer?  Constraints of the database have the last word. */
enum language { FOREIGN, SPOKEN, OWN };
enum language language_of(struct request *rq, const char *locale);

/* The page of a list that is asked for; `limit` is one more than to show. */
struct page {
    int64_t       limit;
    const char   *sort;
    struct texts  after;        /* page_key of the last row shown; n 0 first */
};
const struct page *page(struct request *rq);


/* --- SQL: what sql2c's functions are made of ----------------------------- */

enum lane { LANE_READ, LANE_SLOW, LANE_EACH };

struct arg {                    /* a parameter, by type                      */
    enum type     type;
    const void   *at;           /* a variable or member of that type         */
};

struct param {                  /* one $n: where its value comes from        */
    const char   *name;
    enum type     type;         /* END_OF_SHAPE: from the struct, by name    */
    uint8_t       arg;          /* index among the scalar arguments          */
};

#define ARG_CALLER  255         /* :caller, who asks; NULL for nobody        */

/* A piece of a statement, with the condition under which it is used. */
struct piece {
    const char            *text;        /* a parameter stands as \x01 and
                                           1 + its index as one byte         */
    const char            *when;        /* NULL always; else "member",
                                           "!member", "member=value", several
                                           with spaces: all must hold        */
};

struct stmt {
    const char            *name;
    const char            *text;        /* NULL when made of pieces          */
    const struct piece    *pieces;      /* ends with text NULL               */
    const char *const     *arg_names;   /* of the scalars, with pieces       */
    const struct param    *params;
    unsigned               n_params;
    const struct field    *in;          /* shape of the struct argument      */
    const struct field    *out;         /* shape of a row, or NULL           */
    enum lane              lane;
    bool                   writes;      /* INSERT, UPDATE, DELETE, locking   */
    bool                   staff;       /* marked `-- staff`                 */
    bool                   by_caller;   /* uses :caller                      */
    bool                   by_clock;    /* asks shop_now()                   */
    unsigned              *slot;        /* a number of its own, at start     */
};

/* A statement under way.  On the handler's stack or arena. */
struct query {
    struct request    *rq;
    void              *entry;           /* the lane's, NULL when it is done  */
    const struct stmt *stmt;
    void              *result;          /* PGresult, freed by a cleanup      */
    const void        *in;              /* the arguments, until it is sent   */
    const struct arg  *args;
    struct query      *next;
};

/* Send without waiting; in a TX route on its transaction.  `in` and `args`
 * are read before this returns. */
void  sql_start(struct request *rq, struct query *q, const struct stmt *st,
                const void *in, const struct arg *args);

/* Wait; fail() with the constraint's problem, or 500, when it failed. */
void *sql_rows(struct request *rq, struct query *q, size_t *n);  /* array    */
void *sql_row(struct request *rq, struct query *q);              /* or NULL  */
size_t sql_done(struct request *rq, struct query *q);  /* rows affected      */

/* Row by row, on a connection of its own: for a STREAM of any length.  What was
 * allocated since a row came is gone when the next one does.  NULL is the end.
 * 503 when other streams have all connections. */
void  sql_each(struct request *rq, struct query *q, const struct stmt *st,
               const void *in, const struct arg *args);
void *sql_next(struct request *rq, struct query *q);


/* --- rules --------------------------------------------------------------- */

/* End the request: the transaction is rolled back, the problem is the
 * answer.  Does not return. */
_Noreturn void fail(struct request *rq, const struct problem *p);

/* The same with the place in the body ("/variants/0/sku") and a sentence. */
_Noreturn void fail_at(struct request *rq, const struct problem *p,
                       const char *pointer, const char *detail);

/* The same with the parameter of the query. */
_Noreturn void fail_query(struct request *rq, const struct problem *p,
                          const char *parameter);

/* Note one fault of the body and go on; faults_check() fails with 422 and
 * all that were noted. */
void fault(struct request *rq, const char *pointer, const char *code,
           const char *detail);
void faults_check(struct request *rq);

/* The place in the body that the statements waited for next speak of: the
 * pointer of a constraint that one breaks is shown behind it. */
void within(struct request *rq, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

extern const struct problem not_found;          /* 404 */
extern const struct problem conflict;           /* 409 */
extern const struct problem wrong_body;         /* 422, with faults */

/* If-Match against the version of what was read: 412 when it differs.  The
 * answer's ETag is set to it: etag_version().  That of a GET has a hash of what
 * is shown behind it, which If-Match does not look at. */
void check_version(struct request *rq, int64_t version);

/* Statements that are started together are read from one snapshot; but under
 * load one may be sent with the next ones, and one that is slow is sent again.
 * False: those since snapshot_begin() were not of one.  Within a transaction it
 * is always true, as locks take the snapshot's place. */
void snapshot_begin(struct request *rq);
bool snapshot_is_one(const struct request *rq);

void *alloc(struct request *rq, size_t size);   /* zeroed, attempt's arena   */
const char *text_copy(struct request *rq, const char *text);
const char *text_of(struct request *rq, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool uuid_is_none(uuid id);
bool uuid_equal(uuid a, uuid b);
uuid new_id(struct request *rq);                /* UUIDv7                    */

/* An id as it is shown: "prod_01j9...". */
const char *id_of(struct request *rq, const char *prefix, uuid id);

/* Run on a pool thread and wait; `work` touches only `arg`, which it does
 * not outlive.  Before the first statement of a transaction only. */
void offload(struct request *rq, void (*work)(void *arg), void *arg);

/* A text of a body that is HTML, and its place there. */
struct html_text {
    const char  **text;
    const char   *pointer;
};

/* HTML made harmless, in its place; NULL stays NULL.  What is over a limit is a
 * fault at its pointer; where there are faults already only tags are counted.
 * All in one visit to a thread, as each costs more than most texts do.  Before
 * the first statement. */
void html_clean_all(struct request *rq, const struct html_text *texts,
                    size_t n);

/* SHA-256 as 64 hexadecimal digits. */
const char *sha256_of(struct request *rq, const char *data, size_t n);

/* A slug made of a text; NULL when none of its letters can stand in one. */
const char *slug_of(struct request *rq, const char *text);

/* In a CACHED route: the answer is made from this, and is good until it is
 * touched.  Before the first statement. */
void tag(struct request *rq, const char *kind);
void tag_id(struct request *rq, const char *kind, uuid id);

/* In a TX route: the transaction changes what answers with this tag say.  A
 * reader of this machine sees the change as soon as it is committed; others
 * when they poll. */
void touch(struct request *rq, const char *kind);
void touch_id(struct request *rq, const char *kind, uuid id);

/* In a TX route, sent without waiting: this has happened, if the transaction
 * commits.  Of one subject events keep the order in which it was changed when
 * whoever changes it holds its lock by now.  `payload` is a JSON object. */
void emit(struct request *rq, const char *type, const char *subject,
          const char *payload);

/* The same for a job, to be run when the transaction has committed and so many
 * seconds have passed. */
void enqueue(struct request *rq, const struct job_kind *kind,
             const char *payload, int64_t after);

/* The same, of which no more than one waits with this key (200 characters): it
 * is told the newest payload, and is run at the earliest of the times.  One
 * that is begun is not waiting any more. */
void enqueue_once(struct request *rq, const struct job_kind *kind,
                  const char *key, const char *payload, int64_t after);

/* The answer is good for that long at most; INT_NONE: until it is changed.
 * What a statement made that asks shop_now() is kept only where this is
 * said. */
void valid_for(struct request *rq, int64_t seconds);


/* --- answering ----------------------------------------------------------- */

/* Stage the answer; it is sent when the handler has returned. */
void reply(struct request *rq, int status, const struct field *view,
           const void *data);

/* A list: `rows` hold up to page->limit rows; one more than is shown says
 * that there is more.  The view's hidden member `page_key` (TEXT) makes the
 * cursor: an array, as PostgreSQL writes it. */
void reply_page(struct request *rq, const struct field *view,
                const void *rows, size_t n);

/* A list that comes whole: {"data": [...]}. */
void reply_list(struct request *rq, const struct field *view,
                const void *rows, size_t n);

void reply_text(struct request *rq, int status, const char *type,
                const char *text, size_t len);

void reply_none(struct request *rq);            /* 204 */

/* Have nginx serve what this path names, as sent by a client: percent-encoded,
 * of a location that is `internal`.  Type, length, ETag and ranges are
 * nginx's.  Not on a route that is CACHED or has a transaction: what they keep
 * of an answer is its bytes. */
void reply_file(struct request *rq, const char *path);

/* A STREAM route begins its answer, of the media type of its row and with the
 * headers that were set; what fails from here on cuts it.  The handler's end
 * is the stream's.  HEAD ends here. */
void stream_begin(struct request *rq);

/* Waits while the client has not taken what was written before. */
void stream_write(struct request *rq, const char *data, size_t n);

/* What was written goes out without waiting for more of it. */
void stream_flush(struct request *rq);

/* A line of JSON; a line of CSV (RFC 4180), in which no cell is taken for a
 * formula: one that begins with = + - @ TAB or CR, also behind apostrophes, has
 * one apostrophe more.  NULL is an empty cell. */
void stream_json(struct request *rq, const struct field *view,
                 const void *data);
void stream_csv(struct request *rq, const struct texts *cells);

/* Server-sent events, from behind one to the client's end or the worker's: a
 * STREAM of the media type text/event-stream.  `last` is the newest that there
 * is; `types` may be none, which is all, and end with * each.  They come when
 * the handler, which has nothing more to say, has returned. */
void stream_events(struct request *rq, int64_t after, int64_t last,
                   const struct texts *types);

/* The number in Last-Event-ID, where a client goes on; INT_NONE. */
int64_t last_event_id(struct request *rq);

/* 201 with the address of what was made. */
void reply_created(struct request *rq, const struct field *view,
                   const void *data, const char *location);

/* ETag "vN" of an object with a version, in place of one of the bytes. */
void etag_version(struct request *rq, int64_t version);

/* To another address of the same thing. */
void reply_redirect(struct request *rq, int status, const char *location);

void header(struct request *rq, const char *name, const char *value);

#endif
