/*
 * system.h - the shop about itself: alive, ready.
 */
#ifndef SHOP_SYSTEM_H
#define SHOP_SYSTEM_H

#include "core/core.h"

struct readiness {
    const char  *change;        /* last migration in the database            */
};

extern const struct field readiness[];

#endif
