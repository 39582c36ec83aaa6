/*
 * names.c - a resolver for tests, to be preloaded: what NAME.test means stands
 * in the file of that name in the folder TEST_NAMES, an address or "none".
 * Until the file is there the look-up goes on, as it does when no server of
 * names answers.  Other names are libc's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE  6000          /* hundredths of a second                    */

typedef int look_up_t(const char *, const char *, const struct addrinfo *,
                      struct addrinfo **);


/* The file's line; false when it never came. */
static int
read_line(const char *name, char *line, int size)
{
    char  path[512];
    FILE *f = NULL;

    snprintf(path, sizeof(path), "%s/%s", getenv("TEST_NAMES"), name);
    for (int n = 0; n < PATIENCE && f == NULL; n++) {
        f = fopen(path, "r");
        if (f == NULL)
            usleep(10000);
    }
    if (f == NULL)
        return 0;
    if (fgets(line, size, f) == NULL)
        line[0] = '\0';
    fclose(f);

    return 1;
}


int
getaddrinfo(const char *name, const char *service,
            const struct addrinfo *hints, struct addrinfo **out)
{
    look_up_t *real = (look_up_t *) dlsym(RTLD_NEXT, "getaddrinfo");
    size_t     n = name == NULL ? 0 : strlen(name);
    char       line[64];

    if (n < 5 || strcmp(name + n - 5, ".test") != 0)
        return real(name, service, hints, out);
    if (!read_line(name, line, sizeof(line)))
        return EAI_AGAIN;
    line[strcspn(line, "\n")] = '\0';

    return strcmp(line, "none") == 0 ? EAI_NONAME
                                     : real(line, service, hints, out);
}
