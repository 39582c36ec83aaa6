# tools/sql2text: texts that a C compiler reads back as they were, and what is
# refused.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Tree;
use Test::More;


# What sql2text made of a file, and how it ended.
sub sql2text {
    my ($sql) = @_;
    my $dir = tree('x.sql' => $sql);
    my ($output, $status) = tool('sql2text', "$dir/x.sql", "$dir/x.sql.h");

    return ($dir, $status, $output);
}


# The text of a section, as a program sees it.
sub printed {
    my ($dir, $name) = @_;

    open my $c, '>', "$dir/x.c" or die $!;
    print $c qq{#include <stdio.h>\n#include "x.sql.h"\n},
        qq{int main(void) { return fputs($name, stdout) < 0; }\n};
    close $c or die $!;
    is(system('cc', '-Wall', '-Werror', '-o', "$dir/x", "$dir/x.c"), 0,
       "$name compiles");

    my $text = qx{$dir/x};
    utf8::decode($text);
    return $text;
}


my ($dir, $status) = sql2text(<<'END');
-- A head, which belongs to no section.

-- sql_first
-- Why it is so.
SELECT 'a "quoted" \ text',
       -- A comment of its own line goes.
       'ü';

-- sql_second
SELECT 2;   -- This one stays.
END
is($status, 0, 'two sections');
is(printed($dir, 'sql_first'),
   qq{SELECT 'a "quoted" \\ text',\n       'ü';\n}, 'quoted as C wants it');
is(printed($dir, 'sql_second'), "SELECT 2;   -- This one stays.\n",
   'each by itself');

($dir, $status) = sql2text("-- All of it.\nSELECT 1;\n\nSELECT 2;\n");
is(printed($dir, 'sql_x'), "SELECT 1;\nSELECT 2;\n",
   'a file without sections is one');

for (
    ["-- sql_a\nSELECT 1;\n-- sql_a\nSELECT 2;\n", 'x\.sql:3: .*twice'],
    ["-- sql_a\n-- sql_b\nSELECT 2;\n",            'sql_a is empty'],
    ["-- nothing\n",                               'no SQL'],
    ["SELECT\t1;\n",                               'x\.sql:1: a tab'],
) {
    my ($sql, $why) = @$_;
    my (undef, $status, $output) = sql2text($sql);
    is($status, 1, "refused: $why");
    like($output, qr/$why/, '  and says so');
}

done_testing();
