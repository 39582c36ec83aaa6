/*
 * import_columns.c - the columns that are taken of a product CSV, by their
 * headings: those of Shopify's exports, and of its newer templates.
 */
#include "shopctl/import.h"

#include <strings.h>

#include "core/banned.h"
#include "core/text.h"

const struct import_column import_columns[] = {
    { "handle", IMPORT_HANDLE, 255, false, { "Handle", "URL handle" } },
    { "title", IMPORT_TEXT, 255, false, { "Title" } },
    { "body", IMPORT_HTML, 65536, false, { "Body (HTML)", "Description" } },
    { "vendor", IMPORT_TEXT, 255, false, { "Vendor" } },
    { "category", IMPORT_CATEGORY, 255, false,
      { "Product Category", "Standard Product Type" } },
    { "type", IMPORT_TEXT, 255, false, { "Type", "Custom Product Type" } },
    { "tags", IMPORT_TAGS, 255, false, { "Tags" } },
    { "published", IMPORT_BOOL, 0, false,
      { "Published", "Published on online store" } },
    { "status", IMPORT_STATUS, 0, false, { "Status" } },
    { "option1_name", IMPORT_TEXT, 255, false, { "Option1 Name" } },
    { "option1_value", IMPORT_TEXT, 255, true, { "Option1 Value" } },
    { "option2_name", IMPORT_TEXT, 255, false, { "Option2 Name" } },
    { "option2_value", IMPORT_TEXT, 255, true, { "Option2 Value" } },
    { "option3_name", IMPORT_TEXT, 255, false, { "Option3 Name" } },
    { "option3_value", IMPORT_TEXT, 255, true, { "Option3 Value" } },
    { "sku", IMPORT_TEXT, 255, true, { "Variant SKU", "SKU" } },
    { "grams", IMPORT_GRAMS, 0, false,
      { "Variant Grams", "Weight value (grams)" } },
    { "inventory_tracker", IMPORT_TEXT, 255, false,
      { "Variant Inventory Tracker", "Inventory tracker" } },
    { "inventory_qty", IMPORT_QUANTITY, 0, false,
      { "Variant Inventory Qty", "Inventory quantity" } },
    { "inventory_policy", IMPORT_TEXT, 255, false,
      { "Variant Inventory Policy", "Continue selling when out of stock" } },
    { "price", IMPORT_PRICE, 0, true, { "Variant Price", "Price" } },
    { "compare_at", IMPORT_COMPARE_AT, 0, true,
      { "Variant Compare At Price", "Compare-at price" } },
    { "requires_shipping", IMPORT_BOOL, 0, false,
      { "Variant Requires Shipping", "Requires shipping" } },
    { "taxable", IMPORT_BOOL, 0, false, { "Variant Taxable", "Charge tax" } },
    { "barcode", IMPORT_TEXT, 255, true, { "Variant Barcode", "Barcode" } },
    { "image_src", IMPORT_URL, 2000, false,
      { "Image Src", "Product image URL" } },
    { "image_position", IMPORT_POSITION, 0, false, { "Image Position" } },
    { "image_alt", IMPORT_TEXT, 512, false, { "Image Alt Text" } },
    { "variant_image", IMPORT_URL, 2000, false,
      { "Variant Image", "Variant image URL" } },
    { "seo_title", IMPORT_TEXT, 255, false, { "SEO Title" } },
    { "seo_description", IMPORT_TEXT, 1000, false, { "SEO Description" } },
};

const unsigned import_columns_n = sizeof(import_columns)
                                  / sizeof(import_columns[0]);

_Static_assert(sizeof(import_columns) / sizeof(import_columns[0])
               <= IMPORT_COLUMNS_MAX, "IMPORT_COLUMNS_MAX is too small");


/* Capitals do not matter: people retype headings. */
static bool
is_heading(const struct import_column *c, const char *text, size_t len)
{
    for (unsigned i = 0; i < 3 && c->headings[i] != NULL; i++) {
        if (strlen(c->headings[i]) == len
            && strncasecmp(c->headings[i], text, len) == 0)
            return true;
    }

    return false;
}


int
import_column_find(const char *heading, size_t len)
{
    for (unsigned i = 0; i < import_columns_n; i++) {
        if (is_heading(&import_columns[i], heading, len))
            return (int) i;
    }

    return -1;
}


/* Rarely more than a few, so the array is copied each time. */
static bool
add(struct arena *a, struct texts *to, const char *text)
{
    const char  **v = arena_alloc(a, (to->n + 1) * sizeof(*v));

    if (v == NULL)
        return false;
    if (to->n > 0)
        memcpy(v, to->v, to->n * sizeof(*v));
    v[to->n] = text;
    *to = (struct texts) { to->n + 1, v };

    return true;
}


bool
import_fault(struct import *in, struct import_faults *faults,
             const char *name, const char *reason)
{
    if (add(&in->row, &faults->names, name)
        && add(&in->row, &faults->reasons, reason))
        return true;
    ctl_error(in->ctl, "out of memory");

    return false;
}


/* A heading that is nobody's is kept, to be told at the end. */
static bool
map_field(struct import *in, size_t i, const char *text, size_t len,
          struct import_faults *faults)
{
    const char  *copy = arena_copy(&in->ctl->arena, text, len);
    int          c = import_column_find(text, len);

    in->at[i] = -1;
    if (copy == NULL)
        return import_fault(in, faults, NULL, "out of memory");
    if (utf8_length(text, len) < 0)
        return import_fault(in, faults, NULL,
                            "the headings are not UTF-8; save the file in"
                            " that encoding");
    if (c < 0)
        return len == 0 || add(&in->ctl->arena, &in->unused, copy);
    if (in->heading[c] != NULL)
        return import_fault(in, faults, import_columns[c].name,
                            "is the heading of two columns");
    in->at[i] = c;
    in->heading[c] = copy;

    return true;
}


/* Said under the heading that is missing, as there is no other place. */
static bool
require(struct import *in, const char *heading, struct import_faults *faults)
{
    int  c = import_column_find(heading, strlen(heading));

    return in->heading[c] != NULL
           || import_fault(in, faults, import_columns[c].name,
                           "is no heading of the file; the first line names"
                           " the columns, separated by commas");
}


/* Headings are trimmed: whoever types them by hand leaves blanks.  With a fault
 * here no row could be understood, so the caller reads no further. */
bool
import_map(struct import *in, const struct import_record *record,
           struct import_faults *faults)
{
    in->fields = record->n;
    if (record->too_many)
        return import_fault(in, faults, NULL, "more than 1000 columns");
    for (size_t i = 0; i < record->n; i++) {
        const char  *text = record->field[i].text;
        size_t       len = record->field[i].len;

        for (; len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL; len--)
            ;
        for (; len > 0 && strchr(" \t\r\n", *text) != NULL; len--)
            text++;
        if (!map_field(in, i, text, len, faults))
            return false;
    }

    /* Not UTF-8: everything else that could be said is for the same reason. */
    return faults->names.n > 0
           || (require(in, "Handle", faults) && require(in, "Title", faults));
}
