/*
 * import_row.c - a record becomes a row of import_row, in COPY's text form.
 */
#include "shopctl/import.h"

#include "core/banned.h"
#include "core/text.h"

/* What stands before and behind the columns of import_columns[]. */
#define BEFORE  "COPY import_row (line, slug, is_variant"
#define BEHIND  ", wrong_columns, wrong_reasons) FROM STDIN"

struct row {
    struct import_faults   faults;
    const char            *value[IMPORT_COLUMNS_MAX];   /* NULL is none      */
    bool                   is_variant;
    bool                   is_empty;    /* no cell has anything              */
};


/* From the same table as the values, so the order cannot differ. */
const char *
import_copy_statement(struct import *in)
{
    struct buf  b;

    buf_init(&b, &in->ctl->arena, 1024);
    buf_str(&b, BEFORE);
    for (unsigned i = 0; i < import_columns_n; i++)
        buf_format(&b, ", %s", import_columns[i].name);
    buf_str(&b, BEHIND);
    buf_char(&b, '\0');

    return b.failed ? NULL : b.data;
}


/* --- the cells ------------------------------------------------------------ */


/* A row counts as a variant also when the cell that makes it one is wrong:
 * otherwise that one fault would bring others about. */
static bool
take_cell(struct import *in, const struct import_field *field, int c,
          struct row *row)
{
    struct import_cell  cell = {
        .arena = &in->row, .column = &import_columns[c],
        .text = field->text, .len = field->len, .exponent = in->exponent,
    };
    const char         *why = import_cell_take(&cell);

    row->value[c] = cell.value;
    if (cell.len > 0) {
        row->is_empty = false;
        row->is_variant |= import_columns[c].of_variant;
    }

    return why == NULL
           || import_fault(in, &row->faults, import_columns[c].name, why);
}


/* Fewer fields than headings are allowed: they are empty.  More are not, when
 * there is something in them: a comma without quotes has moved the rest. */
static bool
take_cells(struct import *in, const struct import_record *record,
           struct row *row)
{
    for (size_t i = 0; i < record->n && i < in->fields; i++) {
        if (in->at[i] >= 0
            && !take_cell(in, &record->field[i], in->at[i], row))
            return false;
    }
    for (size_t i = in->fields; i < record->n; i++) {
        if (record->field[i].len > 0) {
            row->is_empty = false;
            return import_fault(in, &row->faults, NULL,
                                "the row has more fields than there are"
                                " headings");
        }
    }

    return true;
}


/* A handle that is wrong is not empty as well. */
static bool
has_fault(const struct row *row, const char *name)
{
    for (size_t i = 0; i < row->faults.names.n; i++) {
        if (row->faults.names.v[i] != NULL
            && strcmp(row->faults.names.v[i], name) == 0)
            return true;
    }

    return false;
}


/* --- COPY ----------------------------------------------------------------- */


/* COPY's text form: \N is null, and four characters need a backslash. */
static void
add_text(struct buf *b, const char *text)
{
    if (text == NULL) {
        buf_str(b, "\\N");
        return;
    }
    for (size_t n; *text != '\0'; text += n) {
        n = strcspn(text, "\\\t\n\r");
        buf_add(b, text, n);
        if (text[n] == '\0')
            break;
        buf_char(b, '\\');
        buf_char(b, text[n] == '\t' ? 't' : text[n] == '\n' ? 'n'
                    : text[n] == '\r' ? 'r' : '\\');
        n++;
    }
}


/* The order is that of import_copy_statement().  libpq keeps what the socket
 * does not take, and blocks when that becomes much. */
static bool
send_row(struct import *in, long line, const char *slug, const struct row *row)
{
    const struct import_faults  *faults = &row->faults;
    struct buf                   b;
    bool                         wrong = faults->names.n > 0;

    buf_init(&b, &in->row, 4096);
    buf_format(&b, "%ld\t", line);
    add_text(&b, slug);
    buf_str(&b, row->is_variant ? "\tt" : "\tf");
    for (unsigned i = 0; i < import_columns_n; i++) {
        buf_char(&b, '\t');
        add_text(&b, row->value[i]);
    }
    buf_char(&b, '\t');
    add_text(&b, wrong ? pg_array_text(&in->row, &faults->names) : NULL);
    buf_char(&b, '\t');
    add_text(&b, wrong ? pg_array_text(&in->row, &faults->reasons) : NULL);
    buf_char(&b, '\n');

    if (b.failed) {
        ctl_error(in->ctl, "out of memory");
        return false;
    }
    if (PQputCopyData(in->ctl->conn, b.data, (int) b.len) != 1) {
        ctl_complain(in->ctl, NULL);
        return false;
    }

    return true;
}


/* For what is wrong with the file and not with a row. */
bool
import_row_faults(struct import *in, long line,
                  const struct import_faults *faults)
{
    struct row  row = { .faults = *faults };

    return send_row(in, line, NULL, &row);
}


/* A row of nothing but commas is none. */
bool
import_row_copy(struct import *in, const struct import_record *record)
{
    static const int   handle = 0;      /* of import_columns[]               */
    struct row         row = { .is_empty = true };
    const char        *name = import_columns[handle].name, *slug = NULL;

    if (!take_cells(in, record, &row))
        return false;
    if (row.is_empty)
        return true;
    if (row.value[handle] != NULL)
        slug = import_slug(&in->row, row.value[handle]);
    else if (!has_fault(&row, name)
             && !import_fault(in, &row.faults, name, "is empty"))
        return false;
    in->rows++;

    return send_row(in, record->line, slug, &row);
}
