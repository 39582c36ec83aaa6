# Memcached.pm - what a test says to memcached itself, and the junk that it
# puts there.
#
#     use Shop::Memcached;
#
#     my $memcached = Shop::Memcached->new("$shop->{dir}/memcached");
#     my @keys = $memcached->keys;            # of the shop
#     $memcached->junk(@keys);
#     $memcached->say("flush_all\r\n", 'OK');

package Shop::Memcached;

use strict;
use warnings;

use IO::Socket::UNIX;


sub new {
    my ($class, $path) = @_;

    return bless { path => $path }, $class;
}


# What it answers to this, until the last line of it.
sub say {
    my ($self, $text, $last) = @_;
    my $socket = IO::Socket::UNIX->new($self->{path}) or die "memcached: $!\n";
    my $got = '';

    print $socket $text;
    while ($got !~ /^(?:$last)\r?$/m) {
        sysread $socket, $got, 65536, length $got or die "memcached ended\n";
    }
    return $got;
}


sub keys {
    my ($self) = @_;

    return map { s/%3A/:/r }
        $self->say("lru_crawler metadump all\r\n", 'END|BUSY.*')
            =~ /^key=(shop%3A\w+|shop:\w+)/mg;
}


# Nothing when it is there no more.
sub value {
    my ($self, $key) = @_;

    return $self->say("get $key\r\n", 'END')
        =~ /^VALUE \S+ \d+ (\d+)\r\n/ ? substr $', 0, $1 : undef;
}


sub store {
    my ($self, $key, $value) = @_;

    $self->say("set $key 0 0 " . length($value) . "\r\n$value\r\n",
               'STORED|SERVER_ERROR.*');
}


# In the place of a value comes one of these, in turn: nothing, bytes by
# chance, much, the value of another key, the beginning, one bit less.
my @junk = (
    sub { '' },
    sub { join '', map { chr int rand 256 } 1 .. 700 },
    sub { 'x' x 900_000 },
    sub { $_[1] },
    sub { substr $_[0], 0, 200 },
    sub { my ($value) = @_; substr($value, -3, 1) ^= "\x01"; $value },
);

sub junk {
    my ($self, @keys) = @_;
    my $other = '';

    for my $i (0 .. $#keys) {
        my $value = $self->value($keys[$i]) // '';
        $self->store($keys[$i], $junk[$i % @junk]->($value, $other))
            if length $value > 3;
        $other = $value;
    }
}

1;
