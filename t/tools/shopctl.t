# shopctl: every command, what it prints for people and for programs, wrong
# command lines, exit codes.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Temp qw(tempfile);
use JSON::PP qw(decode_json);
use Shop::Test;

use constant { OK => 0, FAILED => 1, USAGE => 2, UNREACHABLE => 3 };

my $top = top_folder();
my $program = "$ENV{SHOP_BUILD}/shopctl";
my @scopes = read_text("$top/libshop/core/scopes.def")
    =~ /^SCOPE\(\w+, "([^"]+)"/mg;
my $manual = read_text("$top/shopctl/shopctl.1");

start_shop();
$ENV{SHOP_DATABASE} = database_url();


sub read_text {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}


# Exit status, standard output, standard error.
sub run {
    my (@args) = @_;
    my ($err, $path) = tempfile(UNLINK => 1);

    open my $in, '-|', 'sh', '-c', 'exec "$@" 2>"$0" </dev/null', $path,
        $program, @args or die "shopctl: $!\n";
    my $out = do { local $/; <$in> } // '';
    close $in;

    return ($? >> 8, $out, read_text($path) // '');
}


# It succeeds and prints JSON, which is returned.
sub json_of {
    my (@args) = @_;
    my ($status, $out, $err) = run(@args, '--json');

    is($status, OK, "@args succeeds") or diag($err);
    return eval { decode_json($out) } // {};
}


# It fails like this, and says so on standard error alone.
sub refused {
    my ($want, $says, @args) = @_;
    my ($status, $out, $err) = run(@args);

    is($status, $want, "exit $want: shopctl @args");
    like($err, $says, '  and says why');
    is($out, '', '  and nothing else');
}


# --- help and usage ----------------------------------------------------------

my ($status, $help) = run('--help');
my @commands = $help =~ /^  ((?:[a-z]+ )?[a-z]+) {2,}\S/mg;
is($status, OK, '--help succeeds');
ok(@commands >= 6, 'and lists the commands');

for my $command (@commands) {
    my ($status, $text) = run(split(/ /, $command), '--help');
    is($status, OK, "$command --help succeeds");
    like($text, qr/^usage: shopctl \Q$command\E\b/, '  shows its usage');
    like($manual, qr/^\.(?:It )?Cm \Q$command\E\b/m, '  has a place in man');
    for my $option ($text =~ /^  --([a-z-]+)/mg) {
        like($manual, qr/^\.It Fl -\Q$option\E\b/m, "  with --$option");
    }
}

my ($version) = read_text("$top/libshop/shop.h")
    =~ /^#define SHOP_VERSION\s+"(.*)"/m;
is((run('--version'))[1], "shopctl $version\n", '--version');

refused(USAGE, qr/which command/);
refused(USAGE, qr/which command of "key".*key create/s, 'key');
refused(USAGE, qr/no command "nonsense"/, 'nonsense');
refused(USAGE, qr/no command "key nonsense"/, qw(key nonsense));
refused(USAGE, qr/no option "--nonsense"/, qw(key list --nonsense));
refused(USAGE, qr/no option "-x"/, qw(key list -x));
refused(USAGE, qr/"extra" is too much/, qw(key list extra));
refused(USAGE, qr/"--json" is too much/, qw(key list -- --json));
refused(USAGE, qr/something is missing/, qw(key revoke));
refused(USAGE, qr/--products needs a value/, qw(demo --products));
refused(USAGE, qr/--name needs a value/, qw(key create --name --scope x));
refused(USAGE, qr/from 1 to 10000000, not "0"/, qw(demo --products 0));
refused(USAGE, qr/not "1e3"/, qw(demo --products 1e3));
refused(USAGE, qr/not UTF-8/, qw(key create --name), "\xff");
refused(UNREACHABLE, qr/cannot be reached: .*nonexistent/,
        qw(key list --database), 'host=/nonexistent');
refused(UNREACHABLE, qr/cannot be reached/, '--database=host=/nonexistent',
        qw(check));

# The disk may be full.
is(system("$program key list > /dev/full 2> /dev/null") >> 8, FAILED,
   'output that cannot be written is a failure');


# --- keys --------------------------------------------------------------------

my $made = json_of(qw(key create --name feed --scope products.read),
                   qw(--scope prices.read --scope products.read));
like($made->{key}, qr/^shk_[A-Za-z0-9_-]{43}$/, 'a key of 256 bits');
like($made->{id}, qr/^key_[0-9a-z]{26}$/, 'and its id');
is_deeply($made->{scopes}, [qw(products.read prices.read)],
          'each scope once, in order');
is($made->{expires_at}, undef, 'for ever');

my ($row) = sql("SELECT name, prefix, last4, encode(hash, 'hex'), k::text
                   FROM api_keys k");
is($row->[0], 'feed', 'the name is stored');
is($row->[1], substr($made->{key}, 0, 8), 'and the first characters');
is($row->[2], substr($made->{key}, -4), 'and the last');
is($row->[3], sha256_hex($made->{key}), 'and the hash of the whole');
unlike($row->[4], qr/\Q$made->{key}\E/, 'but not the key');

my $dated = json_of(qw(key create --name dated --scope prices.write
                       --expires 2099-01-31));
is($dated->{expires_at}, '2099-01-31T00:00:00.000000Z', 'a date is its start');
$dated = json_of(qw(key create --name dated --scope prices.write),
                 '--expires=2099-01-31T01:30:00+03:00');
is($dated->{expires_at}, '2099-01-30T22:30:00.000000Z', 'or an instant');

my (undef, $quiet) = run(qw(--quiet key create --name q --scope prices.read));
like($quiet, qr/^shk_\S{43}\n\z/, '--quiet prints the key alone');
(undef, my $text) = run(qw(key create --name q --scope prices.read));
like($text, qr/^key_\w+ is made.*^shk_\S{43}\n\z/ms, 'people are told more');

my $before = sql_value('SELECT count(*) FROM api_keys');
my $all = join '.*', map { quotemeta } @scopes;
refused(USAGE, qr/no scope "products\.eat"; there are $all\b/,
        qw(key create --name x --scope prices.read --scope products.eat));
refused(USAGE, qr/--scope is missing/, qw(key create --name x));
refused(USAGE, qr/--name is missing/, qw(key create --scope prices.read));
refused(USAGE, qr/1 to 100 characters/, qw(key create --scope prices.read),
        '--name', 'x' x 101);
refused(USAGE, qr/not "tomorrow"/,
        qw(key create --name x --scope prices.read --expires tomorrow));
refused(USAGE, qr/over already/,
        qw(key create --name x --scope prices.read --expires 2001-01-01));
is(sql_value('SELECT count(*) FROM api_keys'), $before,
   'a refused key is not made');

sql("UPDATE api_keys SET created_at = '2000-01-01', expires_at = '2000-01-02'
      WHERE name = 'q'");
my $list = json_of(qw(key list))->{data};
is(@$list, $before, 'key list has all keys');
is_deeply({ map { $_->{name} => $_->{state} } @$list },
          { feed => 'good', dated => 'good', q => 'expired' },
          'and says which are good');
ok(!(grep { exists $_->{key} || exists $_->{hash} } @$list), 'no secrets');
(undef, $text) = run(qw(key list));
like($text, qr/^\Q$made->{id}\E  good +shk_.*feed \{products\.read,/m,
     'for people, too');

my $revoked = json_of('key', 'revoke', $made->{id});
like($revoked->{revoked_at}, qr/^20\d\d-.*Z$/, 'key revoke');
is(json_of('key', 'revoke', $made->{id})->{revoked_at},
   $revoked->{revoked_at}, 'a second time changes nothing');
is((grep { $_->{id} eq $made->{id} } @{ json_of(qw(key list))->{data} })[0]
   {state}, 'revoked', 'and it is listed as such');
refused(FAILED, qr/no key key_01h45ytscbebyvny4gc8cr8ma2/,
        qw(key revoke key_01h45ytscbebyvny4gc8cr8ma2));
refused(USAGE, qr/is no key's id/, qw(key revoke prod_1));


# --- cache purge -------------------------------------------------------------

sub tags {
    my @tags = map { $_->[0] } sql('SELECT tag FROM cache_change ORDER BY tag');
    sql('DELETE FROM cache_change');
    return \@tags;
}

tags();
is_deeply(json_of(qw(cache purge)), { tags => ['*'] }, 'cache purge');
is_deeply(tags(), ['*'], 'says that all is stale');
is((run(qw(cache purge products slugs products)))[0], OK, 'some tags');
is_deeply(tags(), [qw(products slugs)], 'each once');
json_of(qw(cache purge product:prod_01h455vb4pex5vsknk084sn02q));
is_deeply(tags(), ['product:01890a5d-ac96-774b-bcce-b302099a8057'],
          'a prefixed id is stored as a uuid');
refused(USAGE, qr/1 to 100 characters/, qw(cache purge), 'x' x 101);
refused(USAGE, qr/1 to 100 characters/, qw(cache purge), '');


# --- demo --------------------------------------------------------------------

# All that the products consist of, but for when they were made.
sub digest {
    return sql_value(<<'END');
SELECT md5(string_agg(md5(x::text), '' ORDER BY x::text))
  FROM (SELECT p.id, p.handle, p.vendor, p.tags, p.position, p.published_at,
               i.title, s.slug, v.sku, v.option_value_ids, v.in_stock,
               k.currency, k.amount, k.compare_at, c.category_id
          FROM products p
          JOIN product_i18n i ON i.product_id = p.id
          JOIN slugs s ON s.owner_id = p.id AND s.locale = i.locale
          JOIN variants v ON v.product_id = p.id
          JOIN prices k ON k.variant_id = v.id
          JOIN product_categories c ON c.product_id = p.id) x
END
}

my $demo = json_of(qw(demo --products 200));
is("$demo->{products} $demo->{created}", '200 200', 'demo makes 200 products');
is(sql_value('SELECT count(*) FROM products'), 200, 'they are there');
is(json_of(qw(demo --products 200))->{created}, 0, 'and not made again');
is(json_of(qw(demo --products 250))->{created}, 50, 'only what is missing is');

is_deeply([sql(<<'END')], [[2, 4, 3, 2, 1, 1, 1]], 'they are of all sorts');
SELECT (SELECT min(n) FROM (SELECT count(*) FROM variants
                             GROUP BY product_id) x(n)),
       (SELECT max(n) FROM (SELECT count(*) FROM variants
                             GROUP BY product_id) x(n)),
       (SELECT count(DISTINCT currency) FROM prices),
       (SELECT count(DISTINCT locale) FROM product_i18n),
       (SELECT count(DISTINCT vendor) > 20 FROM products)::int,
       (SELECT count(DISTINCT category_id) > 30 FROM product_categories)::int,
       (SELECT bool_or(NOT in_stock) AND bool_or(in_stock)
          FROM listing_products)::int
END

my $page = ok_json(get('/api/v1/products?limit=5&currency=EUR&locale=tr'));
is(@{ $page->{data} }, 5, 'the shop shows them');
my $shown = ok_json(get("/api/v1/products/$page->{data}[0]{id}"));
ok(@{ $shown->{variants} } >= 2, 'with their variants');

# No bar where nobody can see one, and one where somebody can.
my (undef, $said, $bar) = run(qw(demo --products 251));
like($said, qr/^251 products, 1 of them new, in [\d.]+ s$/, 'people read this');
is($bar, '', 'no progress bar goes into a file');
$bar = qx{script -qec '$program demo --products 252' /dev/null </dev/null};
like($bar, qr/\rMaking products \[#* *\] +\d+ %/, 'a terminal has a bar');
unlike(scalar qx{script -qec '$program demo --quiet' /dev/null </dev/null},
       qr/\S/, '--quiet has none');

my $digest = digest();
my $count = sql_value('SELECT count(*) FROM products');


# --- check -------------------------------------------------------------------

sub check {
    my ($wrong, @args) = @_;
    my ($status, $out, $err) = run('check', '--json', @args);
    my $json = eval { decode_json($out) } // {};
    my @wrong = map { $_->{name} } grep { !$_->{ok} } @{ $json->{checks} };

    is("@wrong", $wrong, $wrong ? "check finds $wrong" : 'all is well')
        or diag($out, $err);
    is($status, $wrong ? FAILED : OK, '  and its exit code says so');
    is($json->{ok} ? '' : 'wrong', $wrong ? 'wrong' : '', '  and so does ok');

    return { map { $_->{name} => $_ } @{ $json->{checks} } };
}

my $checks = check('', '--workers', 2);
is(join(' ', sort keys %$checks),
   'connections invariants migrations role server', 'all parts are there');
like($checks->{connections}{detail}, qr/^2 workers x 9 connections x 2/,
     'connections are counted');
check('connections', '--workers', 200);
check('connections', '--connections', 200);
check('role', '--database', database_url('shop_owner'));
check('role', '--database', database_url('postgres'));

my ($first) = sql('SELECT product_id FROM listing_products LIMIT 1');
sql('UPDATE listing_products SET in_stock = NOT in_stock
      WHERE product_id = ?', $first->[0]);
sql("INSERT INTO redirects (kind, locale, channel_id, from_slug, owner_id)
     SELECT kind, locale, channel_id, slug, owner_id FROM slugs
      WHERE kind = 'product' ORDER BY slug LIMIT 1");
$checks = check('invariants');
my %breaches;
push @{ $breaches{ $_->{invariant} } }, $_->{detail}
    for @{ $checks->{invariants}{breaches} };
is(join(', ', sort keys %breaches),
   'listing_products is up to date, redirect hides no slug',
   'each broken invariant is named');
like($breaches{'listing_products is up to date'}[0], qr/$first->[0]/,
     'with its place');

($status, $text) = run(qw(check --quiet));
is($status, FAILED, 'check --quiet fails as well');
like($text, qr/\Awrong  invariants +\d+ breaches\n(?:       \S.*\n)+\z/,
     'and prints what is wrong alone');
unlike($text, qr/^ok/m, 'not what is well');

# For a collector that reads files: a whole one, with the time, or the one that
# was there.
sub metrics_are {
    my ($name, $status, $breaches, $wrong, @args) = @_;
    my $file = "$ENV{SHOP_TEST_DIR}/check.prom";

    is((run('check', '--quiet', '--metrics', $file, @args))[0], $status, $name);
    my %is = read_file($file) =~ /^(\w+) (\d+)$/mg;
    is($is{shop_invariant_breaches}, $breaches, 'its breaches');
    is($is{shop_check_wrong}, $wrong, 'its checks that are wrong');
    cmp_ok(abs($is{shop_check_timestamp_seconds} - time), '<', 600, 'its time');
}
my ($breaches) = $text =~ /(\d+) breaches/;
metrics_are('metrics of what is wrong', FAILED, $breaches, 1);
metrics_are('and more of it', FAILED, $breaches, 2, '--workers', 200);
metrics_are('nobody there: the old ones', UNREACHABLE, $breaches, 2,
            '--database', 'host=/nowhere dbname=shop');
is((run(qw(check --metrics /nowhere/check.prom)))[0], FAILED,
   'a file that cannot be written');

sql("DELETE FROM redirects");
sql('SELECT listing_refresh(ARRAY[?::uuid])', $first->[0]);
check('');
metrics_are('metrics when all is well', 0, 0, 0);

sql("UPDATE sqitch.changes SET change = 'elsewhere' WHERE change = 'pricing'");
$checks = check('migrations invariants');
like($checks->{migrations}{detail}, qr/not deployed: pricing\b/,
     'the missing change is named');
sql("UPDATE sqitch.changes SET change = 'pricing' WHERE change = 'elsewhere'");
sql("INSERT INTO sqitch.changes (change_id, change, project, note,
            committed_at, committer_name, committer_email, planned_at,
            planner_name, planner_email)
     SELECT 'x', 'giftcards', project, note, committed_at, committer_name,
            committer_email, planned_at, planner_name, planner_email
       FROM sqitch.changes WHERE change = 'pricing'");
$checks = check('migrations invariants');
like($checks->{migrations}{detail}, qr/later version: giftcards/,
     'so is one from the future');
sql("DELETE FROM sqitch.changes WHERE change = 'giftcards'");

(my $elsewhere = database_url()) =~ s/dbname=\S+/dbname=postgres/;
$checks = check('migrations invariants', '--database', $elsewhere);
like($checks->{migrations}{detail}, qr/none is deployed/,
     'a database that is no shop');
refused(FAILED, qr/"api_keys" does not exist.*shopctl check/,
        qw(key list --database), $elsewhere);


# --- the same shop anywhere --------------------------------------------------

start_shop();
$ENV{SHOP_DATABASE} = database_url();
json_of('demo', '--products', $count);
is(digest(), $digest, 'another shop of this size has the same products');


# --- a connection that is lost -----------------------------------------------

# What was committed until then is whole: done() looks at the invariants.
open my $in, '-|', "$program demo --products 20000 --jobs 2 2>&1"
    or die "shopctl: $!\n";
wait_for(sub { (sql_as('postgres', <<'END'))[0][0] }, 'a session is ended');
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE application_name = 'shopctl' AND state = 'active'
   AND datname = current_database()
END
$text = do { local $/; <$in> } // '';
close $in;
is($? >> 8, UNREACHABLE, 'a lost connection is one that cannot be reached');
like($text, qr/^shopctl: (?:FATAL: )?terminating connection/, 'and is told');

done();
