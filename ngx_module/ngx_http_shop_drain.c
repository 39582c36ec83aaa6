/*
 * ngx_http_shop_drain.c - old workers end their connections politely before
 * they go: at a reload, and when one binary takes over from another.
 *
 * A word in memory says which workers are the current ones; every other one
 * closes each connection with its next answer.  The memory is a file without a
 * name whose descriptor the master keeps: nginx maps its own zones anew in a
 * new binary, but hands on what is open.  So the new binary finds the word of
 * the old one, moves it, and the old one's workers drain; and moves it again
 * whoever of the two goes on alone.
 */
#include "ngx_http_shop.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define NGX_HTTP_SHOP_DRAIN_NAME  "shop_drain"
#define NGX_HTTP_SHOP_DRAIN_LINK  "/memfd:shop_drain (deleted)"
#define NGX_HTTP_SHOP_DRAIN_SIZE  4096

/* Workers compare one word per request, without a lock. It counts in its high
 * half; in the low one is the pid of the master that moved it. */
typedef struct {
    _Atomic uint64_t  current;
    uint64_t          used;             /* by the last configuration        */
} ngx_http_shop_drain_t;

static ngx_http_shop_drain_t  *drain;


/* --- the memory ---------------------------------------------------------- */


/* Is that descriptor the file? */
static ngx_uint_t
is_ours(const char *fd)
{
    char     path[64], target[sizeof(NGX_HTTP_SHOP_DRAIN_LINK)];
    ssize_t  n;

    snprintf(path, sizeof(path), "/proc/self/fd/%.16s", fd);
    n = readlink(path, target, sizeof(target));

    return n == sizeof(NGX_HTTP_SHOP_DRAIN_LINK) - 1
           && ngx_memcmp(target, NGX_HTTP_SHOP_DRAIN_LINK, n) == 0;
}


/* What the binary before had open, or -1. */
static int
inherited(void)
{
    int             fd = -1;
    DIR            *dir;
    struct dirent  *entry;

    dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return -1;
    }

    while (fd == -1 && (entry = readdir(dir)) != NULL) {
        if (is_ours(entry->d_name)) {
            fd = atoi(entry->d_name);
        }
    }

    closedir(dir);

    return fd;
}


/* Not closed at exec(), which is what it is for. Without such a file the
 * memory is for this binary alone: reloads drain, an upgrade does not. */
static ngx_int_t
open_memory(ngx_log_t *log)
{
    int    fd;
    void  *p;

    fd = inherited();

    if (fd == -1) {
        fd = memfd_create(NGX_HTTP_SHOP_DRAIN_NAME, 0);

        if (fd != -1 && ftruncate(fd, NGX_HTTP_SHOP_DRAIN_SIZE) == -1) {
            close(fd);
            fd = -1;
        }
    }

    p = mmap(NULL, NGX_HTTP_SHOP_DRAIN_SIZE, PROT_READ|PROT_WRITE,
             fd == -1 ? MAP_SHARED|MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "mmap() failed");
        return NGX_ERROR;
    }

    drain = p;

    return NGX_OK;
}


/* --- whose turn it is ---------------------------------------------------- */


/* The workers of master `pid` are the current ones from now on, unless they
 * are already; returns the word that says so. */
static uint64_t
take_over(ngx_pid_t pid, ngx_uint_t always)
{
    uint64_t  next, seen = drain->current;

    do {
        if (!always && (uint32_t) seen == (uint32_t) pid) {
            return seen;
        }

        next = ((seen >> 32) + 1) << 32 | (uint32_t) pid;

    } while (!atomic_compare_exchange_weak(&drain->current, &seen, next));

    return next;
}


/*
 * In the master: when nginx starts, also as the new binary of another; and at
 * a reload, before it starts new workers and tells the old to quit.  A worker
 * that quits closes idle keep-alive connections, and a request on its way to
 * one is lost.  So the old workers first answer "Connection: close" for a
 * while.  After a start nobody has to wait: who upgrades decides himself when
 * the old workers go.
 */
ngx_int_t
ngx_http_shop_drain(ngx_cycle_t *cycle, ngx_http_shop_main_conf_t *smcf)
{
    ngx_uint_t  used;

    if (drain == NULL && open_memory(cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    used = drain->used;
    drain->used = smcf->used;
    smcf->current = used ? take_over(ngx_pid, 1) : drain->current;

    if (used && !ngx_is_init_cycle(cycle->old_cycle) && smcf->drain_time) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "shop: keep-alive connections drain for %uD ms",
                      smcf->drain_time);
        ngx_msleep(smcf->drain_time);
    }

    return NGX_OK;
}


/* In a worker that starts. A master to which its new binary gives back starts
 * workers with the configuration that it had: they find themselves old, and
 * make the other's old instead. */
void
ngx_http_shop_drain_join(ngx_http_shop_main_conf_t *smcf)
{
    if (smcf->current != drain->current) {
        smcf->current = take_over(ngx_parent, 0);
    }
}


/* The phase before all that could answer; every request of the server. */
ngx_int_t
ngx_http_shop_drain_handler(ngx_http_request_t *r)
{
    ngx_http_shop_main_conf_t  *smcf = ngx_http_shop_worker.conf;

    if (drain->current == smcf->current) {
        return NGX_DECLINED;
    }

    r->keepalive = 0;

#if (NGX_HTTP_V2)

    /* As if keepalive_requests were used up: the next stream of the
     * connection is served and followed by GOAWAY. */
    if (r->stream) {
        r->stream->connection->connection->requests = NGX_MAX_UINT32_VALUE;
    }

#endif

    return NGX_DECLINED;
}
