#!/usr/bin/perl

# migrations.t - every change can be reverted and deployed again, verifies, and
# leaves no table or column without a comment.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(ready => 0);

my ($host) = database_url() =~ /host=(\S+)/;
my ($db) = database_url() =~ /dbname=(\S+)/;


# The exit status; what Sqitch said is shown when it failed.
sub sqitch {
    my (@arguments) = @_;

    my $target = "db:pg://shop_owner\@/$db?host=$host";
    my $output = qx{cd @{[ top_folder() ]}/sql && sqitch @arguments \\
                    '$target' 2>&1};
    is($?, 0, "sqitch @arguments") or diag($output);
}


sub tables {
    return sql_value(q{SELECT string_agg(relname, ' ' ORDER BY relname)
                         FROM pg_class WHERE relkind IN ('r', 'v')
                          AND relnamespace = 'public'::regnamespace}) // '';
}


sub uncommented {
    return map { $_->[0] } sql(q{
        SELECT c.relname || coalesce('.' || a.attname, '')
          FROM pg_class c
          LEFT JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND c.relkind = 'r'
         WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'v')
           AND (obj_description(c.oid, 'pg_class') IS NULL
                OR a.attnum IS NOT NULL
                   AND col_description(c.oid, a.attnum) IS NULL)
         ORDER BY 1});
}


my $before = tables();
like($before, qr/\bproducts\b/, 'the template is migrated');
is_deeply([uncommented()], [], 'every table and column has a comment');

sqitch('verify');
sqitch('revert', '-y');
is(tables(), '', 'nothing is left after the revert');
is(sql_value(q{SELECT count(*) FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace}), 0,
   'no function either');
sqitch('deploy');
sqitch('verify');
is(tables(), $before, 'and all is there again');

done();
