/*
 * once.c - Idempotency-Key: a request that is repeated has one effect, and
 * one answer.
 *
 * The key is looked up in the transaction that the request runs in, behind
 * an advisory lock over caller and key, and is stored with the answer in the
 * flush of COMMIT.  The lock is tried, not waited for; the table's primary
 * key is the last guard.  Nothing is stored of a request that was refused:
 * it left nothing behind, and its key may be used again.
 *
 * Functions fail the request, except once_parse(), which returns a problem.
 */
#include "core/once.h"

#include "core/once.sql.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#define KEY_MAX  255

const struct field once_lock[] = {
    SHAPE(once_lock, "OnceLock"),
    FIELD(once_lock, locked, BOOL),
    END_SHAPE
};

const struct field once_answer[] = {
    SHAPE(once_answer, "OnceAnswer"),
    FIELD(once_answer, method, TEXT),
    FIELD(once_answer, path, TEXT),
    FIELD(once_answer, body_hash, TEXT),
    FIELD(once_answer, status, INT),
    FIELD(once_answer, etag, TEXT),
    FIELD(once_answer, location, TEXT),
    FIELD(once_answer, type, TEXT),
    FIELD(once_answer, body, TEXT),
    END_SHAPE
};


const struct problem *
once_parse(struct request *rq)
{
    shop_str_t key = rq->in->header[SHOP_H_IDEMPOTENCY_KEY];

    if (!(rq->route->flags & ONCE) || key.data == NULL)
        return NULL;

    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] < 0x21 || key.data[i] > 0x7e)
            return &bad_idempotency_key;
    }
    if (key.len == 0 || key.len > KEY_MAX)
        return &bad_idempotency_key;
    rq->once_key = arena_copy(&rq->attempt, key.data, key.len);

    return rq->once_key == NULL ? &out_of_memory : NULL;
}


static const char *
caller_text(struct request *rq)
{
    const struct caller *c = &rq->caller;

    return c->kind == KEY ? id_of(rq, "key", c->id) : "anonymous";
}


/* The request's half of what is stored. */
static struct once_answer
fingerprint(struct request *rq)
{
    const shop_request_t *in = rq->in;

    return (struct once_answer) {
        .method = method_name(rq->route->method),
        .path = text_of(rq, "%.*s?%.*s", (int) in->path.len, in->path.data,
                        (int) in->query.len,
                        in->query.len == 0 ? "" : in->query.data),
        .body_hash = sha256_of(rq, in->body.data, in->body.len),
    };
}


static bool
same_request(const struct once_answer *a, const struct once_answer *b)
{
    return strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0
           && strcmp(a->body_hash, b->body_hash) == 0;
}


static void
replay(struct request *rq, const struct once_answer *a)
{
    reply_text(rq, (int) a->status, a->type, a->body, strlen(a->body));
    rq->answer.etag = a->etag;
    rq->answer.location = a->location;
    header(rq, "Idempotent-Replayed", "true");
    reply_as_preferred(rq);
    COUNT(rq->shop, ONCE_REPLAYED, 1);
}


/* Before the first statement, not before the handler: what a handler gives to
 * a pool thread holds no lock meanwhile.  Where there is an answer already the
 * handler goes no further. */
void
once_begin(struct request *rq)
{
    struct query              lock, find;
    const struct once_answer *a;
    struct once_answer        mine;
    const char               *who;

    if (rq->once_key == NULL || rq->once_begun)
        return;

    rq->once_begun = true;
    who = caller_text(rq);
    start_once_lock(rq, &lock, who, rq->once_key);
    start_once_find(rq, &find, who, rq->once_key);

    if (!rows_once_lock(rq, &lock)->locked)
        fail(rq, &request_in_progress);
    a = rows_once_find(rq, &find);
    if (a == NULL)
        return;

    mine = fingerprint(rq);
    if (!same_request(a, &mine))
        fail(rq, &idempotency_key_reused);
    replay(rq, a);
    rollback(rq);
    request_leave(rq, DONE);
}


/* Sent with COMMIT.  If somebody else was first after all, the commit is
 * refused, and the next attempt finds the answer. */
void
once_store(struct request *rq)
{
    struct once_answer   a;
    const struct staged *s = &rq->answer;

    if (rq->once_key == NULL)
        return;

    a = fingerprint(rq);
    a.status = s->status;
    a.etag = s->etag;
    a.location = s->location;
    a.type = s->type;
    a.body = s->len == 0 ? "" : text_of(rq, "%.*s", (int) s->len, s->body);
    start_once_insert(rq, &rq->once, &a, caller_text(rq), rq->once_key);
}
