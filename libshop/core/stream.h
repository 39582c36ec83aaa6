/*
 * stream.h - what core knows of an answer that is sent in pieces.
 */
#ifndef SHOP_STREAM_H
#define SHOP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct request;

struct stream {
    bool         open;          /* the head is out                           */
    bool         full;          /* the host has as much as it takes          */
    bool         patient;       /* it waits for what has no deadline         */
    bool         left;          /* nobody reads any more                     */
    int          rc;            /* of the host's last call                   */
    const char  *at;            /* what it is to be given                    */
    size_t       n_at;
    char        *piece;         /* what was written and not given yet        */
    size_t       n;
};

/* On the coroutine: wait for the client, or for somebody who says when. */
void stream_wait(struct request *rq);

/* On the loop's stack, in place of the answer. */
void stream_end(struct request *rq);

#endif
