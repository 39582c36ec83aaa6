/*
 * product.c - print a product: the shortest program with a shop in it.
 *
 *     product 'host=/run/postgresql dbname=shop user=shop_app' SLUG [LOCALE]
 *
 * libshop-uv lends the shop a loop and waits for the answer, so that nothing
 * here is asynchronous.
 */
#include <stdio.h>
#include <unistd.h>

#include <shop_uv.h>


/* What a client of the API would send; the answer is the same too. */
static int
print_product(shop_uv_t *uv, const char *slug, const char *locale)
{
    int                   rc, status;
    char                  path[512];
    shop_header_t         header = { { "Accept-Language", 15 }, { NULL, 0 } };
    shop_uv_request_t     request = { .method = "GET", .path = path };
    const shop_answer_t  *answer;

    snprintf(path, sizeof(path), "/api/v1/products/%s", slug);

    if (locale != NULL) {
        header.value = (shop_str_t) { locale, 2 };
        request.headers = &header;
        request.n_headers = 1;
    }

    rc = shop_uv_call(uv, &request, &answer);
    if (rc != SHOP_OK) {
        fprintf(stderr, "product: no answer: %d\n", rc);
        return 1;
    }

    printf("%.*s\n", (int) answer->body.len, answer->body.data);
    status = answer->status;
    shop_uv_answer_free(answer);

    return status == 200 ? 0 : 1;
}


/* The secret signs the cursors of lists. A program that hands them to others
 * keeps it in a file; for one that does not, any will do. */
int
main(int argc, char **argv)
{
    int           rc;
    char          error[256], secret[32];
    shop_uv_t    *uv;
    shop_conf_t   conf = SHOP_CONF_INIT;

    if (argc < 3 || getentropy(secret, sizeof(secret)) != 0) {
        fprintf(stderr, "usage: product CONNINFO SLUG [LOCALE]\n");
        return 2;
    }

    conf.database = argv[1];
    conf.cursor_secret[0] = (shop_str_t) { secret, sizeof(secret) };

    if (shop_conf_check(&conf, error, sizeof(error)) != SHOP_OK) {
        fprintf(stderr, "product: %s\n", error);
        return 2;
    }

    rc = shop_uv_open(&uv, uv_default_loop(), &conf, NULL);
    if (rc != SHOP_OK) {
        fprintf(stderr, "product: the shop did not open: %d\n", rc);
        return 2;
    }

    rc = print_product(uv, argv[2], argc > 3 ? argv[3] : NULL);
    shop_uv_close(uv);

    return rc;
}
