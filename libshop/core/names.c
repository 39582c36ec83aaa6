/*
 * names.c - see names.h.
 *
 * The thread reads what was given and writes `found`; the loop looks at that
 * only when the thread is done, and copies it.  A shop that closes meanwhile
 * leaves the memory to the end of the job.
 *
 * Return codes: SHOP_OK or a negative SHOP_E_*.
 */
#include "core/names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "core/env.h"
#include "core/worker.h"

#define FRESH_MS  5000          /* a fail-over by name is seen after that    */
#define HOST_MAX  256
#define LIST_MAX  1024

/* Lists as libpq takes them: of each as many, with commas between. */
struct hosts {
    unsigned            n;
    char                host[LIST_MAX];
    char                addr[LIST_MAX];
    char                port[LIST_MAX];
};

struct names {
    struct shop        *shop;
    bool                needed;         /* one of the hosts is a name        */
    bool                closed;
    bool                asking;         /* the thread has it                 */
    bool                telling;        /* done() has it                     */
    uint64_t            known_ms;       /* by the loop's clock; 0: not yet   */
    struct name_wait   *first;
    struct name_wait  **last;
    shop_job_t          job;
    struct hosts        known;
    struct hosts        found;          /* the thread's while it has it      */
    char                why[HOST_MAX + 80];     /* likewise: or ""           */
    char                host[LIST_MAX]; /* as given, and the others          */
    char                addr[LIST_MAX];
    char                port[LIST_MAX];
};


/* --- what need not be looked up ------------------------------------------ */


/* Nothing, a socket's folder, or an address. */
static bool
is_plain(const char *host)
{
    uint8_t  buf[16];

    return host[0] == '\0' || host[0] == '/' || host[0] == '@'
           || inet_pton(AF_INET, host, buf) == 1
           || inet_pton(AF_INET6, host, buf) == 1;
}


/* The next of a list, "" behind its end; false when it is too long. */
static bool
next(const char **list, char out[HOST_MAX])
{
    size_t n = strcspn(*list, ",");
    bool   fits = n < HOST_MAX;

    memcpy(out, *list, fits ? n : 0);
    out[fits ? n : 0] = '\0';
    *list += n + ((*list)[n] == ',');

    return fits;
}


/* A list that cannot be taken apart is left to the thread, which tells of it
 * as of a host without an address. */
static bool
any_name(const struct names *n)
{
    const char *hosts = n->host, *addrs = n->addr;
    char        host[HOST_MAX], addr[HOST_MAX];

    while (*hosts != '\0') {
        if (!next(&hosts, host) || !next(&addrs, addr))
            return true;
        if (addr[0] == '\0' && !is_plain(host))
            return true;
    }

    return false;
}


/* --- on the thread ------------------------------------------------------- */


/* Appended; false, and as before, when there is no room. */
static bool
append(char *list, bool first, const char *text)
{
    size_t n = strlen(list);
    int    more = snprintf(list + n, LIST_MAX - n, "%s%s",
                           first ? "" : ",", text);

    if (more >= 0 && (size_t) more < LIST_MAX - n)
        return true;
    list[n] = '\0';

    return false;
}


/* All three or none; who has more hosts than fit does without the last. */
static void
add(struct hosts *h, const char *host, const char *addr, const char *port)
{
    size_t n_host = strlen(h->host), n_addr = strlen(h->addr);
    bool   first = h->n == 0;

    if (append(h->host, first, host) && append(h->addr, first, addr)
        && append(h->port, first, port))
    {
        h->n++;
        return;
    }
    h->host[n_host] = h->addr[n_addr] = '\0';
}


/* Each address becomes a host of its own: libpq tries them in turn, as it
 * would if it had looked itself.  Why one was not found is kept in case that
 * no other is. */
static void
look_up(struct names *n, const char *host, const char *port)
{
    struct addrinfo  hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    char             addr[HOST_MAX];
    int              rc = getaddrinfo(host, NULL, &hints, &all);

    if (rc != 0) {
        snprintf(n->why, sizeof(n->why), "%s: %s", host, gai_strerror(rc));
        return;
    }
    for (struct addrinfo *a = all; a != NULL; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, addr, sizeof(addr), NULL,
                        0, NI_NUMERICHOST) == 0)
            add(&n->found, host, addr, port);
    }
    freeaddrinfo(all);
}


/* One port serves all hosts, else each has its own. */
static void
work(shop_job_t *j)
{
    struct names *n = j->ctx;
    const char   *hosts = n->host, *addrs = n->addr, *ports = n->port;
    bool          one = strchr(n->port, ',') == NULL;
    char          host[HOST_MAX], addr[HOST_MAX], port[HOST_MAX];

    memset(&n->found, 0, sizeof(n->found));
    n->why[0] = '\0';
    while (*hosts != '\0') {
        if (one)
            ports = n->port;
        if (!next(&hosts, host) || !next(&addrs, addr) || !next(&ports, port))
            continue;
        if (addr[0] != '\0' || is_plain(host))
            add(&n->found, host, addr, port);
        else
            look_up(n, host, port);
    }
    if (n->found.n == 0 && n->why[0] == '\0')
        snprintf(n->why, sizeof(n->why), "the database's host has no address");
}


/* --- on the loop --------------------------------------------------------- */


/* Who is taken out does not wait any more: he may ask again at once. */
static struct name_wait *
pop(struct names *n)
{
    struct name_wait *w = n->first;

    if (w == NULL)
        return NULL;
    n->first = w->next;
    if (n->first == NULL)
        n->last = &n->first;
    w->waits = false;

    return w;
}


/* The last of the three frees: whoever closes, the thread, or the round that
 * tells, in which somebody may have closed. */
static void
release(struct names *n)
{
    if (n->closed && !n->asking && !n->telling)
        shop_env.release(n);
}


/* Who asks again from within waits for the next look; as many are told as wait
 * now, since any of them may leave, and close the shop. */
static void
tell_all(struct names *n, const char *why)
{
    struct name_wait *w;
    unsigned          waiting = 0;

    for (w = n->first; w != NULL; w = w->next)
        waiting++;
    n->telling = true;
    while (waiting-- > 0 && (w = pop(n)) != NULL)
        w->ready(w, why);
    n->telling = false;
}


/* What was known stays known when a look finds nothing: names of servers come
 * and go, and who is told so tries again. */
static void
done(shop_job_t *j)
{
    struct names *n = j->ctx;
    bool          some = n->found.n != 0;

    n->asking = false;
    if (!n->closed && some) {
        n->known = n->found;
        n->known_ms = shop_now_ms(n->shop);
    }
    if (!n->closed)
        tell_all(n, some ? NULL : n->why);
    release(n);
}


enum names_state
names_ask(struct names *n, struct name_wait *w)
{
    struct shop *shop = n->shop;

    if (!n->needed
        || (n->known_ms != 0 && shop_now_ms(shop) - n->known_ms < FRESH_MS))
        return NAMES_KNOWN;

    if (!n->asking && shop->ops->offload(shop->host, &n->job) != SHOP_OK)
        return NAMES_FAILED;
    n->asking = true;
    w->next = NULL;
    w->waits = true;
    *n->last = w;
    n->last = &w->next;

    return NAMES_ASKED;
}


void
names_leave(struct names *n, struct name_wait *w)
{
    struct name_wait **at = &n->first;

    if (!w->waits)
        return;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (w->next == NULL)
        n->last = at;
    w->waits = false;
}


struct name_list
names_list(const struct names *n)
{
    const struct hosts *k = &n->known;

    if (!n->needed)
        return (struct name_list) { NULL, NULL, NULL };

    return (struct name_list) { k->host, k->addr, k->port };
}


/* --- opening and closing ------------------------------------------------- */


/* libpq's options go with the call that read them. */
static bool
keep(char out[LIST_MAX], const char *text)
{
    return snprintf(out, LIST_MAX, "%s", text == NULL ? "" : text) < LIST_MAX;
}


int
names_open(struct names **out, struct shop *shop,
           const struct name_list *given)
{
    struct names *n = shop_env.alloc(sizeof(*n));

    if (n == NULL)
        return SHOP_E_NOMEM;

    memset(n, 0, sizeof(*n));
    n->shop = shop;
    n->last = &n->first;
    n->job.work = work;
    n->job.done = done;
    n->job.ctx = n;
    if (!keep(n->host, given->host) || !keep(n->addr, given->hostaddr)
        || !keep(n->port, given->port))
    {
        shop_env.release(n);
        return SHOP_E_CONF;
    }
    n->needed = any_name(n);
    *out = n;

    return SHOP_OK;
}


void
names_close(struct names *n)
{
    n->closed = true;
    release(n);
}
