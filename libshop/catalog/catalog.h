/*
 * catalog.h - products, their variants and pictures, and categories.
 */
#ifndef SHOP_CATALOG_H
#define SHOP_CATALOG_H

#include "core/core.h"

/* The query of a list.  Every member may be none; those that are given must
 * all hold. */
struct product_filter {
    uuid          category;     /* and what lies below it                    */
    const char   *tag;
    const char   *vendor;
    int64_t       price_min;    /* minor units of the currency asked for     */
    int64_t       price_max;
    const char   *available;    /* "true", "false": not given is a third     */
};

/* A list as its statement takes it: which read model has the order, which of
 * the filters is its scope, and which are left to be met on the way. */
struct product_search {
    uuid          channel;
    const char   *locale;
    const char   *fallback;
    const char   *currency;
    const char   *by;           /* position, newest, prices or titles        */
    bool          down;
    uuid          under;        /* a category, or else the next two          */
    const char   *scope;        /* all, tag or vendor                        */
    const char   *scope_key;
    const char   *and_tag;
    const char   *and_vendor;
    const char   *available;
    bool          and_price;    /* bounds that are no range of the index     */
    int64_t       price_min;
    int64_t       price_max;
    const char   *after;        /* sort key of the last row shown, or NULL   */
    const char   *after_id;
    int64_t       limit;
};

/* A product in a list.  What it says beside the sort key is looked up for the
 * rows of a page only, so it costs the same at any number of products. */
struct product_card {
    uuid          id;
    const char   *slug;
    const char   *title;
    const char   *vendor;
    struct money  price;        /* of the cheapest variant                   */
    const char   *image;
    bool          in_stock;
    const char   *page_key;
};

/* A product with all that its page shows.  Texts are in `locale` as a whole:
 * a title in one language never stands above a description in another. */
struct product {
    uuid          id;
    const char   *slug;         /* in the language, else its fall-back       */
    const char   *status;       /* active or archived, never shown           */
    const char   *locale;       /* that the texts are in                     */
    const char   *title;
    const char   *description;  /* HTML, cleaned                             */
    const char   *seo_title;
    const char   *seo_description;
    const char   *vendor;
    const char   *type;
    struct texts  tags;
    stamp         published_at;
    struct list   options;
    struct list   variants;     /* the first PRODUCT_VARIANTS                */
    bool          more_variants;
    struct list   media;
    struct list   breadcrumb;
    struct list   alternates;   /* its slugs, a language each                */
};

/* What variants differ in, for a form to choose from. */
struct product_option {
    const char   *name;         /* "Size"                                    */
    struct texts  values;
};

/* What can be bought.  The price is that of one piece, as anybody gets it, in
 * the currency asked for; none when there is none in that currency. */
struct variant {
    uuid          id;
    const char   *sku;
    struct texts  options;      /* "Size: Large"                             */
    struct money  price;
    int64_t       compare_at;   /* minor units of the price's currency       */
    const char   *price_source; /* code of the price list that won           */
    uuid          media_id;     /* its own picture, or none                  */
    bool          in_stock;
    const char   *page_key;
};

/* The query of a list of variants: values as they are shown, of the first, the
 * second and the third option. */
struct variant_filter {
    const char   *option1;
    const char   *option2;
    const char   *option3;
};

/* Of all combinations of a product's options, a letter each. */
struct matrix {
    struct list   options;
    const char   *cells;        /* NULL: more than MATRIX_CELLS              */
};

/* A value of the option that is the n-th. */
struct matrix_value {
    uuid          id;
    int64_t       option;
    int64_t       at;           /* what it adds to the number of a cell      */
};

struct matrix_variant {
    bool          in_stock;
    struct uuids  value_ids;
};

/* Of one variant; a row of the product comes also when it has none, so that
 * "nothing to buy" and "no such product" are told apart in one statement. */
struct availability {
    uuid          variant_id;   /* none: the product has no variant          */
    const char   *availability; /* in_stock or out_of_stock                  */
    const char   *product_status;
};

/* A picture by reference: where it lies is not the catalogue's. */
struct media {
    uuid          id;
    const char   *url;
    const char   *alt;
};

/* The address of a thing in one of its languages. */
struct alternate {
    const char   *locale;
    const char   *slug;
};

/* A step of the tree, in one language. */
struct category {
    uuid          id;
    uuid          parent_id;
    const char   *slug;
    const char   *name;
};

/* One category, with what is around it.  The hidden ones are left out of both
 * lists, as their pages are not there. */
struct category_detail {
    uuid          id;
    uuid          parent_id;
    const char   *status;       /* active or archived, never shown           */
    const char   *slug;
    const char   *locale;       /* that the texts are in                     */
    const char   *name;
    const char   *description;  /* HTML, cleaned                             */
    const char   *seo_title;
    const char   *seo_description;
    struct list   breadcrumb;   /* from the top down to itself               */
    struct list   children;
    struct list   alternates;
};

/* What a slug means: the thing itself, or where it has gone.  However often it
 * has moved, that is one step. */
struct slug_ref {
    uuid          id;
    const char   *moved_to;     /* the current slug, if this is an old one   */
};

/* Whether there is a product to speak of, for answers about a part of it. */
struct owner_status {
    const char   *status;
};

/* How long prices hold, which kept answers must not outlive. */
struct price_term {
    int64_t       seconds;      /* none: until somebody changes one          */
};

#define PRODUCT_VARIANTS  100       /* that a product shows with itself      */
#define MATRIX_CELLS      100000    /* that are shown                        */

extern const char *const product_sorts[];
extern const struct field product_filter[];
extern const struct field product_search[];
extern const struct field product_card[];
extern const struct field product[];
extern const struct field product_option[];
extern const struct field variant[];
extern const struct field variant_filter[];
extern const struct field matrix[];
extern const struct field matrix_value[];
extern const struct field matrix_variant[];
extern const struct field availability[];
extern const struct field media[];
extern const struct field category[];
extern const struct field category_detail[];
extern const struct field alternate[];
extern const struct field slug_ref[];
extern const struct field owner_status[];
extern const struct field price_term[];

/* How a list is read.  No waiting; texts are the arguments' own. */
struct product_search product_search_of(const struct product_filter *f,
                                        const struct context *c,
                                        const struct page *p);

/* The number of cells that values in the order of showing make, which is over
 * MATRIX_CELLS or exact.  Says what each adds, and leaves them sorted by id. */
int64_t matrix_number(struct matrix_value *values, size_t n);

/* The letters of that many cells, and a NUL behind them. */
void matrix_fill(char *letters, int64_t cells,
                 const struct matrix_value *values, size_t n,
                 const struct matrix_variant *variants, size_t n_variants);

#endif
