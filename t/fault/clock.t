#!/usr/bin/perl
#
# clock.t - the clock on the wall jumps: an hour forth and back, over the end
# of winter time, into a leap day and past the year 2038.  What is under way
# keeps its time, what is kept stays kept, and no two ids are the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX qw(mktime);
use Shop::Fault;
use Shop::Test;
use Shop::Toy;

plan(skip_all => 'it waits for minutes: make torture') if !torture();

plan(skip_all => 'the sanitizers are preloaded already')
    if Shop::Test::asan_library();

my $dir = $ENV{SHOP_TEST_DIR};
my $file = "$dir/clock$$";
my $cc = Shop::Test::config('CC');

is(system($cc, '-shared', '-fPIC', '-O1', '-o', "$dir/clock$$.so",
          "$FindBin::Bin/../lib/clock.c"), 0, 'a clock to turn');
write_file($file, '0');
{
    local $ENV{LD_PRELOAD} = "$dir/clock$$.so";
    local $ENV{TEST_CLOCK} = $file;
    local $ENV{TZ} = 'Europe/Berlin';

    # nginx hands on to its workers what it is told to.
    start_toys(workers => 2, main => 'env TEST_CLOCK; env LD_PRELOAD;',
               http => 'shop_deadline 3s; shop_cache_stale 60s;
                        shop_limit address rate=1000r/s burst=10000;');
}
my @workers = workers();
my $toy = make_toy(name => 'train');
my $path = "/api/v1/toys/$toy";
my $products = '/api/admin/v1/products';
my $made = 0;

as_key(qw(products.read products.write));

# The time that nginx has, by its own word.
sub nginx_time {
    my %month = do { my $n = 0; map { $_ => $n++ } qw(Jan Feb Mar Apr May Jun
                                         Jul Aug Sep Oct Nov Dec) };
    my ($d, $m, $y, @t) = get('/healthz')->{headers}{date}
        =~ /, (\d+) (\w+) (\d+) (\d+):(\d+):(\d+)/ or die "no date";
    local $ENV{TZ} = 'UTC';
    POSIX::tzset();
    return mktime(reverse(@t), $d, $month{$m}, $y - 1900);
}

sub turn {
    my ($off) = @_;

    write_file("$file.new", $off);
    rename "$file.new", $file or die "$file: $!";
    wait_for(sub { abs(nginx_time() - time - $off) < 10 }, 'the clock turns');
}

sub kept {
    wait_for(sub { get($path)->{headers}{'cache-status'} =~ /hit/ }, 'kept');
}

my %jumps = (
    '1 an hour on'       => 3600,
    '2 an hour back'     => -3600,
    '3 a day on'         => 86400,
    '4 a day back'       => -86400,
    '5 into summer time' => 1774746000 - time,      # 2026-03-29 01:00 UTC
    '6 into a leap day'  => 1835438397 - time,      # 2028-02-29 before noon
    '7 past 2038'        => 2147483645 - time,
    '8 to where it was'  => 0,
);

my ($paged, %ids) = (0);
for my $name (sort keys %jumps) {
    kept();
    my $list = get("$products?limit=2")->{json};
    my $polls = counter('polls_total');
    my $lapses = counter('cache_lapses_total');
    my $late = counter('deadlines_total');

    # A request that waits while the clock is turned.
    sql('BEGIN');
    sql('UPDATE toys SET quantity = quantity + 1 WHERE id = ?', toy_id($toy));
    my $conn = ask('PATCH', $path, { note => $name }, 'if-match' => '*');
    all_waiting(1);
    turn($jumps{$name});
    sql('COMMIT');
    is(answer_to($conn)->{status}, 200, "$name: what waited is done");
    is(counter('deadlines_total'), $late, "$name: no deadline came early");
    ok(wait_for(sub { counter('polls_total') > $polls + 3 }),
       "$name: polls go on");
    kept();
    is(get($path)->{json}{note}, $name, "$name: what is kept is true");

    for (1 .. 5) {
        my $res = post($products, { title => 'P' . ++$made },
                       'Idempotency-Key' => "key-$made");
        $ids{ $res->{json}{id} // "none $made: $res->{status}" }++;
        my $again = post($products, { title => "P$made" },
                         'Idempotency-Key' => "key-$made");
        $ids{"other $made"}++
            if ($again->{json}{id} // '') ne ($res->{json}{id} // '');
    }

    # A list over pages, with a cursor from before the jump.
    my $res = get("$products?limit=2");
    is($res->{status}, 200, "$name: a list") or diag $res->{body};
    next if !$list->{has_more};
    $paged++;
    is(get("$products?limit=2&cursor=$list->{next_cursor}")->{status}, 200,
       "$name: and its next page");
}
is($paged, keys(%jumps) - 1, 'cursors crossed all jumps but the first');
is(scalar(keys %ids), $made, 'each has an id of its own');
is(scalar(grep { /^(?:none|other)/ } keys %ids), 0, 'and is made once')
    or diag join ' ', grep { /^(?:none|other)/ } sort keys %ids;

# PostgreSQL takes too long, and the clock runs back meanwhile.
sql('BEGIN');
sql('UPDATE toys SET quantity = quantity + 1 WHERE id = ?', toy_id($toy));
my $conn = ask('PATCH', $path, { note => 'never' }, 'if-match' => '*');
all_waiting(1);
turn(-7200);
my $res = answer_to($conn);
like($res->{status}, qr/^(?:503|504|409)$/,
     'a deadline does not wait for the wall');
sql('COMMIT');
is_deeply([workers()], \@workers, 'the workers live');

done();
