#!/usr/bin/perl
#
# connections.t - nginx has none of its worker_connections left, so that a lane
# cannot have one for its socket: who waits for PostgreSQL is refused, and when
# clients leave all is as before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Select;
use Shop::Test;

start_shop(connections => 64, http => 'shop_deadline 5s;');
my ($worker) = workers();

allow_log(qr/64 worker_connections are not enough/);
as_key('products.write');
ok_json(get('/api/v1/products'), 200, 'a list');

# Clients in the middle of a request: nginx takes away no connection from
# these.  What is left of their request is up to the test.
my @clients;

sub is_held {
    my ($conn) = @_;

    # One that is closed later counts as held, and crowd() goes on a little.
    return !IO::Select->new($conn->{socket})->can_read(0.05);
}

# Until so many, one after the other, were turned away.
sub crowd {
    my ($turned_away) = @_;
    my $n = 0;

    while ($n < $turned_away) {
        my $conn = eval { new_connection() } or next;
        eval { $conn->write("GET /api/v1/products?limit="
                            . (@clients + 1) . " HTTP/1.1\r\nHost: x\r\n") };
        if (is_held($conn)) {
            push @clients, $conn;
            $n = 0;
        } else {
            $n++;
        }
    }
}

# Lanes try to connect all the while, in vain, and each time give back what
# they had: until clients have all of it.
sql('ALTER DATABASE ' . sql_value('SELECT current_database()')
    . ' CONNECTION LIMIT 0');
wait_for(sub { pg_kill(); get('/readyz')->{status} == 503 }, 'no session');
crowd(60);
cmp_ok(@clients, '>', 32, 'clients have them all');
sql('ALTER DATABASE ' . sql_value('SELECT current_database()')
    . ' CONNECTION LIMIT -1');
wait_for(sub { log_text() =~ /cannot watch one more descriptor/ },
         'a lane gets none');

# One that has its connection asks: nothing becomes free by it.
my $asks = shift @clients;
$asks->write("\r\n");
my $res = $asks->read_response('GET');
like("$res->{status} " . Shop::Test::json()->decode($res->{body})->{code},
     qr/^503 database_(?:unavailable|timeout)$/, 'who asks is refused');
is($res->{headers}{'retry-after'}, 1, 'for now');

$_->close for $asks, splice @clients;
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready again');
polled();
is(get("/api/v1/products?limit=$_")->{status}, 200, "list $_") for 1 .. 5;
ok_json(post('/api/admin/v1/products', { title => 'Vase' }), 201, 'a write');
is((workers())[0], $worker, 'by the same worker');

done();
