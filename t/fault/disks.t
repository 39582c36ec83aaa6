#!/usr/bin/perl
#
# disks.t - what a machine writes is on disks of their own, and each is full
# once: nginx's bodies, nginx's logs, PostgreSQL's log of what is written.  And
# a log is a pipe that nobody reads.  Whoever does not need it is served, who
# does is refused, nothing is done by half, and with room all goes on by
# itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Fcntl qw(O_RDWR O_RDONLY O_NONBLOCK);
use POSIX ();
use Shop::Disk wal => '112m';
use Shop::Test;

my $base = small_machine();
plan skip_all => 'only root may mount a small file system' if !$base;

my $logs = "$base/logs";
my $pipe = "$base/pipe";
small_disk($logs, '1m');
POSIX::mkfifo($pipe, 0666) or die "$pipe: $!";
chmod 0666, $pipe;
sysopen my $reader, $pipe, O_RDWR | O_NONBLOCK or die "$pipe: $!";
my $shop = start_shop(main => "error_log $logs/error.log info;",
    http => 'client_body_buffer_size 16k;',
    server => "access_log $logs/access.log; access_log $pipe;");
my ($worker) = workers();
my (%acked, %told);
my $count = 0;

allow_log(qr/No space left on device|was incomplete|Broken pipe/);
as_key('products.write', 'products.read');

# A product whose text is so long, and what was said.
sub write_one {
    my ($length, %with) = @_;
    my $title = 'Disk ' . ++$count;
    my $text = join ' ', map { int rand 1e9 } 1 .. $length / 10;
    my $res = post('/api/admin/v1/products',
                   { title => $title, description => "<p>$text</p>" }, %with);

    $acked{$title} = 1 if $res->{status} == 201;
    $told{ "$res->{status} " . ($res->{json}{code} // '') }++;
    return $res;
}

# Nothing more and nothing less is there, but for what nobody knew.
sub all_there {
    my ($name) = @_;
    my %there = map { $_->[0] => $_->[1] }
        sql("SELECT title, count(*) FROM product_i18n GROUP BY 1");
    my @lost = grep { !$there{$_} } sort keys %acked;
    my @more = grep { !$acked{$_} || $there{$_} > 1 } sort keys %there;

    is("@lost", '', "$name: what was acknowledged is there");
    cmp_ok(@more, '<=', $told{'503 outcome_unknown'} // 0,
           "$name: and nothing else");
    is((workers())[0], $worker, "$name: the worker is the same");
}

# Nobody is in the way of the test itself.
sub drain { 1 while sysread $reader, my $text, 65536 }

my $kept = write_one(100)->{json};
sub kept_is_read {
    my ($name) = @_;
    my $path = "/api/admin/v1/products/$kept->{id}";

    is(get($path)->{json}{title}, 'Disk 1', "$name: reads are served");
}

# --- bodies ------------------------------------------------------------------

my $bodies = "$shop->{dir}/body";
small_disk($bodies, '64k');
is(write_one(30_000)->{status}, 201, 'a body goes to the disk');
my $large = write_one(100_000);
like("$large->{status} $large->{json}{code}", qr/^50[37] /,
     'bodies: one that is larger than the disk is refused');

# The file of one that was refused goes after the answer.
my $refused = wait_for(sub {
    fill($bodies);
    my $res = write_one(30_000);
    $res->{status} =~ /^50[37]$/ && $res;
}, 'a body is refused');
is($refused->{json}{status}, $refused->{status}, 'bodies: with no room too');
ok($refused->{headers}{'retry-after'}, 'bodies: for now');
is(write_one(100)->{status}, 201, 'bodies: who needs none is served');
kept_is_read('bodies');
room($bodies);
is(write_one(30_000)->{status}, 201, 'bodies: with room all is as before');
is(join(' ', glob "$bodies/*"), '', 'bodies: no file is left');
all_there('bodies');

# --- logs --------------------------------------------------------------------

sub logged { return scalar(() = read_file("$logs/access.log") =~ /\n/g) }

# A file's last page may have room when the disk has none.
drain();
wait_for(sub {
    my $lines = logged();
    fill($logs);
    get('/api/v1/store') for 1 .. 10;
    logged() == $lines;
}, 'no line is written');
my $lines = logged();
drain();
my @said = map { write_one(100)->{status} } 1 .. 20;
is("@said", join(' ', (201) x 20), 'logs: writes are done');
kept_is_read('logs');
is(logged(), $lines, 'logs: without a line');
room($logs);
ok(wait_for(sub { get('/api/v1/store'); drain(); logged() > $lines + 1 }),
   'logs: with room there are lines again');
all_there('logs');

# --- a pipe ------------------------------------------------------------------

# Is the worker about to write to it, and waits?
sub waits_for_pipe {
    my (undef, $fd) = split ' ', read_file("/proc/$worker/syscall");

    return $fd && $fd =~ /^0x[0-9a-f]{1,4}$/
        && (readlink("/proc/$worker/fd/" . hex $fd) // '') eq $pipe;
}

# nginx waits for whoever reads its log; that costs time, and nothing else.
drain();
1 while syswrite $reader, 'x' x 4096;
is(write_one(100)->{status}, 201, 'pipe: a write is done');
wait_for(sub { waits_for_pipe() }, 'the worker waits for the reader');
my $later = new_connection();
$later->send('GET', '/api/v1/store');
ok(waits_for_pipe(), 'pipe: the worker waits for its reader');
drain();
is($later->read_response('GET')->{status}, 200, 'pipe: and goes on');
$later->close;

close $reader;
@said = map { write_one(100)->{status} } 1 .. 20;
is("@said", join(' ', (201) x 20), 'pipe: a reader that has gone is no matter');
sysopen $reader, $pipe, O_RDONLY | O_NONBLOCK or die "$pipe: $!";
ok(wait_for(sub {
    get('/api/v1/store');
    sysread $reader, my $text, 65536;
    ($text // '') =~ /store/;
}), 'pipe: and one that comes reads on');
all_there('pipe');

# --- PostgreSQL's log --------------------------------------------------------

sub unavailable {
    my $n = 0;

    $n += $told{$_} for grep { /^503 / } keys %told;
    return $n;
}

my $before = unavailable();
fill("$base/pg/pg_wal");
wait_for(sub {
    fill("$base/pg/pg_wal");
    drain();
    eval { sql_as('postgres', 'SELECT pg_switch_wal()') };
    write_one(12_000);
    unavailable() >= $before + 5;
}, 'writes are refused');
is(join(' ', grep { !/^(?:201 |50[37] \w+)$/ } sort keys %told), '',
   'log: each write is done, or refused, or unknown');
is(get('/healthz')->{status}, 200, 'log: the shop lives');
room("$base/pg/pg_wal");
if (!eval { wait_for(sub { drain(); write_one(100)->{status} == 201 },
                     'a write is done', 20) })
{
    # What no process is left of, the system starts anew.
    ok(!has_postgresql(), 'log: PostgreSQL had given up');
    pg_start();
    wait_for(sub { drain(); write_one(100)->{status} == 201 },
             'a write is done');
}
ok(wait_for(sub { get('/readyz')->{status} == 200 }), 'log: ready again');
kept_is_read('log');
all_there('log');
drain();
diag(join ', ', map { "$_: $told{$_}" } sort keys %told);

done();
