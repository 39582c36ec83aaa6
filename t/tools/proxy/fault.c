/*
 * fault.c - what faultproxy counts, and what it does to which message.
 *
 * A command is a line of words; its answer is a line as well, "ok ..." or
 * "error ...".  The manual of them is faultproxy's --help.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/tools/proxy/proxy.h"

#define LOG_MAX    4096
#define WORDS_MAX  6

struct weather  weather[2];
bool            holding, refusing;

static regex_t   pattern;
static bool      has_pattern;
static uint64_t  counted[2];            /* messages since the last reset     */
static uint64_t  chance;                /* of a cut, in 1,000 messages       */
static uint64_t  random_state = 1;
static char      answer[65536];

/* The one message at which something happens. */
static struct {
    enum verdict  what;                 /* DELIVER: nothing                  */
    enum way_of   way;
    uint64_t      at;                   /* the next one                      */
    uint64_t      every;
    uint64_t      times;
    uint64_t      hits;
} trap;

/* What passed, for those who want to know what the k-th message was. */
static struct {
    enum way_of  way;
    char         label[LABEL_MAX];
} passed[LOG_MAX];
static size_t    n_passed;


void
fault_seed(uint64_t seed)
{
    random_state = seed != 0 ? seed : 1;
}


/* xorshift: a seed gives the same faults on every machine. */
uint64_t
fault_random(uint64_t below)
{
    if (below == 0)
        return 0;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return random_state % below;
}


void
fault_match(struct pair *p)
{
    p->matched = !has_pattern
                 || regexec(&pattern, p->talk.name, 0, NULL, 0) == 0;
}


static bool
is_hit(enum way_of way)
{
    return trap.what != DELIVER && trap.way == way && counted[way] == trap.at;
}


/* After a hit the same number of messages goes by until the next one. */
static enum verdict
hit(void)
{
    enum verdict what = trap.what;

    trap.hits++;
    trap.at += trap.every;
    if (--trap.times == 0)
        trap.what = DELIVER;

    return what;
}


enum verdict
fault_judge(struct pair *p, enum way_of way)
{
    fault_match(p);
    if (!p->matched)
        return DELIVER;

    counted[way]++;
    if (n_passed < LOG_MAX) {
        passed[n_passed].way = way;
        memcpy(passed[n_passed++].label, p->talk.label, LABEL_MAX);
    }
    if (is_hit(way))
        return hit();
    if (chance != 0 && fault_random(1000) < chance)
        return fault_random(2) == 0 ? CUT_BEFORE : CUT_AFTER;

    return DELIVER;
}


/* --- commands ------------------------------------------------------------ */


static const char *
said(const char *text)
{
    snprintf(answer, sizeof(answer), "%s", text);

    return answer;
}


/* Does the word name this way? */
static bool
names(const char *word, enum way_of way)
{
    return strcmp(word, "both") == 0
           || strcmp(word, way == THERE ? "there" : "back") == 0;
}


static bool
is_way(const char *word)
{
    return names(word, THERE) || names(word, BACK);
}


static bool
number(const char *word, uint64_t *out)
{
    char *end;

    *out = strtoull(word, &end, 10);

    return *word >= '0' && *word <= '9' && *end == '\0';
}


static const char *
do_match(int n, char **word)
{
    regex_t fresh;

    if (n > 1 && regcomp(&fresh, word[1], REG_EXTENDED | REG_NOSUB) != 0)
        return said("error that is no regular expression");
    if (has_pattern)
        regfree(&pattern);
    has_pattern = n > 1;
    if (has_pattern)
        pattern = fresh;
    for (size_t i = 0; i < n_pairs; i++)
        fault_match(pairs[i]);

    return said("ok");
}


static const char *
do_count(int n, char **word)
{
    size_t open = 0;

    (void) n;
    (void) word;
    for (size_t i = 0; i < n_pairs; i++)
        open += pairs[i]->matched;
    snprintf(answer, sizeof(answer), "ok there %llu back %llu open %zu "
             "hits %llu", (unsigned long long) counted[THERE],
             (unsigned long long) counted[BACK], open,
             (unsigned long long) trap.hits);

    return answer;
}


static const char *
do_list(int n, char **word)
{
    size_t at = 3;

    (void) n;
    (void) word;
    said("ok ");
    for (size_t i = 0; i < n_passed && at + LABEL_MAX + 8 < sizeof(answer); i++)
        at += (size_t) snprintf(answer + at, sizeof(answer) - at, "%s%c %s",
                                i == 0 ? "" : ", ",
                                passed[i].way == THERE ? '>' : '<',
                                passed[i].label);

    return answer;
}


static const char *
do_reset(int n, char **word)
{
    (void) n;
    (void) word;
    memset(counted, 0, sizeof(counted));
    memset(weather, 0, sizeof(weather));
    memset(&trap, 0, sizeof(trap));
    n_passed = 0;
    chance = 0;
    holding = refusing = false;

    return said("ok");
}


static const char *
set_trap(enum verdict what, const char *way, const char *at, uint64_t times)
{
    uint64_t k;

    if (what == DELIVER || !is_way(way) || strcmp(way, "both") == 0
        || !number(at, &k) || k == 0)
        return said("error where?");
    memset(&trap, 0, sizeof(trap));
    trap.what = what;
    trap.way = names(way, THERE) ? THERE : BACK;
    trap.every = k;
    trap.at = counted[trap.way] + k;
    trap.times = times;

    return said("ok");
}


static const char *
do_cut(int n, char **word)
{
    uint64_t      times = 1;
    enum verdict  what = DELIVER;

    if (n > 4 && (!number(word[4], &times) || times == 0))
        return said("error how often?");
    if (strcmp(word[3], "before") == 0)
        what = CUT_BEFORE;
    else if (strcmp(word[3], "middle") == 0)
        what = CUT_MIDDLE;
    else if (strcmp(word[3], "after") == 0)
        what = CUT_AFTER;

    return set_trap(what, word[1], word[2], times);
}


static const char *
do_hang(int n, char **word)
{
    if (n == 3)
        return set_trap(HANG, word[1], word[2], 1);
    for (size_t i = 0; i < n_pairs; i++)
        pairs[i]->hung = pairs[i]->hung || pairs[i]->matched;

    return said("ok");
}


static const char *
do_delay(int n, char **word)
{
    uint64_t ms, jitter = 0;

    if (!is_way(word[1]) || !number(word[2], &ms)
        || (n > 3 && !number(word[3], &jitter)))
        return said("error how late, which way?");
    for (int i = 0; i < 2; i++) {
        if (names(word[1], i)) {
            weather[i].delay = ms;
            weather[i].jitter = jitter;
        }
    }

    return said("ok");
}


static const char *
do_rate(int n, char **word)
{
    uint64_t rate;

    (void) n;
    if (!is_way(word[1]) || !number(word[2], &rate))
        return said("error how fast, which way?");
    for (int i = 0; i < 2; i++) {
        if (names(word[1], i))
            weather[i].rate = rate;
    }

    return said("ok");
}


static const char *
do_chance(int n, char **word)
{
    uint64_t  seed, k;

    if (!number(word[1], &k) || k > 1000 || (n > 2 && !number(word[2], &seed)))
        return said("error how likely is it, in a thousand?");
    chance = k;
    if (n > 2)
        fault_seed(seed);

    return said("ok");
}


static const char *
do_close(int n, char **word)
{
    (void) n;
    (void) word;
    pairs_close();

    return said("ok");
}


static const char *
do_switch(int n, char **word)
{
    (void) n;
    if (strcmp(word[0], "hold") == 0 || strcmp(word[0], "go") == 0)
        holding = word[0][0] == 'h';
    else
        refusing = word[0][0] == 'r';

    return said("ok");
}


static const struct {
    const char  *word;
    int          least, most;           /* words after it                    */
    const char  *(*run)(int n, char **word);
} commands[] = {
    { "match", 0, 1, do_match },
    { "count", 0, 0, do_count },
    { "list", 0, 0, do_list },
    { "reset", 0, 0, do_reset },
    { "cut", 3, 4, do_cut },
    { "hang", 0, 2, do_hang },
    { "delay", 2, 3, do_delay },
    { "rate", 2, 2, do_rate },
    { "chance", 1, 2, do_chance },
    { "close", 0, 0, do_close },
    { "hold", 0, 0, do_switch },
    { "go", 0, 0, do_switch },
    { "refuse", 0, 0, do_switch },
    { "accept", 0, 0, do_switch },
};


const char *
fault_command(const char *line)
{
    char   text[512], *word[WORDS_MAX], *save, *at = text;
    int    n = 0;

    snprintf(text, sizeof(text), "%s", line);
    while (n < WORDS_MAX && (word[n] = strtok_r(at, " \t\r\n", &save)) != NULL)
    {
        at = NULL;
        n++;
    }
    for (size_t i = 0; n > 0 && i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].word, word[0]) != 0)
            continue;
        if (n - 1 < commands[i].least || n - 1 > commands[i].most)
            return said("error that takes other words; see --help");
        return commands[i].run(n, word);
    }

    return said("error there is no such command; see --help");
}
