#!/usr/bin/perl
#
# stampede.t - all that is kept becomes stale at once, again and again, while
# sixty clients ask for the same few addresses: each answer is made once, and
# nobody is refused.  So it is with memcached, when it is flushed at that
# moment, and when it hangs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Memcached;
use Shop::Test;
use Shop::Toy;

use constant { TOYS => 3, CLIENTS => 60 };

my $purges = torture() ? 60 : 5;
my $net = bad_network();
my (@toys, @conns);

# Every statement takes long enough for all to come.
sub begin {
    my $shop = start_toys(workers => 2, database_host => $net->folder, @_);

    @toys = map { make_toy(note => $_) } 1 .. TOYS;
    @conns = map { new_connection() } 1 .. CLIENTS;
    $net->tell('match ^shop-(read|slow)');
    polled();
    get("/api/v1/toys/$_") for @toys;
    return $shop;
}

sub end {
    $net->tell('reset');
    $_->close for @conns;
}

# How often each status was told.
sub all_ask {
    my %status;

    $conns[$_]->send('GET', '/api/v1/toys/' . $toys[$_ % @toys], {})
        for 0 .. $#conns;
    $status{ $_->read_response('GET')->{status} }++ for @conns;
    return \%status;
}

sub stampedes {
    my ($name, $flush) = @_;
    my ($made, $asked, $stored, %status) = (0, 0);

    for (1 .. $purges) {
        sql("INSERT INTO cache_change (tag) VALUES ('*')");
        $flush->() if $flush;
        polled();
        $stored = counter('cache_stored_total');
        $net->tell('reset');
        $net->tell('delay back 20');
        my $told = all_ask();
        $status{$_} += $told->{$_} for keys %$told;
        $made += counter('cache_stored_total') - $stored;
        $asked += grep { /^E\b/ } $net->list('there');
    }
    is_deeply(\%status, { 200 => $purges * @conns }, "$name: all are answered");
    is($made, $purges * @toys, "$name: each answer is made once");
    cmp_ok($asked, '<=', $purges * (@toys + 2),
           "$name: by one statement, and each worker reads its settings");
}

begin();
stampedes('alone');
end();

# PostgreSQL is slow, so its answers are worth being stored.
my $shop = begin(memcached => 1);
my $memcached = Shop::Memcached->new("$shop->{dir}/memcached");
my $stored = counter('far_stored_total');

stampedes('memcached flushed',
          sub { $memcached->say("flush_all\r\n", 'OK') });
ok(wait_for(sub { counter('far_stored_total') > $stored }),
   'what is made is stored');
my $failures = counter('far_failures_total');
kill STOP => memcached_pid();
stampedes('memcached hangs');
cmp_ok(counter('far_failures_total'), '>', $failures, 'which is noticed');
kill CONT => memcached_pid();
end();

done();
