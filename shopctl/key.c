/*
 * key.c - what the commands "key ..." share: the scopes, and a row as JSON.
 */
#include "shopctl/key.h"

#include "core/banned.h"
#include "core/text.h"

#define SCOPE(id, name, doc)  { name, doc },
const struct key_scope key_scopes[] = {
#include "core/scopes.def"
    { NULL }
};
#undef SCOPE


/* A primary key of ours is a uuid, whatever the row. */
static uuid
id_of(const PGresult *res, int row)
{
    uuid id = UUID_NONE;

    uuid_parse(&id, PQgetvalue(res, row, KEY_ID),
               (size_t) PQgetlength(res, row, KEY_ID));

    return id;
}


const char *
key_id(struct ctl *ctl, const PGresult *res, int row)
{
    char text[] = KEY_PREFIX "_" "00000000000000000000000000";

    uuid_base32(text + sizeof(KEY_PREFIX), id_of(res, row));

    return arena_copy(&ctl->arena, text, sizeof(text) - 1);
}


/* The array is PostgreSQL's own text; that it cannot be parsed would be a
 * column of another type, and spoils the whole value. */
static void
json_texts(struct ctl *ctl, struct buf *b, const char *array)
{
    struct texts t = { 0 };

    if (!pg_array_parse(&ctl->arena, &t, array, strlen(array)))
        b->failed = true;

    buf_char(b, '[');
    for (size_t i = 0; i < t.n; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_text(b, t.v[i], strlen(t.v[i]));
    }
    buf_char(b, ']');
}


/* A time that JSON cannot say, infinity, is null: none is set. */
static void
json_time(struct buf *b, const PGresult *res, int row, int col)
{
    stamp at = STAMP_NONE;

    stamp_from_pg(&at, PQgetvalue(res, row, col),
                  (size_t) PQgetlength(res, row, col));
    json_stamp(b, at);
}


/* Columns are named by the statement, so that JSON and table agree. */
void
key_json(struct ctl *ctl, struct buf *b, const PGresult *res, int row)
{
    bool first = true;

    json_key(b, "id", &first);
    json_uuid(b, KEY_PREFIX, id_of(res, row));
    for (int col = KEY_NAME; col <= KEY_USED; col++) {
        const char *text = PQgetvalue(res, row, col);

        json_key(b, PQfname(res, col), &first);
        if (col >= KEY_CREATED)
            json_time(b, res, row, col);
        else if (col == KEY_SCOPES)
            json_texts(ctl, b, text);
        else
            json_text(b, text, strlen(text));
    }
}
