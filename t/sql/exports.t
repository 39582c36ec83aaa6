#!/usr/bin/perl
#
# exports.t - what PostgreSQL does before the first row of an export: the same
# at any number of products, whether it knows how many there are or not.  The
# statements and their plans are those that nginx sends, from PostgreSQL's log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant { FEW => 500, MANY => 4000 };

start_shop();
my $db = sql_value('SELECT current_database()');
sql_as('postgres', "ALTER DATABASE $db SET log_statement = 'all'");
pg_kill();
wait_for(sub { get('/readyz')->{status} == 200 }, 'connected again');

# Nobody gathers statistics but who is told to.
sql("ALTER TABLE $_->[0] SET (autovacuum_enabled = off)")
    for sql(q{SELECT relid::regclass FROM pg_stat_user_tables});
as_key('products.read');

# What PostgreSQL has logged of this program since the log had this length.
my $log_file = "$ENV{SHOP_TEST_DIR}/postgresql.log";
sub logged {
    my ($length, $program) = @_;

    return grep { /\] \Q$program\E \w+:/ } split /\n(?!\t)/,
        substr read_file($log_file), $length;
}

# What an export answers, and what it asks with all values in their places.
sub export {
    my ($path) = @_;
    my $before = -s $log_file;

    my $res = get("/api/admin/v1/products/$path");
    is($res->{status}, 200, $path) or diag $res->{body};
    my @log = logged($before, 'shop-stream');
    my ($text) = map { /execute <unnamed>: (.*)/s } @log;
    my ($values) = map { /DETAIL:  parameters: (.*)/ } @log;
    my %value = ($values // '') =~ /\$(\d+) = ('(?:[^']|'')*'|NULL)/g;
    $text =~ s/\$(\d+)/$value{$1}/g;
    return ($res->{body}, $text);
}

# Rows that a node of its plan sorts or hashes at a time, at most.
sub most_at_once {
    my ($text) = @_;
    my $plan = join "\n", map { $_->[0] } sql_as('postgres',
        "EXPLAIN (ANALYZE, TIMING OFF) $text");
    my @rows = $plan =~
        /(?<!Incremental )(?:Sort|Hash)  \(.*?\(actual rows=(\d+)/g;

    return (sort { $b <=> $a } 0, @rows)[0];
}

# The buffers that are looked at for its first row: the cursor is planned for
# all rows, as a statement is, and left after one.
sub first_row {
    my ($text) = @_;
    my $before = -s $log_file;

    sql_as('postgres', $_) for 'BEGIN', 'SET LOCAL cursor_tuple_fraction = 1',
        "DECLARE one CURSOR FOR $text", 'FETCH 1 FROM one', 'CLOSE one',
        'COMMIT';
    my ($plan) = grep { /plan:.*DECLARE one/s } logged($before, 'first');
    my ($hit, $read) =
        $plan =~ /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/
        or die "no buffers in $plan\n";
    return ($hit // 0) + ($read // 0);
}
sql_as('postgres', $_)
    for q{SET application_name = 'first'}, q{LOAD 'auto_explain'},
        'SET auto_explain.log_min_duration = 0',
        'SET auto_explain.log_analyze = on',
        'SET auto_explain.log_buffers = on',
        'SET jit = off';

# What tells the products apart in the lines of either.
sub lines_of {
    my ($path, $body) = @_;
    my @lines = split /\r?\n/, $body;

    return map { /"slug":"([^"]*)"/ } @lines if $path =~ /ndjson/;
    shift @lines;
    return map { /^([^,]*)/ } @lines;
}

my %expected = (
    'export.csv' => <<'END',
SELECT p.handle
  FROM products p
 CROSS JOIN LATERAL generate_series(1, greatest(
       (SELECT count(*) FROM variants WHERE product_id = p.id),
       (SELECT count(*) FROM media WHERE product_id = p.id)))
 ORDER BY p.id
END
    'export.ndjson' => <<'END',
SELECT slug FROM slugs WHERE kind = 'product' AND locale = 'en'
 ORDER BY owner_id
END
);

my %cost;
for ([FEW, 'never analysed'], [MANY, 'never analysed'], [MANY, 'analysed']) {
    my ($n, $how) = @$_;

    if ($how eq 'analysed') {
        sql('ANALYZE products, product_i18n, variants, media, prices,
                     product_options, option_values');
    } else {
        shopctl('demo', '--products', $n);
        is(sql_value(q{SELECT max(reltuples) FROM pg_class WHERE oid IN
                       ('products'::regclass, 'prices'::regclass)}),
           -1, "$n products, $how");
    }
    for my $export (sort keys %expected) {
        # Of those of a status there are none, and all would be as many.
        for my $path ($export, "$export?status=draft") {
            my ($body, $text) = export($path);
            my @all = $path =~ /draft/ ? ()
                : map { $_->[0] } sql($expected{$export});

            is_deeply([lines_of($path, $body)], \@all, 'all, in order');
            $text =~ s/'draft'/'active'/;
            cmp_ok(most_at_once($text), '<', 10,
                   'what is sorted is a product\'s');
            $cost{$path}{"$n, $how"} = first_row($text);
        }
    }
}

for my $path (sort keys %cost) {
    my $few = delete $cost{$path}{FEW . ', never analysed'};

    cmp_ok($cost{$path}{$_}, '<=', 1.5 * $few,
           "$path: the first row of @{[FEW]} costs $few buffers, "
           . "of $_, $cost{$path}{$_}") for sort keys %{ $cost{$path} };
}

done();
