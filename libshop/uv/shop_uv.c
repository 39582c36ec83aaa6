/*
 * shop_uv.c - open a shop on a libuv loop; run a request and wait.
 *
 * Returns SHOP_*.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "uv/uv_host.h"

/* One allocation: the host's handles point into it, so it never moves. */
struct shop_uv {
    shop_t          *shop;
    struct uv_host   host;
};

/* Memory that libshop asked of a request's sink. */
struct chunk {
    struct chunk  *next;
    _Alignas(16) char  data[];
};

/* On the stack of shop_uv_call(), which does not return before libshop is done
 * with it. */
struct call {
    shop_str_t      id;         /* of the request                           */
    struct chunk   *chunks;
    shop_answer_t  *answer;     /* our copy; NULL if memory was short       */
    bool            done;

    const shop_uv_request_t *request;   /* says where a stream goes         */
    char           *stream;     /* or it is collected here                  */
    size_t          n_stream;
    size_t          room;
    bool            cut;        /* it did not come whole                    */
};

/* The names as a program writes them; they are compared without case. A slot
 * that libshop adds must get its name here and in the nginx module. */
static const char  *const slots[SHOP_H_COUNT] = {
    [SHOP_H_ACCEPT_ENCODING]  = "Accept-Encoding",
    [SHOP_H_ACCEPT_LANGUAGE]  = "Accept-Language",
    [SHOP_H_AUTHORIZATION]    = "Authorization",
    [SHOP_H_CONTENT_ENCODING] = "Content-Encoding",
    [SHOP_H_CONTENT_TYPE]     = "Content-Type",
    [SHOP_H_IDEMPOTENCY_KEY]  = "Idempotency-Key",
    [SHOP_H_IF_MATCH]         = "If-Match",
    [SHOP_H_IF_NONE_MATCH]    = "If-None-Match",
    [SHOP_H_LAST_EVENT_ID]    = "Last-Event-ID",
    [SHOP_H_PREFER]           = "Prefer"
};


/* On an error *out is left as it was and nothing stays on the loop. The check
 * of versions comes first, before anything of libshop is trusted to have the
 * layout that we were compiled with. */
int
shop_uv_open(shop_uv_t **out, uv_loop_t *loop, const shop_conf_t *conf,
             const shop_uv_log_t *log)
{
    int         rc;
    shop_uv_t  *uv;

    rc = shop_abi_check(SHOP_ABI, sizeof(shop_host_ops_t),
                        sizeof(shop_conf_t));
    if (rc != SHOP_OK) {
        return rc;
    }

    uv = calloc(1, sizeof(shop_uv_t));
    if (uv == NULL) {
        return SHOP_E_NOMEM;
    }

    uv_host_open(&uv->host, loop, log);

    rc = shop_open(&uv->shop, conf, &uv_host_ops, &uv->host);
    if (rc != SHOP_OK) {
        uv_host_close(&uv->host);
        free(uv);
        return rc;
    }

    *out = uv;

    return SHOP_OK;
}


/* The order matters: jobs use the shop, and the shop's timers and watches use
 * the host. Not from a callback of the loop, because it runs the loop. */
void
shop_uv_close(shop_uv_t *uv)
{
    uv_host_finish_jobs(&uv->host);
    shop_close(uv->shop);
    uv_host_close(&uv->host);
    free(uv);
}


/* Lent, for calls that need no loop (status, metrics); it ends with
 * shop_uv_close(). */
shop_t *
shop_uv_shop(shop_uv_t *uv)
{
    return uv->shop;
}


/* --- answers ------------------------------------------------------------- */


/* To be kept in step with copy_answer(): what is moved there without being
 * counted here is written past the block. */
static size_t
answer_size(const shop_answer_t *a, shop_str_t id)
{
    size_t  i, size;

    size = sizeof(shop_answer_t) + (a->n_headers + 1) * sizeof(shop_header_t)
           + a->content_type.len + a->body.len + a->file.len + id.len;

    for (i = 0; i < a->n_headers; i++) {
        size += a->headers[i].name.len + a->headers[i].value.len;
    }

    return size;
}


/* The string that `s` is to be, whose bytes go to *p. */
static shop_str_t
move_str(char **p, shop_str_t s)
{
    shop_str_t  moved = { *p, s.len };

    if (s.len != 0) {
        memcpy(*p, s.data, s.len);
        *p += s.len;
    }

    return moved;
}


/* One block: the answer, its headers, then all bytes.  The texts for logs are
 * constants of libshop. As in nginx, the host adds the id of the request. */
static shop_answer_t *
copy_answer(const shop_answer_t *a, shop_str_t id)
{
    char           *p;
    size_t          i;
    shop_answer_t  *copy;
    shop_header_t  *headers;

    copy = malloc(answer_size(a, id));
    if (copy == NULL) {
        return NULL;
    }

    *copy = *a;
    headers = (shop_header_t *) (copy + 1);
    p = (char *) (headers + a->n_headers + 1);

    for (i = 0; i < a->n_headers; i++) {
        headers[i].name = move_str(&p, a->headers[i].name);
        headers[i].value = move_str(&p, a->headers[i].value);
    }

    headers[i].name = (shop_str_t) { "X-Request-Id", 12 };
    headers[i].value = move_str(&p, id);
    copy->headers = headers;
    copy->n_headers = a->n_headers + 1;
    copy->content_type = move_str(&p, a->content_type);
    copy->body = move_str(&p, a->body);
    copy->file = move_str(&p, a->file);

    return copy;
}


/* The cast is safe: the program only ever gets answers that copy_answer()
 * made, one block each. */
void
shop_uv_answer_free(const shop_answer_t *answer)
{
    free((void *) answer);
}


/* All chunks live until the call is over, as a request's pool would; libshop
 * never gives one back. Aligned for any object. */
static void *
sink_alloc(void *rq, size_t size)
{
    struct call   *call = rq;
    struct chunk  *chunk;

    chunk = malloc(sizeof(struct chunk) + size);
    if (chunk == NULL) {
        return NULL;
    }

    chunk->next = call->chunks;
    call->chunks = chunk;

    return chunk->data;
}


/* The answer ends when this returns, so it is copied here. `done` is set even
 * if there was no memory, else run() would wait for ever. */
static void
sink_respond(void *rq, const shop_answer_t *answer)
{
    struct call  *call = rq;

    call->answer = copy_answer(answer, call->id);
    call->done = true;
}


/* Who collects would wait for the end of what has none. */
static int
sink_open(void *rq, const shop_answer_t *head)
{
    struct call        *call = rq;
    static const char   events[] = "text/event-stream";

    if (call->request->piece == NULL
        && head->content_type.len == sizeof(events) - 1
        && memcmp(head->content_type.data, events, sizeof(events) - 1) == 0)
    {
        return SHOP_E_BUSY;
    }

    call->answer = copy_answer(head, call->id);

    return call->answer != NULL ? SHOP_OK : SHOP_E_NOMEM;
}


static int
collect(struct call *call, const char *data, size_t n)
{
    char    *grown;
    size_t   room = call->room == 0 ? 65536 : call->room;

    while (room < call->n_stream + n) {
        room *= 2;
    }

    if (room > SHOP_UV_COLLECT_MAX) {
        return SHOP_E_NOMEM;
    }

    if (room != call->room) {
        grown = realloc(call->stream, room);
        if (grown == NULL) {
            return SHOP_E_NOMEM;
        }
        call->stream = grown;
        call->room = room;
    }

    memcpy(call->stream + call->n_stream, data, n);
    call->n_stream += n;

    return SHOP_OK;
}


/* Never SHOP_AGAIN: who takes pieces has taken them when he returns. */
static int
sink_write(void *rq, const char *data, size_t n)
{
    struct call  *call = rq;

    if (call->request->piece == NULL) {
        return collect(call, data, n);
    }

    return call->request->piece(call->request->piece_ctx, data, n) == 0
           ? SHOP_OK : SHOP_E_IO;
}


/* The answer is made anew with its body, in one block as any. */
static void
sink_close(void *rq, const shop_answer_t *answer, int whole)
{
    struct call    *call = rq;
    shop_answer_t  *head = call->answer;

    call->cut = !whole;
    head->db_us = answer->db_us;
    head->body = (shop_str_t) { call->stream, call->n_stream };
    head->n_headers--;          /* the id is added once more                */
    call->answer = whole ? copy_answer(head, call->id) : NULL;
    free(head);
    free(call->stream);
    call->done = true;
}


/* libshop takes the size for the sink's version: calls that it adds later lie
 * beyond it and are not made. */
static const shop_sink_ops_t  sink = {
    .size = sizeof(shop_sink_ops_t),
    .alloc = sink_alloc,
    .respond = sink_respond,
    .open = sink_open,
    .write = sink_write,
    .close = sink_close
};


/* After the answer was copied: what libshop answered may lie in these. */
static void
free_chunks(struct call *call)
{
    struct chunk  *chunk;

    while ((chunk = call->chunks) != NULL) {
        call->chunks = chunk->next;
        free(chunk);
    }
}


/* --- requests ------------------------------------------------------------ */


/* For texts of the program, which stay valid during the call. */
static shop_str_t
str(const char *s)
{
    return (shop_str_t) { s, strlen(s) };
}


/* Of a header that is given twice the first counts: a program, unlike a client
 * of nginx, knows what it passes. Headers that libshop has no use for are
 * dropped. */
static void
take_header(shop_request_t *out, const shop_header_t *h)
{
    size_t  i;

    for (i = 0; i < SHOP_H_COUNT; i++) {
        if (out->header[i].data == NULL && h->name.len == strlen(slots[i])
            && strncasecmp(h->name.data, slots[i], h->name.len) == 0)
        {
            out->header[i] = h->value;
            return;
        }
    }
}


/* Still encoded, as libshop wants it: it decodes the segments itself, after
 * splitting, so that "%2F" is no separator. */
static void
take_path(shop_request_t *out, const char *path)
{
    const char  *mark = strchr(path, '?');

    out->path = str(path);

    if (mark != NULL) {
        out->path.len = (size_t) (mark - path);
        out->query = str(mark + 1);
    }
}


/* 32 hexadecimal digits, as nginx's. */
static shop_str_t
make_id(char *id)
{
    size_t               i;
    unsigned char        bytes[16];
    static const char    digits[] = "0123456789abcdef";

    if (uv_random(NULL, NULL, bytes, sizeof(bytes), 0, NULL) != 0) {
        return (shop_str_t) { NULL, 0 };
    }

    for (i = 0; i < sizeof(bytes); i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }

    return (shop_str_t) { id, 2 * sizeof(bytes) };
}


/* A request in flight has a deadline, and its timer keeps the loop going. */
static int
run(shop_uv_t *uv, const shop_request_t *request, struct call *call)
{
    int           rc;
    shop_call_t  *handle;

    uv_update_time(uv->host.loop);

    rc = shop_submit(uv->shop, request, &sink, call, &handle);
    if (rc < 0) {
        return rc;
    }

    while (!call->done) {
        (void) uv_run(uv->host.loop, UV_RUN_ONCE);
    }

    return call->answer != NULL ? SHOP_OK
           : call->cut ? SHOP_E_IO : SHOP_E_NOMEM;
}


/* Waits, running the loop: not from one of its callbacks, for libuv does not
 * nest. On success the answer is the caller's to free; on an error *answer is
 * not touched. */
int
shop_uv_call(shop_uv_t *uv, const shop_uv_request_t *request,
             const shop_answer_t **answer)
{
    int             rc;
    char            id[32];
    size_t          i;
    struct call     call = { .request = request };
    shop_request_t  in = { 0 };

    in.method = str(request->method);
    in.body = request->body;
    in.request_id = call.id = make_id(id);
    take_path(&in, request->path);

    for (i = 0; i < request->n_headers; i++) {
        take_header(&in, &request->headers[i]);
    }

    rc = run(uv, &in, &call);
    free_chunks(&call);

    if (rc == SHOP_OK) {
        *answer = call.answer;
    }

    return rc;
}
