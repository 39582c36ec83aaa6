/*
 * replay.c - gives the files of a folder to an entry point, without libFuzzer.
 *
 * usage: NAME FOLDER ...  Prints how many files there were; none is a failure,
 * as a corpus that is not found would prove nothing.
 */
#include "fuzz.h"

#include <dirent.h>

#define FILE_MAX  (1024 * 1024)

static uint8_t  bytes[FILE_MAX];


static void
replay(const char *path)
{
    FILE    *in = fopen(path, "rb");
    size_t   n;

    if (in == NULL) {
        perror(path);
        exit(2);
    }
    n = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    printf("%s\n", path);
    fflush(stdout);             /* the last line names the one that aborts */
    LLVMFuzzerTestOneInput(bytes, n);
}


static unsigned
replay_all(const char *folder)
{
    DIR            *dir = opendir(folder);
    struct dirent  *e;
    unsigned        files = 0;
    char            path[4096];

    if (dir == NULL) {
        perror(folder);
        exit(2);
    }
    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        replay(path);
        files++;
    }
    closedir(dir);
    return files;
}


int
main(int argc, char **argv)
{
    unsigned  files = 0;

    for (int i = 1; i < argc; i++)
        files += replay_all(argv[i]);
    printf("%u files\n", files);
    return files == 0;
}
