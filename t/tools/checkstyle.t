# Each rule of tools/checkstyle finds a breach planted for it, and a tree
# without one passes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Tree;
use Test::More;

my $clean = <<'END';
/*
 * order.c - a file that is as it should be.
 */
#include "order/order.h"

enum { LEAST_LINES = 1, MOST_LINES = 100 };


/* Says why. */
static int
order_total(int lines)
{
    return lines;
}


int
order_lines(void)
{
    return MOST_LINES;
}


int
order_place(int lines)
{
    return order_total(lines);      /* the sum */
}
END

my ($output, $status) = check($clean);
is($status, 0, 'a clean tree passes') or diag $output;
like($output, qr/function lines, median\s+4$/m, 'and the figures are shown');

my @rules = (
    [ 'long line',       qr/int lines\b.*/, 'x' x 81, qr/:11: .*columns/ ],
    [ 'tab',             qr/^    return lines/m, "\treturn lines",
                         qr/:13: tab/ ],
    [ 'trailing blank',  qr/return lines;/, 'return lines; ',
                         qr/:13: trailing blanks/ ],
    [ 'carriage return', qr/return lines;/, "return lines;\r",
                         qr/:13: carriage return/ ],
    [ 'no newline',      qr/\n\z/, '', qr/does not end with a newline/ ],
    [ 'unfinished',      qr/Says why/, 'TODO: say why', qr/:9: unfinished/ ],
    [ 'three blanks',    qr/\n\n\nint/, "\n\n\n\nint",
                         qr/more than two blank lines/ ],
    [ 'no head',         qr{\A.*?\*/\n}s, '', qr/:1: has no head comment/ ],
    [ 'wrong name',      qr/ order\.c - /, ' cart.c - ', qr/:1: has no head/ ],
    [ 'strcpy',          qr/return lines;/, 'return *strcpy(a, b);',
                         qr/:13: strcpy\(\) is banned/ ],
    [ 'free',            qr/return lines;/, 'free(a); return 0;',
                         qr/:13: free\(\) has no place in a domain/ ],
    [ 'goto',            qr/return lines;/, 'goto out;',
                         qr/:13: goto has no place in a domain/ ],
    [ '// comment',      qr{/\* the sum \*/}, '// the sum',
                         qr{:27: comment in // form} ],
    [ 'late include',    qr/\z/, "#include <stdio.h>\n",
                         qr/:29: #include below/ ],
    [ 'type on its line', qr/int\norder_place/, 'int order_place',
                         qr/:24: order_place\(\) shares its line/ ],
    [ 'brace',           qr/order_place\(int lines\)\n\{/,
                         'order_place(int lines) {',
                         qr/:25: order_place\(\)'s opening brace/ ],
    [ 'one blank line',  qr/\n\n\nint/, "\n\nint",
                         qr/:23: order_place\(\) has not two blank lines/ ],
    [ 'long function',   qr/    return lines;\n/, "    f();\n" x 80,
                         qr/:11: order_total\(\) has 83 lines, of at most 80/ ],
    [ 'long functions',  qr/    return (?:lines|order_total.*);.*\n/,
                         "    f();\n" x 40,
                         qr/function lines, median .*must be 0 to 15/ ],
    [ 'no comments',     qr{^/\* Says why\. \*/\n|^/\*\n.*\*/\n}ms, '',
                         qr/comment share, %  .*must be 15 to 25/ ],
);

for (@rules) {
    my ($name, $from, $to, $expected) = @$_;
    (my $text = $clean) =~ s/$from/$to/g or die "$name: changes nothing";
    my ($output, $status) = check($text);
    like($output, $expected, "$name: found");
    is($status, 1, "$name: fails");
}

($output, $status) = check($clean =~ s/return lines;/free(a);/r, 'core');
is($status, 0, 'the core may call free') or diag $output;

($output, $status) = check($clean =~ s/return lines;/list->free(a);/r);
is($status, 0, 'a member called free is no call of free') or diag $output;

($output, $status) = check($clean =~ s/lines;/*"goto strcpy(";/r);
is($status, 0, 'nor is a string') or diag $output;

my $header = "/*\n * order.h - a header.\n */\nint order_place(int);\n";
($output, $status) = tool('checkstyle',
                         tree('libshop/order/order.h' => $header));
like($output, qr/order\.h:1: header without #ifndef/, 'a guard is asked for');

my $wide = '-- ' . 'x' x 80 . "\n";
($output, $status) = tool('checkstyle', tree('sql/deploy/a.sql' => $wide,
    'tools/run' => "#!/bin/sh\n# " . 'x' x 80 . "\n",
    'sql/seed/a.sql' => $wide));
like($output, qr{sql/deploy/a\.sql:1: 83 columns}, 'SQL is looked at');
like($output, qr{tools/run:2: 82 columns}, 'scripts without an ending too');
unlike($output, qr{seed}, 'data is left alone');

done_testing();


sub check {
    my ($text, $folder) = @_;

    return tool('checkstyle',
                tree('libshop/' . ($folder // 'order') . '/order.c' => $text));
}
