/*
 * serve.c - see serve.h.  What goes wrong ends the program.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_LINE  16384


void
serve_give_up(const char *why)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    exit(1);
}


/* --- reading ------------------------------------------------------------- */


static void
read_header(struct asked *asked, size_t i)
{
    char  *colon, line[LONGEST_LINE];

    if (fgets(line, sizeof(line), stdin) == NULL) {
        serve_give_up("the input ends within a request");
    }

    line[strcspn(line, "\n")] = '\0';
    colon = strstr(line, ": ");
    if (colon == NULL) {
        serve_give_up("a header has no colon");
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
        serve_give_up("a request begins otherwise");
    }

    for (i = 0; i < asked->n_headers; i++) {
        read_header(asked, i);
    }

    asked->body = malloc(asked->n_body + 1);
    if (asked->body == NULL
        || fread(asked->body, 1, asked->n_body, stdin) != asked->n_body)
    {
        serve_give_up("the input ends within a body");
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


void
serve_answer(const shop_answer_t *answer, const shop_header_t *more,
             size_t n)
{
    size_t  i;

    printf("%d %zu %zu\n", answer->status, answer->n_headers + n + 1,
           answer->body.len);
    write_header((shop_str_t) { "Content-Type", 12 }, answer->content_type);

    for (i = 0; i < answer->n_headers; i++) {
        write_header(answer->headers[i].name, answer->headers[i].value);
    }

    for (i = 0; i < n; i++) {
        write_header(more[i].name, more[i].value);
    }

    if (answer->body.len != 0) {
        (void) fwrite(answer->body.data, 1, answer->body.len, stdout);
    }
}


int
serve_ask(struct server *s, const struct asked *asked,
          const shop_answer_t **answer)
{
    shop_uv_request_t  request = {
        .method = asked->method,
        .path = asked->target,
        .headers = asked->header,
        .n_headers = asked->n_headers,
        .body = { asked->body, asked->n_body }
    };

    return shop_uv_call(s->uv, &request, answer);
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
serve_all(struct server *s)
{
    bool           heard, goes_on = true;
    struct asked   asked;

    s->input.data = &heard;

    /* libuv makes it one that does not wait; stdio has to. */
    if (uv_poll_init(&s->loop, &s->input, 0) != 0
        || fcntl(0, F_SETFL, 0) != 0)
    {
        serve_give_up("standard input cannot be waited for");
    }

    while (goes_on) {
        heard = false;
        (void) uv_poll_start(&s->input, UV_READABLE, on_input);

        while (!heard) {
            (void) uv_run(&s->loop, UV_RUN_ONCE);
        }

        (void) uv_poll_stop(&s->input);
        goes_on = read_request(&asked);

        if (goes_on) {
            s->serve(s, &asked);
            fflush(stdout);
            free_request(&asked);
        }
    }

    uv_close((uv_handle_t *) &s->input, NULL);
}


void
serve_open(struct server *s)
{
    if (shop_uv_open(&s->uv, &s->loop, &s->conf, s->log) != SHOP_OK) {
        serve_give_up("the shop did not open");
    }
}


int
serve_run(struct server *s, int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        serve_give_up("usage: CONNINFO SECRET [MEMCACHED]");
    }

    s->conf = (shop_conf_t) SHOP_CONF_INIT;
    s->conf.database = argv[1];
    s->conf.memcached = argv[3];
    s->conf.cursor_secret[0] = (shop_str_t) { argv[2], strlen(argv[2]) };

    if (uv_loop_init(&s->loop) != 0) {
        serve_give_up("there is no loop");
    }

    serve_open(s);
    serve_all(s);

    if (s->uv != NULL) {
        shop_uv_close(s->uv);
    }

    (void) uv_run(&s->loop, UV_RUN_DEFAULT);

    return uv_loop_close(&s->loop) == 0 ? 0 : 1;
}
