/*
 * demo.c - shopctl demo: a shop of any size, to look at and to measure.
 *
 * Products are made by the database itself, some thousands a transaction, so
 * that nothing but numbers goes over the wire; see demo.sql.
 */
#include "shopctl/shopctl.h"

#include <stdlib.h>

#include "core/banned.h"
#include "core/env.h"
#include "shopctl/demo.sql.h"

/* Products of a transaction.  More do not make it faster, and the bar would
 * move seldom. */
#define CHUNK         5000
#define PRODUCTS_MAX  10000000

static const char help[] =
    "usage: shopctl demo [--products N]\n"
    "\n"
    "Fills the shop with products: names in English and Turkish, two to four\n"
    "variants, prices in lira, euro and dollar, categories, vendors, tags,\n"
    "pictures; some are reduced, some out of stock. They are the same each\n"
    "time and anywhere: product 17 of a shop of a hundred is product 17 of a\n"
    "shop of a million. Those that are there already are left alone, so a\n"
    "second run, or one after an interruption, adds what is missing.\n"
    "\n"
    "  --products N   how many, 1 to 10000000; 1000 when it is not given\n"
    "\n"
    "Their handles begin with demo-, their article numbers with DEMO-. They\n"
    "are archived as other products are; nothing here takes them away again.\n"
    "Run by the tables' owner it gathers the planner's statistics at\n"
    "its end, else autovacuum does so a little later. With --json an object\n"
    "with products, created and seconds.\n";

struct demo {
    struct ctl       *ctl;
    int64_t           products;         /* how many there shall be           */
    int64_t           created;          /* how many were not there           */
    struct progress   bar;
};


/* The rows of a statement; -1 when it failed. */
static int64_t
numbers(struct ctl *ctl, const char *sql, int64_t from, int64_t to)
{
    char         text[2][24];
    const char  *params[] = { text[0], text[1] };
    PGresult    *res;
    int64_t      n;

    snprintf(text[0], sizeof(text[0]), "%lld", (long long) from);
    snprintf(text[1], sizeof(text[1]), "%lld", (long long) to);
    res = ctl_query(ctl, sql, 2, params);
    if (res == NULL)
        return -1;
    n = strtoll(PQcmdTuples(res), NULL, 10);
    PQclear(res);

    return n;
}


/* What is there already is found before the rows are made, so that a second
 * run costs next to nothing. */
static bool
make_chunk(struct demo *d, int64_t from, int64_t to)
{
    struct ctl  *ctl = d->ctl;
    int64_t      n;

    if (!ctl_exec(ctl, "BEGIN"))
        return false;
    n = numbers(ctl, sql_demo_chunk, from, to);
    if (n < 0)
        return false;
    if (n > 0 && !(ctl_exec(ctl, sql_demo_products)
                   && ctl_exec(ctl, sql_demo_options)
                   && ctl_exec(ctl, sql_demo_prices)
                   && ctl_exec(ctl, sql_demo_lists)))
    {
        return false;
    }
    d->created += n;

    return ctl_exec(ctl, "COMMIT");
}


static bool
make_all(struct demo *d)
{
    bool ok = ctl_exec(d->ctl, sql_demo_session)
              && ctl_exec(d->ctl, sql_demo_categories);

    progress_start(&d->bar, d->ctl, "Making products", d->products);
    for (int64_t from = 1; ok && from <= d->products; from += CHUNK) {
        int64_t to = from + CHUNK - 1;

        if (to > d->products)
            to = d->products;
        ok = make_chunk(d, from, to);
        progress_to(&d->bar, to);
    }
    progress_end(&d->bar);

    return ok && (d->created == 0 || ctl_exec(d->ctl, sql_demo_end));
}


static int
report(const struct demo *d, double seconds)
{
    struct buf b;

    if (!d->ctl->json) {
        ctl_say(d->ctl, "%lld products, %lld of them new, in %.1f s",
                (long long) d->products, (long long) d->created, seconds);
        return CTL_OK;
    }

    buf_init(&b, &d->ctl->arena, 0);
    buf_format(&b, "{\"products\":%lld,\"created\":%lld,\"seconds\":%.3f}",
               (long long) d->products, (long long) d->created, seconds);

    return ctl_put(d->ctl, &b);
}


static int
run(struct ctl *ctl, int argc, char **argv)
{
    struct demo          d = { .ctl = ctl, .products = 1000 };
    uint64_t             since = shop_env.mono_us();
    const struct option  options[] = {
        { "products", OPTION_INT, &d.products, 1, PRODUCTS_MAX },
        { NULL }
    };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc != CTL_OK)
        return rc;
    if (!ctl_connect(ctl) || !make_all(&d))
        return ctl_failure(ctl);

    return report(&d, (double) (shop_env.mono_us() - since) / 1e6);
}


const struct command demo_command = {
    "demo", "fill the shop with products to look at and to measure", help, run
};
