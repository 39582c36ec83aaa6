/*
 * key_list.c - shopctl key list: the API keys, without what is secret.
 */
#include "shopctl/key.h"

#include "core/banned.h"
#include "core/text.h"

#define LIST                                                                  \
    "SELECT " KEY_COLUMNS ", CASE WHEN revoked_at IS NOT NULL THEN 'revoked'" \
    " WHEN expires_at <= shop_now() THEN 'expired' ELSE 'good' END AS state"  \
    "  FROM api_keys ORDER BY id"

#define KEY_STATE  (KEY_USED + 1)

static const char help[] =
    "usage: shopctl key list\n"
    "\n"
    "Lists all API keys, revoked and expired ones too: id, whether it is\n"
    "good, first and last characters, name, scopes. With --json an object\n"
    "with \"data\", an array of objects with id, name, prefix, last4, scopes,\n"
    "created_at, expires_at, revoked_at, last_used_at and state (good,\n"
    "expired or revoked).\n";


/* Keys are few and made by hand, so the list comes whole, in the form of the
 * API's lists. */
static void
list_json(struct ctl *ctl, struct buf *b, const PGresult *res)
{
    buf_str(b, "{\"data\":[");
    for (int row = 0; row < PQntuples(res); row++) {
        buf_str(b, row > 0 ? ",{" : "{");
        key_json(ctl, b, res, row);
        buf_format(b, ",\"state\":\"%s\"}", PQgetvalue(res, row, KEY_STATE));
    }
    buf_str(b, "]}");
}


/* The scopes in PostgreSQL's own form, {a,b}: none of them has a quote. */
static void
list_text(struct ctl *ctl, struct buf *b, const PGresult *res)
{
    buf_format(b, "%-30s  %-7s  %-15s  %s", "id", "state", "key",
               "name, scopes");
    for (int row = 0; row < PQntuples(res); row++) {
        buf_format(b, "\n%s  %-7s  %s...%s  %s %s", key_id(ctl, res, row),
                   PQgetvalue(res, row, KEY_STATE),
                   PQgetvalue(res, row, KEY_START),
                   PQgetvalue(res, row, KEY_LAST4),
                   PQgetvalue(res, row, KEY_NAME),
                   PQgetvalue(res, row, KEY_SCOPES));
    }
}


/* Ordered by id, which is by time. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const struct option  options[] = { { NULL } };
    struct buf           b;
    PGresult            *res;
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc != CTL_OK)
        return rc;
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    res = ctl_query(ctl, LIST, 0, NULL);
    if (res == NULL)
        return ctl_failure(ctl);

    buf_init(&b, &ctl->arena, 0);
    if (ctl->json)
        list_json(ctl, &b, res);
    else
        list_text(ctl, &b, res);
    PQclear(res);

    return ctl_put(ctl, &b);
}


const struct command key_list_command = {
    "key list", "list the API keys", help, run
};
