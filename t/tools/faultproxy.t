#!/usr/bin/perl
#
# faultproxy.t - the bad network: what passes unharmed is what was sent, counts
# are right in each protocol, and each fault is the one that was asked for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use DBI;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(time);
use Shop::Fault;
use Shop::Test;

my $program = "$ENV{SHOP_BUILD}/faultproxy";

# --- the command line --------------------------------------------------------

sub said {
    my (@args) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $program, @args or POSIX::_exit(127);
    }
    my $said = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $said);
}

my ($status, $manual) = said('--help');
is($status, 0, '--help');
like($manual, qr/^$_$/m, "  has $_")
    for qw(NAME SYNOPSIS DESCRIPTION OPTIONS COMMANDS EXAMPLE);
like($manual, qr/^    $_\b/m, "  explains $_")
    for qw(match count list reset cut hang delay rate chance close hold refuse);
for (
    [ qr/^usage/ ], [ qr/no such option/, '-y', 'a/b', 'c/d' ],
    [ qr/pg, memcached/, '-p', 'ftp', 'a/b', 'c/d' ],
    [ qr/neither a path/, 'localhost', 'a/b' ],
    [ qr/neither a path/, '127.0.0.1:99999', 'a/b' ],
    [ qr/too long/, '/' . 'x' x 108, 'a/b' ],
    [ qr/value is missing/, '-c' ],
    [ qr/no such command/, '-x', 'bend it', 'a/b', 'c/d' ],
    [ qr/other words/, '-x', 'delay both', 'a/b', 'c/d' ],
    [ qr/where/, '-x', 'cut both 1 after', 'a/b', 'c/d' ],
    [ qr/where/, '-x', 'cut there 0 after', 'a/b', 'c/d' ],
    [ qr/where/, '-x', 'cut there 1 never', 'a/b', 'c/d' ],
    [ qr/which way/, '-x', 'delay up 5', 'a/b', 'c/d' ],
    [ qr/regular expression/, '-x', 'match (', 'a/b', 'c/d' ],
    [ qr/in a thousand/, '-x', 'chance 1001', 'a/b', 'c/d' ],
) {
    my ($why, @args) = @$_;
    my ($got, $what) = said(@args);
    is($got, 2, "wrong: @args[0 .. (@args > 1 ? 1 : $#args)]");
    like($what, $why, '  says why');
}
($status, my $why) = said('/nowhere/at/all', '/nor/here');
is($status, 1, 'a socket that cannot be had');
like($why, qr{/nowhere/at/all: No such file}, '  says why');

# --- PostgreSQL --------------------------------------------------------------

my $net = bad_network();

sub client {
    my ($name) = @_;

    return DBI->connect('dbi:Pg:host=' . $net->folder . ';dbname=postgres;'
                        . "application_name=$name", 'postgres', '',
                        { RaiseError => 1, PrintError => 0 });
}

my $dbh = client('one');
my ($long) = $dbh->selectrow_array(q(SELECT repeat('x', 1000000)));
is($long, 'x' x 1_000_000, 'what is long comes through whole');
like($net->tell('list'), qr/^> startup, < R, < S.*< K, < Z, > Q, < T, < D, /,
     'each message is seen');

$net->tell('reset');
$dbh->do('SELECT 1');
is_deeply([$net->list('there')], ['Q'], 'a simple query');
is_deeply([$net->list('back')], ['T', 'D', 'C:SELECT 1', 'Z'], 'its answer');
is_deeply({ $net->count }, { there => 1, back => 4, open => 1, hits => 0 },
          'as many are counted');

# By name: the other connection is neither counted nor cut.
$net->tell('reset');
$net->tell('match ^two$');
my $two = client('two');
$two->do('SELECT 1');
my %seen = $net->count;
$dbh->do('SELECT 1');
is_deeply({ $net->count }, \%seen, 'those of another name do not count');
is($seen{there}, 2, 'a startup packet and a query');
is($seen{open}, 1, 'and one such connection');

sub backend { return $_[0]->selectrow_array('SELECT pg_backend_pid()') }
sub is_ended {
    my ($pid, $name) = @_;
    my $direct = DBI->connect("dbi:Pg:host=$ENV{SHOP_TEST_DIR};"
                              . 'dbname=postgres', 'postgres', '',
                              { RaiseError => 1 });
    ok(wait_for(sub { !$direct->selectrow_array(
        'SELECT 1 FROM pg_stat_activity WHERE pid = ?', {}, $pid) }), $name);
}

# Cut: a sequence that is no part of any transaction tells what was done.
$dbh->do('CREATE SEQUENCE proxied');
sub times_done { $dbh->selectrow_array('SELECT last_value - 1 + is_called::int
                                  FROM proxied') }
my $was = 0;
for (
    [ 'there 1 before', 0 ], [ 'there 1 middle', 0 ], [ 'there 1 after', 1 ],
    [ 'back 1 before', 1 ], [ 'back 3 middle', 1 ], [ 'back 4 before', 1 ],
) {
    my ($where, $more) = @$_;
    my $c = client('two');
    my $pid = backend($c);
    $net->tell("cut $where");
    ok(!eval { $c->do("SELECT nextval('proxied')"); 1 },
       "cut $where: the client knows");
    is_ended($pid, '  and the server');
    is(times_done(), $was += $more,
       $more ? '  it was done' : '  it was not done');
    is($net->count('hits'), 1, '  as was asked');
}
my $c = client('two');
$net->tell('cut back 4 after');
ok(eval { $c->do('SELECT 1'); 1 }, 'cut after the last: all is there');
ok(!eval { $c->do('SELECT 1'); 1 }, '  and then no more');
$net->tell('cut there 2 before 2');
for (1, 2) {
    $c = client('two');
    ok(!eval { $c->do('SELECT 1'); 1 }, "twice, $_");
}
ok(eval { client('two')->do('SELECT 1') }, 'and not again');

# Half-open: nobody hears of anything, until it is closed.
$c = client('two');
my $pid = backend($c);
my $socket = $c->{pg_socket};
$net->tell('hang there 1');
$c->do("SELECT nextval('proxied')", { pg_async => 1 });
wait_for(sub { $net->count('hits') == 1 }, 'it hangs');
is(times_done(), $was, 'a message that hangs is not delivered');
ok(!IO::Select->new($socket)->can_read(0), 'nor answered');
ok(!$c->pg_ready, 'the client still waits');
ok($dbh->selectrow_array('SELECT 1 FROM pg_stat_activity WHERE pid = ?', {},
                         $pid), 'and the server as well');
$net->tell('close');
ok(IO::Select->new($socket)->can_read(60), 'closed, the client hears of it');
is_ended($pid, 'and the server');

# Standing still loses nothing.
$c = client('two');
$net->tell('hold');
$c->do("SELECT nextval('proxied')", { pg_async => 1 });
$dbh->do('SELECT 1');
is(times_done(), $was, 'held back');
$net->tell('go');
$c->pg_result;
is(times_done(), ++$was, 'and let go');

# Late, and slowly: never sooner than that.
$net->tell('delay both 50 10');
my $since = time;
$c->do('SELECT 1');
cmp_ok(time - $since, '>=', 0.1, 'a round trip takes twice the delay');
$net->tell('reset');
$net->tell('rate there 200');
$since = time;
$c->do('SELECT 1 ' . ' ' x 40);
cmp_ok(time - $since, '>=', 0.2, '55 bytes at 200 a second');
$net->tell('reset');

$net->tell('refuse');
ok(!eval { client('three') }, 'refused');
$net->tell('accept');
ok(eval { client('three') }, 'and accepted again');

# The same seed is the same luck.
my @luck;
for my $round (1, 2) {
    $net->tell('chance 200 7');
    push @luck, join '', map {
        eval { my $x = client('two'); $x->do('SELECT 1') for 1 .. 3; 1 } ? 1 : 0
    } 1 .. 12;
}
$net->tell('reset');
like($luck[0], qr/0/, 'by chance some are cut');
is($luck[0], $luck[1], 'the same seed cuts the same');

$dbh->do('DROP SEQUENCE proxied');
$pid = backend($dbh);
$_->disconnect for $dbh, $two, $c;
is_ended($pid, 'the far end is closed after the near one');
my $listen = $net->listen;
$net->stop;
ok(!-e $listen, 'its socket goes with it');

# --- memcached and HTTP ------------------------------------------------------

# A server that hears this and answers that; what the client gets.  It closes
# its half when it has asked.
sub talk {
    my ($protocol, $ask, $answer, @commands) = @_;
    my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
        or die "listen: $!";
    my $address = '127.0.0.1:' . free_port();
    my $n = bad_network(protocol => $protocol, listen => $address,
                        target => '127.0.0.1:' . $server->sockport);

    $n->tell($_) for @commands;
    my $near = wait_for(sub { IO::Socket::INET->new($address) });
    my $far = $server->accept;
    syswrite $near, $_ for ref $ask ? @$ask : $ask;
    shutdown $near, 1;
    my $heard = read_until($far, 1 << 20);
    syswrite $far, $answer;
    my $got = read_until($near, length $answer);
    my %result = (%{ { $n->count } }, list => $n->tell('list'),
                  heard => $heard, got => $got);
    $n->stop;
    return \%result;
}

# So many bytes, or what came before the end.
sub read_until {
    my ($from, $n) = @_;
    my $text = '';

    while (length $text < $n) {
        IO::Select->new($from)->can_read(60) or die "nothing came\n";
        sysread $from, $text, $n, length $text or last;
    }
    return $text;
}

my $set = "set k 0 60 5\r\na\r\nb\n\r\n";
my $r = talk('memcached', "${set}get k\r\n" . "mg k v\r\nms k 2\r\nok\r\n",
             "STORED\r\nVALUE k 0 5\r\na\r\nb\n\r\nEND\r\nVA 5\r\nEND\r\n\r\n");
is($r->{list}, '> :set, > :get, > :mg, > :ms, < :STORED, < :VALUE, < :END, '
   . '< :VA', 'memcached: a line with its data is a message');
is($r->{heard}, "${set}get k\r\nmg k v\r\nms k 2\r\nok\r\n", '  as it was');
$r = talk('memcached', [ 'get', " k\r", "\nge" ], "END\r\n");
is($r->{there}, 1, '  in whatever pieces it comes');
is($r->{heard}, "get k\r\nge", '  what is not whole comes with the end');
$r = talk('memcached', "get k\r\n", "VALUE k 0 2\r\nok\r\nEND\r\n",
          'cut back 2 before');
is($r->{got}, "VALUE k 0 2\r\nok\r\n", '  and cut between two of them');

my $post = "POST /a HTTP/1.1\r\nhost: x\r\nCONTENT-LENGTH: 4\r\n\r\nbody";
$r = talk('http', "${post}HEAD /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\n"
          . "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
          . "3\r\nabc\r\n0\r\nx: y\r\n\r\n"
          . "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
          . "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n");
is($r->{list} =~ s/:(?:POST|HEAD|GET|HTTP)[^,]*//gr,
   '> head, > body, > head, > head, < head, < head, < chunk, < chunk, '
   . '< head, < head', 'HTTP: heads, bodies, chunks');
$r = talk('http', $post, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood",
          'cut back 2 middle');
is($r->{got}, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngo",
   '  and half a body');
$r = talk('none', 'ask', 'tell');
is("$r->{there} $r->{back} $r->{got}", '1 1 tell', 'none: reads are counted');

done_testing();
