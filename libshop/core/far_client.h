/*
 * far_client.h - memcached through libmemcached, which waits: what asks it
 * runs on pool threads.
 */
#ifndef SHOP_FAR_CLIENT_H
#define SHOP_FAR_CLIENT_H

#include <stddef.h>

#define FAR_WAIT_MS   20        /* for a connection, and for each answer     */
#define FAR_KEEP_S    3600      /* then memcached forgets a value            */

struct far_client;

enum far_outcome {
    FAR_FOUND,                          /* or stored                         */
    FAR_NOTHING,
    FAR_BUSY,                           /* all connections are in use        */
    FAR_FAILED                          /* no answer, or none that is right  */
};

/* `where` is the path of a socket, or HOST:PORT.  Connects to nobody yet;
 * NULL when memory is short. */
struct far_client *far_client_open(const char *where);

/* When no thread uses it any more. */
void far_client_close(struct far_client *c);

/* --- on pool threads --- */

/* *value is the caller's to free() when something was found. */
enum far_outcome far_client_get(struct far_client *c, const char *key,
                                size_t key_len, char **value, size_t *len);
enum far_outcome far_client_set(struct far_client *c, const char *key,
                                size_t key_len, const char *value,
                                size_t len);

#endif
