/*
 * shop_uv.h - a shop on a libuv loop, for programs other than nginx.
 *
 *     shop_uv_t *uv;
 *     const shop_answer_t *answer;
 *     shop_conf_t conf = SHOP_CONF_INIT;
 *
 *     conf.database = "host=/run/postgresql dbname=shop user=shop_app";
 *     if (shop_uv_open(&uv, uv_default_loop(), &conf, NULL) != SHOP_OK) ...
 *     if (shop_uv_call(uv, &(shop_uv_request_t) {
 *             .method = "GET", .path = "/api/v1/store" }, &answer) == SHOP_OK)
 *     {
 *         printf("%d %.*s\n", answer->status, (int) answer->body.len,
 *                answer->body.data);
 *         shop_uv_answer_free(answer);
 *     }
 *     shop_uv_close(uv);
 *
 * The conventions are shop.h's.  Everything happens on the loop's thread.
 * A shop that idles does not keep uv_run() from returning; a request does.
 */
#ifndef SHOP_UV_H
#define SHOP_UV_H

#include <uv.h>

#include "shop.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct shop_uv  shop_uv_t;

/* Where libshop's log lines go; NULL: to stderr, from SHOP_LOG_WARN on. */
typedef struct shop_uv_log {
    void  (*write)(void *ctx, int level, const char *text, size_t len);
    void   *ctx;
} shop_uv_log_t;

/* The loop must outlive the shop. */
SHOP_API int shop_uv_open(shop_uv_t **out, uv_loop_t *loop,
                          const shop_conf_t *conf, const shop_uv_log_t *log);

/* Ends the shop.  Runs the loop until no pool thread and no handle of ours
 * is left, so callbacks of the program's own handles may run meanwhile. */
SHOP_API void shop_uv_close(shop_uv_t *uv);

/* For shop_submit() and the other calls of shop.h. */
SHOP_API shop_t *shop_uv_shop(shop_uv_t *uv);

typedef struct shop_uv_request {
    const char           *method;
    const char           *path;         /* with "?query", percent-encoded   */
    const shop_header_t  *headers;      /* those a shop does not read are ...*/
    size_t                n_headers;    /* ... left out; the first one counts*/
    shop_str_t            body;

    /* Where a stream goes, piece by piece; other than 0 is "no more".  NULL:
     * it is collected, up to SHOP_UV_COLLECT_MAX bytes. */
    int                 (*piece)(void *ctx, const char *data, size_t n);
    void                 *piece_ctx;
} shop_uv_request_t;

#define SHOP_UV_COLLECT_MAX  67108864

/*
 * Serve one request and wait for the answer: runs the loop meanwhile, so it
 * may not be called from a callback of the loop.  The answer is one block of
 * memory, to be freed with shop_uv_answer_free(); its last header is the id
 * that the request was given, X-Request-Id.
 *
 * An answer that streams has its body here too, or none when `piece` took it.
 * A stream that did not come whole is SHOP_E_IO; one of events, which has no
 * end, is served to a `piece` only.
 */
SHOP_API int shop_uv_call(shop_uv_t *uv, const shop_uv_request_t *request,
                          const shop_answer_t **answer);

SHOP_API void shop_uv_answer_free(const shop_answer_t *answer);

#ifdef __cplusplus
}
#endif

#endif
