#!/usr/bin/perl
#
# exports.t - exports of a large shop: one reader takes all as fast as it
# comes, another 10 kB a second beside him.  Each has every line in its place,
# the worker has no more of it than before, and others are served meanwhile.
# 3,000 lines each; with TORTURE=1 a million.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Fault qw(torture);
use Shop::Test;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(sleep time);

use constant LINES => torture() ? 1_000_000 : 3000;
use constant SLOWLY => torture() ? 1_000_000 : 20_000;    # bytes at least

start_shop(workers => 1);
my $key = as_key('products.read');
my ($worker) = workers();

# Drafts of one variant and a price, without the triggers: these products are
# in no list.
my $since = time;
sql_as('postgres', 'SET session_replication_role = replica');
sql_as('postgres', $_) for sprintf(<<'END', LINES),
INSERT INTO products (id, handle, status, vendor, tags, position)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
       'thing-' || n, 'draft', 'Maker ' || n %% 10, ARRAY['some'], 'V001'
  FROM generate_series(1, %d) n
END
    q{INSERT INTO product_i18n (product_id, locale, title, description)
      SELECT id, 'en', handle, repeat('What there is to say. ', 10)
        FROM products},
    q{INSERT INTO variants (id, product_id, sku) SELECT id, id, handle
        FROM products},
    q{INSERT INTO prices (variant_id, currency, amount)
      SELECT id, 'TRY', 1000 FROM variants};
diag(sprintf '%d products in %.0f s', LINES, time - $since) if torture();

sub asked {
    my ($type) = @_;
    my $conn = new_connection();

    $conn->send('GET', "/api/admin/v1/products/export.$type",
                { authorization => "Bearer $key" });
    return $conn;
}

# Where the product stands in the order, of a whole line of either.
my %number = (
    csv    => sub { $_[0] =~ /^thing-(\d+),/ && $1 },
    ndjson => sub { $_[0] =~ /"title":"thing-(\d+)"/ && $1 },
);

# Reads lines and dies where one is missing; returns how many there were.
# $each is told each time that something has come.
sub read_lines {
    my ($type, $conn, $each) = @_;
    my ($rest, $n) = ('', 0);

    die "no export\n" if $conn->read_head->{status} != 200;
    while (length(my $piece = $conn->read_piece)) {
        $rest .= $piece;
        while ($rest =~ s/^([^\n]*)\n//) {
            my $line = $1;
            next if $line =~ /^Handle,/;
            die "after $n comes $line\n" if ++$n != $number{$type}->($line);
        }
        $each->(length $piece) or last;
    }
    return $n;
}

# In a process of its own, until it is told to end; it writes what it has had.
sub slow_reader {
    my ($type) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";
    my $go = 1;

    return ($pid, $out) if $pid;
    forget_connections();
    local $SIG{TERM} = sub { $go = 0 };
    my $conn = asked($type);
    my $had = 0;
    setsockopt $conn->{socket}, SOL_SOCKET, SO_RCVBUF, 4096 or die;
    $conn->{limit} = 600;
    my $lines = eval { read_lines($type, $conn, sub {
        $had += $_[0];
        for (1 .. $_[0] / 1000) {
            sleep 0.1;
        }
        return $go || $had < SLOWLY;
    }) };
    $conn->reset;
    print "$had ", $lines // "failed: $@", "\n";
    close STDOUT;
    POSIX::_exit(0);
}

my $before = own_kb($worker);
for my $type (sort keys %number) {
    my ($slow, $out) = slow_reader($type);
    wait_for(sub { status()->{counters}{streams_open} == 1 }, 'he has begun');

    my ($most, $turn, $served) = (0, 0, 0);
    $since = time;
    my $n = read_lines($type, asked($type), sub {
        return 1 if $turn++ % 20;
        my $kb = own_kb($worker);
        $most = $kb if $kb > $most;
        die "not served\n" if get("/api/v1/store?n=$turn")->{status} != 422
            || get('/api/v1/store')->{status} != 200;
        return ++$served;
    });
    diag(sprintf '%s: %d lines, %.0f a second', $type, $n,
         $n / (time - $since))
        if torture();
    is($n, LINES, "$type: every line, each in its place");
    cmp_ok($served, '>', 0, "$type: others were served meanwhile, $served");
    cmp_ok($most - $before, '<', 4096, "$type: the worker has no more of it");

    kill TERM => $slow;
    my ($had, $lines) = split ' ', <$out>, 2;
    close $out;
    cmp_ok($had, '>=', SLOWLY, "$type: the slow one has read on");
    like($lines, qr/^[1-9]\d*$/, "$type: line by line");
    ok(wait_for(sub { status()->{counters}{streams_open} == 0 }),
       "$type: and is let go");
    cmp_ok(own_kb($worker) - $before, '<', 4096, "$type: with what he cost");
}
is_deeply([workers()], [$worker], 'the worker lives');

# The invariants look at a shop of the usual size.
sql_as('postgres', 'TRUNCATE products CASCADE');
done();
