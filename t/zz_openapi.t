#!/usr/bin/perl
#
# zz_openapi.t - the document of the routes is sound, and every answer that the
# tests before this one got is as it says.  The name makes it the last.
#
# What the check must find is planted, in answers and in the document.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/lib";
use Shop::Test;

# Every documented status is seen when all tests have run, but for these, each
# with why nothing that asks over HTTP brings it about.
my %unseen = (
    'GET /healthz 500' =>
        'only a lack of memory: t/fault/alloc_sweep.t, over a host of its own',
    'GET /api/openapi.json 500' =>
        'only a lack of memory: t/fault/alloc_sweep.t, over a host of its own',
    'GET /api/openapi.json 504' =>
        'it is made from memory and waits for nothing',
);

start_shop(workers => 2);

my $json = JSON::PP->new->utf8->canonical;
my $res = get('/api/openapi.json');
ok_json($res, 200, 'the document');
is(new_connection()->request('GET', '/api/openapi.json')->{body}, $res->{body},
   'is the same each time') for 1 .. 4;
is(get('/api/openapi.json', 'If-None-Match' => $res->{headers}{etag})
   ->{status}, 304, 'and has an ETag');
get('/api/v1/store');
get('/api/v1/store?fields=name,locale');
get('/api/v1/products?fields=id&limit=1');
get('/api/v1/products/nothing');

my $doc = $res->{json};
my $dir = "$ENV{SHOP_TEST_DIR}/zz";
mkdir $dir or die "$dir: $!";

sub write_to {
    my ($path, @lines) = @_;

    open my $out, '>', $path or die "$path: $!";
    print $out map { "$_\n" } @lines;
    close $out or die "$path: $!";
    return $path;
}

sub check {
    my ($document, $record) = @_;
    my @command = ('/usr/bin/python3', "$FindBin::Bin/lib/openapi.py",
                   $document, $record);

    open my $in, '-|', @command or die "@command: $!";
    my $out = do { local $/; <$in> };
    close $in or die "@command: exit status " . ($? >> 8) . "\n";
    return $json->decode($out);
}

# --- planted -----------------------------------------------------------------

my $document = write_to("$dir/openapi.json", $res->{body});
my @lines = read_lines($ENV{SHOP_TEST_RECORD});
my @pairs = map { $json->decode($_) }
    grep { m{"path":"/api/v1/(?:store(?:\?fields=name,locale)?|products/nothing
                               |products\?fields=id&limit=1)"}x } @lines;
my ($store) = grep { $_->{path} eq '/api/v1/store' && $_->{status} == 200 }
    @pairs;
my ($missing) = grep { $_->{path} eq '/api/v1/products/nothing'
                       && $_->{status} == 404 } @pairs;
my ($some, $rows) = map { my $path = $_; grep { $_->{path} eq $path } @pairs }
    '/api/v1/store?fields=name,locale', '/api/v1/products?fields=id&limit=1';
ok($store && $missing && $some && $rows, 'answers and a problem to spoil');

sub read_lines {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!";
    return <$in>;
}

# A pair with a change; the body is changed as what it says.
sub spoil {
    my ($pair, $change) = @_;
    my $new = $json->decode($json->encode($pair));
    my $body = JSON::PP->new->decode($new->{body});

    local $_ = $new;
    $change->($body);
    $new->{body} = JSON::PP->new->encode($body) if defined $new->{body};
    return $new;
}

my %planted = (
    'an unknown path'      => [$store, sub { $_->{path} = '/api/v1/other' }],
    'an unknown method'    => [$store, sub { $_->{method} = 'PUT' }],
    'an unknown status'    => [$store, sub { $_->{status} = 202 }],
    'another type'         => [$store, sub {
        $_->{headers}{'content-type'} = 'text/html' }],
    'no JSON'              => [$store, sub { $_->{body} = undef }],
    'a member too many'    => [$store, sub { $_[0]{extra} = 1 }],
    'a member too few'     => [$store, sub { delete $_[0]{name} }],
    'a member of a wrong type' => [$store, sub { $_[0]{locales} = 'en' }],
    'an id of another kind' => [$store, sub {
        $_[0]{channel_id} =~ s/^chan/prod/ }],
    'no ETag'              => [$store, sub { delete $_->{headers}{etag} }],
    'a body with 304'      => [$store, sub { $_->{status} = 304 }],
    'a member not asked for' => [$some, sub { $_[0]{locales} = ['en'] }],
    'a member asked for in vain' => [$some, sub { delete $_[0]{name} }],
    'a page of some, no more' => [$rows, sub { delete $_[0]{has_more} }],
    'a row of one too many' => [$rows, sub {
        $_[0]{data} = [{ id => 'prod_' . '0' x 26, slug => 'x' }] }],
    'an unknown code'      => [$missing, sub { $_[0]{code} = 'lost' }],
    'another route\'s code' => [$missing, sub {
        $_[0]{code} = 'bad_cursor' }],
    'another status inside' => [$missing, sub { $_[0]{status} = 410 }],
    'no request id'        => [$missing, sub { delete $_[0]{request_id} }],
    'a fault without a code' => [$missing, sub {
        $_[0]{errors} = [{ detail => 'x' }] }],
);
my @names = sort keys %planted;
my $found = check($document, write_to("$dir/planted", map {
    my $pair = spoil(@{ $planted{$_} });
    $pair->{test} = "planted: $_";
    $json->encode($pair);
} @names));
for my $name (@names) {
    ok((grep { /^planted: \Q$name\E: / } @{ $found->{pairs} }),
       "found: $name");
}

my $clean = check($document, write_to("$dir/clean", map { $json->encode($_) }
                                      $store, $some, $rows, $missing));
is_deeply($clean->{pairs}, [], 'nothing is found in what was not spoiled');
is($clean->{seen}, 3, 'and all were seen');

my %spoiled = (
    'leads nowhere' => sub { delete $_[0]{components}{schemas}{Store} },
    'not valid under any' => sub {
        $_[0]{components}{schemas}{Store}{type} = 'thing' },
    'stands twice'  => sub {
        $_[0]{paths}{'/readyz'}{get}{operationId} = 'get_healthz' },
    'no parameter'  => sub {
        $_[0]{paths}{'/api/v1/products/{product}'}{get}{parameters} = [] },
    'not described' => sub {
        delete $_[0]{paths}{'/readyz'}{get}{responses}{200}{description} },
);
for my $why (sort keys %spoiled) {
    my $copy = $json->decode($res->{body});
    $spoiled{$why}->($copy);
    my $faults = check(write_to("$dir/spoiled.json", $json->encode($copy)),
                       write_to("$dir/none"))->{document};
    ok((grep { /\Q$why\E/ } @$faults), "found in the document: $why")
        or diag("found: @$faults");
}

# --- what was recorded -------------------------------------------------------

my $all = check($document, $ENV{SHOP_TEST_RECORD});
is_deeply($all->{document}, [], 'the document is sound');
my @bad = map { substr $_, 0, 500 } @{ $all->{pairs} };
is(scalar @bad, 0, "none of $all->{checked} answers differs")
    or diag(map { "$_\n" } splice @bad, 0, 20);

diag("$all->{seen} of $all->{documented} documented statuses were seen");

# What nobody has seen and the list lacks, and what the list has in vain.
sub faults_of_list {
    my ($checked, $list) = @_;
    my %missing = map { $_ => 1 } @{ $checked->{missing} };
    my @faults = map { "not seen: $_" }
        grep { !$list->{$_} } sort keys %missing;

    push @faults, map { "no longer unseen, or not documented: $_" }
        grep { !$missing{$_} } sort keys %$list;
    return @faults;
}

my $few = check($document, "$dir/clean");
my %all_but = map { $_ => 'planted' } @{ $few->{missing} };
is_deeply([faults_of_list($few, \%all_but)], [],
          'a list of all that is unseen');
delete $all_but{'GET /healthz 200'};
$all_but{'GET /api/v1/store 200'} = 'was seen';
$all_but{'GET /api/v1/other 200'} = 'is not documented';
is_deeply([faults_of_list($few, \%all_but)],
          ['not seen: GET /healthz 200',
           'no longer unseen, or not documented: GET /api/v1/other 200',
           'no longer unseen, or not documented: GET /api/v1/store 200'],
          'found: what a list lacks, and what it has in vain');

SKIP: {
    my %ran = map { m{"test":"(?:[^"]*/)?(t/(?:api|ngx)/[^"]*)"} ? ($1 => 1)
                    : () } @lines;
    my @other = grep { !$ran{$_} } glob('t/api/*.t'), 't/ngx/limits.t',
        't/ngx/pace.t';

    skip "not every test has run: @other", 1 if @other;
    is_deeply([faults_of_list($all, \%unseen)], [],
              'all others were seen, and none of these');
}

done();
