#!/usr/bin/perl
#
# hang_sweep.t - from every message of a write on, once, nothing more comes
# through and nobody hears that the other has gone.  The deadline answers, with
# the truth: that nothing was done, or that it is not known.  When the network
# is well again the client repeats, and what it wanted is done once.  One
# message in thirty and the last of each way; all of them with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Deed;
use Shop::Fault;
use Shop::Test;
use Test::More;

plan skip_all => 'it waits for minutes: make torture' if !torture();

my $net = bad_network();
start_shop(workers => 1, database_host => $net->folder,
           http => 'shop_deadline 400ms;');
my @workers = workers();
deeds_begin();
$net->tell('match ^shop-(tx|read)');

my (%total, %answers);

# Both ends are told before the client asks again, and what it was told holds
# when nothing is under way any more.
sub hang {
    my ($kind, $key, $way, $k) = @_;

    $net->tell('reset');
    $net->tell("hang $way $k");
    my $deed = new_deed($kind, key => $key);
    my $res = $deed->ask;
    $total{hits} += $net->count('hits');
    $total{hangs}++;
    $net->tell('reset');
    $net->tell('close');
    $deed->settled;
    $deed->is_wrong('what was said is not so any more')
        if $res && !$deed->agrees($res);
    $deed->insist if $key || !$deed->times_done;

    my %got = $deed->answers;
    $answers{$_} += $got{$_} for keys %got;
    return $deed->wrong;
}

sub sweep {
    my ($kind, $key) = @_;
    my @wrong;

    my @n = each_message($net, sub {
        new_deed($kind, key => $key)->insist;
    }, sub {
        my ($way, $k) = @_;
        my $wrong = hang($kind, $key, $way, $k);

        push @wrong, "$way $k: $wrong" if $wrong;
    }, every => 30, last => 5);
    is(join("\n", @wrong), '', "$kind, " . ($key ? 'with' : 'without')
       . " a key: $n[0] messages there, $n[1] back");
    $total{messages} += $n[0] + $n[1];
}

for my $kind (torture() ? deed_kinds() : 'move') {
    sweep($kind, $_) for 0, 1;
}

cmp_ok($answers{'503 outcome_unknown'}, '>', 0, 'some were not known');
cmp_ok($answers{'504 deadline_exceeded'}, '>', 0, 'some were not done');
is_deeply([workers()], \@workers, 'the worker lives');
diag("hang sweep: ", join ', ', map { "$total{$_} $_" } sort keys %total);
diag("answers: ", join ', ', map { "$answers{$_} x $_" } sort keys %answers);
done();
