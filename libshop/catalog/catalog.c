/*
 * catalog.c - the shapes of the catalogue: what rows fill and clients see.
 */
#include "catalog/catalog.h"

const struct field product_filter[] = {
    SHAPE(product_filter, "ProductFilter"),
    FIELD(product_filter, category, UUID, .prefix = "cat",
          .doc = "In this category or below it"),
    FIELD(product_filter, tag, TEXT, .min = 1, .max = 100),
    FIELD(product_filter, vendor, TEXT, .min = 1, .max = 100),
    END_SHAPE
};

const struct field product_card[] = {
    SHAPE(product_card, "ProductCard"),
    FIELD(product_card, id, UUID, .prefix = "prod", .required = true),
    FIELD(product_card, slug, TEXT),
    FIELD(product_card, title, TEXT, .required = true),
    FIELD(product_card, vendor, TEXT),
    FIELD(product_card, price, MONEY, .doc = "Of the cheapest variant"),
    FIELD(product_card, image, TEXT),
    FIELD(product_card, in_stock, BOOL),
    FIELD(product_card, page_key, TEXTS, .hidden = true),
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
    FIELD(variant, in_stock, BOOL),
    END_SHAPE
};

const struct field media[] = {
    SHAPE(media, "Media"),
    FIELD(media, id, UUID, .prefix = "med", .required = true),
    FIELD(media, url, TEXT, .required = true),
    FIELD(media, alt, TEXT),
    END_SHAPE
};

const struct field category[] = {
    SHAPE(category, "Category"),
    FIELD(category, id, UUID, .prefix = "cat", .required = true),
    FIELD(category, parent_id, UUID, .prefix = "cat"),
    FIELD(category, slug, TEXT),
    FIELD(category, name, TEXT, .required = true),
    END_SHAPE
};

const struct field product[] = {
    SHAPE(product, "Product"),
    FIELD(product, id, UUID, .prefix = "prod", .required = true),
    FIELD(product, slug, TEXT),
    FIELD(product, locale, TEXT, .doc = "Language of the texts"),
    FIELD(product, title, TEXT, .required = true),
    FIELD(product, description, TEXT, .doc = "HTML"),
    FIELD(product, seo_title, TEXT),
    FIELD(product, seo_description, TEXT),
    FIELD(product, vendor, TEXT),
    FIELD(product, type, TEXT),
    FIELD(product, tags, TEXTS),
    FIELD(product, published_at, STAMP),
    FIELD(product, variants, LIST, .of = variant),
    FIELD(product, media, LIST, .of = media),
    FIELD(product, breadcrumb, LIST, .of = category),
    END_SHAPE
};

const struct field product_ref[] = {
    SHAPE(product_ref, "ProductRef"),
    FIELD(product_ref, id, UUID),
    FIELD(product_ref, moved_to, TEXT),
    END_SHAPE
};
