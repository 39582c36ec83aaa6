#!/usr/bin/perl
#
# secrets.t - what a shop is told in confidence is not to be had from outside of
# its memory: not from its processes' arguments and surroundings, its log at the
# level "debug", its counters, or PostgreSQL's view of its sessions.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my %secret = (database => 'canary-of-the-database',
              cursor => 'new-canary-' x 5, old => 'old-canary-' x 5);
for my $name (qw(cursor old)) {
    write_file("$ENV{SHOP_TEST_DIR}/$name.secret", $secret{$name});
    Shop::Test::chown_to_shop("$ENV{SHOP_TEST_DIR}/$name.secret");
}

my $shop = start_shop(workers => 2, main => 'error_log debug.log debug;',
    database_host => "$ENV{SHOP_TEST_DIR} password=$secret{database}",
    http => "shop_secret cursor $ENV{SHOP_TEST_DIR}/cursor.secret
                 $ENV{SHOP_TEST_DIR}/old.secret;
             shop_slow_statement 1ms;");
like(read_file("$shop->{dir}/nginx.conf"), qr/password=$secret{database}/,
     'the configuration has what must be nowhere else');
$secret{key} = as_key(qw(products.read products.write));
my @everybody = ($shop->{pid}, workers());

# A list with a cursor, a change, keys that are not known, and a database that
# goes and does not take anybody: what makes the shop say something.
my $list = ok_json(get('/api/admin/v1/products?limit=1'), 200);
ok_json(post('/api/admin/v1/products', { title => 'A cup' }), 201);
is_problem(get("/api/admin/v1/products",
               Authorization => "Bearer $secret{key}x"),
           401, 'invalid_token');
sql_as('postgres', "ALTER DATABASE \"$shop->{db}\" CONNECTION LIMIT 0");
sql_as('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database()
                        AND usename = 'shop_app'});
wait_for(sub { get('/readyz')->{status} == 503
               && log_text() =~ /too many connections for database/ },
         'the log says why nobody is connected');
my $text = log_text();
sql_as('postgres', "ALTER DATABASE \"$shop->{db}\" CONNECTION LIMIT -1");
wait_for(sub { get('/readyz')->{status} == 200 }, 'and then it is again');

# Below "warn" nginx itself writes down what clients sent; whoever has it do so
# is told in nginx.conf.example.
sub ours {
    return join "\n", grep {
        / shop: |\[(?:warn|error|crit|alert|emerg)\]/ } split /\n/, join '', @_;
}

my %seen = (
    'the log' => ours($text, log_text(), read_file("$shop->{dir}/debug.log")),
    '/shop-status' => get('/shop-status')->{body},
    '/metrics' => get('/metrics')->{body},
    'pg_stat_activity' => join("\n", map { join ' ', map { $_ // '' } @$_ }
        sql_as('postgres', 'SELECT application_name, query
                              FROM pg_stat_activity')),
);
for my $pid (@everybody) {
    $seen{"/proc/PID/$_"} .= read_file("/proc/$pid/$_") . "\n"
        for qw(environ cmdline status);
}
for my $place (sort keys %seen) {
    my @found = grep { index($seen{$place}, $secret{$_}) >= 0 }
        sort keys %secret;

    cmp_ok(length $seen{$place}, '>', 20, "$place says something");
    is("@found", '', "$place has no secret");
}

done();
