/*
 * jobs_discard.c - shopctl jobs discard: throw dead letters away that nobody
 * can use.
 */
#include "shopctl/jobs.h"

#include "core/banned.h"
#include "shopctl/jobs.sql.h"

static const char help[] =
    "usage: shopctl jobs discard ID...\n"
    "       shopctl jobs discard --dead (--kind KIND | --all) --yes\n"
    "\n"
    "Throws dead letters away for good: those with the ids, job_... as\n"
    "\"shopctl jobs list\" shows them, or\n"
    "\n"
    "  --dead        dead letters that are there now,\n"
    "  --kind KIND   of this kind,\n"
    "  --all         or of every kind\n"
    "  --yes         many at once are thrown away only with this; nothing is\n"
    "                ever asked\n"
    "\n"
    "A job that is no dead letter, or is not there, is told on standard\n"
    "error; the others go all the same, and the exit code is 1. With --json\n"
    "an object with \"discarded\", an array of ids, and \"refused\", an array\n"
    "of objects with id and reason: not_found or job_not_dead.\n";


/* The row goes, and with it all that is known of the job: whoever may want to
 * know more asks "jobs show" first. */
static int
run(struct ctl *ctl, int argc, char **argv)
{
    static const struct job_deed  deed = {
        sql_jobs_discard, "discarded", true
    };

    return jobs_do(ctl, &deed, argc, argv);
}


const struct command jobs_discard_command = {
    "jobs discard", "throw dead letters away", help, run
};
