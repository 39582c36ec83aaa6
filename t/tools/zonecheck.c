/*
 * zonecheck.c - looks from outside at the shared memory of nginx's workers.
 *
 *     zonecheck PID           a copy of it is whole: "ok", the entries that
 *                             live, and locks that were taken from the dead
 *     zonecheck PID orphan    every shard becomes as a worker leaves it that
 *                             is killed in the middle of a write
 *
 * PID is any process that has the memory mapped.  It need not stand still:
 * what looks broken is looked at again, since it may have been copied in the
 * middle of a write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cache_map.h"

#define MAGIC   UINT64_C(0x656863616370686f)
#define LOOKS   50

struct zone {
    int                mem;             /* /proc/PID/mem                     */
    off_t              at;              /* of the map, in that process       */
    size_t             size;
    char              *room;
    struct cache_map  *map;             /* our copy                          */
};


static _Noreturn void
give_up(const char *what)
{
    fprintf(stderr, "zonecheck: %s: %s\n", what, strerror(errno));
    exit(2);
}


static void
copy(struct zone *z)
{
    if (pread(z->mem, z->map, z->size, z->at) != (ssize_t) z->size)
        give_up("the memory cannot be read");
}


/* Does the head of a cache lie there? */
static bool
is_cache(struct zone *z, off_t at, off_t end)
{
    struct cache_map head;

    if (pread(z->mem, &head, sizeof(head), at) != sizeof(head)
        || head.magic != MAGIC || head.layout != CACHE_LAYOUT
        || head.size > (size_t) (end - at))
        return false;
    z->at = at;
    z->size = head.size;

    return true;
}


/* nginx's zone begins with some pages of its allocator's. */
static bool
find(struct zone *z, const char *pid)
{
    char           path[64], line[512], mode[8];
    unsigned long  from, to;
    bool           found = false;
    FILE          *maps;

    snprintf(path, sizeof(path), "/proc/%s/maps", pid);
    maps = fopen(path, "re");
    if (maps == NULL)
        give_up(path);

    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3
            || strcmp(mode, "rw-s") != 0)
            continue;
        for (off_t at = (off_t) from; !found && at < (off_t) from + (1 << 20)
                                      && at < (off_t) to; at += CACHE_LINE)
            found = is_cache(z, at, (off_t) to);
    }
    fclose(maps);

    return found;
}


static unsigned
entries(const struct cache *c, unsigned *stolen)
{
    unsigned n = 0;

    *stolen = 0;
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct shard  *s = cache_shard(c, i);
        struct bucket *b = shard_buckets(s);

        *stolen += s->lock.stolen;
        for (uint64_t k = 0; k < s->n_buckets * (uint64_t) CACHE_WAYS; k++) {
            uint64_t way = b[k / CACHE_WAYS].way[k % CACHE_WAYS];

            n += way != 0 && shard_lives(s, way_position(way));
        }
    }

    return n;
}


/* Locks are taken in the copy only. */
static int
check(struct zone *z)
{
    char          error[256] = "";
    struct cache  c;
    unsigned      n, stolen;

    for (unsigned look = 0; look < LOOKS; look++) {
        copy(z);
        if (cache_attach(&c, z->map, z->size, 0, 0, 1) != SHOP_OK) {
            printf("it is no cache\n");
            return 1;
        }
        if (cache_check(&c, error, sizeof(error)) == 0) {
            n = entries(&c, &stolen);
            printf("ok entries %u stolen %u\n", n, stolen);
            return 0;
        }
        usleep(20000);
    }
    printf("%s\n", error);

    return 1;
}


/* A process that was, by pid and start: ours until it ended. */
static uint64_t
somebody_dead(void)
{
    int       ends[2];
    uint64_t  self = 0;

    if (pipe(ends) == -1)
        give_up("pipe");
    if (fork() == 0) {
        self = shm_self();
        _exit(write(ends[1], &self, sizeof(self)) != sizeof(self));
    }
    if (read(ends[0], &self, sizeof(self)) != sizeof(self))
        give_up("fork");
    wait(NULL);

    return self;
}


/* The index of a shard may be half written too: every entry's place is
 * turned, so that a reader that does not mend would find rubbish. */
static int
orphan(struct zone *z)
{
    struct cache  c;
    uint64_t      dead = somebody_dead();

    copy(z);
    if (cache_attach(&c, z->map, z->size, 0, 0, 1) != SHOP_OK)
        return 1;
    for (unsigned i = 0; i < CACHE_SHARDS; i++) {
        struct shard *s = cache_shard(&c, i);
        struct shard  head = *s;
        off_t         at = z->at + ((char *) s - (char *) z->map);
        uint64_t      junk[CACHE_WAYS];

        memset(junk, 0xa5, sizeof(junk));
        atomic_store(&head.lock.owner, dead);
        atomic_store(&head.lock.dirty, 1);
        if (pwrite(z->mem, junk, sizeof(junk), at + (off_t) sizeof(head)) < 0
            || pwrite(z->mem, &head, sizeof(head.lock), at) < 0)
            give_up("the memory cannot be written");
    }
    printf("ok\n");

    return 0;
}


int
main(int argc, char **argv)
{
    struct zone  z = { 0 };
    char         path[64];
    int          rc;

    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "orphan"))) {
        fprintf(stderr, "usage: zonecheck PID [orphan]\n");
        return 2;
    }
    snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
    z.mem = open(path, argc == 3 ? O_RDWR : O_RDONLY);
    if (z.mem == -1)
        give_up(path);
    if (!find(&z, argv[1])) {
        fprintf(stderr, "zonecheck: there is no cache in it\n");
        return 2;
    }
    z.room = malloc(z.size + CACHE_LINE);
    if (z.room == NULL)
        give_up("malloc");
    z.map = (void *) (z.room + (-(uintptr_t) z.room % CACHE_LINE));

    rc = argc == 3 ? orphan(&z) : check(&z);
    free(z.room);
    return rc;
}
