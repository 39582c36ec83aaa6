#!/usr/bin/perl
#
# overload.t - while answers are late, who may go first is refused, then
# everybody; and nobody when they are not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Fault;
use Shop::Test;
use Shop::Witness;

use constant { OVERLOAD => 120, CLIENTS => 4 };

my $net = bad_network();
start_shop(database_host => $net->folder,
           http => 'shop_cache_zone off; shop_overload ' . OVERLOAD . 'ms;
                    shop_shed_first $http_x_bot;');
$net->tell('match ^shop-read');
numbered_products(1);

my $path = '/api/v1/products/p-1';
my $known = Shop::Witness->new(1, 1);

# Somebody asks all the time, whatever he is told.
my @crowd = map { child(sub {
    my ($n, $conn) = (0);

    until ($known->ended) {
        $conn = new_connection() if $n++ % 100 == 0;
        my $res = $conn->request('GET', $path);
        die "$res->{status} $res->{body}\n"
            unless $res->{status} == 200 || $res->{status} == 503;
    }
}) } 1 .. CLIENTS;

sub answer { return get($path, @_)->{status} }
sub counter { return status()->{counters}{$_[0]} }

# Late by so much.
sub late {
    my ($ms) = @_;

    $net->tell("delay back $ms");
}

sub refused_to {
    my ($what, @headers) = @_;
    my $res = wait_for(sub { my $got = get($path, @headers);
                             $got->{status} == 503 && $got },
                       "$what is refused");

    is_problem($res, 503, 'overloaded');
    is($res->{headers}{'retry-after'}, 1, "$what may come again");
}

is(answer('x-bot' => 1), 200, 'a bot is served');
is(counter('shed_total'), 0, 'and nobody refused');

late(OVERLOAD / 2);
refused_to('a bot', 'x-bot' => 1);
is(answer('x-bot' => 0), 200, 'a shopper is served');
cmp_ok(counter('shed_first_total'), '>', 0, 'bots were counted');
is(counter('shed_total'), counter('shed_first_total'),
   'and nobody else was refused');

late(2 * OVERLOAD);
refused_to('a shopper');
is(get('/healthz')->{status}, 200, 'who watches gets in');
is(get('/readyz')->{status}, 200, 'whatever he asks');
as_key('products.write');
ok_json(post('/api/admin/v1/products', { title => 'Vase' }), 201,
        'a write is done');

late(0);
wait_for(sub { answer('x-bot' => 1) == 200 }, 'bots are served again');
pass('and nobody is refused when answers come');
$known->end;
is(last_words($_), '', 'the crowd was served or refused') for @crowd;
$known->remove;

done();
