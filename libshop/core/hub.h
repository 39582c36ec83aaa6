/*
 * hub.h - a worker's listeners, and the events that they wait for.
 *
 * While anybody listens the worker asks for new events five times a second,
 * once for all of them, and keeps the last in a ring.  Who is behind the ring
 * reads for himself until he has caught up; who does not read what he is sent
 * gets no more, and finds himself behind the ring in the end.  So nothing grows
 * with the number of events, nor with the slowness of anybody.
 *
 * Life of a listener: listener_make() before his request, which asks who he is
 * and sends the head; at its end listener_stay() takes over what the host has
 * of him, and the request is gone with its stack and its memory.  From then on
 * he is a few hundred bytes in one of two lists, until end().
 */
#ifndef SHOP_HUB_H
#define SHOP_HUB_H

#include "core/background.h"

#define HUB_KEPT   512          /* events                                    */
#define HUB_BYTES  1048576      /* of their texts                            */
#define HUB_PIECE  16384        /* that a host is given at a time            */

struct listener;
struct request;

struct said {                   /* an event as it is sent                    */
    char     *text;
    size_t    n;
    unsigned  type_at;          /* its type within the text                  */
    unsigned  n_type;
};

struct hub {
    struct chain        chain;          /* runs while there are listeners    */
    bool                asked;          /* the step that has ended was one   */
    int64_t             seq;            /* the last event that it has read   */
    unsigned            kept;
    size_t              bytes;
    struct said         ring[HUB_KEPT]; /* by number, modulo                 */
    bool                more;           /* there may be, for all were read   */
    bool                crowded;        /* a step had to wait for others     */
    bool                draining;
    bool                closed;         /* nobody stays any more             */
    unsigned            steps;          /* that run                          */
    struct listener    *idle;           /* was looked at                     */
    struct listener    *due;            /* is to be                          */
    shop_timer_t        soon;
    char                piece[HUB_PIECE];       /* what somebody is told     */
};

/* The worker goes: streams end, so that their clients go on at another. */
void hub_drain(struct hub *h, struct shop *shop);

/* Before the worker's requests end, and when they have. */
void hub_close(struct hub *h, struct shop *shop);
void hub_done(struct hub *h);

/* --- for the spine (shop.c), on the loop's stack --- */

/* For a request that will listen, if all goes well; NULL: no memory. */
struct listener *listener_make(struct request *rq);
void listener_free(struct listener *l);         /* or NULL                   */

/* The request has ended.  Does its stream go on?  Then this is how. */
bool listener_stays(const struct request *rq);
void listener_stay(struct request *rq);

/* A step has ended, as rq->problem; its client has left, or taken all. */
void listener_stepped(struct listener *l, const struct problem *p,
                      uint32_t db_us);
void listener_leave(struct listener *l);
void listener_writable(struct listener *l);

#endif
