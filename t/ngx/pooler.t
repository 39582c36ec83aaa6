#!/usr/bin/perl
#
# pooler.t - between nginx and PostgreSQL stands somebody who drops what a
# session asks for at its start, as poolers do when they are told to ignore
# it: the shop sets it then.  If that does not arrive either the shop says so
# and does not work with sessions that may write, wait or tell the time in
# another way than it thinks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Shop::Test;

my $folder = "$ENV{SHOP_TEST_DIR}/pool$$";
my $pooler = start_pooler();

END {
    kill KILL => $pooler if $pooler;
}

sub start_pooler {
    mkdir $folder or die "$folder: $!";
    my $listening = IO::Socket::UNIX->new(Listen => 16,
        Local => "$folder/.s.PGSQL.5432") or die "listen: $!";
    chmod 0777, "$folder/.s.PGSQL.5432";

    my $test = $$;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    pool($listening, $test);
    POSIX::_exit(0);
}

# Bytes go both ways; the first message has lost its options.
sub pool {
    my ($listening, $test) = @_;
    my $all = IO::Select->new($listening);
    my (%other, %begun);

    local $SIG{PIPE} = 'IGNORE';
    while (getppid == $test) {
        for my $in ($all->can_read(1)) {
            if ($in == $listening) {
                my $client = $listening->accept or next;
                my $server = IO::Socket::UNIX->new(
                    "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432") or next;
                @other{$client, $server} = ($server, $client);
                $begun{$server} = 1;
                $all->add($client, $server);
                next;
            }
            my $out = $other{$in} or next;      # closed a moment ago
            if (!sysread $in, my $bytes, 65536) {
                $all->remove($in, $out);
                delete @$_{$in, $out} for \%other, \%begun;
                $_->close for $in, $out;
            } else {
                $bytes = without_options($bytes) if !$begun{$in}++;
                $bytes =~ s/iso_8601/postgres/g if !-e "$folder/hears";
                syswrite $out, $bytes;
            }
        }
    }
}

sub without_options {
    my ($bytes) = @_;
    my (undef, $protocol, @word) = unpack 'NN(Z*)*', $bytes;

    return $bytes if $protocol != 196608 || -e "$folder/honest";
    my $rest = '';
    while (my ($name, $value) = splice @word, 0, 2) {
        $rest .= pack '(Z*)*', $name, $value
            if $name ne '' && $name ne 'options';
    }
    return pack 'NNa*x', 9 + length $rest, $protocol, $rest;
}

sub failures {
    get('/readyz');

    return status()->{counters}{db_connect_failures_total};
}

start_shop(database_host => $folder, ready => 0);
my $said = wait_for(sub {
    get('/readyz');
    log_text() =~ /(no connection for lane \S+ what it sets .*)/ && $1;
}, 'it is said in the log');
like($said, qr/what it sets .* did not arrive, nor afterwards/,
     'why there is no connection');

# Also where a part of it is so by itself.
my $name = sql_value('SELECT current_database()');
sql("ALTER DATABASE $name SET TimeZone = 'UTC'");
sql("ALTER DATABASE $name SET default_transaction_read_only = on");
my $before = failures();
wait_for(sub { failures() > $before + 6 }, 'it tries again and again');
is(status()->{counters}{db_connections}, 0, 'and is never content');
sql("ALTER DATABASE $name RESET $_")
    for 'TimeZone', 'default_transaction_read_only';

is_problem(get('/api/v1/products'), 503, 'database_unavailable');
is(get('/readyz')->{status}, 503, 'not ready');
is(sql_value("SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND state = 'active'
                AND usename = 'shop_app'"), 0, 'no such session was used');

# One that lets it be set.
sub works {
    my ($how) = @_;
    my $name = sql_value('SELECT current_database()');

    as_key('products.read', 'products.write');
    my $made = ok_json(post('/api/admin/v1/products',
                            { title => "Made $how" }), 201);
    is($made->{created_at}, sql_value(<<'SQL', "Made $how"), "$how: UTC");
SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM products JOIN product_i18n ON product_id = id WHERE title = $1
SQL
    is(ok_json(get("/api/admin/v1/products/$made->{id}"), 200)->{created_at},
       $made->{created_at}, "$how: and for who reads");
    my $all = get('/api/admin/v1/products/export.ndjson');
    is($all->{status}, 200, "$how: an export, which has its own session");
    like($all->{body}, qr/"created_at":"\Q$made->{created_at}\E"/,
         "$how: in UTC as well");
}

write_file("$folder/hears", '');
sql("ALTER DATABASE $name SET TimeZone = 'Asia/Tokyo'");
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready when it can be set');
works('set');
sql("ALTER DATABASE $name RESET TimeZone");
as_nobody();

write_file("$folder/honest", '');
pg_kill();
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready when all arrives');
ok_json(get('/api/v1/products'), 200, 'and then it works');
works('asked for');

done();
