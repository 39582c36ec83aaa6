#!/usr/bin/perl
#
# authorization.t - the matrix of who may: every route that the document has,
# asked by nobody, with nonsense for a key, with a key that was revoked, one
# that is over, one that has every scope but those of the route, and one that
# has a scope of the route.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Test;
use Shop::OpenAPI;

start_shop();
load_demo();

my @all = operations();
cmp_ok(scalar @all, '>=', 9, 'there are routes to ask');

my @scopes = map { /^SCOPE\(\w+, "([\w.]+)"/ ? $1 : () }
    split /\n/, slurp(top_folder() . '/libshop/core/scopes.def');
cmp_ok(scalar @scopes, '>=', 6, 'and scopes');
my %known = map { $_ => 1 } @scopes;

# Made once; and who makes one still asks as nobody.
my %key;
sub key {
    my (@with) = @_;

    $key{"@with"} //= as_key(@with);
    as_nobody();
    return $key{"@with"};
}

sub ended {
    my ($how) = @_;
    my $key = as_key(@scopes);

    sql("UPDATE api_keys SET $how WHERE hash = decode(?, 'hex')",
        sha256_hex($key));
    return $key;
}

my %never = (
    nonsense  => 'nonsense',
    'a forged key' => 'shk_' . 'A' x 43,
    'a revoked key' => ended('revoked_at = shop_now()'),
    'a key that is over' => ended("created_at = '2001-01-01',
                                   expires_at = '2001-01-02'"),
);
my $own = ended('name = name');

# What the server says, without asking for the shop's own reasons.
sub answer {
    my ($op, $key) = @_;

    return ask($op, headers => {
        authorization => defined $key ? "Bearer $key" : undef });
}

as_nobody();
for my $op (@all) {
    my $nobody = answer($op, undef);

    if (!@{ $op->{scopes} }) {
        isnt($nobody->{status}, 401, "$op->{name}: nobody may");
        for my $who (sort keys %never) {
            is(answer($op, $never{$who})->{status}, $nobody->{status},
               "$op->{name}: so may $who");
        }
        is(answer($op, $own)->{status}, $nobody->{status},
           "$op->{name}: so may a key");
        next;
    }

    is_problem($nobody, 401, 'unauthenticated');
    like($nobody->{headers}{'www-authenticate'} // '', qr/^Bearer/,
         "$op->{name}: nobody is told how");
    for my $who (sort keys %never) {
        my $res = answer($op, $never{$who});
        is_problem($res, 401, 'invalid_token');
        like($res->{headers}{'www-authenticate'} // '', qr/^Bearer/,
             "$op->{name}: $who may not");
    }

    my %enough = map { $_ => 1 } @{ $op->{scopes} };
    ok(!(grep { !$known{$_} } keys %enough), "$op->{name}: known scopes");
    my @other = grep { !$enough{$_} } @scopes;
    is_problem(answer($op, key(@other)), 403, 'forbidden') if @other;
    for my $scope (sort keys %enough) {
        my $res = answer($op, key($scope));
        unlike($res->{status}, qr/^(401|403|5..)$/,
               "$op->{name}: $scope is enough");
    }
}

sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}

done();
