/*
 * kept.c - answers that are kept: found before any coroutine is made, stored
 * when they have been made.
 *
 * The key is the address as it was sent, and what the answer depends on
 * besides: language, currency, encoding.  Two spellings of one address are two
 * entries, which costs memory but no time.  Language and currency in the key
 * are those of the headers and the shop; what the query says of them is in
 * the address.
 *
 * What is kept beside the body is a block of headers: each as its two
 * lengths, name and value; the first is the media type.
 *
 * Functions return codes, except tag(), tag_id() and valid_for(), which are a
 * handler's.
 */
#include "core/env.h"
#include "core/far.h"
#include "core/pace.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/text.h"
#include "core/worker.h"

#define KEY_MAX       1024
#define FILL_MAX_MS   2000      /* then another one may fill                 */
#define FILL_LOOK_MS  3         /* look again so often ...                   */
#define FILL_LOOKS    100       /* ... so many times                         */

struct taker {                  /* memory for an entry that was found        */
    const shop_sink_ops_t  *sink;
    void                   *ctx;
};

enum found { FOUND_HERE, FOUND_FAR, FOUND_OLD };

/* How the log and Cache-Status (RFC 9211) call it. */
static const struct { const char *state; shop_str_t header; } found[] = {
    [FOUND_HERE] = { "hit", { "shop; hit", 9 } },
    [FOUND_FAR] = { "far", { "shop; hit; detail=far", 21 } },
    [FOUND_OLD] = { "stale", { "shop; fwd=stale", 15 } },
};


/* --- the key ------------------------------------------------------------- */


static size_t
add(char *out, size_t at, const char *text, size_t n)
{
    if (at + n + 1 > KEY_MAX)
        return KEY_MAX + 1;
    if (n != 0)
        memcpy(out + at, text, n);
    out[at + n] = '\n';

    return at + n + 1;
}


/* 0 when it is too long, when the shop does not know its settings yet, or when
 * nothing is to be kept. */
static size_t
key_text(const struct shop *shop, const struct route *route,
         const shop_request_t *in, char out[KEY_MAX])
{
    struct context  c = { 0 };
    const char     *wrong;
    size_t          at;

    if (shop->conf.cache_off
        || (route->axes != 0 && shop->settings.data == NULL))
        return 0;

    at = add(out, 0, (const char *) shop->signer, sizeof(shop->signer));
    at = add(out, at, in->path.data, in->path.len);
    at = add(out, at, in->query.data, in->query.len);
    if (takes_gzip(in->header[SHOP_H_ACCEPT_ENCODING]))
        at = add(out, at, "gzip", 4);
    if (route->axes != 0
        && context_of(shop, route, in->header[SHOP_H_ACCEPT_LANGUAGE], NULL,
                      NULL, &c, &wrong) == NULL)
    {
        at = add(out, at, c.channel, strlen(c.channel));
        at = add(out, at, c.locale, strlen(c.locale));
        at = add(out, at, c.currency, strlen(c.currency));
    }

    return at <= KEY_MAX ? at : 0;
}


/* --- finding ------------------------------------------------------------- */


static void *
take(void *data, size_t size)
{
    const struct taker *t = data;

    return t->sink->alloc(t->ctx, size);
}


/* The block of headers, taken apart. */
static size_t
head_read(shop_str_t head, shop_header_t *out)
{
    const char *at = head.data, *end = head.data + head.len;
    size_t      n = 0;

    while (at < end && n < HEADERS_MAX) {
        size_t  name = (uint8_t) at[0];
        size_t  value = (uint8_t) at[1] | (size_t) (uint8_t) at[2] << 8;

        at += 3;
        out[n].name = (shop_str_t) { at, name };
        out[n++].value = (shop_str_t) { at + name, value };
        at += name + value;
    }

    return n;
}


static bool
is_known(shop_str_t if_none_match, const shop_header_t *h, size_t n)
{
    for (size_t i = 0; if_none_match.len != 0 && i < n; i++) {
        if (h[i].name.len == 4 && memcmp(h[i].name.data, "ETag", 4) == 0)
            return etag_known(if_none_match, h[i].value);
    }

    return false;
}


/* An entry as an answer; `h` has room for one header more than HEADERS_MAX. */
static void
entry_answer(const struct cache_entry *e, enum found from,
             shop_str_t if_none_match, shop_header_t *h, shop_answer_t *a)
{
    size_t n = head_read(e->head, h);

    a->status = e->status;
    a->content_type = h[0].value;
    a->body = e->body;
    a->headers = h + 1;
    if (is_known(if_none_match, h, n)) {
        a->status = 304;
        a->body.len = 0;
    }
    h[n].name = (shop_str_t) { "Cache-Status", 12 };
    h[n].value = found[from].header;
    a->n_headers = n;
    a->cache = found[from].state;
}


bool
kept_serve(struct shop *shop, const struct match *m, const shop_request_t *in,
           const struct limit_state *limit, const shop_sink_ops_t *sink,
           void *ctx)
{
    uint64_t           start_us = shop_env.mono_us();
    char               text[KEY_MAX];
    struct cache_key   key;
    struct cache_entry e;
    struct taker       t = { sink, ctx };
    shop_header_t      h[HEADERS_MAX + 1 + PACE_HEADERS];
    char               said[PACE_TEXT];
    shop_answer_t      a = { 0 };
    size_t             n;

    if (shop->settings.data == NULL)
        settings_recall(shop);
    n = key_text(shop, m->route, in, text);
    if (n == 0 || !settings_good(shop))
        return false;
    cache_key_init(&shop->cache, &key, text, n);
    if (cache_get(&shop->cache, &key, shop_now_ms(shop), 0, take, &t, &e)
        != CACHE_FRESH)
        return false;

    entry_answer(&e, FOUND_HERE, in->header[SHOP_H_IF_NONE_MATCH], h, &a);
    a.n_headers += pace_headers(limit, said, h + 1 + a.n_headers);
    measure_hit(shop, m, &a, start_us);
    sink->respond(ctx, &a);

    return true;
}


/* --- a request that found nothing ---------------------------------------- */


static void *
take_attempt(void *data, size_t size)
{
    return arena_alloc(data, size);
}


/* Stage an entry: it is sent like any other answer. */
static void
stage_entry(struct request *rq, const struct cache_entry *e, enum found from)
{
    shop_header_t h[HEADERS_MAX + 1];
    shop_answer_t a = { 0 };

    entry_answer(e, from, rq->in->header[SHOP_H_IF_NONE_MATCH], h, &a);
    rq->answer.status = a.status;
    rq->answer.type = arena_copy(&rq->attempt, a.content_type.data,
                                 a.content_type.len);
    rq->answer.body = a.body.data;
    rq->answer.len = a.body.len;
    rq->answer.n_headers = a.n_headers;
    memcpy(rq->answer.headers, a.headers, a.n_headers * sizeof(h[0]));
    rq->answer.finished = true;
    rq->keep.state = found[from].state;
    if (rq->answer.type == NULL)
        stage_problem(rq, &out_of_memory);
}


static enum cache_state
look(struct request *rq, uint32_t stale_ms, struct cache_entry *e)
{
    struct shop *shop = rq->shop;

    if (rq->keep.key.text == NULL)
        return CACHE_MISS;

    return cache_get(&shop->cache, &rq->keep.key, shop_now_ms(shop), stale_ms,
                     take_attempt, &rq->attempt, e);
}


bool
kept_serve_old(struct request *rq)
{
    struct cache_entry e;

    if (look(rq, rq->shop->conf.cache_stale_ms, &e) == CACHE_MISS)
        return false;

    COUNT(rq->shop, CACHE_STALE, 1);
    stage_entry(rq, &e, FOUND_OLD);

    return true;
}


void
kept_key(struct request *rq)
{
    char   text[KEY_MAX];
    char  *copy;
    size_t n = key_text(rq->shop, rq->route, rq->in, text);

    rq->keep.key.text = NULL;
    rq->keep.old_only = false;
    rq->keep.until_ms = UINT64_MAX;
    rq->keep.gzip = takes_gzip(rq->in->header[SHOP_H_ACCEPT_ENCODING]);
    copy = n == 0 ? NULL : arena_copy(&rq->attempt, text, n);
    if (copy != NULL)
        cache_key_init(&rq->shop->cache, &rq->keep.key, copy, n);
}


void
kept_leave(struct request *rq)
{
    struct cache_key *k = &rq->keep.fill_key;

    if (k->text != NULL)
        cache_fill_end(&rq->shop->cache, k);
    k->text = NULL;
}


static bool
fill_begin(struct request *rq)
{
    struct shop *shop = rq->shop;

    if (!cache_fill_begin(&shop->cache, &rq->keep.key, shop_now_ms(shop),
                          FILL_MAX_MS))
        return false;

    rq->keep.fill_key = rq->keep.key;

    return true;
}


/* What another machine has made is kept here too. */
static bool
take_far(struct request *rq)
{
    struct cache_entry e;

    if (!far_fetch(rq, &e))
        return false;

    if (cache_put(&rq->shop->cache, &rq->keep.key, &e))
        COUNT(rq->shop, CACHE_STORED, 1);
    stage_entry(rq, &e, FOUND_FAR);

    return true;
}


/* One makes the answer, the others wait for it; and when that one takes too
 * long, each makes its own.  Who may make it looks once more: the last one may
 * have ended between his look and his claim. */
bool
kept_fill(struct request *rq)
{
    struct cache_entry e;
    bool               mine = false;

    COUNT(rq->shop, CACHE_MISSES, 1);
    rq->keep.state = "miss";
    if (rq->keep.key.text == NULL || rq->keep.old_only)
        return false;

    for (unsigned i = 0; i < FILL_LOOKS && !mine; i++) {
        mine = fill_begin(rq);
        if (!mine)
            request_pause(rq, FILL_LOOK_MS);
        if (look(rq, 0, &e) == CACHE_FRESH) {
            stage_entry(rq, &e, FOUND_HERE);
            return true;
        }
    }
    if (take_far(rq))
        return true;
    rq->keep.by_clock = rq->keep.timed = rq->keep.clock_split = false;
    rq->keep.clock_batch = 0;
    rq->keep.begun_ms = shop_now_ms(rq->shop);
    rq->keep.born = cache_clock(&rq->shop->cache);
    if (!cache_far_now(&rq->shop->cache, &rq->keep.far))
        rq->keep.far.epoch = 0;

    return false;
}


static void
head_add(struct buf *b, const char *name, size_t n, const char *value,
         size_t n_value)
{
    buf_char(b, (char) n);
    buf_char(b, (char) (n_value & 0xff));
    buf_char(b, (char) (n_value >> 8));
    buf_add(b, name, n);
    buf_add(b, value, n_value);
}


/* Has the handler said what the answer is made from, and is nothing newer
 * known of the settings that chose its language and currency? */
static bool
is_tagged(struct request *rq)
{
    struct keeping *k = &rq->keep;
    cache_tag_t     settings = cache_tag("store", 5);

    if (k->n == 0)
        return false;
    if (rq->route->axes == 0)
        return k->n <= CACHE_MAX_TAGS;

    tag(rq, "store");

    return k->n <= CACHE_MAX_TAGS
           && cache_good(&rq->shop->cache, k->settings_born, &settings, 1);
}


/* What depends on the time is wrong some time later, without any change.  How
 * long that is was not asked of the same moment, if one of them was slow. */
static bool
is_timed(struct request *rq)
{
    if (!rq->keep.by_clock || rq->keep.timed)
        return !rq->keep.clock_split;

    shop_log(rq->shop, SHOP_LOG_ERROR, "%s asks what time it is, and does not "
             "say for how long its answer is good", rq->route->path);
    return false;
}


/* What names no tag would never be known to be old. */
void
kept_store(struct request *rq)
{
    struct keeping     *k = &rq->keep;
    struct staged      *s = &rq->answer;
    struct cache_entry  e = { .status = s->status, .born = k->born };
    struct buf          head;

    if (k->key.text == NULL || k->old_only || s->status != 200
        || !is_tagged(rq) || !is_timed(rq))
        return;

    kept_gzip(rq);
    answer_finish(rq);
    buf_init(&head, &rq->attempt, 512);
    head_add(&head, "Content-Type", 12, s->type, strlen(s->type));
    for (size_t i = 0; i < s->n_headers; i++)
        head_add(&head, s->headers[i].name.data, s->headers[i].name.len,
                 s->headers[i].value.data, s->headers[i].value.len);
    if (head.failed)
        return;

    e.head = (shop_str_t) { head.data, head.len };
    e.body = (shop_str_t) { s->body, s->len };
    e.stored_ms = shop_now_ms(rq->shop);
    e.expires_ms = k->until_ms;
    e.tags = k->tags;
    e.n_tags = k->n;
    if (!cache_put(&rq->shop->cache, &k->key, &e))
        return;
    COUNT(rq->shop, CACHE_STORED, 1);
    far_store(rq, &e);
}


/* --- for handlers -------------------------------------------------------- */


const char *
tag_text(struct request *rq, const char *kind, uuid id)
{
    char text[36];

    uuid_text(text, id);
    return text_of(rq, "%s:%.36s", kind, text);
}


void
tag(struct request *rq, const char *kind)
{
    struct keeping *k = &rq->keep;

    if (k->n < CACHE_MAX_TAGS)
        k->tags[k->n] = cache_tag(kind, strlen(kind));
    k->n++;
}


/* A change of many objects of a kind touches "kind:*" alone. */
void
tag_id(struct request *rq, const char *kind, uuid id)
{
    tag(rq, tag_text(rq, kind, id));
    tag(rq, text_of(rq, "%s:*", kind));
}


void
valid_for(struct request *rq, int64_t seconds)
{
    uint64_t until = rq->keep.begun_ms + (uint64_t) seconds * 1000;

    rq->keep.timed = true;
    if (seconds != INT_NONE && until < rq->keep.until_ms)
        rq->keep.until_ms = seconds > 0 ? until : 0;
}
