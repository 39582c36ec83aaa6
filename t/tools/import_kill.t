#!/usr/bin/perl
#
# import_kill.t - an import is killed at every step, by kill -9 of shopctl or by
# the end of its session: nothing has changed, nobody was told anything, and
# another run does it.
#
# A file of 600 rows, held up by locks; with TORTURE=1 one of 100,000, killed
# as soon as a step is seen.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX qw(WNOHANG);
use Shop::Test;

my $rows = $ENV{TORTURE} ? 100_000 : 600;
my $file = "$ENV{SHOP_TEST_DIR}/import$$.csv";
my @tables = qw(products product_i18n product_options option_values media
    variants prices slugs listing_products listing_titles product_prices
    listing_prices outbox);

start_shop();
END { unlink glob "$file*" }

# A shop that has a tenth of the file, under other names; what the planner knows
# of it is wrong before the import has ended.
my $csv = top_folder() . '/t/tools/shopify-csv';
my $few = $rows / 10;
system("$csv $few | sed 's/Bowl No/Dish No/' > $file") == 0 or die;
shopctl('--quiet', 'import', 'shopify', $file);
# Only ours: shopctl's session may be dropping its temporary tables yet.
sql('ANALYZE ' . join ', ', @tables);
system("$csv $rows > $file") == 0 or die;
my $products = sql_value('SELECT count(*) FROM products');
my $before = digest();


# Every version of every row: what is written and taken back leaves none.
sub digest {
    return join ' ', map {
        "$_:" . (sql_value("SELECT md5(string_agg(ctid || ' ' || xmin, ','
                                      ORDER BY ctid)) FROM $_") // '')
    } @tables;
}

sub start {
    my ($input) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDIN, '<', $input or die;
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$file.err";
        exec "$ENV{SHOP_BUILD}/shopctl", '--database', database_url(),
            'import', 'shopify', '-' or POSIX::_exit(127);
    }
    return $pid;
}

# Its session, when the condition is true of it.
sub session {
    my ($condition, @values) = @_;
    my ($row) = sql_as('postgres', <<"END", @values);
SELECT pid FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'shopctl'
   AND $condition
END

    return $row && $row->[0];
}

# Ends it one way or the other, and looks at what it left.
sub killed {
    my ($pid, $how, $where) = @_;

    if ($how eq 'kill') {
        kill KILL => $pid;
    } else {
        sql_as('postgres', 'SELECT pg_terminate_backend(?)', session('true'));
    }
    wait_for(sub { waitpid($pid, WNOHANG) == $pid }, 'it ends');
    is($how eq 'kill' ? $? & 127 : $? >> 8, $how eq 'kill' ? 9 : 3,
       "$where: it is ended ($how)") or diag(read_file("$file.err"));
}

sub unchanged {
    my ($where) = @_;

    wait_for(sub { !session('true') }, 'its session ends');
    is(digest(), $before, "$where: nothing has changed");
}


# --- while the file is read --------------------------------------------------

# Half of it comes, and no more while we hold the other end.
for my $how (qw(kill session)) {
    POSIX::mkfifo("$file.fifo", 0600) or die "mkfifo: $!";
    my $pid = start("$file.fifo");
    open my $out, '>', "$file.fifo" or die "fifo: $!";
    $out->autoflush(1);
    print $out substr read_file($file), 0, 100_000;
    wait_for(sub { session("query LIKE 'COPY import_row%'") }, 'rows are read');
    if ($how eq 'session') {
        # It learns of the end of its session when it goes on.
        sql_as('postgres', 'SELECT pg_terminate_backend(?)', session('true'));
        wait_for(sub { !session('true') }, 'the session ends');
        print $out substr read_file($file), 100_000;
        close $out;
        wait_for(sub { waitpid($pid, WNOHANG) == $pid }, 'it ends');
        is($? >> 8, 3, 'reading: it is ended (session)');
    } else {
        killed($pid, $how, 'reading');
        close $out;
    }
    unchanged('reading');
    unlink "$file.fifo";
}


# --- at each step of the transaction -----------------------------------------

# Seen as soon as it begins, in a file that takes long enough.  A step is known
# by its first statement: the others are sent with it.
sub at_a_step {
    my ($step, $how) = @_;
    my $pid = start($file);
    my $ended;

    wait_for(sub {
        $ended = waitpid($pid, WNOHANG) == $pid;
        $ended || session("query LIKE ? AND state = 'active'", "$step%");
    }, $step, 600);
    return fail("$step is seen") if $ended;
    killed($pid, $how, $step);
    unchanged($step);
}

# Held up there by a lock that it has to wait for.
sub at_a_lock {
    my ($table, $how) = @_;
    my $lock = $table eq 'plan'
        ? "SELECT pg_advisory_xact_lock(hashtext('shopctl import'))"
        : "LOCK TABLE $table IN SHARE MODE";

    sql('BEGIN');
    sql($lock);
    my $pid = start($file);
    wait_for(sub { session("wait_event_type = 'Lock'") }, "waits for $table");
    killed($pid, $how, $table);
    sql('ROLLBACK');
    unchanged($table);
}

my @how = qw(kill session);
if ($ENV{TORTURE}) {
    my @steps = ('COPY import_row', 'INSERT INTO import_fault',
        'DELETE FROM import_product', 'SET LOCAL shop.listing',
        'INSERT INTO product_i18n', 'INSERT INTO product_options',
        'INSERT INTO media', 'UPDATE variants', 'UPDATE prices',
        'INSERT INTO outbox', 'UPDATE products', 'SELECT listing_refresh');

    at_a_step($steps[$_], $how[$_ % 2]) for 0 .. $#steps;
} else {
    my @locks = qw(plan products product_i18n media variants prices outbox
        listing_products product_prices);

    at_a_lock($locks[$_], $how[$_ % 2]) for 0 .. $#locks;
}


# --- and once more, in peace -------------------------------------------------

my $pid = start($file);
waitpid $pid, 0;
is($?, 0, 'another run does it') or diag(read_file("$file.err"));
my $now = sql_value('SELECT count(*) FROM products');
cmp_ok($now, '>', 5 * $products, 'all products are there');
is(sql_value("SELECT count(*) FROM product_i18n WHERE title LIKE 'Dish%'"), 0,
   'and those that were have changed');
is(sql_value("SELECT count(*) FROM outbox WHERE type = 'product.created'"),
   $now, 'each was told of once');
is(sql_value("SELECT count(*) FROM outbox WHERE type = 'product.updated'"),
   $products, 'and each that changed');

done();
