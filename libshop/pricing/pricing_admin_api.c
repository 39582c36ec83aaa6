/*
 * pricing_admin_api.c - price lists and prices over HTTP, for staff and
 * machines.  Customers see prices with their products.
 */
#include "pricing/pricing.h"

#include "pricing/pricing.sql.h"

#define ADMIN  "/api/admin/v1"

static const char *const id_sorts[] = { "oldest", NULL };


/* --- price lists --------------------------------------------------------- */


/* The list as it is now, with its ETag. */
static struct price_list *
price_list_view(struct request *rq, uuid id)
{
    struct price_list *l = sql_price_list(rq, id);

    if (l == NULL)
        fail(rq, &not_found);
    etag_version(rq, l->version);

    return l;
}


/* GET /price-lists */
static void
price_list_list(struct request *rq)
{
    const struct page *p = page(rq);
    struct price_list *rows;
    size_t             n;

    rows = sql_price_lists(rq, p->after.n == 1 ? p->after.v[0] : NULL,
                           p->limit, &n);
    reply_page(rq, price_list, rows, n);
}


/* GET /price-lists/:list */
static void
price_list_show(struct request *rq)
{
    uuid id = path_id(rq, "list", "plist");

    reply(rq, 200, price_list, price_list_view(rq, id));
}


/* POST /price-lists */
static void
price_list_create(struct request *rq)
{
    struct price_list l = *body(rq, price_list);

    l.id = new_id(rq);
    price_list_insert(rq, &l);

    reply_created(rq, price_list, price_list_view(rq, l.id),
                  text_of(rq, ADMIN "/price-lists/%s",
                          id_of(rq, "plist", l.id)));
}


/* PATCH /price-lists/:list */
static void
price_list_edit(struct request *rq)
{
    uuid               id = path_id(rq, "list", "plist");
    struct price_list *l = price_list_hold(rq, id);

    check_version(rq, l->version);
    patch(rq, price_list_patch, l);
    price_list_update(rq, l);

    reply(rq, 200, price_list, price_list_view(rq, id));
}


/* --- prices -------------------------------------------------------------- */


static struct price *
price_view(struct request *rq, uuid id)
{
    struct price *p = sql_price(rq, id);

    if (p == NULL)
        fail(rq, &not_found);
    etag_version(rq, p->version);

    return p;
}


/* GET /prices: without a filter all of the shop's, for who copies them. */
static void
price_page(struct request *rq)
{
    const struct page *p = page(rq);
    struct price      *rows;
    size_t             n;

    rows = sql_prices(rq, query(rq, price_filter),
                      p->after.n == 1 ? p->after.v[0] : NULL, p->limit, &n);
    reply_page(rq, price, rows, n);
}


/* GET /prices/:price */
static void
price_show(struct request *rq)
{
    uuid id = path_id(rq, "price", "price");

    reply(rq, 200, price, price_view(rq, id));
}


/* POST /prices: answered as it was sent, with what the database added, in the
 * order of the body. */
static void
price_create(struct request *rq)
{
    struct prices in = *body(rq, prices);
    struct price *p = in.prices.v;

    prices_insert(rq, in.variant_id, &in.prices);
    for (size_t i = 0; i < in.prices.n; i++)
        p[i] = *sql_price(rq, p[i].id);

    reply_created(rq, prices, &in,
                  text_of(rq, ADMIN "/prices?variant_id=%s",
                          id_of(rq, "var", in.variant_id)));
}


/* PATCH /prices/:price: in place, for what was wrong from the start.  A price
 * that changes is ended, and a new one made, so that both are known. */
static void
price_edit(struct request *rq)
{
    uuid          id = path_id(rq, "price", "price");
    struct price *p = price_hold(rq, id);

    check_version(rq, p->version);
    patch(rq, price_patch, p);
    price_update(rq, p);

    reply(rq, 200, price, price_view(rq, id));
}


/* POST /prices/:price/end */
static void
end_price(struct request *rq)
{
    uuid          id = path_id(rq, "price", "price");
    struct price *p = price_hold(rq, id);

    check_version(rq, p->version);
    price_end(rq, p);

    reply(rq, 200, price, price_view(rq, id));
}


/* --- routes -------------------------------------------------------------- */

static const struct problem *const list_problems[] = {
    &code_taken, &price_currency, &unknown_currency_code, &unknown_channel,
    &unknown_market, NULL
};
static const struct problem *const price_problems[] = {
    &price_overlap, &price_currency, &unknown_variant, &unknown_price_list,
    &unknown_currency_code, NULL
};
static const struct problem *const end_problems[] = {
    &price_not_current, NULL
};

static const struct route admin_routes[] = {
    { GET, ADMIN "/price-lists", price_list_list, MAY(prices_read), PAGED,
      .view = price_list, .sorts = id_sorts, .summary = "Price lists" },
    { POST, ADMIN "/price-lists", price_list_create, MAY(prices_write),
      TX | ONCE, .status = 201, .body = price_list, .view = price_list,
      .problems = list_problems, .summary = "Make a price list" },
    { GET, ADMIN "/price-lists/:list", price_list_show, MAY(prices_read),
      .view = price_list, .summary = "One price list" },
    { PATCH, ADMIN "/price-lists/:list", price_list_edit, MAY(prices_write),
      TX | ONCE | IF_MATCH, .body = price_list_patch, .view = price_list,
      .problems = list_problems, .summary = "Change a price list" },
    { GET, ADMIN "/prices", price_page, MAY(prices_read), PAGED,
      .query = price_filter, .view = price, .sorts = id_sorts,
      .summary = "Prices, past and future ones too" },
    { POST, ADMIN "/prices", price_create, MAY(prices_write), TX | ONCE,
      .status = 201, .body = prices, .view = prices,
      .problems = price_problems, .summary = "Give a variant prices" },
    { GET, ADMIN "/prices/:price", price_show, MAY(prices_read),
      .view = price, .summary = "One price" },
    { PATCH, ADMIN "/prices/:price", price_edit, MAY(prices_write),
      TX | ONCE | IF_MATCH, .body = price_patch, .view = price,
      .problems = price_problems, .summary = "Change a price" },
    { POST, ADMIN "/prices/:price/end", end_price, MAY(prices_write),
      TX | ONCE, .view = price, .problems = end_problems,
      .summary = "Let a price hold until now" },
    END_ROUTES
};

static const struct constraint constraints[] = {
    { "price_lists_code", &code_taken, "/code" },
    { "price_lists_currency_fkey", &unknown_currency_code, "/currency" },
    { "price_lists_channel_id_fkey", &unknown_channel, "/channel_id" },
    { "price_lists_market_id_fkey", &unknown_market, "/market_id" },
    { "prices_overlap", &price_overlap, "" },
    { "prices_currency_of_list", &price_currency, "" },
    { "prices_currency_fkey", &unknown_currency_code, "/price/currency" },
    { "prices_variant_id_fkey", &unknown_variant, "/variant_id" },
    { "prices_price_list_id_fkey", &unknown_price_list, "/price_list_id" },
    { NULL, NULL, NULL }
};

const struct domain pricing_domain = {
    "pricing", .admin_routes = admin_routes, .statements = pricing_statements,
    .constraints = constraints,
};
