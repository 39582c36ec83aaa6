/*
 * key_create.c - shopctl key create: a new API key, shown this once.
 *
 * A key is 256 random bits, so that its plain SHA-256 tells nothing about it
 * and a slow hash would protect nothing more.
 */
#include "shopctl/key.h"

#include <openssl/sha.h>

#include "core/banned.h"
#include "core/env.h"
#include "core/text.h"

#define KEY_BYTES  32
#define KEY_TEXT   47           /* "shk_" and 43 characters of base64url     */
#define KEY_SHOWN  8            /* characters that are kept, to tell keys    */

static const char help[] =
    "usage: shopctl key create --name NAME --scope SCOPE... [--expires DATE]\n"
    "\n"
    "Makes an API key, by which a program uses the admin interface:\n"
    "\n"
    "  curl -H 'Authorization: Bearer KEY' ...\n"
    "\n"
    "The key is shown this once; the database has no more than its hash. With\n"
    "--quiet nothing but the key is printed, with --json an object with the\n"
    "members of \"shopctl key list\" and \"key\".\n"
    "\n"
    "  --name NAME      what the key is for, at most 100 characters\n"
    "  --scope SCOPE    what it may do; once for each scope:\n"
#define SCOPE(id, name, doc)  "      " name ": " doc "\n"
#include "core/scopes.def"
#undef SCOPE
    "  --expires DATE   when it ends: 2027-01-31 (its first moment in UTC) or\n"
    "                   2027-01-31T18:00:00+03:00\n";

struct new_key {
    const char    *name;
    struct texts   scopes;
    const char    *expires;     /* as it was given, or NULL                  */
    char           expires_at[28];
    char           text[KEY_TEXT + 1];
    char           hash[2 + 2 * SHA256_DIGEST_LENGTH + 1];  /* bytea's text  */
};


/* The list is compiled in, from the same file as the server's: a key for a
 * scope that no route asks for would be a mistake that nobody sees. */
static bool
scope_exists(const char *name)
{
    for (unsigned i = 0; key_scopes[i].name != NULL; i++) {
        if (strcmp(key_scopes[i].name, name) == 0)
            return true;
    }

    return false;
}


/* All scopes at once, as a wrong one is most often a misspelt one. */
static int
no_such_scope(struct ctl *ctl, const char *name)
{
    struct buf  known;

    buf_init(&known, &ctl->arena, 0);
    for (unsigned i = 0; key_scopes[i].name != NULL; i++)
        buf_format(&known, "%s%s", i > 0 ? ", " : "", key_scopes[i].name);

    return ctl_usage(ctl, "there is no scope \"%s\"; there are %.*s", name,
                     (int) known.len, known.data);
}


/* Each scope is kept once, in the order of asking. */
static int
check_scopes(struct ctl *ctl, struct texts *scopes)
{
    size_t n = 0;

    for (size_t i = 0; i < scopes->n; i++) {
        bool again = false;

        if (!scope_exists(scopes->v[i]))
            return no_such_scope(ctl, scopes->v[i]);
        for (size_t j = 0; j < n; j++)
            again |= strcmp(scopes->v[i], scopes->v[j]) == 0;
        if (!again)
            scopes->v[n++] = scopes->v[i];
    }
    scopes->n = n;

    return n > 0 ? CTL_OK : ctl_usage(ctl, "--scope is missing");
}


/* In NFC, as all texts of the shop, so that equal names are equal. */
static int
check_name(struct ctl *ctl, struct new_key *k)
{
    if (k->name == NULL)
        return ctl_usage(ctl, "--name is missing");
    k->name = text_nfc(&ctl->arena, k->name, strlen(k->name));
    if (k->name == NULL) {
        ctl_error(ctl, "out of memory");
        return CTL_FAILED;
    }
    if (*k->name == '\0' || utf8_length(k->name, strlen(k->name)) > 100)
        return ctl_usage(ctl, "--name has 1 to 100 characters");

    return CTL_OK;
}


/* A date alone is its first moment in UTC. */
static int
check_expires(struct ctl *ctl, struct new_key *k)
{
    struct buf  full;
    stamp       at;

    if (k->expires == NULL)
        return CTL_OK;

    buf_init(&full, &ctl->arena, 0);
    buf_format(&full, "%s%s", k->expires,
               strlen(k->expires) == 10 ? "T00:00:00Z" : "");
    if (full.failed || !stamp_parse(&at, full.data, full.len)) {
        return ctl_usage(ctl, "--expires takes 2027-01-31 or "
                         "2027-01-31T18:00:00+03:00, not \"%s\"", k->expires);
    }
    if (at.us <= shop_env.now_us())
        return ctl_usage(ctl, "--expires %s is over already", k->expires);
    stamp_text(k->expires_at, at);
    k->expires_at[27] = '\0';

    return CTL_OK;
}


/* The hash is of the text as it is sent, prefix and all, so that who checks a
 * key needs to know nothing of its form. */
static bool
make_text(struct ctl *ctl, struct new_key *k)
{
    uint8_t  bytes[KEY_BYTES], digest[SHA256_DIGEST_LENGTH];

    if (shop_env.random(bytes, sizeof(bytes)) != 0) {
        ctl_error(ctl, "the system has no random numbers");
        return false;
    }

    memcpy(k->text, "shk_", 4);
    base64url(k->text + 4, bytes, sizeof(bytes));
    k->text[KEY_TEXT] = '\0';

    SHA256((const unsigned char *) k->text, KEY_TEXT, digest);
    memcpy(k->hash, "\\x", 2);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(k->hash + 2 + 2 * i, 3, "%02x", digest[i]);

    return true;
}


/* PostgreSQL's clock and ours may differ: its constraint has the last word on
 * a time that lies just ahead. */
static PGresult *
insert(struct ctl *ctl, const struct new_key *k)
{
    char         start[KEY_SHOWN + 1] = "";
    const char  *params[] = {
        k->name, start, k->text + KEY_TEXT - 4, k->hash,
        pg_array_text(&ctl->arena, &k->scopes),
        k->expires != NULL ? k->expires_at : NULL
    };

    memcpy(start, k->text, KEY_SHOWN);

    return ctl_query(ctl,
        "INSERT INTO api_keys (name, prefix, last4, hash, scopes, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING " KEY_COLUMNS,
        6, params);
}


/* The remark and the key are lines of their own; with --quiet the remark is
 * missing, and the output can go into a file as it is. */
static int
show(struct ctl *ctl, const struct new_key *k, const PGresult *res)
{
    struct buf b;

    buf_init(&b, &ctl->arena, 0);
    if (ctl->json) {
        buf_format(&b, "{\"key\":\"%s\",", k->text);
        key_json(ctl, &b, res, 0);
        buf_char(&b, '}');

    } else {
        buf_str(&b, k->text);
    }

    ctl_say(ctl, "%s is made; its key is shown only now:\n",
            key_id(ctl, res, 0));

    return ctl_put(ctl, &b);
}


/* Everything is checked before the key is made, and the key is made before
 * the database is asked: what fails leaves no key behind. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    struct new_key       k = { 0 };
    PGresult            *res;
    const struct option  options[] = {
        { "name", OPTION_TEXT, &k.name },
        { "scope", OPTION_TEXTS, &k.scopes },
        { "expires", OPTION_TEXT, &k.expires },
        { NULL }
    };
    int                  rc = ctl_options(ctl, options, &argc, argv, 0, 0);

    if (rc == CTL_OK)
        rc = check_name(ctl, &k);
    if (rc == CTL_OK)
        rc = check_scopes(ctl, &k.scopes);
    if (rc == CTL_OK)
        rc = check_expires(ctl, &k);
    if (rc != CTL_OK)
        return rc;

    if (!make_text(ctl, &k))
        return CTL_FAILED;
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    res = insert(ctl, &k);
    if (res == NULL)
        return ctl_failure(ctl);
    rc = show(ctl, &k, res);
    PQclear(res);

    return rc;
}


const struct command key_create_command = {
    "key create", "make an API key, and show it once", help, run
};
