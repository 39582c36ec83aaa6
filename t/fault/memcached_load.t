#!/usr/bin/perl
#
# memcached_load.t - under readers of kept answers and writers with keys
# memcached is killed, hangs, is full of junk, answers late, and answers by
# half: nobody is refused, every answer is that of its address, and a key is
# good for one deed on all machines.  Five times;
# twenty with TORTURE=1.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Memcached;
use Shop::Test;
use Shop::Witness;
use Shop::Writers;

use constant { PRODUCTS => 9, READS => 100, WRITES => 10 };

my @machine = (start_shop(workers => 2, memcached => 1));
my $socket = "$machine[0]{dir}/memcached";
my $memcached = Shop::Memcached->new($socket);

# The second machine reaches memcached over a bad network.
my $net = bad_network(protocol => 'memcached', target => $socket,
                      listen => "$ENV{SHOP_TEST_DIR}/far$$");
push @machine, start_beside(http => "shop_memcached $net->{listen};");
numbered_products(PRODUCTS);
on($_, sub { polled() }) for @machine;
as_key('products.write');

my $test = $$;
my $ended = "$ENV{SHOP_TEST_DIR}/load$$.end";

sub counter_at {
    my ($machine, $name) = @_;

    return on($machine, sub { status()->{counters}{$name} });
}

# --- readers -----------------------------------------------------------------

# What PostgreSQL says; nothing is kept yet.
my %right = map { $_ => get($_)->{body} } map {
    ("/api/v1/products/p-$_", "/api/v1/products/p-$_?currency=EUR",
     "/api/v1/products?limit=$_", "/api/v1/products?limit=$_&currency=EUR")
} 1 .. PRODUCTS;
my @paths = sort keys %right;
my %body = map { $_ => 1 } values %right;
cmp_ok(keys %body, '>=', 3 * PRODUCTS, 'addresses have answers of their own');

sub read_on {
    my ($out, $machine) = @_;
    my ($reads, $conn) = (0);

    srand $$;
    while (!-e $ended && getppid == $test) {
        my $path = $paths[rand @paths];
        $conn = on($machine, sub { new_connection() })
            if !$conn || !$conn->usable;
        my $res = $conn->request('GET', $path);

        $reads++;
        print $out "$path: $res->{status} $res->{body}\n"
            if $res->{status} != 200 || $res->{body} ne $right{$path};
    }
    print $out "reads $reads\n";
}

# Everywhere all that is kept is of no use any more, but goes on to be asked
# for.
sub purge { sql("INSERT INTO cache_change (tag) VALUES ('*')") }

# What the first machine makes, the second has from memcached.
sub shared {
    my ($what) = @_;

    ok(wait_for(sub {
        my $hits = counter_at($machine[1], 'far_hits_total');
        purge();
        eval { wait_for(sub {
            counter_at($machine[1], 'far_hits_total') > $hits
        }, 'a hit', 2) };
    }, $what), $what);
}

# --- trouble -----------------------------------------------------------------

sub asked { return map { counter_at($_, 'requests_total') } @machine }

# While all read and write, and what is kept goes whenever a part of it has
# been asked for anew: until memcached was seen to fail.
sub under_load {
    my (%trouble) = @_;
    my $sign = $trouble{sign} // 'far_failures_total';
    my $seen = counter_at($machine[1], $sign);
    my @since = asked();
    my $purged = 0;

    committed_more(WRITES);
    wait_for(sub {
        my @now = asked();
        if ($now[1] > $purged + @paths) {
            purge();
            $purged = $now[1];
        }
        $trouble{again}->() if $trouble{again};
        counter_at($machine[1], $sign) > $seen
            && !grep { $now[$_] < $since[$_] + READS } 0, 1;
    }, "$sign of $trouble{name}");
}

# The same deed with one key, and another deed with it, on either machine.
sub one_key {
    my ($name) = @_;
    my @asked = map {
        my ($machine, $title) = @$_;
        on($machine, sub { post('/api/admin/v1/products', { title => $title },
                                'idempotency-key' => $name) });
    } [ $machine[0], $name ], [ $machine[1], $name ], [ $machine[0], $name ],
      [ $machine[1], "not $name" ];

    return join ' ', map { $_->{status}, $_->{json}{code}
                           // ($_->{json}{id} eq $asked[0]{json}{id}) } @asked;
}

my @trouble = (
    { name => 'killed', begin => \&stop_memcached,
      end => sub { unlink $socket; start_memcached() } },
    { name => 'hung', begin => sub { kill STOP => memcached_pid() },
      end => sub { kill CONT => memcached_pid() } },
    { name => 'full of junk', sign => 'far_old_total',
      again => sub { $memcached->junk($memcached->keys) } },
    { name => 'late', begin => sub { $net->tell('delay back 25 20') } },
    { name => 'cut', begin => sub { $net->tell('cut back 2 middle 100000') } },
    { name => 'late now and then',
      begin => sub { $net->tell('delay back 0 50') } },
    { name => 'silent', begin => sub { $net->tell('hang') } },
);

srand 1;
on($_, sub { Shop::Test::close_connection() }) for @machine;
my @readers = map { my $i = $_; child(sub { read_on($_[0], $machine[$i % 2]) })
                  } 0 .. 3;
writers_start(4, calm => 1);
shared('memcached is shared');
my $times = torture() ? 20 : 5;
for my $n (1 .. $times) {
    my %trouble = %{ $trouble[($n - 1) % @trouble] };
    my $name = "$n, $trouble{name}";
    my $keys = one_key("write-before-$n");

    is($keys, '201 1 201 1 201 1 422 idempotency_key_reused',
       "$n: a key is for one deed");
    $trouble{begin}->() if $trouble{begin};
    under_load(%trouble);
    is(one_key("write-in-$n"), $keys, "$name: as it is now");
    is(one_key("write-before-$n"), $keys, "$name: and was before");
    $trouble{end}->() if $trouble{end};
    $net->tell('reset');
    shared("$name: shared again");
}

write_file($ended, '');
my ($wrong, $reads) = ('', 0);
for my $line (map { split /^/, last_words($_) } @readers) {
    if ($line =~ /^reads (\d+)$/) { $reads += $1 } else { $wrong .= $line }
}
is($wrong, '', 'every answer was that of its address');
cmp_ok($reads, '>=', 2 * READS * $times, 'and many were read');

# The titles of the keys are write- as well, so that none may be there twice.
is(sql_value("SELECT count(*) FROM product_i18n WHERE title LIKE 'not %'"), 0,
   'no deed was done with a key of another');
is(sql_value("SELECT count(*) - count(DISTINCT title) FROM product_i18n
               WHERE title LIKE 'write-%'"), 0, 'and none twice');
sql("UPDATE product_i18n SET title = 'key' WHERE title ~ '^write-(be|in)'");
my %written = writers_stop();
unlink $ended;
diag("$reads read, $written{acked} written");

done();
