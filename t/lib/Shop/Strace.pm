# Strace.pm - watch the system calls of a process, and have one of them fail.
#
#     plan skip_all => strace_missing() if strace_missing();
#     my $trace = strace_begin($pid, 'recvfrom', 'recvfrom:error=EIO:when=3');
#     ...
#     my %n = $trace->end;            # how often each call was made
#     $trace->injected;               # how many of them failed for us
#
# strace_begin() returns when strace is attached, with all threads; end() when
# it has let go and the process runs by itself.  Whatever ends the test ends
# strace, by its pid, and never leaves the process stopped.

package Shop::Strace;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

use Shop::Test ();

our @EXPORT = qw(strace_missing strace_begin);

my ($count, @all) = (0);
my $why;


# Why there is no tracing here, or ''.
sub strace_missing {
    return $why //= try_it();
}


sub try_it {
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        sleep 60;
        POSIX::_exit(0);
    }
    my $trace = eval { strace_begin($pid, 'none') };
    my $failed = $@;
    $trace->end if $trace;
    kill KILL => $pid;
    waitpid $pid, 0;
    return $trace ? '' : "strace cannot attach: $failed";
}


sub strace_begin {
    my ($pid, $calls, $inject) = @_;
    my $base = "$ENV{SHOP_TEST_DIR}/strace$$" . '_' . ++$count;
    my $self = bless { of => $pid, out => "$base.out", owner => $$ };

    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        open STDERR, '>', "$base.err";
        exec 'strace', '-f', '-p', $pid, '-o', "$base.out", '-e',
             "trace=$calls", $inject ? ('-e', "inject=$inject") : ()
            or POSIX::_exit(127);
    }
    push @all, $self;
    Shop::Test::wait_for(sub {
        my $said = Shop::Test::read_file("$base.err");
        die $said if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        $said =~ /attached/;
    }, 'strace is attached', 10);
    return $self;
}


# Detached on a signal; a process that it stopped goes on.
sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    waitpid $pid, 0;
    kill CONT => $self->{of};
    $self->{text} = Shop::Test::read_file($self->{out});
    unlink $self->{out}, $self->{out} =~ s/out$/err/r;

    my %n;
    $n{$1}++ while $self->{text} =~ /^\d+ +(\w+)\(/mg;
    return %n;
}


sub injected { return scalar(() = $_[0]{text} =~ /\(INJECTED\)/g) }
sub lines    { return $_[0]{text} =~ tr/\n// }


END {
    my $status = $?;
    $_->end for grep { $_->{owner} == $$ } @all;
    $? = $status;
}

1;
