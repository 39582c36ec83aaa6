#!/usr/bin/perl
#
# events.t - the feed of events over HTTP, what changes of the catalogue and of
# prices say in it, and dead letters: looked at, tried again, thrown away.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

start_shop(background => 1);
my $events = '/api/admin/v1/events';
my $jobs = '/api/admin/v1/jobs';
as_key(qw(events.read jobs.read jobs.write products.write categories.write
          prices.write));

# What was said behind the number, once all of it has one.
sub behind {
    my ($after) = @_;

    wait_for(sub { !sql_value('SELECT count(*) FROM outbox') }, 'numbers');
    my $res = get("$events?limit=100&after=$after");
    ok_json($res, 200, "the events behind $after");
    return @{ $res->{json}{data} };
}
sub types { join ' ', map { $_->{type} } @_ }
sub last_seq { sql_value('SELECT last_seq FROM event_relay') }

is_deeply([behind(0)], [], 'nothing has happened yet');

# --- what changes say --------------------------------------------------------

my $admin = '/api/admin/v1';
my $cat = post("$admin/categories", { name => 'Cups' })->{json};
my $product = post("$admin/products", {
    title => 'Cup', category_ids => [$cat->{id}],
    options => [{ name => 'Size', values => ['S', 'L'] }],
    variants => [{ options => ['S'] }, { options => ['L'] }],
})->{json};
my @said = behind(0);
is(types(@said), 'category.created variant.created variant.created '
   . 'product.created', 'what is made is said');
is_deeply([map { $_->{seq} } @said], [1 .. 4], 'in order, from 1');
is($said[3]{subject}, $product->{id}, 'of what');
is_deeply($said[3]{payload}, { status => 'draft' }, 'and the first there is');
is($said[1]{payload}{product_id}, $product->{id}, 'whose variant');

sub step {
    my ($path, @more) = @_;
    my $before = last_seq();
    my $res = post("$admin/$path", @more);

    cmp_ok($res->{status}, '<', 300, $path) or diag($res->{body});
    return types(behind($before));
}
sub edit {
    my ($path, $body) = @_;
    my $before = last_seq();
    my $res = patch("$admin/$path", $body, 'if-match' => '*');

    $res = patch("$admin/$path", $body, 'if-match' => '"v' . sql_value(
        'SELECT version FROM ' . { products => 'products', prices => 'prices',
            variants => 'variants', categories => 'categories',
            'price-lists' => 'price_lists' }->{ $path =~ s{/.*}{}r }
        . ' ORDER BY updated_at DESC LIMIT 1') . '"')
        if $res->{status} == 412;
    cmp_ok($res->{status}, '<', 300, "$path is changed") or diag($res->{body});
    return types(behind($before));
}

my $var = $product->{variants}[0]{id};
is(edit("products/$product->{id}", { title => 'Mug' }), 'product.updated',
   'a change');
is(edit("variants/$var", { sku => 'M' }), 'variant.updated', 'of a variant');
is(step("variants/$var/archive"), 'variant.archived', 'archived');
is(step("variants/$var/restore"), 'variant.restored', 'restored');
is(step("products/$product->{id}/archive"), 'product.archived', 'archived');
is(step("products/$product->{id}/restore"), 'product.restored', 'restored');
is(step("categories/$cat->{id}/move", { parent_id => undef, position => 1 }),
   'category.updated', 'a category moves');
is(step("categories/$cat->{id}/archive"), 'category.archived', 'archived');
is(step("categories/$cat->{id}/restore"), 'category.restored', 'restored');
is(step('price-lists', { code => 'sale', name => 'Sale', kind => 'sale' }),
   'price_list.created', 'a price list');
is(step('prices', { variant_id => $var, prices => [
        { price => { amount => 100, currency => 'EUR' } }] }),
   'price.created', 'a price');
my ($price) = map { $_->{subject} } grep { $_->{type} eq 'price.created' }
    behind(0);
is(step("prices/$price/end"), 'price.ended', 'ends');
my $was = last_seq();
is_problem(post("$admin/products", { title => 'x', variants => [
        { sku => 'M' }] }), 409, 'sku_taken');
is(step('categories', { name => 'Mugs' }), 'category.created',
   'what was refused says nothing');
is(last_seq(), $was + 1, 'and takes no number');

# --- reading -----------------------------------------------------------------

my $all = join ' ', map { $_->{seq} } behind(0);
my ($path, @pages) = "$events?limit=3";
while ($path) {
    my $res = get($path);
    ok_json($res, 200, 'a page');
    push @pages, map { $_->{seq} } @{ $res->{json}{data} };
    $path = $res->{json}{has_more}
        && "$events?limit=3&cursor=$res->{json}{next_cursor}";
}
is("@pages", $all, 'page by page the same');
is(types(@{ get("$events?subject=$price")->{json}{data} }),
   'price.created price.ended', 'those of one subject');
is_problem(get("$events?after=-1"), 422, 'wrong_query');
is_problem(get("$events?after=x"), 400, 'bad_query');
is_problem(get("$events?after=1&cursor=x"), 400, 'bad_cursor');

# --- trimming ----------------------------------------------------------------

sql('CREATE TEMPORARY TABLE was AS SELECT max(seq) AS seq FROM events');
sql("UPDATE events SET recorded_at = shop_now() - interval '31 days'
      WHERE seq <= 5");
sql("INSERT INTO event_cursors (subscriber, seq) VALUES ('late', 3)");
sub trim {
    sql("UPDATE schedules SET next_at = shop_now() WHERE name = 'events.trim'");
    wait_for(sub { sql_value("SELECT next_at > shop_now() AND NOT EXISTS
        (SELECT FROM jobs WHERE kind = 'events.trim') FROM schedules
        WHERE name = 'events.trim'") }, 'it is trimmed');
    return sql_value('SELECT min(seq) FROM events');
}
is(trim(), 4, 'what every subscriber has had goes');
sql("DELETE FROM event_cursors WHERE subscriber = 'late'");
is(trim(), 6, 'and what is old with the last of them');
is((behind(0))[0]{seq}, 6, 'who begins has what there is');
is((behind(5))[0]{seq}, 6, 'who was there misses nothing');
is_problem(get("$events?after=4"), 410, 'events_trimmed');

# --- jobs --------------------------------------------------------------------

sql(q{INSERT INTO jobs (kind, dead_at, attempts, max_attempts, error)
      VALUES ('of.nobody', shop_now(), 3, 3, 'conflict'),
             ('events.trim', shop_now(), 3, 3, 'conflict')});
sql(q{INSERT INTO jobs (kind, leased_until)
      VALUES ('of.nobody', NULL), ('of.nobody', shop_now() + interval '1 h')});
my $list = get($jobs);
ok_json($list, 200, 'jobs');
is(join(' ', map { $_->{state} } @{ $list->{json}{data} }),
   'dead dead waiting running', 'each in its state');
for my $state (qw(dead waiting running)) {
    my $some = get("$jobs?state=$state")->{json}{data};
    is(scalar(grep { $_->{state} eq $state } @$some), scalar @$some,
       "those that are $state");
    cmp_ok(scalar @$some, '>', 0, 'there are some');
}
is_problem(get("$jobs?state=gone"), 422, 'wrong_query');
my $next = get("$jobs?limit=1")->{json};
is(get("$jobs?limit=1&cursor=$next->{next_cursor}")->{json}{data}[0]{id},
   $list->{json}{data}[1]{id}, 'page by page');
my ($dead, $trim, $waiting) = map { $_->{id} } @{ $list->{json}{data} };

my $one = get("$jobs/$dead");
ok_json($one, 200, 'one of them');
is($one->{json}{error}, 'conflict', 'says why');
is_problem(get("$jobs/job_00000000000000000000000000"), 404, 'not_found');

is_problem(post("$jobs/$waiting/$_"), 409, 'job_not_dead')
    for qw(replay discard);
is_problem(post("$jobs/job_00000000000000000000000000/$_"), 404, 'not_found')
    for qw(replay discard);
my $again = post("$jobs/$dead/replay");
ok_json($again, 200, 'a dead letter is tried again');
is_deeply([@{ $again->{json} }{qw(state attempts)}], ['waiting', 0],
          'from the start');
is(post("$jobs/$trim/replay")->{status}, 200, 'another');
wait_for(sub { get("$jobs/$trim")->{status} == 404 }, 'which works now');
sql("UPDATE jobs SET dead_at = shop_now() WHERE error = 'conflict'");
is(post("$jobs/$dead/discard")->{status}, 204, 'or thrown away');
is_problem(get("$jobs/$dead"), 404, 'not_found');

# Each scope opens what it is named after, and nothing else.
as_key('events.read');
is(get($events)->{status}, 200, 'events.read reads events');
is_problem(get($_), 403, 'forbidden') for $jobs, "$jobs/$waiting";
as_key('jobs.read');
is(get($_)->{status}, 200, 'jobs.read reads jobs') for $jobs, "$jobs/$waiting";
is_problem(get($events), 403, 'forbidden');
is_problem(post("$jobs/$waiting/$_"), 403, 'forbidden') for qw(replay discard);
as_key('jobs.write');
is_problem(post("$jobs/$waiting/$_"), 409, 'job_not_dead')
    for qw(replay discard);
is_problem(get($_), 403, 'forbidden') for $events, $jobs;

done();
