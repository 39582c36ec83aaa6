#!/usr/bin/perl
#
# cache.t - kept answers: found again, compared, made stale by what others
# change, and served old when PostgreSQL is gone.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use Compress::Zlib ();

start_shop(workers => 2);

sql(<<'SQL');
INSERT INTO categories (id, path, handle)
VALUES ('00000000-0000-7000-8000-0000000000c1', '{}', 'pots');
INSERT INTO category_i18n (category_id, locale, name)
VALUES ('00000000-0000-7000-8000-0000000000c1', 'en', 'Pots'),
       ('00000000-0000-7000-8000-0000000000c1', 'tr', 'Kaplar');
INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
SELECT 'category', '00000000-0000-7000-8000-0000000000c1', l, c.id,
       'pots-' || l
  FROM channels c, unnest(ARRAY['en', 'tr']) l WHERE c.is_default;
SQL
polled();

sub counter { status()->{counters}{$_[0]} }
sub state_of { $_[0]{headers}{'cache-status'} // 'none' }

# From the cache; on a machine so busy that polls come late, a little later.
sub hit {
    my ($path, %headers) = @_;

    return wait_for(sub {
        my $res = get($path, %headers);
        state_of($res) eq 'shop; hit' && $res;
    }, "$path is kept");
}

# Workers keep answers together: whoever is asked, the second time it is there.
my $path = '/api/v1/categories';
my $first = hit($path);
my ($stored, $lapses) = map { counter($_) } qw(cache_stored_total
                                               cache_lapses_total);
for (1 .. 10) {
    my $res = new_connection()->request('GET', $path);
    is($res->{body}, $first->{body}, "the same bytes, $_");
}
ok(counter('cache_stored_total') - $stored
   <= counter('cache_lapses_total') - $lapses, 'nothing was made anew');

# A kept answer has the headers of a made one.
my %made = %{ get("$path?locale=tr")->{headers} };
my $kept = hit("$path?locale=tr");
isnt($kept->{headers}{'x-request-id'}, $made{'x-request-id'},
     'but for the request\'s own id');
delete @made{qw(cache-status date x-request-id)};
delete @{ $kept->{headers} }{qw(cache-status date x-request-id)};
is_deeply($kept->{headers}, \%made, 'headers are the same');

# Languages do not mix, neither by parameter nor by header.
isnt($kept->{body}, $first->{body}, 'Turkish is another answer');
is(get($path, 'Accept-Language' => 'tr')->{body}, $kept->{body},
   'Accept-Language chooses too');
is(get($path)->{body}, $first->{body}, 'and the default stays');

# Conditional requests are answered from what is kept.
my $etag = $first->{headers}{etag};
for my $given ($etag, "W/$etag", "\"x\", $etag", '*') {
    my $res = hit($path, 'If-None-Match' => $given);
    is($res->{status}, 304, "not modified: $given");
    is($res->{body}, '', 'without a body');
}
is(get($path, 'If-None-Match' => '"other"')->{status}, 200, 'another ETag');
my $head = request('HEAD', $path);
is($head->{headers}{'content-length'}, length $first->{body},
   'HEAD tells the length');

# Kept as gzip too, under an ETag of its own.
sql("UPDATE category_i18n SET name = name || repeat('s', 200)
      WHERE locale = 'en'");
sql("INSERT INTO categories (path, handle)
     SELECT '{}', 'more-' || n FROM generate_series(1, 20) n");
sql("INSERT INTO category_i18n (category_id, locale, name)
     SELECT id, 'en', 'More' FROM categories WHERE handle LIKE 'more%'");
sql("INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
     SELECT 'category', k.id, 'en', c.id, k.handle
       FROM channels c, categories k WHERE c.is_default AND handle LIKE 'm%'");
polled();
my $plain = get($path);
my %gzip = ('Accept-Encoding' => 'br;q=1.0, gzip;q=0.8');
my $packed;
for my $find (\&get, \&hit) {
    $packed = $find->($path, %gzip);
    is($packed->{headers}{'content-encoding'}, 'gzip', 'it is gzip');
    is(Compress::Zlib::memGunzip($packed->{body}), $plain->{body},
       'of the same bytes');
    is($packed->{headers}{vary}, 'Accept-Language, Accept-Encoding', 'Vary');
}
is($packed->{headers}{etag} =~ s/-gz//r, $plain->{headers}{etag},
   'its own ETag');
is(get($path, 'Accept-Encoding' => 'gzip',
       'If-None-Match' => $packed->{headers}{etag})->{status}, 304, 'known');
for my $none ('gzip;q=0', 'gzip;q=0.0', 'identity', 'br') {
    is(get($path, 'Accept-Encoding' => $none)->{body}, $plain->{body},
       "plain for $none");
}

# What is refused is not kept.
is_problem(get("$path?locale=xx"), 422, 'unknown_locale');
is_problem(get("$path?locale=xx"), 422, 'unknown_locale');

# A change made in psql is seen with the next poll.
sql("UPDATE category_i18n SET name = 'Changed' WHERE locale = 'en'");
polled();
my $changed = get($path);
like($changed->{body}, qr/"Changed"/, 'the change is seen');
isnt($changed->{headers}{etag}, $etag, 'under another ETag');

# --- what was found by a slug depends on that slug ---

as_key(qw(products.read products.write));
my $staff = '/api/admin/v1/products';
sub made { return ok_json(post($staff, { title => 'P', slug => $_[0] }), 201) }
sub renamed {
    my ($id, $slug) = @_;
    my $is = get("$staff/$id");

    ok_json(patch("$staff/$id", { slug => $slug },
                  'If-Match' => $is->{headers}{etag}), 200);
}
sub by { return "/api/v1/products/$_[0]" }
sub leads_to { (get(by($_[0]))->{headers}{location} // 'nowhere') =~ s{.*/}{}r }

my ($one, $two) = map { made($_)->{id} } 'one', 'two';
sql("UPDATE products SET status = 'active', published_at = now()");
polled();
hit(by('one'));
is(get(by('three'))->{status}, 404, 'nobody is found by this yet');

# Unless polls came late meanwhile, which makes all stale.
ok(wait_for(sub {
    my $lapses = counter('cache_lapses_total');
    hit(by('one'));
    my $id = made('other-' . ++$stored)->{id};
    polled();
    my $state = state_of(get(by('one')));
    return $state eq 'shop; hit'
        || $lapses == counter('cache_lapses_total') && 'stale';
}) eq '1', 'a new product leaves kept ones as they are');

renamed($one, 'uno');
is(leads_to('one'), 'uno', 'the former slug leads on at once');
hit(by('uno'));
renamed($one, 'un');
is(leads_to('one'), 'un', 'to the last one, at once');
is(leads_to('uno'), 'un', 'and so does the one between');
renamed($two, 'one');
is(get(by('one'))->{json}{id}, $two, 'who takes a slug is found by it at once');
is(leads_to('two'), 'one', 'and his former one leads there');

hit(by('one'));
sql("UPDATE slugs SET slug = 'eins' WHERE slug = 'un'");
polled();
is(leads_to('uno'), 'eins', 'as with what is changed in psql');
sql("UPDATE slugs SET slug = 'uno' WHERE slug = 'one'");
polled();
is(get(by('uno'))->{json}{id}, $two, 'who takes a slug there is found by it');
is(leads_to('one'), 'uno', 'and where he was leads there');

# A slug of one language that somebody takes in another.
sql("INSERT INTO slugs (kind, owner_id, locale, channel_id, slug)
     SELECT 'product', owner_id, 'tr', channel_id, v.slug
       FROM slugs s, (VALUES ('bardak')) v (slug) WHERE s.slug = 'eins'");
polled();
is(hit(by('bardak'))->{json}{id}, $one, 'found by what it is in Turkish');
renamed($two, 'bardak');
is(get(by('bardak'))->{json}{id}, $two, 'who has it in English comes first');
hit(by('bardak'));
sql("UPDATE slugs SET slug = 'glass' WHERE slug = 'bardak' AND locale = 'en'");
polled();
is(get(by('bardak'))->{json}{id}, $one, 'and when he has not any more, not');
hit(by('bardak'));
sql("UPDATE slugs SET slug = 'bardak' WHERE slug = 'glass'");
polled();
is(get(by('bardak'))->{json}{id}, $two, 'the same in psql');

# All tags at once.
hit($path);
sql("INSERT INTO cache_change (tag) VALUES ('*')");
polled();
is(state_of(get($path)), 'shop; fwd=miss', 'purged');

# Without PostgreSQL an old answer is better than none ...
hit($path);
pg_stop();
my $old = wait_for(sub {
    my $res = get($path);
    state_of($res) eq 'shop; fwd=stale' && $res;
}, 'an old answer');
is($old->{status}, 200, 'an old answer is served');
is($old->{body}, $changed->{body}, 'what was kept');
ok(counter('cache_stale_total') > 0, 'it is counted');
is_problem(get('/api/v1/products?limit=7'), 503, 'database_unavailable');

# Workers that begin now have never read which languages there are.
reload();
wait_for(sub { 2 == workers() }, 'those of before have ended');
for my $n (1 .. 8) {
    my $res = new_connection()->request('GET', $path);
    is($res->{status}, 200, "a new worker shows it too, $n")
        or diag $res->{body};
    is($res->{body}, $changed->{body}, '  as it was');
}

# ... and is not served once it is back.
pg_start();
wait_for(sub { get('/api/v1/products?limit=7')->{status} == 200 }, 'back');
sql("UPDATE category_i18n SET name = 'Again' WHERE locale = 'en'");
polled();
like(get($path)->{body}, qr/"Again"/, 'the truth again');

done();
