#!/usr/bin/perl
#
# weather.t - the network between nginx and PostgreSQL is slow, thin, broken,
# silent, or lets nobody in, while clients write and read: whatever comes
# through is right, what is kept is shown meanwhile, and when all is well again
# so is the shop.  Once each; five times with TORTURE=1, and another seed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Test::More;

plan skip_all => 'it waits for minutes: make torture' if !torture();
use Shop::Writers;

my $seed = $ENV{SEED} // (torture() ? time : 1);
my $net = bad_network(seed => $seed);
my $kept = '/api/v1/products?limit=1';

start_shop(workers => 2, database_host => $net->folder,
           http => 'shop_deadline 2s; shop_cache_stale 1h;');
my @workers = sort { $a <=> $b } workers();
as_key('products.write');
diag("seed $seed");

sub counter { return status()->{counters}{ $_[0] } }

# Requests that had to be ended for want of an answer.
sub late {
    my ($n) = @_;
    my $late = counter('deadlines_total');

    wait_for(sub { counter('deadlines_total') >= $late + $n },
             'the deadline answers');
}

# Each write makes it untrue, as it is a list of products, and so does a time
# without polls.  When the weather gets worse it must be there, and no write
# under way.
sub keep_until {
    my ($worse) = @_;
    my $lapses;

    writers_halt();
    do {
        $lapses = counter('cache_lapses_total');
        wait_for(sub { get($kept)->{headers}{'cache-status'} =~ /hit/ },
                 'kept');
    } while ($lapses != counter('cache_lapses_total'));
    $net->tell($_) for @$worse;
    writers_go_on();
}

sub is_shown {
    my ($when) = @_;
    my $res = get($kept);

    is($res->{status}, 200, "what is kept is shown while $when");
    like($res->{headers}{'cache-status'}, qr/hit|fwd=stale/, '  as it is');
}

writers_start(8);

my %weather = (
    '1 slow' => sub {
        $net->tell('delay both 20 10');
        committed_more(10);
    },
    '2 thin' => sub {
        $net->tell('rate both 20000');
        committed_more(10);
    },
    '3 a byte at a time' => sub {
        $net->tell('rate back 1');
        late(4);
    },
    '4 breaking' => sub {
        $net->tell('chance 10');
        committed_more(20);
    },
    '5 silent' => sub {
        keep_until(['hold']);
        late(4);
        is_shown('nothing comes through');
        $net->tell('go');
        committed_more(10);
    },
    '6 half-open' => sub {
        $net->tell('hang');
        late(4);
        committed_more(10);
    },
    '7 closed' => sub {
        my $failed = counter('db_connect_failures_total');

        keep_until(['refuse', 'close']);
        wait_for(sub { counter('db_connect_failures_total') > $failed },
                 'nobody is let in');
        is_shown('nobody is let in');
    },
);

for (1 .. (torture() ? 5 : 1)) {
    for my $name (sort keys %weather) {
        $weather{$name}->();
        $net->tell('reset');
        committed_more(10);
        pass("$name, and well again");
    }
}

my %count = writers_stop();
cmp_ok($count{acked}, '>', 50, 'many were acknowledged');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');
diag("weather: $count{acked} acked, $count{maybe} maybe, ",
     join ', ', map { counter($_) . " $_" } qw(deadlines_total db_lost_total
                                               tx_lost_commits_total));

# What hangs on ends with its connection.
$net->tell('close');
done();
