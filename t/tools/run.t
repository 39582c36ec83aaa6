#!/usr/bin/perl
#
# run.t - "make run" and "make stop" in a copy of the tree: a shop from
# nothing, that a second run leaves as it is; a port that is taken; an end that
# ends what was started and nothing else.
#
# As root the copy's data lies below /var/lib, named by the copy's path; the
# test takes that away with the rest.

use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use lib "$FindBin::Bin/../lib";
use Shop::Copy;
use Shop::Test;
use Test::More;

my $top = top_folder();
my ($root, $other) = map { "$ENV{SHOP_TEST_DIR}/run-${$}$_" } '', 'b';
my (@runs, $running);

# Nothing is installed here, and a stock nginx takes no ASan module.
plan skip_all => 'a build with sanitizers is not for a stock nginx'
    if Shop::Test::asan_library();
plan skip_all => 'packages are missing'
    if `$top/tools/packages missing run` =~ /\S/;
plan skip_all => 'make run takes what is in build/'
    if build_folder() ne 'build';

# Whatever happens, nothing stays: neither processes, nor data, nor sockets.
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

END {
    my $status = $?;

    # What is under way comes to its end first.
    if ($running) {
        1 while <$running>;
        close $running;
    }
    for my $folder (@runs) {
        my $state = state_of($folder);
        my $sockets = first_line("$state/sockets");

        make($folder, 'stop');
        system 'rm', '-rf', $folder, $state,
            $sockets =~ m{^/tmp/sh\w+$} ? $sockets : ();
    }
    $? = $status;
}

# What the tools themselves say.
sub state_of {
    my ($folder) = @_;

    my $said = `top=$folder; . $top/tools/shopenv; . $top/tools/runenv;
                printf %s "\$state"`;
    $said =~ m{^(?:\Q$folder\E/|/var/lib/shop-run-)[\w.]+$}
        or die "the state's folder is $said\n";
    return $said;
}

sub first_line { return (split /\n/, read_file($_[0]))[0] // '' }

# make TARGET there: its exit status, and what it says.
sub make {
    my ($folder, @target) = @_;

    delete local @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS PORT)};
    open $running, '-|', 'sh', '-c', 'exec make -C "$0" "$@" 2>&1 < /dev/null',
        $folder, @target or die "make: $!";
    my $said = do { local $/; <$running> } // '';
    close $running;
    undef $running;
    return ($? >> 8, $said);
}

sub copies {
    @runs = ($root, $other);
    copy_tree($root);
    run_in($root, 'cp', '-al', $root, $other);
}

# The checksum of every file that make run did not write itself.
sub sums {
    my ($folder) = @_;

    return run_in($folder, 'sh', '-c',
        'find . -path ./.run -prune -o -type f -print | sort |
         xargs cksum');
}

sub pids {
    my ($folder) = @_;
    my $state = state_of($folder);
    my %pid = map { $_ => first_line("$state/$_") }
        qw(nginx.pid memcached.pid pg/postmaster.pid);

    $pid{worker} = join ' ', children_of($pid{'nginx.pid'});
    return \%pid;
}

# By the kernel's word: ps is not on every machine.
sub children_of {
    my ($parent) = @_;

    return sort map { m{^/proc/(\d+)/} } grep {
        (eval { read_file($_) } // '') =~ /^\d+ \(.*\) \S \Q$parent\E /s
    } glob '/proc/[0-9]*/stat';
}

sub wal {
    my ($folder) = @_;
    my $sockets = first_line(state_of($folder) . '/sockets');

    return `psql -XAtq -d 'host=$sockets user=postgres dbname=postgres' -c \\
        'SELECT pg_current_wal_lsn()'`;
}

# Whose parent has not looked yet has ended all the same.
sub alive {
    return scalar grep { read_file("/proc/$_/stat") =~ /\) [^Z]/ }
        map { split } @_;
}

# --- from nothing ------------------------------------------------------------

copies();
my $before = sums($root);
my $port = free_port();
my ($status, $said) = make($root, 'run', "PORT=$port");
is($status, 0, 'a shop from nothing') or die $said;
like($said, qr{^The shop is at http://127\.0\.0\.1:$port;}m, 'says where');
unlike($said, qr/^(?:Building|Installing)/m, 'it built and installed nothing');

my @curls = $said =~ /^  (curl -s '.*')$/mg;
is(scalar @curls, 3, 'and gives three lines to type');
for my $line (@curls) {
    my $out = `$line -w '\\n%{http_code}'`;
    like($out, qr/^\{.*\}\n200$/s, $line);
}

# --- again -------------------------------------------------------------------

my ($pids, $state) = (pids($root), state_of($root));
is(alive(values %$pids), 3 + split(' ', $pids->{worker}), 'all of it runs');
my $conf = read_file("$state/nginx.conf");
my ($lsn, $then) = ('', '');

# PostgreSQL writes a little of its own accord behind what was loaded; a run
# that wrote would do so each time.
for (1 .. 8) {
    $lsn = wal($root);
    ($status, $said) = make($root, 'run', "PORT=$port");
    $then = wal($root);
    last if $status != 0 || $then eq $lsn;
}
is($status, 0, 'a second run');
like($said, qr/^Already running; nothing was changed\.$/m, 'says so');
is(sums($root), $before, 'the tree is as it was');
is_deeply(pids($root), $pids, 'the same processes run');
is($then, $lsn, 'and nothing was written to the database');
is(read_file("$state/nginx.conf"), $conf, 'nor to the configuration');

($status, $said) = make($root, 'run');
is($status, 0, 'a run without a port');
like($said, qr{at http://127\.0\.0\.1:$port;}, 'finds the one that it has');
($status, $said) = make($root, 'run', 'PORT=' . free_port());
isnt($status, 0, 'another port is refused');
like($said, qr/runs on http:\S+:$port already;\s"make stop" first/,
     'with what to do');
($status, $said) = make($root, 'run', 'PORT=80a');
like($said, qr/PORT=80a is no number|runs on http/, 'a port is a number');

# --- beside another ----------------------------------------------------------

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die "a port: $!";
my $no = $taken->sockport;
($status, $said) = make($other, 'run', "PORT=$no");
isnt($status, 0, 'a port that is taken');
like($said, qr/bind\(\) to 127\.0\.0\.1:$no failed.*Address already in use/,
     'is told by its cause');
like($said, qr/If port $no is taken: make run PORT=8081/, 'with what to do');
my ($log) = $said =~ /"Starting nginx" failed; the end of (\S+) is above/;
like(read_file($log // ''), qr/Address already in use/, 'and the log is named');
is_deeply(pids($root), $pids, 'the other shop is not disturbed');

close $taken;
($status, $said) = make($other, 'run', "PORT=$no");
is($status, 0, 'then it is free') or diag($said);
my $others = pids($other);
is((grep { $others->{$_} eq $pids->{$_} } keys %$pids), 0, 'two shops run');

# --- the end -----------------------------------------------------------------

($status, $said) = make($root, 'stop');
is($status, 0, 'make stop');
like($said, qr/^Stopped\.  The data stays in \Q$state\E\.$/m, 'says so');
ok(wait_for(sub { alive(values %$pids) == 0 }),
   'it ended all that it had started');
is_deeply(pids($other), $others, 'and nothing of the other one');
is(alive(values %$others), 3 + split(' ', $others->{worker}), 'which runs');

($status, $said) = make($root, 'stop');
is($status, 0, 'a second stop');
like($said, qr/^Nothing was running\.$/m, 'says that there is nothing');
ok(-s "$state/pg/PG_VERSION", 'the data stays');

($status, $said) = make($root, 'run', "PORT=$port");
is($status, 0, 'and is there again');
unlike($said, qr/^(?:Creating|Migrating|Loading)/m, 'as it was');
like(`curl -s http://127.0.0.1:$port/api/v1/products?limit=1`,
     qr/"data":\[\{/, 'with its products');

done_testing();
