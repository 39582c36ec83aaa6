#!/usr/bin/perl
#
# options.t - the options of a product that is there already: renamed, sorted,
# translated, added and taken away; and its variants with them.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Shop::Test;

my $admin = '/api/admin/v1';
my %any = ('If-Match' => '*');

start_shop(workers => 2);
as_key(qw(products.read products.write));

my $shirt = ok_json(post("$admin/products", {
    title => 'Shirt', status => 'active',
    options => [{ name => 'Size', values => ['S', 'M', 'L'] },
                { name => 'Colour', values => ['Red'] }],
    variants => [{ sku => 'S-R', options => ['S', 'Red'] },
                 { sku => 'M-R', options => ['M', 'Red'] }],
}), 201);
my $at = "$admin/products/$shirt->{id}";

# What is there, as a patch would say it.
sub now {
    return map { { id => $_->{id}, name => $_->{name},
                   choices => [map { { id => $_->{id},
                                       value => $_->{value} } }
                               @{ $_->{choices} }] } }
        @{ ok_json(get($at), 200)->{options} };
}

sub change {
    my ($what, @options) = @_;

    return ok_json(patch($at, { options => \@options }, %any), 200, $what);
}

sub refused {
    my ($status, $code, $pointers, @options) = @_;

    is_problem(patch($at, { options => \@options }, %any), $status, $code,
               @$pointers);
}

# Names of the options, their values, and what each variant is.
sub said {
    my ($query) = @_;
    my $p = ok_json(get("/api/v1/products/$shirt->{id}" . ($query // '')),
                    200);

    return join '; ',
        (map { "$_->{name}: " . join ' ', @{ $_->{values} } }
             @{ $p->{options} }),
        map { join ', ', @{ $_->{options} } } @{ $p->{variants} };
}

sub variants {
    return map { $_->{sku} => $_ }
        @{ ok_json(get("$at/variants?limit=100"), 200)->{data} };
}

is(said(), 'Size: S M L; Colour: Red; Size: S, Colour: Red; '
   . 'Size: M, Colour: Red', 'as it was made');
my ($size, $colour) = now();
is_deeply([map { $_->{value} } @{ $size->{choices} }], ['S', 'M', 'L'],
          'values with their ids');

# --- names and order ---------------------------------------------------------

my $version = ok_json(get($at), 200)->{version};
my %before = variants();
my $changed = change('another name', { %$size, name => 'Size (EU)' },
                     $colour);
is($changed->{version}, $version + 1, 'the product has a new version');
is($changed->{options}[0]{id}, $size->{id}, 'the option is the same');
like(said(), qr/^Size \(EU\): S M L; .*; Size \(EU\): M, Colour: Red$/,
     'the storefront has it at once');
is_deeply({ variants() }, \%before, 'variants are as they were');

# S and M change their names with each other: by ids, no variant moves.
my @c = @{ $size->{choices} };
change('names exchanged', { id => $size->{id}, name => 'Colour', choices => [
        { id => $c[0]{id}, value => 'M' }, { id => $c[1]{id}, value => 'S' },
        $c[2]] },
       { id => $colour->{id}, name => 'Size (EU)' });
is(said(), 'Colour: M S L; Size (EU): Red; Colour: M, Size (EU): Red; '
   . 'Colour: S, Size (EU): Red', 'each has the name of the other');
my %after = variants();
is_deeply([map { $after{$_}{version} - $before{$_}{version} }
           sort keys %after], [1, 1], 'what a variant says has changed');
is_deeply($after{'S-R'}{options}, ['M', 'Red'], 'S is M now');
change('and back', $size, $colour);

# What is not named stays: values without choices, translations.
change('sorted', { id => $colour->{id}, name => 'Colour' },
       { id => $size->{id}, name => 'Size',
         choices => [@c[2, 0, 1], { value => 'XL' }] });
is(said(), 'Colour: Red; Size: L S M XL; Colour: Red, Size: S; '
   . 'Colour: Red, Size: M', 'options and values in another order');
%after = variants();
is_deeply($after{'M-R'}{options}, ['Red', 'M'],
          'the values of a variant follow the options');
is($after{'M-R'}{id}, $before{'M-R'}{id}, 'it is the same variant');
ok_json(post("$at/variants", { sku => 'XL-R', options => ['Red', 'XL'] }),
        201, 'a variant of the new value');
is_problem(post("$at/variants", { options => ['Red', 'M'] }), 409,
           'combination_taken', '/options');

# --- translations ------------------------------------------------------------

($colour, $size) = now();
change('in Turkish',
       { id => $colour->{id}, name => 'Colour',
         translations => { tr => { name => 'Renk' } },
         choices => [{ %{ $colour->{choices}[0] },
                       translations => { tr => { value => 'Kırmızı' } } }] },
       $size);
is(said('?locale=tr'), 'Renk: Kırmızı; Size: L S M XL; Renk: Kırmızı, '
   . 'Size: S; Renk: Kırmızı, Size: M; Renk: Kırmızı, Size: XL',
   'in Turkish, what has no translation as it is');
like(said(), qr/^Colour: Red;/, 'the default language is as it was');
is(scalar @{ ok_json(get("/api/v1/products/$shirt->{id}/variants?locale=tr"
                         . '&option1=K%C4%B1rm%C4%B1z%C4%B1'), 200)->{data} },
   3, 'variants by the translated value');
my $staff = ok_json(get($at), 200)->{options}[0];
is_deeply([$staff->{translations}, $staff->{choices}[0]{translations}],
          [{ tr => { name => 'Renk' } }, { tr => { value => 'Kırmızı' } }],
          'staff sees them');
change('a name alone', { id => $colour->{id}, name => 'Hue' },
       { id => $size->{id}, name => 'Size' });
like(said('?locale=tr'), qr/^Renk: Kırmızı;/, 'translations stay');
change('none any more', { id => $colour->{id}, name => 'Colour',
                          translations => { tr => { name => undef } } },
       { id => $size->{id}, name => 'Size' });
like(said('?locale=tr'), qr/^Colour: Kırmızı;/, 'or are taken away');
refused(422, 'unknown_locale', ['/options/0/translations/xx'],
        { %$colour, translations => { xx => { name => 'X' } } }, $size);
refused(422, 'wrong_body', ['/options/0/choices/0/translations/en'],
        { %$colour, choices => [{ %{ $colour->{choices}[0] },
            translations => { en => { value => 'X' } } }] }, $size);

# --- another option ----------------------------------------------------------

my @three = ($colour, $size);
change('an option more', @three, { name => 'Fit', fill => 'Regular',
    choices => [{ value => 'Slim' }, { value => 'Regular',
                  translations => { tr => { value => 'Normal' } } }] });
is_deeply({ map { $_->{sku} => $_->{options} } values %{ { variants() } } },
          { 'S-R' => ['Red', 'S', 'Regular'],
            'M-R' => ['Red', 'M', 'Regular'],
            'XL-R' => ['Red', 'XL', 'Regular'] },
          'each variant has the value that was said');
ok_json(post("$at/variants", { sku => 'S-R-S',
                               options => ['Red', 'S', 'Slim'] }), 201,
        'a variant that differs in it alone');
refused(422, 'wrong_body', ['/options/3'], now(),
        { name => 'Fourth', fill => 'x' });

my $plain = ok_json(post("$admin/products", {
    title => 'Plain', status => 'active' }), 201);
my $one = ok_json(patch("$admin/products/$plain->{id}", { options => [
    { name => 'Size', choices => [{ value => 'One' }] }] }, %any), 200);
is($one->{variants}[0]{id}, $plain->{variants}[0]{id},
   'the one variant of a plain product');
is_deeply($one->{variants}[0]{options}, ['One'], 'has the first value');
ok_json(post("$admin/products/$plain->{id}/variants",
             { options => ['Two'] }), 201, 'and may have neighbours now');

# --- less --------------------------------------------------------------------

($colour, $size, my $fit) = now();
refused(409, 'option_in_use', ['/options'], $colour, $size);
refused(409, 'option_in_use', ['/options/1/choices'], $colour,
        { %$size, choices => [grep { $_->{value} ne 'M' }
                              @{ $size->{choices} }] }, $fit);
change('a value less', $colour,
       { %$size, choices => [grep { $_->{value} ne 'L' }
                             @{ $size->{choices} }] }, $fit);
like(said(), qr/; Size: S M XL;/, 'which no variant had');
my $empty = ok_json(post("$admin/products", {
    title => 'Empty', options => [{ name => 'A' }, { name => 'B' }] }), 201);
is_deeply($empty->{variants}, [], 'a product whose variants are yet to come');
my $less = ok_json(patch("$admin/products/$empty->{id}", {
    options => [{ id => $empty->{options}[1]{id}, name => 'B' }] }, %any),
    200, 'may lose an option');
is_deeply([map { $_->{name} } @{ $less->{options} }], ['B'], 'that one');
$less = ok_json(patch("$admin/products/$empty->{id}", { options => [] },
                      %any), 200);
is(scalar @{ $less->{variants} }, 1,
   'without options it has its one variant');

# --- what is refused, all at once --------------------------------------------

($colour, $size, $fit) = now();
my $foreign = ok_json(get("$admin/products/$plain->{id}"), 200)->{options}[0];
refused(422, 'wrong_body',
        ['/options/0/choices/1/id', '/options/0/choices/2/id',
         '/options/0/choices/3/value', '/options/1/fill', '/options/2/id'],
        { %$colour, choices => [$colour->{choices}[0],
            { id => $colour->{choices}[0]{id}, value => 'Blue' },
            { id => $foreign->{choices}[0]{id}, value => 'Green' },
            { value => 'Green' }] },
        { %$size, fill => 'S' },
        { id => $foreign->{id}, name => 'Other' });
refused(422, 'wrong_body', ['/options/1/id'], $colour, { %$colour,
        name => 'Again' }, $size);
refused(422, 'wrong_body', ['/options/1/name'], $colour,
        { %$size, name => 'Colour' }, $fit);
refused(422, 'wrong_body', ['/options/0/name', '/options/0/values',
        '/options/1/choices'], { values => ['x'] },
        { name => 'x', choices => [] });
refused(422, 'wrong_body', ['/options/2/choices'], $colour, $size,
        { name => 'New' });
refused(422, 'wrong_body', ['/options/2/fill'], $colour, $size,
        { name => 'New', fill => 'x', choices => [{ value => 'y' }] });
is_problem(patch($at, { options => [$colour, $size, $fit] }), 428,
           'if_match_required');
is_problem(patch($at, { options => [$colour, $size, $fit] },
                 'If-Match' => '"v1"'), 412, 'version_mismatch');
my $same = said();
ok_json(patch($at, { options => [{ %$colour, name => 'Dry' }, $size, $fit] },
              %any, 'Prefer' => 'dry-run'), 200);
is(said(), $same, 'nothing was done by these');

# --- many --------------------------------------------------------------------

# Tables were counted last when there was little in them.
sql_as('postgres', 'ANALYZE');
my $many = ok_json(post("$admin/products", {
    title => 'Many', status => 'active',
    options => [{ name => 'A', values => [map { "a$_" } 1 .. 200] },
                { name => 'B', values => [map { "b$_" } 1 .. 10] }],
    variants => [{ options => ['a1', 'b1'] }] }), 201);
sql("INSERT INTO variants (product_id, position, option_value_ids)
     SELECT a.product_id, a.position * 10 + b.position, ARRAY[a.id, b.id]
       FROM option_values a JOIN option_values b USING (product_id)
      WHERE a.value LIKE 'a%' AND b.value LIKE 'b%'
        AND (a.value, b.value) <> ('a1', 'b1')
        AND product_id = (SELECT id FROM products WHERE handle = 'many')");
my ($a, $b) = @{ ok_json(get("$admin/products/$many->{id}"), 200)->{options} };
my $turned = ok_json(patch("$admin/products/$many->{id}", { options => [
    { id => $b->{id}, name => 'B' },
    { id => $a->{id}, name => 'A', choices => [
        reverse map { { id => $_->{id}, value => "x$_->{value}",
            translations => { tr => { value => "t$_->{value}" } } } }
        @{ $a->{choices} }] },
    { name => 'C', fill => 'c' }] }, %any), 200, 'all of 2,000 variants');
is($turned->{options}[1]{values}[0], 'xa200', 'values the other way round');
is_deeply($turned->{variants}[0]{options}, ['b1', 'xa1', 'c'],
          'a variant has its three values');
is(sql_value("SELECT count(DISTINCT option_key) FROM variants
               WHERE product_id = (SELECT id FROM products
                                    WHERE handle = 'many')
                 AND cardinality(option_value_ids) = 3"), 2000,
   'so have all, and no two are alike');

# --- at the same time --------------------------------------------------------

# Options are sorted, renamed and added while variants come; whoever is second
# is told, and what is left is whole.
my @children;
for my $seed (1 .. 6) {
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        my ($conn, $bad) = (new_connection(), 0);
        for my $i (1 .. 6) {
            my $res = $seed % 2
                ? request('PATCH', $at, conn => $conn, headers => \%any,
                          body => { options => [
                    (sort { ($a->{id} cmp $b->{id}) * ($i % 2 ? 1 : -1) }
                     map { { id => $_->{id}, name => "$_->{name}$seed" } }
                     $colour, $size, $fit)] })
                : request('POST', "$at/variants", conn => $conn,
                          body => { options => ["N$i", 'S', 'Slim'] });
            $bad++ if $res->{status} !~ /^(200|201|409)$/
                && !diag("$res->{status} $res->{body}");
        }
        POSIX::_exit($bad ? 1 : 0);
    }
    push @children, $pid;
}
my $bad = 0;
for my $pid (@children) {
    waitpid($pid, 0);
    $bad++ if $?;
}
is($bad, 0, 'each was done, or refused by name');
is(sql_value("SELECT count(*) FROM variants v
    WHERE cardinality(v.option_value_ids) <> (
          SELECT count(DISTINCT o.id) FROM product_options o
            JOIN option_values x ON x.option_id = o.id
           WHERE o.product_id = v.product_id
             AND x.id = ANY (v.option_value_ids))
       OR cardinality(v.option_value_ids) <> (
          SELECT count(*) FROM product_options o
           WHERE o.product_id = v.product_id)"), 0,
   'each variant has one value of each option');
is(sql_value("SELECT count(*) FROM variants v
    WHERE v.option_value_ids <> ARRAY(
          SELECT x.id FROM product_options o
            JOIN option_values x ON x.option_id = o.id
           WHERE o.product_id = v.product_id
             AND x.id = ANY (v.option_value_ids)
           ORDER BY o.position, o.id)"), 0, 'in the order of the options');

done();
