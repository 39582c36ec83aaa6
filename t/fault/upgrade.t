#!/usr/bin/perl
#
# upgrade.t - fifty clients write over connections that they keep while nginx
# is reloaded, while the database is migrated, another binary with a library
# that needs that takes over, gives back, and takes over for good: no request
# fails, and what was acknowledged is there once.
#
# What is bounded by time is left out of make test.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Open2;
use Shop::Fault;
use Shop::Test;

plan(skip_all => 'it waits for minutes: make torture') if !torture();

my $reloads = 20;
my $shop = start_shop(workers => 2, daemon => 1,
    http => 'shop_drain_time 2s; shop_deadline 30s;');
my $path = '/api/admin/v1/products';
my $key = as_key('products.write');
my $library = "$ENV{SHOP_TEST_DIR}/lib/libshop.so.1";
my ($pid, $in, $out);
my $began = 0;

# The last migration, and one whose name is as long.
my ($migration) = read_file(top_folder() . '/sql/sqitch.plan')
    =~ /^(\w+)[^\n]*\n*\z/m;
my $next = substr 'expanded_and_more', 0, length $migration;

sub counter { status()->{counters}{ $_[0] } }

# --- the clients ------------------------------------------------------------

sub begin {
    $pid = open2($out, $in, '/usr/bin/python3',
                 "$FindBin::Bin/../lib/posters.py", $shop->{port}, 50, $key,
                 $path, 100, 'posted' . ++$began);
    more();
}

# Whatever process counts them.
sub more {
    my $n = sql_value("SELECT count(*) FROM product_i18n");

    wait_for(sub { sql_value("SELECT count(*) FROM product_i18n")
                   > $n + 100 }, 'the clients write');
}

sub end {
    my ($name) = @_;

    print $in "end\n";
    close $in;
    my ($good, $bad, $why) = split ' ', readline($out), 3;
    waitpid $pid, 0;
    is($bad, 0, "$name: no request failed") or diag $why;
    is(sql_value("SELECT count(*) FROM product_i18n
                   WHERE title LIKE 'posted$began-%'"), $good,
       "$name: $good were acknowledged, and are there");
}

# --- the binaries -----------------------------------------------------------

# What was loaded from the folder of the module: its number as a file.
sub loaded {
    my ($worker) = @_;

    return (read_file("/proc/$worker/maps")
            =~ m{^\S+ r-xp \S+ \S+ (\d+) +\S*/libshop\.so\.1}m)[0];
}

sub workers_of {
    local $shop->{pid} = $_[0];
    return workers();
}

sub master_now {
    return wait_for(sub { (read_file("$shop->{dir}/nginx.pid")
                           =~ /^(\d+)$/m)[0] });
}

# The same library as another file, and with another version in it, and the
# name of another migration that it needs.
sub replace_library {
    my ($version) = @_;
    my $code = read_file($library);
    my $now = status()->{version};

    die "$version is to be as long as $now\n" if length $version != length $now;
    ok($code =~ s/(?<![\w.])\Q$now\E\0/$version\0/g,
       "a library of version $version");
    is($code =~ s/\0\Q$migration\E\0/\0$next\0/g, 1,
       "that needs $next");
    write_bytes("$library.new", $code);
    chmod 0755, "$library.new";
    rename "$library.new", $library or die "$library: $!";
}

sub write_bytes {
    my ($to, $bytes) = @_;

    open my $file, '>:raw', $to or die "$to: $!";
    print $file $bytes;
    close $file or die "$to: $!";
}

# What /readyz says of the migrations, when all is well; over a connection that
# no worker has to wait for.
sub ready {
    my $res = get('/readyz');

    Shop::Test::close_connection();
    return $res->{status} == 200 ? $res->{json}{change} : $res->{status};
}

# The next version's migration, beside those that there are: it adds, and takes
# nothing away.
sub expand {
    my $copy = "$ENV{SHOP_TEST_DIR}/expand$$";
    my %sql = (deploy => <<'SQL', revert => 'SELECT 1;', verify => 'SELECT 1;');
BEGIN;
ALTER TABLE products ADD COLUMN weighs int NOT NULL DEFAULT 0;
ALTER TABLE product_i18n ADD COLUMN shout text
    GENERATED ALWAYS AS (upper(title)) STORED;
CREATE TABLE more (product_id uuid REFERENCES products);
CREATE INDEX more_product ON more (product_id);
COMMIT;
SQL

    system('cp', '-r', top_folder() . '/sql', $copy) == 0 or die "cp: $?\n";
    write_file("$copy/$_/$next.sql", $sql{$_}) for keys %sql;
    write_file("$copy/sqitch.plan", read_file("$copy/sqitch.plan")
        . "$next [$migration] 2026-01-01T00:00:00Z"
        . " Shop <shop\@localhost> # For the test\n");
    local @ENV{qw(PGHOST SQITCH_FULLNAME SQITCH_EMAIL TZ)}
        = ($ENV{SHOP_TEST_DIR}, 'shop', 'shop@localhost', 'UTC');
    is(system("cd $copy && sqitch --quiet deploy "
              . "db:pg://shop_owner\@/$shop->{db}"), 0, 'it is migrated');
}

# The sockets that these have open, but for those that listen.
sub sockets {
    return map { (readlink // '') =~ /^socket:\[(\d+)\]$/ ? $1 : () }
        map { glob "/proc/$_/fd/*" } @_;
}

# The old workers have drained when each connection that they had then is over;
# with those that listen it is as with those to PostgreSQL: they stay.
sub drained {
    my (@workers) = @_;
    my %port = map { (split)[9] => 1 } grep {
        (split)[1] =~ /:@{[ sprintf '%04X', $shop->{port} ]}$/
            && (split)[3] ne '0A'
    } split /\n/, read_file('/proc/net/tcp');
    my @then = grep { $port{$_} } sockets(@workers);

    wait_for(sub {
        my %now = map { $_ => 1 } sockets(@workers);
        !grep { $now{$_} } @then;
    }, 'they drain');
}

# --- reloads ----------------------------------------------------------------

begin();
for (1 .. $reloads) {
    more();
    reload();
}
more();
end("$reloads reloads");

# --- another binary, and back -----------------------------------------------

my $old = $shop->{pid};
my $keep = read_file($library);
my $file = loaded((workers())[0]);
my $version = status()->{version};

replace_library('9.9.9');
begin();
my $then = ready();
expand();
isnt(ready(), $then, 'the old code is ready, and has seen it');
more();
reload();
is(loaded((workers())[0]), $file, 'a reload loads no new code');
my @old = workers();
kill USR2 => $old;
my $new = wait_for(sub { my $now = master_now(); $now != $old && $now });
wait_for(sub { workers_of($new) == 2 }, 'its workers');
isnt(loaded((workers_of($new))[0]), $file, 'another binary does');
more();
drained(@old);
kill WINCH => $old;
wait_for(sub { !grep { kill 0, $_ } @old }, 'the old workers go');
is(status()->{version}, '9.9.9', 'the new code answers');
is(ready(), $next, 'and is ready, for what it needs is there');
more();

# It does not please: the old one starts its workers again.
my @new = workers_of($new);
kill HUP => $old;
wait_for(sub { workers_of($old) == 2 }, 'the old has workers again');
more();
drained(@new);
kill QUIT => $new;
wait_for(sub { !kill 0, $new }, 'the new one goes');
more();
end('there and back');
is(status()->{version}, $version, 'the old code answers');
is(master_now(), $old, 'it is the master again');
is(ready(), $next, 'and ready, with a schema that is newer than it');
ok(wait_for(sub {
    my $conn = new_connection();
    my $res = $conn->request('GET', '/healthz', {});
    ($res->{headers}{connection} // '') ne 'close';
}), 'and keeps connections');

# --- and for good -----------------------------------------------------------

begin();
@old = workers();
kill USR2 => $old;
$new = wait_for(sub { my $now = master_now(); $now != $old && $now });
wait_for(sub { workers_of($new) == 2 }, 'its workers');
drained(@old);
kill QUIT => $old;
ok(wait_for(sub { !kill 0, $old }), 'the old master goes');
$shop->{pid} = $new;
more();
reload();
more();
end('for good');
is(status()->{version}, '9.9.9', 'the new code answers');

# What it needs is not there: nobody is sent to it.
sql("DELETE FROM sqitch.changes WHERE change = '$next'");
is_problem(get('/readyz'), 503, 'not_migrated');

write_bytes("$library.new", $keep);
chmod 0755, "$library.new";
rename "$library.new", $library;
done();
