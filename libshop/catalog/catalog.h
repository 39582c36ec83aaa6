/*
 * catalog.h - products, their variants and pictures, and categories.
 */
#ifndef SHOP_CATALOG_H
#define SHOP_CATALOG_H

#include "core/core.h"

struct product_filter {         /* the query of a list                       */
    uuid          category;     /* and what lies below it                    */
    const char   *tag;
    const char   *vendor;
};

struct product_card {           /* a product in a list                       */
    uuid          id;
    const char   *slug;
    const char   *title;
    const char   *vendor;
    struct money  price;        /* of the cheapest variant                   */
    const char   *image;
    bool          in_stock;
    struct texts  page_key;
};

struct product {
    uuid          id;
    const char   *slug;         /* in the language, else its fall-back       */
    const char   *locale;       /* that the texts are in                     */
    const char   *title;
    const char   *description;  /* HTML, cleaned                             */
    const char   *seo_title;
    const char   *seo_description;
    const char   *vendor;
    const char   *type;
    struct texts  tags;
    stamp         published_at;
    struct list   variants;
    struct list   media;
    struct list   breadcrumb;
};

struct variant {
    uuid          id;
    const char   *sku;
    struct texts  options;      /* "Size: Large"                             */
    struct money  price;
    int64_t       compare_at;   /* minor units of the price's currency       */
    const char   *price_source; /* code of the price list that won           */
    bool          in_stock;
};

struct media {
    uuid          id;
    const char   *url;
    const char   *alt;
};

struct category {
    uuid          id;
    uuid          parent_id;
    const char   *slug;
    const char   *name;
};

struct product_ref {            /* what a slug means                         */
    uuid          id;
    const char   *moved_to;     /* the current slug, if this is an old one   */
};

extern const struct field product_filter[];
extern const struct field product_card[];
extern const struct field product[];
extern const struct field variant[];
extern const struct field media[];
extern const struct field category[];
extern const struct field product_ref[];

#endif
