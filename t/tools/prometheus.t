#!/usr/bin/perl
#
# prometheus.t - a real Prometheus reads the metrics of a running shop, takes
# the rules of docs/monitoring, and has an answer to every question that a rule
# or a panel of the dashboard asks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $top = top_folder();
my $dir = "$ENV{SHOP_TEST_DIR}/prometheus";
my $monitoring = "$top/docs/monitoring";

my ($bin, $why) = programs();
plan(skip_all => $why) unless $bin;
mkdir $dir;

# --- without a shop ---------------------------------------------------------

my ($ok, $said) = promtool('check', 'rules', "$monitoring/alerts.yml");
ok($ok, 'promtool check rules') or diag($said);
my %alert = map { $_ => 1 }
    read_file("$monitoring/alerts.yml") =~ /^ +- alert: (\w+)$/mg;
like($said, qr/\b${\ scalar keys %alert} rules found/, 'it sees what we see');

# It takes some seconds, and needs nobody.
open my $testing, '-|', "'$bin/promtool' test rules "
    . "'$monitoring/alerts_test.yml' 2>&1" or die "promtool: $!";

# Each rule has its tests, and what to do about it.
my $tests = read_file("$monitoring/alerts_test.yml");
my %fires = map { $_ => 1 }
    $tests =~ /alertname: (\w+)\n +exp_alerts:\n +- exp_labels:/g;
my %quiet = map { $_ => 1 } $tests =~ /alertname: (\w+)\n +exp_alerts: \[\]/g;
is_deeply(\%fires, \%alert, 'each has a test that fires');
is_deeply(\%quiet, \%alert, 'and one that does not');
my %section = read_file("$top/docs/operations.md")
    =~ /^### (Shop\w+)\n(.*?)(?=^##)/msg;
is_deeply([sort keys %section], [sort keys %alert],
          'and a section in the manual');
is(join(' ', grep { $section{$_} !~ /\*\*Symptom.*\*\*(?:Check).*fix/is }
        sort keys %section), '', 'with symptom, check and fix');

# --- a shop, and traffic that reaches every series --------------------------

my $shop = start_shop(workers => 2, background => 1, server =>
    "location = /check.prom { alias $dir/check.prom; }");
as_key(qw(products.read products.write));
post('/api/admin/v1/products', { title => 'A cup' });
sql_as('postgres', q{UPDATE sqitch.changes SET change = 'x' || change});
is(get('/readyz')->{status}, 503, 'an answer of class 5xx');
sql_as('postgres', q{UPDATE sqitch.changes SET change = substr(change, 2)});
shopctl('check', '--quiet', '--workers', 2, '--metrics', "$dir/check.prom");
polled();
wait_for(sub {
    (request('GET', '/api/v1/categories', headers => { authorization => undef })
        ->{headers}{'cache-status'} // '') =~ /hit/;
}, 'a kept answer');

my $text = get('/metrics')->{body};
write_file("$dir/metrics.txt", $text);
($ok, $said) = run("'$bin/promtool' check metrics < '$dir/metrics.txt'");
ok($ok, 'promtool check metrics') or diag($said);
is($said, '', 'without a remark');

$said = do { local $/; <$testing> };
ok(close $testing, 'promtool test rules') or diag($said);

# --- Prometheus -------------------------------------------------------------

my $port = free_port();
write_file("$dir/prometheus.yml", configuration());
($ok, $said) = promtool('check', 'config', "$dir/prometheus.yml");
ok($ok, 'promtool check config') or diag($said);
my $pid = start_prometheus();
END { kill TERM => $pid if $pid }

# Every series that the shop shows is there, and no other of it.
my %there = map { s/ .*//r => 1 } grep { !/^#/ } split /\n/, $text;
my %got;
wait_for(sub {
    %got = map { labels_of($_->{metric}) => 1 }
        @{ ask('query', '{job="shop",__name__=~"shop_.*"}') };
    return !grep { !$got{ normal($_) } } keys %there;
}, 'all series arrive');
cmp_ok(scalar(keys %got), '>=', scalar(keys %there), 'all series are there: '
       . keys %got);
cmp_ok(scalar(keys %got), '<=', 2000, 'which are not too many');

my @rules = map { @{ $_->{rules} } } @{ wait_for(sub {
    my $groups = api('rules')->{groups};
    return !(grep { $_->{health} ne 'ok' } map { @{ $_->{rules} } } @$groups)
           && @$groups && $groups;
}, 'all rules are evaluated') };
is(scalar(@rules), scalar(keys %alert), 'all rules are there');
for my $rule (@rules) {
    my @selectors = $rule->{query} =~ /\b((?:shop_\w+|up)(?:\{[^}]*\})?)/g;

    has_data($_, "$rule->{name}: $_") for @selectors;
    is($rule->{annotations}{runbook}, "operations.md#\L$rule->{name}",
       "$rule->{name}: its runbook");
    like($rule->{annotations}{summary}, qr/\w/, 'its summary');
}

my $dashboard = Shop::Test::json()->decode(
    read_file("$monitoring/dashboard.json"));
my @panels = grep { $_->{type} ne 'row' } @{ $dashboard->{panels} };
cmp_ok(scalar(@panels), '>=', 20, 'panels: ' . @panels);
for my $panel (@panels) {
    is($panel->{datasource}{uid}, '${datasource}',
       "$panel->{title}: a source that there is");
    for my $target (@{ $panel->{targets} }) {
        my $query = $target->{expr} =~ s/\$__rate_interval/1m/gr
            =~ s/\$instance/.*/gr;

        has_data($query, "$panel->{title}: $target->{legendFormat}");
    }
}
my ($variable) = map { $_->{query} =~ /\((\w+), instance\)/ }
    grep { $_->{name} eq 'instance' } @{ $dashboard->{templating}{list} };
has_data($variable, 'the choice of machines');

kill TERM => $pid;
waitpid $pid, 0;
undef $pid;
done();


# The folder of prometheus and promtool, or why there is none.
sub programs {
    my ($found, $output) =
        run("'$top/tools/prometheus' '$ENV{SHOP_BUILD}'");

    chomp $output;
    return $found ? $output : (undef, $output);
}


sub run {
    my ($command) = @_;
    my $output = qx{$command 2>&1};

    return ($? == 0, $output);
}


sub promtool {
    return run(join ' ', map { "'$_'" } "$bin/promtool", @_);
}


# The example's, with this shop in the place of its own, and no patience.
sub configuration {
    my $conf = read_file("$monitoring/prometheus.yml");

    $conf =~ s/15s/200ms/g;
    $conf =~ s/https/http/ or die 'no scheme';
    $conf =~ s/shop\.example:443/127.0.0.1:$shop->{port}/ or die 'no target';
    $conf =~ s{- alerts\.yml}{- $monitoring/alerts.yml} or die 'no rules';

    # What a collector of files does on a machine, nginx does here.
    return $conf . <<"END";
  - job_name: files
    metrics_path: /check.prom
    static_configs:
      - targets: ["127.0.0.1:$shop->{port}"]
END
}


sub start_prometheus {
    my $child = fork // die "fork: $!";

    if (!$child) {
        open STDOUT, '>', "$dir/log";
        open STDERR, '>&', \*STDOUT;
        exec "$bin/prometheus", "--config.file=$dir/prometheus.yml",
             "--storage.tsdb.path=$dir/data", '--log.level=warn',
             "--web.listen-address=127.0.0.1:$port" or POSIX::_exit(127);
    }
    wait_for(sub { Shop::HTTP->new($port)->request('GET', '/-/ready')
                   ->{status} == 200 }, 'Prometheus is ready');
    return $child;
}


# The data of an answer of Prometheus's API; dies of an error.
sub api {
    my ($path) = @_;
    my $res = Shop::HTTP->new($port)->request('GET', "/api/v1/$path");
    my $said = Shop::Test::json()->decode($res->{body});

    die "$path: $res->{body}\n" if $said->{status} ne 'success';
    return $said->{data};
}


sub ask {
    my ($what, $query) = @_;

    $query =~ s/([^A-Za-z0-9_.-])/sprintf '%%%02X', ord $1/ge;
    return api("$what?query=$query")->{result};
}


# It may take a second scrape until a rate is there.
sub has_data {
    my ($query, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok(eval { wait_for(sub { @{ ask('query', $query) } }, $query) }, $name)
        or diag($@);
}


# A series as text, its labels in order, without those of the scrape.
sub labels_of {
    my ($metric) = @_;
    my %label = %$metric;

    delete @label{qw(job instance)};
    return join ',', delete $label{__name__},
        map { qq($_="$label{$_}") } sort keys %label;
}


sub normal {
    my ($series) = @_;
    my ($name, $labels) = $series =~ /^(\w+)(?:\{(.*)\})?$/;

    return join ',', $name, sort split /,(?=\w+=)/, $labels // '';
}
