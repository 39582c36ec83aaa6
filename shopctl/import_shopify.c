/*
 * import_shopify.c - shopctl import shopify: products from the CSV that
 * Shopify exports.
 */
#include "shopctl/import.h"

#include "core/banned.h"
#include "core/env.h"

static const char help[] =
    "usage: shopctl import shopify [OPTION...] FILE\n"
    "\n"
    "Reads products from FILE, a product CSV as Shopify exports it (\"-\" is\n"
    "standard input): UTF-8, commas between the fields, headings in the\n"
    "first line. Rows with the same Handle are one product with its variants\n"
    "and images.\n"
    "\n"
    "A product that the shop does not have, by its handle, is made; one that\n"
    "it has becomes what the file says. What is the same is not written, so a\n"
    "second import of a file changes nothing. Variants that the file no\n"
    "longer has are archived, such images are removed. Products that are not\n"
    "in the file stay as they are. It all happens in one transaction, or\n"
    "none of it does.\n"
    "\n"
    "  --dry-run         say what would change, and change nothing; with\n"
    "                    --json for each product\n"
    "  --skip-bad-rows   import the rest of a file with faults; a product\n"
    "                    with a wrong row is left out whole\n"
    "  --currency CODE   the currency of the file's prices; else that of the\n"
    "                    default channel's market\n"
    "  --locale CODE     the language of its texts; else the shop's default\n"
    "                    language. A further language adds texts to products\n"
    "                    that have the default one, and changes nothing else\n"
    "                    of them\n"
    "\n"
    "Faults are told as FILE:LINE: HEADING: REASON on standard error, all of\n"
    "them; LINE is where the row starts. Without --skip-bad-rows one fault\n"
    "keeps the whole file out (exit code 4). A file that cannot be read to\n"
    "its end is kept out in any case.\n"
    "\n"
    "With --json an object: \"applied\", \"refused\", \"rows\", \"faults\"\n"
    "(line, column, reason), \"counts\" (part, action, count), \"products\"\n"
    "of a dry run (handle, line, action, parts) and \"unused_columns\".\n"
    "\n"
    "Prices go to the base price list. docs/import.md describes the format,\n"
    "column by column.\n";


/* Reading and merging have said what went wrong. */
static int
import(struct import *in)
{
    int  rc = import_read_file(in);

    return rc == CTL_OK ? import_merge(in) : rc;
}


/* The struct is static, as it has room for the widest file, and stacks are
 * small; a program runs one command. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    static struct import  in;
    const struct option   options[] = {
        { "dry-run", OPTION_FLAG, &in.dry_run },
        { "skip-bad-rows", OPTION_FLAG, &in.skip_bad },
        { "currency", OPTION_TEXT, &in.currency },
        { "locale", OPTION_TEXT, &in.locale },
        { NULL }
    };
    int                   rc = ctl_options(ctl, options, &argc, argv, 1, 1);

    if (rc != CTL_OK)
        return rc;
    in.ctl = ctl;
    in.path = argv[0];
    if (!ctl_connect(ctl))
        return ctl_failure(ctl);
    in.csv = import_csv_open(ctl, in.path);
    if (in.csv == NULL)
        return CTL_INPUT;
    rc = import(&in);
    import_csv_close(in.csv);
    arena_reset(&in.row);

    return rc;
}


const struct command import_shopify_command = {
    "import shopify", "take products from a CSV file of Shopify", help, run
};
