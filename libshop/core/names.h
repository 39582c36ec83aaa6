/*
 * names.h - the addresses of the database's hosts, for libpq, which would wait
 * for them: names are looked up on a pool thread, before each attempt to
 * connect that finds them older than some seconds.
 *
 * Hosts that are sockets or addresses, or have theirs in hostaddr, are left to
 * libpq; then nothing here ever waits.  A name with several addresses becomes
 * as many hosts, which libpq tries in turn.
 */
#ifndef SHOP_NAMES_H
#define SHOP_NAMES_H

#include <stdbool.h>

#include "shop.h"

struct shop;
struct names;

enum names_state { NAMES_KNOWN, NAMES_ASKED, NAMES_FAILED };

/* Who waits: `ready` is called once, from the loop, never from within
 * names_ask(); with `why` when no host has an address, else NULL. */
struct name_wait {
    struct name_wait   *next;
    bool                waits;
    void              (*ready)(struct name_wait *w, const char *why);
    void               *ctx;
};

/* Three parameters of libpq's in place of the connection string's own, or
 * NULLs where that may stand. */
struct name_list {
    const char         *host;
    const char         *hostaddr;
    const char         *port;
};

/* What libpq would use, with its environment and service files; each is
 * copied.  SHOP_E_NOMEM. */
int  names_open(struct names **out, struct shop *shop,
                const struct name_list *given);
void names_close(struct names *n);

/* NAMES_FAILED: no thread could be had. */
enum names_state names_ask(struct names *n, struct name_wait *w);

/* As if it had never asked; also when it did not. */
void names_leave(struct names *n, struct name_wait *w);

/* As they were found last; good until the loop goes on. */
struct name_list names_list(const struct names *n);

#endif
