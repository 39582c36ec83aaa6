# OpenAPI.pm - the routes of the shop as its own document lists them, for tests
# that ask something of each of them.
#
#     use Shop::Test;
#     use Shop::OpenAPI;
#
#     start_shop();
#     load_demo();
#     for my $op (operations()) {
#         my $res = ask($op, query => 'nonsense=1');
#     }
#
# An operation is { method, path, name, scopes, statuses, parameters, body }.
# Its path is filled with ids of the demo shop where there are some of the
# kind; elsewhere with one that is of no kind.

package Shop::OpenAPI;

use strict;
use warnings;

use Exporter 'import';

use Shop::Test ();

our @EXPORT = qw(load_demo operations fill ask body_of);

# What a parameter of a path is: the prefix of its ids, and a statement that
# finds one of the demo shop.
my %kind = (
    product  => ['prod',  "SELECT min(id::text) FROM products
                            WHERE status = 'active'"],
    variant  => ['var',   "SELECT min(v.id::text) FROM variants v
                             JOIN products p ON p.id = v.product_id
                            WHERE p.status = 'active'"],
    category => ['cat',   "SELECT min(category_id::text)
                             FROM product_categories
                            WHERE product_id = (SELECT min(id::text)::uuid
                                                  FROM products
                                                 WHERE status = 'active')"],
    list     => ['plist', "SELECT id FROM price_lists WHERE code = 'default'"],
    price    => ['price', "SELECT min(id::text) FROM prices
                            WHERE currency = 'EUR'"],
    job      => ['job',   'SELECT min(id::text) FROM jobs'],
);
my %sample;


# The demo shop with an event and a dead letter, and an id for each kind of
# parameter.
sub load_demo {
    my $seed = Shop::Test::top_folder() . '/sql/seed';
    my $file = "$seed/demo.sql";

    Shop::Test::shopctl('--quiet', 'import', 'shopify', '--currency', 'TRY',
                        "$seed/demo.csv");
    open my $in, '<:utf8', $file or die "$file: $!";
    my $text = do { local $/; <$in> };
    Shop::Test::dbh(Shop::Test::sql_value('SELECT current_database()'),
                    'shop_owner')->do($text);
    Shop::Test::sql(q(INSERT INTO events (seq, type, subject, payload,
        occurred_at) VALUES (1, 'shop.opened', 'shop', '{}', shop_now())));
    Shop::Test::sql('UPDATE event_relay SET last_seq = 1');
    Shop::Test::sql(q(INSERT INTO jobs (kind, error, dead_at)
                      VALUES ('shop.swept', 'internal', shop_now())));
    Shop::Test::polled();

    for (keys %kind) {
        my ($prefix, $statement) = @{ $kind{$_} };
        my $uuid = Shop::Test::sql_value($statement)
            // die "the demo shop has no $_\n";
        $sample{$_} = id_of($prefix, $uuid);
    }
}


# As the shop shows it: the prefix and 26 letters of five bits, the first of
# which holds three.
sub id_of {
    my ($prefix, $uuid) = @_;
    my $bits = '00' . unpack 'B*', pack 'H*', $uuid =~ tr/-//dr;

    return $prefix . '_' . join '', map {
        substr '0123456789abcdefghjkmnpqrstvwxyz', oct("0b$_"), 1
    } $bits =~ /.{5}/g;
}


sub operations {
    my $doc = Shop::Test::get('/api/openapi.json')->{json};
    my @all;

    for my $path (sort keys %{ $doc->{paths} }) {
        my $item = $doc->{paths}{$path};
        push @all, map { operation(uc, $path, $item->{$_}) } sort keys %$item;
    }

    # Whoever collects an answer does not get one that has no end.
    return grep { !$_->{endless} } @all
        if ($ENV{SHOP_TEST_HOST} // '') eq 'uv';
    return @all;
}


sub operation {
    my ($method, $path, $op) = @_;

    return {
        method => $method, path => $path, name => "$method $path",
        scopes => [map { @{ $_->{key} } } @{ $op->{security} }],
        statuses => { map { $_ => 1 } keys %{ $op->{responses} } },
        parameters => { map { parameter($_) => 1 } @{ $op->{parameters} } },
        body => $op->{requestBody} ? 1 : 0,
        endless => $op->{responses}{200}{content}{'text/event-stream'} ? 1 : 0,
    };
}


# By name, or by what it refers to: "limit", "if_match".
sub parameter {
    my ($p) = @_;

    return $p->{name} // $p->{'$ref'} =~ s{.*/}{}r;
}


# The path with its parameters; `none` fills them with ids that nobody has.
sub fill {
    my ($op, $none) = @_;

    return $op->{path} =~ s/\{(\w+)\}/
        $none || !$sample{$1} ? "nil_${\ ('0' x 25) }1" : $sample{$1}/gerx;
}


# A body with which a write is done; its texts are new each time.  A route that
# is not among them is asked with an empty object.
my $bodies = 0;
my $admin = '/api/admin/v1';
my %body = (
    "POST $admin/products" => sub {
        { title => $_[0], description => "<p>About <b>$_[0]</b></p>",
          options => [{ name => 'Size', values => ['S', 'L'] }],
          category_ids => [$sample{category}] } },
    "PATCH $admin/products/{product}" => sub {
        { title => $_[0], description => "<p>About <b>$_[0]</b></p>",
          category_ids => [$sample{category}] } },
    "POST $admin/products/{product}/variants" => sub {
        { sku => $_[0], options => [$_[0]] } },
    "PATCH $admin/variants/{variant}" => sub { { sku => $_[0] } },
    "POST $admin/categories" => sub { { name => $_[0] } },
    "PATCH $admin/categories/{category}" => sub { { name => $_[0] } },
    "POST $admin/categories/{category}/move" => sub { { parent_id => undef } },
    "POST $admin/categories/{category}/products/{product}/move" => sub {
        { before => undef } },
    "POST $admin/price-lists" => sub {
        { code => lc $_[0], name => $_[0], kind => 'sale' } },
    "PATCH $admin/price-lists/{list}" => sub { { name => $_[0] } },
    "POST $admin/prices" => sub {
        { variant_id => $sample{variant},
          prices => [{ price => { amount => 1000, currency => 'EUR' },
                       min_quantity => 1000 }] } },
    # Higher than all others, so that each is a change of the product's.
    "PATCH $admin/prices/{price}" => sub {
        { price => { amount => 1_000_000 + $bodies, currency => 'EUR' } } },
);

sub body_of {
    my ($op) = @_;
    my $make = $body{ $op->{name} } // sub { {} };

    return Shop::Test::json()->encode($make->('Sample' . ++$bodies));
}


# ask(operation, query =>, none =>, body =>, headers =>, conn =>); writes send
# an empty object and a version that nothing has, unless told otherwise.
sub ask {
    my ($op, %with) = @_;
    my $path = $with{path} // fill($op, $with{none});
    my %headers = %{ $with{headers} // {} };
    my $body = $with{body};

    $path .= "?$with{query}" if defined $with{query};
    $body = '{}' if !exists $with{body} && $op->{method} ne 'GET';
    $headers{'if-match'} = '"v0"'
        if $op->{parameters}{if_match} && !exists $headers{'if-match'};

    return Shop::Test::request($op->{method}, $path, headers => \%headers,
                               body => $body, conn => $with{conn});
}

1;
