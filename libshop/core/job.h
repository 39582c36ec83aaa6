/*
 * job.h - rows of the statements about jobs.
 */
#ifndef SHOP_JOB_H
#define SHOP_JOB_H

#include "core/core.h"

struct jobs_look {              /* is there anything to do?                  */
    bool          due;
    bool          scheduled;
};

struct job_taken {
    uuid          id;
    const char   *kind;
    json          payload;
    int64_t       attempts;     /* which one this is; tells two takers apart */
    const char   *request_id;   /* of what asked for it, or NULL             */
};

struct job_fate {
    bool          dead;
};

extern const struct field jobs_look[];
extern const struct field job_taken[];
extern const struct field job_fate[];

#endif
