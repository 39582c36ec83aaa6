/*
 * shop.h - the public face of libshop: a whole shop behind a dozen calls.
 *
 * A shop_t is one shop in one process (in nginx: in one worker).  It owns no
 * thread and no event loop; it borrows both from a host through a table of
 * functions, shop_host_ops_t.  Three hosts exist: nginx (the module),
 * libuv (libshop-uv, for programs) and a scripted one (tests).
 *
 *     shop_conf_t conf = SHOP_CONF_INIT;
 *     conf.database = "host=/run/postgresql dbname=shop user=shop_app";
 *     shop_t *shop;
 *     if (shop_open(&shop, &conf, &ops, host) != SHOP_OK) ...
 *     shop_submit(shop, &request, &sink, my_request, &call);
 *
 * Conventions.  Functions return SHOP_OK or a negative SHOP_E_* code; an
 * out-parameter is untouched on failure.  Strings are (data, len) pairs and
 * need no NUL.  What is passed in stays the caller's, and need not outlive
 * the call unless the comment says so.  No function blocks.  All shops of a
 * process, and everything made from them, belong to one thread; the one
 * exception is the work() of a job.  Sizes are bytes, times are named by
 * their unit.
 */
#ifndef SHOP_H
#define SHOP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHOP_VERSION  "0.1.0"
#define SHOP_ABI      3

#if defined(__GNUC__)
#define SHOP_API  __attribute__((visibility("default")))
#else
#define SHOP_API
#endif

enum {
    SHOP_OK      = 0,
    SHOP_AGAIN   = 1,           /* accepted; the sink is called later       */
    SHOP_E_NOMEM = -1,
    SHOP_E_BUSY  = -2,          /* a bounded queue or pool is full          */
    SHOP_E_CONF  = -3,          /* a configuration value is wrong           */
    SHOP_E_ABI   = -4,          /* header and library do not belong together */
    SHOP_E_IO    = -5
};

typedef struct shop       shop_t;
typedef struct shop_call  shop_call_t;

typedef struct shop_str {
    const char  *data;
    size_t       len;
} shop_str_t;


/* --- the host: what libshop borrows from the program around it ---------- */

#define SHOP_HOST_PRIV  160     /* bytes a host may use inside each object  */

enum { SHOP_RD = 1, SHOP_WR = 2 };

enum {
    SHOP_TIMER_FOREGROUND = 0,  /* keeps a draining process alive           */
    SHOP_TIMER_BACKGROUND = 1   /* may be dropped at shutdown               */
};

enum { SHOP_LOG_ERROR = 1, SHOP_LOG_WARN, SHOP_LOG_INFO, SHOP_LOG_DEBUG };

/* Objects are embedded in libshop's own, zeroed before first use; `host` is
 * the host's to use while the object is armed. */
typedef struct shop_watch {
    void  (*ready)(struct shop_watch *w, unsigned events);
    void   *ctx;
    int     fd;
    void   *host[SHOP_HOST_PRIV / sizeof(void *)];
} shop_watch_t;

typedef struct shop_timer {
    void  (*fire)(struct shop_timer *t);
    void   *ctx;
    void   *host[SHOP_HOST_PRIV / sizeof(void *)];
} shop_timer_t;

typedef struct shop_post {
    void  (*run)(struct shop_post *p);
    void   *ctx;
    void   *host[SHOP_HOST_PRIV / sizeof(void *)];
} shop_post_t;

typedef struct shop_job {
    void  (*work)(struct shop_job *j);          /* on a pool thread         */
    void  (*done)(struct shop_job *j);          /* on the loop              */
    void   *ctx;
    void   *host[SHOP_HOST_PRIV / sizeof(void *)];
} shop_job_t;

typedef struct shop_host_ops {
    uint32_t   abi;             /* SHOP_ABI                                 */
    uint32_t   size;            /* sizeof(shop_host_ops_t)                  */

    /* Monotonic milliseconds, cached by the loop. */
    uint64_t (*now_ms)(void *host);

    /* Watch w->fd, LEVEL triggered.  The descriptor stays libshop's.  With
     * `closed` the descriptor is gone already: forget it, no system call. */
    int      (*watch_add)(void *host, shop_watch_t *w, unsigned events);
    int      (*watch_mod)(void *host, shop_watch_t *w, unsigned events);
    void     (*watch_del)(void *host, shop_watch_t *w, int closed);

    /* Fire once after `ms`; setting an armed timer moves it. */
    void     (*timer_set)(void *host, shop_timer_t *t, uint32_t ms,
                          unsigned kind);
    void     (*timer_del)(void *host, shop_timer_t *t);

    /* Run once at the end of this loop iteration; idempotent. */
    void     (*post)(void *host, shop_post_t *p);

    /* Run j->work on a pool thread, then j->done on the loop.
     * SHOP_E_BUSY when the queue is full. */
    int      (*offload)(void *host, shop_job_t *j);

    void     (*log)(void *host, int level, const char *text, size_t len);

    int      (*draining)(void *host);
} shop_host_ops_t;


/* --- requests and answers ------------------------------------------------ */

/* The request headers that a shop reads; a host fills those it was sent. */
enum shop_header_slot {
    SHOP_H_ACCEPT_ENCODING,
    SHOP_H_ACCEPT_LANGUAGE,
    SHOP_H_AUTHORIZATION,
    SHOP_H_CONTENT_ENCODING,
    SHOP_H_CONTENT_TYPE,
    SHOP_H_IDEMPOTENCY_KEY,
    SHOP_H_IF_MATCH,
    SHOP_H_IF_NONE_MATCH,
    SHOP_H_LAST_EVENT_ID,
    SHOP_H_PREFER,
    SHOP_H_COUNT
};

typedef struct shop_request {
    shop_str_t  method;
    shop_str_t  path;           /* as sent: percent-encoded, without query  */
    shop_str_t  query;          /* as sent, without the question mark       */
    shop_str_t  body;
    shop_str_t  request_id;
    shop_str_t  address;        /* who asks: 4 or 16 bytes, network order;
                                   empty: not known, and not limited by it  */
    shop_str_t  header[SHOP_H_COUNT];
    int         shed_first;     /* not 0: of those that are refused first
                                   when PostgreSQL is late: bots            */
} shop_request_t;

typedef struct shop_header {
    shop_str_t  name;
    shop_str_t  value;
} shop_header_t;

typedef struct shop_answer {
    int                   status;
    shop_str_t            content_type;
    shop_str_t            body;
    const shop_header_t  *headers;      /* beside type and length           */
    size_t                n_headers;
    shop_str_t            file;         /* if set: serve this internal path */

    /* For logs and metrics. */
    const char           *route;        /* its template, or "-"             */
    const char           *caller;       /* its kind: "anonymous", "key" ... */
    const char           *cache;        /* "hit", "miss", "stale", "-"      */
    uint32_t              db_us;        /* waited for PostgreSQL            */
    uint32_t              cache_us;     /* on kept answers                  */
    uint32_t              us;           /* from submit to here              */
    const char           *caller_id;    /* 16 hex digits of SHA-256 of the
                                           caller's id, or NULL             */
} shop_answer_t;

/*
 * How an answer gets back.  A submitted request ends with one call, either of
 * respond() or, if it was opened as a stream, of close(); never after
 * shop_detach().  Each copies what it keeps.  None of them may call back into
 * this shop about the same request.
 *
 * A stream is an answer whose length nobody knows: open() with its head, as
 * many write() as it takes, close().  A host that leaves these three NULL
 * serves everything else; what streams is then answered 501.
 */
typedef struct shop_sink_ops {
    uint32_t   size;            /* sizeof(shop_sink_ops_t)                  */
    void    *(*alloc)(void *rq, size_t size);   /* lives as long as rq      */
    void     (*respond)(void *rq, const shop_answer_t *answer);

    /* The head: status, type and headers; no body, and no length.  A negative
     * code: this one cannot be streamed, and respond() follows. */
    int      (*open)(void *rq, const shop_answer_t *head);

    /* SHOP_AGAIN: taken, but nothing more is until shop_writable().  A
     * negative code: nobody reads any more; close() follows. */
    int      (*write)(void *rq, const char *data, size_t n);

    /* `answer` is the head with what logs want to know at the end.  What is
     * not whole must not look as if it were: the connection is cut. */
    void     (*close)(void *rq, const shop_answer_t *answer, int whole);
} shop_sink_ops_t;


/* --- configuration ------------------------------------------------------- */

/* How often somebody may ask; see docs/configuration.md.  per_minute 0: as
 * often as he likes. */
enum shop_limit_kind {
    SHOP_LIMIT_ADDRESS,         /* who shows no key                         */
    SHOP_LIMIT_KEY,             /* an API key                               */
    SHOP_LIMIT_GUESS,           /* an address that shows keys nobody has    */
    SHOP_LIMIT_COUNT
};

#define SHOP_LIMIT_RATE_MAX   600000    /* a minute                         */
#define SHOP_LIMIT_BURST_MAX  100000

typedef struct shop_limit {
    uint32_t  per_minute;
    uint32_t  burst;
} shop_limit_t;

/* Events are numbered and delivered, and jobs run: not here; here; not here,
 * but the metrics tell how much waits. */
enum {
    SHOP_BACKGROUND_OFF,
    SHOP_BACKGROUND_ON,
    SHOP_BACKGROUND_WATCH
};

typedef struct shop_conf {
    uint32_t    size;           /* sizeof(shop_conf_t)                      */
    const char *database;       /* libpq conninfo of the role shop_app      */
    const char *memcached;      /* socket path or host:port, or NULL        */

    /* Memory shared by the processes of one machine.  `shm_fresh`: zeroed,
     * nobody has used it yet.  NULL: private memory is taken. */
    void       *shm;
    size_t      shm_size;
    int         shm_fresh;
    unsigned    worker;         /* this process's number ...                */
    unsigned    workers;        /* ... of so many                           */

    uint32_t    cache_stale_ms; /* serve that old without PostgreSQL        */
    uint32_t    deadline_ms;    /* of a request                             */
    uint32_t    overload_ms;    /* later answers are too many requests;
                                   0: never                                 */
    uint32_t    max_coroutines;
    uint32_t    stack_size;
    uint32_t    read_connections;
    uint32_t    slow_connections;
    uint32_t    tx_connections;
    uint32_t    tx_queue;       /* requests that may wait for one           */

    /* HMAC key of cursors; 32 bytes or more.  The second, if any, is only
     * accepted: rotation keeps old cursors good. */
    shop_str_t  cursor_secret[2];

    int         cache_off;      /* answers are not kept                     */

    shop_limit_t limit[SHOP_LIMIT_COUNT];       /* by shop_limit_kind       */
    int         background;     /* SHOP_BACKGROUND_*                        */

    uint32_t    stream_connections;     /* of exports, one each             */
    uint32_t    heartbeat_ms;   /* a sign of life on a stream of events     */
    uint32_t    slow_ms;        /* a statement that takes longer is logged;
                                   0: none is                               */
} shop_conf_t;

#define SHOP_CONF_INIT {                                                      \
    sizeof(shop_conf_t), NULL, NULL, NULL, 0, 0, 0, 1,                        \
    60000, 5000, 250, 4096, 65536, 1, 2, 4, 256,                              \
    { { NULL, 0 }, { NULL, 0 } }, 0, { { 0, 0 }, { 0, 0 }, { 0, 0 } }, 0,     \
    2, 20000, 500                                                             \
}


/* --- the calls ------------------------------------------------------------ */

SHOP_API const char *shop_version(void);

/* SHOP_OK when the caller's header and this library agree. */
SHOP_API int shop_abi_check(uint32_t abi, size_t host_ops_size,
                            size_t conf_size);

/* Check a configuration; on SHOP_E_CONF `error` holds a sentence that says
 * what is wrong and what is allowed. */
SHOP_API int shop_conf_check(const shop_conf_t *conf, char *error,
                             size_t error_size);

/* Smallest shared memory for so many workers. */
SHOP_API size_t shop_shm_min(unsigned workers);

/* Whether so many workers more can use this memory; others may be using it,
 * and nothing is written.  SHOP_E_CONF: it is laid out by another version, or
 * for fewer workers; SHOP_E_BUSY: those that use it leave too little room. */
SHOP_API int shop_shm_room(const void *shm, size_t size, unsigned workers);

/* Open a shop: `conf`'s strings are copied, `ops` and `host` must outlive
 * it.  Connects lazily. */
SHOP_API int shop_open(shop_t **out, const shop_conf_t *conf,
                       const shop_host_ops_t *ops, void *host);

/* No new background work; idle connections close. */
SHOP_API void shop_drain(shop_t *shop);

/* End everything: requests in flight are answered 503, connections close. */
SHOP_API void shop_close(shop_t *shop);

/*
 * Serve one request.  SHOP_OK: the sink has been called already (cache hits,
 * bad requests).  SHOP_AGAIN: it will be; *out is then valid until the sink
 * is called or the call is detached.  The request's strings must live as
 * long.
 */
SHOP_API int shop_submit(shop_t *shop, const shop_request_t *request,
                         const shop_sink_ops_t *sink, void *rq,
                         shop_call_t **out);

/* The client is gone: the sink is never called again.  A read is abandoned,
 * a write runs to its end. */
SHOP_API void shop_detach(shop_call_t *call);

/* Of a stream whose write() said SHOP_AGAIN: what was written has gone, and
 * there is room for more.  Its sink may be called before this returns, to the
 * stream's end. */
SHOP_API void shop_writable(shop_call_t *call);

/* A problem document for an error made outside of the shop (nginx's own):
 * bytes written to `buf`, at most `size`; the content type is
 * application/problem+json. */
SHOP_API size_t shop_problem(int status, shop_str_t request_id,
                             char *buf, size_t size);

/* Counters of the whole machine as JSON, or as Prometheus text: a string
 * made with sink->alloc; {NULL, 0} when memory is short. */
SHOP_API shop_str_t shop_status(shop_t *shop, const shop_sink_ops_t *sink,
                                void *rq);
SHOP_API shop_str_t shop_metrics(shop_t *shop, const shop_sink_ops_t *sink,
                                 void *rq);

#ifdef __cplusplus
}
#endif

#endif
