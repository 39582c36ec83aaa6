#!/usr/bin/perl

# category_moves.t - 64 sessions move random categories below random others at
# the same time; what is left is a tree, whatever was refused on the way.

use strict;
use warnings;

use DBI;
use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;

use constant { SESSIONS => 64, MOVES => 10, CATEGORIES => 12 };


# Ends the process: 0 when each move was made or refused as a cycle.
sub move_at_random {
    my ($dsn, $seed, @ids) = @_;

    srand($seed);
    my $dbh = DBI->connect($dsn, 'shop_owner', '',
                           { RaiseError => 0, PrintError => 0 });
    my ($moved, $cycles, $others) = (0, 0, 0);
    for (1 .. MOVES) {
        my ($id, $parent) = map { $ids[int rand @ids] } 1, 2;
        if ($dbh->do('UPDATE categories SET parent_id = ? WHERE id = ?', undef,
                     $parent, $id)) {
            $moved++;
        } elsif ($dbh->state eq '23514') {
            $cycles++;
        } else {
            $others++;
        }
    }
    $dbh->disconnect;
    POSIX::_exit($others ? 2 : $moved ? 0 : 1);
}


start_shop(ready => 0);
my ($host, $db) = database_url() =~ /host=(\S+) dbname=(\S+)/;
my @ids = map { $_->[0] } sql(q{INSERT INTO categories (handle)
    SELECT 'race-' || n FROM generate_series(1, ?::integer) n RETURNING id},
    CATEGORIES);

my @children;
for my $seed (1 .. SESSIONS) {
    my $pid = fork() // die "fork: $!";
    move_at_random("dbi:Pg:host=$host;dbname=$db", $seed, @ids) if !$pid;
    push @children, $pid;
}

my %ended;
for my $pid (@children) {
    waitpid($pid, 0);
    $ended{ $? >> 8 }++;
}
ok(!$ended{2}, 'no move failed but as a cycle') or diag(explain(\%ended));
ok($ended{0}, 'moves were made');

is(sql_value('SELECT count(*) FROM categories WHERE parent_id IS NULL') > 0, 1,
   'the tree has a top');
is(sql_value(q{WITH RECURSIVE tree AS (
                   SELECT id FROM categories WHERE parent_id IS NULL
                   UNION ALL
                   SELECT c.id FROM tree t JOIN categories c
                       ON c.parent_id = t.id)
               SELECT count(*) FROM tree WHERE id = ANY (?::uuid[])}, \@ids),
   CATEGORIES, 'and every category hangs on it, once');

done();
