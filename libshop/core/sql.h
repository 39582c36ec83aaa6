/*
 * sql.h - named statements: numbered and checked once, at start.
 */
#ifndef SHOP_SQL_H
#define SHOP_SQL_H

#include <stddef.h>

/* Give every statement of every domain its number and find its parameters
 * and struct members: 0, or -1 with a sentence. */
int sql_statements_check(char *error, size_t size);

#endif
