/*
 * metrics.c - the counters as a file, for a collector that reads files (the
 * textfile collector of Prometheus's node exporter, say): shopd has no port
 * that could be asked, and so none that must be guarded.
 *
 * The file is written beside its place and moved there: who reads it sees a
 * whole one.  Failures are told once, until one succeeds.
 */
#include "shopd/shopd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/banned.h"

#define EVERY_MS  5000


/* The text is one block, asked for once. */
static void *
give_memory(void *rq, size_t size)
{
    char **room = rq;

    *room = malloc(size);

    return *room;
}


/* A local file of some kilobytes: that the loop waits for it is nothing, as no
 * client waits for the loop. */
static bool
write_text(const char *path, shop_str_t text)
{
    char   beside[4096];
    FILE  *out;
    bool   ok;

    if (snprintf(beside, sizeof(beside), "%s.new", path)
        >= (int) sizeof(beside))
    {
        errno = ENAMETOOLONG;
        return false;
    }
    out = fopen(beside, "we");
    if (out == NULL)
        return false;
    ok = fwrite(text.data, 1, text.len, out) == text.len;
    ok = fclose(out) == 0 && ok;

    return ok && rename(beside, path) == 0;
}


/* Without memory there is no file this time; the next one is soon. */
static void
write_file(struct shopd *d)
{
    static const shop_sink_ops_t  sink = {
        .size = sizeof(shop_sink_ops_t), .alloc = give_memory
    };
    static bool                   told;
    char                         *room = NULL;
    shop_str_t                    text;
    bool                          ok;

    text = shop_metrics(shop_uv_shop(d->uv), &sink, &room);
    if (text.data == NULL)
        return;
    ok = write_text(d->options.metrics, text);
    if (!ok && !told)
        say(SHOP_LOG_WARN, "%s cannot be written: %s", d->options.metrics,
            strerror(errno));
    told = !ok;
    free(room);
}


static void
every(uv_timer_t *timer)
{
    write_file(timer->data);
}


/* The first one at once, so that who looks for it finds it as long as shopd
 * runs.  The timer keeps nothing alive: see main.c. */
void
metrics_begin(struct shopd *d)
{
    (void) uv_timer_init(&d->loop, &d->clock);
    d->clock.data = d;
    if (d->options.metrics == NULL)
        return;
    write_file(d);
    (void) uv_timer_start(&d->clock, every, EVERY_MS, EVERY_MS);
    uv_unref((uv_handle_t *) &d->clock);
}


/* While the shop is still there to be asked. */
void
metrics_end(struct shopd *d)
{
    if (d->options.metrics != NULL)
        write_file(d);
    uv_close((uv_handle_t *) &d->clock, NULL);
}
