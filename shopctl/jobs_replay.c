/*
 * jobs_replay.c - shopctl jobs replay: try dead letters again, for a fault that
 * has been mended since.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "shopctl/jobs.sql.h"

static const char help[] =
    "usage: shopctl jobs replay ID...\n"
    "       shopctl jobs replay --dead (--kind KIND | --all)\n"
    "\n"
    "Tries dead letters again, from the first attempt on: those with the ids,\n"
    "job_... as \"shopctl jobs list\" shows them, or\n"
    "\n"
    "  --dead        dead letters that are there now,\n"
    "  --kind KIND   of this kind,\n"
    "  --all         or of every kind\n"
    "\n"
    "A job that is no dead letter, or is not there, is told on standard\n"
    "error; the others are tried all the same, and the exit code is 1. With\n"
    "--json an object with \"replayed\", an array of ids, and \"refused\", an\n"
    "array of objects with id and reason: not_found or job_not_dead.\n";


/* Back to the state in which it was asked for, except for its error: that is
 * what the fault was, until the next attempt says otherwise. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    static const struct job_deed  deed = {
        sql_jobs_replay, "replayed", false
    };

    return jobs_do(ctl, &deed, argc, argv);
}


const struct command jobs_replay_command = {
    "jobs replay", "try dead letters again", help, run
};
