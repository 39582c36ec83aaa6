/*
 * background.c - chains: steps that follow one another without a client.
 *
 * A step is a request like any other, with a route that no client reaches, so
 * that what is done in it may wait, fail, be run again and commit just as a
 * handler does.  A round begins with a look, which is a read; only where that
 * finds something does a transaction begin.
 *
 * Runs on the loop's stack; nothing here returns an error.
 */
#include "core/background.h"

#include "core/env.h"
#include "core/problem.h"
#include "core/request.h"
#include "core/worker.h"

#define EVERY_MS    200
#define BACKOFF_MS  1000        /* after the first failure                   */
#define HOUR_MS     3600000
#define DAY_S       86400


/* --- the tables of domains ----------------------------------------------- */


/* Walked each time: there are a handful, and no table to keep up to date. */
const struct subscriber *
subscriber_at(size_t i)
{
    for (size_t d = 0; domains[d] != NULL; d++) {
        const struct subscriber *s = domains[d]->subscribers;

        for (; s != NULL && s->name != NULL; s++, i--) {
            if (i == 0)
                return s;
        }
    }

    return NULL;
}


const struct job_kind *
job_kind_at(size_t i)
{
    for (size_t d = 0; domains[d] != NULL; d++) {
        const struct job_kind *k = domains[d]->jobs;

        for (; k != NULL && k->name != NULL; k++, i--) {
            if (i == 0)
                return k;
        }
    }

    return NULL;
}


/* Two of one name would share a cursor, or take each other's jobs. */
const char *
background_wrong(void)
{
    const struct subscriber *s;
    const struct job_kind   *k;

    for (size_t i = 0; (s = subscriber_at(i)) != NULL; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(subscriber_at(j)->name, s->name) == 0)
                return "two subscribers have one name";
        }
        if (i == SUBSCRIBERS_MAX)
            return "there are more than 64 subscribers";
    }
    for (size_t i = 0; (k = job_kind_at(i)) != NULL; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(job_kind_at(j)->name, k->name) == 0)
                return "two kinds of jobs have one name";
        }
        if (i == KINDS_MAX)
            return "there are more than 64 kinds of jobs";
        if (k->yields < 0 || k->yields > DAY_S)
            return "a kind of jobs yields less than nothing or more than a"
                   " day";
    }

    return NULL;
}


/* --- chains -------------------------------------------------------------- */


/* Without randomness all the same: half of the span is as good as any. */
int64_t
backoff_ms(int64_t failures)
{
    int64_t  ms = BACKOFF_MS;
    uint32_t chance = UINT32_MAX / 2;

    for (; failures > 1 && ms < HOUR_MS; failures--)
        ms *= 2;
    if (ms > HOUR_MS)
        ms = HOUR_MS;
    if (shop_env.random(&chance, sizeof(chance)) != 0)
        chance = UINT32_MAX / 2;

    return ms + (int64_t) ((double) ms / 2 * chance / UINT32_MAX);
}


/* A worker that drains finishes what it runs and begins nothing. */
static void
later(struct chain *c, uint32_t ms)
{
    struct shop *shop = c->shop;

    if (shop == NULL || shop->draining)
        return;
    shop->ops->timer_set(shop->host, &c->timer, ms, SHOP_TIMER_BACKGROUND);
}


static void
fired(shop_timer_t *t)
{
    struct chain *c = t->ctx;

    if (!c->shop->draining)
        c->next(c, NULL);
}


/* Shorter than anybody notices, and long enough to cost nothing while there is
 * nothing to do.  A database that is away is asked again less and less often,
 * up to once in half a minute. */
static uint32_t
patience_ms(const struct chain *c)
{
    return EVERY_MS << (c->failures < 7 ? c->failures : 7);
}


/* The timer, not a call: a round that found nothing must not become a loop, and
 * requests of clients come in between. */
void
chain_round(struct chain *c, bool at_once)
{
    later(c, at_once ? 1 : patience_ms(c));
}


/* Where not even a request can be made there is no memory: a problem like any
 * other. */
void
chain_step(struct chain *c, const struct route *route, shop_str_t body,
           const char *request_id)
{
    if (!request_own(c->shop, route, body, request_id, c)) {
        c->failures++;
        c->next(c, &out_of_memory);
    }
}


/* The shop closes: its requests are being ended, and nothing follows. */
void
chain_ended(struct chain *c, const struct problem *p)
{
    if (c->shop == NULL)
        return;
    c->failures = p == NULL ? 0 : c->failures + 1;
    c->next(c, p);
}


void
chain_open(struct chain *c, struct shop *shop)
{
    c->shop = shop;
    c->timer.fire = fired;
    c->timer.ctx = c;
    later(c, 1);
}


void
chain_close(struct chain *c)
{
    if (c->shop == NULL)
        return;
    c->shop->ops->timer_del(c->shop->host, &c->timer);
    c->shop = NULL;
}


/* --- opening and closing ------------------------------------------------- */


void
background_open(struct background *b, struct shop *shop)
{
    if (shop->conf.background != SHOP_BACKGROUND_ON)
        return;

    relay_open(&b->relay);
    runner_open(&b->runner);
    chain_open(&b->relay.chain, shop);
    chain_open(&b->runner.chain, shop);
}


void
background_close(struct background *b)
{
    chain_close(&b->relay.chain);
    chain_close(&b->runner.chain);
}


void
background_done(struct background *b)
{
    arena_reset(&b->runner.arena);
}
