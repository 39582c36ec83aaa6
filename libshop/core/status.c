/*
 * status.c - the counters of a machine's workers as JSON and as metrics.
 *
 * Both are made in one buffer of a size known beforehand, from shared memory;
 * nothing waits.  {NULL, 0} when memory is short.
 */
#include <stdio.h>

#include "core/buf.h"
#include "core/worker.h"

static const struct {
    const char  *name;
    const char  *help;
} counters[] = {
#define COUNTER(id, name, help)  { name, help },
#include "core/counters.def"
#undef COUNTER
};


static bool
is_total(const char *name)
{
    size_t n = strlen(name);

    return n > 6 && strcmp(name + n - 6, "_total") == 0;
}


/* Totals of all slots; gauges only of those that live. */
static uint64_t
sum_of(const struct shop *shop, unsigned id)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < shop->cache.n_slots; i++) {
        const uint64_t *c = cache_counters_of(&shop->cache, i);

        if (c != NULL && c[id] != 0
            && (is_total(counters[id].name)
                || cache_slot_live(&shop->cache, i)))
            sum += c[id];
    }

    return sum;
}


static shop_str_t
hand_over(struct arena *a, struct buf *b, const shop_sink_ops_t *sink,
          void *rq)
{
    shop_str_t  out = { NULL, 0 };
    char       *copy = b->failed ? NULL : sink->alloc(rq, b->len);

    if (copy != NULL) {
        memcpy(copy, b->data, b->len);
        out = (shop_str_t) { copy, b->len };
    }
    arena_reset(a);

    return out;
}


SHOP_API shop_str_t
shop_status(shop_t *shop, const shop_sink_ops_t *sink, void *rq)
{
    struct arena  a = { 0 };
    struct buf    b;

    buf_init(&b, &a, 4096);
    buf_format(&b, "{\"version\":\"%s\",\"database\":\"%s\","
               "\"coroutines\":{\"live\":%llu},\"counters\":{",
               SHOP_VERSION, db_is_up(shop->db) ? "up" : "down",
               (unsigned long long) sum_of(shop, COUNT_CORO_LIVE));
    for (unsigned i = 0; i < COUNT_N; i++)
        buf_format(&b, "%s\"%s\":%llu", i == 0 ? "" : ",", counters[i].name,
                   (unsigned long long) sum_of(shop, i));
    buf_str(&b, "}}\n");

    return hand_over(&a, &b, sink, rq);
}


static void
route_metrics(struct buf *b, const struct shop *shop)
{
    buf_str(b, "# HELP shop_responses_total Answers by route and class\n"
               "# TYPE shop_responses_total counter\n");
    for (size_t r = 0; r < route_count(shop->routes); r++) {
        const struct route *route = route_at(shop->routes, r);

        for (unsigned s = 0; s < STATUS_CLASSES; s++) {
            uint64_t n = 0;

            for (unsigned i = 0; i < shop->cache.n_slots; i++) {
                const struct route_count *c = cache_routes_of(&shop->cache, i);

                n += c == NULL ? 0 : c[r].status[s];
            }
            if (n != 0)
                buf_format(b, "shop_responses_total{method=\"%s\",route=\"%s\""
                           ",class=\"%uxx\"} %llu\n",
                           method_name(route->method), route->path, s + 1,
                           (unsigned long long) n);
        }
    }
}


SHOP_API shop_str_t
shop_metrics(shop_t *shop, const shop_sink_ops_t *sink, void *rq)
{
    struct arena  a = { 0 };
    struct buf    b;

    buf_init(&b, &a, 8192);
    for (unsigned i = 0; i < COUNT_N; i++)
        buf_format(&b, "# HELP shop_%s %s\n# TYPE shop_%s %s\nshop_%s %llu\n",
                   counters[i].name, counters[i].help, counters[i].name,
                   is_total(counters[i].name) ? "counter" : "gauge",
                   counters[i].name, (unsigned long long) sum_of(shop, i));
    route_metrics(&b, shop);

    return hand_over(&a, &b, sink, rq);
}
