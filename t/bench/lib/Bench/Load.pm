# Load.pm - the two programs that ask, wrk and pgbench, and the processor time
# that was spent on their account.
#
# An outcome is { rate, worker, backend, client }: answers a second, and
# microseconds of processor an answer.  Time of processes is the first field
# of /proc/PID/task/*/schedstat, that of the programs that ask is what the
# kernel says of children that have ended.

package Bench::Load;

use strict;
use warnings;

use Exporter 'import';
use Time::HiRes qw(sleep time);

our @EXPORT = qw(wrk pgbench cpu_ns pss_kb);


# What some processes have used so far.
sub cpu_ns {
    my $sum = 0;

    for my $file (map { glob "/proc/$_/task/*/schedstat" } @_) {
        open my $in, '<', $file or next;
        $sum += (split ' ', <$in> // '0')[0];
    }
    return $sum;
}


# Of ended children, in seconds.
sub children_cpu {
    my (undef, undef, $user, $system) = times;

    return $user + $system;
}


# Resident memory that is a process's own, its part of shared files included;
# the cache, which is shared memory, is not counted.
sub pss_kb {
    my ($pid) = @_;
    my $sum = 0;

    open my $in, '<', "/proc/$pid/smaps_rollup" or die "smaps_rollup: $!\n";
    while (<$in>) {
        $sum += $1 if /^Pss_(?:Anon|File):\s+(\d+) kB/;
    }
    return $sum;
}


# wrk(server, seconds, path => or paths => file, headers => [...],
#     cpu => core, connections =>, refused => 1, backends => sub { pids })
sub wrk {
    my ($server, $seconds, %options) = @_;
    my @workers = $server->workers;
    my @backends = $options{backends} ? $options{backends}->() : ();
    my @pinned = defined $options{cpu} ? ('taskset', '-c', $options{cpu}) : ();
    my @command = (@pinned, 'wrk', '-t1', '-c', $options{connections} // 64,
        '-d', "${seconds}s", '-s', "$options{folder}/requests.lua",
        (map { ('-H', $_) } @{ $options{headers} // [] }),
        $server->url . ($options{path} // '/'));

    local $ENV{PATHS} = $options{paths} if $options{paths};
    my @before = (cpu_ns(@workers), cpu_ns(@backends), children_cpu());
    my $out = run(@command);
    my @after = (cpu_ns(@workers), cpu_ns(@backends), children_cpu());

    my ($n, $us, $broken, $refused, $p99) = $out =~
        /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/m or die "wrk said:\n$out";
    die "wrk: $broken broken connections, $refused answers of 400 or more\n"
        if $n == 0 || $broken || ($refused && !$options{refused});
    return {
        rate    => $n / $us * 1e6,
        n       => $n,
        p99     => $p99,
        worker  => ($after[0] - $before[0]) / 1e3 / $n,
        backend => ($after[1] - $before[1]) / 1e3 / $n,
        client  => ($after[2] - $before[2]) * 1e6 / $n,
    };
}


# pgbench(seconds, warm => seconds, clients =>, script => file,
#         variables => {}, conninfo =>, each => statements counted as one,
#         backends => sub { pids })
#
# One run: its first seconds are the warm-up, as each run has connections,
# and so plans, of its own.
sub pgbench {
    my ($seconds, %options) = @_;
    my $warm = $options{warm};
    my $all = $warm + $seconds;
    my $log = "$ENV{SHOP_TEST_DIR}/pgbench.log";
    my $j = $options{clients} < 2 ? 1 : 2;
    my @command = ("$ENV{SHOP_TEST_PG_BIN}/pgbench", '-n', '-M', 'prepared',
        '-j', $j, '-c', $options{clients}, '-T', $all, '-P', 1,
        '-f', $options{script},
        (map { ('-D', "$_=$options{variables}{$_}") }
             sort keys %{ $options{variables} }), $options{conninfo});

    my $used = children_cpu();
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{PGOPTIONS} = join ' ', map { "-c $_" }
            'plan_cache_mode=force_generic_plan', 'jit=off',
            map { "enable_$_=off" } qw(hashjoin mergejoin seqscan memoize);
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    my $backend = backend_share($pid, $warm, $seconds, $options{backends});
    waitpid $pid, 0;
    my $out = slurp($log);
    die "pgbench said:\n$out" if $? || $out =~ /error|aborted/i;

    my @tps = map { $_->[1] } grep { $_->[0] > $warm + 0.5 }
        map { [ /^progress: ([\d.]+) s, ([\d.]+) tps/ ] }
        grep { /^progress/ } split /\n/, $out;
    my ($n) = $out =~ /actually processed: (\d+)/;
    die "pgbench said:\n$out" unless @tps && defined $n;

    my $each = $options{each} // 1;
    my $rate = 0;
    $rate += $_ / @tps for @tps;

    # Many clients may not have made their plans within a short look.
    return { rate => 0, worker => 0, backend => 0, client => 0 }
        if $rate == 0;
    return {
        rate    => $rate * $each,
        worker  => 0,
        backend => $backend * 1e6 / $rate / $each,
        client  => (children_cpu() - $used) * 1e6 / $n / $each,
    };
}


# Processors that the backends keep busy, between the warm-up and the end.
sub backend_share {
    my ($pid, $warm, $seconds, $backends) = @_;

    sleep $warm + 0.2;
    my @pids = $backends->();
    my @before = (time, cpu_ns(@pids));
    sleep $seconds - 0.5;
    my @after = (time, cpu_ns(@pids));

    return ($after[1] - $before[1]) / 1e9 / ($after[0] - $before[0]);
}


sub run {
    my (@command) = @_;

    open my $in, '-|', @command or die "$command[0]: $!\n";
    my $out = do { local $/; <$in> } // '';
    close $in or die "@command failed:\n$out";
    return $out;
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in> // '';
}

1;
