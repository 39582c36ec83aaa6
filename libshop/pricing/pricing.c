/*
 * pricing.c - the shapes of price lists and prices, and their problems.
 */
#include "pricing/pricing.h"

static const char *const kinds[] = {
    "base", "sale", "market", "group", "customer", NULL
};
static const char *const statuses[] = { "active", "archived", NULL };

/* What a patch may change too. */
#define LIST_MEMBERS                                                          \
    FIELD(price_list, priority, INT, .min = -1000000, .max = 1000000,         \
          .doc = "Among lists of one kind the higher wins"),                  \
    FIELD(price_list, status, TEXT, .one_of = statuses),                      \
    FIELD(price_list, currency, TEXT, .nullable = true, .format = CURRENCY,   \
          .doc = "When set, the only currency of its prices"),                \
    FIELD(price_list, channel_id, UUID, .prefix = "chan", .nullable = true,   \
          .doc = "When set, only in this channel"),                           \
    FIELD(price_list, market_id, UUID, .prefix = "mkt", .nullable = true,     \
          .doc = "When set, only in this market"),                            \
    FIELD(price_list, starts_at, STAMP, .nullable = true),                    \
    FIELD(price_list, ends_at, STAMP, .nullable = true)

const struct field price_list[] = {
    SHAPE(price_list, "PriceList"),
    FIELD(price_list, id, UUID, .prefix = "plist", .internal = true),
    FIELD(price_list, code, TEXT, .required = true, .format = SLUG,
          .min = 1, .max = 50),
    FIELD(price_list, name, TEXT, .required = true, .min = 1, .max = 100),
    FIELD(price_list, kind, TEXT, .required = true, .one_of = kinds,
          .doc = "customer wins over group, market, sale and base"),
    LIST_MEMBERS,
    FIELD(price_list, version, INT, .internal = true),
    FIELD(price_list, created_at, STAMP, .internal = true),
    FIELD(price_list, updated_at, STAMP, .internal = true),
    FIELD(price_list, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field price_list_patch[] = {
    SHAPE(price_list, "PriceListPatch"),
    FIELD(price_list, code, TEXT, .format = SLUG, .min = 1, .max = 50),
    FIELD(price_list, name, TEXT, .min = 1, .max = 100),
    LIST_MEMBERS,
    END_SHAPE
};

#define PRICE_MEMBERS                                                         \
    FIELD(price, compare_at, INT, .nullable = true, .min = 1,                 \
          .doc = "Former or recommended price, in minor units; above the "    \
                 "price"),                                                    \
    FIELD(price, min_quantity, INT, .min = 1, .max = 1000000,                 \
          .doc = "Holds from this quantity on; 1 when it is not given"),      \
    FIELD(price, valid_from, STAMP, .nullable = true),                        \
    FIELD(price, valid_until, STAMP, .nullable = true,                        \
          .doc = "The first moment when it holds no more")

const struct field price[] = {
    SHAPE(price, "Price"),
    FIELD(price, id, UUID, .prefix = "price", .internal = true),
    FIELD(price, price_list_id, UUID, .prefix = "plist",
          .doc = "The default list when it is not given"),
    FIELD(price, variant_id, UUID, .prefix = "var", .internal = true),
    FIELD(price, price, MONEY, .required = true),
    PRICE_MEMBERS,
    FIELD(price, current, BOOL, .internal = true,
          .doc = "Whether its time is now"),
    FIELD(price, version, INT, .internal = true),
    FIELD(price, created_at, STAMP, .internal = true),
    FIELD(price, updated_at, STAMP, .internal = true),
    FIELD(price, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field price_patch[] = {
    SHAPE(price, "PricePatch"),
    FIELD(price, price, MONEY),
    PRICE_MEMBERS,
    END_SHAPE
};

const struct field prices[] = {
    SHAPE(prices, "Prices"),
    FIELD(prices, variant_id, UUID, .prefix = "var", .required = true),
    FIELD(prices, prices, LIST, .of = price, .required = true, .min = 1,
          .max = 100),
    END_SHAPE
};

const struct field price_filter[] = {
    SHAPE(price_filter, "PriceFilter"),
    FIELD(price_filter, variant_id, UUID, .prefix = "var"),
    FIELD(price_filter, price_list_id, UUID, .prefix = "plist"),
    END_SHAPE
};

const struct field found_id[] = {
    SHAPE(found_id, "FoundId"),
    FIELD(found_id, id, UUID),
    END_SHAPE
};

const struct problem code_taken = {
    409, "code_taken", "Another price list has this code.",
};
const struct problem price_overlap = {
    409, "price_overlap",
    "The list has a price for this variant, quantity and time already.",
};
const struct problem price_currency = {
    422, "price_currency",
    "A price list with a currency has prices in no other.",
};
const struct problem price_not_current = {
    409, "price_not_current", "The price does not hold now.",
};
const struct problem unknown_variant = {
    422, "unknown_variant", "There is no such variant.",
};
const struct problem unknown_price_list = {
    422, "unknown_price_list", "There is no such price list.",
};
const struct problem unknown_currency_code = {
    422, "unknown_currency", "The shop does not take this currency.",
};
const struct problem unknown_channel = {
    422, "unknown_channel", "There is no such channel.",
};
const struct problem unknown_market = {
    422, "unknown_market", "There is no such market.",
};
