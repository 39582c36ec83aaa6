/*
 * openapi.h - the OpenAPI 3.1 document of all routes, made from their tables.
 *
 * Nothing in it is written by hand but what all routes share: who adds a route
 * has documented it.  Made once a process and kept.
 */
#ifndef SHOP_OPENAPI_H
#define SHOP_OPENAPI_H

#include "core/buf.h"
#include "core/core.h"
#include "core/shape.h"

/* NULL: there was no memory for it. */
const char *openapi_document(size_t *n);

/* The document of these domains, ended by NULL; the same bytes each time. */
void openapi_make(struct buf *b, const struct domain *const *list);

/* --- parts, for each other --- */

/* "name":, with a comma before it unless it is the first. */
void openapi_key(struct buf *b, const char *name, bool *first);

/* "name":"text" */
void openapi_text(struct buf *b, const char *name, const char *text,
                  bool *first);

/* {"$ref":"#/components/schemas/NAME"} */
void openapi_ref(struct buf *b, const struct field *shape,
                 enum schema_use use);

/* Does it change a thing with a version, so that If-Match means something? */
bool openapi_versioned(const struct route *route);

/* "responses":{...} of a route (openapi_answer.c). */
void openapi_responses(struct buf *b, const struct route *route);

/* The response that stands for all that the host may answer by itself. */
void openapi_host(struct buf *b);

/* The shapes of all routes, each name once, behind another member
 * (openapi_schema.c). */
void openapi_schemas(struct buf *b, const struct domain *const *list);

/* What all routes share: the schema of a problem, and the last members of
 * "components" (openapi_common.c). */
extern const char openapi_problem[];
extern const char openapi_common[];

#endif
