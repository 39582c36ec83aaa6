/*
 * proxy.h - what the files of faultproxy share: connections, the messages in
 * them, and the faults that befall those.
 *
 * There are two ways, THERE from client to server and BACK.  What comes in on
 * a way is cut into messages (frame.c); each is judged (fault.c), and is
 * delivered, late, in part or never (pair.c).
 */
#ifndef PROXY_H
#define PROXY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_MAX  64
#define LABEL_MAX   48
#define HEADS_MAX   64

enum way_of { THERE, BACK };

/* What a protocol remembers of a conversation to find where messages end. */
struct talk {
    bool      started;                  /* pg: the startup packet has passed */
    bool      byte_due;                 /* pg: one byte answers an SSLRequest */
    bool      opaque;                   /* each read counts as one message   */
    bool      heads[HEADS_MAX];         /* http: which requests were HEAD    */
    unsigned  asked;
    unsigned  answered;
    struct {
        enum { NO_BODY, SIZED, CHUNKED, TO_THE_END } kind;
        size_t  left;
    } body[2];
    char      name[CLIENT_MAX];         /* pg: application_name              */
    char      label[LABEL_MAX];         /* of the message found last         */
};

/* How long is the first message of these bytes?  0 while it is not whole. */
typedef size_t (*frame_pt)(struct talk *t, enum way_of way, const char *data,
                           size_t n);

/* NULL when there is no such protocol. */
frame_pt frame_of(const char *protocol);

enum verdict { DELIVER, CUT_BEFORE, CUT_MIDDLE, CUT_AFTER, HANG };

struct piece;

struct way {
    int            from;
    int            to;
    bool           ended;               /* nothing more will be read         */
    bool           told;                /* and the other end knows           */
    bool           blocked;             /* the other end takes no more now   */
    bool           cut;                 /* over once the queue is written    */
    char          *in;                  /* no whole message yet              */
    size_t         n_in;
    size_t         room;
    struct piece  *first;
    struct piece **last;
    size_t         queued;              /* bytes                             */
    uint64_t       next_ms;             /* when the rate allows more         */
};

struct pair {
    struct way   way[2];
    struct talk  talk;
    bool         matched;
    bool         hung;                  /* reads, and drops what it reads    */
};

/* Faults that last, by way. */
struct weather {
    uint64_t  delay;
    uint64_t  jitter;
    uint64_t  rate;                     /* bytes a second; 0: no bound       */
};

extern struct weather  weather[2];
extern bool            holding;         /* matched ones stand still          */
extern bool            refusing;        /* new connections are closed        */
extern struct pair    *pairs[];
extern size_t          n_pairs;

uint64_t now_ms(void);
uint64_t fault_random(uint64_t below);
void fault_seed(uint64_t seed);

enum verdict fault_judge(struct pair *p, enum way_of way);
void fault_match(struct pair *p);
const char *fault_command(const char *line);

struct pair *pair_new(int near, int far);
void pair_watch(const struct pair *p, struct pollfd *near, struct pollfd *far);
bool pair_pump(struct pair *p, short near, short far, frame_pt frame);
void pair_free(struct pair *p);
uint64_t pair_due(const struct pair *p);
void pairs_close(void);

#endif
