/*
 * clients.c - who asks the scripted shop, what he is told, and whether that is
 * so.
 *
 * A thing is a raise of a counter that somebody wants done, with a key or
 * without, and asked for again when he was told that it is not done or that
 * nobody knows.  What he is told is held against the server at once: done is
 * done once, refused is not done, then or ever.  Who looks at a counter, kept
 * or not, never sees less than what had been acknowledged when he asked, nor
 * more than there is.
 */
#include "script.h"

#include <stdio.h>
#include <string.h>

#include "core/cache_map.h"
#include "core/worker.h"

#define ASKED_MAX  12           /* at once                                   */
#define THINGS     50           /* in a run                                  */
#define LOOKS      150

struct thing {
    int   counter;
    bool  key;
    bool  asked;                /* and not answered yet                      */
    bool  maybe;                /* somebody was told that nobody knows       */
    bool  acked;
};

struct asked {
    bool            used;
    int             thing;      /* -1: a look                                */
    int             counter;
    bool            poison;     /* it may be one that is always refused      */
    int             floor;      /* what it sees at least                     */
    shop_call_t    *call;
    shop_request_t  in;
    char            path[40];
    char            key[16];
    char            room[4096];
    bool            answered;
    int             status;
    int             n;          /* what it saw                               */
    char            cache[8];
};

static shop_t       *shop;
static struct thing  things[THINGS];
static struct asked  asks[ASKED_MAX];
static int           floors[COUNTERS];
static unsigned      n_things, n_looks;


static shop_str_t
str(const char *text)
{
    return (shop_str_t) { text, strlen(text) };
}


/* --- answers ------------------------------------------------------------- */


static bool
says(const shop_answer_t *a, const char *code)
{
    char member[64];

    snprintf(member, sizeof(member), "\"code\":\"%s\"", code);

    return memmem(a->body.data, a->body.len, member, strlen(member)) != NULL;
}


static bool
was_replayed(const shop_answer_t *a)
{
    for (size_t i = 0; i < a->n_headers; i++) {
        if (a->headers[i].name.len == 19
            && memcmp(a->headers[i].name.data, "Idempotent-Replayed", 19)
               == 0)
            return true;
    }

    return false;
}


/* From now on nobody may see less; what is sent once more may have been done
 * behind the back of this machine's cache, which learns of it by polling. */
static void
acknowledged(const struct asked *a, bool replayed)
{
    struct thing *t = &things[a->thing];
    int           at = done_at[a->thing];

    if (done[a->thing] != 1)
        broken("thing %d was acknowledged, and is done %d times", a->thing,
               done[a->thing]);
    t->acked = true;
    if (!replayed && floors[a->counter] < at)
        floors[a->counter] = at;
}


static void
judge_raise(const struct asked *a, const shop_answer_t *answer)
{
    struct thing *t = &things[a->thing];
    bool          unknown = says(answer, "outcome_unknown")
                            || (says(answer, "request_in_progress") && t->key);

    t->asked = false;
    if (answer->status == 201) {
        acknowledged(a, was_replayed(answer));
    } else if (unknown) {
        t->maybe = true;
    } else if (answer->status != 503 && answer->status != 504
               && answer->status != 409) {
        broken("thing %d: %d %.*s", a->thing, answer->status,
               (int) answer->body.len, answer->body.data);
    } else if (!t->maybe && !t->acked && done[a->thing] != 0) {
        broken("thing %d was refused with %d, and is done", a->thing,
               answer->status);
    }
}


static void
judge_look(struct asked *a, const shop_answer_t *answer)
{
    char text[16];

    if (answer->status == 503 || answer->status == 504
        || (answer->status == 500 && a->poison))
        return;
    if (answer->status != 200)
        broken("%s: %d %.*s", a->path, answer->status, (int) answer->body.len,
               answer->body.data);

    snprintf(text, sizeof(text), "%.*s", (int) answer->body.len,
             answer->body.data);
    sscanf(text, "%d", &a->n);
    if (a->n < a->floor && strcmp(answer->cache, "stale") != 0)
        broken("%s (%s) is %d, and %d was acknowledged before", a->path,
               answer->cache, a->n, a->floor);
    if (a->n > counters[a->counter])
        broken("%s is %d, and there is only %d", a->path, a->n,
               counters[a->counter]);
}


static void
respond(void *rq, const shop_answer_t *answer)
{
    struct asked *a = rq;

    if (a->answered)
        broken("%s is answered twice", a->path);
    a->answered = true;
    a->status = answer->status;
    snprintf(a->cache, sizeof(a->cache), "%s", answer->cache);
    if (a->thing >= 0)
        judge_raise(a, answer);
    else
        judge_look(a, answer);
    a->used = false;
}


static void *
give_room(void *rq, size_t size)
{
    struct asked *a = rq;

    return size > sizeof(a->room) ? NULL : a->room;
}


/* --- asking -------------------------------------------------------------- */


static void
submit(struct asked *a, const char *method)
{
    static const shop_sink_ops_t sink = {
        sizeof(shop_sink_ops_t), give_room, respond
    };
    int rc;

    a->in.method = str(method);
    a->in.path = str(a->path);
    rc = shop_submit(shop, &a->in, &sink, a, &a->call);
    if (rc == SHOP_OK && !a->answered)
        broken("%s is over without an answer", a->path);
    if (rc < 0)
        broken("%s is not taken: %d", a->path, rc);
}


static struct asked *
free_place(void)
{
    for (size_t i = 0; i < ASKED_MAX; i++) {
        if (!asks[i].used) {
            memset(&asks[i], 0, sizeof(asks[i]));
            asks[i].used = true;
            return &asks[i];
        }
    }

    return NULL;
}


static void
ask_look(struct asked *a, bool kept)
{
    a->thing = -1;
    a->counter = (int) chance(COUNTERS);
    a->floor = floors[a->counter];
    a->poison = !kept;
    snprintf(a->path, sizeof(a->path), "/%s/%d", kept ? "kept" : "look",
             a->counter);
    submit(a, "GET");
}


/* With its key it may be asked for again at any time, also twice at once. */
static bool
may_be_asked(const struct thing *t)
{
    if (t->key)
        return !t->acked || one_in(4);

    return !t->acked && !t->maybe && !t->asked;
}


static void
ask_raise(struct asked *a, int i)
{
    struct thing *t = &things[i];

    a->thing = i;
    a->counter = t->counter;
    snprintf(a->path, sizeof(a->path), "/raise/%d/%d", t->counter, i);
    if (t->key) {
        snprintf(a->key, sizeof(a->key), "key-%d", i);
        a->in.header[SHOP_H_IDEMPOTENCY_KEY] = str(a->key);
        if (t->asked)
            t->maybe = true;
    }
    t->asked = true;
    submit(a, "POST");
}


void
clients_ask(void)
{
    struct asked *a = free_place();
    int           i;

    if (a == NULL)
        return;
    if (n_looks > 0 && one_in(2)) {
        n_looks--;
        ask_look(a, !one_in(3));
        return;
    }
    i = (int) chance(THINGS);
    if (n_things == 0 || !may_be_asked(&things[i])) {
        a->used = false;
        n_things -= n_things != 0;
        return;
    }
    n_things--;
    ask_raise(a, i);
}


bool
clients_want(void)
{
    return n_things + n_looks != 0;
}


unsigned
clients_waiting(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < ASKED_MAX; i++)
        n += asks[i].used;

    return n;
}


/* What he wanted done may be done all the same. */
void
clients_leave(unsigned i)
{
    for (size_t at = 0; at < ASKED_MAX; at++) {
        struct asked *a = &asks[at];

        if (!a->used || i-- != 0)
            continue;
        if (a->thing >= 0) {
            things[a->thing].maybe = true;
            things[a->thing].asked = false;
        }
        a->used = false;
        a->answered = true;
        shop_detach(a->call);
        return;
    }
}


/* --- the end ------------------------------------------------------------- */


void
clients_begin(shop_t *s)
{
    shop = s;
    memset(asks, 0, sizeof(asks));
    memset(floors, 0, sizeof(floors));
    for (size_t i = 0; i < THINGS; i++)
        things[i] = (struct thing) { (int) chance(COUNTERS), one_in(2),
                                     false, false, false };
    n_things = 2 * THINGS;
    n_looks = LOOKS;
}


void
clients_judge(void)
{
    const struct cache_slot *slot = shop->cache.own;

    if (clients_waiting() != 0)
        broken("a request has no answer");
    for (int i = 0; i < THINGS; i++) {
        if (done[i] != 1 && things[i].acked)
            broken("thing %d was acknowledged, and is not done", i);
        if (done[i] != 0 && !things[i].acked && !things[i].maybe)
            broken("thing %d was refused, and done afterwards", i);
    }
    if (shop->coros.live != 0)
        broken("%u coroutines live", shop->coros.live);
    if (shop->count[COUNT_TX_OPEN] != 0 || shop->count[COUNT_TX_WAITING] != 0)
        broken("a transaction is open");
    if (slot->n_holds != 0 || slot->all != 0)
        broken("a tag is still held");
}


static void
probe(int counter, bool hit, void (*until_quiet)(void))
{
    struct asked *a = free_place();

    a->thing = -1;
    a->counter = counter;
    a->floor = floors[counter];
    snprintf(a->path, sizeof(a->path), "/kept/%d", counter);
    submit(a, "GET");
    until_quiet();
    if (!a->answered || a->status != 200)
        broken("%s is answered with %d when all is well", a->path, a->status);
    if (hit && strcmp(a->cache, "hit") != 0)
        broken("%s was not kept: %s", a->path, a->cache);
}


void
clients_probe(void (*until_quiet)(void))
{
    for (int i = 0; i < COUNTERS; i++) {
        probe(i, false, until_quiet);
        probe(i, true, until_quiet);
    }
}
