/*
 * two.c - two shops in one process, asked at the same time.
 *
 *     two CONNINFO CONNINFO PATH
 *
 * Each shop has connections, a cache and counters of its own; they share the
 * loop. shop_submit() does not wait: the loop runs until both have answered,
 * and then returns, since a shop that idles does not keep it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shop_uv.h>

#define PIECES_MAX  8

/* A request of ours: where its answer goes, and the memory that libshop asked
 * for to make it. */
struct asked {
    const char  *database;
    shop_uv_t   *uv;
    void        *piece[PIECES_MAX];
    int          n_pieces;
    int          status;
};


/* Lives as long as the request does: here, until main() ends it. NULL says
 * that there is no more; the answer is a problem then. */
static void *
give_memory(void *rq, size_t size)
{
    struct asked  *asked = rq;

    if (asked->n_pieces == PIECES_MAX) {
        return NULL;
    }

    return asked->piece[asked->n_pieces++] = malloc(size);
}


/* Called once. The answer is libshop's, and gone when this returns: who needs
 * it later copies it. */
static void
take_answer(void *rq, const shop_answer_t *answer)
{
    struct asked  *asked = rq;

    asked->status = answer->status;
    printf("%s: %d %.*s\n", asked->database, answer->status,
           (int) answer->body.len, answer->body.data);
}


static const shop_sink_ops_t  sink = {
    .size = sizeof(shop_sink_ops_t),
    .alloc = give_memory,
    .respond = take_answer
};


static int
open_shop(struct asked *asked, const char *database)
{
    char          secret[32];
    shop_conf_t   conf = SHOP_CONF_INIT;

    if (getentropy(secret, sizeof(secret)) != 0) {
        return SHOP_E_IO;
    }

    asked->database = database;
    conf.database = database;
    conf.cursor_secret[0] = (shop_str_t) { secret, sizeof(secret) };

    return shop_uv_open(&asked->uv, uv_default_loop(), &conf, NULL);
}


static void
close_shop(struct asked *asked)
{
    shop_uv_close(asked->uv);

    while (asked->n_pieces != 0) {
        free(asked->piece[--asked->n_pieces]);
    }
}


/* The request's strings stay where they are until it is answered. */
int
main(int argc, char **argv)
{
    int              i;
    shop_call_t     *call;
    shop_request_t   request = { .method = { "GET", 3 } };
    struct asked     asked[2] = { { 0 }, { 0 } };

    if (argc != 4) {
        fprintf(stderr, "usage: two CONNINFO CONNINFO PATH\n");
        return 2;
    }

    request.path = (shop_str_t) { argv[3], strlen(argv[3]) };

    for (i = 0; i < 2; i++) {
        if (open_shop(&asked[i], argv[1 + i]) != SHOP_OK) {
            fprintf(stderr, "two: shop %d did not open\n", i + 1);
            return 2;
        }
    }

    for (i = 0; i < 2; i++) {
        if (shop_submit(shop_uv_shop(asked[i].uv), &request, &sink, &asked[i],
                        &call) < SHOP_OK)
        {
            fprintf(stderr, "two: shop %d took no request\n", i + 1);
        }
    }

    (void) uv_run(uv_default_loop(), UV_RUN_DEFAULT);

    close_shop(&asked[0]);
    close_shop(&asked[1]);

    return asked[0].status == 200 && asked[1].status == 200 ? 0 : 1;
}
