/*
 * domains.c - the domains of this shop as a list, for core, which knows none.
 */
#include "core/route.h"

#define DOMAIN(name)  extern const struct domain name##_domain;
#include "domains.def"
#undef DOMAIN

const struct domain *const domains[] = {
#define DOMAIN(name)  &name##_domain,
#include "domains.def"
#undef DOMAIN
    NULL
};
