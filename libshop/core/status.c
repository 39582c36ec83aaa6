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
    bool         level;
} counters[] = {
#define COUNTER(id, name, help)  { name, help, false },
#define LEVEL(id, name, help)    { name, help, true },
#include "core/counters.def"
#undef COUNTER
};


static bool
ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);

    return n > m && strcmp(name + n - m, with) == 0;
}


static bool
is_total(const char *name)
{
    return ends(name, "_total");
}


/* Totals of all slots; gauges only of those that live.  While a worker drains
 * there are two that look for a level. */
static uint64_t
value_of(const struct shop *shop, unsigned id)
{
    uint64_t sum = 0, most = 0;

    for (unsigned i = 0; i < shop->cache.n_slots; i++) {
        const uint64_t *c = cache_counters_of(&shop->cache, i);

        if (c == NULL || c[id] == 0
            || (!is_total(counters[id].name)
                && !cache_slot_live(&shop->cache, i)))
            continue;
        sum += c[id];
        most = c[id] > most ? c[id] : most;
    }

    return counters[id].level ? most : sum;
}


static void
add_value(struct buf *b, const struct shop *shop, unsigned id)
{
    unsigned long long v = value_of(shop, id);

    if (ends(counters[id].name, "_seconds"))
        buf_format(b, "%llu.%03llu", v / 1000, v % 1000);
    else
        buf_format(b, "%llu", v);
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
               (unsigned long long) value_of(shop, COUNT_CORO_LIVE));
    for (unsigned i = 0; i < COUNT_N; i++) {
        buf_format(&b, "%s\"%s\":", i == 0 ? "" : ",", counters[i].name);
        add_value(&b, shop, i);
    }
    buf_str(&b, "}}\n");

    return hand_over(&a, &b, sink, rq);
}


/* --- by route ------------------------------------------------------------ */


/* Of all workers. */
static struct route_count
total_of(const struct shop *shop, size_t route)
{
    struct route_count total = { { 0 }, { 0 }, 0, 0, 0 };

    for (unsigned i = 0; i < shop->cache.n_slots; i++) {
        const struct route_count *c = cache_routes_of(&shop->cache, i);

        if (c == NULL)
            continue;
        c += route;
        for (unsigned s = 0; s < STATUS_CLASSES; s++)
            total.status[s] += c->status[s];
        for (unsigned k = 0; k < BUCKETS; k++)
            total.bucket[k] += c->bucket[k];
        total.us += c->us;
        total.db_us += c->db_us;
        total.hits += c->hits;
    }

    return total;
}


/* Name and labels: all that tells one series of a route from another is what
 * the table of routes says. */
static void
add_name(struct buf *b, const char *name, const struct route *r)
{
    const char *const part[] = { "shop_", name, "{method=\"",
                                 method_name(r->method), "\",route=\"",
                                 r->path, "\"" };

    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
        buf_str(b, part[i]);
}


/* Of a bucket, as %g would write it, which costs more than all else of its
 * line: no bound has more than four digits behind the point. */
static void
add_bound(struct buf *b, uint32_t us)
{
    uint32_t rest = us % 1000000;

    buf_int(b, us / 1000000);
    for (uint32_t unit = 100000; rest != 0; unit /= 10) {
        if (unit == 100000)
            buf_str(b, ".");
        buf_int(b, rest / unit);
        rest %= unit;
    }
}


static void
add_seconds(struct buf *b, uint64_t us)
{
    buf_format(b, "%llu.%06llu\n", (unsigned long long) us / 1000000,
               (unsigned long long) us % 1000000);
}


static void
add_responses(struct buf *b, const struct route *r,
              const struct route_count *n)
{
    for (unsigned s = 0; s < STATUS_CLASSES; s++) {
        if (n->status[s] == 0)
            continue;
        add_name(b, "responses_total", r);
        buf_format(b, ",class=\"%uxx\"} %llu\n", s + 1,
                   (unsigned long long) n->status[s]);
    }
}


/* A bucket of Prometheus holds those below it as well. */
static void
add_durations(struct buf *b, const struct route *r,
              const struct route_count *n)
{
    unsigned long long sum = 0;

    for (unsigned k = 0; k < BUCKETS; k++) {
        sum += n->bucket[k];
        add_name(b, "response_duration_seconds_bucket", r);
        buf_str(b, ",le=\"");
        if (k < BUCKETS - 1)
            add_bound(b, bucket_us[k]);
        else
            buf_str(b, "+Inf");
        buf_str(b, "\"} ");
        buf_int(b, (int64_t) sum);
        buf_str(b, "\n");
    }
    add_name(b, "response_duration_seconds_sum", r);
    buf_str(b, "} ");
    add_seconds(b, n->us);
    add_name(b, "response_duration_seconds_count", r);
    buf_format(b, "} %llu\n", sum);
}


static void
add_database(struct buf *b, const struct route *r, const struct route_count *n)
{
    if (n->db_us == 0)
        return;
    add_name(b, "response_database_seconds_total", r);
    buf_str(b, "} ");
    add_seconds(b, n->db_us);
}


static void
add_hits(struct buf *b, const struct route *r, const struct route_count *n)
{
    if (n->hits == 0)
        return;
    add_name(b, "response_cache_hits_total", r);
    buf_format(b, "} %llu\n", (unsigned long long) n->hits);
}


static const struct {
    const char  *name;
    const char  *type;
    const char  *help;
    void       (*add)(struct buf *b, const struct route *r,
                      const struct route_count *n);
} families[] = {
    { "responses_total", "counter", "Answers by route and class",
      add_responses },
    { "response_duration_seconds", "histogram", "From request to answer",
      add_durations },
    { "response_database_seconds_total", "counter", "Waited for PostgreSQL",
      add_database },
    { "response_cache_hits_total", "counter", "Answers from the cache",
      add_hits },
};

#define FAMILIES  (sizeof(families) / sizeof(families[0]))


static void
add_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_format(b, "# HELP shop_%s %s\n# TYPE shop_%s %s\n", name, help, name,
               type);
}


/* Routes that nobody has asked for make no series: there are few that all
 * shops use. */
static void
route_metrics(struct buf *b, const struct shop *shop)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        add_head(b, families[f].name, families[f].type, families[f].help);
        for (size_t r = 0; r < route_count(shop->routes); r++) {
            struct route_count n = total_of(shop, r);
            uint64_t           answers = 0;

            for (unsigned s = 0; s < STATUS_CLASSES; s++)
                answers += n.status[s];
            if (answers != 0)
                families[f].add(b, route_at(shop->routes, r), &n);
        }
    }
}


SHOP_API shop_str_t
shop_metrics(shop_t *shop, const shop_sink_ops_t *sink, void *rq)
{
    struct arena  a = { 0 };
    struct buf    b;

    buf_init(&b, &a, 32768);
    add_head(&b, "info", "gauge", "Which version runs");
    buf_format(&b, "shop_info{version=\"%s\"} 1\n", SHOP_VERSION);
    add_head(&b, "cache_lease", "gauge", "May kept answers be served?");
    buf_format(&b, "shop_cache_lease %d\n",
               cache_lease_good(&shop->cache, shop_now_ms(shop)));
    for (unsigned i = 0; i < COUNT_N; i++) {
        add_head(&b, counters[i].name,
                 is_total(counters[i].name) ? "counter" : "gauge",
                 counters[i].help);
        buf_format(&b, "shop_%s ", counters[i].name);
        add_value(&b, shop, i);
        buf_char(&b, '\n');
    }
    route_metrics(&b, shop);

    return hand_over(&a, &b, sink, rq);
}
