#!/usr/bin/perl
#
# script.t - a shop in a scripted world (t/script/): what clients, PostgreSQL,
# wires, threads and time do next is drawn by chance, thousands of times a
# second.  Every promise holds in every run; and where a bug is planted, one
# soon does not.
#
# Some seconds, from a seed that is printed; a minute with TORTURE=1.  SEED= is
# the first one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $build = $ENV{SHOP_BUILD};
my $seed = $ENV{SEED} // time;
my $seconds = $ENV{TORTURE} ? 60 : 4;

sub run {
    my ($program, @args) = @_;

    open my $in, '-|', "$build/$program", @args or die "$program: $!";
    my $said = do { local $/; <$in> } // '';
    close $in;
    return ($? >> 8, $said =~ s/\n\z//r);
}

my ($status, $said) = run('script', $seed, 1_000_000, $seconds);
is($status, 0, 'every promise was kept') or diag($said);
like($said, qr/^[1-9]\d* runs/, $said);
diag($said);

# A bug shows within so many runs, from the same seeds each time.
for my $file (glob top_folder() . '/t/script/*.sed') {
    my ($bug) = $file =~ m{([^/]+)\.sed$};
    my ($why) = read_file($file) =~ /^# \S+ (.*)/;

    ($status, $said) = run("script-$bug", 1, 2_000);
    isnt($status, 0, "$why: found") or diag($said);
    note($said);

    # Its seed alone shows it again, at the same step, each time.
    my ($found) = $said =~ /^seed (\d+), step [1-9]\d*: /;
    ok($found, 'with its seed and step') or next;
    is_deeply([run("script-$bug", $found, 1)], [$status, $said],
              'which shows it again') for 1, 2;
}

done_testing();
