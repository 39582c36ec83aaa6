/*
 * cache_purge.c - shopctl cache purge: declare cached answers stale.
 *
 * A row of cache_change is what every change leaves for the caches; the
 * poller of each machine finds this one as it finds those.
 */
#include "shopctl/shopctl.h"

#include "core/banned.h"
#include "core/text.h"

#define EVERYTHING  "*"
#define TAG_MAX     100         /* characters, by the table's constraint     */

#define PURGE                                                                 \
    "INSERT INTO cache_change (tag) SELECT DISTINCT unnest($1::text[])"

static const char help[] =
    "usage: shopctl cache purge [TAG...]\n"
    "\n"
    "Makes cached answers stale, on every machine and within a second: those\n"
    "with one of the tags, or all when no tag is given. Changes of the shop's\n"
    "data do this by themselves, in psql too; this is for all the rest.\n"
    "\n"
    "  products, categories, slugs, store   lists, addresses, the shop itself\n"
    "  product:ID, category:ID              one thing, by uuid or prod_...\n"
    "  product:*, category:*                any product's, any category's own\n"
    "\n"
    "With --json an object with \"tags\", the tags as they were written.\n";


/* Tags carry uuids; people see prefixed ids. */
static const char *
stored_tag(struct ctl *ctl, const char *tag)
{
    const char  *id = strchr(tag, ':');
    const char  *letters = id == NULL ? NULL : strchr(id, '_');
    struct buf   b;
    char         text[36];
    uuid         u;

    if (letters == NULL
        || !uuid_from_base32(&u, letters + 1, strlen(letters + 1)))
    {
        return tag;
    }

    uuid_text(text, u);
    buf_init(&b, &ctl->arena, 0);
    buf_format(&b, "%.*s:%.36s", (int) (id - tag), tag, text);
    buf_char(&b, '\0');

    return b.failed ? tag : b.data;
}


/* Kinds of tags are not checked: domains add their own, and a tag that no
 * answer carries does no harm. */
static int
check_tags(struct ctl *ctl, const struct texts *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        ssize_t n = utf8_length(tags->v[i], strlen(tags->v[i]));

        if (n < 1 || n > TAG_MAX) {
            return ctl_usage(ctl, "a tag is UTF-8 and has 1 to %d characters",
                             TAG_MAX);
        }
        tags->v[i] = stored_tag(ctl, tags->v[i]);
    }

    return CTL_OK;
}


/* The pollers look several times a second; that they have looked cannot be
 * seen from here. */
static int
report(struct ctl *ctl, const struct texts *tags)
{
    struct buf b;

    if (!ctl->json) {
        ctl_say(ctl, "Stale within a second: %s", tags->n == 1
                ? tags->v[0] : "answers with these tags");
        return CTL_OK;
    }

    buf_init(&b, &ctl->arena, 0);
    buf_str(&b, "{\"tags\":[");
    for (size_t i = 0; i < tags->n; i++) {
        if (i > 0)
            buf_char(&b, ',');
        json_text(&b, tags->v[i], strlen(tags->v[i]));
    }
    buf_str(&b, "]}");

    return ctl_put(ctl, &b);
}


/* No tag is everything, written as a tag of its own: "all that there is now"
 * could not be listed here, and would be many rows. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    const struct option  options[] = { { NULL } };
    const char          *all[] = { EVERYTHING };
    struct texts         tags = { 1, all };
    const char          *params[1];
    PGresult            *res;
    int                  rc = ctl_options(ctl, options, &argc, argv, 0,
                                          INT16_MAX);

    if (rc == CTL_OK && argc > 0) {
        tags = (struct texts) { (size_t) argc, (const char **) argv };
        rc = check_tags(ctl, &tags);
    }
    if (rc != CTL_OK)
        return rc;

    params[0] = pg_array_text(&ctl->arena, &tags);
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    res = ctl_query(ctl, PURGE, 1, params);
    if (res == NULL)
        return ctl_failure(ctl);
    PQclear(res);

    return report(ctl, &tags);
}


const struct command cache_purge_command = {
    "cache purge", "make cached answers stale, all or by tag", help, run
};
