/*
 * catalog_admin.h - the catalogue as staff and machines see and change it.
 *
 * A struct here is what comes in, what a merge patch is laid over, and what
 * goes out; its shape says which members are whose.  Texts in the shop's
 * default language stand in the thing itself; those in other languages are its
 * translations, by language.
 *
 * All that writes here and in pricing locks in one order: the tree of
 * categories, categories, price lists, products, variants, prices; several of
 * a kind by id.
 */
#ifndef SHOP_CATALOG_ADMIN_H
#define SHOP_CATALOG_ADMIN_H

#include "core/core.h"
#include "pricing/pricing.h"

#define BODY_VARIANTS_MAX     250
#define PRODUCT_VARIANTS_MAX  2000

/* Where a list by place and id begins. */
#define FIRST_ID  "00000000-0000-0000-0000-000000000000"

/* Texts of a product or a category in one language.  `locale` NULL is the
 * default language. */
struct wording {
    const char   *locale;
    const char   *title;        /* a category's name                         */
    const char   *slug;
    const char   *description;  /* HTML, cleaned                             */
    const char   *seo_title;
    const char   *seo_description;
};

/* The name of an option, or of one of its values, in one language. */
struct option_word {
    uuid          owner_id;     /* of the option or the value                */
    const char   *locale;
    const char   *word;         /* NULL: none any more                       */
};

/* A value of an option, by itself. */
struct staff_choice {
    uuid          id;           /* none: a new one                           */
    uuid          option_id;
    const char   *value;
    struct list   translations; /* of option_word                            */
};

/* What variants of a product differ in: at most three.  The names are given
 * with the product; values come with it or with its variants. */
struct staff_option {
    uuid          id;           /* none: a new one                           */
    const char   *name;
    struct texts  values;
    struct list   choices;      /* the same with their ids                   */
    struct list   translations; /* of option_word                            */
    const char   *fill;         /* value of a new one that variants get      */
};

/* A reference; the file lies elsewhere. */
struct staff_media {
    uuid          id;
    const char   *url;
    const char   *alt;
    const char   *kind;
    int64_t       width;
    int64_t       height;
};

/* What can be bought: one combination of values.  Archived ones keep theirs,
 * so a combination that comes back is the old variant restored. */
struct staff_variant {
    uuid          id;
    uuid          product_id;
    const char   *status;
    struct texts  options;      /* values, in the order of the options       */
    struct uuids  value_ids;    /* the same by id                            */
    const char   *sku;
    const char   *barcode;
    int64_t       position;
    uuid          media_id;
    int64_t       weight_grams;
    bool          taxable;
    bool          requires_shipping;
    bool          in_stock;
    int64_t       version;
    stamp         created_at;
    stamp         updated_at;
    const char   *page_key;
};

struct staff_product {
    uuid          id;
    const char   *status;
    struct wording text;        /* in the default language                   */
    const char   *vendor;
    const char   *type;
    struct texts  tags;
    struct list   translations; /* of wording                                */
    struct list   options;
    struct list   variants;
    struct list   media;
    struct uuids  category_ids;
    int64_t       version;
    stamp         created_at;
    stamp         updated_at;
    stamp         published_at;
    stamp         archived_at;
    const char   *page_key;
};

/* `place` is what a client says, `position` what sorts: a key between those
 * of its neighbours. */
struct staff_category {
    uuid          id;
    uuid          parent_id;
    const char   *status;
    struct wording text;        /* in the default language                   */
    struct list   translations;
    int64_t       place;        /* among its siblings, from 0; to be set     */
    const char   *position;     /* the key that sorts it there               */
    int64_t       version;
    stamp         created_at;
    stamp         updated_at;
    const char   *page_key;
};

/* The query of a list. */
struct staff_product_filter {
    const char   *status;
    const char   *q;            /* a SKU, or the beginning of a slug         */
    stamp         updated_after;
};

struct staff_category_filter {
    uuid          parent_id;
    const char   *status;
};

/* The query of an export. */
struct export_query {
    const char   *currency;
    const char   *locale;
    const char   *status;
};

/* The same with what was not given: none where the shop has no such thing. */
struct export_terms {
    const char   *currency;
    int64_t       exponent;
    const char   *locale;
    uuid          price_list_id;
    const char   *status;       /* NULL: all                                 */
};

/* A line of a table: a variant and a picture of one product. */
struct export_row {
    struct texts  cells;
};

/* What stands in a locked product. */
struct product_held {
    uuid          id;
    const char   *status;
    int64_t       version;
};

/* What a variant's options come to in its product. */
struct variant_values {
    struct uuids  value_ids;
    int64_t       n_options;
    int64_t       n_variants;
};

/* Where a product shall stand in a category: one of the two. */
struct product_place {
    uuid          after;        /* none: at the start                        */
    uuid          before;       /* none: at the end                          */
};

/* How many products have another place in their category; none: it is not in
 * the category. */
struct product_placed {
    int64_t       moved;
};

struct category_held {
    uuid          id;
    const char   *status;
    const char   *position;
};

extern const struct field wording[];
extern const struct field option_word[];
extern const struct field staff_choice[];
extern const struct field staff_option[];
extern const struct field staff_media[];
extern const struct field staff_variant[];
extern const struct field staff_product[];
extern const struct field staff_product_new[];
extern const struct field staff_product_patch[];
extern const struct field staff_category[];
extern const struct field staff_category_patch[];
extern const struct field staff_category_new[];
extern const struct field staff_category_move[];
extern const struct field staff_product_filter[];
extern const struct field staff_category_filter[];
extern const struct field export_query[];
extern const struct field export_table_query[];
extern const struct field export_terms[];
extern const struct field export_row[];
extern const struct field product_held[];
extern const struct field variant_values[];
extern const struct field product_place[];
extern const struct field product_placed[];
extern const struct field category_held[];

extern const struct route catalog_admin_routes[];
extern const struct constraint catalog_constraints[];
extern const struct stmt *const catalog_admin_statements[];

extern const struct problem slug_taken;
extern const struct problem unknown_language;
extern const struct problem unknown_category;
extern const struct problem unknown_media;
extern const struct problem product_archived;
extern const struct problem product_not_archived;
extern const struct problem option_in_use;
extern const struct problem sku_taken;
extern const struct problem combination_taken;
extern const struct problem too_many_variants;
extern const struct problem variant_is_only;
extern const struct problem variant_archived;
extern const struct problem variant_not_archived;
extern const struct problem unknown_product;
extern const struct problem category_cycle;
extern const struct problem category_too_deep;
extern const struct problem category_has_children;
extern const struct problem category_archived;
extern const struct problem category_not_archived;

/* --- texts in several languages (wording.c) --- */

/* A language that a text of the body is in is one of the shop's, and not its
 * own: else a fault.  False where it is foreign. */
bool language_check(struct request *rq, const char *locale,
                    const char *place);
bool languages_check(struct request *rq, const struct list *translations);

/* Make the HTML of a body harmless, before the first statement; fails when
 * anything was wrong by then. */
void wordings_clean(struct request *rq, struct wording *text,
                    const struct list *translations);

/* After a merge patch: the cleaned HTML takes the place of the raw. */
void wordings_lay(const struct wording *text, const struct list *translations,
                  struct wording *to, const struct list *to_translations);

/* Slugs where none was given, and faults where something is missing; `title`
 * is what the member is called. */
void wordings_complete(struct request *rq, const char *title,
                       struct wording *text, const struct list *translations);

/* Write them all, and drop languages that are no longer there. */
void product_wordings_put(struct request *rq, const struct staff_product *p);
void category_wordings_put(struct request *rq,
                           const struct staff_category *c);

/* --- products (product.c) --- */

/* Locked and loaded whole, but for options and variants; or 404. */
struct staff_product *product_hold(struct request *rq, uuid id);

/* All that is shown of it; or 404. */
struct staff_product *product_view(struct request *rq, uuid id);

/* The rules of a body for itself: faults. */
void product_check(struct request *rq, const struct staff_product *p);

void product_insert(struct request *rq, const struct staff_product *p);
void product_update(struct request *rq, const struct staff_product *p);
void product_media_put(struct request *rq, const struct staff_product *p);
void product_categories_put(struct request *rq,
                            const struct staff_product *p);
void product_archive(struct request *rq, const struct staff_product *p);
void product_restore(struct request *rq, const struct staff_product *p);

/* Its parts changed: it has a new version, and is locked.  Fails when it is
 * archived, 404 when it is not there. */
void product_change(struct request *rq, uuid id);

/* --- options (option.c) --- */

/* Reading them, sent together with what goes before. */
struct options_reading {
    struct query  options;
    struct query  choices;
    struct query  words;
    struct query  choice_words;
};
void        options_start(struct request *rq, struct options_reading *r,
                          uuid product);
struct list options_end(struct request *rq, struct options_reading *r);

/* The same of all names and values. */
bool options_languages_check(struct request *rq, const struct list *options);

/* Of a locked product whose `options` are those of a patch: make them so, and
 * the values of its variants with them. */
void product_options_put(struct request *rq, const struct staff_product *p);

/* --- exports (export.c) --- */
void products_export_csv(struct request *rq);
void products_export_ndjson(struct request *rq);

/* --- variants (variant.c) --- */

struct staff_variant *variant_hold(struct request *rq, uuid id);
struct staff_variant *variant_view(struct request *rq, uuid id);
void variant_insert(struct request *rq, struct staff_variant *v);
void variant_update(struct request *rq, struct staff_variant *v);

/* The one that a product without options has. */
void variant_insert_only(struct request *rq, uuid product);
void variant_archive(struct request *rq, const struct staff_variant *v);
void variant_restore(struct request *rq, const struct staff_variant *v);

/* Within one body: none of these may be there twice. */
void variants_check(struct request *rq, const struct staff_product *p);

/* --- categories (category.c) --- */

struct staff_category *category_hold(struct request *rq, uuid id);
struct staff_category *category_view(struct request *rq, uuid id);
void category_insert(struct request *rq, struct staff_category *c);
void category_update(struct request *rq, struct staff_category *c,
                     uuid old_parent);
void category_move(struct request *rq, struct staff_category *c,
                   uuid old_parent);
void category_archive(struct request *rq, const struct staff_category *c);

/* Behind or before another product of the category; 404 when it has not this
 * one. */
void category_place(struct request *rq, uuid category, uuid product,
                    const struct product_place *place);
void category_restore(struct request *rq, const struct staff_category *c);

#endif
