#!/usr/bin/perl
#
# alloc_sweep.t - every allocation that a request causes fails, one after the
# other: of libshop, libpq, yajl, zlib and OpenSSL; that one alone, and it with
# all after it until the request has ended.  Every route that the document has
# is asked, as it finds the shop usually and as it finds it when nothing is
# kept, spare or connected yet; those that are kept, as it finds the answer in
# memcached only.
#
# What is answered is right, or says that it could not be done; then nothing
# was.  The next one is served, no matter what; and when the shop is closed
# it has given back all its memory.
#
# make test fails two allocations of every third route, the same each time
# (SEED= for others), and with memcached the last 48; all of them with
# TORTURE=1, in LANES=4 processes, since what was lost is often waited for.
# ROUTE=, STATE=, HOW= and SHARE= pick some.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/../lib";
use Shop::OpenAPI;
use Shop::State;
use Shop::Test;
use Shop::UV;
use Shop::Witness qw(child last_words);
use Time::HiRes qw(time);

my $whole = $ENV{TORTURE};
my $seed = $ENV{SEED} // ($whole ? time : 1);
my @hows = split ' ', $ENV{HOW} // 'once good';
my @states = split ' ', $ENV{STATE} // ($whole ? 'warm lean cold far'
                                               : 'lean far');
my @here = grep { $_ ne 'far' } @states;
my $json = JSON::PP->new->utf8;
my (%total, %answers, $server);

srand $seed;

# --- beside each other -------------------------------------------------------

# Each process has a share of the routes and a database of its own.
sub share {
    my ($k, $of) = @_;

    return child(sub {
        my ($out) = @_;
        $ENV{SHARE} = "$k/$of";
        print $out scalar `$^X $0 2>&1`;
        print $out "ended with $?\n";
    });
}

sub in_lanes {
    my ($of) = @_;
    my @all = map { share($_, $of) } 0 .. $of - 1;

    for my $k (0 .. $#all) {
        my $said = last_words($all[$k]);
        like($said, qr/^ended with 0$/m, "share $k of $of");
        diag($said =~ /^ended with 0$/m ? $said =~ /(\d+ routes.*)/ : $said);
    }
    done_testing();
    exit;
}

in_lanes($ENV{LANES} // 4) if $whole && !grep { $ENV{$_} } qw(ROUTE SHARE);
my ($share, $shares) = split '/', $ENV{SHARE} // '0/1';

start_shop(memcached => 1);
load_demo();

my $said = sql_value('SELECT last_seq FROM event_relay');
my $route = 0;
my @all = grep { $route++ % $shares == $share } map { ways($_) }
    grep { !$ENV{ROUTE} || $_->{name} =~ /$ENV{ROUTE}/ } operations();
my $key = as_key(sort { $a cmp $b } scopes());
events();
state_begin();
state_save('first');
state_save();
ready();


sub scopes {
    my %scopes = map { $_ => 1 } map { @{ $_->{scopes} } } operations();

    return keys %scopes;
}


# Who listens is told by the hub of what it reads, and by a step of his own of
# what was there before.
sub ways {
    my ($op) = @_;

    return $op if !$op->{endless};
    return map { { %$op, query => "?after=$_",
                   name => "$op->{name}?after=$_" } } $said, $said + 2;
}


# The third is numbered already, and the relay does not say so yet: new to the
# hub, whenever it begins.
sub events {
    sql(q{INSERT INTO events (seq, type, subject, payload, occurred_at)
          SELECT ? + n, CASE n WHEN 3 THEN 'sweep.end' ELSE 'sweep.on' END,
                 'thing_' || n, '{}', shop_now()
            FROM generate_series(1, 3) n}, $said);
    sql('UPDATE event_relay SET last_seq = ?', $said + 2);
}


my @memcached;
sub ready {
    $server = Shop::UV->new(database_url(),
        read_file("$ENV{SHOP_TEST_DIR}/" . shop_name() . '/cursor.secret'),
        'allocserve', @memcached);
}

sub shop_name { return sql_value('SELECT current_database()') }


# --- one request -------------------------------------------------------------

my $count = 0;

sub ask_it {
    my ($it) = @_;
    my $res = eval { $server->request($it->{method}, $it->{path},
                                      $it->{headers}, $it->{body}) };

    if (!$res) {
        ready();
        return { status => 'crash', why => $@ };
    }
    my $is_problem = ($res->{headers}{'content-type'} // '') =~ /problem/;
    $res->{body} =~ s/^retry: \d+/retry: a while/;
    $res->{code} = $is_problem ? $json->decode($res->{body})->{code} : '';
    return $res;
}

sub fails {
    my ($n, $how, $state, $it) = @_;

    $server->request('FAIL', "$n/$how/$state", {});
    my $res = ask_it($it);
    $total{refused} += $res->{headers}{'x-refused'} // 0;
    $answers{ "$res->{status} " . ($res->{code} // '') =~ s/ $//r }++;
    return $res;
}

# A request of the route: the same each time but for its key.
sub request_of {
    my ($op) = @_;
    my %headers = (authorization => "Bearer $key");
    my $path = fill($op) . ($op->{query} // '');

    $headers{'content-type'} = 'application/json' if $op->{method} ne 'GET';
    $headers{'if-match'} = get($path)->{headers}{etag}
        if $op->{parameters}{if_match};
    $headers{'idempotency-key'} = 'sweep-' . $count++
        if $op->{parameters}{idempotency_key};
    return { method => $op->{method}, path => $path, headers => \%headers,
             body => $op->{method} eq 'GET' ? '' : body_of($op) };
}

# --- what may be said --------------------------------------------------------

# It could not be done, and nothing was.
sub is_refusal {
    my ($res) = @_;

    return $res->{status} =~ /^50[034]$/ && $res->{code} ne ''
        && $res->{code} ne 'outcome_unknown';
}

# Nobody knows, or nobody could be told.  Who lost his connection and begins
# anew may meet his own lock.
sub is_unknown {
    my ($res) = @_;

    return $res->{status} eq '0'
        || $res->{code} =~ /^(?:outcome_unknown|request_in_progress)$/;
}

# Undisturbed, until it is: what went for want of memory is made anew, and who
# lost his connection in mid-transaction has his key locked until PostgreSQL
# has noticed.
sub undisturbed {
    my ($it, $right) = @_;
    my ($res, $tries) = (undef, 0);

    wait_for(sub {
        $res = ask_it($it);
        $tries++;
        $res->{status} ne 503 && $res->{code} ne 'request_in_progress';
    }, "$it->{method} $it->{path} is served");
    $total{retries} += $tries - 1;
    return $res;
}

# --- reads -------------------------------------------------------------------

sub read_once {
    my ($it, $right, @order) = @_;
    my $res = fails(@order, $it);
    my $same = $res->{status} eq $right->{status}
        && $res->{body} eq $right->{body};
    my @wrong;

    push @wrong, "answered $res->{status} " . ($res->{body} // $res->{why})
        unless $same || is_refusal($res) || is_unknown($res);
    my $next = undisturbed($it);
    push @wrong, "then $next->{status} " . ($next->{body} // $next->{why})
        if $next->{status} ne $right->{status}
            || $next->{body} ne $right->{body};
    return ($res, @wrong);
}

# --- writes ------------------------------------------------------------------

# Tried and tried again with its key, it is done once.
sub write_once {
    my ($op, $right, @order) = @_;
    my $it = request_of($op);
    my $res = fails(@order, $it);
    my $done = state_change($right->{before}, state_now());
    my @wrong;

    push @wrong, "answered $res->{status} " . ($res->{body} // $res->{why})
        unless $res->{status} eq $right->{status} || is_refusal($res)
            || is_unknown($res);
    push @wrong, "answered $res->{status} $res->{code}, and did: $done"
        if is_refusal($res) && $done ne ''
            || $res->{status} eq $right->{status} && $done ne $right->{done}
            || $done ne '' && $done ne $right->{done};

    if ($done eq '' || $op->{parameters}{idempotency_key}) {
        my $next = undisturbed($it);
        $done = state_change($right->{before}, state_now());
        push @wrong, "then $next->{status} " . ($next->{body} // $next->{why})
            . ", and did: $done"
            if $next->{status} ne $right->{status} || $done ne $right->{done};
    }
    state_back('', $done) if $done ne '';
    return ($res, @wrong);
}

# --- a route -----------------------------------------------------------------

# What it does when nothing fails.
sub right_of {
    my ($op) = @_;
    my $it = request_of($op);
    my $before = state_now();
    my $res = undisturbed($it);
    my $done = state_change($before, state_now());

    state_back('', $done) if $done ne '';
    return { %$res, before => $before, done => $done };
}

# And how many allocations that takes.
sub allocations {
    my ($op, $right, $state) = @_;
    my $res = fails(0, 'once', $state, request_of($op));

    state_back('', $right->{done}) if $right->{done} ne '';
    return $res->{headers}{'x-asked'};
}

# Restoring is for what is archived.
sub prepare {
    my ($op) = @_;

    return unless $op->{path} =~ m{/restore$};
    ask({ %$op, path => $op->{path} =~ s{restore$}{archive}r });
    state_save();
}

# Which allocations fail, and how.  What takes memcached's answer comes last,
# behind all that connects: of that each.
sub turns {
    my ($n, $state) = @_;
    my @which = $whole ? (1 .. $n)
        : $state eq 'far' ? grep { $_ > 0 } $n - 47 .. $n : 1 + int rand $n;

    return map { my $how = $_; map { [$_, $how] } @which } @hows;
}

# What is found among kept answers says so.
sub is_kept {
    my ($op) = @_;

    return $op->{method} eq 'GET' && !$op->{endless}
        && undisturbed(request_of($op))->{headers}{'cache-status'};
}

# How many blocks the process has when the shop is closed; it is opened again,
# and connected.
sub blocks {
    my ($op, $right) = @_;
    my $n = $server->request('CLOSE', '/', {})->{headers}{'x-blocks'};

    undisturbed(request_of($op));
    state_back('', $right->{done}) if $right->{done} ne '';
    return $n;
}

# What was wrong in these turns.
sub run {
    my ($op, $right, $state, @turns) = @_;
    my @wrong;

    for my $turn (@turns) {
        my @order = (@$turn, $state);
        my ($res, @said) = $right->{done} eq ''
            ? read_once(request_of($op), $right, @order)
            : write_once($op, $right, @order);
        $total{hit}++ if $res->{headers}{'x-refused'};
        $total{turns}++;
        push @wrong, map { "  @order: " . substr $_, 0, 300 } @said;
    }
    return @wrong;
}

# What is kept for good (columns of statements, names of algorithms) is some
# time all there; what is lost is lost each time.
sub sweep {
    my ($op, $right, $state) = @_;
    my $before = blocks($op, $right);
    my $n = allocations($op, $right, $state);
    my @turns = turns($n, $state);
    my @wrong = run($op, $right, $state, @turns);
    my $after = blocks($op, $right);

    $total{asked} += $n;
    cmp_ok($n, '>', 0, "$op->{name}, $state: $n allocations");
    for my $again (1 .. 6) {
        last if $after <= $before;
        $before = $after;
        push @wrong, run($op, $right, $state, @turns);
        $after = blocks($op, $right);
    }
    push @wrong, "$before, then $after blocks are left"
        if $after > $before;
    is(join("\n", @wrong), '',
       '  each answer is true, the next is right, and all memory given back');
}

my $turn = int rand 3;
my @kept;
for my $op (@all) {
    my $began = time;

    next if !$whole && $turn++ % 3;
    prepare($op);
    my $right = right_of($op);

    $total{routes}++;
    like($right->{status}, qr/^[23]/, "$op->{name}: is done when nothing fails")
        or diag($right->{body});
    push @kept, $op if is_kept($op);
    sweep($op, $right, $_) for @here;
    if ($op->{path} =~ m{/restore$}) {
        state_back('first');
        state_save();
    }
    note sprintf '%s took %.1f s', $op->{name}, time - $began;
}

ok($server->close, 'it ended well');

# --- with memcached ----------------------------------------------------------

# The first to ask makes it and puts it there.
if (grep { $_ eq 'far' } @states) {
    @memcached = "$ENV{SHOP_TEST_DIR}/" . shop_name() . "/memcached";
    ready();
    sweep($_, right_of($_), 'far') for @kept;
    ok($server->close, 'it ended well');
}

cmp_ok($total{hit}, '>', $total{turns} / 2, 'allocations were refused');
sql('UPDATE event_relay SET last_seq = ?', $said + 3);
diag(sprintf '%d routes, %d allocations, %d turns, of which %d refused %d; '
     . '%d retries; %s; seed %s', @total{qw(routes asked turns hit refused
     retries)}, join(', ', map { "$_: $answers{$_}" } sort keys %answers),
     $seed);
done();
