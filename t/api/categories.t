#!/usr/bin/perl
#
# categories.t - the tree of categories and one of them: languages, hidden and
# archived ones, addresses that moved.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop();

is_deeply(ok_json(get('/api/v1/categories'), 200), { data => [] },
          'a shop without categories');

sql(<<'SQL');
INSERT INTO categories (id, parent_id, path, handle, position)
VALUES ('00000000-0000-7000-8000-0000000000c1', NULL, '{}', 'house', 'V002'),
       ('00000000-0000-7000-8000-0000000000c2', NULL, '{}', 'books', 'V001');
INSERT INTO categories (id, parent_id, path, handle, position, status)
SELECT ('00000000-0000-7000-8000-0000000000d' || n)::uuid,
       '00000000-0000-7000-8000-0000000000c1', '{}', 'room-' || n,
       'V00' || 9 - n, CASE n WHEN 3 THEN 'hidden' WHEN 4 THEN 'archived'
                              ELSE 'active' END
  FROM generate_series(1, 4) n;
INSERT INTO category_i18n (category_id, locale, name, description, seo_title,
                           seo_description)
VALUES ('00000000-0000-7000-8000-0000000000c1', 'en', 'House', '<p>All</p>',
        'House and home', 'For the house'),
       ('00000000-0000-7000-8000-0000000000c1', 'tr', 'Ev', '', '', ''),
       ('00000000-0000-7000-8000-0000000000d1', 'en', 'Room', '', '', '');
INSERT INTO slugs (kind, owner_id, locale, slug)
VALUES ('category', '00000000-0000-7000-8000-0000000000c1', 'en', 'house'),
       ('category', '00000000-0000-7000-8000-0000000000c1', 'tr', 'ev'),
       ('category', '00000000-0000-7000-8000-0000000000d1', 'en', 'room'),
       ('category', '00000000-0000-7000-8000-0000000000d3', 'en', 'hidden'),
       ('category', '00000000-0000-7000-8000-0000000000d4', 'en', 'old');
SQL
polled();

my $tree = ok_json(get('/api/v1/categories'), 200)->{data};
is_deeply([map { $_->{name} } @$tree], ['books', 'House', 'room-2', 'Room'],
          'parents first, each level in its order');
my %id = map { $_->{name} => $_->{id} } @$tree;
is_deeply([map { $_->{parent_id} } @$tree],
          [undef, undef, $id{House}, $id{House}], 'under their parents');
is_deeply([map { "$_->{name} " . ($_->{slug} // '-') }
           @{ get('/api/v1/categories?locale=tr')->{json}{data} }],
          ['books -', 'Ev ev', 'room-2 -', 'Room room'],
          'in Turkish, and what falls back');

my $house = ok_json(get('/api/v1/categories/house'), 200, 'by slug');
is_deeply(ok_json(get("/api/v1/categories/$id{House}"), 200), $house,
          'by id');
is_deeply([@$house{qw(id parent_id slug locale name description seo_title
                      seo_description)}],
          [$id{House}, undef, qw(house en House <p>All</p>),
           'House and home', 'For the house'], 'its own members');
is_deeply([map { $_->{name} } @{ $house->{children} }], ['room-2', 'Room'],
          'what lies under it');
is_deeply([map { $_->{name} } @{ $house->{breadcrumb} }], ['House'],
          'the way to it');
ok(!exists $house->{status}, 'nothing hidden is shown');

my $room = get('/api/v1/categories/room?locale=tr')->{json};
is_deeply([@$room{qw(locale name parent_id)}], ['en', 'Room', $id{House}],
          'falls back');
is_deeply([map { @$_{qw(name slug)} } @{ $room->{breadcrumb} }],
          [qw(Ev ev Room room)], 'each step in the language that it has');
is_deeply($room->{children}, [], 'nothing under it');
is_deeply([$room->{alternates}, $house->{alternates}],
          [[{ locale => 'en', slug => 'room' }],
           [{ locale => 'en', slug => 'house' },
            { locale => 'tr', slug => 'ev' }]],
          'where each is in the languages that it has');
is(get('/api/v1/categories/ev')->{json}{name}, 'House',
   'a slug of another language leads to the same');

# --- moved, hidden, gone, never there ----------------------------------------

sql("UPDATE slugs SET slug = ? WHERE slug = ?", @$_)
    for ['home', 'house'], ['homé', 'home'];
polled();
for ('house', 'home') {
    my $res = get("/api/v1/categories/$_");
    is($res->{status}, 301, "$_ moved");
    is($res->{headers}{location}, '/api/v1/categories/hom%C3%A9',
       'to its new slug');
}
is(get('/api/v1/categories/hom%C3%A9')->{status}, 200, 'which is there');

my ($last) = $id{House} =~ /^(.*)..$/;
is_problem(get('/api/v1/categories/hidden'), 404, 'not_found');
is_problem(get('/api/v1/categories/old'), 410, 'gone');
is_problem(get("/api/v1/categories/$_"), 404, 'not_found')
    for 'nothing', 'cat_1', 'prod_' . substr($id{House}, 4),
        'cat_' . '0' x 25 . '1';
is_problem(get('/api/v1/categories/%C3'), 400, 'bad_path');
for my $path ('/api/v1/categories', '/api/v1/categories/room') {
    is_problem(get("$path?locale=xx"), 422, 'unknown_locale', 'locale');
    is_problem(get("$path?currency=TRY"), 422, 'wrong_query', 'currency');
    my $etag = get($path)->{headers}{etag};
    is(get($path, 'If-None-Match' => $etag)->{status}, 304, 'not modified');
}

done();
