/*
 * output.c - what shopctl says: errors, lines for people, JSON, and a
 * progress bar that is only there where somebody can see it.
 */
#include "shopctl/shopctl.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/banned.h"
#include "core/env.h"

#define BAR_MAX     40          /* columns of the bar itself                 */
#define REDRAW_US   100000      /* more often nobody can read it             */


/* The bar's line is used by whatever is said next; the bar comes back with
 * the next step, if there is one. */
static void
clear_bar(struct ctl *ctl)
{
    if (ctl->bar_shown)
        fputs("\r\033[K", stderr);
    ctl->bar_shown = false;
}


/* Standard output is flushed first, so that in a file that takes both an error
 * stands behind what came before it. */
void
ctl_error(struct ctl *ctl, const char *format, ...)
{
    va_list args;

    clear_bar(ctl);
    fflush(stdout);
    fputs("shopctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}


/* Remarks are for people: a program that asked for JSON gets that alone. */
void
ctl_say(struct ctl *ctl, const char *format, ...)
{
    va_list args;

    if (ctl->json || ctl->quiet)
        return;

    clear_bar(ctl);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}


/* What a command is asked for: a JSON value, or text that is wanted under
 * --quiet too.  Whether it could be written main() finds out. */
int
ctl_put(struct ctl *ctl, const struct buf *b)
{
    if (b->failed) {
        ctl_error(ctl, "out of memory");
        return CTL_FAILED;
    }

    clear_bar(ctl);
    fwrite(b->data, 1, b->len, stdout);
    putchar('\n');

    return CTL_OK;
}


/* Nothing is drawn where it would end up in a file or a log, nor when there
 * is nothing to be a part of. */
void
progress_start(struct progress *p, struct ctl *ctl, const char *what,
               int64_t total)
{
    *p = (struct progress) {
        .ctl = ctl, .what = what, .total = total,
        .since = shop_env.mono_us(),
        .on = total > 0 && !ctl->quiet && isatty(STDERR_FILENO),
    };
    progress_to(p, 0);
}


/* What is left of the terminal's line beside the words and numbers; a narrow
 * one has no bar at all, but never two lines of one. */
static int
bar_width(const struct progress *p)
{
    struct winsize  size;
    int             width = BAR_MAX;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col - (int) strlen(p->what) - 30;

    return width > BAR_MAX ? BAR_MAX : width < 0 ? 0 : width;
}


/* What is left takes as long as what is done did, a piece. */
static void
draw(const struct progress *p, int64_t done, uint64_t now)
{
    static const char  full[] = "########################################";
    double             part = (double) done / (double) p->total;
    int                width = bar_width(p), n = (int) (part * width);
    long               left = 0;

    if (done > 0)
        left = (long) ((double) (now - p->since) / 1e6 * (1 - part) / part);

    fprintf(stderr, "\r%s [%.*s%*s] %3d %%  %ld:%02ld left\033[K", p->what,
            n, full, width - n, "", (int) (part * 100), left / 60, left % 60);
    fflush(stderr);
}


/* May be called for every row: what was drawn a moment ago is not drawn
 * again. */
void
progress_to(struct progress *p, int64_t done)
{
    uint64_t now = shop_env.mono_us();

    if (!p->on || (p->shown != 0 && now - p->shown < REDRAW_US))
        return;

    draw(p, done > p->total ? p->total : done, now);
    p->shown = now;
    p->ctl->bar_shown = true;
}


void
progress_end(struct progress *p)
{
    clear_bar(p->ctl);
    p->on = false;
}
