#!/usr/bin/perl
#
# stampede.t - all that is kept becomes stale at once, again and again, while
# sixty clients ask for the same few addresses: each answer is made once, and
# nobody is refused.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

my $purges = torture() ? 60 : 10;
my $net = bad_network();
my $shop = start_toys(workers => 2, database_host => $net->folder);
my @toys = map { make_toy(note => $_) } 1 .. 3;
my @conns = map { new_connection() } 1 .. 60;
my %status;

# Every statement takes long enough for all to come.
$net->tell('match ^shop-(read|slow)');
polled();
get("/api/v1/toys/$_") for @toys;
$net->tell('delay back 20');

sub all_ask {
    $conns[$_]->send('GET', '/api/v1/toys/' . $toys[$_ % @toys], {})
        for 0 .. $#conns;
    $status{ $_->read_response('GET')->{status} }++ for @conns;
}

my ($made, $asked) = (0, 0);
for (1 .. $purges) {
    sql("INSERT INTO cache_change (tag) VALUES ('*')");
    polled();
    my $stored = counter('cache_stored_total');
    $net->tell('reset');
    $net->tell('delay back 20');
    all_ask();
    $made += counter('cache_stored_total') - $stored;
    $asked += grep { /^E\b/ } $net->list('there');
}
is_deeply(\%status, { 200 => $purges * @conns }, 'all are answered');
is($made, $purges * @toys, 'each answer is made once');
cmp_ok($asked, '<=', $purges * (@toys + 2),
       'by one statement, and each worker reads its settings');
$net->tell('reset');
$_->close for @conns;

done();
