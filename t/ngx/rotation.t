#!/usr/bin/perl
#
# rotation.t - the secret that signs cursors is changed under readers who turn
# pages: while the old one is accepted nobody notices, then what it has signed
# is refused; and neither is in a place where others look.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Witness;

use constant READERS => 6;

my $shop = start_shop(workers => 2);
my $dir = $shop->{dir};
my $rounds = Shop::Witness->new(READERS, 1);
my %secret = (old => read_file("$dir/cursor.secret"),
              new => join '', map { chr 33 + int rand 94 } 1 .. 48);

for my $name (keys %secret) {
    write_file("$dir/$name.secret", $secret{$name});
    chmod 0644, "$dir/$name.secret";
}
numbered_products(9);

sub page {
    my ($cursor) = @_;

    return get('/api/v1/products?limit=2'
               . ($cursor ? "&cursor=$cursor" : ''));
}

# All pages, again and again; a round that has ended began with any secret.
sub turn_pages {
    my ($out, $n) = @_;

    for (my $round = 1; !$rounds->ended; $round++) {
        my ($cursor, $seen) = (undef, 0);
        do {
            my $res = page($cursor);
            die "$res->{status} $res->{body}\n" if $res->{status} != 200;
            $seen += @{ $res->{json}{data} };
            $cursor = $res->{json}{next_cursor};
        } while $cursor;
        die "$seen products\n" if $seen != 9;
        $rounds->saw($n, 0, $round);
    }
}

# Each has begun and ended a round since.
sub rounds_pass {
    my @were = map { $rounds->most(0, $_) } 0 .. READERS - 1;

    wait_for(sub {
        !grep { $rounds->most(0, $_) < $were[$_] + 2 } 0 .. READERS - 1;
    }, 'pages are turned');
}

sub use_secrets {
    my (@names) = @_;

    $shop->{http} = "shop_drain_time 1s;\nshop_secret cursor "
        . join(' ', map { "$dir/$_.secret" } @names) . ';';
    my @before = workers();
    reload();
    rounds_pass();
    # nginx lets the old ones accept clients for another moment.
    wait_for(sub { !grep { kill 0, $_ } @before }, 'the old workers are gone');
}

my $cursor = page()->{json}{next_cursor};
my @readers = map { my $n = $_; child(sub { turn_pages($_[0], $n) }) }
    0 .. READERS - 1;

rounds_pass();
use_secrets('new', 'old');
is(page($cursor)->{status}, 200, 'what the old secret signed is accepted');
isnt(page()->{json}{next_cursor}, $cursor, 'the new one signs');
use_secrets('new');
$rounds->end;
is(join('', map { last_words($_) } @readers), '', 'no reader noticed');
is_problem(page($cursor), 400, 'bad_cursor');
is(page(page()->{json}{next_cursor})->{status}, 200, 'the new one is accepted');

for my $pid ($shop->{pid}, workers()) {
    for my $file (qw(cmdline environ)) {
        my $text = read_file("/proc/$pid/$file");
        ok(!(grep { index($text, $_) >= 0 } values %secret),
           "$file of $pid has no secret");
    }
}
ok(!(grep { index(log_text() . read_file("$dir/nginx.conf"), $_) >= 0 }
     values %secret), 'neither log nor configuration has one');
$rounds->remove;

done();
