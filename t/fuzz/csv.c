/*
 * csv.c - the file of an import: records with their lines, and cells by the
 * kind of their column.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/text.h"
#include "shopctl/import.h"

/* The records of a file, written again as CSV. */
struct taken {
    struct buf   text;
    unsigned     records;
    bool         broken;
};


/* A file in memory, one for the whole run, and its name. */
static const char *
file_with(const char *data, size_t n)
{
    static int   fd = -1;
    static char  path[64];

    if (fd < 0) {
        fd = memfd_create("csv", MFD_CLOEXEC);
        CHECK(fd >= 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, data, n, 0) == (ssize_t) n);
    return path;
}


static void
put_field(struct buf *b, const struct import_field *f)
{
    buf_char(b, '"');
    for (size_t i = 0; i < f->len; i++) {
        if (f->text[i] == '"')
            buf_char(b, '"');
        buf_char(b, f->text[i]);
    }
    buf_char(b, '"');
}


/* Cells of the kinds whose value is a text of the same kind: written as an
 * export writes them, they are taken as what they were. */
static bool
is_stable(enum import_kind kind)
{
    return kind == IMPORT_TEXT || kind == IMPORT_HANDLE || kind == IMPORT_HTML
           || kind == IMPORT_STATUS || kind == IMPORT_QUANTITY
           || kind == IMPORT_POSITION || kind == IMPORT_CATEGORY
           || kind == IMPORT_GRAMS || kind == IMPORT_URL;
}


static void
changed(const struct import_column *column, const char *before,
        const char *after)
{
    fprintf(stderr, "%s: was \"%s\", became \"%s\"\n", column->name, before,
            after == NULL ? "(null)" : after);
    CHECK(!"a cell that was taken is taken as the same");
}


static const char *
exported(struct arena *a, const char *value)
{
    struct buf  b;

    buf_init(&b, a, strlen(value) + 2);
    if (csv_is_formula(value))
        buf_char(&b, '\'');
    buf_str(&b, value);
    buf_char(&b, '\0');

    return b.data;
}


static void
check_cell(const struct import_column *column, const struct import_field *f)
{
    struct arena        a = { 0 };
    struct import_cell  cell = { &a, column, f->text, f->len, 2, NULL };
    const char         *why = import_cell_take(&cell), *value = cell.value;

    CHECK(why == NULL || utf8_length(why, strlen(why)) > 0);
    if (why == NULL && value != NULL && *value != '\0') {
        CHECK(utf8_length(value, strlen(value)) >= 0);
        if (is_stable(column->kind)) {
            cell = (struct import_cell) { &a, column, exported(&a, value), 0,
                                          2, NULL };
            cell.len = strlen(cell.text);
            why = import_cell_take(&cell);
            if (why != NULL || cell.value == NULL
                || strcmp(cell.value, value) != 0)
                changed(column, value, why != NULL ? why : cell.value);
        }
    }
    arena_reset(&a);
}


static void
take_record(const struct import_record *r, struct taken *out)
{
    CHECK(r->n >= 1 && r->n <= IMPORT_FIELDS_MAX);
    for (size_t i = 0; i < r->n; i++) {
        const struct import_field  *f = &r->field[i];

        CHECK(f->text[f->len] == '\0');
        if (i > 0)
            buf_char(&out->text, ',');
        put_field(&out->text, f);
        check_cell(&import_columns[(i + 5 * out->records) % import_columns_n],
                   f);
    }
    buf_char(&out->text, '\n');
    out->records++;
}


static size_t
lines_of(const char *data, size_t n)
{
    size_t  lines = 1;

    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n' || data[i] == '\r';
    return lines;
}


/* Records start on lines of the file, each behind the one before. */
static void
take_file(const char *data, size_t n, struct taken *out)
{
    struct ctl             ctl = { .quiet = true };
    struct import_csv     *csv = import_csv_open(&ctl, file_with(data, n));
    struct import_record  *r;
    const char            *why = NULL;
    enum import_read       got;
    long                   line = 0;

    CHECK(csv != NULL && import_csv_size(csv) == (int64_t) n);
    while ((got = import_csv_next(csv, &r, &why)) == IMPORT_RECORD) {
        CHECK(r->line >= line && r->line >= 1);
        CHECK((size_t) r->line <= lines_of(data, n));
        line = r->line;
        take_record(r, out);
    }
    CHECK(got == IMPORT_END || got == IMPORT_BROKEN);
    out->broken = got == IMPORT_BROKEN;
    if (out->broken)
        CHECK(why != NULL && r->line >= 1
              && (size_t) r->line <= lines_of(data, n));
    else
        CHECK(import_csv_done(csv) == (int64_t) n);
    import_csv_close(csv);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena  a = { 0 };
    struct taken  one = { .records = 0 }, two = { .records = 0 };

    buf_init(&one.text, &a, 0);
    buf_init(&two.text, &a, 0);
    take_file((const char *) data, n, &one);
    take_file(one.text.data, one.text.len, &two);
    CHECK(!one.text.failed && !two.text.failed && !two.broken);
    CHECK(two.records == one.records && two.text.len == one.text.len);
    CHECK(one.text.len == 0
          || memcmp(one.text.data, two.text.data, one.text.len) == 0);
    arena_reset(&a);
    return 0;
}
