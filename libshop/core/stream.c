/*
 * stream.c - answers whose length nobody knows: the head goes out when the
 * handler says so, the rest in pieces, no faster than the client reads.
 *
 * The host's functions run on the loop's stack (request_on_loop()): a filter
 * or a cipher of its may want more of a stack than a coroutine has.  What is
 * written is collected into pieces first, since each of them costs the host
 * a chunk, a record and a system call.
 *
 * Once the head is out nothing can be taken back: what fails afterwards ends
 * the stream as not whole, so that no client takes half a file for all of it.
 *
 * This side of the convention: functions of handlers fail() the request.
 */
#include "core/stream.h"

#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#define PIECE  16384

static const struct problem not_streamed = {
    501, "not_implemented", "This host cannot stream answers.",
};


/* --- the host's calls, on the loop's stack ------------------------------- */


/* The deadline of the request is over with its head: see request_wait(). */
static void
open_now(void *data)
{
    struct request *rq = data;
    struct stream  *s = &rq->stream;
    shop_answer_t   head = { 0 };
    char            text[PACE_TEXT];

    answer_fill(rq, &head, text);
    s->rc = rq->sink->open(rq->sink_ctx, &head);
    if (s->rc < 0)
        return;

    s->open = true;
    rq->shop->ops->timer_del(rq->shop->host, &rq->deadline);
    COUNT(rq->shop, STREAMS, 1);
    COUNT(rq->shop, STREAMS_OPEN, 1);
}


/* Copied by the host, so the piece can be filled again at once; what comes
 * behind it waits. */
static void
write_now(void *data)
{
    struct request *rq = data;
    struct stream  *s = &rq->stream;

    s->rc = rq->sink->write(rq->sink_ctx, s->at, s->n_at);
    s->full = s->rc == SHOP_AGAIN;
}


/* Who has left is told nothing; of all else the log speaks, since the client
 * cannot be told why. */
void
stream_end(struct request *rq)
{
    struct stream *s = &rq->stream;
    bool           whole = rq->problem == NULL && !s->left;
    shop_answer_t  end = { .status = rq->answer.status };
    char           caller_id[CALLER_ID];

    if (!whole)
        COUNT(rq->shop, STREAMS_CUT, 1);
    if (rq->problem != NULL && rq->sink != NULL)
        shop_log(rq->shop, SHOP_LOG_WARN, "the stream of %s is cut: %s",
                 rq->route->path, rq->problem->code);
    COUNT(rq->shop, STREAMS_OPEN, -1);
    measure_answer(rq, &end, caller_id);
    if (rq->sink != NULL)
        rq->sink->close(rq->sink_ctx, &end, whole);
}


/* Who waits for something else finds when he wakes that it is not there yet,
 * and waits on. */
SHOP_API void
shop_writable(shop_call_t *call)
{
    struct request *rq = ((struct call *) call)->rq;

    if (rq == NULL) {
        listener_writable((struct listener *) call);
        return;
    }
    rq->stream.full = false;
    request_wake(rq);
}


/* --- for handlers -------------------------------------------------------- */


/* An older host's table is shorter, and ends before these. */
static bool
can_stream(const shop_sink_ops_t *sink)
{
    return sink != NULL && sink->size >= sizeof(*sink) && sink->open != NULL
           && sink->write != NULL && sink->close != NULL;
}


/* The head of HEAD is all there is, so that asking for it costs no more. */
void
stream_begin(struct request *rq)
{
    if (!(rq->route->flags & STREAM)) {
        shop_log(rq->shop, SHOP_LOG_ERROR, "%s streams, but its row does not "
                 "say so", rq->route->path);
        fail(rq, &internal_error);
    }
    if (!can_stream(rq->sink))
        fail(rq, &not_streamed);

    reply_text(rq, 200, rq->route->media_type, "", 0);
    request_on_loop(rq, open_now, rq);
    if (rq->stream.rc < 0)
        fail(rq, rq->stream.rc == SHOP_E_NOMEM ? &out_of_memory
                                               : &not_streamed);
    if (rq->in->method.len == 4)
        request_leave(rq, DONE);
}


/* For as long as it takes: how slow a client may be is the host's to say. */
void
stream_wait(struct request *rq)
{
    rq->stream.patient = true;
    request_wait(rq);
    rq->stream.patient = false;
}


/* A client that has gone is no fault: the handler is left, and nobody told. */
static void
give(struct request *rq, const char *data, size_t n)
{
    struct stream *s = &rq->stream;

    while (s->full)
        stream_wait(rq);
    s->at = data;
    s->n_at = n;
    request_on_loop(rq, write_now, rq);
    if (s->rc < 0) {
        s->left = true;
        request_leave(rq, FAILED);
    }
}


/* Of events: who waits for the next one has had this one before. */
void
stream_flush(struct request *rq)
{
    size_t n = rq->stream.n;

    rq->stream.n = 0;
    if (n != 0)
        give(rq, rq->stream.piece, n);
}


/* What fills a piece by itself is not copied. */
void
stream_write(struct request *rq, const char *data, size_t n)
{
    struct stream *s = &rq->stream;

    if (s->n + n > PIECE)
        stream_flush(rq);
    if (n >= PIECE) {
        give(rq, data, n);
        return;
    }
    if (s->piece == NULL)
        s->piece = arena_alloc(&rq->perm, PIECE);
    if (s->piece == NULL)
        fail(rq, &out_of_memory);
    memcpy(s->piece + s->n, data, n);
    s->n += n;
}


/* --- rows ---------------------------------------------------------------- */


static void
put(struct request *rq, const struct buf *b)
{
    if (b->failed)
        fail(rq, &out_of_memory);
    stream_write(rq, b->data, b->len);
}


/* NDJSON: one text a line, as JSON itself has no line breaks outside of
 * strings and none raw within. */
void
stream_json(struct request *rq, const struct field *view, const void *data)
{
    struct buf b;

    buf_init(&b, &rq->attempt, 1024);
    shape_to_json(&b, view, data, false);
    buf_char(&b, '\n');
    put(rq, &b);
}


/* Quoted where it must be; a formula is made a text first, or the quotes would
 * hide its beginning from us and not from who opens the file. */
static void
csv_cell(struct buf *b, const char *cell)
{
    bool formula = csv_is_formula(cell);

    if (strpbrk(cell, ",\"\r\n\t") == NULL) {
        if (formula)
            buf_char(b, '\'');
        buf_str(b, cell);
        return;
    }
    buf_str(b, formula ? "\"'" : "\"");
    for (; *cell != '\0'; cell++) {
        if (*cell == '"')
            buf_char(b, '"');
        buf_char(b, *cell);
    }
    buf_char(b, '"');
}


void
stream_csv(struct request *rq, const struct texts *cells)
{
    struct buf b;

    buf_init(&b, &rq->attempt, 1024);
    for (size_t i = 0; i < cells->n; i++) {
        if (i != 0)
            buf_char(&b, ',');
        if (cells->v[i] != NULL)
            csv_cell(&b, cells->v[i]);
    }
    buf_str(&b, "\r\n");
    put(rq, &b);
}
