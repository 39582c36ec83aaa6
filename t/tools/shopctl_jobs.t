# shopctl jobs: what is listed and shown; what is done to dead letters and to
# nothing else, by id and many at once; how scripts learn of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP qw(decode_json);
use Shop::Test;

use constant { OK => 0, FAILED => 1, USAGE => 2, UNREACHABLE => 3 };

my $unknown = 'job_01h45ytscbebyvny4gc8cr8ma2';

start_shop();
my $dir = "$ENV{SHOP_TEST_DIR}/jobs$$";


# Exit status, standard output, standard error.
sub run {
    my (@args) = @_;
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDOUT, '>', "$dir.out" or die;
        open STDERR, '>', "$dir.err" or die;
        $ENV{SHOP_DATABASE} //= database_url();
        exec "$ENV{SHOP_BUILD}/shopctl", 'jobs', @args or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? >> 8, read_file("$dir.out"), read_file("$dir.err"));
}

# What it prints under --json, whatever its exit status, which is as wanted.
sub json_of {
    my ($want, @args) = @_;
    my ($status, $out, $err) = run(@args, '--json');

    is($status, $want, "jobs @args: exit $want") or diag($err);
    return eval { decode_json($out) } // {};
}

sub refused {
    my ($want, $says, @args) = @_;
    my ($status, $out, $err) = run(@args);

    is($status, $want, "exit $want: jobs @args");
    like($err, $says, '  and says why');
    is($out, '', '  and nothing else');
}

# Jobs of each state; their ids as they are shown.
sub make {
    my ($state, $kind, $n) = @_;
    my %to = (waiting => '0, NULL, NULL', running => q{1, NULL,
              shop_now() + interval '1 hour'}, dead => '3, shop_now(), NULL');

    return map { shown($_->[0]) } sql(<<"END", $kind, $n);
INSERT INTO jobs (kind, payload, error, attempts, dead_at, leased_until)
SELECT ?, jsonb_build_object('n', i),
       CASE WHEN '$state' = 'dead' THEN 'conflict' END, $to{$state}
  FROM generate_series(1, ?) i RETURNING id
END
}

# As the API shows it: two ways to write an id agree.
sub shown {
    my ($uuid) = @_;
    my @digits = split //, '0123456789abcdefghjkmnpqrstvwxyz';
    my $bits = '00' . unpack 'B128', pack 'H32', $uuid =~ tr/-//dr;

    return 'job_' . join '', map { $digits[oct "0b$_"] } $bits =~ /.{5}/g;
}

sub states {
    return join ' ', map { "$_->[0] $_->[1]" } sql(<<'END');
SELECT CASE WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN leased_until IS NOT NULL THEN 'running'
            ELSE 'waiting' END AS state, count(*)
  FROM jobs GROUP BY state ORDER BY state
END
}


# --- the command line --------------------------------------------------------

my $before = states();
refused(USAGE, qr/--state takes waiting, running or dead, not "done"/,
        qw(list --state done));
refused(USAGE, qr/"prod_1" is no job's id/, qw(show prod_1));
refused(USAGE, qr/something is missing/, 'show');
for my $deed (qw(replay discard)) {
    refused(USAGE, qr/which\? Give ids, or --dead/, $deed);
    refused(USAGE, qr/which\?/, $deed, '--all');
    refused(USAGE, qr/which\?/, $deed, qw(--kind toy.count));
    refused(USAGE, qr/either --kind or --all/, $deed, '--dead');
    refused(USAGE, qr/either --kind or --all/, $deed,
            qw(--dead --all --kind toy.count));
    refused(USAGE, qr/not both/, $deed, $unknown, '--dead');
    refused(USAGE, qr/"job_1" is no job's id/, $deed, $unknown, 'job_1');
}
refused(USAGE, qr/--yes is missing/, qw(discard --dead --all));
refused(USAGE, qr/--yes is missing/, qw(discard --dead --kind toy.count));
refused(USAGE, qr/no option "--yes"/, qw(replay --dead --all --yes));
{
    local $ENV{SHOP_DATABASE} = 'host=/nonexistent';
    refused(UNREACHABLE, qr/cannot be reached/, @$_)
        for ['list'], ['show', $unknown], ['replay', $unknown];
}


# --- looking -----------------------------------------------------------------

sql('DELETE FROM jobs');
is_deeply(json_of(OK, 'list'), { data => [] }, 'no job');
my ($waiting) = make('waiting', 'toy.count', 1);
my ($running) = make('running', 'toy.count', 1);
my @dead = (make('dead', 'toy.count', 2), make('dead', 'of.old', 3));

my $list = json_of(OK, 'list')->{data};
is_deeply([map { $_->{id} } @$list], [sort $waiting, $running, @dead],
          'all are listed, oldest first');
my %job = map { $_->{id} => $_ } @$list;
is_deeply([map { $job{$_}{state} } $waiting, $running, @dead],
          [qw(waiting running), ('dead') x 5], 'with their states');
as_key('jobs.read');
is_deeply($list, ok_json(get('/api/admin/v1/jobs?limit=100'))->{data},
          'as the API has them');
is(@{ json_of(OK, qw(list --state), $_->[0])->{data} }, $_->[1],
   "$_->[1] $_->[0]") for [dead => 5], [running => 1], [waiting => 1];
is(@{ json_of(OK, qw(list --kind of.old))->{data} }, 3, 'of a kind');
is(@{ json_of(OK, qw(list --state dead --kind of.new))->{data} }, 0, 'or not');

my ($status, $text) = run('list');
like($text, qr/\Aid +state +attempts +when +kind, error$/m,
     'people get a head');
like($text, qr{^$waiting  waiting  0/10 +not before \S+Z +toy\.count$}m,
     'what waits');
like($text, qr{^$running  running  1/10 +until \S+Z +toy\.count$}m,
     'what runs');
like($text, qr{^$dead[4]  dead     3/10 +since \S+Z +of\.old, conflict$}m,
     'what is dead');
is(() = $text =~ /\n/g, 8, 'a line each');

is_deeply(json_of(OK, 'show', $dead[1]), $job{$dead[1]}, 'one is shown');
(undef, $text) = run('show', $dead[1]);
like($text, qr/^id +$dead[1]$/m, 'to people, too');
like($text, qr/^payload +\{"n": 2\}$/m, 'with what it was told');
unlike($text, qr/leased_until/, 'and without what is not set');
my ($uuid) = map { $_->[0] } sql("SELECT id FROM jobs WHERE kind = 'of.old'
                                   ORDER BY id LIMIT 1");
is(json_of(OK, 'show', $uuid)->{id}, (sort @dead[2 .. 4])[0],
   'by the uuid, too');
refused(FAILED, qr/no job $unknown/, 'show', $unknown);


# --- by id -------------------------------------------------------------------

is_deeply(json_of(OK, 'replay', $dead[0]),
          { replayed => [$dead[0]], refused => [] }, 'one is replayed');
is_deeply([sql(q{SELECT dead_at, attempts, run_at <= shop_now() FROM jobs
                  WHERE kind = 'toy.count' AND error = 'conflict'
                    AND dead_at IS NULL})], [[undef, 0, 1]],
          'from the first attempt on, now');
is(states(), 'dead 4 running 1 waiting 2', 'and no other');

is_deeply(json_of(FAILED, 'replay', $unknown, $dead[1], $running, $dead[0]),
          { replayed => [$dead[1]],
            refused => [{ id => $unknown, reason => 'not_found' },
                        { id => $running, reason => 'job_not_dead' },
                        { id => $dead[0], reason => 'job_not_dead' }] },
          'what is no dead letter is told, the rest is done');
refused(FAILED, qr/^shopctl: there is no job $unknown\n\z/, 'replay', $unknown);
refused(FAILED, qr/^shopctl: $waiting is no dead letter\n\z/,
        'discard', $waiting);
is(states(), 'dead 3 running 1 waiting 3', 'nothing happened to those');

($status, $text) = run('discard', @dead[2, 3]);
is($status, OK, 'two are discarded');
is($text, join('', sort map { "$_ is discarded\n" } @dead[2, 3]), 'and told');
refused(FAILED, qr/there is no job $dead[2]/, 'discard', $dead[2]);
is(states(), 'dead 1 running 1 waiting 3', 'for good');


# --- many --------------------------------------------------------------------

make('dead', 'toy.count', 4);
is((run(qw(replay --dead --kind toy.count)))[1], "4 jobs are replayed\n",
   'all of a kind');
is(states(), 'dead 1 running 1 waiting 7', 'and of no other');
is(@{ json_of(OK, qw(replay --dead --kind toy.count))->{replayed} }, 0,
   'none is no failure');
is((run(qw(--quiet replay --dead --all)))[1], '', '--quiet');
is(states(), 'running 1 waiting 8', 'all that were dead');
make('dead', 'toy.count', 2);
my ($last) = make('dead', 'of.old', 1);
is((run(qw(discard --dead --kind of.old --yes)))[1], "1 job is discarded\n",
   'discarded by kind');
is(@{ json_of(OK, qw(discard --dead --all --yes))->{discarded} }, 2,
   'and all the rest');
is(states(), 'running 1 waiting 8', 'what waits and runs stays');


sql('DELETE FROM jobs');
done();
