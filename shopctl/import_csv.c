/*
 * import_csv.c - records of a CSV file, one at a time, by libcsv.
 *
 * libcsv takes pieces of any size and knows no lines.  It is given one line
 * at a time: then the first line that is not blank after a record's end is
 * where the next record starts, however many lines its quoted fields have.
 * Return codes; errors of the system have been said.
 */
#include "shopctl/import.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/banned.h"
#include "core/env.h"

#define CHUNK       65536
#define RECORD_MAX  1048576     /* bytes; more is a quote without its end    */

struct import_csv {
    struct ctl           *ctl;
    const char           *path;
    int                   fd;
    int64_t               size;
    int64_t               taken;        /* bytes that were read              */
    struct csv_parser     parser;
    struct arena          arena;        /* the record's fields               */
    struct import_record  record;
    size_t                record_size;
    bool                  within;       /* a record has begun                */
    bool                  ended;        /* ... and is complete               */
    bool                  failed;       /* memory was short in a callback    */
    bool                  finished;     /* the end of the file was told      */
    long                  line;         /* of the next byte                  */
    char                  last;         /* the byte before it                */
    size_t                at;
    size_t                len;
    char                  chunk[CHUNK];
};


/* "-" is standard input, of which nobody knows the size. */
struct import_csv *
import_csv_open(struct ctl *ctl, const char *path)
{
    struct import_csv  *csv = shop_env.alloc(sizeof(*csv));
    struct stat         st;

    if (csv == NULL) {
        ctl_error(ctl, "out of memory");
        return NULL;
    }
    memset(csv, 0, offsetof(struct import_csv, chunk));
    csv->ctl = ctl;
    csv->path = path;
    csv->line = 1;
    csv->fd = strcmp(path, "-") == 0 ? STDIN_FILENO
                                     : open(path, O_RDONLY | O_CLOEXEC);
    if (csv->fd < 0 || fstat(csv->fd, &st) != 0) {
        ctl_error(ctl, "%s: %s", path, strerror(errno));
        shop_env.release(csv);
        return NULL;
    }
    csv->size = S_ISREG(st.st_mode) ? st.st_size : 0;
    csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);

    return csv;
}


/* Standard input is not ours to close. */
void
import_csv_close(struct import_csv *csv)
{
    csv_free(&csv->parser);
    arena_reset(&csv->arena);
    if (csv->fd != STDIN_FILENO)
        close(csv->fd);
    shop_env.release(csv);
}


/* For the progress bar only: a pipe has none, and a file may grow while it is
 * read. */
int64_t
import_csv_size(const struct import_csv *csv)
{
    return csv->size;
}


/* What was read ahead does not count, or the bar would be full while the last
 * rows are still on their way. */
int64_t
import_csv_done(const struct import_csv *csv)
{
    return csv->taken - (int64_t) (csv->len - csv->at);
}


/* libcsv's buffer is used for the next field, so the text is copied. */
static void
field_ended(void *text, size_t len, void *data)
{
    struct import_csv     *csv = data;
    struct import_record  *r = &csv->record;
    char                  *copy;

    if (r->n == IMPORT_FIELDS_MAX) {
        r->too_many = true;
        return;
    }
    copy = arena_copy(&csv->arena, len > 0 ? text : "", len);
    if (copy == NULL) {
        csv->failed = true;
        return;
    }
    r->field[r->n++] = (struct import_field) { copy, len };
}


/* Called from within csv_parse(), so the record is only marked here and handed
 * out when that has returned. */
static void
record_ended(int c, void *data)
{
    struct import_csv  *csv = data;

    csv->within = false;
    csv->ended = true;
}


/* False: an error of the system.  At the end of the file len is 0. */
static bool
read_chunk(struct import_csv *csv)
{
    ssize_t  n;

    do {
        n = read(csv->fd, csv->chunk, CHUNK);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        ctl_error(csv->ctl, "%s: %s", csv->path, strerror(errno));
        return false;
    }
    csv->at = 0;
    csv->len = (size_t) n;
    /* A byte order mark says only that this is UTF-8, which it is anyway. */
    if (csv->taken == 0 && n >= 3 && memcmp(csv->chunk, "\xef\xbb\xbf", 3) == 0)
        csv->at = 3;
    csv->taken += n;

    return true;
}


/* The bytes from here to the end of the line, or of what was read. */
static size_t
piece_length(const struct import_csv *csv)
{
    for (size_t i = csv->at; i < csv->len; i++) {
        if (csv->chunk[i] == '\n' || csv->chunk[i] == '\r')
            return i + 1 - csv->at;
    }

    return csv->len - csv->at;
}


/* Lines end with LF, CRLF or, on old machines, CR.  The LF of a CRLF is a piece
 * of its own, as a piece ends with the CR. */
static void
count_line(struct import_csv *csv, const char *text, size_t n)
{
    char  end = text[n - 1];
    bool  of_crlf = n == 1 && csv->last == '\r';

    if (end == '\r' || (end == '\n' && !of_crlf))
        csv->line++;
    csv->last = end;
}


/* libcsv passes over such lines without a word; they start no record. */
static bool
is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
            return false;
    }

    return true;
}


/* The line is the one that is about to be given to libcsv; it is counted only
 * afterwards. */
static void
record_starts(struct import_csv *csv)
{
    csv->within = true;
    csv->record.line = csv->line;
    csv->record_size = 0;
}


/* Gives libcsv a line; NULL, or why it is none of CSV. */
static const char *
feed(struct import_csv *csv)
{
    const char  *text = csv->chunk + csv->at;
    size_t       n = piece_length(csv);

    if (!csv->within && !is_blank(text, n))
        record_starts(csv);
    csv->record_size += n;
    if (csv->record_size > RECORD_MAX)
        return "the row has more than 1 MB: a quote has no end";
    if (csv_parse(&csv->parser, text, n, field_ended, record_ended, csv) != n)
        return "a quote stands within a field: it has to be written twice, and"
               " the field between quotes";
    csv->at += n;
    count_line(csv, text, n);

    return NULL;
}


/* The last line may lack its end. */
static const char *
finish(struct import_csv *csv)
{
    csv->finished = true;
    if (csv_fini(&csv->parser, field_ended, record_ended, csv) != 0)
        return "a quote has no end";

    return NULL;
}


/* A read of no bytes is the end of the file; what is in the chunk otherwise
 * comes first. */
static const char *
advance(struct import_csv *csv)
{
    return csv->len == 0 ? finish(csv) : feed(csv);
}


/* The fields of the record before go with the arena.  After IMPORT_BROKEN
 * libcsv is lost, and nothing more can be read. */
enum import_read
import_csv_next(struct import_csv *csv, struct import_record **record,
                const char **why)
{
    csv->ended = false;
    csv->record.n = 0;
    csv->record.too_many = false;
    arena_reset(&csv->arena);
    *record = &csv->record;

    while (!csv->ended && !csv->finished) {
        if (csv->at == csv->len && !read_chunk(csv))
            return IMPORT_FAILED;
        *why = advance(csv);
        if (*why != NULL)
            return IMPORT_BROKEN;
    }
    if (csv->failed) {
        ctl_error(csv->ctl, "out of memory");
        return IMPORT_FAILED;
    }

    return csv->ended ? IMPORT_RECORD : IMPORT_END;
}
