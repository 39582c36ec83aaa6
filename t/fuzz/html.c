/*
 * html.c - the HTML cleaner: what it lets out is settled and harmless, and
 * costs a bounded time a byte.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <strings.h>
#include <time.h>

#include "core/html.h"
#include "core/text.h"

/* Nanoseconds, for a build with sanitizers on a machine with other work: a
 * cleaner whose time grows with the square of its input is far above. */
#define NS_BASE  500000000
#define NS_BYTE  100000

static const char *const  elements[] = {
    "p", "br", "b", "strong", "i", "em", "u", "ul", "ol", "li", "h2", "h3",
    "h4", "h5", "h6", "blockquote", "a", "img", "table", "thead", "tbody",
    "tr", "td", "th", "div", "code", "pre", "hr", "sub", "sup",
};


static bool
is_allowed(const char *name, size_t n)
{
    for (size_t i = 0; i < LENGTH(elements); i++) {
        if (strlen(elements[i]) == n && memcmp(elements[i], name, n) == 0)
            return true;
    }
    return false;
}


/* At a "<" of what came out: a tag of the list in small letters, its
 * attributes in double quotes, none that begins with "on". */
static const char *
check_tag(const char *at)
{
    const char  *name = at + 1 + (at[1] == '/');
    size_t       n = strcspn(name, " >");

    CHECK(is_allowed(name, n));
    for (at = name + n; *at == ' '; ) {
        const char  *attribute = ++at;

        at += strcspn(at, "=>");
        CHECK(at[0] == '=' && at[1] == '"');
        CHECK(strncasecmp(attribute, "on", 2) != 0);
        CHECK(strncasecmp(attribute, "style", 5) != 0);
        CHECK(strncasecmp(at + 2, "javascript:", 11) != 0);
        CHECK(strncasecmp(at + 2, "data:", 5) != 0);
        at += 2 + strcspn(at + 2, "\"<>");
        CHECK(*at == '"');
        at++;
    }
    CHECK(*at == '>');
    return at + 1;
}


static void
check_harmless(const struct html *html)
{
    CHECK(strlen(html->text) == html->len);
    CHECK(html->len <= HTML_MAX);
    CHECK(utf8_length(html->text, html->len) >= 0);
    for (const char *at = html->text; *at != '\0'; ) {
        at += strcspn(at, "<>");
        CHECK(*at != '>');
        if (*at == '<')
            at = check_tag(at);
    }
}


static int64_t
cpu_ns(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}


/* The fuzzer alone looks at the time: a test depends on no clock. */
static void
check_time(int64_t took, size_t n)
{
#ifdef FUZZ_TIMED
    CHECK(took < NS_BASE + NS_BYTE * (int64_t) n);
#else
    (void) took;
    (void) n;
#endif
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char         *text = fuzz_exact(data, n);
    struct html   once, twice;
    int64_t       since = cpu_ns();
    int           rc = html_clean(text, n, &once);

    check_time(cpu_ns() - since, n);
    CHECK(rc == 0 || rc == 1);
    CHECK((rc == 0) == (once.text != NULL));
    CHECK((rc == 1) == (once.limit != NULL));
    if (rc == 0) {
        check_harmless(&once);
        CHECK(html_clean(once.text, once.len, &twice) == 0);
        CHECK(strcmp(once.text, twice.text) == 0);
        html_free(&twice);
    }
    html_free(&once);
    free(text);
    return 0;
}
