/*
 * html_test.c - what the cleaner keeps, what it drops, and that it settles.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/env.h"
#include "core/html.h"
#include "shop.h"

int core_html_tests(void);

static const struct { const char *in, *out; } cases[] = {
    { "",                            "" },
    { "plain text",                  "plain text" },
    { "<p>One<p>Two",                "<p>One</p><p>Two</p>" },
    { "a & b &lt; c \"d\" &nbsp;x",  "a &amp; b &lt; c \"d\" \xc2\xa0x" },
    { "&eacute;&#8364;&#x1F6D2;",    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x9b\x92" },
    { "<B>x</B><STRONG>y</strong>",  "<b>x</b><strong>y</strong>" },
    { "<h1>T</h1><h6>u</h6>",        "<h2>T</h2><h6>u</h6>" },
    { "<p style=\"x\" class=y id=z onclick=a()>t</p>", "<p>t</p>" },
    { "<span>a</span><font>b</font><blink>c</blink>", "abc" },
    { "<section><p>a</p></section><center>b</center>",
      "<div><p>a</p></div><div>b</div>" },
    { "a<br>b<br/>c<hr>",            "a<br>b<br>c<hr>" },
    { "<ul><li>a<li>b</ul>",         "<ul><li>a</li><li>b</li></ul>" },
    { "<!-- c --><p>x</p><!doctype html>", "<p>x</p>" },
    { "<html><head><title>t</title></head><body><p>x</body></html>",
      "<p>x</p>" },
    { "<table><tr><td colspan=2 rowspan=1 width=9>a<th rowspan=\"3\">b"
      "</table>",
      "<table><tbody><tr><td colspan=\"2\">a</td><th rowspan=\"3\">b</th>"
      "</tr></tbody></table>" },
    { "<td colspan=9999>a",          "a" },
    { "<table><tr><td colspan=1001>a</table>",
      "<table><tbody><tr><td>a</td></tr></tbody></table>" },
    { "<pre>\n\n  x\n</pre>",        "<pre>\n\n  x\n</pre>" },
    { "<code>a<b</code>",            "<code>a</code>" },
    { "<p>unclosed <b>bold",         "<p>unclosed <b>bold</b></p>" },
    { "<b><p>x</b>y</p>",            "<b></b><p><b>x</b>y</p>" },

    { "<a href=https://x.example/?a=1&b=2 target=_blank>x</a>",
      "<a href=\"https://x.example/?a=1&amp;b=2\" rel=\"nofollow noopener\">"
      "x</a>" },
    { "<a href='/p/a?b#c'>x</a>",    "<a href=\"/p/a?b#c\">x</a>" },
    { "<a href=mailto:a@b.example>x</a>",
      "<a href=\"mailto:a@b.example\">x</a>" },
    { "<a href=//x.example/>x</a>",
      "<a href=\"//x.example/\" rel=\"nofollow noopener\">x</a>" },
    { "<a href='  HTTPS://x.example/ \n'>x</a>",
      "<a href=\"HTTPS://x.example/\" rel=\"nofollow noopener\">x</a>" },
    { "<a href=''>x</a><a name=y>z</a>", "xz" },
    { "<a href='#a:b'>x</a>",        "<a href=\"#a:b\">x</a>" },
    { "<img src=/a.png alt='a \"b\" <c>' width=3 onerror=x()>",
      "<img src=\"/a.png\" alt=\"a &quot;b&quot; &lt;c&gt;\">" },
    { "<img src=//cdn.example/a.png>",
      "<img src=\"//cdn.example/a.png\" alt=\"\">" },
    { "<img src=https://x.example/a.png srcset=y>",
      "<img src=\"https://x.example/a.png\" alt=\"\">" },
    { "<img src=a.png><img><img src=mailto:x@y.example>", "" },

    { "<script>alert(1)</script>x",  "x" },
    { "<SCRIPT SRC=//evil.example/x.js></SCRIPT>x", "x" },
    { "<script>a</script >b",        "b" },
    { "<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)" },
    { "<<script>alert(1)</script>",  "&lt;" },
    { "<style>@import 'x'</style>y", "y" },
    { "<iframe src=javascript:alert(1)>z</iframe>y", "y" },
    { "<object data=x><param name=y><p>z</p></object>y", "y" },
    { "<svg><script>alert(1)</script><a xlink:href=javascript:x>t</a></svg>y",
      "y" },
    { "<svg onload=alert(1)>",       "" },
    { "<math><mi xlink:href=javascript:alert(1)>x</mi></math>y", "y" },
    { "<template><script>x</script></template>y", "y" },
    { "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
      "" },
    { "<textarea><script>alert(1)</script></textarea>y", "y" },
    { "<xmp><b>x</b></xmp>y",        "y" },
    { "<a href=javascript:alert(1)>x</a>", "x" },
    { "<a href=' javascript:alert(1)'>x</a>", "x" },
    { "<a href='java\nscript:alert(1)'>x</a>", "x" },
    { "<a href='java&#10;script:alert(1)'>x</a>", "x" },
    { "<a href='jav&#x09;ascript:alert(1)'>x</a>", "x" },
    { "<a href='&#106;avascript&colon;alert(1)'>x</a>", "x" },
    { "<a href='\x01javascript:alert(1)'>x</a>", "x" },
    { "<a href='&#1;javascript:alert(1)'>x</a>", "x" },
    { "<a href='JaVaScRiPt:alert(1)'>x</a>", "x" },
    { "<a href='vbscript:x'>x</a>",  "x" },
    { "<a href='data:text/html,<script>x</script>'>x</a>", "x" },
    { "<a href='javascript\\:x'>x</a>", "<a href=\"javascript\\:x\">x</a>" },
    { "<a href='\\\\evil.example'>x</a>", "x" },
    { "<a href='httpsx:y'>x</a>",    "x" },
    { "<a href='://x'>x</a>",        "x" },
    { "<img src=javascript:alert(1)>", "" },
    { "<img src=data:image/svg+xml,x>", "" },
    { "<img src=x:/a>",              "" },
    { "<img src=\"/a\"onerror=\"alert(1)\">", "<img src=\"/a\" alt=\"\">" },
    { "<img src=/a alt='\"><script>x</script>'>",
      "<img src=\"/a\" alt=\"&quot;&gt;&lt;script&gt;x&lt;/script&gt;\">" },
    { "<p title='</p><script>x</script>'>y</p>", "<p>y</p>" },
    { "<b/onmouseover=alert(1)>x",   "<b>x</b>" },
    { "<meta http-equiv=refresh content='0;url=javascript:x'>y", "y" },
    { "<base href=javascript:x//>y", "y" },
    { "<link rel=stylesheet href=x>y", "y" },
    { "<form action=x><input value=y><button>z</button></form>",
      "<div>z</div>" },
    { "<keygen><bgsound src=x>y", "y" },
    { "<![CDATA[<script>x</script>]]>y", "x]]&gt;y" },
    { "<?php echo 1 ?>y",            "y" },
    { "&lt;script&gt;x&lt;/script&gt;", "&lt;script&gt;x&lt;/script&gt;" },
    { "<p>a\x01" "b</p>",            "<p>a\xef\xbf\xbd" "b</p>" },
    { "\xc4<p>\xff",                "\xef\xbf\xbd<p>\xef\xbf\xbd</p>" },
    { "<plaintext><p>x",             "" },
};

/* Known to change their meaning when parsed again, or simply nasty. */
static const char *const nasty[] = {
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;"
    "&lt;img src=1 onerror=alert(1)&gt;\">",
    "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror="
    "alert(1)>",
    "<noembed><img title=\"</noembed><img src=x onerror=alert(1)>\">",
    "<table><a href=/x><tr><td><a href=/y>z",
    "<a href=/x><table><td><a href=/y>z</table>w</a>v",
    "<a href=/x><div><a href=/y>z</div>",
    "<b><i></b>x</i><u><b></u>y",
    "<p><table><p>x</table>y</p>",
    "<table><caption><p>x<tr>y<td>z",
    "<ul><li><ol><li>x</ul>y",
    "<table><table><table>x",
    "<select><option><p>x</select><select><table>",
    "<h1><h2>x</h1>y</h2>",
    "<li><li><section><li>x",
    "<pre>\n\n\n\n\n\n\n\n\n\nx</pre>",
    "<pre><section>\nx</section></pre>",
    "<div><p><section><p>x</section></p></div>",
    "<font><p><font><p><font>x",
    "<body><frameset><p>x</frameset>",
    "</p></br></div>x",
    "<blockquote><table><blockquote>x</table>",
    "<code><pre><code>x</pre></code>",
    "\r\nx\r\n<p>\ry</p>",
    "<a href='/&amp;amp;&quot;'>x</a>",
    "&amp;lt;script&amp;gt;", "&#0;&#x110000;&#xD800;&notanentity;",
    "<", "<a", "<a href", "<a href=", "<a href='", "</", "<!", "<!--", "&#",
    "<p <b>x", "<p/ /x=\"<\">y", "<img src=/a", "a<0b",
};


static void
test_html__keeps_and_drops(void **state)
{
    struct html  got;

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(html_clean(cases[i].in, strlen(cases[i].in), &got),
                         0);
        if (strcmp(got.text, cases[i].out) != 0)
            fail_msg("%s\ngot  %s\nwant %s", cases[i].in, got.text,
                     cases[i].out);
        assert_int_equal(got.len, strlen(got.text));
        html_free(&got);
    }
}


static void
check_settled(const char *text, size_t n)
{
    struct html  once, twice;

    if (html_clean(text, n, &once) != 0)
        fail_msg("%.*s: %s", (int) n, text, once.limit);
    assert_int_equal(html_clean(once.text, once.len, &twice), 0);
    if (strcmp(once.text, twice.text) != 0)
        fail_msg("%.*s\nonce  %s\ntwice %s", (int) n, text, once.text,
                 twice.text);
    assert_null(strstr(once.text, "<img src=1"));
    assert_null(strstr(once.text, "<script"));
    assert_null(strstr(once.text, "<style"));
    assert_null(strstr(once.text, "<!--"));
    html_free(&twice);
    html_free(&once);
}


static void
test_html__cleaning_twice_changes_nothing(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_settled(cases[i].in, strlen(cases[i].in));
    for (size_t i = 0; i < COUNT(nasty); i++)
        check_settled(nasty[i], strlen(nasty[i]));
}


/* Pieces of the above in any order: the same must hold. */
static void
test_html__settles_whatever_comes(void **state)
{
    static const char *const  pieces[] = {
        "<p>", "</p>", "<b>", "</b>", "<i>", "<table>", "</table>", "<tr>",
        "<td>", "<a href=/x>", "</a>", "<ul>", "<li>", "</ul>", "<h1>",
        "</h1>", "<pre>", "\n", "<section>", "</section>", "<div>", "</div>",
        "<svg>", "</svg>", "<math>", "<mtext>", "<style>", "</style>",
        "<!--", "-->", "<img src=/a>", "<select>", "<option>", "</select>",
        "<template>", "</template>", "x", "&lt;", "\"", "<br>", "<caption>",
        "<font color=a>", "<blockquote>", "<script>", "</script>", "<code>",
        "<textarea>", "<form>", "<button>", "<dl><dd>", "<td>", "<thead>",
    };
    uint32_t                  x = 7;

    (void) state;
    for (int round = 0; round < 4000; round++) {
        char    text[512];
        size_t  n = 0;

        for (int i = 0; i < 20; i++) {
            const char  *piece;

            x = x * 1664525 + 1013904223;
            piece = pieces[(x >> 8) % COUNT(pieces)];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        }
        check_settled(text, n);
    }
}


static char *
repeated(const char *text, size_t times, size_t *n)
{
    size_t  len = strlen(text);
    char   *out = malloc(len * times + 1);

    for (size_t i = 0; i < times; i++)
        memcpy(out + i * len, text, len);
    *n = len * times;
    return out;
}


static void
test_html__says_which_limit(void **state)
{
    static const struct { const char *unit; size_t times; const char *limit; }
    limits[] = {
        { "x", 65536, NULL },
        { "x", 65537, "The HTML has more than 65536 bytes." },
        { "<br>", 2000, NULL },
        { "<br>", 2001, "The HTML has more than 2000 tags." },
        { "</p>", 5000, "The HTML has more than 2000 tags." },
        { "&", 65536, "The HTML has more than 65536 bytes when it is"
                      " cleaned." },
        { "<div>", 99, NULL },
        { "<div>", 100, "The HTML is nested more than 100 elements deep." },
        { "<div>", 2000, "The HTML is nested more than 100 elements deep." },
        { "<span>", 2000, "The HTML is nested more than 100 elements deep." },
        { "<b><p>", 1000, "The HTML is nested more than 100 elements deep." },
        { "<b></i>", 101, "The HTML is nested more than 100 elements deep." },
        { "<B></b>", 2000, NULL },
        { "<p>x<br>", 1000, NULL },
        { "<ul><li>x</ul>", 1000, NULL },
        { "</b>", 2000, NULL },
        { "</b>", 2001, "The HTML has more than 2000 tags." },
    };
    struct html  got;

    (void) state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        size_t  n;
        char   *text = repeated(limits[i].unit, limits[i].times, &n);
        int     rc = html_clean(text, n, &got);

        free(text);
        assert_int_equal(rc, limits[i].limit != NULL);
        if (limits[i].limit == NULL) {
            assert_null(got.limit);
        } else {
            assert_null(got.text);
            assert_string_equal(got.limit, limits[i].limit);
        }
        html_free(&got);
    }
}


/* A parser compares each attribute with all before it: twenty thousand took
 * most of a second.  Neither comments nor quotes hide them. */
static void
test_html__counts_attributes(void **state)
{
    static const struct { const char *before, *each; } crowds[] = {
        { "<b", " a" }, { "</b", "\na" }, { "<b ", "a/" },
        { "<img src=/x", "\ta=b" }, { "<b ", "a=\"x y\"" }, { "<b ", "a='>'" },
        { "<!--<i a=\"--><b", " a" }, { "<b></b><b ", "c=d " },
        { "<textarea><i a='</textarea><b", " a" },
    };
    struct html  got;
    char         text[1024];

    (void) state;
    for (size_t i = 0; i < COUNT(crowds); i++) {
        bool    one = strstr(crowds[i].before, "src") != NULL;
        size_t  n = (size_t) snprintf(text, sizeof(text), "%s",
                                      crowds[i].before);

        for (int k = one ? 2 : 1; k <= 50; k++)
            n += (size_t) snprintf(text + n, sizeof(text) - n, "%s",
                                   crowds[i].each);
        snprintf(text + n, sizeof(text) - n, ">x</b>");
        assert_int_equal(html_clean(text, strlen(text), &got), 0);
        html_free(&got);
        snprintf(text + n, sizeof(text) - n, "%s>x</b>", crowds[i].each);
        assert_int_equal(html_clean(text, strlen(text), &got), 1);
        assert_string_equal(got.limit, "The HTML has a tag of more than 50"
                                       " attributes.");
    }
}


/* Each paragraph opens again all that was left open before it. */
static void
test_html__refuses_elements_that_multiply(void **state)
{
    struct html   got;
    char         *text = malloc(60000);
    size_t        n = 0;

    (void) state;
    n += (size_t) snprintf(text + n, 60000 - n, "<p>");
    for (int i = 0; i < 90; i++)
        n += (size_t) snprintf(text + n, 60000 - n, "<font a%d>", i);
    for (int i = 0; i < 1900; i++)
        n += (size_t) snprintf(text + n, 60000 - n, "</p><p>x");
    assert_int_equal(html_clean(text, n, &got), 1);
    assert_non_null(strstr(got.limit, "too complicated"));
    free(text);
}


static size_t  left;


static void *
alloc_while_left(size_t size)
{
    return left == 0 || left-- == 0 ? NULL : malloc(size);
}


static void
test_html__reports_lack_of_memory(void **state)
{
    static const char   text[] = "<p>x <b>y</b></p><script>z</script>";
    void             *(*was)(size_t) = shop_env.alloc;
    struct html         got;
    int                 rc = SHOP_E_NOMEM;

    (void) state;
    shop_env.alloc = alloc_while_left;
    for (size_t n = 0; n < 50 && rc != 0; n++) {
        left = n;
        rc = html_clean(text, sizeof(text) - 1, &got);
        if (rc != 0) {
            assert_int_equal(rc, SHOP_E_NOMEM);
            assert_null(got.text);
            assert_true(n < 20);
        }
    }
    shop_env.alloc = was;
    assert_int_equal(rc, 0);
    assert_string_equal(got.text, "<p>x <b>y</b></p>");
    html_free(&got);
}


int
core_html_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html__keeps_and_drops),
        cmocka_unit_test(test_html__cleaning_twice_changes_nothing),
        cmocka_unit_test(test_html__settles_whatever_comes),
        cmocka_unit_test(test_html__says_which_limit),
        cmocka_unit_test(test_html__counts_attributes),
        cmocka_unit_test(test_html__refuses_elements_that_multiply),
        cmocka_unit_test(test_html__reports_lack_of_memory),
    };

    return cmocka_run_group_tests_name("core/html", tests, NULL, NULL);
}
