# Group.pm - a group of processes that may have so much memory and no more, as
# the kernel's control groups have it, of either version.
#
#     use Shop::Group;
#
#     my $group = memory_group('name') or plan skip_all => '...';
#     $group->take($pid);                     # and what it forks from now on
#     $group->limit($bytes);
#     cmp_ok($group->peak, '<', $bytes);
#     is($group->ended, 0, 'nobody took more');
#
# The group goes with the test, whose processes have ended by then.

package Shop::Group;

use strict;
use warnings;

use Exporter 'import';

use Shop::Test;

our @EXPORT = qw(memory_group);

# Where groups are made, and what their files are called.
my @versions = (
    { top => '/sys/fs/cgroup/memory', limit => 'memory.limit_in_bytes',
      peak => 'memory.max_usage_in_bytes', events => 'memory.oom_control' },
    { top => '/sys/fs/cgroup', limit => 'memory.max',
      peak => 'memory.peak', events => 'memory.events' },
);
my @all;


# undef where there are none, or none for us.
sub memory_group {
    my ($name) = @_;

    for my $version (@versions) {
        my $self = bless { %$version, folder => "$version->{top}/$name",
                           owner => $$ }, __PACKAGE__;

        mkdir $self->{folder} or next;
        push @all, $self;
        return $self if -w "$self->{folder}/$self->{limit}"
            && -r "$self->{folder}/$self->{peak}";
    }
    return;
}


sub take {
    my ($self, $pid) = @_;

    write_file("$self->{folder}/cgroup.procs", $pid);
}


# From now on; the most that it had had is forgotten where the kernel can.
sub limit {
    my ($self, $bytes) = @_;

    write_file("$self->{folder}/$self->{limit}", $bytes);
}


# Bytes that it had at most.
sub peak {
    my ($self) = @_;

    return 0 + read_file("$self->{folder}/$self->{peak}");
}


# How many processes the kernel ended for want of memory.
sub ended {
    my ($self) = @_;

    return read_file("$self->{folder}/$self->{events}")
        =~ /^oom_kill (\d+)/m ? $1 : die "$self->{events}: no oom_kill\n";
}


END {
    my $status = $?;
    for my $self (grep { $_->{owner} == $$ } @all) {
        rmdir $self->{folder};
    }
    $? = $status;
}

1;
