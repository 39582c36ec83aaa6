/*
 * shape_schema.c - JSON Schema 2020-12 of a shape, as OpenAPI 3.1 has it.
 *
 * Bodies and answers both say additionalProperties false: a body because the
 * reader refuses what it does not know, an answer so that a test that holds
 * answers against the document finds what the document forgot.
 * Return codes; nothing here leaves by fail().
 */
#include "core/shape.h"

#include "core/banned.h"
#include "core/shape_value.h"

#define BASE32   "0123456789abcdefghjkmnpqrstvwxyz"
#define LOCALES  "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"


/* What a client sends, whole or as a patch: both keep the bounds and leave out
 * what cannot be set. */
static bool
is_body(enum schema_use use)
{
    return use == SCHEMA_BODY || use == SCHEMA_PATCH;
}


/* What is hidden is in no document at all.  Internal members are shown and not
 * accepted, so documents of bodies must not offer them. */
bool
shape_field_shown(const struct field *f, enum schema_use use)
{
    if (f->hidden)
        return false;
    if (is_body(use))
        return !f->internal;
    return use != SCHEMA_BRIEF || !f->brief;
}


/* Answers show every member, null for none; a body may leave members out.  A
 * patch asks for nothing: what is not given stays as it is. */
static bool
is_required(const struct field *f, enum schema_use use)
{
    return use == SCHEMA_PATCH ? false : use == SCHEMA_BODY ? f->required
                                                            : true;
}


/* What has a none and is not promised can be null in an answer. */
static bool
may_be_null(const struct field *f, enum schema_use use)
{
    if (is_body(use))
        return f->nullable;
    return !f->required && f->type != BOOL && f->type != LIST
           && f->type != TEXTS && f->type != UUIDS;
}


/* Whether a brief answer differs from a whole one.  A shape that holds
 * itself is looked into a few levels, which is far enough to see all of it. */
static bool
has_brief(const struct field *shape, unsigned depth)
{
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (f->hidden)
            continue;
        if (f->brief || (f->of != NULL && depth < 4
                         && has_brief(f->of, depth + 1)))
            return true;
    }
    return false;
}


/* So that a shape called "ProductInput" is not documented as
 * "ProductInputInput". */
static bool
ends_with(const char *text, const char *end)
{
    size_t  n = strlen(text), len = strlen(end);

    return n >= len && memcmp(text + n - len, end, len) == 0;
}


/* One name for one content: the names of a whole and a brief answer are the
 * same where nothing is left out, so that generated clients get one type, not
 * two. */
void
shape_schema_name(struct buf *b, const struct field *shape,
                  enum schema_use use)
{
    static const char *const  ends[] = {
        [SCHEMA_BODY] = "Input", [SCHEMA_PATCH] = "Patch",
        [SCHEMA_ANSWER] = "",    [SCHEMA_BRIEF] = "Brief",
    };

    buf_str(b, shape->name);
    if (use == SCHEMA_BRIEF && !has_brief(shape, 0))
        return;
    if (!ends_with(shape->name, ends[use]))
        buf_str(b, ends[use]);
}


/* Behind another member always, as "type" comes first. */
static void
text_member(struct buf *b, const char *key, const char *text)
{
    bool  first = false;

    json_key(b, key, &first);
    json_text(b, text, strlen(text));
}


/* Behind another member, as text_member().  Bounds reach 2^53 - 1 at most,
 * which every reader of JSON takes exactly. */
static void
int_member(struct buf *b, const char *key, int64_t v)
{
    bool  first = false;

    json_key(b, key, &first);
    buf_int(b, v);
}


/* "type":"string", or with null beside it.  Written before everything else of
 * a schema, as text_member() and int_member() begin with a comma. */
static void
type_of(struct buf *b, const char *type, bool null)
{
    buf_format(b, null ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"",
               type);
}


/* An enum must name null, too, where null is allowed.  Each text is escaped,
 * as choices are not held to a-z like names. */
static void
one_of(struct buf *b, const char *const *v, bool null)
{
    buf_str(b, ",\"enum\":[");
    for (size_t i = 0; v[i] != NULL; i++) {
        if (i > 0)
            buf_char(b, ',');
        json_text(b, v[i], strlen(v[i]));
    }
    buf_str(b, null ? ",null]" : "]");
}


/* JSON Schema knows few formats; for the rest there are patterns, the same
 * rules as in shape_format.c. */
static void
format_of(struct buf *b, enum format format)
{
    switch (format) {
    case EMAIL:
        text_member(b, "format", "email");
        return;
    case SLUG:
        text_member(b, "pattern", "^[a-z0-9]+(-[a-z0-9]+)*$");
        return;
    case URL:
        text_member(b, "format", "uri-reference");
        return;
    case CURRENCY:
        text_member(b, "pattern", "^[A-Z]{3}$");
        return;
    case LOCALE:
        text_member(b, "pattern", LOCALES);
        return;
    case HANDLE:
        text_member(b, "pattern", "^[a-z0-9._-]+$");
        return;
    case HTML:
        text_member(b, "contentMediaType", "text/html");
        return;
    case PLAIN:
    case SKU:
        return;
    }
}


/* What is one of a few, or has the one length of its pattern, needs no other
 * bound; one that nobody can reach would only be in the way. */
static bool
has_length(const struct field *f)
{
    return f->one_of == NULL && f->format != CURRENCY && f->format != LOCALE;
}


/* Bounds are promised to be kept by who writes; what is stored may be older
 * than a bound.  The field's bounds of TEXTS count items and are written as
 * minItems and maxItems. */
static void
text_schema(struct buf *b, const struct field *f, enum schema_use use,
            bool null)
{
    int64_t  min;

    type_of(b, "string", null);
    format_of(b, f->format);
    if (f->one_of != NULL)
        one_of(b, f->one_of, null);
    if (!is_body(use) || !has_length(f))
        return;
    min = f->type == TEXT ? f->min : item_min(f);
    if (min > 0)
        int_member(b, "minLength", min);
    int_member(b, "maxLength", f->type == TEXT ? field_max(f) : item_max(f));
}


/* The first letter holds three bits, the others five. */
static void
uuid_schema(struct buf *b, const struct field *f, bool null)
{
    type_of(b, "string", null);
    if (f->prefix == NULL) {
        text_member(b, "format", "uuid");
        return;
    }
    buf_format(b, ",\"pattern\":\"^%s_[0-7][" BASE32 "]{25}$\"", f->prefix);
}


static void
int_schema(struct buf *b, const struct field *f, enum schema_use use,
           bool null)
{
    type_of(b, "integer", null);
    if (is_body(use)) {
        int_member(b, "minimum", f->min);
        int_member(b, "maximum", field_max(f));
    }
}


/* Written out at each place: it is short, and needs no component. */
static void
money_schema(struct buf *b, const struct field *f, enum schema_use use,
             bool null)
{
    type_of(b, "object", null);
    buf_str(b, ",\"properties\":{\"amount\":{");
    int_schema(b, f, use, false);
    buf_str(b, "},\"currency\":{\"type\":\"string\","
               "\"pattern\":\"^[A-Z]{3}$\"}},"
               "\"required\":[\"amount\",\"currency\"],"
               "\"additionalProperties\":false");
}


/* What lies within: of a patch, a list's items are whole, an object is patched
 * too. */
enum schema_use
shape_use_within(const struct field *f, enum schema_use use)
{
    return use == SCHEMA_PATCH && f->type == LIST ? SCHEMA_BODY : use;
}


/* The name must be that of shape_schema_name(), or the reference leads
 * nowhere. */
static void
reference(struct buf *b, const struct field *f, enum schema_use use)
{
    buf_str(b, "\"$ref\":\"#/components/schemas/");
    shape_schema_name(b, f->of, shape_use_within(f, use));
    buf_char(b, '"');
}


/* Items have the rules of their field; its bounds count them. */
static void
array_schema(struct buf *b, const struct field *f, enum schema_use use,
             bool null)
{
    type_of(b, "array", null);
    if (is_body(use)) {
        if (f->min > 0)
            int_member(b, "minItems", f->min);
        int_member(b, "maxItems", field_max(f));
    }
    buf_str(b, ",\"items\":{");
    if (f->type == LIST)
        reference(b, f, use);
    else if (f->type == UUIDS)
        uuid_schema(b, f, false);
    else
        text_schema(b, f, use, false);
    buf_char(b, '}');
}


/* A list with a key; in a patch null drops an item. */
static void
map_schema(struct buf *b, const struct field *f, enum schema_use use)
{
    type_of(b, "object", false);
    if (is_body(use)) {
        int_member(b, "maxProperties", field_max(f));
        buf_str(b, ",\"propertyNames\":{");
        text_schema(b, shape_find(f->of, f->key, strlen(f->key)), use, false);
        buf_char(b, '}');
    }
    buf_str(b, ",\"additionalProperties\":{");
    if (use == SCHEMA_PATCH)
        buf_str(b, "\"anyOf\":[{\"type\":\"null\"},{");
    reference(b, f, use);
    buf_str(b, use == SCHEMA_PATCH ? "}]}" : "}");
}


/* $ref beside "type" would ask for both, so null is another choice.  A
 * description beside $ref is allowed since 3.1, so the field's own sentence is
 * not lost. */
static void
object_schema(struct buf *b, const struct field *f, enum schema_use use,
              bool null)
{
    if (null)
        buf_str(b, "\"anyOf\":[{\"type\":\"null\"},{");
    reference(b, f, use);
    if (null)
        buf_str(b, "}]");
}


/* Without the braces around it, as "description" of the field follows in the
 * same object. */
static void
member_schema(struct buf *b, const struct field *f, enum schema_use use)
{
    bool  null = may_be_null(f, use);

    switch (f->type) {
    case TEXT:    text_schema(b, f, use, null);       return;
    case INT:     int_schema(b, f, use, null);        return;
    case BOOL:
        type_of(b, "boolean", null);
        if (f->on && is_body(use))
            buf_str(b, ",\"default\":true");
        return;
    case UUID:    uuid_schema(b, f, null);            return;
    case STAMP:
        type_of(b, "string", null);
        text_member(b, "format", "date-time");
        return;
    case MONEY:   money_schema(b, f, use, null);      return;
    case LIST:
        if (f->key != NULL) {
            map_schema(b, f, use);
            return;
        }
        /* fall through */
    case TEXTS:
    case UUIDS:   array_schema(b, f, use, null);      return;
    case OBJECT:  object_schema(b, f, use, null);     return;
    case JSON:                          /* any value: a schema of no rules   */
        buf_str(b, "\"title\":\"Any JSON\"");
        return;
    case END_OF_SHAPE:
    case HEAD_OF_SHAPE:
        return;
    }
}


/* An empty list of names is left out.  Up to draft 4 JSON Schema asked for one
 * name at least, and there are tools that still do. */
static void
required_members(struct buf *b, const struct field *shape,
                 enum schema_use use)
{
    bool  first = true;

    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (!shape_field_shown(f, use) || !is_required(f, use))
            continue;
        buf_str(b, first ? ",\"required\":[\"" : ",\"");
        buf_str(b, f->name);
        buf_char(b, '"');
        first = false;
    }
    if (!first)
        buf_char(b, ']');
}


void
shape_field_schema(struct buf *b, const struct field *f, enum schema_use use)
{
    buf_char(b, '{');
    member_schema(b, f, use);
    if (f->doc != NULL)
        text_member(b, "description", f->doc);
    buf_char(b, '}');
}


/* Shapes within are $refs, so this ends also for one that holds itself;
 * whoever asks for it must put those among the components. */
void
shape_schema(struct buf *b, const struct field *shape, enum schema_use use)
{
    bool  first = true;

    buf_char(b, '{');
    type_of(b, "object", false);
    if (shape->doc != NULL)
        text_member(b, "description", shape->doc);
    buf_str(b, ",\"properties\":{");
    for (const struct field *f = shape + 1; f->type != END_OF_SHAPE; f++) {
        if (!shape_field_shown(f, use))
            continue;
        json_key(b, f->name, &first);
        shape_field_schema(b, f, use);
    }
    buf_char(b, '}');
    required_members(b, shape, use);
    buf_str(b, ",\"additionalProperties\":false}");
}
