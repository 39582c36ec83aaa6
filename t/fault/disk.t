#!/usr/bin/perl
#
# disk.t - the only disk of a machine is full: PostgreSQL can write neither
# tables nor its log, nginx neither logs nor bodies.  Reads go on, writes are
# refused and are not half done, and when there is room again all is as before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Shop::Disk;
use Shop::Test;

my $base = small_machine();
plan skip_all => 'only root may mount a small file system' if !$base;

# --- the shop ----------------------------------------------------------------

my $shop = start_shop(http => 'client_body_buffer_size 128k;
                               shop_cache_zone 12m;',
                      server => 'access_log access.log;');
my ($worker) = workers();
my (%acked, %told);

allow_log(qr/No space left on device/);
as_key('products.write', 'products.read');
my $kept = write_one('Kept');
my $path = "/api/v1/products/$kept->{id}";
is(get($path)->{status}, 200, 'a product');

sub write_one {
    my ($title) = @_;
    my $text = join ' ', map { int rand 1e9 } 1 .. 6000;
    my $res = post('/api/admin/v1/products',
        { title => $title, status => 'active',
          description => "<p>$text</p>" });

    $told{ "$res->{status} " . ($res->{json}{code} // '') }++;
    $acked{ $res->{json}{id} } = $title if $res->{status} == 201;
    return $res->{json};
}

# --- full --------------------------------------------------------------------

sub refused {
    my $n = 0;

    $n += $told{$_} for grep { /^503 / } keys %told;
    return $n;
}

fill($base);
wait_for(sub { fill($base); write_one('More'); refused() >= 5 },
         'writes are refused');
is(join(' ', grep { !/^(?:201 |503 (?:database_unavailable|outcome_unknown))$/ }
        sort keys %told), '', 'each write is done, or refused, or unknown')
    or diag(join ', ', map { "$_: $told{$_}" } sort keys %told);
for my $n (1 .. 20) {
    my $res = get($path);
    is("$res->{status} $res->{json}{title}", '200 Kept', "read $n") or last;
}
my $large = post('/api/admin/v1/products', ' ' x 200_000 . '{}');
like("$large->{status} $large->{headers}{'content-type'}",
     qr{^503 application/problem\+json},
     'a body that would go to the disk is refused');
is($large->{headers}{'retry-after'}, 1, 'for now');
is((workers())[0], $worker, 'the worker is the same');

# --- room again --------------------------------------------------------------

room($base);
my $alone = eval { wait_for(sub { (write_one('Last') // {})->{id} },
                            'a write is done', 20) };
if (!$alone) {
    # What no process is left of, the system starts anew.
    ok(!has_postgresql(), 'PostgreSQL had given up');
    pg_start();
    wait_for(sub { (write_one('Last') // {})->{id} }, 'a write is done');
}
wait_for(sub { get('/readyz')->{status} == 200 }, 'ready');
my %there = map { $_->[0] => $_->[1] } sql(<<'SQL');
SELECT id, title FROM products JOIN product_i18n ON product_id = id
SQL
my $unknown = $told{'503 outcome_unknown'} // 0;
cmp_ok(keys %there, '>=', keys %acked, 'no acknowledged product is lost');
cmp_ok(keys %there, '<=', keys(%acked) + $unknown, 'and none is made twice');
my %open = map { $_ => get("/api/admin/v1/products/$_")->{status} }
    keys %acked;
is(join(' ', grep { $open{$_} != 200 } keys %open), '',
   'each of them can be read');
is((workers())[0], $worker, 'by the same worker');
diag(scalar(keys %acked) . " acknowledged; " . join ', ',
     map { "$_: $told{$_}" } sort keys %told);

done();
