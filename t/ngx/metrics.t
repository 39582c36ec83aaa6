#!/usr/bin/perl
#
# metrics.t - what /metrics says is as Prometheus wants it, adds up, is
# bounded, and holds nothing of what clients sent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant SERIES_MAX => 2000;

start_shop(workers => 2, http => 'shop_drain_time 0;');

my @methods = qw(get post put patch delete);
my $api = ok_json(get('/api/openapi.json'))->{paths};
my %route = map { s/\{(\w+)\}/:$1/gr => 1 } keys %$api;

# Each sample by its name with labels; dies of what is no sample.
sub metrics {
    my (%value, %type, $family);

    for (split /\n/, request('GET', '/metrics')->{body}) {
        if (/^# HELP (\S+) \S.*$/) {
            die "$1 comes twice" if $type{ $family = $1 };
        } elsif (/^# TYPE (\S+) (counter|gauge|histogram)$/) {
            die "the help of $1 is $family" if $1 ne $family;
            $type{$1} = $2;
        } elsif (/^((\w+)(?:\{[^{}]*\})?) (-?[\d.]+)$/) {
            my ($series, $name, $value) = ($1, $2, $3);
            $name =~ s/_(?:bucket|sum|count)$//
                if $type{$family} eq 'histogram';
            die "$series is in $family" if $name ne $family;
            die "$series comes twice" if defined $value{$series};
            $value{$series} = $value;
        } else {
            die "no sample: $_";
        }
    }
    return \%value;
}

# What a client sends, where it could come in.
my $canary = 'canary-in-label';
for (1 .. 20) {
    get('/api/v1/categories');
    get("/api/v1/products/$canary?locale=tr");
    get("/api/v1/$canary");
    get("/api/v1/products?$canary=1", 'x-request-id' => $canary,
        'accept-language' => $canary);
    request($canary =~ s/-//gr, '/api/v1/categories');
}
polled();
wait_for(sub { (get('/api/v1/categories')->{headers}{'cache-status'} // '')
               =~ /hit/ }, 'a hit');

my $m = metrics();
my %label;
for my $series (keys %$m) {
    $label{$1}{$2}++ while $series =~ /(\w+)="([^"]*)"/g;
}
is(join(' ', sort keys %label), 'class le method route version', 'the labels');
is(join(' ', grep { !$route{$_} } sort keys %{ $label{route} }), '',
   'routes are templates');
is(join(' ', grep { !/^[1-5]xx$/ } keys %{ $label{class} }), '', 'classes');
is(join(' ', grep { !/^(?:GET|POST|PUT|PATCH|DELETE)$/ }
        keys %{ $label{method} }), '', 'methods that there are');
is(scalar(grep { /$canary/i } keys %$m), 0, 'nothing of what was sent');

# As many as there can be: every route with each class and each of its others.
cmp_ok(scalar(keys %$m), '<=', SERIES_MAX, 'series: ' . keys %$m);
my $routes = 0;
for my $path (values %$api) {
    $routes += grep { $path->{$_} } @methods;
}
my $single = grep { !/route=/ } keys %$m;
my $each = 5 + keys(%{ $label{le} }) + 2 + 2;
cmp_ok($routes * $each + $single, '<=', SERIES_MAX,
       "$routes routes of $each series and $single others at most");

# They add up.
my @durations = grep { /^shop_response_duration_seconds_count/ } keys %$m;
for my $count (@durations) {
    my ($labels) = $count =~ /\{(.*)\}/;
    my %below = map { /_bucket\{\Q$labels\E,le="(.*)"/ ? ($1 => $_) : () }
        keys %$m;
    my @buckets = map { $m->{ $below{$_} } } sort { $a <=> $b } keys %below;
    my $answers = 0;

    $answers += $m->{$_}
        for grep { /^shop_responses_total\{\Q$labels\E,/ } keys %$m;
    is($buckets[-1], $m->{$count}, "$labels: the last bucket has all");
    is($answers, $m->{$count}, 'as many as there were answers');
    is("@buckets", join(' ', sort { $a <=> $b } @buckets), 'buckets grow');
}
my $store = 'method="GET",route="/api/v1/categories"';
cmp_ok($m->{"shop_response_cache_hits_total{$store}"}, '>', 0, 'hits');
cmp_ok($m->{"shop_response_cache_hits_total{$store}"}, '<=',
       $m->{"shop_response_duration_seconds_count{$store}"},
       'no more than all');
cmp_ok($m->{"shop_response_database_seconds_total{$store}"}, '>', 0,
       'and some time of PostgreSQL');
is($m->{shop_cache_lease}, 1, 'the lease is good');

# A worker's numbers outlive it.
reload();
my $after = metrics();
is(join(' ', grep { /_total|_count|_bucket|_sum/
                    && ($after->{$_} // 0) < $m->{$_} } sort keys %$m), '',
   'after a reload nothing has become less');

done();
