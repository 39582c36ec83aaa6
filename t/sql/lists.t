#!/usr/bin/perl
#
# lists.t - what a page of products costs: a range of one index, at any number
# of products.  The plans are those of the statements as nginx sends them, from
# PostgreSQL's log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;

use constant { FEW => 500, MANY => 6000 };

start_shop();
my $db = sql_value('SELECT current_database()');
sql_as('postgres', "ALTER DATABASE $db SET $_")
    for "session_preload_libraries = 'auto_explain'",
        'auto_explain.log_min_duration = 0', 'auto_explain.log_analyze = on',
        'auto_explain.log_buffers = on', 'auto_explain.log_timing = off';

# A category that most products are in, sorted there as nowhere else.
sql("INSERT INTO categories (id, parent_id, path, handle)
     VALUES ('00000000-0000-7000-8000-0000000000c1', NULL, '{}', 'most')");
my ($most) = map { $_->{id} } @{ get('/api/v1/categories')->{json}{data} };

# Products from the first to the last of these, as an import would leave them:
# triggers sleep, and the read models are made at the end.
sub load {
    my ($from, $to) = @_;

    sql_as('postgres', 'SET session_replication_role = replica');
    sql_as("postgres", $_) for <<"END",
INSERT INTO products (handle, status, vendor, tags, position, published_at)
SELECT 'thing-' || n, 'active', 'Maker ' || n % 10, ARRAY['tag-' || n % 5],
       'V' || lpad((n % 900)::text, 3, '0'),
       '2026-01-01'::timestamptz + n * interval '1 minute'
  FROM generate_series($from, $to) n
END
        q{INSERT INTO product_i18n (product_id, locale, title)
          SELECT id, 'en', md5(handle) FROM products ON CONFLICT DO NOTHING},
        q{INSERT INTO slugs (kind, owner_id, locale, slug)
          SELECT 'product', id, 'en', handle FROM products
          ON CONFLICT DO NOTHING},
        q{INSERT INTO product_categories (product_id, category_id, position)
          SELECT p.id, c.id, 'W' || lpad((substr(p.handle, 7)::int * 37 % 999)
                                         ::text, 3, '0')
            FROM products p, categories c
           WHERE substr(p.handle, 7)::int % 4 > 0 ON CONFLICT DO NOTHING},
        q{INSERT INTO media (product_id, url)
          SELECT id, '/media/1.svg' FROM products ON CONFLICT DO NOTHING},
        q{INSERT INTO variants (product_id) SELECT id FROM products
          ON CONFLICT DO NOTHING},
        q{INSERT INTO prices (variant_id, currency, amount)
          SELECT id, 'TRY', 1000 + hashtext(id::text) % 500 FROM variants v
           WHERE NOT EXISTS (SELECT FROM prices WHERE variant_id = v.id)};
    sql('SELECT listing_refresh(array_agg(id)) FROM products');
    sql('SELECT product_prices_refresh(array_agg(id)) FROM products');
    sql_as('postgres', 'ANALYZE');
}

sub log_of_postgres {
    open my $in, '<', "$ENV{SHOP_TEST_DIR}/postgresql.log" or die "log: $!";
    local $/;
    return scalar <$in>;
}

# The plan of the list that this request asks for.
my $asked = 0;
sub plan_of {
    my ($query) = @_;
    my $before = length log_of_postgres();

    # What is kept was not read; a tag that is touched makes it stale, but an
    # address that is new is never kept.
    my $res = get("/api/v1/products?$query" . '&' x ++$asked);
    is($res->{status}, 200, $query) or diag($res->{body});
    my @plans = grep { /listing_\w+\b.*\(cost=/s } split /duration: /,
        substr log_of_postgres(), $before;
    return ($plans[0] // die("no plan for $query\n"), $res->{json});
}

my %cost;
for my $n (FEW, MANY) {
    load($n == FEW ? 1 : FEW + 1, $n);
    pg_kill();
    wait_for(sub { get('/readyz')->{status} == 200 }, 'connected again');

    for my $sort ('position', 'newest', 'price', '-price', 'name') {
        for my $filter ('', '&tag=tag-1', '&vendor=Maker%203',
                        "&category=$most")
        {
            my $query = "sort=$sort$filter";
            my ($first, $page) = plan_of($query);
            my ($next) = plan_of("$query&cursor=$page->{next_cursor}");

            for (['first', $first], ['next', $next]) {
                my ($name, $text) = ("$query, $_->[0] page", $_->[1]);
                my ($hit, $read) =
                    $text =~ /Buffers: shared hit=(\d+)(?: read=(\d+))?/;
                push @{ $cost{$name} }, $hit + ($read // 0);
                like($text, qr/Index.* using listing_\w+_by_/,
                     "$name: an index has the order");
                unlike($text, qr/Seq Scan/, "$name: no table is read whole");
                is((() = $text =~ /Sort Key: (?!m\.)/g), 0,
                   "$name: nothing but pictures is sorted");
            }
        }
    }
}

for my $name (sort keys %cost) {
    my ($few, $many) = @{ $cost{$name} };
    cmp_ok($many, '<=', 1.5 * $few,
           "$name: $few buffers of @{[FEW]} products, $many of @{[MANY]}");
}

# A new product goes behind the last one.
like(join("\n", map { $_->[0] }
          sql("EXPLAIN SELECT max(position) FROM products")),
     qr/Index Only Scan Backward using products_by_position/,
     'which is found without looking at the others');

done();
