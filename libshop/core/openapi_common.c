/*
 * openapi_common.c - what all routes share, as it stands in the document.
 *
 * The texts are JSON already; the schema of a problem is here because no shape
 * describes one: problem_json() writes it.
 */
#include "core/openapi.h"

#define PARAMETER(id, name, in, doc, schema)                                  \
    "\"" id "\":{\"name\":\"" name "\",\"in\":\"" in "\",\"description\":\""  \
    doc "\",\"schema\":" schema "}"

#define HEADER(name, doc)                                                     \
    "\"" name "\":{\"description\":\"" doc "\",\"schema\":{\"type\":"         \
    "\"string\"}}"

/* What is any text: bounds that matter are enforced, and said in words. */
#define STRING  "{\"type\":\"string\"}"

/* The pattern of a locale is wider than that of LOCALE: a language that the
 * shop does not speak is a problem of its own, not a wrong query. */
const char openapi_common[] =
    "\"parameters\":{"
    PARAMETER("limit", "limit", "query", "Rows of a page",
              "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,"
              "\"default\":20}") ","
    PARAMETER("cursor", "cursor", "query",
              "next_cursor of the page before, with the same sort", STRING) ","
    PARAMETER("fields", "fields", "query",
              "Members to show, with commas between them; of a page, of each "
              "row. Others are left out, also those that the schema requires",
              "{\"type\":\"string\",\"pattern\":"
              "\"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$\"}") ","
    PARAMETER("locale", "locale", "query",
              "Language of the texts; what is missing in it falls back",
              "{\"type\":\"string\",\"pattern\":\"^[A-Za-z-]{2,35}$\"}") ","
    PARAMETER("accept_language", "Accept-Language", "header",
              "Languages to choose from when locale is not given", STRING) ","
    PARAMETER("currency", "currency", "query", "Currency of the prices",
              "{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"}") ","
    PARAMETER("if_none_match", "If-None-Match", "header",
              "ETags of answers that are there already", STRING) ","
    "\"if_match\":{\"name\":\"If-Match\",\"in\":\"header\",\"required\":true,"
    "\"description\":\"ETag of what is changed, as it was read\","
    "\"schema\":" STRING "},"
    PARAMETER("if_match_maybe", "If-Match", "header",
              "ETag of what is changed, when no other is to be", STRING) ","
    PARAMETER("idempotency_key", "Idempotency-Key", "header",
              "Of the client's making; a repeated request has one effect",
              "{\"type\":\"string\",\"pattern\":\"^[!-~]{1,255}$\"}") ","
    PARAMETER("prefer", "Prefer", "header",
              "return=minimal: without the body; dry-run: check all of it and "
              "change nothing", STRING) "},"
    "\"headers\":{"
    HEADER("X-Request-Id", "Also in logs and problems") ","
    HEADER("Cache-Control", "no-cache: ask again with If-None-Match") ","
    HEADER("ETag", "Of this answer, for If-None-Match and If-Match") ","
    HEADER("Content-Language", "Language that the answer was asked in") ","
    HEADER("Vary", "Headers that the answer depends on") ","
    HEADER("Location", "Where it is") ","
    HEADER("Preference-Applied", "What of Prefer was honoured") ","
    HEADER("Idempotent-Replayed", "true: the answer of an earlier request")
    ","
    HEADER("Retry-After", "Seconds after which to try again") ","
    HEADER("RateLimit", "Where the server limits how often one asks: the "
           "limit, requests left, seconds until all are there again") ","
    HEADER("RateLimit-Policy", "The limit, its burst, seconds that filling it "
           "takes") ","
    HEADER("WWW-Authenticate", "How to say who asks") "},"
    "\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"bearerFormat\":\"shk_ and 43 characters\",\"description\":"
    "\"An API key, with the scopes:"
#define SCOPE(id, name, doc)  "\\n" name ": " doc
#include "core/scopes.def"
#undef SCOPE
    "\"}}";

/* Members beyond these are allowed: RFC 9457 has clients ignore what they do
 * not know, so that problems can grow. */
const char openapi_problem[] =
    "\"Problem\":{\"type\":\"object\",\"description\":\"RFC 9457; code is "
    "stable, title is for people\",\"properties\":{"
    "\"type\":" STRING ",\"title\":" STRING ","
    "\"status\":{\"type\":\"integer\"},\"code\":" STRING ","
    "\"request_id\":" STRING ",\"errors\":{\"type\":\"array\","
    "\"description\":\"Every fault of the request, each with its place\","
    "\"items\":{\"type\":\"object\",\"properties\":{"
    "\"pointer\":{\"type\":\"string\",\"description\":\"Into the body\"},"
    "\"parameter\":{\"type\":\"string\",\"description\":\"Of the query\"},"
    "\"code\":" STRING ",\"detail\":" STRING "},"
    "\"required\":[\"code\",\"detail\"],"
    "\"additionalProperties\":false}}},"
    "\"required\":[\"type\",\"title\",\"status\",\"code\",\"request_id\"]}";
