/*
 * main.c - shopd: opens a shop that works in the background, and ends it in
 * good order.
 *
 * What keeps the loop going are the two handles that wait for signals.  When
 * one has come they do not count any more, and the loop ends by itself when
 * the last request of the shop's own has: a shop that idles does not hold it.
 */
#include "shopd/shopd.h"

#include <signal.h>
#include <unistd.h>

#include "core/banned.h"

#define SECRET_BYTES  32
#define COROUTINES    64
#define CONNECTIONS   2         /* one for events, one for a job             */


/* uv_run() returns, and what is left ends with the shop. */
static void
limit_over(uv_timer_t *timer)
{
    struct shopd *d = timer->data;

    d->late = true;
    uv_stop(&d->loop);
}


/* What is under way when somebody insists is rolled back by PostgreSQL, and
 * its lease tells the others when to begin. */
static void
drain(struct shopd *d, const char *name)
{
    if (d->draining) {
        say(SHOP_LOG_WARN, "%s again: ends at once", name);
        _exit(SHOPD_FAILED);
    }
    d->draining = true;
    if (!d->options.quiet)
        say(SHOP_LOG_INFO, "%s: begins nothing more; what runs has %ld s",
            name, d->options.drain);
    shop_drain(shop_uv_shop(d->uv));
    for (int i = 0; i < 2; i++)
        uv_unref((uv_handle_t *) &d->signals[i]);
    (void) uv_timer_start(&d->limit, limit_over,
                          (uint64_t) d->options.drain * 1000, 0);
    uv_unref((uv_handle_t *) &d->limit);
}


/* Called by the loop, not by the kernel: everything is allowed here. */
static void
on_signal(uv_signal_t *handle, int number)
{
    drain(handle->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}


/* Nothing of this can fail but for want of descriptors; without signals the
 * program could not be ended in good order, and does not begin. */
static bool
handles_open(struct shopd *d)
{
    static const int  numbers[] = { SIGTERM, SIGINT };
    bool              ok = true;

    for (int i = 0; i < 2; i++) {
        (void) uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        ok = uv_signal_start(&d->signals[i], on_signal, numbers[i]) == 0 && ok;
    }
    (void) uv_timer_init(&d->loop, &d->limit);
    d->limit.data = d;
    if (!ok)
        say(SHOP_LOG_ERROR, "signals cannot be waited for");

    return ok;
}


/* Until it is told to end.  The last word is said before the shop is closed, as
 * that may wait for threads. */
static int
work(struct shopd *d)
{
    bool ok = handles_open(d);

    metrics_begin(d);
    if (ok) {
        if (!d->options.quiet)
            say(SHOP_LOG_INFO, "version %s is at work", shop_version());
        (void) uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    if (d->late)
        say(SHOP_LOG_WARN, "what runs took longer than %ld s, and is left to "
            "others", d->options.drain);
    else if (ok && !d->options.quiet)
        say(SHOP_LOG_INFO, "ended");
    metrics_end(d);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *) &d->signals[i], NULL);
    uv_close((uv_handle_t *) &d->limit, NULL);

    return ok && !d->late ? SHOPD_OK : SHOPD_FAILED;
}


/* Nobody asks it for a list, so what cursors are signed with is anything. */
static bool
configure(struct shopd *d, shop_conf_t *conf, char secret[SECRET_BYTES])
{
    char error[512];

    conf->database = d->options.database;
    conf->deadline_ms = (uint32_t) d->options.deadline * 1000;
    conf->max_coroutines = COROUTINES;
    conf->slow_connections = 1;
    conf->tx_connections = CONNECTIONS;
    conf->cursor_secret[0] = (shop_str_t) { secret, SECRET_BYTES };
    conf->cache_off = 1;
    conf->background = !d->options.check;

    if (uv_random(NULL, NULL, secret, SECRET_BYTES, 0, NULL) != 0) {
        say(SHOP_LOG_ERROR, "there are no random bytes");
        return false;
    }
    if (shop_conf_check(conf, error, sizeof(error)) != SHOP_OK) {
        say(SHOP_LOG_ERROR, "%s", error);
        return false;
    }

    return true;
}


/* The struct is static, as the loop and its handles have pointers into it until
 * the very end. */
int
main(int argc, char **argv)
{
    static struct shopd  d;
    char                 secret[SECRET_BYTES];
    shop_conf_t          conf = SHOP_CONF_INIT;
    const shop_uv_log_t  log = { log_write, NULL };
    int                  rc = options_take(&d.options, argc, argv);

    if (rc != SHOPD_OK || d.options.told)
        return rc;
    if (!configure(&d, &conf, secret))
        return SHOPD_USAGE;
    if (uv_loop_init(&d.loop) != 0
        || shop_uv_open(&d.uv, &d.loop, &conf, &log) != SHOP_OK)
    {
        say(SHOP_LOG_ERROR, "the shop cannot be opened: no memory, or a "
            "libshop of another version");
        return SHOPD_FAILED;
    }
    rc = d.options.check ? check(&d) : work(&d);
    shop_uv_close(d.uv);
    (void) uv_loop_close(&d.loop);

    return rc;
}
