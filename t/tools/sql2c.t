# tools/sql2c: what it makes of statements compiles, and what it refuses.

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $root = "$FindBin::Bin/../..";
my $dir = tempdir(CLEANUP => 1);
make_path("$dir/d");

sub put {
    my ($path, $text) = @_;
    open my $f, '>', $path or die "$path: $!";
    print $f $text;
    close $f or die "$path: $!";
}

sub slurp {
    my ($path) = @_;
    open my $f, '<', $path or die "$path: $!";
    local $/;
    return scalar <$f>;
}

sub sql2c {
    my ($sql) = @_;
    put("$dir/d/d.sql", $sql);
    my $out = `$root/tools/sql2c $dir/d/d.sql $dir/d/d.sql.c \\
               $dir/d/d.sql.h 2>&1`;
    return ($out, $? >> 8);
}

put("$dir/d/d.h", <<'END');
#pragma once
#include "core/core.h"
struct thing { uuid id; const char *name; };
extern const struct field thing[];
END

my ($out, $status) = sql2c(<<'END');
-- sql_find(id uuid, name text) maybe struct thing
-- Why.
-- lane: slow
SELECT id, ':no;', $q$ :no; $q$, E'\':no;', "a?" /* :no; */ -- :no;
  FROM t WHERE name = :name AND id = :id::uuid AND :name <> '';

-- sql_list(a int, b bool, c stamp, d json, e texts, f uuids)
--     many struct thing
SELECT :a, :b, :c, :d, :e, :f, shop_now(), 'now', 'now()', t.nowhere;

-- sql_add(struct thing, extra text) none
-- staff
INSERT INTO t VALUES (:id, :name, :price_amount, :extra);

-- sql_own(struct thing, after text) many struct thing
SELECT * FROM t WHERE owner = :caller AND id = :id AND name > :after;

-- sql_some(struct thing, sort text) many struct thing
SELECT * FROM t WHERE true
--? name !id sort=up
   AND name = :name
--.
   AND id = :id;
END
is($status, 0, 'good statements') or diag $out;
my ($c, $h) = map { slurp("$dir/d/d.sql.$_") } qw(c h);
my $gcc = `gcc -fsyntax-only -Wall -Wextra -Werror -Wmissing-prototypes \\
           -std=gnu11 -D_GNU_SOURCE -I$root/libshop -I$dir \\
           $dir/d/d.sql.c 2>&1`;
is($?, 0, 'what is made compiles') or diag $gcc;

for ('struct thing *sql_find(struct request *rq, uuid id, const char *name);',
     'size_t sql_add(struct request *rq, const struct thing *in, '
     . 'const char *extra);',
     'extern const struct stmt *const d_statements[];')
{
    like($h, qr/\Q$_\E/, "header: $_");
}
for ('name = $1 AND id = $2::uuid AND $1', '$q$ :no; $q$', 'LANE_SLOW',
     '.name = "price_amount", .type = END_OF_SHAPE', '.staff = true',
     '.writes = true', '.name = "extra", .type = TEXT, .arg = 0',
     '.name = "caller", .type = UUID, .arg = ARG_CALLER', '.by_caller = true',
     '.by_clock = true',
     'AND name = \001\001', '"name !id sort=up"', 'AND id = \001\002',
     'names_some[] = { "sort", NULL }')
{
    like($c, qr/\Q$_\E/, "source: $_");
}

my $head = "-- sql_x(id uuid) maybe struct thing\n";
my @bad = (
    [ "SELECT now(), :id;",               'shop_now' ],
    [ "SELECT current_timestamp, :id;",   'shop_now' ],
    [ "SELECT pg_catalog.NOW (), :id;",   'shop_now' ],
    [ "SELECT clock_timestamp(), :id;",   'shop_now' ],
    [ "SELECT statement_timestamp(), :id;", 'shop_now' ],
    [ "SELECT transaction_timestamp(), :id;", 'shop_now' ],
    [ "SELECT timeofday(), :id;",         'shop_now' ],
    [ "SELECT current_date, :id;",        'shop_now' ],
    [ "SELECT current_time, :id;",        'shop_now' ],
    [ "SELECT localtimestamp, :id;",      'shop_now' ],
    [ "SELECT 'now'::timestamptz, :id;",  'shop_now' ],
    [ "SELECT date 'yesterday', :id;",    'shop_now' ],
    [ "SELECT :id\n--? id\n, now()\n--.\n;", 'shop_now' ],
    [ "SELECT :id, :other;",              'no argument :other' ],
    [ "SELECT 1;",                        'does not use :id' ],
    [ "SELECT :id",                       'has no end' ],
    [ "SELECT :id;\n${head}SELECT :id;",  'stands twice' ],
    [ "--? id\nSELECT :id;",              '--. is missing' ],
    [ "SELECT :id\n--.\n;",               'without --\?' ],
    [ "--? a\n--? b\nSELECT :id;",        'within a piece' ],
    [ "SELECT :id; SELECT 2;",            'after the semicolon' ],
);
for (@bad) {
    my ($sql, $why) = @$_;
    ($out, $status) = sql2c("$head$sql\n");
    is($status, 1, "refused: $why");
    like($out, qr{d/d\.sql:\d+: .*$why}, "  and says so");
}
($out, $status) = sql2c("-- sql_x(caller uuid) none\nSELECT :caller;\n");
is($status, 1, 'refused: the caller as an argument');
like($out, qr{d/d\.sql:1: .*"caller"}, '  and says so');
($out, $status) = sql2c("-- sql_x(id float) none\nSELECT :id;\n");
is($status, 1, 'refused: unknown type');
like($out, qr{d/d\.sql:1: .*float}, '  and says so');

done_testing();
