#!/usr/bin/perl
#
# bounds.t - every bound that the document of the routes states, of bodies and
# of queries: what reaches it is taken, one more is refused at its place.
#
# The bounds are read from the document, so that a new member is tested as soon
# as it is there; a new route with a body wants a line in %base.  Letters are of
# two bytes wherever any letter will do: lengths are those of characters.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

my $admin = '/api/admin/v1';
my $letter = "\x{15f}";

start_shop(workers => 1);
as_key(qw(products.read products.write categories.read categories.write
          prices.read prices.write jobs.read events.read));

my $doc = get('/api/openapi.json')->{json};
my $made = ok_json(post("$admin/products", {
    title => 'Bounds', options => [map { { name => "Option $_" } } 1 .. 3],
    variants => [{ options => ['a', 'b', 'c'] }],
}), 201);
my %id = (
    product  => $made->{id},
    variant  => $made->{variants}[0]{id},
    category => ok_json(post("$admin/categories", { name => 'C' }), 201)->{id},
    list     => ok_json(post("$admin/price-lists", {
                    code => 'bounds', name => 'B', kind => 'sale' }),
                201)->{id},
    job      => 'job_' . '0' x 25 . '1',
);
$id{price} = ok_json(post("$admin/prices", {
    variant_id => $id{variant},
    prices => [{ price => { amount => 0, currency => 'EUR' } }],
}), 201)->{prices}[0]{id};

# With what each route takes otherwise.
my %base = (
    "POST $admin/products" => sub {
        { title => 'B', options => [map { { name => "o$_" } } 1 .. 3] } },
    "PATCH $admin/products/{product}" => sub { {} },
    "POST $admin/products/{product}/variants" => sub {
        { options => ['x', 'y', 'z'] } },
    "PATCH $admin/variants/{variant}" => sub { { options => ['x', 'y', 'z'] } },
    "POST $admin/categories" => sub { { name => 'B' } },
    "PATCH $admin/categories/{category}" => sub { {} },
    "POST $admin/categories/{category}/move" => sub { { parent_id => undef } },
    "POST $admin/categories/{category}/products/{product}/move" => sub {
        { after => undef } },
    "POST $admin/price-lists" => sub {
        { code => 'b', name => 'B', kind => 'sale' } },
    "PATCH $admin/price-lists/{list}" => sub { {} },
    "POST $admin/prices" => sub {
        { variant_id => $id{variant}, prices => [price(2)] } },
    "PATCH $admin/prices/{price}" => sub { {} },
);

ok_json(patch("$admin/products/$id{product}",
              { category_ids => [$id{category}] },
              'if-match' => get("$admin/products/$id{product}")
                  ->{headers}{etag}), 200);

# A picture has an id only when its product is there, so in a new product no
# variant can name one, whatever its form.  A place is after or before.  Ids of
# options and values are those that the product has, and what fills is a choice.
my %never = ("POST $admin/products /variants/0/media_id" => 1,
             "POST $admin/categories/{category}/products/{product}/move"
                 . ' /before' => 1,
             map { ("PATCH $admin/products/{product} /options/0$_" => 1) }
                 qw(/id /choices/0/id /fill));


# --- values ----------------------------------------------------------------


sub resolved {
    my ($schema) = @_;

    $schema = $schema->{anyOf}[-1] if $schema->{anyOf};
    return $schema unless $schema->{'$ref'};
    return $doc->{components}{schemas}{ $schema->{'$ref'} =~ s{.*/}{}r };
}


sub is_type {
    my ($schema, $type) = @_;
    my $is = $schema->{type} // '';

    return scalar grep { $_ eq $type } ref $is ? @$is : $is;
}


sub price {
    my ($n) = @_;

    return { price => { amount => 0, currency => 'EUR' }, min_quantity => $n };
}


# So many characters, of those that the schema allows.
sub text {
    my ($schema, $n) = @_;
    my $pattern = $schema->{pattern} // '';

    return 'x' x $n if $pattern =~ /^\^\[a-z0-9\]/
                       || ($schema->{contentMediaType} // '') eq 'text/html';
    die "what is $pattern?\n" if $pattern;
    return '/' . $letter x ($n - 1)
        if $n > 0 && ($schema->{format} // '') eq 'uri-reference';
    return $letter x $n;
}


# What a pattern takes, and what it only just does not.
sub of_pattern {
    my ($pattern) = @_;

    return ("${1}_7" . 'z' x 25,
            ["${1}_8" . '0' x 25, "${1}_7" . 'z' x 24, "${1}_7" . 'z' x 26,
             "nil_7" . 'z' x 25])
        if $pattern =~ /^\^(\w+)_\[0-7\]\[\w+\]\{25\}\$$/;
    return ('a-1', ['a--1', '-a', 'a-', 'A', $letter])
        if $pattern eq '^[a-z0-9]+(-[a-z0-9]+)*$';
    return ('EUR', ['EU', 'EURO', 'eur']) if $pattern eq '^[A-Z]{3}$';
    return ('tr', ['t', 'trtr', 'TR', 'tr-T', 'tr_TR'])
        if $pattern =~ /^\^\[a-z\]\{2,3\}\(/;
    return ('tr', ['t', 'a' x 36, 't1'])
        if $pattern eq '^[A-Za-z-]{2,35}$';
    die "what is $pattern?\n";
}


# The n-th of many, all different, as small as its schema lets it be.
sub make {
    my ($schema, $n) = @_;
    my $s = resolved($schema);
    my $p = $s->{properties};

    return 1 if is_type($s, 'integer');
    return sprintf '%s_%026d', $1, $n
        if ($s->{pattern} // '') =~ /^\^(\w+)_\[0-7\]/;
    return (of_pattern($s->{pattern}))[0] if $s->{pattern};
    return "/$n" if ($s->{format} // '') eq 'uri-reference';
    return "t$n" if is_type($s, 'string');
    return price($n) if $p->{min_quantity};
    return { name => "o$n", choices => [{ value => "v$n" }] } if $p->{fill};
    return { options => ["a$n", 'b', 'c'] } if $p->{sku};
    return { map { $_ => make($p->{$_}, $n) } @{ $s->{required} // [] } };
}


# Languages that there might be.
sub languages {
    my ($n) = @_;
    my @all = map { my $first = $_; map { "$first$_" } 'a' .. 'z' } 'x' .. 'z';

    return @all[0 .. $n - 1];
}


# [what, is it taken, the value, where the fault is below the member] of each
# bound of a schema; $within is the schema with all its references.
sub cases {
    my ($s) = @_;
    my ($min, $max) = @$s{qw(minLength maxLength)};
    my @cases;

    if (is_type($s, 'string')) {
        push @cases, ["$max letters", 1, text($s, $max)],
                     ["one letter more", 0, text($s, $max + 1)] if $max;
        push @cases, ["$min letters", 1, text($s, $min)],
                     ["one letter less", 0, text($s, $min - 1)] if $min;
        push @cases, ['as many bytes', 1, $letter x ($max / 2)],
                     ['two bytes more', 0, $letter x ($max / 2 + 1)]
            if ($s->{contentMediaType} // '') eq 'text/html';
        push @cases, map { [$_, 1, $_] } grep { defined } @{ $s->{enum} // [] };
        push @cases, ['none of the choices', 0, 'x'] if $s->{enum};
    }
    if ($s->{pattern}) {
        my ($good, $bad) = of_pattern($s->{pattern});

        push @cases, [$good, 1, $good], map { [$_, 0, $_] } @$bad;
    }
    if (is_type($s, 'integer')) {
        push @cases, map { [$_, 1, $_] } grep { defined }
            @$s{qw(minimum maximum)};
        push @cases, [$s->{minimum} - 1, 0, $s->{minimum} - 1]
            if defined $s->{minimum};
        push @cases, [$s->{maximum} + 1, 0, $s->{maximum} + 1]
            if defined $s->{maximum};
    }
    return @cases;
}


sub items {
    my ($schema, $n) = @_;

    return [map { make($schema, $_) } 1 .. $n];
}


sub cases_of_many {
    my ($s) = @_;
    my ($min, $max, $names) = @$s{qw(minItems maxItems maxProperties)};
    my @cases;

    push @cases, ["$max items", 1, items($s->{items}, $max)],
                 ['one item more', 0, items($s->{items}, $max + 1), "/$max"]
        if $max;
    push @cases, ["$min items", 1, items($s->{items}, $min)],
                 ['one item less', 0, items($s->{items}, $min - 1)] if $min;
    if ($names) {
        my ($good, $bad) = of_pattern($s->{propertyNames}{pattern});
        my @many = languages($names + 1);
        my $item = make($s->{additionalProperties}, 1);

        push @cases,
            ["$names languages", 1, { map { $_ => $item } @many[1 .. $names] }],
            map { ["of $_", 0, { $_ => $item }, "/$_"] } @$bad;
        push @cases, ['one language more', 0, in_order(\@many, $item),
                      "/$many[-1]"];
    }
    return @cases;
}


# An object with its members in an order: which one is too many depends on it.
sub in_order {
    my ($names, $item) = @_;
    my $text = Shop::Test::json()->encode($item);

    return \('{' . join(',', map { qq("$_":$text) } @$names) . '}');
}


# --- bodies ----------------------------------------------------------------


# Every member of a body with its schema: [path, schema].
sub members {
    my ($schema, @path) = @_;
    my $s = resolved($schema);
    my @all = [\@path, $s];

    push @all, map { members($s->{properties}{$_}, @path, $_) }
        sort keys %{ $s->{properties} // {} };
    push @all, members($s->{items}, @path, 0) if $s->{items};
    push @all, members($s->{additionalProperties}, @path, 'tr')
        if ref $s->{additionalProperties} eq 'HASH';
    return @all;
}


# The value at this place of a body; what is on the way to it is made.
sub put_at {
    my ($body, $schema, $value, @path) = @_;
    my $s = resolved($schema);
    my $step = shift @path // return $value;
    my $next = $s->{properties} ? $s->{properties}{$step}
             : $s->{items} // $s->{additionalProperties};

    $body //= make($s, 1);
    if ($s->{items}) {
        $body = items($next, 1) unless ref $body eq 'ARRAY' && @$body;
        $body->[0] = put_at($body->[0], $next, $value, @path);
    } else {
        my $inner = $body->{$step} // (resolved($next)->{items} ? []
                                       : @path ? make_inner($next) : undef);

        $body->{$step} = put_at($inner, $next, $value, @path);
    }
    return $body;
}


# An object to be filled, or a map without anything.
sub make_inner {
    my ($schema) = @_;

    return resolved($schema)->{properties} ? make($schema, 1) : {};
}


# What in_order() made is taken out of a body, of which it may be any part.
sub raw_of {
    my ($body) = @_;
    my $raw;

    for (ref $body eq 'ARRAY' ? @$body : values %$body) {
        if (ref eq 'SCALAR') {
            $raw = $$_;
            $_ = 'RAW';
        } elsif (ref eq 'ARRAY' || ref eq 'HASH') {
            $raw //= raw_of($_);
        }
    }
    return $raw;
}


# As JSON; what in_order() made is JSON already.
sub encoded {
    my ($body) = @_;
    my $raw = raw_of($body);
    my $text = Shop::Test::json()->encode($body);
    $text =~ s/"RAW"/$raw/ if defined $raw;
    return $text;
}


# For the names of tests.
sub plain {
    my ($text) = @_;

    return $text =~ s/([^ -~])/sprintf '<%x>', ord $1/ger;
}


sub send_body {
    my ($op, $body) = @_;
    my $path = $op->{path} =~ s/\{(\w+)\}/$id{$1} \/\/ die "no $1\n"/ger;

    return request($op->{method}, $path, body => encoded($body),
                   headers => { 'If-Match' => '*', Prefer => 'dry-run' });
}


# The members of a body that a shape refuses.  What else is wrong with it (a
# category that is not there, say) has a code of its own.
sub refused {
    my ($res) = @_;

    return () if $res->{status} != 422 || $res->{json}{code} ne 'wrong_body';
    return map { $_->{pointer} } @{ $res->{json}{errors} };
}


my ($bounded, $taken, $done) = (0, 0, 0);

for my $op (grep { $_->{body} } operations()) {
    my $schema = $doc->{paths}{ $op->{path} }{ lc $op->{method} }
        {requestBody}{content}{'application/json'}{schema};
    my $base = $base{ $op->{name} };

    ok($base, "$op->{name} has a line in \%base") or next;
    cmp_ok(send_body($op, $base->())->{status}, '<', 300,
           "$op->{name} takes what it is given here");
    for my $member (members($schema)) {
        my ($path, $s) = @$member;
        my $pointer = join '', map { "/$_" } @$path;
        my @cases = (cases($s), cases_of_many($s));

        $bounded++ if @cases;
        for my $case (@cases) {
            my ($what, $good, $value, $below) = @$case;
            my $at = $pointer . ($below // '');
            my $res = send_body($op, put_at($base->(), $schema, $value,
                                            @$path));
            my $name = plain("$op->{name} $at: $what");

            if ($good && !$never{"$op->{name} $pointer"}) {
                $taken++;
                $done++ if $res->{status} < 300;
                my @no = refused($res);
                ok($res->{status} < 500 && !@no, $name)
                    or diag("refused: @no ", substr $res->{body}, 0, 500);
            } else {
                is_deeply([refused($res)], [$at], $name)
                    or diag(substr $res->{body}, 0, 500);
            }
        }
    }
}
cmp_ok($bounded, '>', 100, "$bounded members have bounds");
cmp_ok($done / $taken, '>', 0.8,
       "of $taken that reach a bound $done were done as well");


# --- queries ---------------------------------------------------------------


sub named {
    my ($p) = @_;

    return $p unless $p->{'$ref'};
    return $doc->{components}{parameters}{ $p->{'$ref'} =~ s{.*/}{}r };
}


sub escaped {
    my ($value) = @_;

    utf8::encode($value = "$value");
    return $value =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ger;
}


# Names of the parameters that are refused.
sub refused_in_query {
    my ($res) = @_;

    return () if $res->{status} < 400;
    return map { $_->{parameter} // () } @{ $res->{json}{errors} // [] };
}


# The members of what is answered, or of its rows.
sub fields {
    my ($op) = @_;
    my $schema = resolved($doc->{paths}{ $op->{path} }{get}{responses}{200}
        {content}{'application/json'}{schema});
    my $rows = $schema->{properties}{data};
    my @names = sort keys %{ ($rows ? resolved($rows->{items}) : $schema)
                             ->{properties} };

    return ([$names[0], 1, $names[0]],
            ['all', 1, join ',', @names],
            map { [$_, 0, $_] } '', 'x', "$names[0],", ",$names[0]",
                "$names[0],x");
}


my $parameters = 0;

for my $op (operations()) {
    my $path = $op->{path} =~ s/\{(\w+)\}/$id{$1} \/\/ die "no $1\n"/ger;
    my $item = $doc->{paths}{ $op->{path} }{ lc $op->{method} };

    for my $p (grep { $_->{in} eq 'query' } map { named($_) }
               @{ $item->{parameters} }) {
        my $s = $p->{schema};
        my @cases = $p->{name} eq 'fields' ? fields($op)
            : $s->{items} ? query_items($s) : cases($s);

        $parameters++ if @cases;
        for my $case (@cases) {
            my ($what, $good, $value) = @$case;
            next if $good && $op->{endless};
            my $res = get("$path?$p->{name}=" . escaped($value));
            my $name = plain("$op->{name} $p->{name}: $what");

            is_deeply([refused_in_query($res)], $good ? [] : [$p->{name}],
                      $name) or diag(substr $res->{body}, 0, 500);
        }
    }
}
cmp_ok($parameters, '>', 20, "$parameters parameters have bounds");


sub query_items {
    my ($s) = @_;
    my $longest = text($s->{items}, $s->{items}{maxLength});

    return (["$s->{maxItems} items", 1, join ',', 1 .. $s->{maxItems}],
            ['one item more', 0, join ',', 1 .. $s->{maxItems} + 1],
            ['items that are long', 1, $longest],
            ['an item that is longer', 0, "a,$longest$letter"],
            ['an item without letters', 0, 'a,,b']);
}


# --- a header ----------------------------------------------------------------

my @once = ("$admin/categories", { name => 'Once' });
is(post(@once, 'Idempotency-Key' => 'k' x 255)->{status}, 201,
   'a key of 255 letters');
is(post(@once, 'Idempotency-Key' => 'k' x 256)->{status}, 400,
   'and of one more');

done();
