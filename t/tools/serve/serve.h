/*
 * serve.h - a shop on libuv as a server for tests: requests come on standard
 * input, one after another, and are answered on standard output.
 *
 * A request is a line "METHOD TARGET HEADERS BYTES", so many lines "Name:
 * value", and so many bytes of body; an answer is a line "STATUS HEADERS
 * BYTES", headers, and the body.  Content-Type is among the headers.  Between
 * requests the loop runs, as it does in nginx: the poller asks for changes.
 */
#ifndef SHOP_TEST_SERVE_H
#define SHOP_TEST_SERVE_H

#include "uv/shop_uv.h"

#define HEADERS_MAX  64

/* One request as it was read; all of it is the heap's. */
struct asked {
    char           *method;
    char           *target;
    char           *line[HEADERS_MAX];
    shop_header_t   header[HEADERS_MAX];
    size_t          n_headers;
    char           *body;
    size_t          n_body;
};

struct server {
    uv_loop_t     loop;
    uv_poll_t     input;        /* in the loop until that ends              */
    shop_conf_t   conf;
    shop_uv_t    *uv;           /* NULL: closed                             */
    const shop_uv_log_t  *log;  /* NULL: standard error                     */
    void        (*serve)(struct server *s, const struct asked *asked);
};

/* The arguments are those of the program: CONNINFO SECRET [MEMCACHED].  Returns
 * the program's exit status when the input has ended. */
int serve_run(struct server *s, int argc, char **argv);

/* The shop, at once and by itself; serve_run() has opened it already. */
void serve_open(struct server *s);

/* Ask the shop: SHOP_OK, or what shop_uv_call() returned. */
int serve_ask(struct server *s, const struct asked *asked,
              const shop_answer_t **answer);

/* Say what was answered, and so many headers besides. */
void serve_answer(const shop_answer_t *answer, const shop_header_t *more,
                  size_t n);

void serve_give_up(const char *why);

#endif
