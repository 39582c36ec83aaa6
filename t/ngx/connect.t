#!/usr/bin/perl
#
# connect.t - how the shop gets to PostgreSQL, and how it does not: over TCP,
# past a dead host, refused TLS, refused entry, a host that never answers, and
# by a name that is slow to find, is not found, or moves.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Shop::Test;
use Shop::Witness qw(child last_words);

# A port that leads to PostgreSQL's socket, in a process of its own; with
# `mute` one that takes connections and says nothing.
my @children;
sub port_to_postgresql {
    my (%how) = @_;
    my $listen = IO::Socket::INET->new(
        Listen => 64, LocalAddr => $how{addr} // '127.0.0.1',
        LocalPort => $how{port} // 0, ReuseAddr => 1) or die "listen: $!";
    my $port = $listen->sockport;
    my $parent = $$;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        forward($listen, $how{mute}, $parent);
        POSIX::_exit(0);
    }
    push @children, $pid;
    return $port;
}

sub forward {
    my ($listen, $mute, $parent) = @_;
    my $select = IO::Select->new($listen);
    my %other;

    while (getppid == $parent) {
        for my $from ($select->can_read(1)) {
            if ($from == $listen) {
                my $client = $listen->accept or next;
                if ($mute) {
                    $other{$client} = $client;
                    next;
                }
                my $server = IO::Socket::UNIX->new(
                    "$ENV{SHOP_TEST_DIR}/.s.PGSQL.5432");
                if (!$server) {
                    close $client;
                    next;
                }
                $select->add($client, $server);
                @other{$client, $server} = ($server, $client);
                next;
            }
            my $to = $other{$from} or next;
            if (sysread $from, my $bytes, 65536) {
                while (length $bytes) {
                    my $n = syswrite($to, $bytes) // last;
                    substr($bytes, 0, $n) = '';
                }
            } else {
                $select->remove($from, $to);
                delete @other{$from, $to};
                close $_ for $from, $to;
            }
        }
    }
}

sub end_ports {
    kill KILL => @children;
    waitpid $_, 0 for splice @children;
}

# Names ending in .test mean what the folder says; see t/lib/names.c.
my $names = "$ENV{SHOP_TEST_DIR}/names$$";
my $preload = "$names.so";
my $can_name = !Shop::Test::asan_library();

mkdir $names or die "$names: $!";
is(system(Shop::Test::config('CC'), '-shared', '-fPIC', '-O1', '-o', $preload,
          "$FindBin::Bin/../lib/names.c"), 0, 'a resolver');
my $shop = do {
    local $ENV{LD_PRELOAD} = $can_name ? $preload : $ENV{LD_PRELOAD};
    local $ENV{TEST_NAMES} = $names;
    start_shop(workers => 1, main => 'env LD_PRELOAD; env TEST_NAMES;');
};
my $db = sql_value('SELECT current_database()');

# The shop with another way to its database, from now on.
sub by {
    my ($conninfo) = @_;

    $shop->{http} = "shop_drain_time 0;\n"
        . "    shop_database '$conninfo dbname=$db user=shop_app';";
    reload();
}

sub works {
    my ($name) = @_;

    ok(wait_for(sub { get('/readyz')->{status} == 200 }), "$name: connected");
    is(get('/api/v1/store')->{status}, 200, "$name: served");
}

# Refused or silent: told so, again and again, while the worker sleeps.
sub refused {
    my ($name) = @_;
    my $worker = worker();
    my $failures = status()->{counters}{db_connect_failures_total};
    my $before = cpu($worker);

    ok(wait_for(sub { get('/api/v1/store')->{status} == 503 }),
       "$name: 503");
    is_problem(get('/readyz'), 503, 'database_unavailable');
    ok(wait_for(sub { status()->{counters}{db_connect_failures_total}
                      >= $failures + 3 }), "$name: tried again");
    cmp_ok(cpu($worker) - $before, '<', 1e9, "$name: at little cost");
    is(get('/healthz')->{status}, 200, "$name: the worker answers");
}

# The one there is, when that of before the last reload is on its way out.
sub worker {
    return wait_for(sub { my @w = workers(); @w == 1 && $w[0] },
                    'one worker');
}

sub cpu {
    my ($worker) = @_;

    return (split ' ', read_file("/proc/$worker/schedstat"))[0];
}

# --- TCP, with TLS asked for and refused ---

my $port = port_to_postgresql();
by("host=127.0.0.1 port=$port");
works('TCP');
by("host=127.0.0.1 port=$port sslmode=prefer");
works('TLS preferred');
by("host=127.0.0.1 port=$port sslmode=require");
refused('TLS required');
by("host=db.example hostaddr=127.0.0.1 port=$port");
works('a name with its address');

# --- a network that goes without a word ---

# When each connection of the worker to PostgreSQL will next ask whether the
# other end is there, in hundredths of a second; 0 for those that do not.
sub asks_in {
    my ($port) = @_;
    my $to = sprintf ':%04X', $port;
    my %mine = map { (readlink // '') =~ /^socket:\[(\d+)\]$/ ? ($1 => 1) : () }
        glob '/proc/' . worker() . '/fd/*';

    return map { my ($timer, $when) = split /:/, $_->[5];
                 $timer eq '02' ? hex $when : 0 }
        grep { $_->[2] =~ /$to$/ && $mine{ $_->[9] } }
        map { [split] } split /\n/, read_file('/proc/net/tcp');
}

# The way to PostgreSQL that lanes have, of which some are there to be seen: the
# worker is asked for what it has not kept, since one before it may have had
# the last question.  A connection that has just sent something waits for that
# instead.
my $limit = 0;
sub all_ask {
    my ($name, $how) = @_;

    ok(wait_for(sub { get('/api/v1/products?limit=' . (1 + $limit++ % 100));
                      my @in = asks_in($port);
                      @in > 1 && @in == grep { $how->($_) } @in }, $name),
       $name);
}

by("host=127.0.0.1 port=$port");
works('before');
all_ask('an idle connection asks each second', sub { $_[0] && $_[0] <= 110 });
by("host=127.0.0.1 port=$port keepalives_idle=600 tcp_user_timeout=0");
works('with values of its own');
all_ask('an operator says otherwise', sub { $_[0] > 1000 });

# --- a dead host first, the same number of descriptor after it ---

my $dead = free_port();
by("hostaddr=127.0.0.1,127.0.0.1 host=a,b port=$dead,$port");
works('a dead host first');
for my $n (1 .. 3) {
    pg_kill();
    ok(wait_for(sub { get('/api/v1/store')->{status} == 200 }),
       "a dead host first: connected again, $n");
}
by("host=127.0.0.1 port=$dead");
refused('a dead host alone');
port_to_postgresql(port => $dead);
works('which lives then');

# --- nobody is let in ---

by("host=127.0.0.1 port=$port");
works('before');
sql_as('postgres', "ALTER DATABASE $db CONNECTION LIMIT 0");
pg_kill();
refused('no connection left');
sql_as('postgres', "ALTER DATABASE $db CONNECTION LIMIT -1");
works('one left');
my $locked = sql_as('postgres', 'ALTER ROLE shop_app NOLOGIN');
pg_kill();
refused('no login');
let_in();
works('login');

# --- a host that takes the connection and says nothing ---

end_ports();
my $mute = port_to_postgresql(mute => 1, port => $port);
ok(wait_for(sub { get('/readyz')->{status} == 503 }), 'silence: 503');
my $worker = worker();
my $failures = status()->{counters}{db_connect_failures_total};
my $before = cpu($worker);
ok(wait_for(sub {
    return status()->{counters}{db_connect_failures_total} > $failures;
}), 'silence: an attempt ends');
cmp_ok(cpu($worker) - $before, '<', 1e9, 'silence: at little cost');
end_ports();
port_to_postgresql(port => $port);
works('after the silence');
end_ports();
by("host=$ENV{SHOP_TEST_DIR}");
works('by the socket');

# --- by name ---

SKIP: {
    skip 'the sanitizers are preloaded already', 1 if !$can_name;

    # The worker goes on while a thread looks, and who asked is served then:
    # the scene is played again where it took longer than an attempt may.
    my $at = port_to_postgresql();
    my ($began, $told);
    for (1 .. 5) {
        unlink "$names/db.test";
        by("host=db.test port=$at");
        wait_for(sub { my @w = workers(); @w == 1 }, 'the old worker is gone');
        $began = time;
        my $asks = child(sub {
            my ($out) = @_;
            print $out get('/api/v1/store')->{status};
        });
        ok(wait_for(sub { status()->{coroutines}{live} > 0 }),
           'slow name: somebody waits for it');
        is(get('/healthz')->{status}, 200, 'slow name: the worker answers');
        write_file("$names/db.test", '127.0.0.1');
        $told = last_words($asks);
        last if time - $began < 3;
    }
    is($told, 200, 'slow name: he is served');
    works('slow name');

    # It is not found, and then it is.
    write_file("$names/other.test", 'none');
    by("host=other.test port=$at");
    refused('no such name');
    like(read_file("$shop->{dir}/error.log"),
         qr/no connection for lane \S+: other\.test: /, '  the log has why');
    write_file("$names/other.test", '127.0.0.1');
    works('such a name');

    # The database moves, and its name with it.
    end_ports();
    ok(wait_for(sub { get('/readyz')->{status} == 503 }), 'moved: 503');
    port_to_postgresql(port => $at, addr => '127.0.0.2');
    write_file("$names/other.test", '127.0.0.2');
    works('moved');
    end_ports();
    by("host=$ENV{SHOP_TEST_DIR}");
    works('back');
}

# The role is of all databases, so of the tests that follow as well.
sub let_in {
    sql_as('postgres', 'ALTER ROLE shop_app LOGIN') if $locked;
    undef $locked;
}

END { let_in() }

done();
