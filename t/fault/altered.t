#!/usr/bin/perl
#
# altered.t - tables are altered while they are read and written, and
# PostgreSQL takes no writes for a while: nobody is told what is not so, and
# whoever can be served is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

my $shop = start_toys(workers => 2, http => 'shop_cache_zone off;');
my @workers = sort { $a <=> $b } workers();
my @toys = map { make_toy(note => 0) } 1 .. 4;
my $stop = "$ENV{SHOP_TEST_DIR}/altered$$";
my @children;

# Clients that read and change a toy each until they are told to end; what
# they were answered other than 200 they leave in a file.  Who meets two of
# these in one request may be told to come again.
sub clients {
    for my $n (0 .. 7) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            forget_connections();
            my ($done, %other) = (0);
            while (!-e $stop && getppid == $shop->{test}) {
                my $path = "/api/v1/toys/$toys[$n % 4]";
                my $res = eval { $n < 4 ? get("$path/untagged")
                    : patch($path, { note => 'n' . ++$done },
                            'if-match' => '*') };
                $other{ $res ? "$res->{status} $res->{body}" : $@ }++
                    if !$res || $res->{status} != 200
                       && !($res->{status} == 503
                            && $res->{headers}{'retry-after'});
            }
            write_file("$ENV{SHOP_TEST_DIR}/altered$$",
                       join "\n", %other, '');
            POSIX::_exit(0);
        }
        push @children, $pid;
    }
}

sub other_answers {
    write_file($stop, '');
    waitpid $_, 0 for @children;
    return join '', map { read_file("$ENV{SHOP_TEST_DIR}/altered$_") }
        splice @children;
}

# --- ALTER TABLE ------------------------------------------------------------

# Plans of which a column has another type now cannot go on.  One with a length
# would have the table written anew, which PostgreSQL lets older snapshots see
# as an empty one.
$shop->{test} = $$;
my $lost = counter('db_lost_total');
clients();
for my $n (1 .. (torture() ? 40 : 6)) {
    my $asked = counter('requests_total');

    sql('ALTER TABLE toys ALTER note TYPE '
        . ($n % 2 ? 'varchar' : 'text'));
    sql("ALTER TABLE toys ADD COLUMN more$n text DEFAULT 'x'") if $n % 3;
    wait_for(sub { counter('requests_total') > $asked + 40 }, 'they ask on');
}
is(other_answers(), '', 'nobody is told what is wrong');
cmp_ok(counter('db_lost_total'), '>', $lost, 'though plans were of no use');
ok(wait_for(sub { counter('coroutines') == 0 }), 'nothing is left');

# One that holds the table for longer than a read may wait.
sql('BEGIN');
sql('ALTER TABLE toys ADD COLUMN slow text');
my $res = get("/api/v1/toys/$toys[0]/untagged");
like($res->{status}, qr/^50[34]$/, 'who would wait for long is told');
is(get('/api/v1/store')->{status}, 200, 'others are served');
sql('COMMIT');
ok(wait_for(sub { get("/api/v1/toys/$toys[0]/untagged")->{status} == 200 }),
   'and then he too');

# A column that the statements name is gone, and comes again.
sql('ALTER TABLE toys RENAME COLUMN fresh_for TO gone');
is_problem(get("/api/v1/toys/$toys[0]/untagged"), 503, 'not_migrated');
is_problem(patch("/api/v1/toys/$toys[0]", { note => 'x' },
                 'if-match' => '*'), 503, 'not_migrated');
sql('ALTER TABLE toys RENAME COLUMN gone TO fresh_for');
is(get("/api/v1/toys/$toys[0]/untagged")->{status}, 200, 'there again');
is(patch("/api/v1/toys/$toys[0]", { note => 'x' }, 'if-match' => '*')
       ->{status}, 200, 'to be written as well');

# --- a server that takes no writes ------------------------------------------

# As after a fail-over to one that is not promoted yet.
sub new_sessions {
    my $n = pg_kill();
    wait_for(sub { get('/readyz')->{status} == 200 }, 'sessions');
}

my $db = sql_value('SELECT current_database()');
my $note = sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toys[1]));
sql_as('postgres', "ALTER ROLE shop_app IN DATABASE $db
                    SET default_transaction_read_only = on");
new_sessions();
$res = patch("/api/v1/toys/$toys[1]", { note => 'never' }, 'if-match' => '*',
             'Idempotency-Key' => 'failover');
is_problem($res, 503, 'database_unavailable');
is($res->{headers}{'retry-after'}, 1, 'to be asked again');
is(get("/api/v1/toys/$toys[1]/untagged")->{status}, 200, 'reads are served');
is(sql_value('SELECT note FROM toys WHERE id = ?', toy_id($toys[1])), $note,
   'nothing was written');
sql_as('postgres', "ALTER ROLE shop_app IN DATABASE $db
                    RESET default_transaction_read_only");
new_sessions();
is(patch("/api/v1/toys/$toys[1]", { note => 'done' }, 'if-match' => '*',
         'Idempotency-Key' => 'failover')->{status}, 200,
   'with the same key it is done once it can be');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');

done();
