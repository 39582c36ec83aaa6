# Group.pm - a group of processes that may have so much memory and no more, as
# the kernel's control groups have it, of either version.
#
#     use Shop::Group;
#
#     my $group = memory_group('name') or plan skip_all => '...';
#     touch_shared($before);                  # shared memory is not the group's
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

our @EXPORT = qw(memory_group touch_shared);

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


# A page of shared memory counts for whoever touches it first, so one that fills
# slowly looks like a leak.  Whoever is not in the group touches all that $pid
# shares with what it was forked from.  So many bytes.
sub touch_shared {
    my ($pid) = @_;
    my $bytes = 0;

    open my $mem, '<:raw', "/proc/$pid/mem" or die "$pid: $!\n";
    for (split /\n/, read_file("/proc/$pid/maps")) {
        my ($from, $to) = m{^(\w+)-(\w+) rw-s .* /dev/zero} or next;

        ($from, $to) = map { unpack "Q>", pack "H16", sprintf "%016s", $_ }
                           $from, $to;
        for (my $at = $from; $at < $to; $at += 4096) {
            sysseek $mem, $at, 0 or die "$pid: $!\n";
            sysread $mem, my $byte, 1 or die "$pid: $!\n";
        }
        $bytes += $to - $from;
    }
    return $bytes;
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
