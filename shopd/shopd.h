/*
 * shopd.h - a shop without requests: events are delivered and jobs run here,
 * on whatever machine this program runs.
 *
 * It stands on the public faces of libshop and libshop-uv, like any program
 * with a shop in it; see shop_uv.h.
 *
 * Functions return one of the exit codes below, and whoever finds an error has
 * said so.
 */
#ifndef SHOPD_H
#define SHOPD_H

#include <stdbool.h>

#include "uv/shop_uv.h"

enum {                          /* exit codes, those of shopctl              */
    SHOPD_OK          = 0,
    SHOPD_FAILED      = 1,      /* a check, or the end came too late         */
    SHOPD_USAGE       = 2,      /* the command line is wrong                 */
    SHOPD_UNREACHABLE = 3       /* a check: no connection                    */
};

struct options {
    const char  *database;      /* conninfo; "" is libpq's own               */
    const char  *metrics;       /* a file, or NULL                           */
    long         deadline;      /* seconds that a job has                    */
    long         drain;         /* ... and all of what runs at the end       */
    bool         check;         /* only look whether it would work           */
    bool         quiet;         /* errors and warnings only                  */
    bool         told;          /* help or version: there is nothing to do   */
};

struct shopd {
    struct options  options;
    uv_loop_t       loop;
    shop_uv_t      *uv;
    uv_signal_t     signals[2];
    uv_timer_t      limit;      /* of the drain                              */
    uv_timer_t      clock;      /* of the metrics                            */
    bool            draining;
    bool            late;       /* the limit was over before the work was    */
};

/* options.c: says what is wrong; help and version go to stdout. */
int options_take(struct options *o, int argc, char **argv);

/* check.c: one question to the database. */
int check(struct shopd *d);

/* metrics.c: a file for a collector, written anew every few seconds until
 * metrics_end() writes it for the last time. */
void metrics_begin(struct shopd *d);
void metrics_end(struct shopd *d);

/* log.c: a line each to stderr, "shopd: LEVEL: TEXT". */
void say(int level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_write(void *ctx, int level, const char *text, size_t len);

#endif
