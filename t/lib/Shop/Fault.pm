# Fault.pm - faultproxy between a test and a server, and what it is told.
#
#     my $net = bad_network();                      # PostgreSQL of the tests
#     start_shop(database_host => $net->folder);
#     $net->tell('match ^shop-tx');
#     $net->tell('cut there 9 after');
#     is($net->count('hits'), 1);                   # or there, back, open
#
#     each_message($net, sub { ... }, sub { my ($way, $k) = @_; ... });
#
# bad_network(protocol => 'http', listen => ..., target => ...) stands before
# another server.  It ends with the test; what can be told is written in
# faultproxy --help.

package Shop::Fault;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::UNIX;
use POSIX ();

use Shop::Test;

our @EXPORT = qw(bad_network torture each_message);

my $count = 0;
my @all;


sub bad_network {
    my (%options) = @_;
    my $folder = "$ENV{SHOP_TEST_DIR}/net$$" . '_' . ++$count;
    my $socket = '.s.PGSQL.5432';

    mkdir $folder or die "$folder: $!";
    chmod 0755, $folder;
    my $self = bless {
        folder => $folder,
        owner  => $$,
        listen => $options{listen} // "$folder/$socket",
        target => $options{target} // "$ENV{SHOP_TEST_DIR}/$socket",
    }, __PACKAGE__;

    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        exec "$ENV{SHOP_BUILD}/faultproxy", '-p', $options{protocol} // 'pg',
             '-c', "$folder/control", '-s', $options{seed} // 1,
             $self->{listen}, $self->{target} or POSIX::_exit(127);
    }
    $self->{control} = wait_for(sub {
        IO::Socket::UNIX->new(Peer => "$folder/control")
    }, 'the proxy listens');
    push @all, $self;
    return $self;
}


# What listens there is for PostgreSQL's clients a server's folder.
sub folder { return $_[0]{folder} }
sub listen { return $_[0]{listen} }


# Returns what follows "ok"; dies of an error.
sub tell {
    my ($self, $command) = @_;

    print { $self->{control} } "$command\n" or die "$command: $!";
    my $line = readline $self->{control};
    die "$command: " . ($line // 'no answer') . "\n"
        unless ($line // '') =~ /^ok ?(.*)$/;
    return $1;
}


# All of what is counted, or one of it.
sub count {
    my ($self, $which) = @_;
    my %count = split ' ', $self->tell('count');

    return defined $which ? $count{$which} : %count;
}


# The messages that went this way, by their labels.
sub list {
    my ($self, $way) = @_;
    my $mark = $way eq 'there' ? '>' : '<';

    return map { s/^. //r } grep { /^$mark/ }
        split /, /, $self->tell('list');
}


# Whether every message has its turn, or one in so many and those at the end,
# where a transaction is committed.
sub torture { return $ENV{TORTURE} }


# each_message($net, $run, $try, every => N, last => N): how many messages an
# undisturbed $run->() takes, then $try->(way, k) for the k-th of each way.
# Returns the numbers there and back.  Where only some have their turn others
# have it the next time.  The first run prepares statements, and so takes more.
my $turn = 0;

sub each_message {
    my ($self, $run, $try, %options) = @_;
    my ($every, $last) = torture() ? (1, 0)
        : ($options{every} // 10, $options{last} // 4);

    $run->();
    $self->tell('reset');
    $run->();
    my %n = $self->count;
    for my $way ('there', 'back') {
        my $offset = $turn++ % $every;
        for my $k (1 .. $n{$way}) {
            $try->($way, $k)
                if $k % $every == $offset || $k > $n{$way} - $last;
        }
    }
    return @n{qw(there back)};
}


sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    waitpid $pid, 0;
}


END {
    my $status = $?;
    $_->stop for grep { $_->{owner} == $$ } @all;
    $? = $status;
}

1;
