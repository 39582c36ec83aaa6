#!/usr/bin/perl

# category_moves_api.t - 64 clients move random categories below random others
# over the API at the same time: each move is made or refused by name, and what
# is left is a tree.  Who is told to come again, as so many wait, comes again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;

use constant { CLIENTS => 64, MOVES => 3, CATEGORIES => 12 };

my $all = '/api/admin/v1/categories';


# Ends the process: 0 when all was answered as it should be, 1 when nothing
# was moved, 2 when something else went wrong.
sub move_at_random {
    my ($seed, @ids) = @_;
    my $conn = new_connection();
    my ($moved, $others) = (0, 0);

    srand($seed);
    for (1 .. MOVES) {
        my ($id, $parent) = map { $ids[int rand @ids] } 1, 2;
        my $answer = wait_for(sub {
            $conn = new_connection() if !$conn->usable;
            my $told = request('POST', "$all/$id/move", conn => $conn,
                               body => { parent_id => $parent,
                                         position => 0 });
            return $told->{status} < 500 ? $told : undef;
        }, 'a move is answered');
        $moved++ if $answer->{status} == 200;
        $others++ if $answer->{status} != 200
            && ($answer->{json}{code} // '') ne 'category_cycle'
            && !diag("$answer->{status} $answer->{body}");
    }
    POSIX::_exit($others ? 2 : $moved ? 0 : 1);
}


start_shop(workers => 2);
as_key(qw(categories.read categories.write));
my @ids = map { post($all, { name => "Race $_" })->{json}{id} }
    1 .. CATEGORIES;

my @children;
for my $seed (1 .. CLIENTS) {
    my $pid = fork() // die "fork: $!";
    move_at_random($seed, @ids) if !$pid;
    push @children, $pid;
}

my %ended;
for my $pid (@children) {
    waitpid($pid, 0);
    $ended{ $? >> 8 }++;
}
ok(!$ended{2}, 'each move was made, or refused as a cycle')
    or diag(explain(\%ended));
ok($ended{0}, 'moves were made');

my $list = ok_json(get("$all?limit=100"), 200)->{data};
my %parent = map { $_->{id} => $_->{parent_id} } @$list;
is(scalar keys %parent, CATEGORIES, 'all are there');
my $lost = 0;
for my $id (keys %parent) {
    my $steps = 0;
    for (my $at = $id; defined $at; $at = $parent{$at}) {
        last if ++$steps > CATEGORIES;
    }
    $lost++ if $steps > CATEGORIES;
}
is($lost, 0, 'and each has a way to the top');

done();
