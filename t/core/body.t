#!/usr/bin/perl
#
# body.t - bodies: told apart from what is not given, laid over what is there,
# with all their faults at once; and the versions that a change names.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy;

start_toys(workers => 1);
as_key('products.write');

my $toy = make_toy(name => 'ball', note => 'red', quantity => 3,
                   label => 'b');
my $path = "/api/v1/toys/$toy";
my $any = '*';

sub change {
    my ($body, $version, %headers) = @_;
    return patch($path, $body, 'If-Match' => $version // $any, %headers);
}

sub members { return [ @{ $_[0]{json} }{qw(name label note quantity)} ] }

# What is not given has its default, what is given as nought has not.
my %made = map { $_->[0] => ok_json(post('/api/v1/toys', $_->[1]), 201) }
    [ none => { name => 'n' } ], [ nought => { name => 'z', quantity => 0 } ];
is($made{none}{quantity}, 7, 'a member that is not given');
is($made{nought}{quantity}, 0, 'one that is nought');

# A merge patch: what is not named stays, null takes away.
is_deeply(members(change({ quantity => 5 })), [ 'ball', 'b', 'red', 5 ],
          'one member is changed');
is_deeply(members(change({ note => undef, name => 'cube' })),
          [ 'cube', 'b', undef, 5 ], 'one is taken away');
is_deeply(members(change({})), [ 'cube', 'b', undef, 5 ], 'none');
is_deeply(members(get($path)), [ 'cube', 'b', undef, 5 ], 'and so it is read');
is(change('{"note":"x"}', $any, 'Content-Type' =>
          'application/merge-patch+json; charset=utf-8')->{status}, 200,
   'a merge patch by name');

# All faults of a body at once, those of the shape and those of a rule.
is_problem(post('/api/v1/toys', { nam => 1, label => 5, note => 'x' x 201,
                                  quantity => 1001, fresh_for => -1 }),
           422, 'wrong_body',
           qw(/nam /name /label /note /quantity /fresh_for));
is_problem(change({ name => undef, quantity => 'x', version => 7 }),
           422, 'wrong_body', qw(/name /quantity /version));
is_problem(post('/api/v1/toys', { name => 's', label => 's', note => 's' }),
           422, 'wrong_body', qw(/label /note));
is_problem(post('/api/v1/toys', { name => 'cube' }), 409, 'name_taken',
           '/name');
is_deeply(members(get($path)), [ 'cube', 'b', 'x', 5 ], 'nothing changed');

# What is no JSON, or of no use as such.
is_problem(post('/api/v1/toys', '{"name": }'), 400, 'bad_body');
is_problem(post('/api/v1/toys', '{"name":"x"}', 'Content-Type' =>
                'text/plain'), 415, 'unsupported_media_type');
is_problem(post('/api/v1/toys', '{"name":"x"}', 'Content-Encoding' =>
                'gzip'), 415, 'unsupported_media_type');
is_problem(post('/api/v1/toys', '{"name":"x"}', 'Content-Type' =>
                'application/merge-patch+json'), 415,
           'unsupported_media_type');
is_problem(post('/api/v1/toys', '[]'), 422, 'wrong_body', '');

# If-Match: none, another, one of a list, any; and with the W/ that nginx puts
# before the tag of what it compresses.
is_problem(patch($path, { note => 'y' }), 428, 'if_match_required');
my $etag = get($path)->{headers}{etag};
my ($version) = $etag =~ /^"v(\d+)-[0-9a-f]{24}"$/;
ok($version, "the version is in the ETag: $etag");
for ('"v0"', "\"v${version}0\"", "\"v$version-x\"", 'W/"v0"', "\"x$etag",
     substr($etag, 0, -1), "w/$etag", "W/W/$etag", 'W/', "$etag-gz", '"*"',
     'v1')
{
    is_problem(change({ note => 'y' }, $_), 412, 'version_mismatch');
}
is(get($path)->{headers}{etag}, $etag, 'nothing changed');
for (sub { $_[0] }, sub { "\"a\", $_[0]" }, sub { "\"a\",$_[0],\"b\"" },
     sub { "W/\"c\" , $_[0]" }, sub { "W/$_[0]" },
     sub { "\"a\", W/$_[0]" }, sub { '*' })
{
    my $given = $_->("\"v$version\"");
    my $res = change({ note => 'z' }, $given);
    is($res->{status}, 200, "is let pass: $given");
    is($res->{headers}{etag}, '"v' . ++$version . '"', '  to the next version');
}

# Of two who read the same one is told.
$etag = get($path)->{headers}{etag};
is(change({ note => 'first' }, $etag)->{status}, 200, 'the first changes it');
is_problem(change({ note => 'second' }, $etag), 412, 'version_mismatch');
is(get($path)->{json}{note}, 'first', 'the second does not');

# The version is asked after the policy and before the body.
is_problem(patch('/api/v1/toys/toy_x', '{'), 428, 'if_match_required');
is_problem(change('{'), 400, 'bad_body');
is_problem(patch('/api/v1/toys/toy_x', {}, 'If-Match' => '*'), 404,
           'not_found');

done();
