/*
 * catalog_admin.c - the shapes of the catalogue for staff: which members a
 * body may set, what a patch may change, what is shown; and what broken
 * constraints mean.
 */
#include "catalog/catalog_admin.h"

/* A member that is a text of the default language. */
#define WORDING(S, m, called, ...)                                            \
    { .name = called, .type = TEXT, .at = AT(S, text.m, TEXT), ##__VA_ARGS__ }

#define DESCRIPTION_MAX  65536
#define DESCRIPTION_DOC                                                       \
    "Harmless HTML is kept; at most 65,536 bytes and 2,000 tags, and as many "\
    "bytes when it is cleaned"
#define VALUE_MAX        255    /* of an option                              */

static const char *const product_statuses[] = { "draft", "active", NULL };
static const char *const all_statuses[] = {
    "draft", "active", "archived", NULL
};
static const char *const category_statuses[] = { "active", "hidden", NULL };
static const char *const all_category_statuses[] = {
    "active", "hidden", "archived", NULL
};
static const char *const media_kinds[] = {
    "image", "video", "model", "file", NULL
};

const struct field wording[] = {
    SHAPE(wording, "ProductTranslation"),
    FIELD(wording, locale, TEXT, .hidden = true, .format = LOCALE),
    FIELD(wording, title, TEXT, .required = true, .min = 1, .max = 255),
    FIELD(wording, slug, TEXT, .format = SLUG, .min = 1, .max = 255,
          .doc = "Made from the title when it is not given"),
    FIELD(wording, description, TEXT, .nullable = true, .format = HTML,
          .max = DESCRIPTION_MAX, .doc = DESCRIPTION_DOC),
    FIELD(wording, seo_title, TEXT, .nullable = true, .max = 255),
    FIELD(wording, seo_description, TEXT, .nullable = true, .max = 1000),
    END_SHAPE
};

/* The same, but a category has a name. */
static const struct field category_wording[] = {
    SHAPE(wording, "CategoryTranslation"),
    FIELD(wording, locale, TEXT, .hidden = true, .format = LOCALE),
    { .name = "name", .type = TEXT, .at = AT(wording, title, TEXT),
      .required = true, .min = 1, .max = 255 },
    FIELD(wording, slug, TEXT, .format = SLUG, .min = 1, .max = 255,
          .doc = "Made from the name when it is not given"),
    FIELD(wording, description, TEXT, .nullable = true, .format = HTML,
          .max = DESCRIPTION_MAX, .doc = DESCRIPTION_DOC),
    FIELD(wording, seo_title, TEXT, .nullable = true, .max = 255),
    FIELD(wording, seo_description, TEXT, .nullable = true, .max = 1000),
    END_SHAPE
};

const struct field option_word[] = {
    SHAPE(option_word, "OptionTranslation"),
    FIELD(option_word, owner_id, UUID, .hidden = true),
    FIELD(option_word, locale, TEXT, .hidden = true, .format = LOCALE),
    { .name = "name", .type = TEXT, .at = AT(option_word, word, TEXT),
      .required = true, .nullable = true, .min = 1, .max = 255,
      .doc = "Null takes the language away" },
    END_SHAPE
};

static const struct field choice_word[] = {
    SHAPE(option_word, "ChoiceTranslation"),
    FIELD(option_word, owner_id, UUID, .hidden = true),
    FIELD(option_word, locale, TEXT, .hidden = true, .format = LOCALE),
    { .name = "value", .type = TEXT, .at = AT(option_word, word, TEXT),
      .required = true, .nullable = true, .min = 1, .max = 255,
      .doc = "Null takes the language away" },
    END_SHAPE
};

#define TRANSLATIONS(S, words)                                                \
    FIELD(S, translations, LIST, .of = words, .key = "locale", .max = 50,     \
          .doc = "By language; those that are not named stay")

/* Patches name what they mean by its id, so that a new name is told from a new
 * thing; what has none is new. */
const struct field staff_choice[] = {
    SHAPE(staff_choice, "ProductChoice"),
    FIELD(staff_choice, id, UUID, .prefix = "val",
          .doc = "Of the value that this is; a new one without"),
    FIELD(staff_choice, option_id, UUID, .hidden = true),
    FIELD(staff_choice, value, TEXT, .required = true, .min = 1, .max = 255),
    TRANSLATIONS(staff_choice, choice_word),
    END_SHAPE
};

const struct field staff_option[] = {
    SHAPE(staff_option, "ProductOption"),
    FIELD(staff_option, id, UUID, .prefix = "opt", .internal = true),
    FIELD(staff_option, name, TEXT, .required = true, .min = 1, .max = 255),
    FIELD(staff_option, values, TEXTS, .max = 250, .item_max = VALUE_MAX,
          .doc = "In the order of showing; variants may bring more"),
    FIELD(staff_option, choices, LIST, .of = staff_choice, .internal = true,
          .doc = "The values with their ids and translations"),
    FIELD(staff_option, translations, LIST, .of = option_word,
          .key = "locale", .internal = true, .doc = "By language"),
    END_SHAPE
};

static const struct field staff_option_patch[] = {
    SHAPE(staff_option, "ProductOptionPatch"),
    FIELD(staff_option, id, UUID, .prefix = "opt",
          .doc = "Of the option that this is; a new one without"),
    FIELD(staff_option, name, TEXT, .required = true, .min = 1, .max = 255),
    FIELD(staff_option, choices, LIST, .of = staff_choice, .min = 1,
          .max = PRODUCT_VARIANTS_MAX,
          .doc = "All values in the order of showing; without it they stay"),
    TRANSLATIONS(staff_option, option_word),
    FIELD(staff_option, fill, TEXT, .min = 1, .max = 255,
          .doc = "Of a new option: the value that the variants get that are "
                 "there; the first of its choices when it is not given"),
    END_SHAPE
};

/* By reference: the file itself was put where the address leads to before. */
const struct field staff_media[] = {
    SHAPE(staff_media, "ProductMedia"),
    FIELD(staff_media, id, UUID, .prefix = "med", .internal = true),
    FIELD(staff_media, url, TEXT, .required = true, .format = URL, .min = 1,
          .max = 2000),
    FIELD(staff_media, alt, TEXT, .nullable = true, .max = 512),
    FIELD(staff_media, kind, TEXT, .one_of = media_kinds,
          .doc = "image when it is not given"),
    FIELD(staff_media, width, INT, .nullable = true, .min = 1,
          .max = 100000),
    FIELD(staff_media, height, INT, .nullable = true, .min = 1,
          .max = 100000),
    END_SHAPE
};

/* What a body and a patch of a variant may set. */
#define VARIANT_MEMBERS                                                       \
    FIELD(staff_variant, options, TEXTS, .max = 3, .item_max = VALUE_MAX,     \
          .doc = "A value of each option, in the options' order"),            \
    FIELD(staff_variant, sku, TEXT, .nullable = true, .format = SKU,          \
          .min = 1, .max = 255),                                              \
    FIELD(staff_variant, barcode, TEXT, .nullable = true, .format = SKU,      \
          .min = 1, .max = 255),                                              \
    FIELD(staff_variant, position, INT, .min = 1, .max = 10000,               \
          .doc = "Order of showing; the last when it is not given"),          \
    FIELD(staff_variant, media_id, UUID, .prefix = "med", .nullable = true),  \
    FIELD(staff_variant, weight_grams, INT, .max = 100000000),                \
    FIELD(staff_variant, taxable, BOOL, .on = true),                          \
    FIELD(staff_variant, requires_shipping, BOOL, .on = true),                \
    FIELD(staff_variant, in_stock, BOOL, .on = true)

/* What is internal is answered and never taken: a client that sends back what
 * it was answered is told which members those are. */
const struct field staff_variant[] = {
    SHAPE(staff_variant, "AdminVariant"),
    FIELD(staff_variant, id, UUID, .prefix = "var", .internal = true),
    FIELD(staff_variant, product_id, UUID, .prefix = "prod",
          .internal = true),
    FIELD(staff_variant, status, TEXT, .internal = true,
          .doc = "active or archived"),
    FIELD(staff_variant, value_ids, UUIDS, .hidden = true),
    VARIANT_MEMBERS,
    FIELD(staff_variant, version, INT, .internal = true),
    FIELD(staff_variant, created_at, STAMP, .internal = true),
    FIELD(staff_variant, updated_at, STAMP, .internal = true),
    FIELD(staff_variant, page_key, TEXT, .hidden = true),
    END_SHAPE
};

/* What can be set with a product, be changed, and is shown. */
#define PRODUCT_MEMBERS                                                       \
    WORDING(staff_product, description, "description", .nullable = true,      \
            .format = HTML, .max = DESCRIPTION_MAX, .brief = true,            \
            .doc = DESCRIPTION_DOC),                                          \
    WORDING(staff_product, seo_title, "seo_title", .nullable = true,          \
            .max = 255, .brief = true),                                       \
    WORDING(staff_product, seo_description, "seo_description",                \
            .nullable = true, .max = 1000, .brief = true),                    \
    FIELD(staff_product, translations, LIST, .of = wording, .key = "locale",  \
          .max = 50, .brief = true, .doc = "By language"),                    \
    FIELD(staff_product, vendor, TEXT, .nullable = true, .max = 255),         \
    FIELD(staff_product, type, TEXT, .nullable = true, .max = 255),           \
    FIELD(staff_product, tags, TEXTS, .max = 250, .item_max = 255),           \
    FIELD(staff_product, media, LIST, .of = staff_media, .max = 250,          \
          .brief = true),                                                     \
    FIELD(staff_product, category_ids, UUIDS, .prefix = "cat", .max = 50,     \
          .brief = true)

/* With the product; later they have addresses of their own. */
#define PRODUCT_PARTS                                                         \
    FIELD(staff_product, options, LIST, .of = staff_option, .max = 3,         \
          .brief = true),                                                     \
    FIELD(staff_product, variants, LIST, .of = staff_variant,                 \
          .max = BODY_VARIANTS_MAX, .brief = true,                            \
          .doc = "The first 250; all of them have a list of their own")

const struct field staff_product[] = {
    SHAPE(staff_product, "AdminProduct"),
    FIELD(staff_product, id, UUID, .prefix = "prod"),
    FIELD(staff_product, status, TEXT, .one_of = all_statuses,
          .required = true),
    WORDING(staff_product, title, "title",
            .doc = "In the shop's default language"),
    WORDING(staff_product, slug, "slug"),
    PRODUCT_MEMBERS,
    PRODUCT_PARTS,
    FIELD(staff_product, version, INT),
    FIELD(staff_product, created_at, STAMP),
    FIELD(staff_product, updated_at, STAMP),
    FIELD(staff_product, published_at, STAMP),
    FIELD(staff_product, archived_at, STAMP),
    FIELD(staff_product, page_key, TEXT, .hidden = true),
    END_SHAPE
};

/* A product is made whole, with its variants, in one transaction: half of one
 * would be for sale. */
const struct field staff_product_new[] = {
    SHAPE(staff_product, "AdminProductInput"),
    FIELD(staff_product, status, TEXT, .one_of = product_statuses,
          .doc = "draft when it is not given; active is for sale"),
    WORDING(staff_product, title, "title", .required = true, .min = 1,
            .max = 255, .doc = "In the shop's default language"),
    WORDING(staff_product, slug, "slug", .format = SLUG, .min = 1,
            .max = 255, .doc = "Made from the title when it is not given"),
    PRODUCT_MEMBERS,
    PRODUCT_PARTS,
    END_SHAPE
};

const struct field staff_product_patch[] = {
    SHAPE(staff_product, "AdminProductPatch"),
    FIELD(staff_product, status, TEXT, .one_of = product_statuses),
    WORDING(staff_product, title, "title", .min = 1, .max = 255),
    WORDING(staff_product, slug, "slug", .format = SLUG, .min = 1,
            .max = 255, .doc = "The former one becomes a redirect"),
    PRODUCT_MEMBERS,
    FIELD(staff_product, options, LIST, .of = staff_option_patch, .max = 3,
          .doc = "All of them, in the order of showing"),
    END_SHAPE
};

const struct field staff_product_filter[] = {
    SHAPE(staff_product_filter, "AdminProductFilter"),
    FIELD(staff_product_filter, status, TEXT, .one_of = all_statuses),
    FIELD(staff_product_filter, q, TEXT, .min = 1, .max = 255,
          .doc = "A SKU, or the beginning of a slug"),
    FIELD(staff_product_filter, updated_after, STAMP),
    END_SHAPE
};

#define CATEGORY_MEMBERS                                                      \
    FIELD(staff_category, parent_id, UUID, .prefix = "cat",                   \
          .nullable = true, .doc = "Null at the top"),                        \
    WORDING(staff_category, description, "description", .nullable = true,     \
            .format = HTML, .max = DESCRIPTION_MAX, .brief = true,            \
            .doc = DESCRIPTION_DOC),                                          \
    WORDING(staff_category, seo_title, "seo_title", .nullable = true,         \
            .max = 255, .brief = true),                                       \
    WORDING(staff_category, seo_description, "seo_description",               \
            .nullable = true, .max = 1000, .brief = true),                    \
    FIELD(staff_category, translations, LIST, .of = category_wording,         \
          .key = "locale", .max = 50, .brief = true, .doc = "By language")

#define CATEGORY_INPUT                                                        \
    FIELD(staff_category, status, TEXT, .one_of = category_statuses,          \
          .doc = "hidden: no page of its own"),                               \
    WORDING(staff_category, slug, "slug", .format = SLUG, .min = 1,           \
            .max = 255, .doc = "Made from the name when it is not given")

#define CATEGORY_PLACE                                                        \
    { .name = "position", .type = INT, .at = AT(staff_category, place, INT),  \
      .nullable = true, .max = 100000,                                        \
      .doc = "Place among its siblings, from 0; null is the last" }

const struct field staff_category[] = {
    SHAPE(staff_category, "AdminCategory"),
    FIELD(staff_category, id, UUID, .prefix = "cat"),
    FIELD(staff_category, status, TEXT, .one_of = all_category_statuses,
          .required = true),
    WORDING(staff_category, title, "name",
            .doc = "In the shop's default language"),
    WORDING(staff_category, slug, "slug"),
    CATEGORY_MEMBERS,
    FIELD(staff_category, position, TEXT, .hidden = true),
    FIELD(staff_category, version, INT),
    FIELD(staff_category, created_at, STAMP),
    FIELD(staff_category, updated_at, STAMP),
    FIELD(staff_category, page_key, TEXT, .hidden = true),
    END_SHAPE
};

const struct field staff_category_new[] = {
    SHAPE(staff_category, "AdminCategoryInput"),
    WORDING(staff_category, title, "name", .required = true, .min = 1,
            .max = 255, .doc = "In the shop's default language"),
    CATEGORY_INPUT,
    CATEGORY_MEMBERS,
    CATEGORY_PLACE,
    END_SHAPE
};

const struct field staff_category_patch[] = {
    SHAPE(staff_category, "AdminCategoryPatch"),
    WORDING(staff_category, title, "name", .min = 1, .max = 255),
    CATEGORY_INPUT,
    CATEGORY_MEMBERS,
    CATEGORY_PLACE,
    END_SHAPE
};

/* Where it goes, not where it is: of two who move at once the second decides,
 * and neither makes a circle. */
const struct field staff_category_move[] = {
    SHAPE(staff_category, "AdminCategoryMove"),
    FIELD(staff_category, parent_id, UUID, .prefix = "cat",
          .required = true, .nullable = true, .doc = "Null at the top"),
    CATEGORY_PLACE,
    END_SHAPE
};

const struct field staff_category_filter[] = {
    SHAPE(staff_category_filter, "AdminCategoryFilter"),
    FIELD(staff_category_filter, parent_id, UUID, .prefix = "cat"),
    FIELD(staff_category_filter, status, TEXT,
          .one_of = all_category_statuses),
    END_SHAPE
};

/* With a table comes one language and one currency. */
/* The columns of an export are those that the import takes. */
const struct field export_table_query[] = {
    SHAPE(export_query, "AdminProductTableQuery"),
    FIELD(export_query, currency, TEXT, .format = CURRENCY,
          .doc = "Of the prices; the default market's when it is not given"),
    FIELD(export_query, locale, TEXT, .format = LOCALE,
          .doc = "Of the texts; the default language when it is not given"),
    FIELD(export_query, status, TEXT, .one_of = all_statuses),
    END_SHAPE
};

const struct field export_query[] = {
    SHAPE(export_query, "AdminProductExportQuery"),
    FIELD(export_query, status, TEXT, .one_of = all_statuses),
    END_SHAPE
};

const struct field export_terms[] = {
    SHAPE(export_terms, "ExportTerms"),
    FIELD(export_terms, currency, TEXT),
    FIELD(export_terms, exponent, INT),
    FIELD(export_terms, locale, TEXT),
    FIELD(export_terms, price_list_id, UUID),
    FIELD(export_terms, status, TEXT),
    END_SHAPE
};

const struct field export_row[] = {
    SHAPE(export_row, "ExportRow"),
    FIELD(export_row, cells, TEXTS),
    END_SHAPE
};

const struct field product_held[] = {
    SHAPE(product_held, "ProductHeld"),
    FIELD(product_held, id, UUID),
    FIELD(product_held, status, TEXT),
    FIELD(product_held, version, INT),
    END_SHAPE
};

const struct field variant_values[] = {
    SHAPE(variant_values, "VariantValues"),
    FIELD(variant_values, value_ids, UUIDS),
    FIELD(variant_values, n_options, INT),
    FIELD(variant_values, n_variants, INT),
    END_SHAPE
};

const struct field product_place[] = {
    SHAPE(product_place, "AdminProductPlace"),
    FIELD(product_place, after, UUID, .prefix = "prod", .nullable = true,
          .doc = "Behind this product of the category; null: the first"),
    FIELD(product_place, before, UUID, .prefix = "prod", .nullable = true,
          .doc = "Before this one; null: the last"),
    END_SHAPE
};

const struct field product_placed[] = {
    SHAPE(product_placed, "ProductPlaced"),
    FIELD(product_placed, moved, INT),
    END_SHAPE
};

const struct field category_held[] = {
    SHAPE(category_held, "CategoryHeld"),
    FIELD(category_held, id, UUID),
    FIELD(category_held, status, TEXT),
    FIELD(category_held, position, TEXT),
    END_SHAPE
};


/* --- problems ------------------------------------------------------------ */

const struct problem slug_taken = {
    409, "slug_taken", "Another one has this slug in this language.",
};
const struct problem unknown_language = {
    422, "unknown_locale", "The shop does not speak this language.",
};
const struct problem unknown_category = {
    422, "unknown_category", "There is no such category.",
};
const struct problem unknown_media = {
    422, "unknown_media", "The product has no such picture.",
};
const struct problem product_archived = {
    409, "product_archived", "The product is archived; restore it first.",
};
const struct problem product_not_archived = {
    409, "product_not_archived", "The product is not archived.",
};
const struct problem option_in_use = {
    409, "option_in_use", "A variant still has the option or its value.",
};
const struct problem sku_taken = {
    409, "sku_taken", "Another variant has this SKU.",
};
const struct problem combination_taken = {
    409, "combination_taken", "Another variant has these options.",
};
const struct problem too_many_variants = {
    409, "too_many_variants", "A product has at most 2000 variants.",
};
const struct problem variant_is_only = {
    409, "variant_is_only",
    "A product without options has this one variant.",
};
const struct problem variant_archived = {
    409, "variant_archived", "The variant is archived; restore it first.",
};
const struct problem variant_not_archived = {
    409, "variant_not_archived", "The variant is not archived.",
};
const struct problem unknown_product = {
    422, "unknown_product", "There is no such product here.",
};
const struct problem category_cycle = {
    409, "category_cycle", "A category cannot be moved below itself.",
};
const struct problem category_too_deep = {
    409, "category_too_deep", "Categories lie at most 16 deep.",
};
const struct problem category_has_children = {
    409, "category_has_children",
    "There are categories below; move or archive them first.",
};
const struct problem category_archived = {
    409, "category_archived", "The category is archived; restore it first.",
};
const struct problem category_not_archived = {
    409, "category_not_archived", "The category is not archived.",
};

const struct constraint catalog_constraints[] = {
    { "slugs_slug", &slug_taken, "/slug" },
    { "products_handle", &slug_taken, "/slug" },
    { "categories_handle", &slug_taken, "/slug" },
    { "slugs_locale_fkey", &unknown_language, "" },
    { "product_i18n_locale_fkey", &unknown_language, "" },
    { "category_i18n_locale_fkey", &unknown_language, "" },
    { "product_categories_category_id_fkey", &unknown_category,
      "/category_ids" },
    { "product_categories_beside", &unknown_product, "" },
    { "variants_option_values", &option_in_use, "" },
    { "variants_sku", &sku_taken, "/sku" },
    { "variants_option_key", &combination_taken, "/options" },
    { "variants_media", &unknown_media, "/media_id" },
    { "categories_parent_id_fkey", &unknown_category, "/parent_id" },
    { "categories_no_cycle", &category_cycle, "/parent_id" },
    { "categories_depth", &category_too_deep, "/parent_id" },
    { NULL, NULL, NULL }
};
