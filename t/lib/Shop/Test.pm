# Test.pm - a real nginx over a database of its own, and what a test says to
# it.
#
#     use Shop::Test;
#
#     start_shop(workers => 2);
#     my $res = get('/api/v1/products?limit=2');
#     ok_json($res, 200);
#     is_problem(get('/api/v1/nothing'), 404, 'not_found');
#     done();
#
# Everything of Test::More is there too.  done() takes the place of
# done_testing(): it stops nginx and looks at what was left behind (alerts in
# the log, live coroutines, connections, breaches of sql/invariants.sql).
#
# No test waits for a time to pass: wait_for() waits for something to be so.
#
# With SHOP_TEST_HOST=uv in the environment the shop runs on libuv too, over the
# same database, and get(), post() and their like, status() and polled() ask
# that one.

package Shop::Test;

use strict;
use warnings;

use Cwd qw(abs_path);
use DBI;
use Exporter 'import';
use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);

use Shop::HTTP;
use Shop::UV;

our @EXPORT = (@Test::More::EXPORT, qw(
    start_shop stop_shop shop_on_uv start_beside on done top_folder
    start_memcached stop_memcached memcached_pid
    get post put patch del request connection new_connection
    ok_json is_problem as_key as_nobody shopctl
    sql sql_value sql_as forget_connections database_url postgresql_at
    wait_for polled status
    reload signal_nginx workers log_text allow_log
    own_kb nginx_test free_port write_file read_file open_sockets
    pg_stop pg_start pg_restart pg_kill pg_freeze pg_thaw
    postmaster
));

my $top = abs_path(dirname(__FILE__) . '/../../..');

# Run by itself, a test calls t/run to be run in its surroundings.
if (!$ENV{SHOP_TEST_DIR}) {
    exec "$top/t/run", '--', $^X, $0, @ARGV or die "t/run: $!";
}

# Limits that only fail: a machine may be slow, an answer may not be missing.
use constant LIMIT => 60;

# A longer answer is not recorded.
use constant RECORD_MOST => 500_000;

my $lib = $ENV{SHOP_TEST_LIB} // "$ENV{SHOP_TEST_DIR}/lib";
my @as_shop = $> == 0
    ? qw(setpriv --reuid=shop --regid=shop --clear-groups) : ();

my ($shop, %dbh, $key, $count, $pg_stopped, %frozen, $ended);
my @allowed;
my $owner = $$;         # a child that a test forks ends nothing

$SIG{INT}  = sub { exit 130 };
$SIG{TERM} = sub { exit 143 };
$SIG{PIPE} = 'IGNORE';


# --- the servers -----------------------------------------------------------

# start_shop(workers => N, memcached => 1, main => ..., http => ...,
#            server => ..., locations => ..., ready => 0, template => ...,
#            database_host => folder or address where nginx finds PostgreSQL,
#            lib => folder of another module and library, background => 1,
#            connections => of a worker, daemon => 1)
#
# A new binary takes over from a daemon only, whose parent is not its first.
#
# Events and jobs run with background => 1 only: elsewhere their statements
# would be among those that a test counts.
#
# The fragments go into nginx.conf, each at its place; http may repeat a
# directive of the shop's, which then replaces the test's own.  ready => 0
# does not wait until /readyz says 200.
sub start_shop {
    my (%options) = @_;

    stop_shop() if $shop;
    my $name = "t$$" . '_' . ++$count;
    $shop = { %options, name => $name, db => $options{db} // $name,
              dir => "$ENV{SHOP_TEST_DIR}/$name" };

    create_database($shop->{db}, $options{template} // 'shop_template')
        unless $options{db};
    mkdir $shop->{dir} or die "$shop->{dir}: $!";
    write_secret("$shop->{dir}/cursor.secret");
    chown_to_shop($shop->{dir}, "$shop->{dir}/cursor.secret");
    start_memcached() if $options{memcached};

    start_listening();
    $shop->{uv} = shop_on_uv() if ($ENV{SHOP_TEST_HOST} // '') eq 'uv';
    return $shop;
}


# Another machine of the shop: an nginx with memory of its own over the same
# database and memcached.  on($machine, sub { ... }) asks that one; it is ended
# with the first.
sub start_beside {
    my (%options) = @_;
    my $first = $shop;

    my $machine = { %$first, %options, name => "t$$" . '_' . ++$count,
                    memcached_at => "$first->{dir}/memcached" };
    delete @$machine{qw(pid conn beside memcached_pid)};
    $machine->{dir} = "$ENV{SHOP_TEST_DIR}/$machine->{name}";
    push @{ $first->{beside} }, $machine;

    on($machine, sub {
        mkdir $shop->{dir} or die "$shop->{dir}: $!";
        write_file("$shop->{dir}/cursor.secret",
                   read_file("$first->{dir}/cursor.secret"));
        chown_to_shop($shop->{dir}, "$shop->{dir}/cursor.secret");
        chmod 0600, "$shop->{dir}/cursor.secret";
        start_listening();
    });
    return $machine;
}


sub on {
    my ($machine, $what) = @_;
    my $was = $shop;

    $shop = $machine;
    my @got = eval { $what->() };
    my $failure = $@;
    $shop = $was;
    die $failure if $failure;
    return wantarray ? @got : $got[0];
}


sub start_listening {
    # Somebody else may take the free port before nginx does.
    for my $try (1 .. 3) {
        $shop->{port} = free_port();
        write_file("$shop->{dir}/nginx.conf", nginx_conf());
        last if start_nginx();
        die "nginx did not start:\n" . log_text()
            if $try == 3 || log_text() !~ /Address already in use/;
        unlink "$shop->{dir}/error.log";
    }

    wait_for(sub { request_unrecorded('/readyz')->{status} == 200 },
             'the shop is ready') if $shop->{ready} // 1;
}


# The same shop without nginx: see Shop/UV.pm.
sub shop_on_uv {
    return Shop::UV->new(database_url(),
                         read_file("$shop->{dir}/cursor.secret"));
}


sub nginx_conf {
    my $dir = $shop->{dir};
    my %part = map { $_ => $shop->{$_} // '' } qw(main http server locations);
    my $workers = $shop->{workers} // 1;
    my $modules = $shop->{lib} // $lib;
    my $connections = $shop->{connections} // 2048;
    my $daemon = $shop->{daemon} ? 'on' : 'off';

    my %ours = (
        client_max_body_size    => '256k',
        client_body_buffer_size => '256k',
        shop_background => $shop->{background} ? 'on' : 'off',
        shop_cache_zone => '16m',
        shop_overload   => 0,           # a test waits, however loaded it is
        shop_slow_statement => 0,
        shop_database   => '"' . database_url('shop_app',
                                              $shop->{database_host}) . '"',
        shop_secret     => "cursor $dir/cursor.secret",
        $shop->{memcached} ? (shop_memcached => $shop->{memcached_at}
                                                // "$dir/memcached") : (),
    );
    my $ours = join '', map { "    $_ $ours{$_};\n" }
        grep { $part{http} !~ /^\s*$_\b/m } sort keys %ours;

    return <<"END";
load_module $modules/ngx_http_shop_module.so;
daemon $daemon;
worker_processes $workers;
pid $dir/nginx.pid;
error_log $dir/error.log info;
$part{main}
events {
    worker_connections $connections;
}

http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
$ours
$part{http}

    server {
        listen 127.0.0.1:$shop->{port} backlog=1024;
        error_page 400 403 404 405 408 411 413 414 415 416 417 421 429
                   495 496 497 500 501 502 503 504 505 507 /_shop_problem;
        error_page 494 =431 /_shop_problem;

        location /api/ { shop; }
        location = /healthz { shop; }
        location = /readyz { shop; }
        location = /metrics { shop_metrics; }
        location = /shop-status { shop_status; }
        location = /_shop_problem { internal; shop_problem; }
$part{server}
$part{locations}
    }
}
END
}


# True when it listens; false when it has given up.
sub start_nginx {
    my $pid = fork // die "fork: $!";
    my $dir = $shop->{dir};

    if (!$pid) {
        chdir '/';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/nginx.out";
        open STDERR, '>&', \*STDOUT;
        asan_comes_first();
        exec @as_shop, nginx_program(), '-p', "$dir/", '-e', "$dir/error.log",
             '-c', "$dir/nginx.conf" or POSIX::_exit(127);
    }

    if ($shop->{daemon}) {
        waitpid $pid, 0;
        return 0 if $?;
        $pid = wait_for(sub { read_file("$dir/nginx.pid") =~ /(\d+)/ && $1 });
    }
    $shop->{pid} = $pid;
    wait_for(sub {
        return 1 if waitpid($pid, WNOHANG) == $pid;
        return -s "$dir/nginx.pid" && eval { Shop::HTTP->new($shop->{port}) };
    }, 'nginx listens');
    return 1 if kill 0, $pid;
    delete $shop->{pid};
    return 0;
}


# nginx -t over this text: its exit status, and what it says.  %lib% stands
# for the folder of the module, %dir% for one that nginx may write to.
sub nginx_test {
    my ($conf) = @_;
    my $dir = "$ENV{SHOP_TEST_DIR}/conf$$";

    mkdir $dir;
    chown_to_shop($dir);
    $conf =~ s/%lib%/$lib/g;
    $conf =~ s/%dir%/$dir/g;
    write_file("$dir/nginx.conf", $conf);

    my $pid = open(my $out, '-|') // die "fork: $!";
    if (!$pid) {
        chdir '/';
        open STDERR, '>&', \*STDOUT;
        asan_comes_first();
        exec @as_shop, nginx_program(), '-t', '-p', "$dir/", '-e', 'stderr',
             '-c', "$dir/nginx.conf" or POSIX::_exit(127);
    }
    my $said = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $said);
}


sub start_memcached {
    my $socket = "$shop->{dir}/memcached";
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        chdir '/';
        exec @as_shop, 'memcached', '-s', $socket, '-m', '16', '-P',
             "$shop->{dir}/memcached.pid" or POSIX::_exit(127);
    }
    $shop->{memcached_pid} = $pid;
    wait_for(sub { IO::Socket::UNIX->new($socket) }, 'memcached listens');
}


sub stop_memcached {
    my $pid = delete $shop->{memcached_pid};

    kill KILL => $pid;
    waitpid $pid, 0;
}


sub memcached_pid {
    return $shop->{memcached_pid};
}


# Ends the servers; what nginx then says is looked at by done().
sub stop_shop {
    return unless $shop;

    for my $machine (@{ delete $shop->{beside} // [] }) {
        on($machine, sub { stop_nginx(); check_log() });
    }
    close_connection();
    if (my $uv = delete $shop->{uv}) {
        ok($uv->close, 'the shop on libuv ended well');
    }
    stop_nginx();
    end_process(delete $shop->{memcached_pid});
    check_log();
    check_database() unless $pg_stopped;
    drop_database($shop->{db}) unless $pg_stopped;
    undef $shop;
}


sub stop_nginx {
    close_connection();
    my $pid = delete $shop->{pid} or return;
    kill QUIT => $pid;
    ok(wait_for_end($pid), 'nginx stopped gracefully');
}


# The end of a test: see the head of this file.
sub done {
    check_idle() if $shop && $shop->{pid};
    stop_shop();
    $ended = 1;
    done_testing();
}


END {
    my $status = $?;
    if ($$ == $owner) {
        pg_thaw();
        end_process($_->{pid}) for grep { $_ } $shop,
            @{ $shop ? $shop->{beside} // [] : [] };
        end_process($shop->{memcached_pid}) if $shop;
        pg_start() if $pg_stopped;
        if ($count && !$ended && $status == 0) {
            diag('the test did not call done()');
            $status = 1;
        }
    }
    $? = $status;
}


sub end_process {
    my ($pid) = @_;

    return unless $pid;
    kill TERM => $pid;
    return if wait_for_end($pid);
    kill KILL => $pid;
    waitpid $pid, 0;
}


sub wait_for_end {
    my ($pid) = @_;

    return eval { wait_for(sub {
        waitpid($pid, WNOHANG) != 0 && !kill 0, $pid;
    }, 'it ends') };
}


# --- what may not be left behind -------------------------------------------

# Nothing runs, and no connection of a client is still open.
sub check_idle {
    close_connection();
    ok(eval { wait_for(sub { live_coroutines() == 0 },
              'no coroutine is live') }, 'no coroutine is live');
    ok(eval { wait_for(sub { open_sockets() == 0 },
              'no connection is open') }, 'no client connection is left');
}


sub live_coroutines {
    my $status = status();
    return $status->{coroutines}{live} // die "no coroutines.live in status\n";
}


# Sockets of our port that a process of nginx still holds, listening ones and
# that of the asking request aside; open_sockets(workers => [...], port => N)
# looks at those alone.
sub open_sockets {
    my (%which) = @_;
    my @workers = @{ $which{workers} // [workers()] };
    my $port = sprintf '%04X', $which{port} // $shop->{port};
    my %inode;

    open my $tcp, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    while (my $line = <$tcp>) {
        my @field = split ' ', $line;
        $inode{ $field[9] } = 1
            if $field[1] =~ /:$port$/ && $field[3] ne '0A' && $field[9];
    }

    my @held = grep { (readlink // '') =~ /^socket:\[(\d+)\]$/ && $inode{$1} }
        map { glob "/proc/$_/fd/*" } @workers;
    return scalar @held;
}


sub check_log {
    my @bad = grep { my $line = $_; !grep { $line =~ $_ } @allowed }
        grep { /\[(?:alert|emerg)\]|Sanitizer|runtime error:/ }
        split /\n/, log_text();

    is(join("\n", @bad), '', 'nothing alarming in the error log');
}


# Tests that kill workers say so: allow_log(qr/exited on signal 9/).
sub allow_log {
    push @allowed, @_;
}


sub check_database {
    ok(eval { wait_for(sub { sql_value(<<'END') == 0 }, 'no session') },
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app'
END
       'no session is left in PostgreSQL');

    my $psql = "$ENV{SHOP_TEST_PG_BIN}/psql";
    open my $in, '-|', $psql, '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h',
        postgresql_folder(), '-U', 'shop_owner', '-d', $shop->{db}, '-f',
        "$top/sql/invariants.sql" or die "$psql: $!";
    my $breaches = do { local $/; <$in> } // '';
    ok(close($in), 'sql/invariants.sql ran');
    is($breaches, '', 'every invariant holds');
}


# --- asking -----------------------------------------------------------------

# get('/api/...', header => value ...)
sub get   { return without_body('GET', @_) }
sub del   { return without_body('DELETE', @_) }

# post('/api/...', { ... } or $bytes, header => value ...)
sub post  { return with_body('POST', @_) }
sub put   { return with_body('PUT', @_) }
sub patch { return with_body('PATCH', @_) }


sub without_body {
    my ($method, $path, %headers) = @_;

    return request($method, $path, headers => \%headers);
}


sub with_body {
    my ($method, $path, $body, %headers) = @_;

    return request($method, $path, body => $body, headers => \%headers);
}


# request(METHOD, path, body =>, headers =>, conn =>).  A body that is a
# reference is sent as JSON.  The answer has {json} when it holds some.
sub request {
    my ($method, $path, %options) = @_;
    my %headers = map { lc() => $options{headers}{$_} }
        keys %{ $options{headers} // {} };
    my $body = $options{body};

    $body = json()->encode($body) if ref $body;
    $headers{'content-type'} //= 'application/json' if defined $body;
    $headers{authorization} //= "Bearer $key" if defined $key;
    delete $headers{$_} for grep { !defined $headers{$_} } keys %headers;

    my $conn = $options{conn} // connection();
    my $res = $conn->request($method, $path, \%headers, $body);
    $res->{json} = eval { json()->decode($res->{body}) }
        if ($res->{headers}{'content-type'} // '') =~ /\bjson\b/;

    record($method, $path, \%headers, $body, $res);
    return $res;
}


# The kept-alive connection that get() and its like use.
sub connection {
    return $shop->{uv} if $shop->{uv};
    delete $shop->{conn} if $shop->{conn} && !$shop->{conn}->usable;
    return $shop->{conn} //= Shop::HTTP->new($shop->{port});
}


# One more, beside the one that get() and its like keep alive.
sub new_connection {
    return Shop::HTTP->new($shop->{port});
}


# In a child that was forked: what is open is the parent's.
sub forget_connections {
    $_->{InactiveDestroy} = 1 for values %dbh;
    %dbh = ();
    delete $shop->{conn};
}


sub close_connection {
    my $conn = delete $shop->{conn};
    $conn->close if $conn;
}


# On a connection of its own, so that it can be asked at any moment.
sub request_unrecorded {
    my ($path) = @_;

    return Shop::HTTP->new($shop->{port})
        ->request('GET', $path, { connection => 'close' });
}


# All pairs go into one file; t/zz_openapi.t holds them against the document.
# What is very large is the same as what is small, over and over; and what was
# sent is there for people to look at.
sub record {
    my ($method, $path, $headers, $body, $res) = @_;

    return if length($res->{body} // '') > RECORD_MOST;

    open my $out, '>>', $ENV{SHOP_TEST_RECORD} or die "record: $!";

    # A signal that a writer is told to end by may come while it waits.
    until (flock $out, LOCK_EX) {
        die "record: $!" if !$!{EINTR};
    }
    print $out json()->encode({
        test    => $0,
        method  => $method,
        path    => printable($path),
        sent    => printable(substr $body // '', 0, 1000),
        type    => $headers->{'content-type'},
        status  => $res->{status} + 0,
        headers => { map { $_ => printable($res->{headers}{$_}) }
                     keys %{ $res->{headers} } },
        body    => printable($res->{body}),
    }), "\n";
    close $out or die "record: $!";
}


# Bytes as text, when they are; null otherwise.  Perl would take surrogates.
sub printable {
    my ($bytes) = @_;

    return undef unless defined $bytes;
    return utf8::decode($bytes) && $bytes !~ /[\x{d800}-\x{dfff}]/ ? $bytes
                                                                  : undef;
}


sub json {
    return JSON::PP->new->utf8->canonical->allow_nonref;
}


# A JSON answer with this status; returns what it says.
sub ok_json {
    my ($res, $status, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $status //= 200;
    my $ok = $res->{status} == $status && defined $res->{json};
    ok($ok, $name // "answers $status with JSON")
        or diag("got $res->{status}: $res->{body}");
    return $res->{json};
}


# A problem document with this status and code.  Pointers (or names of query
# parameters), when given, are all the faults it lists, in any order.
sub is_problem {
    my ($res, $status, $code, @faults) = @_;
    my $type = $res->{headers}{'content-type'} // '';
    my $json = ref $res->{json} eq 'HASH' ? $res->{json} : {};
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $ok = $res->{status} == $status && ($json->{status} // 0) == $status
        && $type =~ m{^application/problem\+json\b}
        && ($json->{code} // '') eq $code && $json->{request_id};
    my @got = sort map { $_->{pointer} // $_->{parameter} // '?' }
        @{ $json->{errors} // [] };
    $ok &&= "@got" eq join ' ', sort @faults if @faults;

    return ok($ok, join ' ', "is $status $code", @faults)
        || diag("got $res->{status} ($type): $res->{body}");
}


# Make a key with these scopes; later requests carry it.  Returns it.
sub as_key {
    my (@scopes) = @_;
    my $out = shopctl('key', 'create', '--name', 'test', '--json',
                      map { ('--scope', $_) } @scopes);

    $key = json()->decode($out)->{key} // die "no key in: $out\n";
    return $key;
}


sub as_nobody {
    undef $key;
}


# What shopctl prints; dies when it fails.
sub shopctl {
    my (@args) = @_;

    local $ENV{SHOP_DATABASE} = database_url();
    open my $in, '-|', "$ENV{SHOP_BUILD}/shopctl", @args
        or die "shopctl: $!";
    my $out = do { local $/; <$in> } // '';
    close $in or die "shopctl @args: exit status " . ($? >> 8) . "\n$out";
    return $out;
}


# --- waiting and looking ---------------------------------------------------

# wait_for(sub { ... }, what) returns the first true value, and dies when
# there is none within the limit.
sub wait_for {
    my ($condition, $what, $limit) = @_;
    my $until = time + ($limit // LIMIT);

    while (1) {
        my $value = eval { $condition->() };
        return $value if $value;
        die 'waited in vain: ' . ($what // 'no name') . ($@ ? " ($@)" : '')
            . "\n" if time > $until;
        sleep 0.02;
    }
}


# Until nginx has seen what was changed in psql before: a poll that was sent
# afterwards has been answered, so two more than now.
sub polled {
    my $polls = status()->{counters}{polls_total};

    wait_for(sub { status()->{counters}{polls_total} >= $polls + 2 },
             'changes are polled');
}


# The counters of /shop-status.
sub status {
    my $res = $shop->{uv} ? $shop->{uv}->request('GET', '/shop-status')
                          : request_unrecorded('/shop-status');

    die "shop-status: $res->{status} $res->{body}\n" if $res->{status} != 200;
    return json()->decode($res->{body});
}


# The error log, and what went to standard error (sanitizers write there).
sub log_text {
    return join '', map { read_file("$shop->{dir}/$_") }
        qw(error.log nginx.out);
}


sub top_folder {
    return $top;
}


# --- nginx's processes -----------------------------------------------------

# The workers' pids; those on their way out are not among them.
sub workers {
    open my $in, '<', "/proc/$shop->{pid}/task/$shop->{pid}/children"
        or return;
    return grep { command_line($_) =~ /worker process(?! is shutting)/ }
        split ' ', <$in> // '';
}


# Memory of a worker that it shares with nobody; own_kb($pid, 'Anonymous') is
# what it has for itself, without what nobody else has touched yet of a file or
# of shared memory.  Sanitizers keep what was freed, so with them there is
# nothing to be measured.
sub own_kb {
    my ($worker, $which) = @_;

    $which //= 'Private_Dirty';
    return 0 if asan_library();
    return read_file("/proc/$worker/smaps_rollup")
        =~ /^$which:\s+(\d+)/m ? $1 : die "no $which\n";
}


sub command_line {
    my ($pid) = @_;

    return read_file("/proc/$pid/cmdline");
}


sub signal_nginx {
    my ($signal) = @_;

    kill $signal => $shop->{pid} or die "kill $signal: $!";
}


# Reload, and wait until every worker is a new one.
sub reload {
    # Old ones of an earlier reload may still be on their way out.
    my %old = map { $_ => 1 } workers();
    my $want = $shop->{workers} // 1;

    write_file("$shop->{dir}/nginx.conf", nginx_conf());
    signal_nginx('HUP');
    wait_for(sub { $want == grep { !$old{$_} } workers() },
             'new workers after a reload');
}


# --- PostgreSQL ------------------------------------------------------------

sub database_url {
    my ($role, $host) = @_;

    return 'host=' . ($host // postgresql_folder())
        . " dbname=$shop->{db} user=" . ($role // 'shop_app');
}


# The shop's database is on another server than the tests' own, which listens
# in this folder; undef: no longer.
sub postgresql_at {
    my ($folder) = @_;

    forget_database($shop->{db});
    $shop->{postgresql} = $folder;
}


sub postgresql_folder {
    return $shop->{postgresql} // $ENV{SHOP_TEST_DIR};
}


# sql('SELECT ...', parameter ...): the rows, as arrays; by the owner.
sub sql {
    return sql_as('shop_owner', @_);
}


sub sql_as {
    my ($role, $statement, @parameters) = @_;
    my $dbh = dbh($shop->{db}, $role);

    my $sth = $dbh->prepare($statement);
    my $affected = $sth->execute(@parameters);
    return $sth->{NUM_OF_FIELDS} ? @{ $sth->fetchall_arrayref } : $affected;
}


sub sql_value {
    my ($row) = sql(@_);

    return ref $row ? $row->[0] : $row;
}


sub dbh {
    my ($db, $role) = @_;

    my $folder = $db eq 'postgres' ? $ENV{SHOP_TEST_DIR}
                                   : postgresql_folder();
    my $dbh = $dbh{"$db $role"};
    return $dbh if $dbh && $dbh->ping;
    return $dbh{"$db $role"} = DBI->connect(
        "dbi:Pg:host=$folder;dbname=$db", $role, '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 1,
          pg_enable_utf8 => 1 });
}


sub create_database {
    my ($name, $template) = @_;

    # Only one copy of a template can be made at a time.
    wait_for(sub {
        dbh('postgres', 'postgres')->do(
            "CREATE DATABASE $name TEMPLATE $template OWNER shop_owner");
    }, "database $name");
}


sub forget_database {
    my ($name) = @_;

    for (grep { /^\Q$name\E / } keys %dbh) {
        delete($dbh{$_})->disconnect;
    }
}


sub drop_database {
    my ($name) = @_;

    forget_database($name);
    dbh('postgres', 'postgres')->do(
        "DROP DATABASE IF EXISTS $name WITH (FORCE)");
}


# pg_stop('immediate') is a crash; 'fast' ends sessions.
sub pg_stop {
    my ($mode) = @_;

    pg_ctl('stop', '-m', $mode // 'fast');
    %dbh = ();
    $pg_stopped = 1;
}


sub pg_start {
    pg_ctl('start', '-o', $ENV{SHOP_TEST_PG_OPTIONS}, '-l',
           "$ENV{SHOP_TEST_DIR}/postgresql.log");
    $pg_stopped = 0;
}


sub pg_restart {
    pg_stop(@_);
    pg_start();
}


# End the sessions of the application that a condition picks, as an
# administrator would; returns how many.
sub pg_kill {
    my ($where) = @_;

    return scalar @{ dbh('postgres', 'postgres')->selectall_arrayref(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = ? AND usename = 'shop_app' AND " . ($where // 'true'),
        {}, $shop->{db}) };
}


# Halt the application's sessions in their tracks, and whoever would make new
# ones in their place; with a condition those that it picks, and no other.
# Returns the sessions' pids.  Nothing of PostgreSQL ends while they stand.
sub pg_freeze {
    my ($where) = @_;
    my @pids = map { $_->[0] } sql_as('postgres', <<'END' . ($where // 'true'));
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'shop_app' AND
END
    my @all = defined $where ? @pids : (postmaster(), @pids);

    kill STOP => @all;
    @frozen{@all} = ();
    return @pids;
}


# All that stand, or these.
sub pg_thaw {
    my @pids = @_ ? @_ : keys %frozen;

    kill CONT => @pids;
    delete @frozen{@pids};
}


sub postmaster {
    return (split /\n/, read_file("$ENV{SHOP_TEST_DIR}/pg/postmaster.pid"))[0];
}


sub pg_ctl {
    my (@args) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        chdir '/';
        open STDOUT, '>', '/dev/null';
        exec @as_shop, "$ENV{SHOP_TEST_PG_BIN}/pg_ctl", '-w', '-t', LIMIT,
             '-D', "$ENV{SHOP_TEST_DIR}/pg", @args or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    die "pg_ctl @args failed\n" if $?;
}


# --- small things ----------------------------------------------------------

# None that it has given before: the system may have it free again.
my %given;

sub free_port {
    my $port;

    do {
        my $socket = IO::Socket::INET->new(
            Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0)
            or die "listen: $!";
        $port = $socket->sockport;
    } while ($given{$port}++);
    return $port;
}


# Empty when there is no such file (any more).
sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>:utf8', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
}


sub write_secret {
    my ($path) = @_;

    write_file($path, join '', map { chr(33 + int rand 94) } 1 .. 48);
    chmod 0600, $path;
}


sub chown_to_shop {
    return if $> != 0;
    my ($uid, $gid) = (getpwnam 'shop')[2, 3];
    chown $uid, $gid, @_;
}


sub nginx_program {
    return config('NGINX');
}


sub asan_library {
    return config('ASAN_LIB');
}


# For an nginx of the distribution's, which knows nothing of it.
sub asan_comes_first {
    my $asan = asan_library() or return;

    $ENV{LD_PRELOAD} = $asan;
    $ENV{ASAN_OPTIONS} = 'detect_leaks=0:abort_on_error=1';
}


# What configure found.
sub config {
    my ($name) = @_;

    open my $in, '<', "$ENV{SHOP_BUILD}/config.mk" or die "config.mk: $!";
    while (my $line = <$in>) {
        return $1 if $line =~ /^$name\s*=\s*(.*?)\s*$/;
    }
    die "config.mk has no $name\n";
}

1;
