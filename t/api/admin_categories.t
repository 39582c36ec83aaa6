#!/usr/bin/perl
#
# admin_categories.t - categories by API key: each route, each documented
# status, places in the tree, and what the storefront says afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

my $all = '/api/admin/v1/categories';
my $none = 'cat_00000000010000000000000001';

start_shop();

is_problem(get($all), 401, 'unauthenticated');
as_key('categories.read');
is_problem(post($all, { name => 'A' }), 403, 'forbidden');
as_key(qw(categories.read categories.write products.read products.write));

# --- create ----------------------------------------------------------------

sub make {
    my ($name, %more) = @_;
    return ok_json(post($all, { name => $name, %more }), 201);
}

sub names {
    my $list = ok_json(get("$all?limit=100" . ($_[0] // '')), 200);
    return join ' ', map { $_->{name} } @{ $list->{data} };
}

my $res = post($all, { name => 'House', description => '<b onclick="x">B',
                       translations => { tr => { name => 'Ev' } } });
my $house = ok_json($res, 201);
is($res->{headers}{location}, "$all/$house->{id}", 'Location');
is($res->{headers}{etag}, '"v1"', 'ETag');
is($house->{slug}, 'house', 'a slug is made of the name');
is($house->{description}, '<b>B</b>', 'HTML is cleaned');
is($house->{translations}{tr}{slug}, 'ev', 'in Turkish too');
is($house->{status}, 'active', 'active');

my $garden = make('Garden');
my $kitchen = make('Kitchen', parent_id => $house->{id});
my $bath = make('Bath', parent_id => $house->{id});
my $hall = make('Hall', parent_id => $house->{id}, position => 0);
is(names(), 'House Garden Hall Kitchen Bath', 'in their places');
is(names("&parent_id=$house->{id}"), 'Hall Kitchen Bath', 'by parent');
is(names('&status=hidden'), '', 'by status');
is_deeply([map { $_->{slug} }
           @{ ok_json(get('/api/v1/categories'), 200)->{data} }],
          [qw(house garden hall kitchen bath)],
          'the storefront has them at once');
my $page = ok_json(get("$all?limit=2"), 200);
is_deeply([map { $_->{name} } @{ ok_json(get(
    "$all?limit=2&cursor=$page->{next_cursor}"), 200)->{data} }],
    ['Hall', 'Kitchen'], 'the next page');
is_deeply(ok_json(get("$all/$house->{id}"), 200), $house,
          'as it was answered');
is_problem(get("$all/$none"), 404, 'not_found');
is_problem(get("$all?status=gone"), 422, 'wrong_query', 'status');

is_problem(post($all, { name => 'House' }), 409, 'slug_taken', '/slug');
is_problem(post($all, { name => 'X', parent_id => $none }), 422,
           'unknown_category', '/parent_id');
is_problem(post($all, { name => 'X', translations =>
               { de => { name => 'X' } } }), 422, 'unknown_locale',
           '/translations/de');
is_problem(post($all, { name => '', slug => 'A b', status => 'archived',
                        position => -1, translations => { tr => {} } }), 422,
           'wrong_body', '/name', '/slug', '/status', '/position',
           '/translations/tr/name');
is_problem(post($all, '{'), 400, 'bad_body');
is_problem(post($all, 'x', 'Content-Type' => 'text/plain'), 415,
           'unsupported_media_type');

my %key = ('Idempotency-Key' => 'attic');
my $first = post($all, { name => 'Attic', parent_id => $house->{id} }, %key);
ok_json($first, 201);
is(post($all, { name => 'Attic', parent_id => $house->{id} }, %key)->{body},
   $first->{body}, 'the same again');

# --- change ------------------------------------------------------------------

my $at = "$all/$hall->{id}";
is_problem(patch($at, { name => 'X' }), 428, 'if_match_required');
is_problem(patch($at, { name => 'X' }, 'If-Match' => '"v9"'), 412,
           'version_mismatch');
is_problem(patch("$all/$none", { name => 'X' }, 'If-Match' => '*'), 404,
           'not_found');
is_problem(patch($at, { name => undef, id => $none }, 'If-Match' => '*'),
           422, 'wrong_body', '/name', '/id');
is_problem(patch($at, { slug => 'kitchen' }, 'If-Match' => '*'), 409,
           'slug_taken', '/slug');

$res = patch($at, { name => 'Corridor', slug => 'corridor', position => 1,
                    translations => { tr => { name => 'Koridor' } } },
             'If-Match' => '"v1"');
my $two = ok_json($res, 200);
is($res->{headers}{etag}, '"v2"', 'the next version');
is($two->{translations}{tr}{name}, 'Koridor', 'a language more');
is($two->{parent_id}, $house->{id}, 'where it was');
is(names("&parent_id=$house->{id}"), 'Kitchen Corridor Bath Attic',
   'at another place');
is_deeply([map { $_->{slug} }
           @{ ok_json(get('/api/v1/categories'), 200)->{data} }],
          [qw(house garden kitchen corridor bath attic)],
          'the storefront has it at once');
is(sql_value("SELECT count(*) FROM redirects WHERE from_slug = 'hall'"), 1,
   'the former slug is a redirect');
is(ok_json(patch($at, { parent_id => undef, position => 0 },
                 'If-Match' => '"v2"'), 200)->{parent_id}, undef,
   'a patch can move it to the top');
is(names(), 'Corridor House Garden Kitchen Bath Attic', 'to the first place');

# --- move --------------------------------------------------------------------

sub move {
    my ($what, $parent, %more) = @_;
    return post("$all/$what->{id}/move",
                { parent_id => $parent && $parent->{id}, %more });
}

my $cup = ok_json(post('/api/admin/v1/products', {
    title => 'Cup', status => 'active', category_ids => [$kitchen->{id}],
}), 201);
sub has_cup {
    my $list = ok_json(get("/api/v1/products?category=$_[0]{id}"), 200);
    return scalar @{ $list->{data} };
}

ok(has_cup($house) && !has_cup($garden), 'the cup is in the house');
ok_json(move($kitchen, $garden), 200);
ok(!has_cup($house) && has_cup($garden), 'now it is in the garden');
ok_json(move($garden, $house, position => 0), 200);
ok(has_cup($house), 'and in the house with it');
is(names("&parent_id=$house->{id}"), 'Garden Bath Attic', 'at the place');

is_problem(move($house, $kitchen), 409, 'category_cycle', '/parent_id');
is_problem(move($house, $house), 409, 'category_cycle', '/parent_id');
is_problem(post("$all/$house->{id}/move", { parent_id => $none }), 422,
           'unknown_category', '/parent_id');
is_problem(post("$all/$house->{id}/move", {}), 422, 'wrong_body',
           '/parent_id');
is_problem(post("$all/$none/move", { parent_id => undef }), 404,
           'not_found');
is_problem(post("$all/$house->{id}/move", { parent_id => undef },
                'If-Match' => '"v99"'), 412, 'version_mismatch');

my $deep = $kitchen;
$deep = make("Deep $_", parent_id => $deep->{id}) for 4 .. 16;
is_problem(post($all, { name => 'Too deep', parent_id => $deep->{id} }), 409,
           'category_too_deep', '/parent_id');

# --- archive, restore --------------------------------------------------------

is_problem(post("$all/$house->{id}/archive", undef), 409,
           'category_has_children');
is_problem(post("$all/$bath->{id}/restore", undef), 409,
           'category_not_archived');
is_problem(post("$all/$bath->{id}/archive", undef, 'If-Match' => '"v9"'),
           412, 'version_mismatch');
is(ok_json(post("$all/$bath->{id}/archive", undef), 200)->{status},
   'archived', 'archived');
is(scalar(grep { $_->{slug} eq 'bath' }
          @{ ok_json(get('/api/v1/categories'), 200)->{data} }), 0,
   'not in the shop');
is_problem(post("$all/$bath->{id}/archive", undef), 409,
           'category_archived');
is_problem(patch("$all/$bath->{id}", { name => 'X' }, 'If-Match' => '*'),
           409, 'category_archived');
is_problem(move($hall, $bath), 409, 'category_archived', '/parent_id');
is_problem(post($all, { name => 'X', parent_id => $bath->{id} }), 409,
           'category_archived', '/parent_id');
is(ok_json(post("$all/$bath->{id}/restore", undef), 200)->{status},
   'active', 'back');
is_problem(post("$all/$none/archive", undef), 404, 'not_found');

done();
