#!/usr/bin/perl
#
# results.t - results of every awkward size come whole: megabytes, and just
# what fills the buffers of libpq and of TLS; over the socket, over TLS as
# PostgreSQL speaks it, and over TLS in larger records than it makes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Open2;
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

# An address nobody else listens at, for a port that must be PostgreSQL's own.
my $address = '127.' . join '.', map { 1 + $_ % 250 } 66 + ($$ >> 16),
    $$ >> 8, $$;
my $dir = $ENV{SHOP_TEST_DIR};
my $hba = "$dir/pg/pg_hba.conf";
my ($old_hba, $child) = read_file($hba);

# PostgreSQL with TLS beside its socket, for as long as this test runs.
sub tls_begins {
    is(system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
            . "-subj /CN=shop-test -keyout $dir/tls.key -out $dir/tls.crt "
            . "2>/dev/null"), 0, 'a certificate');
    chmod 0600, "$dir/tls.key";
    Shop::Test::chown_to_shop("$dir/tls.key", "$dir/tls.crt");
    write_file($hba, $old_hba . "hostssl all all 127.0.0.0/8 trust\n");
    local $ENV{SHOP_TEST_PG_OPTIONS} = "$ENV{SHOP_TEST_PG_OPTIONS} "
        . "-c listen_addresses=$address -c ssl=on "
        . "-c ssl_cert_file=$dir/tls.crt -c ssl_key_file=$dir/tls.key";
    pg_restart();
}

sub tls_ends {
    write_file($hba, $old_hba);
    pg_restart();
}

my $port = free_port();
sub records_begin {
    open2(my $said, $child, '/usr/bin/python3',
          "$FindBin::Bin/../lib/tlsrecords.py", '127.0.0.1', $port,
          "$dir/.s.PGSQL.5432", "$dir/tls.crt", "$dir/tls.key");
    like(scalar readline $said, qr/listens/, 'larger records');
}

my $shop = start_toys(workers => 1,
                      http => 'shop_drain_time 0; shop_deadline 2s;');
my $db = sql_value('SELECT current_database()');

# What the columns and the words around them take of a result is some 300
# bytes, so that one of these sizes fills a buffer exactly.
my @sizes = map { my $size = $_; map { $size - $_ } 150 .. 420 }
    8192, 16384, 32768;
my $toy = make_toy();
my $other = make_toy(name => 'other');
sql('UPDATE toys SET note = NULL');
sql(q{INSERT INTO toys (id, name, note)
      SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
             'size ' || n, repeat('x', n)
        FROM unnest(?::int[]) n}, [ @sizes, 1 << 20, 5 << 20 ]);

sub path {
    my ($size) = @_;

    return '/api/v1/toys/' . toy_name(sprintf
        '00000000-0000-7000-8000-%012d', $size) . '/untagged';
}

# How long the note is that comes, and the answer.  Not by get(): it reads all
# as JSON and keeps it for the comparison with the document of routes.
sub note_length {
    my ($path) = @_;
    my $res = connection()->request('GET', $path, {});

    return ($res->{body} =~ /"note":"((?:x|y)*)"/ ? length $1 : -1, $res);
}

# Each comes whole; every one of them in each way, or one in so many.
sub all_come {
    my ($name, $step) = @_;
    my $wrong = '';

    for my $n (grep { $_ % $step == 0 } 0 .. $#sizes) {
        my ($length, $res) = note_length(path($sizes[$n]));
        $wrong .= "$sizes[$n]: $res->{status}, $length\n"
            if $length != $sizes[$n];
    }
    is($wrong, '', "$name: sizes about 8, 16 and 32 kB");
    for my $size (1 << 20, 5 << 20) {
        my ($length, $res) = note_length(path($size));
        is($length, $size, "$name: $size bytes")
            or diag "$res->{status} " . substr $res->{body}, 0, 200;
    }
}

# Many rows, whose sum fills two records or nearly: what a read leaves of the
# last one is not in the socket any more.
sub sums_come {
    my ($name) = @_;
    my $wrong = '';
    my $rest = 210 + sql_value(q{SELECT sum(73 + length(name)
                                  + coalesce(length(note), 0)) FROM toys})
               - sql_value('SELECT coalesce(length(note), 0) FROM toys
                             WHERE id = ?', toy_id($toy));

    my $step = torture() ? 4 : 16;

    for my $left (map { $step * $_ - 20 } 0 .. 320 / $step) {
        my $n = 32768 - $rest - $left;
        sql('UPDATE toys SET note = repeat(?, ?) WHERE id = ?', 'y', $n,
            toy_id($toy));
        my $res = connection()->request('GET', '/api/v1/toys', {});
        $wrong .= "$n: $res->{status}\n"
            if $res->{status} != 200 || $res->{body} !~ /"note":"(y+)"/
               || length $1 != $n;
    }
    is($wrong, '', "$name: many rows");
}

sub by {
    my ($conninfo, $name) = @_;

    $shop->{http} = "shop_drain_time 0; shop_deadline 2s;\n"
        . "    shop_database '$conninfo dbname=$db user=shop_app';";
    reload();
    ok(eval { wait_for(sub { get("/readyz")->{status} == 200 }) },
       "$name: connected") or diag log_text();
}

# Sessions of workers on their way out, which were not, are gone.
sub is_tls {
    my ($name) = @_;

    ok(wait_for(sub {
        (sql_as('postgres', q{SELECT bool_and(ssl) FROM pg_stat_ssl
             JOIN pg_stat_activity USING (pid) WHERE usename = 'shop_app'
             AND datname = current_database()}))[0][0];
    }, "$name: encrypted"), "$name: encrypted");
}

my $all = torture() ? 1 : 9;

all_come('socket', $all);
tls_begins();
by("host=$address sslmode=require", 'TLS');
is_tls('TLS');
all_come('TLS', $all);
records_begin();
by("host=127.0.0.1 port=$port sslmode=require", 'records');
all_come('records', $all);
sql("DELETE FROM toys WHERE name LIKE 'size %'");
make_toy(note => 'z' x 200) for 1 .. 90;
sums_come('records');
by("host=$dir", 'socket');
sums_come('socket');

close $child;
tls_ends();
wait_for(sub { get('/readyz')->{status} == 200 }, 'by the socket again');

END {
    write_file($hba, $old_hba) if $old_hba;
}

done();
