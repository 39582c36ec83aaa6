/*
 * import.h - the parts of "shopctl import shopify".
 *
 * The file is read once, in the order of its lines: records (import_csv.c),
 * their cells by the heading of their column (import_columns.c), each checked
 * and brought into its type (import_cell.c), and sent on by COPY as a row of a
 * temporary table (import_row.c).  Nothing is kept, so a file may be of any
 * size.  The rest is done by PostgreSQL, set by set (import_merge.c and
 * import_*.sql): checks across rows, the plan of what differs, and its
 * execution in one transaction.  import_report.c says what came of it.
 *
 * Functions return codes of shopctl (CTL_OK ...), false or NULL, and have said
 * what was wrong before.  What is wrong with the file is no such error: it
 * becomes a row of import_fault, so that all of it is told at once.
 */
#ifndef SHOPCTL_IMPORT_H
#define SHOPCTL_IMPORT_H

#include "shopctl/shopctl.h"

#define IMPORT_FIELDS_MAX   1000        /* columns of a file                 */
#define IMPORT_COLUMNS_MAX  40          /* of these, such as are taken       */


/* --- records -------------------------------------------------------------- */

struct import_field {
    const char  *text;          /* with a NUL behind it                      */
    size_t       len;
};

/* A record, which ends when the next one is asked for. */
struct import_record {
    long                 line;          /* where it starts, from 1           */
    size_t               n;
    struct import_field  field[IMPORT_FIELDS_MAX];
    bool                 too_many;      /* it has more fields than that      */
};

struct import_csv;

enum import_read {
    IMPORT_RECORD,
    IMPORT_END,
    IMPORT_BROKEN,              /* not CSV: `why` says it, at record->line   */
    IMPORT_FAILED               /* has been said                             */
};

struct import_csv *import_csv_open(struct ctl *ctl, const char *path);
enum import_read import_csv_next(struct import_csv *csv,
                                 struct import_record **record,
                                 const char **why);
int64_t import_csv_size(const struct import_csv *csv);  /* 0: not known      */
int64_t import_csv_done(const struct import_csv *csv);
void import_csv_close(struct import_csv *csv);


/* --- columns and cells ---------------------------------------------------- */

enum import_kind {
    IMPORT_TEXT, IMPORT_HANDLE, IMPORT_HTML, IMPORT_TAGS, IMPORT_CATEGORY,
    IMPORT_BOOL, IMPORT_STATUS, IMPORT_PRICE, IMPORT_COMPARE_AT,
    IMPORT_GRAMS, IMPORT_QUANTITY, IMPORT_POSITION, IMPORT_URL
};

struct import_column {
    const char        *name;            /* in import_row                     */
    enum import_kind   kind;
    unsigned           max;             /* characters                        */
    bool               of_variant;      /* a row with it is a variant        */
    const char        *headings[3];     /* the first is the usual one        */
};

extern const struct import_column import_columns[];
extern const unsigned             import_columns_n;

/* Index in import_columns, or -1. */
int import_column_find(const char *heading, size_t len);

/* A cell on its way from text to a value. */
struct import_cell {
    struct arena              *arena;
    const struct import_column *column;
    const char                *text;    /* trimmed, NUL-ended                */
    size_t                     len;
    int                        exponent;        /* of the currency           */
    const char                *value;   /* for PostgreSQL; NULL is none      */
};

/* NULL and the value, or a sentence on what is wrong with the cell. */
const char *import_cell_take(struct import_cell *cell);

/* The last part of a product's address; NULL: none can be made of it. */
const char *import_slug(struct arena *a, const char *handle);


/* --- the import ----------------------------------------------------------- */

struct import {
    struct ctl         *ctl;
    const char         *path;
    bool                dry_run;
    bool                skip_bad;       /* leave out products with faults    */
    const char         *currency;
    const char         *locale;
    int                 exponent;
    struct import_csv  *csv;
    struct arena        row;            /* ends with each record             */
    int                 at[IMPORT_FIELDS_MAX];  /* column of a field, or -1  */
    const char         *heading[IMPORT_COLUMNS_MAX];    /* NULL: not there   */
    struct texts        unused;         /* headings that nothing is taken of */
    size_t              fields;         /* of the first record               */
    int64_t             rows;
    int64_t             faults;
    bool                broken;         /* it could not be read to its end   */
    bool                again;          /* somebody else was in the way      */
    unsigned            tries;
};

/* The faults of a record: name of the column (or NULL) and reason. */
struct import_faults {
    struct texts  names;
    struct texts  reasons;
};

/* Which column each field belongs to; faults are about the first record. */
bool import_map(struct import *in, const struct import_record *record,
                struct import_faults *faults);

bool import_fault(struct import *in, struct import_faults *faults,
                  const char *name, const char *reason);

/* Sends a record, or only its faults, as a row of COPY. */
bool import_row_copy(struct import *in, const struct import_record *record);
bool import_row_faults(struct import *in, long line,
                       const struct import_faults *faults);
const char *import_copy_statement(struct import *in);

int import_read_file(struct import *in);        /* into temporary tables     */
int import_merge(struct import *in);            /* to COMMIT or ROLLBACK     */
int import_report(struct import *in, bool applied);

#endif
