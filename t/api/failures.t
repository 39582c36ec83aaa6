#!/usr/bin/perl
#
# failures.t - every route that the document has, with what can go wrong with
# any of them: a query that cannot be read, a parameter that it does not know,
# an id that nobody has, a database that is slow, broken, away.

use strict;
use warnings;

use FindBin;
use POSIX ();
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

start_shop(workers => 2);
load_demo();

my @all = operations();
my %scopes = map { $_ => 1 } map { @{ $_->{scopes} } } @all;
as_key(sort keys %scopes) if %scopes;

# Asked as documented, a list or a thing that is there says so, and that it has
# not changed when asked again.
for my $op (grep { $_->{statuses}{304} } @all) {
    my $res = ask($op);
    next if $res->{status} != 200;
    is(ask($op, headers => { 'If-None-Match' => $res->{headers}{etag} })
       ->{status}, 304, "$op->{name}: not modified");
}

for my $op (@all) {
    is_problem(ask($op, query => 'a=%FF'), 400, 'bad_query');
    is_problem(ask($op, query => 'nonsense=1'), 422, 'wrong_query',
               'nonsense');
    is_problem(ask($op, path => $op->{path} =~ s/\{\w+\}/%FF/r), 400,
               'bad_path') if $op->{path} =~ /\{/ && $op->{method} eq 'GET';
    is_problem(ask($op, query => 'cursor=x'), 400, 'bad_cursor')
        if $op->{parameters}{cursor};
    is_problem(ask($op, query => 'locale=xx'), 422, 'unknown_locale',
               'locale') if $op->{parameters}{locale};
    is_problem(ask($op, query => 'currency=ZZZ'), 422, 'unknown_currency',
               'currency') if $op->{parameters}{currency};
}

# What is asked to be made or changed may be refused for its body before.
for my $op (grep { $_->{path} =~ /\{/ } @all) {
    my $res = ask($op, none => 1);
    is_problem($res, $res->{status}, $res->{status} == 422
               && $op->{method} ne 'GET' ? 'wrong_body' : 'not_found');
}

# What comes with a change.  The largest body is nginx's to say: a megabyte.
for my $op (grep { $_->{method} ne 'GET' } @all) {
    is_problem(ask($op, body => '{', headers =>
                   { 'content-type' => 'application/json' }), 400,
               'bad_body');
    is_problem(ask($op, body => 'x', headers =>
                   { 'content-type' => 'text/plain' }), 415,
               'unsupported_media_type');
    if ($op->{body}) {
        my $res = ask($op, body => '{"nonsense":1}');
        is_problem($res, 422, 'wrong_body');
        ok((grep { $_->{pointer} eq '/nonsense' && $_->{code} eq 'unknown' }
            @{ $res->{json}{errors} }), "$op->{name}: an unknown member");
    }
    is_problem(ask($op, body => '{}', headers => { 'if-match' => undef }),
               428, 'if_match_required') if $op->{parameters}{if_match};
    is_problem(ask($op, body => '{"x":"' . 'x' x 1048576 . '"}',
                   conn => new_connection()), 413, 'body_too_large');
    is_problem(ask($op, headers => { 'idempotency-key' => 'a b' }), 400,
               'bad_idempotency_key')
        if $op->{parameters}{idempotency_key};
}

# A version that the thing does not have, whatever else would be wrong.
for my $op (grep { $_->{statuses}{412} } @all) {
    is_problem(ask($op, body => body_of($op),
                   headers => { 'if-match' => '"v999"' }), 412,
               'version_mismatch');
}

# Routes that need the database, each asked for what nothing kept answers yet.
# /readyz is among them, the document is not.
my @needing = grep { $_->{path} !~ m{^/healthz|openapi} } @all;
my $fresh = 0;

sub fresh {
    my ($op) = @_;

    return query => $op->{parameters}{limit} ? 'limit=30' . '&' x ++$fresh
                    : $op->{parameters}{locale} ? 'locale=tr' . '&' x ++$fresh
                    : '';
}

# With what a write needs, so that it comes as far as the database.
sub body {
    my ($op) = @_;

    return $op->{method} eq 'GET' ? ()
        : (body => body_of($op), headers => { 'if-match' => '*' });
}

# --- broken ------------------------------------------------------------------

# A row of any of these tables cannot be read by the application.
my @tables = qw(categories channels events jobs price_lists prices products
                variants);
sql("CREATE FUNCTION broken() RETURNS boolean LANGUAGE plpgsql AS
     \$\$ BEGIN RAISE 'broken'; END \$\$");
sql("CREATE POLICY broken ON $_ USING (broken())") for @tables;
sql("CREATE POLICY broken ON sqitch.changes USING (broken())");
my %broken = map { $_ => 1 } @tables, 'sqitch.changes';
sql("ALTER TABLE $_ ENABLE ROW LEVEL SECURITY") for sort keys %broken;
is_problem(ask($_, fresh($_), body($_)), 500, 'internal') for @needing;
sql("ALTER TABLE $_ DISABLE ROW LEVEL SECURITY") for sort keys %broken;

# --- slow --------------------------------------------------------------------

# All at once, on connections of their own.
sub all_late {
    my %waiting;

    for my $op (@_) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my $res = eval { ask($op, fresh($op), body($op),
                                 conn => new_connection()) };
            POSIX::_exit($res && $res->{status} == 504
                && $res->{json}{code} =~ /_(?:timeout|exceeded)$/ ? 0 : 1);
        }
        $waiting{$pid} = $op;
        $fresh++;
    }
    for my $pid (keys %waiting) {
        waitpid $pid, 0;
        is($?, 0, "$waiting{$pid}{name}: 504 when it takes too long");
    }
}

# Whoever waits for a table waits until the database says that it is enough.
my $lock = 'LOCK TABLE ' . join ', ', @tables, 'sqitch.changes';
sql('BEGIN');
sql($lock);
all_late(grep { $_->{method} eq 'GET' } @needing);
sql('ROLLBACK');

# A database that says nothing at all.
pg_freeze();
all_late(grep { $_->{method} ne 'GET' } @needing);
pg_thaw();
wait_for(sub { get('/readyz')->{status} == 200 }, 'it speaks again');

# --- done --------------------------------------------------------------------

# What was archived and restored is a draft and what was ended has ended, so
# these steps come last; a job that is replayed cannot be discarded.
sub comes_late { $_[0]{path} =~ m{/(?:archive|restore|end)$} }

for my $op (sort { comes_late($a) <=> comes_late($b) }
            grep { $_->{statuses}{204} && $_->{path} !~ /discard$/ } @all)
{
    my $res = ask($op, body => body_of($op), headers =>
                  { 'if-match' => '*', prefer => 'return=minimal' });
    is($res->{status}, 204, "$op->{name}: done, and no more said")
        or diag($res->{body});
    is($res->{body}, '', '  without a body');
}

# --- away --------------------------------------------------------------------

pg_stop();
for my $op (@needing) {
    my $res = ask($op, fresh($op));
    is_problem($res, 503, 'database_unavailable');
    ok($res->{headers}{'retry-after'}, "$op->{name}: try again");
}
is(get('/healthz')->{status}, 200, 'the process is well');
is(get('/api/openapi.json')->{status}, 200, 'and says what it knows');
pg_start();
wait_for(sub { get('/readyz')->{status} == 200 }, 'back without a restart');

done();
