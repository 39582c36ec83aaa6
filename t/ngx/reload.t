#!/usr/bin/perl
#
# reload.t - keep-alive clients do not notice a reload, because the old
# workers end their connections politely before they go; without that they
# would, or this test could not tell.  Another number of workers goes on with
# the memory of the old ones, or nginx goes on as it was.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IPC::Open2;
use Shop::Test;

my @thinks = (0, 20, 500);

# Fifty clients while nginx is reloaded so often: how many requests failed?
sub failures {
    my ($shop, $reloads) = @_;
    my $failed = 0;

    my $pid = open2(my $out, my $in, '/usr/bin/python3',
                    "$FindBin::Bin/../lib/keepalive.py", $shop->{port}, 50,
                    @thinks);
    wait_for(sub { status()->{counters}{requests_total} > 200 },
             'the clients ask');
    reload() for 1 .. $reloads;
    print $in "end\n";
    close $in;
    while (my $line = <$out>) {
        my ($think, $good, $bad, $why) = split ' ', $line, 4;
        cmp_ok($good, '>', 0, "clients that think $think ms: $good answers, "
            . "$bad failures");
        note($why) if $bad;
        $failed += $bad;
    }
    waitpid $pid, 0;
    is($?, 0, 'the clients ended by themselves');
    return $failed;
}

sub start {
    my ($drain) = @_;
    my $shop = start_shop(workers => 2, http => "shop_drain_time $drain;",
                          server => 'root html;');

    mkdir "$shop->{dir}/html";
    write_file("$shop->{dir}/html/file.txt", 'x' x 1000);
    return $shop;
}

# Three times as long as the longest thought.
is(failures(start('1500ms'), 20), 0, 'no request failed in 20 reloads');

# That a request meets a worker that has just gone is chance: as many reloads
# as above, at most, until one does.
my $bare = start('0');
my $failed = 0;
for (1 .. 4) {
    $failed ||= failures($bare, 5);
}
cmp_ok($failed, '>', 0, 'without the drain some do');

# --- another number of workers ----------------------------------------------

my $shop = start_shop(workers => 1, http => 'shop_cache_zone 32m;');
for my $n (12, 2) {
    $shop->{workers} = $n;
    reload();
    is(get('/readyz')->{status}, 200, "$n workers use the memory of others");
}

# Workers that could not use it would end, and nginx would end the old ones.
$shop = start_shop(workers => 1, http => 'shop_cache_zone 12m;');
allow_log(qr/cannot be kept for 16 worker processes/);
my @old = workers();
$shop->{workers} = 16;
write_file("$shop->{dir}/nginx.conf", Shop::Test::nginx_conf());
signal_nginx('HUP');
wait_for(sub { log_text() =~ /"shop_cache_zone" cannot be kept for 16 / },
         'it says why it cannot');
is(get('/readyz')->{status}, 200, 'and goes on');
is(join(' ', workers()), "@old", 'with the worker that there was');
$shop->{http} = 'shop_cache_zone 13m;';
reload();
is(get('/readyz')->{status}, 200, 'another size is made anew');

done();
