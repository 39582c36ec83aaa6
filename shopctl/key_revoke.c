/*
 * key_revoke.c - shopctl key revoke: take a key back. The row stays, so that
 * what the key did can still be told to be its doing.
 */
#include "shopctl/key.h"

#include "core/banned.h"
#include "core/text.h"

/* The time of the first revocation is the one that counts. */
#define REVOKE                                                                \
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, shop_now())"       \
    " WHERE id = $1 RETURNING " KEY_COLUMNS

static const char help[] =
    "usage: shopctl key revoke ID\n"
    "\n"
    "Takes an API key back for good. ID is the key's id, key_..., as\n"
    "\"shopctl key list\" shows it. To revoke a key again changes nothing and\n"
    "is no error. With --json the key is printed as an object.\n";


/* That it was revoked before is no error, since then all is as it was wished;
 * that it never was there is one, since then some other key is still good. */
static int
revoke(struct ctl *ctl, const char *shown, uuid id)
{
    char         text[37] = "";
    const char  *params[] = { text };
    struct buf   b;
    PGresult    *res;

    uuid_text(text, id);
    res = ctl_query(ctl, REVOKE, 1, params);
    if (res == NULL)
        return ctl_failure(ctl);
    if (PQntuples(res) == 0) {
        ctl_error(ctl, "there is no key %s", shown);
        PQclear(res);
        return CTL_FAILED;
    }

    ctl_say(ctl, "%s is revoked", shown);
    if (ctl->json) {
        buf_init(&b, &ctl->arena, 0);
        buf_char(&b, '{');
        key_json(ctl, &b, res, 0);
        buf_char(&b, '}');
    }
    PQclear(res);

    return ctl->json ? ctl_put(ctl, &b) : CTL_OK;
}


/* The id as it is shown; a plain uuid too, as it stands in the database. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const struct option  options[] = { { NULL } };
    int                  rc = ctl_options(ctl, options, &argc, argv, 1, 1);
    uuid                 id;

    if (rc != CTL_OK)
        return rc;
    if (!id_parse(&id, KEY_PREFIX, argv[0], strlen(argv[0]))
        && !uuid_parse(&id, argv[0], strlen(argv[0])))
    {
        return ctl_usage(ctl, "\"%s\" is no key's id", argv[0]);
    }
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);

    return revoke(ctl, argv[0], id);
}


const struct command key_revoke_command = {
    "key revoke", "take an API key back", help, run
};
