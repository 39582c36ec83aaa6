#!/usr/bin/perl
#
# admin_products.t - products by API key: each route, each documented status,
# and what the storefront says afterwards.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::Toy qw(ask answer_to);

my $admin = '/api/admin/v1';
my $none = 'prod_00000000010000000000000001';

start_shop(workers => 2);

# --- who may ---------------------------------------------------------------

my $res = get("$admin/products");
is_problem($res, 401, 'unauthenticated');
is($res->{headers}{'www-authenticate'}, 'Bearer', 'asks for a key');
is_problem(get("$admin/products", Authorization => 'Bearer shk_' . 'x' x 43),
           401, 'invalid_token');
as_key('products.read');
is_problem(post("$admin/products", { title => 'A' }), 403, 'forbidden');
as_key('products.write');
is_problem(get("$admin/products"), 403, 'forbidden');
as_key(qw(products.read products.write categories.read categories.write
          prices.read prices.write));

# --- create ----------------------------------------------------------------

my $pots = ok_json(post("$admin/categories", { name => 'Pots' }), 201);
my $new = {
    title        => 'Çay Bardağı',
    description  => '<p onclick="x()">Thin <b>glass</b><script>x</script></p>',
    status       => 'active',
    vendor       => 'Kiln',
    type         => 'Glass',
    tags         => ['tea', 'glass'],
    translations => { tr => { title => 'Bardak', seo_title => 'Bardak al' } },
    options      => [{ name => 'Size', values => ['S', 'M', 'L'] },
                     { name => 'Colour' }],
    variants     => [{ sku => 'CUP-S-R', options => ['S', 'Red'],
                       weight_grams => 90 },
                     { sku => 'CUP-M-R', options => ['M', 'Red'],
                       taxable => JSON::PP::false }],
    media        => [{ url => '/media/cup.svg', alt => 'A cup' },
                     { url => 'https://cdn.example/b.png', width => 10,
                       height => 20 }],
    category_ids => [$pots->{id}],
};
$res = post("$admin/products", $new);
my $cup = ok_json($res, 201);
like($cup->{id}, qr/^prod_[0-9a-z]{26}$/, 'has an id');
is($res->{headers}{location}, "$admin/products/$cup->{id}", 'Location');
is($res->{headers}{etag}, '"v1"', 'ETag');
is($cup->{slug}, 'cay-bardagi', 'a slug is made of the title');
is($cup->{description}, '<p>Thin <b>glass</b></p>', 'HTML is cleaned');
is_deeply($cup->{translations}, { tr => {
    title => 'Bardak', slug => 'bardak', description => '',
    seo_title => 'Bardak al', seo_description => '' } }, 'translations');
is_deeply([map { [$_->{name}, $_->{values}] } @{ $cup->{options} }],
          [['Size', ['S', 'M', 'L']], ['Colour', ['Red']]], 'options');
is_deeply([map { $_->{options} } @{ $cup->{variants} }],
          [['S', 'Red'], ['M', 'Red']], 'variants');
ok($cup->{variants}[0]{taxable} && !$cup->{variants}[1]{taxable}
   && $cup->{variants}[1]{in_stock}, 'what is not said of them is so');
is_deeply([map { $_->{url} } @{ $cup->{media} }],
          ['/media/cup.svg', 'https://cdn.example/b.png'], 'media');
is_deeply($cup->{category_ids}, [$pots->{id}], 'categories');
ok($cup->{published_at}, 'published');

my $seen = ok_json(get('/api/v1/products/cay-bardagi'), 200);
is($seen->{id}, $cup->{id}, 'the storefront has it at once');
is($seen->{breadcrumb}[0]{id}, $pots->{id}, 'in its category');
is(ok_json(get('/api/v1/products/bardak?locale=tr'), 200)->{title}, 'Bardak',
   'in Turkish');
is_deeply([map { $_->{id} } @{
    ok_json(get("/api/v1/products?category=$pots->{id}"), 200)->{data} }],
    [$cup->{id}], 'and in lists');

my $draft = ok_json(post("$admin/products", { title => 'Plain' }), 201);
is($draft->{status}, 'draft', 'a draft by default');
is(scalar @{ $draft->{variants} }, 1, 'with its one variant');
is_problem(get("/api/v1/products/$draft->{id}"), 404, 'not_found');

# --- read ------------------------------------------------------------------

$res = get("$admin/products/$cup->{id}");
is_deeply(ok_json($res, 200), $cup, 'as it was answered');
is(get("$admin/products/$cup->{id}",
       'If-None-Match' => $res->{headers}{etag})->{status}, 304,
   'not modified');
is_problem(get("$admin/products/$none"), 404, 'not_found');
is_problem(get("$admin/products/var_00000000010000000000000001"), 404,
           'not_found');

sub listed {
    my $list = ok_json(get("$admin/products?$_[0]"), 200);
    return [map { $_->{slug} } @{ $list->{data} }];
}

is_deeply(listed(''), ['plain', 'cay-bardagi'], 'newest first');
is_deeply(listed('sort=oldest'), ['cay-bardagi', 'plain'], 'oldest first');
is_deeply(listed('sort=updated&updated_after=2020-01-01T00:00:00Z'),
          ['cay-bardagi', 'plain'], 'by change');
is_deeply(listed("updated_after=$draft->{updated_at}"), [], 'since then');
is_deeply(listed('status=draft'), ['plain'], 'by status');
is_deeply(listed('q=CUP-M-R'), ['cay-bardagi'], 'by SKU');
is_deeply(listed('q=pla'), ['plain'], 'by the beginning of a slug');
is_deeply(listed('q=nothing'), [], 'by nothing');
my $page = ok_json(get("$admin/products?limit=1"), 200);
ok($page->{has_more}, 'there is more');
ok(!exists $page->{data}[0]{variants}, 'lists are brief');
is_deeply(listed("limit=1&cursor=$page->{next_cursor}"), ['cay-bardagi'],
          'the next page');
is_problem(get("$admin/products?status=gone&colour=red"), 422, 'wrong_query',
           'status', 'colour');
is_problem(get("$admin/products?cursor=AAAA"), 400, 'bad_cursor');

# --- what is wrong with a body, all of it ------------------------------------

is_problem(post("$admin/products", {
    title => '', status => 'gone', colour => 'red', tags => 'tea',
    translations => { tr => {}, xx1 => { title => 'A' } },
    media => [{ url => 'javascript:x' }],
    variants => [{ sku => ' A', weight_grams => -1, status => 'archived' }],
}), 422, 'wrong_body', '/title', '/status', '/colour', '/tags',
    '/translations/tr/title', '/translations/xx1', '/media/0/url',
    '/variants/0/sku', '/variants/0/weight_grams', '/variants/0/status');
is_problem(post("$admin/products", {
    title => 'A', tags => ['a', '', 'ç' x 256],
    options => [{ name => 'Size', values => ['', 'ş' x 256] }],
    variants => [{ options => [''] }, { options => ['y' x 300] }],
}), 422, 'wrong_body', '/tags/1', '/tags/2', '/options/0/values/0',
    '/options/0/values/1', '/variants/0/options/0', '/variants/1/options/0');
is_problem(post("$admin/products", {
    title => 'A', tags => ['a', 'b', 'a'],
    translations => { en => { title => 'A' }, tr => { title => '茶' } },
    options => [{ name => 'Size' }, { name => 'Size', values => ['S', 'S'] }],
    variants => [{ sku => 'X', options => ['S'] },
                 { sku => 'X', options => ['S', 'T'] },
                 { sku => 'Y', options => ['S', 'T'] }],
    media => [{ url => '/a' }, { url => '/a' }],
}), 422, 'wrong_body', '/tags/2', '/translations/en',
    '/translations/tr/slug', '/options/1/name', '/options/1/values/1',
    '/variants/0/options', '/variants/1/sku', '/variants/2/options',
    '/media/1/url');
is_problem(post("$admin/products", { title => 'A', variants => [{}, {}] }),
           422, 'wrong_body', '/variants');
is_problem(post("$admin/products", {
    title => 'A', description => '<b>' x 3000,
    translations => { tr => { title => 'B', description => '<i>' x 3000 } },
}), 422, 'wrong_body', '/description', '/translations/tr/description');
is_problem(post("$admin/products", { title => 'A', category_ids =>
               ['cat_00000000010000000000000001'] }),
           422, 'unknown_category', '/category_ids');
is_problem(post("$admin/products", { title => 'A', translations =>
               { de => { title => 'A' } } }),
           422, 'unknown_locale', '/translations/de');
is_problem(post("$admin/products", { title => 'Plain' }), 409, 'slug_taken',
           '/slug');
is_problem(post("$admin/products", { title => 'A', translations =>
               { tr => { title => 'Bardak' } } }), 409, 'slug_taken',
           '/translations/tr/slug');
is_problem(post("$admin/products", {
    title => 'A', options => [{ name => 'Size' }],
    variants => [{ options => ['S'] },
                 { sku => 'CUP-S-R', options => ['M'] }],
}), 409, 'sku_taken', '/variants/1/sku');
is_problem(post("$admin/products", '{"title": '), 400, 'bad_body');
is_problem(post("$admin/products", 'title=A',
                'Content-Type' => 'application/x-www-form-urlencoded'),
           415, 'unsupported_media_type');
is(sql_value('SELECT count(*) FROM products'), 2, 'nothing came of those');

# --- change ------------------------------------------------------------------

my $at = "$admin/products/$cup->{id}";
is_problem(patch($at, { title => 'Cup' }), 428, 'if_match_required');
is_problem(patch($at, { title => 'Cup' }, 'If-Match' => '"v9"'), 412,
           'version_mismatch');
is_problem(patch("$admin/products/$none", { title => 'Cup' },
                 'If-Match' => '*'), 404, 'not_found');
is_problem(patch($at, { title => undef, variants => [], version => 1 },
                 'If-Match' => '"v1"'), 422, 'wrong_body', '/title',
           '/variants', '/version');

$res = patch($at, {
    title => 'Tea cup', slug => 'tea-cup', vendor => undef,
    description => '<p>New <i onclick="x">one</i></p>',
    translations => { tr => { description => '<u>Yeni</u>' } },
    media => [{ url => 'https://cdn.example/b.png', alt => 'B' }],
    category_ids => [],
}, 'If-Match' => '"v1"', 'Content-Type' => 'application/merge-patch+json');
my $two = ok_json($res, 200);
is($res->{headers}{etag}, '"v2"', 'the next version');
is($two->{title}, 'Tea cup', 'title');
is($two->{vendor}, '', 'vendor taken away');
is($two->{type}, 'Glass', 'what was not named stays');
is($two->{description}, '<p>New <i>one</i></p>', 'HTML is cleaned');
is($two->{translations}{tr}{description}, '<u>Yeni</u>',
   'a translation is patched');
is($two->{translations}{tr}{title}, 'Bardak', 'and keeps its title');
is_deeply([map { $_->{id} } @{ $two->{media} }], [$cup->{media}[1]{id}],
          'a picture keeps its id');
is_deeply($two->{category_ids}, [], 'out of its category');

is(ok_json(get('/api/v1/products/tea-cup'), 200)->{title}, 'Tea cup',
   'the storefront has it at once');
$res = get('/api/v1/products/cay-bardagi');
is($res->{status}, 301, 'the old slug is a redirect');
is($res->{headers}{location}, '/api/v1/products/tea-cup', 'to the new one');
is_deeply(ok_json(get("/api/v1/products?category=$pots->{id}"), 200)->{data},
          [], 'and lists are without it');

is_problem(patch($at, { slug => 'plain' }, 'If-Match' => '"v2"'), 409,
           'slug_taken', '/slug');
is_problem(patch($at, { translations => { de => { title => 'A' } } },
                 'If-Match' => '"v2"'), 422, 'unknown_locale',
           '/translations/de');
is_problem(patch($at, { translations => { de => { title => 'A' },
                                          fr => { slug => 'a' } } },
                 'If-Match' => '"v2"'), 422, 'unknown_locale',
           '/translations/de', '/translations/fr');
is_deeply(ok_json(patch($at, { translations => { tr => undef } },
                        'If-Match' => '"v2"'), 200)->{translations}, {},
          'a language is dropped');
is(get('/api/v1/products/bardak')->{headers}{location},
   '/api/v1/products/tea-cup', 'and its address leads on');
is_problem(patch($at, { translations => { tr => { slug => 'a' } } },
                 'If-Match' => '*'), 422, 'wrong_body',
           '/translations/tr/title');

# --- publish, archive, restore -----------------------------------------------

my $plain = "$admin/products/$draft->{id}";
is(ok_json(patch($plain, { status => 'active' }, 'If-Match' => '*'), 200)
   ->{status}, 'active', 'published');
ok_json(get('/api/v1/products/plain'), 200);
is_problem(post("$plain/restore", undef), 409, 'product_not_archived');
is_problem(post("$plain/archive", undef, 'If-Match' => '"v9"'), 412,
           'version_mismatch');
my $gone = ok_json(post("$plain/archive", undef, 'If-Match' => '"v2"'), 200);
is($gone->{status}, 'archived', 'archived');
ok($gone->{archived_at}, 'when');
is(get('/api/v1/products/plain')->{status} >= 400, 1, 'not for sale');
is_problem(post("$plain/archive", undef), 409, 'product_archived');
is_problem(patch($plain, { title => 'B' }, 'If-Match' => '*'), 409,
           'product_archived');
is(ok_json(post("$plain/restore", undef), 200)->{status}, 'draft',
   'comes back as a draft');
is_problem(post("$admin/products/$none/archive", undef), 404, 'not_found');

# --- two at once -------------------------------------------------------------

sub together {
    my ($n, $ask) = @_;
    my @out;

    for my $i (1 .. $n) {
        pipe my $in, my $to or die "pipe: $!";
        my $pid = fork() // die "fork: $!";
        if (!$pid) {
            my $answer = $ask->($i, new_connection());
            my $json = $answer->{json};
            print $to join "\t", $answer->{status}, $json->{id} // '-',
                $json->{code} // '-';
            close $to;
            POSIX::_exit(0);
        }
        close $to;
        push @out, [$pid, $in];
    }
    return map { my $line = readline $_->[1]; waitpid $_->[0], 0;
                 [split /\t/, $line] } @out;
}

my $version = ok_json(get($at), 200)->{version};
my %by = ();
$by{ $_->[0] }++ for together(6, sub {
    return request('PATCH', $at, body => { title => "Cup $_[0]" },
                   conn => $_[1],
                   headers => { 'If-Match' => qq("v$version") });
});
is_deeply(\%by, { 200 => 1, 412 => 5 }, 'one of six changes with one ETag');
is(ok_json(get($at), 200)->{version}, $version + 1, 'one version more');

# --- the same again ----------------------------------------------------------

my %key = ('Idempotency-Key' => 'make-a-jug');
my $first = post("$admin/products", { title => 'Jug',
                 description => '<b>Jug' }, %key);
my $again = post("$admin/products", { title => 'Jug',
                 description => '<b>Jug' }, %key);
ok_json($first, 201);
is($again->{body}, $first->{body}, 'the same answer');
is($again->{headers}{$_}, $first->{headers}{$_}, "the same $_")
    for qw(etag location);
is(sql_value("SELECT count(*) FROM slugs WHERE slug = 'jug'"), 1, 'one jug');
is_problem(post("$admin/products", { title => 'Mug' }, %key), 422,
           'idempotency_key_reused');

my @made = together(6, sub {
    return request('POST', "$admin/products", body => { title => 'Vase' },
                   conn => $_[1],
                   headers => { 'Idempotency-Key' => 'make-a-vase' });
});
my %ids = map { $_->[1] => 1 } grep { $_->[0] == 201 } @made;
is(scalar keys %ids, 1, 'one vase, whoever was answered');
is(scalar(grep { $_->[0] != 201 && $_->[2] ne 'request_in_progress' } @made),
   0, 'the others were told that it is under way');
is(sql_value("SELECT count(*) FROM slugs WHERE slug = 'vase'"), 1,
   'one vase in the shop');

# --- read together ------------------------------------------------------------

# The row is slow, and what goes with it was read by then: somebody changes both
# in the meantime.  Two others keep those busy that read what is slow.
sub slow_ones {
    return (sql_as('postgres', <<'SQL'))[0][0];
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
   AND datname = current_database() AND application_name LIKE 'shop-slow%'
SQL
}

start_shop(http => 'shop_slow_connections 2;');
my $token = as_key(qw(products.read products.write categories.read
                      categories.write));
my $read = ok_json(post("$admin/products", { title => 'Book',
    translations => { tr => { title => 'Old' } } }), 201)->{id};
my $shelf = ok_json(post("$admin/categories", { name => 'Shelf',
    translations => { tr => { name => 'Old' } } }), 201)->{id};
for my $case ([ 'product', 'products', $read, 'title' ],
              [ 'category', 'categories', $shelf, 'name' ]) {
    my ($owner, $table, $id, $column) = @$case;
    my $texts = "${owner}_i18n";

    sql('BEGIN');
    sql("LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
    my @conns;
    for my $n (1 .. 3) {
        push @conns, ask('GET', "$admin/$table/$id", undef,
                         authorization => "Bearer $token");
        wait_for(sub {
            my $status = status();
            $status->{coroutines}{live} == $n
                && $status->{counters}{read_in_flight} == ($n < 2 ? $n : 2)
                && slow_ones() == $status->{counters}{read_in_flight};
        }, "$n wait");
    }
    sql("UPDATE $table SET version = 2 WHERE id =
         (SELECT ${owner}_id FROM $texts WHERE $column = 'Old')");
    sql("UPDATE $texts SET $column = 'New' WHERE $column = 'Old'");
    sql('COMMIT');
    my ($got) = (map { answer_to($_, 'GET') } @conns)[-1];
    like($got->{headers}{etag}, qr/^"v2-/, "$table: the version of the change");
    is($got->{json}{translations}{tr}{$column}, 'New', 'with what it changed')
        or diag $got->{body};
}

done();
