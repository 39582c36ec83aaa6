# Witness.pm - what many processes know of numbers that only grow: each writes
# into slots of its own what it has seen, and reads those of all.
#
#     use Shop::Test;
#     use Shop::Witness;
#
#     my $known = Shop::Witness->new($processes, $things);
#     $known->saw($process, $thing, $n);
#     my $least = $known->most($thing, @processes);
#     my $child = child(sub { my ($out) = @_; ... });
#     is(last_words($child), '', 'it had nothing to complain of');
#
# Also the products whose titles are such numbers.

package Shop::Witness;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();

use Shop::Test;

our @EXPORT = qw(child last_words numbered_products title_of);


sub new {
    my ($class, $processes, $things) = @_;
    my $path = "$ENV{SHOP_TEST_DIR}/slots.$$";

    open my $file, '>', $path or die "$path: $!";
    binmode $file;
    print $file pack 'N*', (0) x ($processes * $things);
    close $file or die "$path: $!";
    return bless { path => $path, things => $things,
                   size => 4 * $processes * $things }, $class;
}


# The most that these processes have noted of a thing.
sub most {
    my ($self, $thing, @processes) = @_;
    my ($all, $most) = ('', 0);

    open my $in, '<', $self->{path} or die "$self->{path}: $!";
    binmode $in;
    sysread $in, $all, $self->{size};
    my @n = unpack 'N*', $all;
    for my $process (@processes) {
        my $n = $n[$process * $self->{things} + $thing];
        $most = $n if $n > $most;
    }
    return $most;
}


sub saw {
    my ($self, $process, $thing, $n) = @_;

    open my $out, '+<', $self->{path} or die "$self->{path}: $!";
    binmode $out;
    sysseek $out, 4 * ($process * $self->{things} + $thing), 0;
    syswrite $out, pack 'N', $n;
}


# Processes that look stop when they are told.
sub end {
    my ($self) = @_;

    open my $done, '>', "$self->{path}.done" or die "$self->{path}.done: $!";
}

sub ended {
    my ($self) = @_;

    return -e "$self->{path}.done";
}

sub remove {
    my ($self) = @_;

    unlink $self->{path}, "$self->{path}.done";
}


# --- processes -------------------------------------------------------------

# What it dies of is its last line.
sub child {
    my ($what) = @_;

    pipe my $in, my $out or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    return { pid => $pid, in => $in } if $pid;

    close $in;
    forget_connections();
    eval { $what->($out); 1 } or print $out "failed: $@";
    close $out;
    POSIX::_exit(0);
}


sub last_words {
    my ($child) = @_;
    my $words = do { local $/; readline $child->{in} } // '';

    waitpid $child->{pid}, 0;
    return $words;
}


# --- products --------------------------------------------------------------

# p-1 to p-N, titled 0; returns what to write in SQL for the id of the n-th.
sub numbered_products {
    my ($n) = @_;

    sql(<<'SQL', $n);
INSERT INTO products (id, handle, status, published_at)
SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'p-' || n,
       'active', '2026-01-01'
  FROM generate_series(1, ?::int) n
SQL
    sql(<<'SQL');
INSERT INTO product_i18n (product_id, locale, title)
SELECT id, 'en', '0' FROM products;
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'product', p.id, 'en', c.id, p.handle
  FROM products p, channels c WHERE c.is_default;
INSERT INTO variants (product_id, sku) SELECT id, handle FROM products;
INSERT INTO prices (variant_id, currency, amount)
SELECT id, 'TRY', 1000 FROM variants;
SQL
    polled();
}


sub title_of {
    my ($conn, $path) = @_;
    my $res = $conn->request('GET', $path);

    $res->{status} == 200 or die "reading: $res->{status} $res->{body}\n";
    return $res->{body} =~ /"title":"(\d+)"/ ? $1 : die "no title\n";
}

1;
