/*
 * matrix.c - what of all combinations of a product's options can be bought: a
 * letter for each.
 *
 * Cells are numbered as if the options were loops, the last one innermost: to
 * the next value of an option it is as many cells as the options behind it
 * make.  A variant's cell is the sum over its values.
 */
#include <stdlib.h>

#include "catalog/catalog.h"


static int
by_id(const void *a, const void *b)
{
    const struct matrix_value *x = a, *y = b;

    return memcmp(x->id.b, y->id.b, sizeof(x->id.b));
}


/* From the last option to the first.  An option without a value comes as a
 * value without an id: then there are no combinations. */
int64_t
matrix_number(struct matrix_value *values, size_t n)
{
    int64_t cells = 1;

    for (size_t end = n, from; end > 0 && cells <= MATRIX_CELLS; end = from) {
        for (from = end - 1; from > 0; from--) {
            if (values[from - 1].option != values[end - 1].option)
                break;
        }
        for (size_t i = from; i < end; i++)
            values[i].at = (int64_t) (i - from) * cells;
        cells *= uuid_is_none(values[from].id) ? 0 : (int64_t) (end - from);
    }
    if (n > 0)
        qsort(values, n, sizeof(*values), by_id);

    return cells;
}


/* Of values that came in between there is no place yet. */
static int64_t
cell_of(const struct matrix_variant *v, const struct matrix_value *values,
        size_t n)
{
    int64_t cell = 0;

    for (size_t i = 0; i < v->value_ids.n; i++) {
        struct matrix_value        key = { .id = v->value_ids.v[i] };
        const struct matrix_value *found;

        found = n == 0 ? NULL
                       : bsearch(&key, values, n, sizeof(*values), by_id);
        if (found == NULL)
            return -1;
        cell += found->at;
    }

    return cell;
}


void
matrix_fill(char *letters, int64_t cells, const struct matrix_value *values,
            size_t n, const struct matrix_variant *variants,
            size_t n_variants)
{
    memset(letters, '-', (size_t) cells);
    letters[cells] = '\0';

    for (size_t i = 0; i < n_variants; i++) {
        int64_t cell = cell_of(&variants[i], values, n);

        if (cell >= 0 && cell < cells)
            letters[cell] = variants[i].in_stock ? '1' : '0';
    }
}
