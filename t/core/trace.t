#!/usr/bin/perl
#
# trace.t - one request is found by its id wherever it has been: in nginx's log,
# in PostgreSQL while its transaction lasts and in its log, in problems, in the
# events and jobs that it made and in what came of those.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

my $shop = start_toys(workers => 2, background => 1,
    http   => 'log_format id "$shop_request_id $status";',
    server => 'access_log ids.log id;');
allow_log(qr/(?:job|jobs) .*(?:failed|dead)/);
as_nobody();
wait_for(sub { sql_value('SELECT count(*) FROM event_cursors') }, 'a cursor');
my $toy = make_toy(quantity => 5);

# Sessions of the shop with an open transaction, seen from outside of ours.
sub open_now {
    return map { $_->[0] } sql_as('postgres', <<'END');
SELECT application_name FROM pg_stat_activity
 WHERE datname = current_database() AND usename = 'shop_app'
   AND xact_start IS NOT NULL AND wait_event_type = 'Lock'
END
}

# And those that have none.
sub at_rest {
    return map { $_->[0] } sql_as('postgres', <<'END');
SELECT application_name FROM pg_stat_activity
 WHERE datname = current_database() AND usename = 'shop_app'
   AND state = 'idle'
END
}

# While somebody else has the toy, whoever wants it waits in its transaction.
sub while_waiting {
    my ($look, @ask) = @_;

    sql('BEGIN');
    sql('SELECT FROM toys WHERE id = ? FOR UPDATE', toy_id($toy));
    my $conn = ask(@ask);
    all_waiting(1);
    $look->();
    sql('COMMIT');
    return answer_to($conn);
}

my @play = ('POST', "/api/v1/toys/$toy/plays", { subject => 'x', n => 1 });
my $id = 'click-on-play.1';
my $res = while_waiting(sub {
    like(join(' ', open_now()), qr/^shop-tx-\d \Q$id\E$/,
         'the session has the name of the request');
}, @play, 'x-request-id' => $id);
is($res->{status}, 204, 'it is served');
is($res->{headers}{'x-request-id'}, $id, 'and answered with its id');
wait_for(sub { grep { /^shop-tx-\d$/ } at_rest() }, 'then the name is gone');
is(join(' ', grep { !/^shop-(?:tx-\d|read|slow|poll)$/ } at_rest()), '',
   'all sessions have their own again');

# An id that the module makes, and the longest that it takes.
$res = while_waiting(sub {
    like(join(' ', open_now()), qr/^shop-tx-\d [0-9a-f]{32}$/, 'a made id');
}, @play);
like($res->{headers}{'x-request-id'}, qr/^[0-9a-f]{32}$/, 'is answered too');

# Of a trace, the first part of the id is the trace's.
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
$res = while_waiting(sub {
    like(join(' ', open_now()), qr/^shop-tx-\d $trace-[0-9a-f]{16}$/,
         'a trace is found in PostgreSQL, with room for the rest of the id');
}, @play, traceparent => "00-$trace-00f067aa0ba902b7-01");
my $traced = $res->{headers}{'x-request-id'};
like($traced, qr/^$trace-/, 'and answered');
my $long = 'L' x 60 . '_end';
$res = while_waiting(sub {
    like(join(' ', open_now()), qr/^shop-tx-\d L{53}$/,
         'PostgreSQL cuts one that is too long');
}, @play, 'x-request-id' => $long);
is($res->{status}, 204, 'which harms nobody');

# Events and jobs.
wait_for(sub { sql_value('SELECT count(*) FROM jobs') == 0
               && sql_value('SELECT count(*) FROM outbox') == 0 }, 'all done');
is_deeply([map { $_->[0] } sql(q{SELECT request_id FROM events
                                  WHERE type = 'toy.played' ORDER BY seq})],
          [$id, (sql(q{SELECT request_id FROM events WHERE seq = 2}))[0][0],
           $traced, $long], 'events have the ids');
is(sql_value('SELECT count(*) FROM events WHERE request_id IS NULL'), 0,
   'each of them');

# A job that fails says in the log whose it was, and is a dead letter with it.
post("/api/v1/toys/$toy/plays", { subject => 'poison', n => 1 },
     'x-request-id' => 'asks-for-poison');
as_key(qw(jobs.read events.read));
my $job = wait_for(sub {
    get('/api/admin/v1/jobs?state=dead')->{json}{data}[0];
}, 'a dead letter');
is($job->{request_id}, 'asks-for-poison', 'the dead letter');
like(log_text(), qr/job toy\.poison failed, .* request asks-for-poison:/,
     'the error log');
my ($event) = grep { ($_->{request_id} // '') eq $id }
    @{ get('/api/admin/v1/events')->{json}{data} };
is($event->{type}, 'toy.played', 'the feed has it');
as_nobody();

# While a job runs, its session has the id of who asked for it.
sql('BEGIN');
sql('LOCK TABLE toy_effects IN SHARE MODE');
post("/api/v1/toys/$toy/plays", { subject => 'x', n => 1 },
     'x-request-id' => 'runs-as-a-job');
wait_for(sub { grep { /^shop-tx-\d runs-as-a-job$/ } open_now() },
         'the job runs under the id');
wait_for(sub { grep { /^shop-tx-\d relay: deliver$/ } open_now() },
         'what is of no request is called by what it is');
sql('COMMIT');

# A statement that fails, and the problem that comes of it.
$res = post("/api/v1/toys/$toy/plays", { subject => 'x', n => -99 },
            'x-request-id' => 'asks-too-much');
is_problem($res, 409, 'too_few');
is($res->{json}{request_id}, 'asks-too-much', 'the problem has the id');
wait_for(sub { read_file("$ENV{SHOP_TEST_DIR}/postgresql.log")
               =~ /shop-tx-\d asks-too-much ERROR: / }, "PostgreSQL's log");
for my $want ("$id 204", "$long 204", 'asks-too-much 409') {
    wait_for(sub { read_file("$shop->{dir}/ids.log") =~ /^\Q$want\E$/m },
             "nginx's log has $want");
}
pass('the logs have it');

done();
