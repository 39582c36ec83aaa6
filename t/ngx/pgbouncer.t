#!/usr/bin/perl
#
# pgbouncer.t - between nginx and PostgreSQL stands pgbouncer, one session of
# its for each of ours: all that the shop does works, also when it is started
# again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;

my $folder = "$ENV{SHOP_TEST_DIR}/bouncer$$";
my $test = $$;
my @as_shop = $> == 0
    ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();
my $pid;

END {
    if ($$ == $test && $pid) {
        my $status = $?;
        pgbouncer_end();
        $? = $status;
    }
}

sub pgbouncer_start {
    my ($mode) = @_;

    write_file("$folder/conf", <<"END");
[databases]
* = host=$ENV{SHOP_TEST_DIR}

[pgbouncer]
listen_addr =
unix_socket_dir = $folder
listen_port = 5432
auth_type = trust
auth_file = $folder/users
pool_mode = session
default_pool_size = 50
ignore_startup_parameters = options
END
    $pid = fork // die "fork: $!";
    if (!$pid) {
        chdir '/';
        open STDOUT, '>>', "$folder/log";
        open STDERR, '>&', \*STDOUT;
        exec @as_shop, 'pgbouncer', "$folder/conf" or POSIX::_exit(127);
    }
    wait_for(sub { -S "$folder/.s.PGSQL.5432" }, 'pgbouncer listens');
}

sub pgbouncer_end {
    kill KILL => $pid;
    waitpid $pid, 0;
    unlink "$folder/.s.PGSQL.5432";
    undef $pid;
}

mkdir $folder or die "$folder: $!";
write_file("$folder/users", qq("shop_app" ""\n));
chown +(getpwnam 'shop')[2, 3], $folder if $> == 0;
pgbouncer_start();
start_shop(database_host => $folder, workers => 2, background => 1);
as_key('products.read', 'products.write', 'events.read');

# --- all that is asked of PostgreSQL -----------------------------------------

my $products = '/api/admin/v1/products';
my $made = ok_json(post($products, { title => 'One', status => 'active' },
                        'Idempotency-Key' => 'one'), 201);
is(post($products, { title => 'One', status => 'active' },
        'Idempotency-Key' => 'one')->{json}{id}, $made->{id},
   'the same key is the same product');
is(ok_json(get('/api/v1/products/one'), 200)->{title}, 'One', 'it is read');
is(ok_json(patch("$products/$made->{id}", { title => 'Two' },
                 'If-Match' => '"v1"'), 200)->{title}, 'Two', 'changed');
is(ok_json(get('/api/v1/products/one'), 200)->{title}, 'Two', 'and seen');
like(get("$products/export.csv")->{body}, qr/One|Two/, 'and exported');
is_problem(post($products, { title => 'One' }), 409, 'slug_taken', '/slug');
my @events = wait_for(sub {
    my @told = grep { /^product/ } map { $_->{type} }
        @{ get('/api/admin/v1/events')->{json}{data} };
    return @told >= 2 && \@told;
}, 'events are told')->@*;
is_deeply(\@events, ['product.created', 'product.updated'],
          'in their order');
is(sql_value("SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND usename = 'shop_app'
                 AND state LIKE 'idle in transaction%'"), 0,
   'no session is left in a transaction');

# --- it is started again -----------------------------------------------------

my @workers = sort { $a <=> $b } workers();
for my $round (1 .. 3) {
    pgbouncer_end();
    wait_for(sub { get('/readyz')->{status} == 503 }, 'not ready');
    is_problem(post($products, { title => "Round $round" }), 503,
               'database_unavailable');
    pgbouncer_start();
    wait_for(sub { get('/readyz')->{status} == 200 }, 'ready again');
    is(post($products, { title => "Round $round" })->{status}, 201,
       "round $round: it writes again");
}
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');

pgbouncer_end();        # whose sessions outlive ours
done();
