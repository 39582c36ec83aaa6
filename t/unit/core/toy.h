/*
 * toy.h - a shape with every type in it, for the tests of shapes.
 */
#ifndef TOY_H
#define TOY_H

#include "core/shape.h"

struct toy_part {
    const char    *sku;
    int64_t        quantity;
    struct money   price;
};

struct toy {
    uuid           id;
    const char    *title;
    const char    *note;
    const char    *status;
    const char    *email;
    int64_t        weight;
    int64_t        delta;
    bool           active;
    stamp          since;
    struct money   price;
    json           extra;
    struct texts   tags;
    struct uuids   groups;
    struct list    parts;
    void          *main;
    uuid           bare;
    int64_t        secret;
    int64_t        version;
};

static const char *const toy_statuses[] = { "draft", "active", NULL };

static const struct field toy_part[] = {
    SHAPE(toy_part, "ToyPart"),
    FIELD(toy_part, sku,      TEXT,  .required = true, .format = SKU,
                              .max = 20),
    FIELD(toy_part, quantity, INT,   .min = 1, .max = 99),
    FIELD(toy_part, price,    MONEY, .brief = true),
    END_SHAPE
};

static const struct field toy[] = {
    SHAPE(toy, "Toy"),
    FIELD(toy, id,      UUID,   .prefix = "toy", .nullable = true),
    FIELD(toy, title,   TEXT,   .required = true, .min = 1, .max = 10,
                        .doc = "What it is called."),
    FIELD(toy, note,    TEXT,   .nullable = true),
    FIELD(toy, status,  TEXT,   .one_of = toy_statuses),
    FIELD(toy, email,   TEXT,   .format = EMAIL),
    FIELD(toy, weight,  INT),
    FIELD(toy, delta,   INT,    .min = -10, .max = 10, .nullable = true),
    FIELD(toy, active,  BOOL),
    FIELD(toy, since,   STAMP,  .nullable = true),
    FIELD(toy, price,   MONEY,  .nullable = true),
    FIELD(toy, extra,   JSON,   .max = 200, .nullable = true),
    FIELD(toy, tags,    TEXTS,  .max = 3),
    FIELD(toy, groups,  UUIDS,  .prefix = "grp"),
    FIELD(toy, parts,   LIST,   .of = toy_part, .max = 3),
    FIELD(toy, main,    OBJECT, .of = toy_part, .nullable = true),
    FIELD(toy, bare,    UUID,   .brief = true),
    FIELD(toy, secret,  INT,    .hidden = true),
    FIELD(toy, version, INT,    .internal = true),
    END_SHAPE
};

#endif
