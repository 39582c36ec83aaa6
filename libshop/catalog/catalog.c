/*
 * catalog.c - the shapes of the catalogue, what rows fill and clients see;
 * and how a list is read.
 */
#include "catalog/catalog.h"

/* The first is used when none is asked for; a minus turns it round.  Newest is
 * always from the newest on. */
const char *const product_sorts[] = {
    "position", "newest", "price", "-price", "name", NULL
};

/* A BOOL of a query cannot tell "false" from "not given". */
static const char *const yes_no[] = { "true", "false", NULL };
static const char *const availabilities[] = {
    "in_stock", "out_of_stock", NULL
};

const struct field product_filter[] = {
    SHAPE(product_filter, "ProductFilter"),
    FIELD(product_filter, category, UUID, .prefix = "cat",
          .doc = "In this category or below it"),
    FIELD(product_filter, tag, TEXT, .min = 1, .max = 255),
    FIELD(product_filter, vendor, TEXT, .min = 1, .max = 255),
    FIELD(product_filter, price_min, INT,
          .doc = "The cheapest variant costs this or more, in minor units of "
                 "the currency asked for"),
    FIELD(product_filter, price_max, INT, .doc = "Or this or less"),
    FIELD(product_filter, available, TEXT, .one_of = yes_no,
          .doc = "true: a variant can be bought; false: none can"),
    END_SHAPE
};

/* No client sees it: its members are parameters of one statement. */
const struct field product_search[] = {
    SHAPE(product_search, "ProductSearch"),
    FIELD(product_search, channel, UUID),
    FIELD(product_search, locale, TEXT),
    FIELD(product_search, fallback, TEXT),
    FIELD(product_search, currency, TEXT),
    FIELD(product_search, by, TEXT),
    FIELD(product_search, down, BOOL),
    FIELD(product_search, under, UUID),
    FIELD(product_search, scope, TEXT),
    FIELD(product_search, scope_key, TEXT),
    FIELD(product_search, and_tag, TEXT),
    FIELD(product_search, and_vendor, TEXT),
    FIELD(product_search, available, TEXT),
    FIELD(product_search, and_price, BOOL),
    FIELD(product_search, price_min, INT),
    FIELD(product_search, price_max, INT),
    FIELD(product_search, after, TEXT),
    FIELD(product_search, after_id, TEXT),
    FIELD(product_search, limit, INT),
    END_SHAPE
};

/* What a list shows of a product: enough for a tile, and a link. */
const struct field product_card[] = {
    SHAPE(product_card, "ProductCard"),
    FIELD(product_card, id, UUID, .prefix = "prod", .required = true),
    FIELD(product_card, slug, TEXT),
    FIELD(product_card, title, TEXT, .required = true),
    FIELD(product_card, vendor, TEXT),
    FIELD(product_card, price, MONEY, .doc = "Of the cheapest variant"),
    FIELD(product_card, image, TEXT),
    FIELD(product_card, in_stock, BOOL),
    FIELD(product_card, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field variant[] = {
    SHAPE(variant, "Variant"),
    FIELD(variant, id, UUID, .prefix = "var", .required = true),
    FIELD(variant, sku, TEXT),
    FIELD(variant, options, TEXTS),
    FIELD(variant, price, MONEY),
    FIELD(variant, compare_at, INT),
    FIELD(variant, price_source, TEXT,
          .doc = "Code of the price list whose price won"),
    FIELD(variant, media_id, UUID, .prefix = "med",
          .doc = "Its own picture among the product's"),
    FIELD(variant, in_stock, BOOL),
    FIELD(variant, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field product_option[] = {
    SHAPE(product_option, "Option"),
    FIELD(product_option, name, TEXT, .required = true),
    FIELD(product_option, values, TEXTS),
    END_SHAPE
};

#define VALUE_FILTER(m, which)                                                \
    FIELD(variant_filter, m, TEXT, .min = 1, .max = 255,                      \
          .doc = "Value of the " which " option, as it is shown")

const struct field variant_filter[] = {
    SHAPE(variant_filter, "VariantFilter"),
    VALUE_FILTER(option1, "first"),
    VALUE_FILTER(option2, "second"),
    VALUE_FILTER(option3, "third"),
    END_SHAPE
};

/* Letters and not bits: three things are told apart, nothing is decoded, and
 * compressed it is as short. */
const struct field matrix[] = {
    SHAPE(matrix, "Matrix"),
    FIELD(matrix, options, LIST, .of = product_option),
    FIELD(matrix, cells, TEXT,
          .doc = "A letter for each combination, those of the last option's "
                 "values first: 1 can be bought, 0 cannot, - there is none; "
                 "null when there are more than 100000 combinations"),
    END_SHAPE
};

/* Words and not a truth value, as stock knows more than two states. */
const struct field availability[] = {
    SHAPE(availability, "Availability"),
    FIELD(availability, variant_id, UUID, .prefix = "var", .required = true),
    FIELD(availability, availability, TEXT, .required = true,
          .one_of = availabilities),
    FIELD(availability, product_status, TEXT, .hidden = true),
    END_SHAPE
};

const struct field media[] = {
    SHAPE(media, "Media"),
    FIELD(media, id, UUID, .prefix = "med", .required = true),
    FIELD(media, url, TEXT, .required = true),
    FIELD(media, alt, TEXT),
    END_SHAPE
};

/* A step of a breadcrumb, a child, a row of the tree. */
const struct field category[] = {
    SHAPE(category, "Category"),
    FIELD(category, id, UUID, .prefix = "cat", .required = true),
    FIELD(category, parent_id, UUID, .prefix = "cat"),
    FIELD(category, slug, TEXT),
    FIELD(category, name, TEXT, .required = true),
    END_SHAPE
};

const struct field alternate[] = {
    SHAPE(alternate, "Alternate"),
    FIELD(alternate, locale, TEXT, .required = true),
    FIELD(alternate, slug, TEXT, .required = true),
    END_SHAPE
};

#define ALTERNATES(S)                                                         \
    FIELD(S, alternates, LIST, .of = alternate,                               \
          .doc = "Its slug in each language that has one: what hreflang "     \
                 "links to")

const struct field product[] = {
    SHAPE(product, "Product"),
    FIELD(product, id, UUID, .prefix = "prod", .required = true),
    FIELD(product, slug, TEXT),
    FIELD(product, status, TEXT, .hidden = true),
    FIELD(product, locale, TEXT, .doc = "Language of the texts"),
    FIELD(product, title, TEXT, .required = true),
    FIELD(product, description, TEXT, .doc = "HTML"),
    FIELD(product, seo_title, TEXT),
    FIELD(product, seo_description, TEXT),
    FIELD(product, vendor, TEXT),
    FIELD(product, type, TEXT),
    FIELD(product, tags, TEXTS),
    FIELD(product, published_at, STAMP),
    FIELD(product, options, LIST, .of = product_option),
    FIELD(product, variants, LIST, .of = variant,
          .doc = "The first 100; the list of variants has all"),
    FIELD(product, more_variants, BOOL, .doc = "There are further variants"),
    FIELD(product, media, LIST, .of = media),
    FIELD(product, breadcrumb, LIST, .of = category,
          .doc = "From the top down to its category"),
    ALTERNATES(product),
    END_SHAPE
};

const struct field category_detail[] = {
    SHAPE(category_detail, "CategoryDetail"),
    FIELD(category_detail, id, UUID, .prefix = "cat", .required = true),
    FIELD(category_detail, parent_id, UUID, .prefix = "cat"),
    FIELD(category_detail, status, TEXT, .hidden = true),
    FIELD(category_detail, slug, TEXT),
    FIELD(category_detail, locale, TEXT, .doc = "Language of the texts"),
    FIELD(category_detail, name, TEXT, .required = true),
    FIELD(category_detail, description, TEXT, .doc = "HTML"),
    FIELD(category_detail, seo_title, TEXT),
    FIELD(category_detail, seo_description, TEXT),
    FIELD(category_detail, breadcrumb, LIST, .of = category,
          .doc = "From the top down to itself"),
    FIELD(category_detail, children, LIST, .of = category),
    ALTERNATES(category_detail),
    END_SHAPE
};

/* The rest are rows that no client sees. */
const struct field slug_ref[] = {
    SHAPE(slug_ref, "SlugRef"),
    FIELD(slug_ref, id, UUID),
    FIELD(slug_ref, moved_to, TEXT),
    END_SHAPE
};

const struct field owner_status[] = {
    SHAPE(owner_status, "OwnerStatus"),
    FIELD(owner_status, status, TEXT),
    END_SHAPE
};

const struct field matrix_value[] = {
    SHAPE(matrix_value, "MatrixValue"),
    FIELD(matrix_value, id, UUID),
    FIELD(matrix_value, option, INT),
    FIELD(matrix_value, at, INT),
    END_SHAPE
};

const struct field matrix_variant[] = {
    SHAPE(matrix_variant, "MatrixVariant"),
    FIELD(matrix_variant, in_stock, BOOL),
    FIELD(matrix_variant, value_ids, UUIDS),
    END_SHAPE
};

const struct field price_term[] = {
    SHAPE(price_term, "PriceTerm"),
    FIELD(price_term, seconds, INT),
    END_SHAPE
};


/* The narrowest filter is the scope: a category, else a tag, else a vendor. */
static void
scope_of(const struct product_filter *f, struct product_search *s)
{
    bool under = !uuid_is_none(f->category);

    s->under = f->category;
    s->scope = f->tag != NULL ? "tag" : f->vendor != NULL ? "vendor" : "all";
    s->scope_key = f->tag != NULL ? f->tag
                   : f->vendor != NULL ? f->vendor : "";
    s->and_tag = under ? f->tag : NULL;
    s->and_vendor = under || f->tag != NULL ? f->vendor : NULL;
}


/* Bounds of the price are a range of the index where the order is by price,
 * and a condition elsewhere. */
struct product_search
product_search_of(const struct product_filter *f, const struct context *c,
                  const struct page *p)
{
    bool by_price = strcmp(p->sort, "price") == 0
                    || strcmp(p->sort, "-price") == 0;
    bool by_name = strcmp(p->sort, "name") == 0;
    bool more = p->after.n == 2;
    struct product_search s = {
        .channel = c->channel_id, .locale = c->locale,
        .fallback = c->fallback, .currency = c->currency,
        .by = by_price ? "prices" : by_name ? "titles" : p->sort,
        .down = p->sort[0] == '-' || strcmp(p->sort, "newest") == 0,
        .available = f->available,
        .price_min = f->price_min, .price_max = f->price_max,
        .and_price = !by_price && (f->price_min != INT_NONE
                                   || f->price_max != INT_NONE),
        .after = more ? p->after.v[0] : NULL,
        .after_id = more ? p->after.v[1] : NULL,
        .limit = p->limit,
    };

    scope_of(f, &s);
    return s;
}
