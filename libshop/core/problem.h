/*
 * problem.h - problems that any request may meet, and their documents.
 */
#ifndef SHOP_PROBLEM_H
#define SHOP_PROBLEM_H

#include "core/buf.h"
#include "core/core.h"
#include "core/shape.h"
#include "shop.h"

extern const struct problem method_not_allowed;
extern const struct problem bad_body;
extern const struct problem unsupported_media_type;
extern const struct problem bad_idempotency_key;
extern const struct problem idempotency_key_reused;
extern const struct problem request_in_progress;
extern const struct problem if_match_required;
extern const struct problem version_mismatch;
extern const struct problem unauthenticated;
extern const struct problem invalid_token;
extern const struct problem forbidden;
extern const struct problem contention;
extern const struct problem outcome_unknown;
extern const struct problem bad_path;
extern const struct problem bad_query;
extern const struct problem wrong_query;
extern const struct problem bad_cursor;
extern const struct problem bad_last_event_id;
extern const struct problem unknown_locale;     /* of context_of()           */
extern const struct problem unknown_currency;
extern const struct problem internal_error;
extern const struct problem out_of_memory;
extern const struct problem overloaded;
extern const struct problem too_many_requests;
extern const struct problem shutting_down;
extern const struct problem deadline_exceeded;
extern const struct problem database_unavailable;
extern const struct problem database_timeout;
extern const struct problem not_migrated;

/* What nginx answers by itself, by status; ends with code NULL. */
extern const struct problem problems_of_host[];

/* application/problem+json, with the faults if there are any. */
void problem_json(struct buf *b, const struct problem *p,
                  const struct faults *faults, shop_str_t request_id);

#endif
