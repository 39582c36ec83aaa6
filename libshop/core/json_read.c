/*
 * json_read.c - yajl, with its memory reserved and its errors made sentences.
 *
 * yajl does not look at what its allocator returns, so memory must not run
 * out inside it: the scan tells how much it can need, and that much is taken
 * from the arena before it starts.
 * Return codes; nothing here leaves by fail().
 */
#include "core/json_read.h"

#include "core/banned.h"
#include "core/buf.h"
#include "core/text.h"
#include "core/word.h"
#include "shop.h"

/* Handle, lexer, two buffers' heads, state stack, one buffer's first 2,048
 * bytes and an error text: 2,600 bytes with yajl 2.1. */
#define POOL_BASE  4096

#define POOL_HEAD  16           /* keeps a block's size, for realloc         */

struct pool {
    struct arena  *arena;
    char          *at;
    size_t         left;
};


/* What the pool has not got would be a wrong bound above, not a lack of
 * memory; the arena then still serves. */
static void *
pool_alloc(void *context, size_t size)
{
    struct pool  *pool = context;
    size_t        whole = (size + POOL_HEAD + 15) & ~(size_t) 15;
    char         *at = pool->at;

    if (whole > pool->left) {
        at = arena_alloc(pool->arena, whole);
        if (at == NULL)
            return NULL;
    } else {
        pool->at += whole;
        pool->left -= whole;
    }
    memcpy(at, &size, sizeof(size));
    return at + POOL_HEAD;
}


/* yajl only ever enlarges, so the old block may be left where it is.  The size
 * is read from the block's head, as yajl does not say how much it had. */
static void *
pool_resize(void *context, void *old, size_t size)
{
    void    *p = pool_alloc(context, size);
    size_t   had;

    if (p == NULL || old == NULL)
        return p;
    memcpy(&had, (char *) old - POOL_HEAD, sizeof(had));
    memcpy(p, old, had < size ? had : size);
    return p;
}


/* yajl frees its buffers one by one, and yajl_free() is never called: nothing
 * outlives the request. */
static void
pool_release(void *context, void *p)
{
    (void) context;             /* all of it goes with the arena */
    (void) p;
}


/* A buffer starts at 2,048 bytes and doubles, leaving the old one behind: four
 * times what goes in, at most.  Taken before yajl begins, so lack of memory is
 * found here and told, not in a parser that does not look. */
static int
pool_init(struct pool *pool, struct arena *a, const struct json_plain *p)
{
    size_t  size = POOL_BASE;

    if (p->escaped > 0)
        size += 2560 + 4 * p->escaped;
    if (p->tail > 0)
        size += 4 * p->tail;
    *pool = (struct pool) { a, arena_alloc(a, size), size };
    return pool->at == NULL ? SHOP_E_NOMEM : 0;
}


/* "parse error: invalid object key (must be a string)\n" without its head and
 * tail.  yajl's position is that of the byte behind, hence one is taken
 * off. */
static int
syntax_error(struct arena *a, yajl_handle yajl, size_t n,
             struct json_error *error)
{
    size_t       at = yajl_get_bytes_consumed(yajl);
    const char  *text, *colon;
    size_t       len;

    text = (const char *) yajl_get_error(yajl, 0, NULL, 0);
    if (text == NULL)
        return SHOP_E_NOMEM;
    colon = strstr(text, ": ");
    text = colon == NULL ? text : colon + 2;
    len = strcspn(text, "\n");
    while (len > 0 && text[len - 1] == '.')
        len--;

    error->code = "json_syntax";
    error->at = at > 0 && at <= n ? at - 1 : at == 0 ? 0 : n;
    error->why = arena_copy(a, text, len);
    return error->why == NULL ? SHOP_E_NOMEM : 1;
}


/* A parser that a callback stopped is no error of the text.  2 is not a
 * failure: the reader knows why it stopped, and has noted that itself. */
static int
outcome(struct arena *a, yajl_handle yajl, yajl_status status, size_t n,
        struct json_error *error)
{
    switch (status) {
    case yajl_status_ok:
        return 0;
    case yajl_status_client_canceled:
        return 2;
    case yajl_status_error:
    default:
        return syntax_error(a, yajl, n, error);
    }
}


/* One chunk and the end of it: with the whole text at hand yajl copies no
 * token, but for a last one that nothing ends. */
static int
parse(struct arena *a, const struct json_plain *plain,
      const yajl_callbacks *callbacks, void *context,
      struct json_error *error)
{
    yajl_alloc_funcs  funcs = { pool_alloc, pool_resize, pool_release, NULL };
    struct pool       pool;
    yajl_handle       yajl;
    yajl_status       status;
    int               rc;

    rc = pool_init(&pool, a, plain);
    if (rc != 0)
        return rc;

    funcs.ctx = &pool;
    yajl = yajl_alloc(callbacks, &funcs, context);
    yajl_config(yajl, yajl_dont_validate_strings, 1);
    status = yajl_parse(yajl, (const unsigned char *) plain->text, plain->n);
    if (status != yajl_status_ok)
        return outcome(a, yajl, status, plain->n, error);

    rc = outcome(a, yajl, yajl_complete_parse(yajl), plain->n, error);
    if (rc == 1)
        error->at = plain->n;   /* yajl counts from a last chunk of its own */
    return rc;
}


/* Faults have their place in what was sent. */
int
json_read(struct arena *a, const char *text, size_t n,
          const yajl_callbacks *callbacks, void *context,
          struct json_plain *plain, struct json_error *error)
{
    int  rc;

    rc = json_scan(a, text, n, plain, error);
    if (rc != 0)
        return rc;
    rc = parse(a, plain, callbacks, context, error);
    if (rc == 1 && plain->text != text)
        error->at = json_origin(plain, text, n, error->at);
    return rc;
}


/* Characters begin with any byte but 10xxxxxx.  Eight at a time, as a fault may
 * stand at the end of a long line. */
static size_t
characters(const char *text, size_t n)
{
    size_t  i = 0, inner = 0;

    for (; n - i >= 8; i += 8)
        inner += word_inner_bytes(word_load(text + i));
    for (; i < n; i++)
        inner += ((unsigned char) text[i] & 0xc0) == 0x80;

    return n - inner;
}


/* Columns count characters, as an editor shows them; the byte is for those
 * who have none. */
const char *
json_error_text(struct arena *a, const char *text, size_t n,
                const struct json_error *error)
{
    size_t      at = error->at < n ? error->at : n, line = 1, column;
    const char *end = at == 0 ? NULL : memrchr(text, '\n', at);
    size_t      start = end == NULL ? 0 : (size_t) (end - text) + 1;
    struct buf  b;

    for (size_t i = 0; i < start; i++)
        line += text[i] == '\n';
    column = 1 + characters(text + start, at - start);

    buf_init(&b, a, 128);
    buf_format(&b, "Line %zu, column %zu (byte %zu): %s.", line, column, at,
               error->why);
    buf_char(&b, '\0');
    return b.failed ? NULL : b.data;
}
