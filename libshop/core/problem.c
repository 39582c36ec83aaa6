/*
 * problem.c - the general problems, and RFC 9457 documents made of them.
 *
 * Codes are for programs and never change; titles are for people and may.
 * Which routes know which problem is in openapi_answer.c.
 *
 * This file returns codes; shop_problem() writes for hosts, which have errors
 * of their own to tell of.
 */
#include "core/problem.h"

#include <stdio.h>

const struct problem not_found = {
    404, "not_found", "There is nothing at this address.",
};
const struct problem method_not_allowed = {
    405, "method_not_allowed", "This address does not know the method.",
};
const struct problem conflict = {
    409, "conflict", "This contradicts what is there already.",
};
const struct problem bad_body = {
    400, "bad_body", "The body is not JSON that can be read.",
};
const struct problem wrong_body = {
    422, "wrong_body", "Members of the body are unknown, missing or wrong.",
};
const struct problem unsupported_media_type = {
    415, "unsupported_media_type",
    "The body must be application/json, and not compressed.",
};
const struct problem bad_idempotency_key = {
    400, "bad_idempotency_key",
    "An Idempotency-Key has 1 to 255 printable ASCII characters, no spaces.",
};
const struct problem idempotency_key_reused = {
    422, "idempotency_key_reused",
    "The Idempotency-Key came with another request before.",
};
const struct problem request_in_progress = {
    409, "request_in_progress",
    "A request with this Idempotency-Key is under way; ask again.",
};
const struct problem if_match_required = {
    428, "if_match_required",
    "Say which version is changed: If-Match with the ETag that was read.",
};
const struct problem version_mismatch = {
    412, "version_mismatch",
    "It was changed meanwhile; read it again and decide anew.",
};
const struct problem unauthenticated = {
    401, "unauthenticated", "A key is needed: Authorization: Bearer.",
};
const struct problem invalid_token = {
    401, "invalid_token", "The key is unknown, expired or revoked.",
};
const struct problem forbidden = {
    403, "forbidden", "The key lacks the scope that this needs.",
};
const struct problem contention = {
    503, "contention", "Others change the same just now; try again.",
};
const struct problem outcome_unknown = {
    503, "outcome_unknown",
    "Whether it was done is not known; repeat with the same key.",
};
const struct problem bad_path = {
    400, "bad_path", "The path is not percent-encoded UTF-8.",
};
const struct problem bad_query = {
    400, "bad_query", "The query cannot be read.",
};
const struct problem wrong_query = {
    422, "wrong_query", "Query parameters are unknown or out of range.",
};
const struct problem bad_cursor = {
    400, "bad_cursor", "The cursor is not one that this list gave out.",
};
const struct problem bad_last_event_id = {
    400, "bad_last_event_id", "Last-Event-ID is not the id of an event.",
};
const struct problem unknown_locale = {
    422, "unknown_locale", "The shop does not speak this language.",
};
const struct problem unknown_currency = {
    422, "unknown_currency", "The shop does not take this currency.",
};
const struct problem internal_error = {
    500, "internal", "Something went wrong here; it has been logged.",
};
const struct problem out_of_memory = {
    503, "out_of_memory", "There is no memory left for this request.",
};
const struct problem overloaded = {
    503, "overloaded", "Too many requests are under way; try again.",
};
const struct problem too_many_requests = {
    429, "too_many_requests", "There were too many requests; slow down.",
};
const struct problem shutting_down = {
    503, "shutting_down", "This server is stopping; try again.",
};
const struct problem deadline_exceeded = {
    504, "deadline_exceeded", "The answer took too long.",
};
const struct problem database_unavailable = {
    503, "database_unavailable", "The database cannot be reached.",
};
const struct problem database_timeout = {
    504, "database_timeout", "The database took too long.",
};
const struct problem not_migrated = {
    503, "not_migrated", "The database lacks this version's tables.",
};

/* What nginx answers by itself. */
const struct problem problems_of_host[] = {
    { 400, "bad_request", "The request cannot be understood." },
    { 403, "forbidden", "This is not allowed." },
    { 404, "not_found", "There is nothing at this address." },
    { 405, "method_not_allowed", "This address does not know the method." },
    { 408, "request_timeout", "The request came too slowly." },
    { 411, "length_required", "The request has a body of unknown length." },
    { 413, "body_too_large", "The body is larger than this server takes." },
    { 414, "uri_too_long", "The address is too long." },
    { 415, "unsupported_media_type", "The body is of a type not known here." },
    { 421, "misdirected_request", "That host is not answered for here." },
    { 429, "too_many_requests", "There were too many requests; slow down." },
    { 431, "headers_too_large", "The headers are larger than allowed." },
    { 500, "internal", "Something went wrong here; it has been logged." },
    { 501, "not_implemented", "The request asks for what is not spoken here." },
    { 502, "bad_gateway", "The server behind this one failed." },
    { 503, "unavailable", "The service is not available; try again." },
    { 504, "gateway_timeout", "The server behind this one took too long." },
    { 505, "http_version", "This version of HTTP is not spoken here." },
    { 0, NULL, NULL }
};


/* An id of the host's making: letters, digits, dots, hyphens. */
static bool
plain(shop_str_t id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] == '"' || id.data[i] == '\\'
            || (unsigned char) id.data[i] < 0x20)
            return false;
    }

    return id.len <= 100;
}


SHOP_API size_t
shop_problem(int status, shop_str_t request_id, char *buf, size_t size)
{
    struct problem  other = { status, "error", "The request failed." };
    const struct problem *p = &other;
    int             n;

    for (size_t i = 0; problems_of_host[i].code != NULL; i++) {
        if (problems_of_host[i].status == status)
            p = &problems_of_host[i];
    }

    n = snprintf(buf, size,
                 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
                 "\"code\":\"%s\",\"request_id\":\"%.*s\"}",
                 p->title, p->status, p->code,
                 plain(request_id) ? (int) request_id.len : 0,
                 request_id.data == NULL ? "" : request_id.data);

    return n < 0 ? 0 : (size_t) n < size ? (size_t) n : size;
}


void
problem_json(struct buf *b, const struct problem *p,
             const struct faults *faults, shop_str_t request_id)
{
    size_t n = faults == NULL ? 0 : faults->n;

    buf_format(b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
               "\"code\":\"%s\",\"request_id\":",
               p->title, p->status, p->code);
    json_text(b, request_id.data, request_id.len);

    if (n != 0)
        buf_str(b, ",\"errors\":[");
    for (size_t i = 0; i < n && i < FAULTS_MAX; i++) {
        const struct fault *f = &faults->v[i];
        const char         *place = f->pointer ? f->pointer : f->parameter;

        buf_str(b, i == 0 ? "{\"" : ",{\"");
        buf_str(b, f->pointer != NULL ? "pointer\":" : "parameter\":");
        json_text(b, place == NULL ? "" : place,
                  place == NULL ? 0 : strlen(place));
        buf_str(b, ",\"code\":");
        json_text(b, f->code, strlen(f->code));
        buf_str(b, ",\"detail\":");
        json_text(b, f->detail, strlen(f->detail));
        buf_char(b, '}');
    }
    buf_str(b, n != 0 ? "]}" : "}");
}
