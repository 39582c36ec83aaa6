/*
 * hub.h - a worker's listeners, and the events that they wait for.
 *
 * While anybody listens the worker asks for new events five times a second,
 * once for all of them, and keeps the last in a ring.  Who is behind the ring
 * reads for himself until he has caught up; who does not read what he is sent
 * waits in his own stream, and finds himself behind the ring in the end.  So
 * nothing grows with the number of events, nor with the slowness of anybody.
 */
#ifndef SHOP_HUB_H
#define SHOP_HUB_H

#include "core/background.h"

#define HUB_KEPT   512          /* events                                    */
#define HUB_BYTES  1048576      /* of their texts                            */

struct listener {
    struct request     *rq;
    int64_t             seq;            /* the last event that he has had    */
    uint64_t            beat_ms;        /* when a sign of life is due        */
    struct listener    *next;
    struct listener   **prev;
};

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
    unsigned            listeners;
    struct listener    *idle;
    struct listener    *due;            /* who is being woken                */
    shop_timer_t        drain;
};

/* The worker goes: streams end, so that their clients go on at another. */
void hub_drain(struct hub *h, struct shop *shop);

void hub_close(struct hub *h);          /* before its requests end           */
void hub_done(struct hub *h);           /* when they have                    */

#endif
