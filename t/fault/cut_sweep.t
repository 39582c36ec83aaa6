#!/usr/bin/perl
#
# cut_sweep.t - every message of a write between nginx and PostgreSQL is the
# last of its connection once: not delivered, half of it, or delivered.  The
# client repeats as clients do; what it wanted is done once, and no answer on
# the way there is untrue.  One message in forty and the last ones of each way;
# all of them, halves too, with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Deed;
use Shop::Fault;
use Shop::Test;

my $net = bad_network();
start_shop(workers => 1, database_host => $net->folder);
my @workers = workers();
deeds_begin();

my (%total, %answers);

# Reads are made for a write as well: who asks, what the shop's settings are,
# what became of a COMMIT.  The poller goes its own way.
$net->tell('match ^shop-(tx|read)');

# Then the way a connection is made and statements are prepared is cut too.
# The proxy has closed its ends when it says so; whoever answers twice after
# that has looked at all of them in between.  One that was just being made is
# not among those that nginx counts as lost.
sub new_connections {
    $net->tell('close');
    status() for 1 .. 2;
}

# Where a connection goes for the third time a request is not tried again.
sub sweep {
    my ($kind, $key, $fresh) = @_;
    my $name = "$kind, " . ($key ? 'with' : 'without') . ' a key, '
        . ($fresh ? 'new' : 'old') . ' connections';
    my @wrong;

    my @n = each_message($net, sub {
        new_connections() if $fresh;
        $net->tell('reset');
        new_deed($kind, key => $key)->insist;
    }, sub {
        my ($way, $k) = @_;

        for my $when ('before', 'after', torture() ? 'middle' : ()) {
            my $times = 1 + $total{cuts}++ % 3;
            new_connections() if $fresh;
            $net->tell('reset');
            $net->tell("cut $way $k $when $times");
            my $deed = new_deed($kind, key => $key)->insist;
            my %count = $net->count;
            $total{hits}++ if $count{hits};
            push @wrong, "$way $k $when: " . $deed->wrong if $deed->wrong;
            my %got = $deed->answers;
            $answers{$_} += $got{$_} for keys %got;
        }
    }, every => 40, last => 3);
    is(join("\n", @wrong), '', "$name: $n[0] messages there, $n[1] back");
    $total{messages} += $n[0] + $n[1];
}

my $lost = status()->{counters}{tx_lost_commits_total};
for my $kind (deed_kinds()) {
    sweep($kind, $_, 0) for 0, 1;
}
sweep('create', $_, 1) for torture() ? 0 : (), 1;
$net->tell('reset');

$total{lost_commits} = status()->{counters}{tx_lost_commits_total} - $lost;
cmp_ok($total{lost_commits}, '>=', 30, 'the answer to many a COMMIT was lost');
cmp_ok($total{hits}, '>=', $total{cuts} * 0.9, 'what was to be cut was cut');
is(status()->{counters}{tx_open}, 0, 'no transaction is open');
is_deeply([workers()], \@workers, 'the worker lives');
diag("cut sweep: ", join ', ', map { "$total{$_} $_" } sort keys %total);
diag("answers: ", join ', ', map { "$answers{$_} x $_" } sort keys %answers);
done();
