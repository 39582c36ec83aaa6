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

use Time::HiRes qw(sleep);

use constant OVERLOAD => 120;

my $net = bad_network();
start_shop(database_host => $net->folder,
           http => "shop_cache_zone off;\nshop_overload " . OVERLOAD . "ms;
                    shop_shed_first \$http_x_bot;");
$net->tell('match ^shop-read');
numbered_products(1);

my $path = '/api/v1/products/p-1';

sub answer { return get($path, @_)->{status} }
sub counter { return status()->{counters}{$_[0]} }

# Late by so much.
sub late {
    my ($ms) = @_;

    $net->tell("delay back $ms");
}

# While somebody else has waited for so long.
sub refused_to {
    my ($what, $ms, @headers) = @_;

    refused_at($path, $what, $ms, @headers);
}

sub refused_at {
    my ($asked, $what, $ms, @headers) = @_;
    my $res = wait_for(sub {
        my $other = new_connection();
        $other->send('GET', $path, {});
        sleep $ms / 1000;
        my $got = get($asked, @headers);
        $other->read_response('GET');
        return $got->{status} == 503 && $got;
    }, "$what is refused");

    is_problem($res, 503, 'overloaded');
    is($res->{headers}{'retry-after'}, 1, "$what may come again");
}

sub sessions {
    return sql_value(<<'SQL');
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^shop-read'
SQL
}

is(answer('x-bot' => 1), 200, 'a bot is served');
my $sessions = sessions();
is(counter('shed_total'), 0, 'and nobody refused');

late(OVERLOAD / 2);
refused_to('a bot', OVERLOAD / 3, 'x-bot' => 1);
as_key('products.read');
refused_at('/api/admin/v1/products/export.ndjson', 'an export', OVERLOAD / 3);
as_nobody();
is(answer('x-bot' => 0), 200, 'a shopper is served');
cmp_ok(counter('shed_first_total'), '>', 0, 'bots were counted');
is(counter('shed_total'), counter('shed_first_total'),
   'and no shopper was refused');

late(10 * OVERLOAD);
refused_to('a shopper', 2 * OVERLOAD);
is(get('/healthz')->{status}, 200, 'who watches gets in');
is(get('/readyz')->{status}, 200, 'whatever he asks');
as_key('products.write');
ok_json(post('/api/admin/v1/products', { title => 'Vase' }), 201,
        'a write is done');

late(0);
wait_for(sub { answer('x-bot' => 1) == 200 }, 'bots are served again');
pass('and nobody is refused when answers come');
is(sessions(), $sessions, 'PostgreSQL saw nothing of it but the answers');

done();
