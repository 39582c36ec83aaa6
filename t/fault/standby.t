#!/usr/bin/perl
#
# standby.t - a PostgreSQL and its standby, of which the shop knows both: the
# first dies under writes, the other is promoted.  Nothing that was
# acknowledged is lost, nothing is there twice, and until the promotion the
# shop asks nothing of a server that lags behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DBI;
use POSIX ();
use Shop::Test;
use Shop::Writers;

use constant WRITES => 40;      # before the first server dies, and after

my %folder = map { $_ => "$ENV{SHOP_TEST_DIR}/$_$$" } qw(a b c);
my @as_shop = $> == 0
    ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();
my $test = $$;

END {
    if ($$ == $test) {
        my $status = $?;
        server_end($_) for keys %folder;
        $? = $status;
    }
}

# --- servers -----------------------------------------------------------------

sub run {
    my ($program, @args) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        chdir '/';
        open STDOUT, '>', '/dev/null';
        exec @as_shop, "$ENV{SHOP_TEST_PG_BIN}/$program", @args
            or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $? == 0;
}

# A copy of the one that listens in this folder; with -R it follows that one.
sub server {
    my ($name, $of, @follows) = @_;
    my $dir = $folder{$name};

    mkdir $dir or die "$dir: $!";
    chown ((getpwnam 'shop')[2, 3], $dir) if $> == 0;
    run('pg_basebackup', '-h', $of, '-U', 'postgres', '-D', "$dir/pg", '-c',
        'fast', '--no-sync', @follows) or die "pg_basebackup of $of\n";
    run('pg_ctl', '-D', "$dir/pg", '-w', '-t', 60, '-l', "$dir/log", '-o',
        "-k $dir -c fsync=off", 'start') or die read_file("$dir/log");
}

sub server_end {
    my ($name) = @_;

    run('pg_ctl', '-D', "$folder{$name}/pg", '-w', '-m', 'immediate', 'stop')
        if -e "$folder{$name}/pg/postmaster.pid";
}

sub promote {
    my ($name) = @_;

    run('pg_ctl', '-D', "$folder{$name}/pg", '-w', 'promote')
        or die "promote $name\n";
}

sub server_says {
    my ($name, $db, $statement) = @_;
    my $dbh = DBI->connect("dbi:Pg:host=$folder{$name};dbname=$db", 'postgres',
                           '', { RaiseError => 1, PrintError => 0 });
    my ($value) = $dbh->selectrow_array($statement);

    $dbh->disconnect;
    return $value;
}

# That have asked something: whoever connects learns who follows.
sub sessions {
    my ($name, $db) = @_;

    return server_says($name, $db, <<'SQL');
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app'
  AND query <> ''
SQL
}

# --- two servers -------------------------------------------------------------

my $shop = start_shop(workers => 2, ready => 0,
                      database_host => "$folder{b},$folder{a}");
my $db = $shop->{db};

server('a', $ENV{SHOP_TEST_DIR});
server('b', $folder{a}, '-R');
my $superuser = DBI->connect("dbi:Pg:host=$folder{a};dbname=postgres",
                             'postgres', '', { RaiseError => 1 });
$superuser->do("ALTER SYSTEM SET synchronous_standby_names = '*'");
$superuser->do('SELECT pg_reload_conf()');
wait_for(sub {
    my ($state) = $superuser->selectrow_array(
        'SELECT sync_state FROM pg_stat_replication');
    return $state eq 'sync';
}, 'what is committed is on both');
$superuser->disconnect;

postgresql_at($folder{a});
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready');
my @workers = sort { $a <=> $b } workers();
postgresql_at("$folder{b},$folder{a}");         # shopctl finds it, too
as_key('products.read', 'products.write');
postgresql_at($folder{a});
writers_start(8);
committed_more(WRITES);
is(sessions('b', $db), 0, 'the standby is asked nothing, though named first');

# --- the first one dies ------------------------------------------------------

postgresql_at(undef);
server_end('a');
wait_for(sub { get('/readyz')->{status} == 503 }, 'not ready');
is_problem(get('/readyz'), 503, 'database_unavailable');
my $res = post('/api/admin/v1/products', { title => 'In between' },
               'Idempotency-Key' => 'between');
is_problem($res, 503, 'database_unavailable');
ok($res->{headers}{'retry-after'}, 'to be asked again');
is(sessions('b', $db), 0, 'and the standby is not asked in place of it');
like(log_text(), qr/hot standby/, 'the log says why');

# --- the other takes over ----------------------------------------------------

promote('b');
postgresql_at($folder{b});
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready again');
is(post('/api/admin/v1/products', { title => 'In between' },
        'Idempotency-Key' => 'between')->{status}, 201,
   'the same key is good for the new one');
committed_more(WRITES);
my %count = writers_stop();
cmp_ok($count{acked}, '>=', 2 * WRITES, 'many were acknowledged');
diag("$count{acked} acked, $count{maybe} maybe");
is(sql_value("SELECT count(*) FROM product_i18n WHERE title = 'In between'"),
   1, 'what was repeated is there once');
is_deeply([sort { $a <=> $b } workers()], \@workers, 'the workers live');

# --- a server that is told to serve though it follows ------------------------

# 25006: who says "any" gets reads of it, and no writes until it is promoted.
server('c', $folder{b}, '-R');
my $reads = start_shop(db => $db, http => qq(shop_database "host=$folder{c}
    dbname=$db user=shop_app target_session_attrs=any";));
postgresql_at($folder{b});
as_key('products.read', 'products.write');
wait_for(sub { get('/api/admin/v1/products?limit=1')->{status} == 200 },
         'reads are served, as the key has arrived there');
$res = post('/api/admin/v1/products', { title => 'Later' },
            'Idempotency-Key' => 'later');
is_problem($res, 503, 'database_unavailable');
ok($res->{headers}{'retry-after'}, 'to be asked again');
is(get('/api/v1/products')->{headers}{'cache-status'}, 'shop; fwd=miss',
   'what may be old is not kept') for 1, 2;
like(read_file("$reads->{dir}/error.log"),
     qr/no answers are kept: .* servers that follow/, 'which the log tells');
promote('c');
is(wait_for(sub {
    my $res = post('/api/admin/v1/products', { title => 'Later' },
                   'Idempotency-Key' => 'later');
    return $res->{status} != 503 && $res->{status};
}, 'it takes writes'), 201, 'done with the same key once it can be');

# libpq takes no session for "read-write" that is read-only by what it asks
# for, as ours that read are.
start_shop(db => $db, http => qq(shop_database "host=$folder{a},$folder{c}
    dbname=$db user=shop_app target_session_attrs=read-write";));
postgresql_at($folder{c});
as_key('products.read', 'products.write');
is(post('/api/admin/v1/products', { title => 'Read-write' })->{status}, 201,
   'target_session_attrs=read-write writes');
is(get('/api/admin/v1/products?limit=1')->{status}, 200, 'and reads');

done();
