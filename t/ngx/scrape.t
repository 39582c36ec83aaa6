#!/usr/bin/perl
#
# scrape.t - what a look at the metrics costs a worker, beside an ordinary
# request, when every route has been asked for.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

use constant { ROUNDS => 5, REQUESTS => 60, MOST => 10 };

start_shop(http => 'shop_cache_zone off;');
my @operations = operations();
as_key(qw(products.read));
ask($_) for grep { $_->{path} !~ /stream/ } @operations;
as_nobody();
my ($worker) = workers();

# Nanoseconds of the worker's, for so many of one kind.
sub cost {
    my ($path) = @_;
    my $spent = sub { (split ' ', read_file("/proc/$worker/schedstat"))[0] };
    my $before = $spent->();

    for (1 .. REQUESTS) {
        my $status = get($path)->{status};
        die "$path: $status\n" if $status != 200;
    }
    return $spent->() - $before;
}

cost($_) for '/metrics', '/api/v1/products';
my %ns = ('/metrics' => 0, '/api/v1/products' => 0);
for (1 .. ROUNDS) {
    $ns{$_} += cost($_) for keys %ns;
}
my $ratio = $ns{'/metrics'} / $ns{'/api/v1/products'};
cmp_ok($ratio, '<=', MOST, sprintf 'a scrape costs %.1f times what a list of '
       . 'products does: %.0f and %.0f us of the worker', $ratio,
       map { $ns{$_} / ROUNDS / REQUESTS / 1000 } '/metrics',
       '/api/v1/products');

done();
