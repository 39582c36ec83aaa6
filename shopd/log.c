/*
 * log.c - lines for whoever keeps the logs: to standard error, without the
 * time, which systemd and its like add themselves.
 */
#include "shopd/shopd.h"

#include <stdarg.h>
#include <string.h>

#include "core/banned.h"

#define LINE_MAX_BYTES  1024

static const char *const levels[] = {
    [SHOP_LOG_ERROR] = "error",
    [SHOP_LOG_WARN] = "warning",
    [SHOP_LOG_INFO] = "info",
};


/* One write a line, so that lines of several processes stay apart.  What
 * PostgreSQL says has several lines, and a tab or two. */
static void
put(int level, const char *text, size_t len)
{
    char  line[LINE_MAX_BYTES + 32];
    int   n = snprintf(line, sizeof(line), "shopd: %s: ", levels[level]);

    for (size_t i = 0; i < len && i < LINE_MAX_BYTES; i++) {
        bool blank = (unsigned char) text[i] <= ' ' || text[i] == 127;

        if (!blank || line[n - 1] != ' ')
            line[n++] = blank ? ' ' : text[i];
    }
    while (line[n - 1] == ' ')
        n--;
    line[n++] = '\n';
    fwrite(line, 1, (size_t) n, stderr);
}


/* Formats bound what they are given only by the line: what does not fit is cut
 * at its end, where it is the least important. */
void
say(int level, const char *format, ...)
{
    char     text[LINE_MAX_BYTES];
    va_list  args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(level, text, strlen(text));
}


/* libshop's own lines, from warnings on: one that is repeated with every
 * attempt is none. */
void
log_write(void *ctx, int level, const char *text, size_t len)
{
    (void) ctx;
    if (level == SHOP_LOG_ERROR || level == SHOP_LOG_WARN)
        put(level, text, len);
}
