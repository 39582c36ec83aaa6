/*
 * far.h - the second level of kept answers: memcached, which the machines of a
 * shop share.
 *
 * Asked when this machine has no answer, before PostgreSQL is; filled with
 * what was dear.  It may vanish at any moment, hang, or hold junk: an answer
 * is then made as if there were none.
 */
#ifndef SHOP_FAR_H
#define SHOP_FAR_H

#include "core/cache.h"
#include "shop.h"

struct far;
struct request;

/* NULL in *out when the shop has no memcached.  SHOP_E_NOMEM. */
int  far_open(struct far **out, struct shop *shop);
void far_close(struct far *f);          /* threads may still be at work      */

/* On the coroutine: true when another machine's answer was good, and is in
 * *out, with tags; its texts lie on the attempt's arena.  `out->born` is this
 * machine's clock. */
bool far_fetch(struct request *rq, struct cache_entry *out);

/* What was just kept here may be good elsewhere.  Waits for nothing. */
void far_store(struct request *rq, const struct cache_entry *e);

#endif
