#!/usr/bin/perl
#
# cache_off.t - shop_cache_zone off: every answer is made anew.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(http => 'shop_cache_zone off;');

for (1 .. 3) {
    my $res = get('/api/v1/products');
    ok_json($res, 200);
    unlike($res->{headers}{'cache-status'} // '', qr/hit|stale/, 'made anew');
}
is(status()->{counters}{$_}, 0, $_)
    for qw(cache_hits_total cache_stored_total);

done();
