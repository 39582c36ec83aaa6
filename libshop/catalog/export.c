/*
 * export.c - all products, in one go: as a table for people and other shops,
 * as JSON for programs.
 *
 * The table is the one that "shopctl import shopify" reads: what was exported
 * and is imported again changes nothing.
 */
#include "catalog/catalog_admin.h"

#include "catalog/catalog_admin.sql.h"
#include "core/problem.h"

/* In the order of the statement's cells. */
static const char *headings[] = {
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type",
    "Tags", "Published", "Option1 Name", "Option1 Value", "Option2 Name",
    "Option2 Value", "Option3 Name", "Option3 Value", "Variant SKU",
    "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty",
    "Variant Inventory Policy", "Variant Fulfillment Service",
    "Variant Price", "Variant Compare At Price", "Variant Requires Shipping",
    "Variant Taxable", "Variant Barcode", "Image Src", "Image Position",
    "Image Alt Text", "Gift Card", "SEO Title", "SEO Description",
    "Variant Image", "Variant Weight Unit", "Status",
};


/* What is not said is as for the import, so that the two go together. */
static const struct export_terms *
terms_of(struct request *rq, const struct export_query *in)
{
    struct export_terms *t = sql_export_terms(rq, in->currency, in->locale);

    if (t == NULL || t->currency == NULL)
        fail_query(rq, &unknown_currency, "currency");
    if (t->locale == NULL)
        fail_query(rq, &unknown_locale, "locale");
    t->status = in->status;

    return t;
}


/* GET /products/export.csv */
void
products_export_csv(struct request *rq)
{
    static const struct texts  head = {
        sizeof(headings) / sizeof(headings[0]), headings
    };
    const struct export_terms *t = terms_of(rq, query(rq, export_query));
    const struct export_row   *row;
    struct query               q;

    each_product_table(rq, &q, t);
    header(rq, "Content-Disposition",
           "attachment; filename=\"products.csv\"");
    stream_begin(rq);
    stream_csv(rq, &head);
    while ((row = next_product_table(rq, &q)) != NULL)
        stream_csv(rq, &row->cells);
}


/* GET /products/export.ndjson: each as it is when its turn comes, in a round
 * trip of its own among those of other requests. */
void
products_export_ndjson(struct request *rq)
{
    const struct export_query *in = query(rq, export_query);
    const struct found_id     *row;
    struct query               q;

    each_product_id(rq, &q, in->status);
    header(rq, "Content-Disposition",
           "attachment; filename=\"products.ndjson\"");
    stream_begin(rq);
    while ((row = next_product_id(rq, &q)) != NULL)
        stream_json(rq, staff_product, product_view(rq, row->id));
}
