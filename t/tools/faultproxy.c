/*
 * faultproxy.c - a bad network: stands between a client and PostgreSQL,
 * memcached or an HTTP server, counts the messages between them, and delays,
 * cuts or swallows those that it is told to.
 *
 * This file has the command line, the sockets and the loop; t/tools/proxy/
 * has the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "t/tools/proxy/proxy.h"

#define PAIRS_MAX     1024
#define CONTROLS_MAX  8
#define LINE_LENGTH   512

/* A socket's address, of either kind. */
struct place {
    const char  *text;
    socklen_t    size;
    union {
        struct sockaddr      any;
        struct sockaddr_un   un;
        struct sockaddr_in   in;
    } at;
};

struct control {
    int     fd;
    size_t  n;
    char    line[LINE_LENGTH];
};

struct pair *pairs[PAIRS_MAX];
size_t       n_pairs;

static struct control  controls[CONTROLS_MAX];
static size_t          n_controls;
static struct place    listen_at, target_at, control_at;
static frame_pt        frame;

static const char  usage[] =
    "usage: faultproxy [OPTION]... LISTEN TARGET\n"
    "Try faultproxy --help.\n";

static const char  manual[] =
"NAME\n"
"    faultproxy - a bad network between a client and a server\n"
"\n"
"SYNOPSIS\n"
"    faultproxy [-p PROTOCOL] [-c CONTROL] [-s SEED] [-x COMMAND]...\n"
"               LISTEN TARGET\n"
"\n"
"DESCRIPTION\n"
"    Connections to LISTEN are made on to TARGET.  Either is the path of a\n"
"    unix socket or ADDRESS:PORT.  What passes is cut into messages, which\n"
"    are counted, THERE from client to server and BACK apart.  Without a\n"
"    command everything passes at once and unchanged.\n"
"\n"
"    It runs in the foreground until SIGTERM or SIGINT, and takes its unix\n"
"    sockets with it.  Neither socket nor memory grows without a bound: at\n"
"    1,024 connections more are closed, and who does not read is not read\n"
"    from.\n"
"\n"
"OPTIONS\n"
"    -p, --protocol pg|memcached|http|none\n"
"        How messages are told apart; pg by default.\n"
"        pg         version 3 of PostgreSQL's protocol: each message.  A\n"
"                   connection is named by its application_name.  After TLS\n"
"                   has begun each read counts.\n"
"        memcached  each line with the data that it announces, of the text\n"
"                   protocol and of its meta commands.\n"
"        http       version 1: each head, each body or chunk of one.\n"
"        none       each read.\n"
"    -c, --control PATH\n"
"        Take commands on this unix socket: a line each, answered with a\n"
"        line that begins with \"ok\" or \"error\".\n"
"    -s, --seed N\n"
"        Of what is left to chance; 1 by default.\n"
"    -x, --execute COMMAND\n"
"        As if it had come over the control socket, before anything else.\n"
"    -h, --help\n"
"        This text.\n"
"\n"
"COMMANDS\n"
"    WAY is there, back or both; cut and hang take one of the two.\n"
"\n"
"    match [REGEX]\n"
"        Only connections with such a name are counted and troubled from\n"
"        now on (extended, anywhere in the name); without one all are.\n"
"    count\n"
"        \"ok there N back N open N hits N\": messages since the last reset,\n"
"        connections that match, and how often cut or hang came to pass.\n"
"    list\n"
"        What passed since the last reset, at most 4,096 messages, by types\n"
"        and names: \"ok > P:shop_begin, > E, < 1\".\n"
"    reset\n"
"        Counts are 0, and all is well from now on; what hangs or was\n"
"        queued stays as it is.\n"
"    cut WAY K before|middle|after [TIMES]\n"
"        The K-th message from now on that way is the last of its\n"
"        connection: not delivered, delivered by half, or delivered.  What\n"
"        came before it is delivered; then both ends are closed.  TIMES\n"
"        lets it happen again, K messages later.\n"
"    hang [WAY K]\n"
"        From its K-th message on a connection is swallowed, both ways, and\n"
"        kept: neither end learns even that the other closes.  Without\n"
"        words: all that match, now.\n"
"    delay WAY MS [JITTER]\n"
"        Messages are delivered so much later, and up to JITTER ms more;\n"
"        they keep their order.\n"
"    rate WAY BYTES\n"
"        So many bytes a second, one at a time below 1,000; 0 is no bound.\n"
"    chance N [SEED]\n"
"        Each message is the last of its connection with this chance in a\n"
"        thousand, before or after it is delivered.\n"
"    close\n"
"        All connections that match are closed.\n"
"    hold, go\n"
"        Nothing is read or written; everything goes on as it stood.\n"
"    refuse, accept\n"
"        New connections are closed at once; or not any more.\n"
"\n"
"EXIT STATUS\n"
"    0 after a signal, 1 when a socket cannot be had, 2 for a wrong command\n"
"    line.\n"
"\n"
"EXAMPLE\n"
"    faultproxy -c /tmp/c -x 'match ^shop-tx' -x 'cut there 9 after' \\\n"
"        /tmp/x/.s.PGSQL.5432 /run/postgresql/.s.PGSQL.5432\n";


static void
die(const char *what)
{
    fprintf(stderr, "faultproxy: %s: %s\n", what, strerror(errno));
    exit(1);
}


static _Noreturn void
wrong(const char *what, const char *why)
{
    fprintf(stderr, "faultproxy: %s: %s\n%s", what, why, usage);
    exit(2);
}


uint64_t
now_ms(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}


/* --- sockets ------------------------------------------------------------- */


static void
place_unix(struct place *p, const char *text)
{
    if (strlen(text) >= sizeof(p->at.un.sun_path))
        wrong(text, "too long for a socket");
    p->at.un.sun_family = AF_UNIX;
    memcpy(p->at.un.sun_path, text, strlen(text) + 1);
    p->size = sizeof(p->at.un);
}


static void
place_inet(struct place *p, const char *text)
{
    const char    *colon = strrchr(text, ':');
    char           host[64], *end;
    unsigned long  port;

    if (colon == NULL)
        wrong(text, "neither a path nor ADDRESS:PORT");
    port = strtoul(colon + 1, &end, 10);
    snprintf(host, sizeof(host), "%.*s", (int) (colon - text), text);
    p->at.in.sin_family = AF_INET;
    p->at.in.sin_port = htons((uint16_t) port);
    p->size = sizeof(p->at.in);
    if (*end != '\0' || port == 0 || port > 65535
        || inet_pton(AF_INET, host, &p->at.in.sin_addr) != 1)
        wrong(text, "neither a path nor ADDRESS:PORT");
}


static void
place_parse(struct place *p, const char *text)
{
    p->text = text;
    if (strchr(text, '/') != NULL)
        place_unix(p, text);
    else
        place_inet(p, text);
}


static void
place_unlink(const struct place *p)
{
    if (p->at.any.sa_family == AF_UNIX)
        unlink(p->text);
}


/* Anybody may connect, as with PostgreSQL's own: it asks who it is. */
static int
place_listen(const struct place *p)
{
    int  fd = socket(p->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int  on = 1;

    place_unlink(p);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, &p->at.any, p->size) != 0
        || (p->at.any.sa_family == AF_UNIX && chmod(p->text, 0777) != 0)
        || listen(fd, 1024) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        die(p->text);

    return fd;
}


/* Without waiting: a server that stands still takes nobody in. */
static int
place_connect(const struct place *p)
{
    int  fd = socket(p->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int  on = 1;

    if (fd < 0)
        return -1;
    if (p->at.any.sa_family == AF_INET)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, &p->at.any, p->size) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }

    return fd;
}


static void
on_signal(int signo)
{
    (void) signo;
    place_unlink(&listen_at);
    if (control_at.text != NULL)
        place_unlink(&control_at);
    _exit(0);
}


/* --- connections --------------------------------------------------------- */


static void
pair_accept(int listener)
{
    int  near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int  far, on = 1;

    if (near < 0)
        return;
    far = refusing || n_pairs == PAIRS_MAX ? -1 : place_connect(&target_at);
    if (far < 0) {
        close(near);
        return;
    }
    if (listen_at.at.any.sa_family == AF_INET)
        setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    pairs[n_pairs] = pair_new(near, far);
    n_pairs++;
}


/* The last one takes its place. */
static void
pair_drop(size_t i)
{
    pair_free(pairs[i]);
    pairs[i] = pairs[--n_pairs];
}


void
pairs_close(void)
{
    for (size_t i = n_pairs; i-- > 0; ) {
        if (pairs[i]->matched)
            pair_drop(i);
    }
}


/* --- commands ------------------------------------------------------------ */


static void
control_accept(int listener)
{
    int  fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (n_controls == CONTROLS_MAX) {
        close(fd);
        return;
    }
    controls[n_controls++] = (struct control) { .fd = fd };
}


static void
control_answer(struct control *c, const char *text)
{
    char  end = '\n';

    if (send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_MORE) > 0)
        send(c->fd, &end, 1, MSG_NOSIGNAL);
}


/* False when whoever gave commands has gone, or gives endless ones. */
static bool
control_read(struct control *c)
{
    ssize_t  n = read(c->fd, c->line + c->n, sizeof(c->line) - 1 - c->n);
    char    *eol;

    if (n <= 0)
        return false;
    c->n += (size_t) n;
    c->line[c->n] = '\0';
    while ((eol = strchr(c->line, '\n')) != NULL) {
        *eol = '\0';
        control_answer(c, fault_command(c->line));
        c->n -= (size_t) (eol + 1 - c->line);
        memmove(c->line, eol + 1, c->n + 1);
    }

    return c->n < sizeof(c->line) - 1;
}


static void
control_pump(size_t i)
{
    if (control_read(&controls[i]))
        return;
    close(controls[i].fd);
    controls[i] = controls[--n_controls];
}


/* --- the loop ------------------------------------------------------------ */


/* What poll() may wait: until the first thing is due. */
static int
patience(void)
{
    uint64_t  first = UINT64_MAX, now = now_ms();

    for (size_t i = 0; i < n_pairs; i++) {
        uint64_t due = pair_due(pairs[i]);

        if (due < first)
            first = due;
    }
    if (first == UINT64_MAX)
        return -1;

    return first <= now ? 0 : (int) (first - now);
}


static struct pollfd  fds[2 + CONTROLS_MAX + 2 * PAIRS_MAX];


/* From the end, as closing one moves the last into its place.  Commands come
 * after what was under way before them. */
static void
pump(int listener, int control)
{
    struct pollfd  *of_control = &fds[2];
    struct pollfd  *of_pair = &fds[2 + CONTROLS_MAX];
    size_t          n = n_controls;

    for (size_t i = n_pairs; i-- > 0; ) {
        if (!pair_pump(pairs[i], of_pair[2 * i].revents,
                       of_pair[2 * i + 1].revents, frame))
            pair_drop(i);
    }
    if (fds[0].revents != 0)
        pair_accept(listener);
    while (n-- > 0) {
        if (of_control[n].revents != 0)
            control_pump(n);
    }
    if (fds[1].revents != 0)
        control_accept(control);
}


static _Noreturn void
serve(int listener, int control)
{
    for ( ;; ) {
        fds[0] = (struct pollfd) { .fd = listener, .events = POLLIN };
        fds[1] = (struct pollfd) { .fd = control, .events = POLLIN };
        for (size_t i = 0; i < CONTROLS_MAX; i++)
            fds[2 + i] = (struct pollfd) {
                .fd = i < n_controls ? controls[i].fd : -1, .events = POLLIN
            };
        for (size_t i = 0; i < n_pairs; i++)
            pair_watch(pairs[i], &fds[2 + CONTROLS_MAX + 2 * i],
                       &fds[3 + CONTROLS_MAX + 2 * i]);
        if (poll(fds, 2 + CONTROLS_MAX + 2 * n_pairs, patience()) < 0) {
            if (errno != EINTR)
                die("poll");
            continue;
        }
        pump(listener, control);
    }
}


/* --- the command line ---------------------------------------------------- */


static void
execute(const char *command)
{
    const char *said = fault_command(command);

    if (strncmp(said, "ok", 2) != 0)
        wrong(command, said);
}


/* The value of an option that may be spelled in two ways, or NULL. */
static const char *
value_of(char **argv, int *i, const char *name, const char *letter)
{
    if (strcmp(argv[*i], name) != 0 && strcmp(argv[*i], letter) != 0)
        return NULL;
    if (argv[*i + 1] == NULL)
        wrong(name, "its value is missing");

    return argv[++*i];
}


static void
option(char **argv, int *i)
{
    const char *v;

    if ((v = value_of(argv, i, "--protocol", "-p")) != NULL) {
        frame = frame_of(v);
        if (frame == NULL)
            wrong(v, "is pg, memcached, http or none");
    } else if ((v = value_of(argv, i, "--control", "-c")) != NULL) {
        if (strchr(v, '/') == NULL)
            wrong(v, "is no path");
        place_parse(&control_at, v);
    } else if ((v = value_of(argv, i, "--seed", "-s")) != NULL) {
        fault_seed(strtoull(v, NULL, 10));
    } else if ((v = value_of(argv, i, "--execute", "-x")) != NULL) {
        execute(v);
    } else {
        wrong(argv[*i], "there is no such option");
    }
}


int
main(int argc, char **argv)
{
    int  i = 1, control = -1;

    frame = frame_of("pg");
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(manual, stdout);
            return 0;
        }
        option(argv, &i);
    }
    if (argc - i != 2) {
        fputs(usage, stderr);
        return 2;
    }
    place_parse(&listen_at, argv[i]);
    place_parse(&target_at, argv[i + 1]);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (control_at.text != NULL)
        control = place_listen(&control_at);
    serve(place_listen(&listen_at), control);
}
