/*
 * uvserve.c - the shop on libuv as a server for tests, over the libraries that
 * are installed: see serve/serve.h.
 *
 *     uvserve CONNINFO SECRET
 *
 * GET of /shop-status tells the counters.  It ends when its input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve.h"


static void *
give_memory(void *rq, size_t size)
{
    char  **room = rq;

    *room = malloc(size);

    return *room;
}


static void
write_status(shop_uv_t *uv)
{
    char                          *room = NULL;
    shop_str_t                     text;
    static const shop_sink_ops_t   sink = {
        .size = sizeof(shop_sink_ops_t), .alloc = give_memory
    };

    text = shop_status(shop_uv_shop(uv), &sink, &room);
    printf("200 1 %zu\nContent-Type: application/json\n%.*s", text.len,
           (int) text.len, text.data);
    free(room);
}


static void
serve(struct server *s, const struct asked *asked)
{
    const shop_answer_t  *answer;

    if (strcmp(asked->target, "/shop-status") == 0) {
        write_status(s->uv);

    } else if (serve_ask(s, asked, &answer) == SHOP_OK) {
        serve_answer(answer, NULL, 0);
        shop_uv_answer_free(answer);

    } else {
        serve_give_up("a request has no answer");
    }
}


int
main(int argc, char **argv)
{
    struct server  s = { .serve = serve };

    return serve_run(&s, argc, argv);
}
