/*
 * db_session.c - what a session is to have when it begins.
 *
 * It is asked for as `options`, which costs nothing.  A pooler knows nothing
 * of those: told to ignore them it drops them, and hands on a session as the
 * server made it, whose reads may write and whose waits have no end.  Then a
 * statement sets the same.
 *
 * Nothing here waits.
 */
#include "core/db_lane.h"

#include "core/buf.h"

#define SETTINGS_MAX  1024      /* as a statement                            */
#define EACH          "-c "


/* All ask for this style, nobody else would, and PostgreSQL tells it back. */
bool
session_is_set(const PGconn *pg)
{
    const char *style = PQparameterStatus(pg, "IntervalStyle");

    return style != NULL && strcmp(style, "iso_8601") == 0;
}


/* "-c name=value ", ours: no name needs quotes, and no value has any; a
 * backslash keeps the blank behind it in the value.  Returns what follows. */
static const char *
setting_put(struct buf *b, const char *option)
{
    size_t name = strcspn(option, "=");
    bool   kept;

    buf_str(b, "SET ");
    buf_add(b, option, name);
    buf_str(b, " = '");
    for (option += name + 1; *option != ' ' && *option != '\0'; option++) {
        kept = *option == '\\';
        buf_char(b, *(option += kept));
    }
    buf_str(b, "';");

    return option + strspn(option, " ");
}


/* One statement, so that it is all or nothing.  It fits into any socket's
 * buffer, and nothing was sent before it. */
bool
session_set(PGconn *pg, const char *options)
{
    struct arena a = { 0 };
    struct buf   b;
    bool         sent;

    buf_init(&b, &a, SETTINGS_MAX);
    while (strncmp(options, EACH, strlen(EACH)) == 0)
        options = setting_put(&b, options + strlen(EACH));
    buf_char(&b, '\0');
    sent = !b.failed && PQsendQuery(pg, b.data) == 1 && PQflush(pg) == 0;
    arena_reset(&a);

    return sent;
}


int
session_answer(PGconn *pg)
{
    PGresult *res;
    bool      done;

    if (PQconsumeInput(pg) != 1)
        return -1;

    while (!PQisBusy(pg)) {
        res = PQgetResult(pg);
        if (res == NULL)
            return session_is_set(pg) ? 1 : -1;
        done = PQresultStatus(res) == PGRES_COMMAND_OK;
        PQclear(res);
        if (!done)
            return -1;
    }

    return 0;
}
