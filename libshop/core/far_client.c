/*
 * far_client.c - a pool of connections to memcached.
 *
 * A connection on which anything went wrong is closed at once: the answer that
 * came too late would otherwise be read as that of the next question.
 *
 * Return codes, see far_client.h.
 */
#include <libmemcached/memcached.h>
#include <libmemcachedutil-1.0/pool.h>
#include <stdlib.h>
#include <string.h>

#include "core/banned.h"
#include "core/env.h"
#include "core/far_client.h"
#include "core/far_reserve.h"

#define CONNECTIONS  16

struct far_client {
    memcached_st       *first;          /* which the others are copies of    */
    memcached_pool_st  *pool;
    struct far_reserve *reserve;
};


/* HOST:PORT; an address of version 6 stands in brackets. */
static memcached_return_t
add_host(memcached_st *m, const char *where)
{
    char        host[256];
    const char *colon = strrchr(where, ':');
    size_t      n = (size_t) (colon - where);

    if (where[0] == '[' && n > 1 && where[n - 1] == ']') {
        where++;
        n -= 2;
    }
    if (n >= sizeof(host))
        return MEMCACHED_HOST_LOOKUP_FAILURE;

    memcpy(host, where, n);
    host[n] = '\0';

    return memcached_server_add(m, host, (in_port_t) atoi(colon + 1));
}


static memcached_st *
connection(const char *where, struct far_reserve *reserve)
{
    static const struct { memcached_behavior_t what; uint64_t value; } how[] = {
        { MEMCACHED_BEHAVIOR_NO_BLOCK, 1 },
        { MEMCACHED_BEHAVIOR_TCP_NODELAY, 1 },
        { MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, FAR_WAIT_MS },
        { MEMCACHED_BEHAVIOR_POLL_TIMEOUT, FAR_WAIT_MS },
        { MEMCACHED_BEHAVIOR_SND_TIMEOUT, FAR_WAIT_MS * 1000 },
        { MEMCACHED_BEHAVIOR_RCV_TIMEOUT, FAR_WAIT_MS * 1000 },
    };
    memcached_st       *m = memcached_create(NULL);
    memcached_return_t  rc;

    if (m == NULL)
        return NULL;
    far_reserve_for(reserve, m);
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++)
        memcached_behavior_set(m, how[i].what, how[i].value);

    rc = where[0] == '/' ? memcached_server_add_unix_socket(m, where)
                         : add_host(m, where);
    if (rc != MEMCACHED_SUCCESS) {
        memcached_free(m);
        return NULL;
    }

    return m;
}


static bool
connect_all(struct far_client *c, const char *where)
{
    c->reserve = far_reserve_open();
    if (c->reserve == NULL)
        return false;
    c->first = connection(where, c->reserve);
    if (c->first == NULL)
        return false;
    c->pool = memcached_pool_create(c->first, 1, CONNECTIONS);

    return c->pool != NULL;
}


struct far_client *
far_client_open(const char *where)
{
    struct far_client *c = shop_env.alloc(sizeof(*c));

    if (c == NULL)
        return NULL;

    *c = (struct far_client) { NULL };
    if (!connect_all(c, where)) {
        far_client_close(c);
        return NULL;
    }

    return c;
}


void
far_client_close(struct far_client *c)
{
    if (c->pool != NULL)
        c->first = memcached_pool_destroy(c->pool);
    if (c->first != NULL)
        memcached_free(c->first);
    if (c->reserve != NULL)
        far_reserve_close(c->reserve);
    shop_env.release(c);
}


/* --- on pool threads ----------------------------------------------------- */


static enum far_outcome
give_back(struct far_client *c, memcached_st *m, memcached_return_t rc)
{
    bool well = rc == MEMCACHED_SUCCESS || rc == MEMCACHED_NOTFOUND
                || rc == MEMCACHED_NOTSTORED;

    if (!well)
        memcached_quit(m);
    memcached_pool_release(c->pool, m);
    if (!well)
        return FAR_FAILED;

    return rc == MEMCACHED_SUCCESS ? FAR_FOUND : FAR_NOTHING;
}


enum far_outcome
far_client_get(struct far_client *c, const char *key, size_t key_len,
               char **value, size_t *len)
{
    memcached_return_t  rc;
    memcached_st       *m = memcached_pool_pop(c->pool, false, &rc);
    uint32_t            flags;
    enum far_outcome    outcome;

    if (m == NULL)
        return FAR_BUSY;

    *value = memcached_get(m, key, key_len, len, &flags, &rc);
    outcome = give_back(c, m, rc);
    if (outcome == FAR_FOUND && *value == NULL)
        outcome = FAR_NOTHING;          /* a value of no bytes               */
    if (*value != NULL && far_reserve_took_back(c->reserve, *value))
        return FAR_FAILED;              /* memory is short, then             */
    if (outcome != FAR_FOUND)
        free(*value);

    return outcome;
}


enum far_outcome
far_client_set(struct far_client *c, const char *key, size_t key_len,
               const char *value, size_t len)
{
    memcached_return_t  rc;
    memcached_st       *m = memcached_pool_pop(c->pool, false, &rc);

    if (m == NULL)
        return FAR_BUSY;

    rc = memcached_set(m, key, key_len, value, len, FAR_KEEP_S, 0);

    return give_back(c, m, rc);
}
