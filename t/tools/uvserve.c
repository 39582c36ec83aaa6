/*
 * uvserve.c - the shop on libuv as a server for tests: requests come on
 * standard input, one after another, and are answered on standard output.
 *
 *     uvserve CONNINFO SECRET
 *
 * A request is a line "METHOD TARGET HEADERS BYTES", so many lines "Name:
 * value", and so many bytes of body; an answer is a line "STATUS HEADERS
 * BYTES", headers, and the body.  Content-Type is among the headers.  GET of
 * /shop-status tells the counters.  Between requests the loop runs, as it does
 * in nginx: the poller asks for changes.  It ends when its input does.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uv/shop_uv.h"

#define HEADERS_MAX   64
#define LONGEST_LINE  16384

/* One request as it was read; all of it is the heap's. */
struct asked {
    char           *method;
    char           *target;
    char           *line[HEADERS_MAX];
    shop_header_t   header[HEADERS_MAX];
    size_t          n_headers;
    char           *body;
    size_t          n_body;
};


static void
give_up(const char *why)
{
    fprintf(stderr, "uvserve: %s\n", why);
    exit(1);
}


/* --- reading ------------------------------------------------------------- */


static void
read_header(struct asked *asked, size_t i)
{
    char  *colon, line[LONGEST_LINE];

    if (fgets(line, sizeof(line), stdin) == NULL) {
        give_up("the input ends within a request");
    }

    line[strcspn(line, "\n")] = '\0';
    colon = strstr(line, ": ");
    if (colon == NULL) {
        give_up("a header has no colon");
    }

    asked->line[i] = strdup(line);
    asked->header[i].name.data = asked->line[i];
    asked->header[i].name.len = (size_t) (colon - line);
    asked->header[i].value.data = asked->line[i] + (colon - line) + 2;
    asked->header[i].value.len = strlen(colon + 2);
}


/* False at the end of the input. */
static bool
read_request(struct asked *asked)
{
    size_t  i;
    char    line[LONGEST_LINE];

    memset(asked, 0, sizeof(struct asked));

    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }

    if (sscanf(line, "%ms %ms %zu %zu", &asked->method, &asked->target,
               &asked->n_headers, &asked->n_body) != 4
        || asked->n_headers > HEADERS_MAX)
    {
        give_up("a request begins otherwise");
    }

    for (i = 0; i < asked->n_headers; i++) {
        read_header(asked, i);
    }

    asked->body = malloc(asked->n_body + 1);
    if (asked->body == NULL
        || fread(asked->body, 1, asked->n_body, stdin) != asked->n_body)
    {
        give_up("the input ends within a body");
    }

    return true;
}


static void
free_request(struct asked *asked)
{
    size_t  i;

    for (i = 0; i < asked->n_headers; i++) {
        free(asked->line[i]);
    }

    free(asked->method);
    free(asked->target);
    free(asked->body);
}


/* --- answering ----------------------------------------------------------- */


static void
write_header(shop_str_t name, shop_str_t value)
{
    printf("%.*s: %.*s\n", (int) name.len, name.data, (int) value.len,
           value.data);
}


static void
write_answer(const shop_answer_t *answer)
{
    size_t  i;

    printf("%d %zu %zu\n", answer->status, answer->n_headers + 1,
           answer->body.len);
    write_header((shop_str_t) { "Content-Type", 12 }, answer->content_type);

    for (i = 0; i < answer->n_headers; i++) {
        write_header(answer->headers[i].name, answer->headers[i].value);
    }

    (void) fwrite(answer->body.data, 1, answer->body.len, stdout);
}


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
serve(shop_uv_t *uv, const struct asked *asked)
{
    const shop_answer_t  *answer;
    shop_uv_request_t     request = {
        .method = asked->method,
        .path = asked->target,
        .headers = asked->header,
        .n_headers = asked->n_headers,
        .body = { asked->body, asked->n_body }
    };

    if (strcmp(asked->target, "/shop-status") == 0) {
        write_status(uv);

    } else if (shop_uv_call(uv, &request, &answer) == SHOP_OK) {
        write_answer(answer);
        shop_uv_answer_free(answer);

    } else {
        give_up("a request has no answer");
    }

    fflush(stdout);
}


/* --- the program --------------------------------------------------------- */


static void
on_input(uv_poll_t *poll, int status, int events)
{
    (void) status;
    (void) events;
    *(bool *) poll->data = true;
}


/* Who asks waits for the answer before he asks again, so nothing of the next
 * request is in stdio's buffer when libuv looks at the descriptor. */
static void
serve_all(shop_uv_t *uv, uv_loop_t *loop)
{
    bool           heard, goes_on = true;
    uv_poll_t      input;
    struct asked   asked;

    input.data = &heard;

    /* libuv makes it one that does not wait; stdio has to. */
    if (uv_poll_init(loop, &input, 0) != 0 || fcntl(0, F_SETFL, 0) != 0) {
        give_up("standard input cannot be waited for");
    }

    while (goes_on) {
        heard = false;
        (void) uv_poll_start(&input, UV_READABLE, on_input);

        while (!heard) {
            (void) uv_run(loop, UV_RUN_ONCE);
        }

        (void) uv_poll_stop(&input);
        goes_on = read_request(&asked);

        if (goes_on) {
            serve(uv, &asked);
            free_request(&asked);
        }
    }

    uv_close((uv_handle_t *) &input, NULL);
}


int
main(int argc, char **argv)
{
    uv_loop_t     loop;
    shop_uv_t    *uv;
    shop_conf_t   conf = SHOP_CONF_INIT;

    if (argc != 3) {
        give_up("usage: uvserve CONNINFO SECRET");
    }

    conf.database = argv[1];
    conf.cursor_secret[0] = (shop_str_t) { argv[2], strlen(argv[2]) };

    if (uv_loop_init(&loop) != 0
        || shop_uv_open(&uv, &loop, &conf, NULL) != SHOP_OK)
    {
        give_up("the shop did not open");
    }

    serve_all(uv, &loop);
    shop_uv_close(uv);

    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
